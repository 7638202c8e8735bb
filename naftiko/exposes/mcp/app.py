"""`McpApp`: an exposed adapter of type `mcp` as an ASGI application, and over stdio.

Spec 4. Streamable HTTP is served at `/mcp` and at `/`::

    POST /mcp                       one message, answered as JSON or as a stream
    GET /mcp with a session id      the stream of notifications of the session
    DELETE /mcp with a session id   the end of the session

The SDK implements the transports, the sessions and the protocol revisions. This module
must not know sockets, authentication or the meaning of a request.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from naftiko.exposes import offload
from naftiko.exposes.access.origins import OTHER_ORIGIN, UNKNOWN_HOST, HostNames
from naftiko.exposes.http.inbound import Gone, Inbound, with_plain_body
from naftiko.exposes.http.problems import BadRequest, HttpProblem
from naftiko.exposes.http.routes import BadPath, NoRoute, Router, encoded_path
from naftiko.exposes.http.scope import OPERATION, header
from naftiko.exposes.http.splicing import splicing
from naftiko.exposes.mcp.accepting import accept_stream, negotiated
from naftiko.exposes.mcp.catalogue import McpVersion
from naftiko.exposes.mcp.server import McpServer
from naftiko.exposes.mcp.sessions import MOST_OPENING, SESSION, Sessions, opens_session
from naftiko.transport.wire.totals import Total

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.options import Options
    from naftiko.spec.model import Exposes

    McpEndpoint = Callable[[Sessions, ASGIScope, Receive, Send], Awaitable[None]]

log = logging.getLogger("naftiko.mcp")

PATHS = ("/mcp", "/")
_NO_PATH = HttpProblem("not-found", "MCP is served at /mcp")
#: Also for GET and DELETE without a session: there is nothing to follow or to end. The
#: SDK would open a session first and then refuse the request.
_NO_METHOD = HttpProblem(
    "method-not-allowed",
    "this is an MCP server: connect an MCP client",
    headers=(("Allow", "POST"),),
)


class McpApp:
    """Serve one `mcp` adapter.

    Args:
        engine: Runs its functions.
        exposes: The adapter.
        options: The settings of the server.
        bodies: The bytes of all request bodies that are under way.

    Attributes:
        server: The server of the SDK, which also talks over stdio.
    """

    def __init__(
        self,
        engine: Engine,
        exposes: Exposes,
        options: Options,
        bodies: Total | None = None,
    ) -> None:
        self.options = options
        self._bodies = bodies or Total(options.max_total_bytes)
        self.server = McpServer(self.prepare(engine, exposes), options)
        self._names = HostNames(options)
        self._sessions: Sessions | None = None
        self._router: Router[McpEndpoint] = Router()
        for path in PATHS:
            self._router.add("POST", path, self._post)
            self._router.add("GET", path, self._get)
            self._router.add("DELETE", path, self._delete)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def exposes(self) -> Exposes:
        """The adapter that is served."""
        return self.server.served.exposes

    def prepare(self, engine: Engine, exposes: Exposes) -> McpVersion:
        """Compile a new version of the document; the old one is served on."""
        return McpVersion(engine, exposes, self.options)

    def replace(self, version: McpVersion) -> None:
        """Serve a new version; requests under way finish with the old one.

        Sessions stay open, and clients are notified of the lists that have changed.
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
        """Keep the sessions of HTTP clients; entered once, when serving begins."""
        sessions = Sessions(self.server, self.options)
        async with self.attached(), sessions.manager.run():
            self._sessions = self.server.sessions = sessions
            try:
                yield
            finally:
                self._sessions = self.server.sessions = None

    @asynccontextmanager
    async def attached(self) -> AsyncIterator[None]:
        """Announce changed lists on the event loop that runs now."""
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

        A server calls this before it waits for the requests under way.
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
        if self._sessions is None:
            raise RuntimeError("an MCP adapter is served inside `lifespan()`")
        refusal = self._refusal(scope)
        if refusal is not None:
            await Inbound(scope, receive, send).refuse(refusal)
            return
        try:
            # A slash at the end of the path makes no difference.
            path = "/" + encoded_path(scope).strip("/")
            match = self._router.find(path, scope["method"])
        except BadPath:
            match = NoRoute(frozenset())
        if isinstance(match, NoRoute):
            problem = _NO_METHOD if match.allowed else _NO_PATH
            await Inbound(scope, receive, send).refuse(problem)
            return
        if self._sessions.is_over(scope):
            # The manager answers with 404; no body is read for that.
            receive = _nothing
        await match.endpoint(self._sessions, scope, receive, send)

    async def _post(
        self, sessions: Sessions, scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        """Answer a message: a request, a notification or a response."""
        if self.server.served.engine.telemetry.is_on:
            send = _noting_notifications(scope, send)
        held = self._bodies.holder()
        try:
            if (refusal := await sessions.refusal(scope)) is not None:
                raise BadRequest(refusal)
            limit = self.options.max_body_bytes
            if self.options.sessions and opens_session(scope):
                limit = min(limit, MOST_OPENING)
            plain, receive = await with_plain_body(
                scope, receive, limit, held, offload.aside
            )
            send = splicing(plain, send)
            try:
                await sessions.handle(plain, receive, negotiated(plain, send))
            finally:
                # The server notes what a message asks for in the scope that it gets.
                if OPERATION in plain:
                    scope[OPERATION] = plain[OPERATION]
        except BadRequest as error:
            await Inbound(scope, receive, send).refuse(error.problem)
        except Gone:
            return
        finally:
            held.free()

    async def _delete(
        self, sessions: Sessions, scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        """End a session."""
        if not _has_session(scope):
            await Inbound(scope, receive, send).refuse(_NO_METHOD)
            return
        scope[OPERATION] = "DELETE"
        await sessions.handle(scope, receive, send)

    def _refusal(self, scope: ASGIScope) -> HttpProblem | None:
        """Return why the `Host` or the `Origin` of a request is refused, if it is.

        This protects against DNS rebinding: a foreign page lets its own name resolve to
        this machine, and the browser sends that name. The specification of MCP requires
        the check, so it is always on, unlike in the other adapters.
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

    async def _get(
        self, sessions: Sessions, scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        """Serve the stream of a session until the client leaves or `drain` ends it."""
        if scope["method"] == "HEAD" or not _has_session(scope):
            await Inbound(scope, receive, send).refuse(_NO_METHOD)
            return
        scope[OPERATION] = "GET"
        accept_stream(scope)
        is_open = False
        ended = self._ended

        async def receive_or_end() -> Any:
            """Return the next message, or a disconnect when the server drains."""
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

        await sessions.handle(scope, receive_or_end, noting)
        if is_open and ended.is_set():
            await send({"type": "http.response.body", "body": b""})


def _noting_notifications(scope: ASGIScope, send: Send) -> Send:
    """Return a `send` that labels a request which is answered with 202.

    Only notifications are, and the SDK tells in no other way that it got one.
    """

    async def noting(message: Any) -> None:
        if message.get("status") == 202:
            scope[OPERATION] = "notification"
        await send(message)

    return noting


def _has_session(scope: ASGIScope) -> bool:
    return any(name == SESSION for name, _ in scope["headers"])


async def _nothing() -> Any:
    """Return an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}
