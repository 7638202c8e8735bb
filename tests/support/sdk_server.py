"""A server of the official SDK that gives fixed results, over HTTP or stdio.

As a program it reads and writes lines: `python tests/support/sdk_server.py results.yaml`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
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
        )
        for method, (params, key) in _METHODS.items():
            self.add_request_handler(method, params, _handler(results[method], key))

    def create_initialization_options(self, *given: Any, **more: Any) -> Any:
        """Announce that lists change, as the other server does."""
        options = (given or (None,))[0] or NotificationOptions(True, True, True)
        return super().create_initialization_options(options, *given[1:], **more)


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
    """Serve over HTTP in a thread; yield the URL.

    Args:
        results: The file with the results.
        resumes: The server keeps events, and streams can be resumed.
    """
    manager = StreamableHTTPSessionManager(
        FixedServer(_read(results)),
        event_store=_Events() if resumes else None,
        retry_interval=100 if resumes else None,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with manager.run():
            yield

    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(
        routes=[Mount("/mcp", app=manager.handle_request)], lifespan=lifespan
    )

    async def slashed(scope: Any, receive: Any, send: Any) -> None:
        # A mount answers at `/mcp/`; clients ask for `/mcp`.
        if scope["type"] == "http" and scope["path"] == "/mcp":
            scope = {**scope, "path": "/mcp/", "raw_path": b"/mcp/"}
        await app(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        slashed, log_level="critical", lifespan="on", timeout_graceful_shutdown=1
    )
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


def _read(results: Path) -> Any:
    data = YAML(typ="safe").load(results)
    return json.loads(json.dumps(data))


async def _serve_stdio(results: Path) -> None:
    server = FixedServer(_read(results))
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(_serve_stdio(Path(sys.argv[1])))
