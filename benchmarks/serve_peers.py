"""The peers in `serve.py`: the same endpoint and the same tool, written by hand.

    python benchmarks/serve_peers.py ROLE UPSTREAM PORT

Each role is a process; `-` for the port means standard input and output. All roles run
on uvicorn, with `uvloop` and `httptools` where they are installed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

#: What the upstream answers: 2 KB.
THING = {
    "id": "x",
    "name": "n" * 100,
    "items": [{"k": n, "v": f"value {n}", "on": True} for n in range(52)],
}
BODY = json.dumps(THING, separators=(",", ":")).encode()


def run(main: Any) -> None:
    """Run a coroutine on the loop that uvicorn would choose."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def upstream(base: str, port: int) -> None:
    """Answer 2 KB of JSON to whatever is asked, as fast as Python can."""
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

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    run(serve())


# --- REST ---------------------------------------------------------------------------


def starlette(base: str, port: int) -> None:
    """Pass on, or shape by hand, what `aiohttp` gets."""
    import aiohttp
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    sessions: list[aiohttp.ClientSession] = []

    def session() -> aiohttp.ClientSession:
        if not sessions:
            connector = aiohttp.TCPConnector(limit=256)
            sessions.append(aiohttp.ClientSession(connector=connector))
        return sessions[0]

    async def plain(request: Any) -> Response:
        async with session().get(f"{base}/things/{request.path_params['id']}") as found:
            body = await found.read()
        return Response(body, found.status, media_type="application/json")

    async def shaped(request: Any) -> Response:
        async with session().get(f"{base}/things/{request.path_params['id']}") as found:
            thing = await found.json()
        return JSONResponse(
            {
                "id": thing["id"],
                "label": thing["name"],
                "values": [{"key": i["k"], "value": i["v"]} for i in thing["items"]],
            }
        )

    _serve(
        Starlette(routes=[Route("/plain/{id}", plain), Route("/shaped/{id}", shaped)]),
        port,
    )


def threaded(base: str, port: int) -> None:
    """Pass on what `requests` gets, in the threads that Starlette has for that."""
    import requests
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def plain(request: Any) -> Response:
        found = session.get(f"{base}/things/{request.path_params['id']}")
        return Response(found.content, found.status_code, media_type="application/json")

    _serve(Starlette(routes=[Route("/plain/{id}", plain)]), port)


# --- MCP ----------------------------------------------------------------------------


def sdk(base: str, port: int | None, *, structured: bool = True) -> None:
    """Serve one tool as one writes it on the low-level SDK with `aiohttp`."""
    import aiohttp
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    async def serve() -> None:
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
                await _served(server.streamable_http_app(), port)

    run(serve())


def sdk_text(base: str, port: int | None) -> None:
    """Do the same without structured content."""
    sdk(base, port, structured=False)


def loop(base: str, port: int | None) -> None:
    """Answer over standard input and output with as little as there can be."""
    from http.client import HTTPConnection

    connection = HTTPConnection(base.removeprefix("http://"))
    read, write = sys.stdin.buffer, sys.stdout.buffer
    for line in read:
        message = json.loads(line)
        if "id" not in message:
            continue
        result: Any = {"protocolVersion": "2025-11-25", "capabilities": {}}
        if message["method"] == "tools/call":
            given = message["params"]["arguments"]["id"]
            connection.request("GET", f"/things/{given}")
            text = connection.getresponse().read().decode()
            result = {"content": [{"type": "text", "text": text}]}
            result["structuredContent"] = json.loads(text)
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        write.write(json.dumps(answer).encode() + b"\n")
        write.flush()


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
        run(_served(server.http_app(path="/mcp"), port, lifespan="on"))


# --- how they are served ------------------------------------------------------------


def _serve(app: Any, port: int) -> None:
    run(_served(app, port))


async def _served(app: Any, port: int, lifespan: Any = "auto") -> None:
    import uvicorn

    config = uvicorn.Config(
        app, port=port, log_level="error", access_log=False, lifespan=lifespan,
        timeout_keep_alive=600, backlog=2048,
    )  # fmt: skip
    await uvicorn.Server(config).serve()


ROLES: dict[str, Callable[[str, Any], None]] = {
    "upstream": upstream,
    "starlette": starlette,
    "threaded": threaded,
    "sdk": sdk,
    "sdk-text": sdk_text,
    "loop": loop,
    "fastmcp": fastmcp,
}

if __name__ == "__main__":
    role, address, number = sys.argv[1:]
    ROLES[role](address, None if number == "-" else int(number))
