"""`McpApp`: an exposed adapter of type `mcp` as an ASGI application, and over stdio.

Spec 4. Streamable HTTP is answered at `/mcp` and at `/`; transports, sessions and
revisions are the SDK's. This module must not know sockets, authentication or what a
request means.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from naftiko.exposes.access.origins import OTHER_ORIGIN, UNKNOWN_HOST, Names
from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.http.scope import OPERATION, header
from naftiko.exposes.mcp.catalogue import McpVersion
from naftiko.exposes.mcp.sdk import StreamableHTTPSessionManager
from naftiko.exposes.mcp.server import McpServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.options import Options
    from naftiko.spec.model import Exposes

log = logging.getLogger("naftiko.mcp")

PATHS = ("/mcp", "/")
_SESSION = b"mcp-session-id"


class McpApp:
    """Serve one `mcp` adapter.

    Args:
        engine: Runs its functions.
        exposes: The adapter.
        options: What whoever serves it decides.

    Attributes:
        server: The server of the SDK, for other transports.
    """

    def __init__(self, engine: Engine, exposes: Exposes, options: Options) -> None:
        self.options = options
        self.server = McpServer(self.prepare(engine, exposes), options)
        self._names = Names(options)
        self._manager: StreamableHTTPSessionManager | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def exposes(self) -> Exposes:
        """The adapter that is served."""
        return self.server.served.exposes

    def prepare(self, engine: Engine, exposes: Exposes) -> McpVersion:
        """Make another version ready to be served; what is served stays."""
        return McpVersion(engine, exposes, self.options)

    def replace(self, version: McpVersion) -> None:
        """Serve another version; requests under way finish with the one they have.

        Sessions stay open, and clients are told which of their lists have changed.
        """
        changed = self.server.replace(version)
        loop = self._loop
        if changed and loop is not None:
            loop.call_soon_threadsafe(self._announce, changed)

    def _announce(self, changed: list[str]) -> None:
        task = asyncio.ensure_future(self.server.changes.announce(changed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def is_open(self, scope: ASGIScope) -> bool:
        """Tell that every request needs the credentials of the document."""
        return False

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Keep the sessions of HTTP clients; entered once by whoever serves it."""
        manager = StreamableHTTPSessionManager(
            self.server,
            stateless=not self.options.sessions,
            max_request_body_size=self.options.max_body_bytes,
        )
        async with self.attached(), manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    @asynccontextmanager
    async def attached(self) -> AsyncIterator[None]:
        """Announce changes on the event loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        try:
            yield
        finally:
            self._loop = None
            self.drain()
            for task in list(self._tasks):
                task.cancel()

    def drain(self) -> None:
        """End the streams that would stay open for ever; requests go on.

        To be called before a server waits for what is under way.
        """
        self._ended.set()
        self.server.changes.end()

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _serve(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        manager = self._manager
        if manager is None:
            raise RuntimeError("an MCP adapter is served inside `lifespan()`")
        method = scope["method"]
        has_session = any(name == _SESSION for name, _ in scope["headers"])
        refusal = self._refusal(scope)
        if refusal is not None:
            await Inbound(scope, receive, send).refuse(refusal)
        elif _path_of(scope) not in PATHS:
            problem = HttpProblem("not-found", "MCP is served at /mcp")
            await Inbound(scope, receive, send).refuse(problem)
        elif method == "GET" and has_session:
            scope[OPERATION] = "GET"
            await self._stream(manager, scope, receive, send)
        elif method == "POST":
            if self.server.served.engine.telemetry.is_on:
                send = _noting_silence(scope, send)
            await manager.handle_request(scope, receive, send)
        elif method == "DELETE" and has_session:
            scope[OPERATION] = "DELETE"
            await manager.handle_request(scope, receive, send)
        else:
            # Without a session there is nothing to listen to or to end. The SDK would
            # open one first and refuse then.
            problem = HttpProblem(
                "method-not-allowed",
                "this is an MCP server: connect an MCP client",
                headers=(("Allow", "POST"),),
            )
            await Inbound(scope, receive, send).refuse(problem)

    def _refusal(self, scope: ASGIScope) -> HttpProblem | None:
        """Return why the `Host` or the `Origin` of a request is not believed.

        A page of somewhere else can make its own name point at this machine; then the
        browser sends that name. Unlike other adapters this one asks always, as the
        specification of MCP wants it.
        """
        if not self._names.know(header(scope, b"host"), self.exposes):
            return UNKNOWN_HOST
        origin = header(scope, b"origin")
        trusted = self.options.cors
        if not origin or "*" in trusted or origin in trusted:
            return None
        scheme, _, host = origin.partition("://")
        is_page = scheme.lower() in ("http", "https") and host
        return (
            None if is_page and self._names.know(host, self.exposes) else OTHER_ORIGIN
        )

    async def _stream(
        self,
        manager: StreamableHTTPSessionManager,
        scope: ASGIScope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Serve the stream of a session until the client leaves or `drain` ends it."""
        is_open = False
        ended = self._ended

        async def receive_or_end() -> Any:
            waiting = [asyncio.ensure_future(receive())]
            waiting.append(asyncio.ensure_future(ended.wait()))
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if waiting[0].done():
                    return waiting[0].result()
                return {"type": "http.disconnect"}
            finally:
                for task in waiting:
                    task.cancel()

        async def noting(message: Any) -> None:
            nonlocal is_open
            is_open = message["type"] == "http.response.start" or bool(
                message.get("more_body")
            )
            await send(message)

        await manager.handle_request(scope, receive_or_end, noting)
        if is_open and ended.is_set():
            await send({"type": "http.response.body", "body": b""})


def _noting_silence(scope: ASGIScope, send: Send) -> Send:
    """Return what sends; a message that is taken without a word is a notification.

    Of what kind is found out when its request is over.
    """

    async def noting(message: Any) -> None:
        if message.get("status") == 202:
            scope[OPERATION] = "notification"
        await send(message)

    return noting


def _path_of(scope: ASGIScope) -> str:
    """Return the path below the one that the application is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    return path.rstrip("/") or "/"
