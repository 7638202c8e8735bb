"""`naftiko serve capabilities/docker.yaml` on a real Docker Engine by REST and MCP."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

import naftiko
from support.agents import call, talk, text_of
from support.docker_engine import FILE, LABEL, frames, labelled
from support.serving_process import Server

pytestmark = [pytest.mark.network, pytest.mark.slow]

#: A container's output on both streams; frames and a zero byte are not text.
SCRIPT = "echo out; echo err >&2; printf '\\000'; exit 3"
SAID = {1: b"out\n\x00", 2: b"err\n"}
#: The media type of framed logs that newer engines send; older engines send none.
KIND = "application/vnd.docker.multiplexed-stream"


@pytest.fixture(scope="module")
def served(docker_socket: str) -> Iterator[Server]:
    """Serve `capabilities/docker.yaml`."""
    words = ("--base-uri", f"unix://{docker_socket}", "--timeout", "60")
    ports = ("--port", "docker-rest=0", "--port", "docker-mcp=0")
    with Server(FILE, *words, *ports, ready=2) as server:
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.text


def wanted(image: str, *command: str, **more: Any) -> dict[str, Any]:
    """Return the body that creates a container."""
    return {
        "Image": image,
        "Cmd": list(command),
        "HostConfig": {"NetworkMode": "none"},
        "Labels": dict([LABEL.split("=")]),
        **more,
    }


def test_container_lives_through_rest(served: Server, image: str) -> None:
    """A container is created, started, read and removed through REST."""
    url = f"{served.urls['docker-rest']}/containers"
    filters = {"all": "true", "filters": labelled(name=["rest-life"])}
    with requests.Session() as session:

        def ask(method: str, path: str, status: int, **more: Any) -> requests.Response:
            answer = session.request(method, url + path, timeout=60, **more)
            assert answer.status_code == status, answer.text
            return answer

        assert ask("GET", "/json", 200, params=filters).json() == []
        body = wanted(image, "sh", "-c", SCRIPT)
        name = {"name": "rest-life"}
        created = ask("POST", "/create", 201, params=name, json=body).json()
        container = created["Id"]
        (listed,) = ask("GET", "/json", 200, params=filters).json()
        assert (listed["id"], listed["name"]) == (container, "/rest-life")
        assert listed["state"] == "created"
        started = ask("POST", f"/{container}/start", 204)
        assert started.content == b""
        assert ask("POST", f"/{container}/wait", 200).json()["StatusCode"] == 3
        streams = {"stdout": "true", "stderr": "true"}
        logs = ask("GET", f"/{container}/logs", 200, params=streams)
        assert logs.headers.get("Content-Type", KIND) == KIND
        assert frames(logs.content) == SAID
        plain = {"Accept": "text/plain"}
        logs = ask("GET", f"/{container}/logs", 200, params=streams, headers=plain)
        assert sorted(logs.text.replace("\0", "").splitlines()) == ["err", "out"]
        assert ask("GET", f"/{container}/json", 200).json()["State"]["ExitCode"] == 3
        assert ask("DELETE", f"/{container}", 204).content == b""
        gone = ask("GET", f"/{container}/json", 404)
        assert "No such container" in gone.text
        assert ask("GET", "/json", 200, params=filters).json() == []
        nothing = ask("POST", "/create", 404, json=wanted("nothing-here"))
        assert "No such image" in nothing.text


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_examples_work(served: Server, image: str) -> None:
    """`curl` gets ping, images, the page and the OpenAPI description."""
    url = served.urls["docker-rest"]

    def curl(path: str) -> bytes:
        done = subprocess.run(
            ["curl", "-fsS", "--max-time", "30", url + path],
            capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout

    assert curl("/_ping") == b"OK"
    assert image.encode() in curl("/images/json")
    assert b"<title>" in curl("/docs")
    assert b'"/containers/{id}/logs"' in curl("/openapi.json")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_container_lives_through_mcp(served: Server, image: str, mode: Any) -> None:
    """A container is created, started, read and removed by the official MCP client."""
    name = f"mcp-life-{mode}"

    async def live(client: Any) -> None:
        async def ask(tool: str, **arguments: Any) -> Any:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, text_of(result)
            return result

        filters = labelled(name=[name])
        result = await ask("list-containers", all=True, filters=filters)
        assert result.structured_content == {"result": []}
        body = wanted(image, "sh", "-c", SCRIPT, name=name)
        created = await ask("create-container", **body)
        container = created.structured_content["Id"]
        listed = await ask("list-containers", all=True, filters=filters)
        (found,) = listed.structured_content["result"]
        assert (found["id"], found["state"]) == (container, "created")
        started = await ask("start-container", id=container)
        assert text_of(started) == "done (204 No Content)"
        waited = await ask("wait-container", id=container)
        assert waited.structured_content["StatusCode"] == 3
        logs = await ask("get-container-logs", id=container, stdout=True, stderr=True)
        (content,) = logs.content
        lines = content.text.replace("\0", "").splitlines()
        assert sorted(lines) == ["err", "out"]
        removed = await ask("remove-container", id=container)
        assert text_of(removed) == "done (204 No Content)"
        gone = await client.call_tool("inspect-container", {"id": container})
        assert gone.is_error
        assert "404 Not Found: No such container" in text_of(gone)

    talk(served.urls["docker-mcp"], live, mode=mode)


def test_terminal_log_is_the_same_by_rest_and_mcp(
    served: Server, docker: naftiko.Capability, image: str
) -> None:
    """The unframed log of a container with a terminal is the same by REST and MCP."""
    body = wanted(image, "echo", "grüezi", Tty=True)
    container = docker.exchange("docker.containercreate", body).data["Id"]
    docker.call("docker.containerstart", id=container)
    docker.call("docker.containerwait", id=container)
    url = f"{served.urls['docker-rest']}/containers/{container}/logs"
    logs = requests.get(url, params={"stdout": "true"}, timeout=60)
    assert logs.content == "grüezi\r\n".encode()
    result = call(
        served.urls["docker-mcp"],
        "get-container-logs",
        {"id": container, "stdout": True},
    )
    (content,) = result.content
    data = getattr(content, "text", None)
    if data is None:
        data = base64.b64decode(content.resource.blob).decode()
    assert data == "grüezi\r\n"
    docker.call("docker.containerdelete", id=container)


def test_search_tools_reach_every_tool(docker_socket: str, image: str) -> None:
    """With `--tools search` a client searches, describes and calls a tool."""
    words = ("--base-uri", f"unix://{docker_socket}", "--tools", "search")

    async def work(client: Any) -> None:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["search", "describe", "call"]
        found = await client.call_tool("search", {"query": "list images"})
        assert "list-images" in text_of(found)
        described = await client.call_tool("describe", {"names": ["list-images"]})
        assert "filters" in text_of(described)
        given = {"name": "list-images", "arguments": {}}
        listed = await client.call_tool("call", given)
        assert image in text_of(listed)

    ports = ("--adapter", "docker-mcp", "--port", "0")
    with Server(FILE, *words, *ports) as server:
        talk(server.urls["docker-mcp"], work)
        assert server.stop() == 0
