"""MCP adapters over HTTP and stdio with the official client.

Codes such as P01 name the facts of section 11.7 of the specification.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
import requests
import uvicorn
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

import naftiko
from naftiko.exposes.asgi import asgi
from naftiko.exposes.engine import Engine
from support.mcping import HANDSHAKES, MODERN, document
from support.recorder import Received, Recorder, response
from support.shared import CAPABILITIES

CREW = {"name": "crew", "description": "The crew.", "call": "api.crew"}
GET = {"name": "get", "description": "A ship.", "call": "api.get"}
SECRET = {"name": "secret", "description": "A secret.", "call": "api.secret"}
STAGES = {
    "name": "stages",
    "description": "d",
    "steps": [
        {"type": "call", "name": "ship", "call": "api.get", "with": {"id": "7"}},
        {"type": "call", "name": "note", "call": "api.build", "with": {"name": "x"}},
    ],
    "mappings": [{"targetName": "ship", "value": "$.ship.id"}],
}
#: A program that serves one adapter over stdio and prints noise.
CHILD = """
import asyncio, logging, sys
import naftiko
from naftiko import AioTransport
from naftiko.exposes.engine import Engine
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.serve.stdio import speak
from naftiko.exposes.options import Options

async def main():
    capability = naftiko.load(sys.argv[1], base_uri=sys.argv[2])
    exposes = next(e for e in capability.exposes if e.type == "mcp")
    engine = Engine(capability, AioTransport())
    asyncio.get_running_loop().call_later(0.05, lambda: print("noise", flush=True))
    try:
        await speak(McpApp(engine, exposes, Options()))
    finally:
        await engine.close()

logging.basicConfig(level="WARNING")
asyncio.run(main())
"""


def upstream(request: Received) -> bytes:
    """Answer a request as the upstream API of the ships."""
    if request.target == "/crew":
        return response(json.dumps([{"name": "Ada"}]))
    if request.target.startswith("/ships/"):
        number = request.target.removeprefix("/ships/")
        if number == "0":
            return response(json.dumps({"message": "no ship 0"}), "404 Not Found")
        return response(json.dumps({"id": number, "port": None}))
    return response()


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an application in a thread; yield its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


@contextmanager
def ships(**adapter: Any) -> Iterator[tuple[str, Any, Recorder]]:
    """Serve an MCP adapter over HTTP; yield its URL, application and upstream API."""
    options = adapter.pop("options", {})
    with Recorder(upstream) as recorder:
        capability = naftiko.load(
            document(**adapter), schema=None, base_uri=recorder.url
        )
        app = asgi(capability, "fleet", **options)
        with serving(app) as url:
            yield url, app, recorder


def post(url: str, body: Any, **headers: str) -> requests.Response:
    """Send one JSON-RPC message."""
    return requests.post(
        url,
        data=json.dumps({"jsonrpc": "2.0", **body}),
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
        timeout=10,
    )


def message_of(answer: requests.Response) -> Any:
    """Return the JSON-RPC message of a response in JSON or an event stream."""
    if answer.headers["Content-Type"].startswith("application/json"):
        return answer.json()
    (data,) = [x for x in answer.text.splitlines() if x.startswith("data: ")]
    return json.loads(data.removeprefix("data: "))


# --- HTTP ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/mcp", "/"])
@pytest.mark.parametrize("revision", HANDSHAKES)
def test_session_is_opened_used_and_ended(revision: str, path: str) -> None:
    """P01, P05: a session of an older MCP revision is opened, used and deleted."""
    with ships(tools=[CREW]) as (url, _, _recorder):
        hello = post(
            url + path,
            {
                "id": 0,
                "method": "initialize",
                "params": {
                    "protocolVersion": revision,
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                },
            },
        )
        said = message_of(hello)["result"]
        assert said["protocolVersion"] == revision
        assert said["serverInfo"]["name"] == "fleet"
        session = {
            "Mcp_Session_Id": hello.headers["Mcp-Session-Id"],
            "MCP_Protocol_Version": revision,
        }
        noted = post(url + path, {"method": "notifications/initialized"}, **session)
        assert (noted.status_code, noted.content) == (202, b"")
        call = {"id": 1, "method": "tools/call", "params": {"name": "crew"}}
        result = message_of(post(url + path, call, **session))["result"]
        assert result["structuredContent"] == {"result": [{"name": "Ada"}]}
        headers = {name.replace("_", "-"): value for name, value in session.items()}
        assert requests.delete(url + path, headers=headers, timeout=10).ok


def test_newest_revision_answers_without_a_session() -> None:
    """The newest MCP revision answers a request without a session id."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {
        "id": 1,
        "method": "tools/call",
        "params": {"name": "crew", "_meta": meta},
    }
    headers = {
        "MCP_Protocol_Version": MODERN,
        "Mcp_Method": "tools/call",
        "Mcp_Name": "crew",
    }
    with ships(tools=[CREW]) as (url, _, _recorder):
        answer = post(f"{url}/mcp", body, **headers)
        assert answer.status_code == 200
        assert "Mcp-Session-Id" not in answer.headers
        result = answer.json()["result"]
        assert result["structuredContent"] == {"result": [{"name": "Ada"}]}
        assert result["resultType"] == "complete"
        strange = post(f"{url}/mcp", body, **{**headers, "Mcp_Name": "other"})
        assert (strange.status_code, strange.json()["error"]["code"]) == (400, -32020)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_official_client_calls_tools_over_http(mode: Any) -> None:
    """The official client calls tools over HTTP and gets errors and progress."""
    told: list[Any] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async def talk(url: str) -> None:
        async with Client(url, mode=mode) as client:
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == ["crew", "get", "stages"]
            result = await client.call_tool("get", {"id": "7"})
            assert result.structured_content == {"id": "7", "port": None}
            failed = await client.call_tool("get", {"id": "0"})
            assert failed.is_error
            text = failed.content[0].text  # type: ignore[union-attr]
            assert text.startswith("get: api.get: 404 Not Found: no ship 0.")
            await client.call_tool("stages", {}, progress_callback=progress)

    with ships(tools=[CREW, GET, STAGES]) as (url, _, recorder):
        for path in ("/mcp", "/"):
            asyncio.run(talk(url + path))
        assert told == [(1, 2, "ship"), (2, 2, "note")] * 2
        assert [r.line for r in recorder.received[:2]] == [
            "GET /ships/7 HTTP/1.1",
            "GET /ships/0 HTTP/1.1",
        ]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_cancelled_tool_call_ends_its_handler(mode: Any) -> None:
    """A cancelled tool call ends its handler and its upstream connection.

    The session can still be used.
    """
    asked = threading.Event()
    is_closed = threading.Event()

    def slow(request: Received) -> None:
        connection = recorder._open[-1]
        connection.settimeout(10)
        asked.set()
        if connection.recv(1) == b"":
            is_closed.set()

    async def talk(url: str) -> None:
        async with Client(url, mode=mode) as client:
            call = asyncio.ensure_future(client.call_tool("crew", {}))
            while not asked.is_set():
                await asyncio.sleep(0.01)
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled()
            # The session still answers.
            assert (await client.list_tools()).tools[0].name == "crew"

    with ships(tools=[CREW]) as (url, app, recorder):
        recorder.answer = slow
        asyncio.run(talk(f"{url}/mcp"))
        handlers = app._adapter.server.handlers
        deadline = time.monotonic() + 5
        while handlers.running and time.monotonic() < deadline:
            time.sleep(0.01)
        assert handlers.running == 0
        assert is_closed.wait(5)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_client_is_notified_of_a_reload(mode: Any) -> None:
    """A reload notifies the client that the list of tools has changed."""

    async def talk(url: str, app: Any) -> list[str]:
        heard = asyncio.Event()

        async def handle(message: Any) -> None:
            if isinstance(message, types.ToolListChangedNotification):
                heard.set()

        async with Client(url, mode=mode, message_handler=handle) as client:
            before = await client.list_tools()
            if mode == "legacy":
                # The client needs time to open its event stream.
                await asyncio.sleep(0.3)
                await asyncio.to_thread(replace, app)
                await asyncio.wait_for(heard.wait(), 5)
            else:
                async with client.listen(tools_list_changed=True) as events:
                    await asyncio.to_thread(replace, app)
                    async with asyncio.timeout(5):
                        async for _ in events:
                            break
            after = await client.list_tools()
            return [before.tools[0].name, after.tools[0].name]

    def replace(app: Any) -> None:
        new = naftiko.load(document(tools=[{**CREW, "name": "sailors"}]), schema=None)
        engine = Engine(new, app._engine.transport)
        adapter = app._adapter
        adapter.replace(adapter.prepare(engine, new.exposes[0]))

    with ships(tools=[CREW]) as (url, app, _):
        assert asyncio.run(talk(f"{url}/mcp", app)) == ["crew", "sailors"]


def test_clients_use_their_own_keys() -> None:
    """Each of several calls at the same time is sent upstream with its client's key."""
    all_there = threading.Barrier(3)

    def answer(request: Received) -> bytes:
        all_there.wait(10)
        return response(json.dumps({"key": request.headers["x-key"]}))

    async def call(url: str, key: str) -> Any:
        async with (
            create_mcp_http_client(headers={"X-Api-Key": key} if key else {}) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            result = await client.call_tool("secret", {})
            return "error" if result.is_error else result.structured_content

    async def talk(url: str) -> list[Any]:
        keys = ["ada", "bo", "", "ada"]
        return await asyncio.gather(*(call(url, key) for key in keys))

    options = {"variable_headers": {"API_KEY": "X-Api-Key"}}
    with ships(tools=[SECRET], options=options) as (url, _, recorder):
        recorder.answer = answer
        ada, bo = {"key": "ada"}, {"key": "bo"}
        assert asyncio.run(talk(f"{url}/mcp")) == [ada, bo, "error", ada]
        assert len(recorder.received) == 3


def test_dns_rebinding_is_refused() -> None:
    """DNS rebinding: a foreign `Host` gets 421, and a foreign `Origin` gets 403."""
    with ships(tools=[CREW]) as (url, _, _recorder):
        ping = {"id": 1, "method": "ping"}
        assert post(f"{url}/mcp", ping, Host="evil.example").status_code == 421
        evil = {"Origin": "http://evil.example"}
        assert post(f"{url}/mcp", ping, **evil).status_code == 403


def test_unreachable_upstream_is_an_error_result() -> None:
    """P09: an unreachable upstream API is a tool result with `isError` and a hint."""
    with ships(tools=[CREW]) as (url, _, recorder):
        recorder.__exit__()

        async def talk() -> str:
            async with Client(f"{url}/mcp") as client:
                result = await client.call_tool("crew", {})
                assert result.is_error
                return str(result.content[0].text)  # type: ignore[union-attr]

        text = asyncio.run(talk())
        assert text.startswith("crew: ")
        assert text.endswith("hint: call again later")
        assert recorder.url not in text


# --- stdio --------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a document to a file."""
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(document(tools=[CREW, GET, STAGES])))
    return path


def child(file: Path, url: str) -> subprocess.Popen[bytes]:
    """Start a child process that serves a document over stdio."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(file), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_stdio_writes_one_line_for_each_request(file: Path) -> None:
    """P24: stdio has one line for each message; the end of input ends the server."""
    lines = [
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list"},
        {"id": 3, "method": "ping"},
    ]
    with child(file, "http://127.0.0.1:9") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(
            b"".join(
                json.dumps({"jsonrpc": "2.0", **line}).encode() + b"\n"
                for line in lines
            )
        )
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(3)]
        assert sorted(answer["id"] for answer in answers) == [1, 2, 3]
        # An invalid line is answered; the output of `print` does not disturb anything.
        process.stdin.write(b"no json\n\n")
        process.stdin.flush()
        noise = process.stderr.readline()
        assert noise == b"noise\n"
        refused = json.loads(process.stdout.readline())
        assert (refused["id"], refused["error"]["code"]) == (None, -32700)
        process.stdin.write(b'{"jsonrpc":"2.0","id":4,"method":"ping"}\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 4
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(5) == 0


@pytest.mark.slow
def test_sigterm_ends_a_stdio_server(file: Path) -> None:
    """SIGTERM ends a server that waits for input on stdio."""
    with child(file, "http://127.0.0.1:9") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"jsonrpc":"2.0","id":4,"method":"ping"}\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 4
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(5) == -signal.SIGTERM


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_official_client_calls_tools_over_stdio(file: Path, mode: Any) -> None:
    """The official client lists and calls tools over stdio and gets progress."""
    told: list[Any] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async def talk(url: str) -> None:
        parameters = StdioServerParameters(
            command=sys.executable, args=["-c", CHILD, str(file), url]
        )
        with open(os.devnull, "w") as nowhere:
            transport = stdio_client(parameters, errlog=nowhere)
            async with Client(transport, mode=mode) as client:
                listed = await client.list_tools()
                names = [tool.name for tool in listed.tools]
                assert names == ["crew", "get", "stages"]
                result = await client.call_tool("crew", {})
                assert result.structured_content == {"result": [{"name": "Ada"}]}
                failed = await client.call_tool("get", {})
                assert failed.is_error
                await client.call_tool("stages", {}, progress_callback=progress)

    with Recorder(upstream) as recorder:
        asyncio.run(talk(recorder.url))
        assert recorder.received[0].line == "GET /crew HTTP/1.1"
    assert told == [(1, 2, "ship"), (2, 2, "note")]


@pytest.mark.slow
def test_docker_capability_is_served_over_stdio() -> None:
    """`docker.yaml` lists its 105 tools over stdio, in the order of the document."""

    async def talk() -> list[str]:
        arguments = [
            "-c",
            CHILD,
            str(CAPABILITIES / "docker.yaml"),
            "http://127.0.0.1:9",
        ]
        parameters = StdioServerParameters(command=sys.executable, args=arguments)
        with open(os.devnull, "w") as nowhere:
            async with Client(stdio_client(parameters, errlog=nowhere)) as client:
                return [tool.name for tool in (await client.list_tools()).tools]

    names = asyncio.run(talk())
    assert len(names) == 105
    assert names[:2] == ["list-containers", "create-container"]
