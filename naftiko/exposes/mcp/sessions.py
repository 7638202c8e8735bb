"""`Sessions`: the sessions of HTTP clients: how many, how long, and what each may do.

    initialize                        a new session, or 503 with `Retry-After`
    a request of a session            its idle time begins anew when it is answered
    idle for too long, or a DELETE    the session ends; its id is answered with 404

At the limit, a session that was only opened gives its place away: opening costs an
attacker nothing. A session that has been used never does. The manager of the SDK keeps
the sessions; this module must not know what a message means.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.http.scope import header
from naftiko.exposes.mcp.sdk import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MCPError,
    Server,
    StreamableHTTPSessionManager,
)

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.mcp.sdk import Context
    from naftiko.exposes.options import Options

SESSION = b"mcp-session-id"
_VERSION = b"mcp-protocol-version"
#: Requests of one session that are worked on at the same time.
MOST_REQUESTS = 100
#: Seconds for which a session that was only opened keeps its place at the limit.
FRESH = 10.0
#: Bytes of a request that opens a session or a subscription, and of its headers. What
#: it says of the client is kept as long as the session.
MOST_OPENING = 16 * 1024
#: Characters of an id or a progress token: each notification of progress repeats it.
_MOST_TOKEN = 256
#: `Retry-After` when no more sessions can be opened, in seconds.
_LATER = 30


class Sessions:
    """The sessions of one adapter; made anew for each lifespan.

    Args:
        server: The server of the SDK.
        options: The settings of the server.

    Attributes:
        manager: The manager of the SDK, which answers every request.
    """

    def __init__(self, server: Server[Any], options: Options) -> None:
        self.manager = StreamableHTTPSessionManager(
            server,
            stateless=not options.sessions,
            max_request_body_size=options.max_body_bytes,
            max_sessions=options.max_sessions,
            session_idle_timeout=options.session_idle,
        )
        self._most = options.max_sessions
        #: The transport of a session → when it was opened, until it is used.
        self._unused: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        #: The transport of a session → its requests that are worked on.
        self._running: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def __len__(self) -> int:
        """Return the number of open sessions."""
        return len(self.manager._server_instances)

    # --- HTTP requests ----------------------------------------------------------------

    async def refusal(self, scope: ASGIScope) -> HttpProblem | None:
        """Return why a POST is refused before its body is read, if it is.

        At the limit, this may end another session to make room.
        """
        if self.manager.stateless:
            return None
        transport = self._transport(scope)
        if transport is not None:
            if transport._requests_in_flight < MOST_REQUESTS:
                return None
            return _too_many(f"{MOST_REQUESTS} requests of this session are under way")
        if not opens_session(scope):
            return None
        if sum(len(n) + len(v) for n, v in scope["headers"]) > MOST_OPENING:
            return HttpProblem(
                "head-too-large",
                f"at most {MOST_OPENING:,} bytes of headers open a session",
            )
        if len(self) < self._most or await self._make_room():
            return None
        return _too_many(f"{len(self)} sessions are open")

    def is_over(self, scope: ASGIScope) -> bool:
        """Tell whether a request names a session that has ended, or never was."""
        named = header(scope, SESSION)
        return (
            bool(named)
            and not self.manager.stateless
            and (self._transport(scope) is None and not _is_modern(scope))
        )

    async def handle(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self.manager.stateless or not opens_session(scope):
            await self.manager.handle_request(scope, receive, send)
            return
        opened = ""

        async def noting(message: Any) -> None:
            nonlocal opened
            if message["type"] == "http.response.start":
                headers = dict(message.get("headers", ()))
                opened = headers.get(SESSION, b"").decode("latin-1")
                if message["status"] == 503:
                    later = (b"retry-after", b"%d" % _LATER)
                    message["headers"] = [*message["headers"], later]
            await send(message)

        await self.manager.handle_request(scope, receive, noting)
        transport = self.manager._server_instances.get(opened)
        if transport is not None:
            self._unused[transport] = time.monotonic()

    def _transport(self, scope: ASGIScope) -> Any:
        named = header(scope, SESSION)
        return self.manager._server_instances.get(named) if named else None

    async def _make_room(self) -> bool:
        """End the oldest session that was only opened; tell whether there was one."""
        oldest, since = "", time.monotonic() - FRESH
        for name, transport in self.manager._server_instances.items():
            opened = self._unused.get(transport)
            if opened is None or transport._requests_in_flight:
                continue
            if opened < since:
                oldest, since = name, opened
        if not oldest:
            return False
        transport = self.manager._server_instances[oldest]
        await self.manager._discard_session(oldest, transport)
        return True

    # --- requests of JSON-RPC ---------------------------------------------------------

    def enter(self, ctx: Context) -> Any:
        """Note a request that is worked on; return what `leave` takes.

        Raises:
            MCPError: Its ids are too long, or its session has too many under way.
        """
        token = ctx.meta.get("progress_token") if ctx.meta else None
        for told in (token, ctx.request_id):
            if isinstance(told, str) and len(told) > _MOST_TOKEN:
                what = "a progress token" if told is token else "an id"
                raise MCPError(
                    INVALID_PARAMS,
                    f"Invalid params: {what} has at most {_MOST_TOKEN} characters",
                )
        if ctx.request is None or ctx.request_id is None:
            return None
        if ctx.method == "initialize":
            _forget_details(ctx.params)
        elif ctx.method == "subscriptions/listen":
            size = header(ctx.request.scope, b"content-length")
            if size.isdigit() and int(size) > MOST_OPENING:
                raise MCPError(
                    INVALID_PARAMS,
                    f"Invalid params: at most {MOST_OPENING} bytes open a subscription",
                )
        transport = self._transport(ctx.request.scope)
        if transport is None:
            return None
        if ctx.method != "ping":
            self._unused.pop(transport, None)
        running = self._running.get(transport, 0)
        if running >= MOST_REQUESTS:
            raise MCPError(
                INVALID_REQUEST,
                f"{running} requests of this session are under way; wait for them",
            )
        self._running[transport] = running + 1
        return transport

    def leave(self, transport: Any) -> None:
        """Note that a request is done."""
        self._running[transport] -= 1


def _forget_details(params: Any) -> None:
    """Leave out what a client tells of itself and no handler asks for.

    It would stay in memory as long as the session: 280 KB of a message of 14 KB.
    """
    if isinstance(params, dict) and isinstance(params.get("capabilities"), dict):
        params["capabilities"] = {}
        info = params.get("clientInfo")
        if isinstance(info, dict):
            kept = {name: info[name] for name in ("name", "version") if name in info}
            params["clientInfo"] = {
                name: value[:_MOST_TOKEN] if isinstance(value, str) else value
                for name, value in kept.items()
            }


def opens_session(scope: ASGIScope) -> bool:
    """Tell whether a POST can only open a session: it names none, and needs one."""
    return not header(scope, SESSION) and not _is_modern(scope)


def _is_modern(scope: ASGIScope) -> bool:
    version = header(scope, _VERSION)
    return bool(version) and version not in HANDSHAKE_PROTOCOL_VERSIONS


def _too_many(detail: str) -> HttpProblem:
    return HttpProblem(
        "busy",
        detail,
        "end those that are not needed, or come back later",
        headers=(("Retry-After", str(_LATER)),),
    )
