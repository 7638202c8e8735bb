"""An MCP adapter beside a tool written by hand on the same SDK, in one run.

    python benchmarks/serve_mcp.py [--rounds 12] [--fastmcp PYTHON]

Every server is a process of its own; requests are written and read as bytes, so that no
client is measured. `ping` is what the SDK and its transport cost when nothing is done:
the part of every other number that is not ours. `--fastmcp` names a Python that has
FastMCP, whose OpenAPI provider then serves the same operation.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BODY = json.dumps(
    {
        "id": "x",
        "name": "n" * 100,
        "items": [{"k": n, "v": f"value {n}", "on": True} for n in range(45)],
    },
    separators=(",", ":"),
).encode()
HANDSHAKE, MODERN = "2025-11-25", "2026-07-28"
HELLO = {
    "protocolVersion": HANDSHAKE,
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
CALL = {"name": "get", "arguments": {"id": "x"}}


# --- what is served: each of these is a process -------------------------------------


def upstream(port: int) -> None:
    """Answer 2 KB of JSON to whatever is asked."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    answer = head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY

    class Upstream(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.waiting = transport, b""

        def data_received(self, data: bytes) -> None:
            self.waiting += data
            while b"\r\n\r\n" in self.waiting:
                self.waiting = self.waiting.split(b"\r\n\r\n", 1)[1]
                self.transport.write(answer)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Upstream, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(run())


def hand(base: str, port: int | None, *, structured: bool) -> None:
    """Serve one tool as one writes it on the low-level SDK with aiohttp."""
    import aiohttp
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    async def run() -> None:
        async with aiohttp.ClientSession() as session:

            async def list_tools(ctx: Any, params: Any) -> Any:
                schema = {
                    "type": "object",
                    "properties": {"id": {"type": "string"}},
                    "required": ["id"],
                }
                tool = types.Tool(name="get", description="d", input_schema=schema)
                return types.ListToolsResult(tools=[tool])

            async def call_tool(ctx: Any, params: Any) -> Any:
                url = f"{base}/things/{params.arguments['id']}"
                async with session.get(url) as response:
                    text = await response.text()
                content: Any = [types.TextContent(text=text)]
                if not structured:
                    return types.CallToolResult(content=content)
                return types.CallToolResult(
                    content=content, structured_content=json.loads(text)
                )

            server = Server("hand", on_list_tools=list_tools, on_call_tool=call_tool)
            if port is None:
                async with stdio_server() as (read, write):
                    options = server.create_initialization_options()
                    await server.run(read, write, options)
            else:
                await _uvicorn(server.streamable_http_app(), port)

    asyncio.run(run())


def ours(base: str, port: int | None, file: str = "") -> None:
    """Serve the same tool, or a whole document, from a capability file."""
    import naftiko
    from naftiko.aio_transport import AioTransport
    from naftiko.exposes.engine import Engine
    from naftiko.exposes.mcp import McpApp, serve_stdio
    from naftiko.exposes.options import Options

    async def run() -> None:
        capability = naftiko.load(file or _document(), base_uri=base)
        exposes = next(e for e in capability.exposes if e.type == "mcp")
        engine = Engine(capability, AioTransport())
        app = McpApp(engine, exposes, Options())
        if port is None:
            await serve_stdio(app)
        else:
            async with app.lifespan():
                await _uvicorn(app, port)
        await engine.close()

    asyncio.run(run())


def _document() -> dict[str, Any]:
    operation = {
        "name": "get",
        "method": "GET",
        "inputParameters": [{"name": "id", "in": "path"}],
    }
    resource = {"name": "r", "path": "/things/{{id}}", "operations": [operation]}
    tool = {
        "name": "get",
        "description": "d",
        "call": "api.get",
        "with": {"id": "tools.id"},
        "outputParameters": [{"type": "object", "mapping": "$."}],
    }
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Benchmark", "description": "One tool."},
        "capability": {
            "consumes": [
                {
                    "type": "http",
                    "namespace": "api",
                    "baseUri": "http://127.0.0.1",
                    "resources": [resource],
                }
            ],
            "exposes": [
                {"type": "mcp", "namespace": "m", "port": 9090, "tools": [tool]}
            ],
        },
    }


def fastmcp(base: str, port: int | None) -> None:
    """Serve the same operation with FastMCP's OpenAPI provider."""
    import httpx2
    from fastmcp import FastMCP

    parameter = {"name": "id", "in": "path", "required": True}
    answer = {"200": {"description": "d", "content": {"application/json": {}}}}
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": base}],
        "paths": {
            "/things/{id}": {
                "get": {
                    "operationId": "get",
                    "parameters": [{**parameter, "schema": {"type": "string"}}],
                    "responses": answer,
                }
            }
        },
    }
    client = httpx2.AsyncClient(base_url=base)
    server = FastMCP.from_openapi(openapi_spec=spec, client=client, name="fast")
    if port is None:
        server.run(transport="stdio", show_banner=False)
    else:
        asyncio.run(_uvicorn(server.http_app(path="/mcp"), port, lifespan="on"))


async def _uvicorn(app: Any, port: int, lifespan: Any = "auto") -> None:
    import uvicorn

    config = uvicorn.Config(
        app, port=port, log_level="error", lifespan=lifespan, timeout_keep_alive=600
    )
    await uvicorn.Server(config).serve()


# --- who asks -----------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def process(command: list[str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of this file, and end it."""
    child = subprocess.Popen(command, **more)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def _self(python: str, *arguments: object) -> list[str]:
    return [python, __file__, *map(str, arguments)]


Ask = Callable[..., bytes]


@contextmanager
def over_stdio(command: list[str]) -> Iterator[tuple[Ask, int]]:
    """Talk to a child process; yield what asks, and the process id."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process(command, stderr=subprocess.DEVNULL, **pipes) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        number = 0

        def ask(method: str, params: Any = None, *, answers: bool = True) -> bytes:
            nonlocal number
            number += 1
            message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
            if answers:
                message["id"] = number
            if params is not None:
                message["params"] = params
            child.stdin.write(json.dumps(message).encode() + b"\n")  # type: ignore[union-attr]
            child.stdin.flush()  # type: ignore[union-attr]
            return child.stdout.readline() if answers else b""  # type: ignore[union-attr]

        ask("initialize", HELLO)
        ask("notifications/initialized", answers=False)
        yield ask, child.pid


@contextmanager
def over_http(
    command: list[str], port: int, revision: str
) -> Iterator[tuple[Ask, int]]:
    """Talk to a server over one connection; yield what asks, and the process id."""
    with process(command) as child:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(2000):
            with suppress(OSError):
                connection.connect()
                break
            time.sleep(0.01)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        number = 0

        def ask(method: str, params: Any = None, *, answers: bool = True) -> bytes:
            nonlocal number
            number += 1
            sent = dict(headers)
            message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
            if answers:
                message["id"] = number
            if revision == MODERN:
                params = {**(params or {}), "_meta": META}
                sent |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
                if "name" in params:
                    sent["Mcp-Name"] = params["name"]
            if params is not None:
                message["params"] = params
            connection.request("POST", "/mcp", json.dumps(message).encode(), sent)
            response = connection.getresponse()
            body = response.read()
            if session := response.getheader("Mcp-Session-Id"):
                headers["Mcp-Session-Id"] = session
                headers["MCP-Protocol-Version"] = HANDSHAKE
            return body

        if revision == HANDSHAKE:
            ask("initialize", HELLO)
            ask("notifications/initialized", answers=False)
        yield ask, child.pid


def compare(asks: dict[str, Callable[[], bytes]], rounds: int) -> dict[str, float]:
    """Return the best time of each in microseconds, measured in turns."""
    best = dict.fromkeys(asks, float("inf"))
    for _ in range(rounds):
        for name, ask in asks.items():
            started = time.perf_counter()
            for _ in range(100):
                ask()
            best[name] = min(best[name], (time.perf_counter() - started) / 100)
    return {name: round(seconds * 1e6, 1) for name, seconds in best.items()}


def calls(base: str, way: str, rounds: int, fast: str) -> dict[str, Any]:
    """Compare one call over one transport."""
    servers = {
        "hand": (sys.executable, ["hand"]),
        "hand, structured": (sys.executable, ["hand-structured"]),
        "naftiko": (sys.executable, ["ours"]),
    }
    if fast:
        servers["fastmcp"] = (fast, ["fastmcp"])
    with ExitStack() as stack:
        asks: dict[str, Callable[[], bytes]] = {}
        for name, (python, words) in servers.items():
            if way == "stdio":
                opened = over_stdio(_self(python, *words, base))
            else:
                port = free_port()
                opened = over_http(_self(python, *words, base, port), port, way)
            ask, _ = stack.enter_context(opened)
            asks[name] = lambda ask=ask: ask("tools/call", CALL)  # type: ignore[misc]
            assert b"value 44" in asks[name](), name
            if name == "hand" and way != MODERN:
                asks["ping"] = lambda ask=ask: ask("ping")  # type: ignore[misc]
        for ask in asks.values():
            for _ in range(100):
                ask()
        found = compare(asks, rounds)
    ratios = {
        f"naftiko / {name}": round(found[name] / found["naftiko"], 2)
        for name in servers
        if name != "naftiko"
    }
    return {"microseconds": found, "calls per second, ratio": ratios}


def docker(base: str) -> dict[str, Any]:
    """Start the Docker Engine's adapter; measure the start, its list, its memory."""
    file = str(ROOT / "capabilities" / "docker.yaml")
    ready, lists, first, size, memory, cpu = [], [], [], 0, 0, []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        with over_stdio(_self(sys.executable, "ours", base, "-", file)) as (ask, pid):
            ready.append(time.perf_counter() - started)
            started = time.perf_counter()
            size = len(ask("tools/list"))
            first.append(time.perf_counter() - started)
            for _ in range(100):
                started = time.perf_counter()
                ask("tools/list")
                lists.append(time.perf_counter() - started)
            status = Path(f"/proc/{pid}/status").read_text("ascii")
            memory = int(status.split("VmRSS:")[1].split()[0]) // 1024
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {
        "tools/list bytes": size,
        "tools/list ms, first": round(min(first) * 1e3, 2),
        "tools/list ms, then": round(statistics.median(lists) * 1e3, 2),
        "ready s": round(min(ready), 2),
        "CPU s, start and 100 lists": round(min(cpu), 2),
        "resident MB": memory,
    }


def main() -> None:
    """Measure everything and print it as JSON."""
    words = sys.argv[1:]
    roles: dict[str, Callable[..., None]] = {
        "hand": lambda base, port=None: hand(base, port, structured=False),
        "hand-structured": lambda base, port=None: hand(base, port, structured=True),
        "ours": lambda base, port=None, file="": ours(base, port, file),
        "fastmcp": lambda base, port=None: fastmcp(base, port),
    }
    if words and words[0] in roles:
        base, *more = words[1:]
        port = int(more[0]) if more and more[0] != "-" else None
        roles[words[0]](base, port, *more[1:])
        return
    if words and words[0] == "upstream":
        upstream(int(words[1]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--fastmcp", default="", metavar="PYTHON")
    options = parser.parse_args()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with process(_self(sys.executable, "upstream", port)):
        time.sleep(0.5)
        found: dict[str, Any] = {
            "machine": f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
        }
        for way in ("stdio", MODERN, HANDSHAKE):
            name = way if way == "stdio" else f"HTTP, {way}"
            found[name] = calls(base, way, options.rounds, options.fastmcp)
        found["docker.yaml over stdio"] = docker(base)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
