"""Requests to an adapter of a loaded capability by ASGI, with its authentication."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import naftiko
from naftiko.exposes.http.scope import ASGIApp
from support.asgi_client import Got, asked
from support.mcping import MODERN

_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_NONE: Mapping[str, str] = {}


def ask_adapter(
    capability: naftiko.Capability,
    namespace: str,
    method: str,
    target: str,
    headers: Mapping[str, str] = _NONE,
    body: Any = None,
) -> Got:
    """Send one request to an adapter that `naftiko.asgi()` serves.

    Args:
        capability: The capability.
        namespace: Namespace of the adapter.
        method: HTTP method.
        target: Path and query, encoded.
        headers: Name → value.
        body: A JSON value, or `None` for no body.
    """
    content = b"" if body is None else json.dumps(body).encode()
    more = {"content-type": "application/json"} if content else {}

    async def talk() -> Got:
        app = naftiko.asgi(capability, namespace)
        async with running(app):
            return await asked(app, method, target, {**headers, **more}, content)

    return asyncio.run(talk())


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """Run the `lifespan` of an ASGI application around a block."""
    to_app: asyncio.Queue[Any] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert await from_app.get() == {"type": "lifespan.startup.complete"}
    yield
    await to_app.put({"type": "lifespan.shutdown"})
    assert await from_app.get() == {"type": "lifespan.shutdown.complete"}
    await task


def ask_mcp(
    capability: naftiko.Capability,
    namespace: str,
    method: str,
    headers: Mapping[str, str] = _NONE,
    **params: Any,
) -> Any:
    """Send a message of the newest MCP revision to an adapter; return the result."""
    name = params.get("name") or params.get("uri")
    got = ask_adapter(
        capability,
        namespace,
        "POST",
        "/mcp",
        {
            "host": "localhost:9090",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": method,
            **({"mcp-name": name} if name else {}),
            **headers,
        },
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": method,
            "params": {**params, "_meta": _META},
        },
    )
    assert got.status == 200, got
    return got.json["result"]


def call_tool(
    capability: naftiko.Capability,
    namespace: str,
    tool: str,
    arguments: Mapping[str, Any],
    headers: Mapping[str, str] = _NONE,
) -> Any:
    """Call an MCP tool and return the JSON value of its result."""
    result = ask_mcp(
        capability, namespace, "tools/call", headers, name=tool, arguments=arguments
    )
    assert not result.get("isError"), result
    return json.loads(result["content"][0]["text"])
