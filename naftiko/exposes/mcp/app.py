"""`McpApp`: an exposed adapter of type `mcp` as an ASGI application, and over stdio.

Spec 4. Streamable HTTP is served at `/mcp` and at `/`::

    POST /mcp                       one message, answered as JSON or as a stream
    GET /mcp with a session id      the stream of notifications of the session
    DELETE /mcp with a session id   the end of the session

This module must not know sockets, authentication or the meaning of a request.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from naftiko.exposes import offload
from naftiko.exposes.access.origins import OTHER_ORIGIN, UNKNOWN_HOST, HostNames
from naftiko.exposes.http.answers import headers_of
from naftiko.exposes.http.inbound import Gone, Inbound, hold_values, read_body
from naftiko.exposes.http.problems import BadRequest, HttpProblem
from naftiko.exposes.http.routes import encoded_path
from naftiko.exposes.http.scope import OPERATION, header
from naftiko.exposes.mcp.catalogue import McpVersion
from naftiko.exposes.mcp.posts import Post, Posts
from naftiko.exposes.mcp.protocol.envelope import VERSION
from naftiko.exposes.mcp.protocol.errors import INVALID_REQUEST
from naftiko.exposes.mcp.protocol.events import STANDING
from naftiko.exposes.mcp.protocol.messages import NotAMessage, error_message
from naftiko.exposes.mcp.protocol.revisions import HANDSHAKES
from naftiko.exposes.mcp.server import McpServer
from naftiko.exposes.mcp.sessions import (
    MOST_OPENING,
    SESSION,
    HttpSession,
    Sessions,
)
from naftiko.exposes.mcp.streams import pump, send_json
from naftiko.transport.wire.totals import Total

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.options import Options
    from naftiko.spec.model import Exposes

PATHS = frozenset({"/mcp", "/"})
_NO_PATH = HttpProblem("not-found", "MCP is served at /mcp")
#: Also for GET and DELETE without a session: there is nothing to follow or to end.
_NO_METHOD = HttpProblem(
    "method-not-allowed",
    "this is an MCP server: connect an MCP client",
    headers=(("Allow", "POST"),),
)
_LAST_EVENT = b"last-event-id"
_OVER = error_message(
    None,
    NotAMessage(INVALID_REQUEST, "Not Found: the session has ended, or never was"),
)
_ONE_STREAM = error_message(
    None, NotAMessage(INVALID_REQUEST, "Conflict: the session has a stream already")
)
_LOST = error_message(
    None, NotAMessage(INVALID_REQUEST, "the events after this one are no longer kept")
)


class McpApp:
    """Serve one `mcp` adapter.

    Args:
        engine: Runs its functions.
        exposes: The adapter.
        options: The settings of the server.
        bodies: The bytes of all request bodies that are under way.

    Attributes:
        server: Answers messages, whatever they travel by.
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
        #: Its sessions with HTTP clients, inside `lifespan()`.
        self.sessions: Sessions | None = None
        self._posts: Posts | None = None
        self._endpoints = {
            "POST": self._post,
            "GET": self._get,
            "DELETE": self._delete,
        }
        self._loop: asyncio.AbstractEventLoop | None = None

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
            loop.call_soon_threadsafe(self.server.changes.announce, changed)

    def is_open(self, scope: ASGIScope) -> bool:
        """Tell that every request needs the credentials of the document."""
        return False

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Keep the sessions of HTTP clients; entered once, when serving begins."""
        sessions = Sessions(self.server, self.options)
        async with self.attached():
            self.sessions = sessions
            has_sessions = self.options.sessions
            self._posts = Posts(self.server, sessions if has_sessions else None)
            try:
                yield
            finally:
                self.sessions = self._posts = None
                sessions.close()
                await asyncio.sleep(0)  # the requests of the sessions end

    @asynccontextmanager
    async def attached(self) -> AsyncIterator[None]:
        """Announce changed lists on the event loop that runs now."""
        self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            self._loop = None
            self.drain()
            self.server.changes.unwatch()

    def drain(self) -> None:
        """End the streams that would stay open for ever; requests go on.

        A server calls this before it waits for the requests under way.
        """
        self.server.changes.end()
        if self.sessions is not None:
            self.sessions.end_streams()

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _serve(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if self.sessions is None:
            raise RuntimeError("an MCP adapter is served inside `lifespan()`")
        refusal = self._refusal(scope)
        if refusal is not None:
            await Inbound(scope, receive, send).refuse(refusal)
            return
        # A slash at the end of the path makes no difference.
        path = "/" + encoded_path(scope).strip("/")
        if path not in PATHS and unquote(path) not in PATHS:
            await Inbound(scope, receive, send).refuse(_NO_PATH)
            return
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            await Inbound(scope, receive, send).refuse(_NO_METHOD)
            return
        await endpoint(self.sessions, scope, receive, send)

    async def _post(
        self, sessions: Sessions, scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        """Answer a message: a request, a notification or a response."""
        posts = self._posts
        assert posts is not None
        post = Post(scope, receive, send, headers_of(scope))
        held = self._bodies.holder()
        try:
            if await self._is_over(post, sessions) or await posts.early(post):
                return
            limit = self._limit(post, sessions)
            body = await read_body(receive, post.headers, limit, held)
            await hold_values(body, held, offload.aside)
            if (session := post.session) is None:
                await posts.answer(post, body)
                return
            session.busy += 1
            try:
                await posts.answer(post, body)
            finally:
                session.busy -= 1
                session.quiet_since = time.monotonic()
        except BadRequest as error:
            await Inbound(scope, receive, send).refuse(error.problem)
        except Gone:
            return
        finally:
            held.free()

    def _limit(self, post: Post, sessions: Sessions) -> int:
        """Return the most bytes of a body.

        Raises:
            BadRequest: It opens a session too many, or asks too much of its session.
        """
        limit = self.options.max_body_bytes
        if post.is_newest or not self.options.sessions:
            return limit
        if post.session is None:
            refusal = sessions.refusal(post.scope)
            limit = min(limit, MOST_OPENING)
        else:
            refusal = sessions.too_busy(post.session)
        if refusal is not None:
            raise BadRequest(refusal)
        return limit

    async def _is_over(self, post: Post, sessions: Sessions) -> bool:
        """Find the session of a request; refuse one that has ended, or never was."""
        named = post.headers.get(SESSION)
        if not named or post.is_newest or not self.options.sessions:
            return False
        post.session = sessions.find(named.decode("latin-1"))
        if post.session is None:
            await send_json(post.send, 404, _OVER)
            return True
        return False

    # --- sessions ---------------------------------------------------------------------

    async def _named(
        self, sessions: Sessions, scope: ASGIScope, receive: Receive, send: Send
    ) -> HttpSession | None:
        """Return the session that a GET or a DELETE is for, or refuse the request."""
        named, revision = header(scope, SESSION), header(scope, VERSION)
        is_newest = revision not in ("", *HANDSHAKES)
        if not named or is_newest or not self.options.sessions:
            await Inbound(scope, receive, send).refuse(_NO_METHOD)
            return None
        session = sessions.find(named)
        if session is None:
            await send_json(send, 404, _OVER)
        else:
            scope[OPERATION] = scope["method"]
        return session

    async def _delete(
        self, sessions: Sessions, scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        """End a session."""
        session = await self._named(sessions, scope, receive, send)
        if session is not None:
            sessions.end(session)
            await send_json(send, 200, b"", [(SESSION, session.id.encode())])

    async def _get(
        self, sessions: Sessions, scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        """Serve a stream of a session until the client leaves or `drain` ends it."""
        session = await self._named(sessions, scope, receive, send)
        if session is None:
            return
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        stream = STANDING
        if last := header(scope, _LAST_EVENT):
            found = session.log.after(last)
            if found is None:
                await send_json(send, 400, _LOST)
                return
            stream, missed = found
            for data in missed:
                queue.put_nowait(data)
        session.busy += 1
        try:
            if stream != STANDING:
                session.resume(stream, queue)
            elif session.inbox is not None:
                await send_json(send, 409, _ONE_STREAM)
                return
            else:
                session.inbox = queue
            await pump(queue, receive, send, [(SESSION, session.id.encode())])
        finally:
            if session.inbox is queue:
                session.inbox = None
            session.busy -= 1
            session.quiet_since = time.monotonic()

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
