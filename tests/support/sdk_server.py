"""A server of the official SDK that gives fixed results, over HTTP or stdio.

::

    sdk_server.py results.yaml                      reads and writes lines
    sdk_server.py results.yaml --http [--resumes]   serves at /mcp, and prints its URL
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp_types as types
import uvicorn
from mcp import MCPError
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from ruamel.yaml import YAML

#: Method → the model of its parameters, and the parameter that names what is asked for.
_METHODS: dict[str, tuple[Any, str]] = {
    "tools/list": (types.PaginatedRequestParams, ""),
    "resources/list": (types.PaginatedRequestParams, ""),
    "resources/templates/list": (types.PaginatedRequestParams, ""),
    "prompts/list": (types.PaginatedRequestParams, ""),
    "tools/call": (types.CallToolRequestParams, "name"),
    "resources/read": (types.ReadResourceRequestParams, "uri"),
    "prompts/get": (types.GetPromptRequestParams, "name"),
    "completion/complete": (types.CompleteRequestParams, ""),
}
_FRESHNESS = {"ttlMs": 0, "cacheScope": "private"}
_FRESH = ("list", "read")


class FixedServer(Server[dict[str, Any]]):
    """The low-level server of the SDK with results that are known beforehand."""

    def __init__(self, results: dict[str, Any]) -> None:
        super().__init__(
            "harbour",
            version="1.0.0",
            title="Harbour",
            instructions="Ask for a ship before you board it.",
            get_tool_input_schema=lambda _name: None,
            on_subscriptions_listen=ListenHandler(InMemorySubscriptionBus()),
            on_subscribe_resource=_nothing,
            on_unsubscribe_resource=_nothing,
        )
        for method, (params, key) in _METHODS.items():
            self.add_request_handler(method, params, _handler(results[method], key))

    def create_initialization_options(self, *given: Any, **more: Any) -> Any:
        """Announce that lists change, as the other server does."""
        options = (given or (None,))[0] or NotificationOptions(True, True, True)
        return super().create_initialization_options(options, *given[1:], **more)


async def _nothing(ctx: Any, params: Any) -> types.EmptyResult:
    return types.EmptyResult()


def _handler(results: dict[str, Any], key: str) -> Any:
    async def answer(ctx: Any, params: Any) -> dict[str, Any]:
        if getattr(params, "cursor", None) is not None:
            raise MCPError(types.INVALID_PARAMS, "the cursor is not known")
        name = getattr(params, key) if key else ""
        if name == "slow":
            await asyncio.Event().wait()
        if name == "stages":
            await ctx.session.report_progress(1, 2, "first")
            await ctx.session.report_progress(2, 2, "second")
        if key and name not in results:
            data = {"uri": name} if key == "uri" else None
            raise MCPError(types.INVALID_PARAMS, f"unknown: {name}", data)
        result = dict(results[name] if key else results)
        if ctx.method.endswith(_FRESH):
            result |= _FRESHNESS
        return {**result, "resultType": "complete"}

    return answer


class _Events(EventStore):
    """Keeps every event of a session, for clients that come back."""

    def __init__(self) -> None:
        self._events: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send_callback: Any) -> Any:
        if not last_event_id.isdecimal() or int(last_event_id) > len(self._events):
            return None
        stream = self._events[int(last_event_id) - 1][0]
        for number, (owner, message) in enumerate(self._events, 1):
            if owner == stream and number > int(last_event_id) and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


@contextlib.contextmanager
def serving_sdk(results: Path, *, resumes: bool = False) -> Iterator[str]:
    """Serve over HTTP in a process; yield the URL.

    Args:
        results: The file with the results.
        resumes: The server keeps events, and streams can be resumed.
    """
    words = [sys.executable, __file__, str(results), "--http"]
    process = subprocess.Popen(
        [*words, "--resumes"] if resumes else words,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, "the server of the SDK has not started"
        yield url
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()  # type: ignore[union-attr]


async def _serve_http(results: Path, *, resumes: bool) -> None:
    manager = StreamableHTTPSessionManager(
        FixedServer(_read(results)),
        event_store=_Events() if resumes else None,
        retry_interval=100 if resumes else None,
    )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await manager.handle_request(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="critical", lifespan="off")
    async with manager.run():
        await uvicorn.Server(config).serve(sockets=[listener])


def _read(results: Path) -> Any:
    data = YAML(typ="safe").load(results)
    return json.loads(json.dumps(data))


async def _serve_stdio(results: Path) -> None:
    server = FixedServer(_read(results))
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    file, *options = sys.argv[1:]
    if "--http" in options:
        asyncio.run(_serve_http(Path(file), resumes="--resumes" in options))
    else:
        asyncio.run(_serve_stdio(Path(file)))
