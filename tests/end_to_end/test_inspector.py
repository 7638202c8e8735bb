"""The command line of the MCP Inspector lists and calls tools of `docker.yaml`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import naftiko
from support.docker_engine import FILE
from support.node_tools import INSPECTOR, NodeTool, installed
from support.recorder import Received, Recorder, response
from support.serving_process import Server

pytestmark = [pytest.mark.network, pytest.mark.slow]

CONTAINERS = [
    {"Id": "a1b2", "Names": ["/web"], "Image": "nginx", "State": "running", "Status": "Up"}
]  # fmt: skip
SHOWN = [
    {"id": "a1b2", "name": "/web", "image": "nginx", "state": "running", "status": "Up"}
]  # fmt: skip


def engine(request: Received) -> bytes:
    """Answer a request as a Docker Engine with one container."""
    if request.target.startswith("/containers/json"):
        return response(json.dumps(CONTAINERS))
    return response('{"message": "No such container: x"}', "404 Not Found")


@pytest.fixture(scope="module")
def inspector(pytestconfig: Any) -> NodeTool:
    """Return the Inspector."""
    return installed(pytestconfig.cache.mkdir("npm"), INSPECTOR, "mcp-inspector")


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the stub of a Docker Engine; yield the path of its socket."""
    path = str(tmp_path_factory.mktemp("engine") / "docker.sock")
    with Recorder(engine, path=path):
        yield path


@pytest.fixture(scope="module", params=["http", "stdio"])
def target(request: pytest.FixtureRequest, socket: str) -> Iterator[list[str]]:
    """Yield the words that tell the Inspector of the server."""
    words = [str(FILE), "--base-uri", f"unix://{socket}"]
    if request.param == "stdio":
        yield [sys.executable, "-m", "naftiko", "serve", *words, "--stdio"]
        return
    ports = ("--port", "docker-rest=0", "--port", "docker-mcp=0")
    with Server(*words, *ports, ready=2) as server:
        yield [f"{server.urls['docker-mcp']}/mcp", "--transport", "http"]
        assert "Traceback" not in server.text


def ask(
    inspector: NodeTool, home: Path, target: list[str], *words: str, code: int = 0
) -> Any:
    """Run the Inspector and return the result that it prints."""
    done = inspector.run("--cli", *target, *words, home=home, timeout=90)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_inspector_lists_the_tools(
    inspector: NodeTool, target: list[str], tmp_path: Path
) -> None:
    """The Inspector shows every tool of the document, and finds no schema at fault."""
    words = ("--method", "tools/list", "--strict")
    tools = ask(inspector, tmp_path, target, *words)["tools"]
    capability = naftiko.load(FILE)
    (adapter,) = [e for e in capability.exposes if e.type == "mcp"]
    assert [tool["name"] for tool in tools] == [f.name for f in adapter.functions]


def test_inspector_calls_a_tool(
    inspector: NodeTool, target: list[str], tmp_path: Path
) -> None:
    """The Inspector calls a tool with an argument and shows the result."""
    words = ("--method", "tools/call", "--tool-name", "list-containers")
    result = ask(inspector, tmp_path, target, *words, "--tool-arg", "all=true")
    assert result["isError"] is False
    assert result["structuredContent"] == {"result": SHOWN}
    assert json.loads(result["content"][0]["text"]) == SHOWN
