"""Requests to an MCP adapter over HTTP, by ASGI without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from naftiko.exposes.mcp.app import McpApp
from support.asgi_client import Got, asked
from support.mcping import MODERN

HOST = {"host": "127.0.0.1:3010"}
POST = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    **HOST,
}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def modern(
    method: str, params: Any = None, headers: Any = None
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a request of the newest MCP revision."""
    params = {**(params or {}), "_meta": _META}
    more = {"mcp-protocol-version": MODERN, "mcp-method": method}
    if "name" in params:
        more["mcp-name"] = params["name"]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return {**POST, **more, **(headers or {})}, json.dumps(body).encode()


def message(method: str, params: Any = None, number: int | None = 1) -> bytes:
    """Return the JSON-RPC body of a request or, without a number, a notification."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if number is not None:
        body["id"] = number
    if params is not None:
        body["params"] = params
    return json.dumps(body).encode()


def in_stream(got: Got) -> Any:
    """Return the only message in a response that is an event stream."""
    assert got.type == "text/event-stream", got
    (line,) = [x for x in got.body.decode().splitlines() if x.startswith("data: ")]
    return json.loads(line.removeprefix("data: "))


HELLO = message(
    "initialize",
    {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
    0,
)


def served(app: McpApp, talk: Callable[[], Awaitable[Any]], timeout: float = 20) -> Any:
    """Run an asynchronous function during the lifespan of an MCP adapter."""

    async def run() -> Any:
        async with asyncio.timeout(timeout), app.lifespan():
            return await talk()

    return asyncio.run(run())


def one(app: McpApp, method: str, target: str, *more: Any, **options: Any) -> Got:
    """Send one request to an MCP adapter and return the response."""
    got: Got = served(app, lambda: asked(app, method, target, *more, **options))
    return got


async def session(app: McpApp, path: str = "/mcp") -> dict[str, str]:
    """Open an MCP session and return the headers of its requests."""
    got = await asked(app, "POST", path, POST, HELLO)
    assert got.status == 200, got
    headers = {
        **POST,
        "mcp-session-id": got.headers["mcp-session-id"],
        "mcp-protocol-version": "2025-11-25",
    }
    said = message("notifications/initialized", number=None)
    got = await asked(app, "POST", path, headers, said)
    # P05: a notification gets 202 and no body.
    assert (got.status, got.body) == (202, b"")
    return headers
