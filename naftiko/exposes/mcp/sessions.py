"""`Sessions`: the sessions of HTTP clients: how many, how long, and what each may do.

    initialize                        a new session, or 503 with `Retry-After`
    a request of a session            its idle time begins anew when it is answered
    idle for too long, or a DELETE    the session ends; its id is answered with 404

At the limit, a session that was only opened gives its place away: opening costs an
attacker nothing. A session that has been used never does. No task belongs to a session
that is quiet. This module must not know what a message means.
"""

from __future__ import annotations

import asyncio
import time
from secrets import token_hex
from typing import TYPE_CHECKING

from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.mcp.changes import BACKLOG
from naftiko.exposes.mcp.protocol.events import STANDING, EventLog, event
from naftiko.exposes.mcp.protocol.session import McpSession

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.exposes.mcp.protocol.session import McpWork
    from naftiko.exposes.mcp.server import McpServer
    from naftiko.exposes.mcp.streams import PostReply, Queue
    from naftiko.exposes.options import Options

SESSION = b"mcp-session-id"
#: Requests of one session that are worked on at the same time.
MOST_REQUESTS = 100
#: Seconds for which a session that was only opened keeps its place at the limit.
FRESH = 10.0
#: Bytes of a request that opens a session or a subscription, and of its headers.
MOST_OPENING = 16 * 1024
#: `Retry-After` when no more sessions can be opened, in seconds.
_LATER = 30
#: Seconds between two searches for idle sessions, at most.
_SWEEP = 30.0


class HttpSession:
    """The session of one HTTP client.

    Attributes:
        id: Its id, which nobody can guess.
        talk: The conversation.
        running: The requests that are worked on → task, and response.
        busy: HTTP requests that are under way; the stream of notifications is one.
        is_used: It was asked for something since it was opened.
        quiet_since: When it was last busy.
        log: Its latest events.
        inbox: The notifications for its stream; `None` while there is no stream.
    """

    __slots__ = (
        "busy", "id", "inbox", "is_used", "log", "quiet_since", "running", "talk",
    )  # fmt: skip

    def __init__(self, talk: McpSession) -> None:
        self.id = token_hex(16)
        self.talk = talk
        self.running: dict[McpWork, tuple[asyncio.Task[None], PostReply]] = {}
        self.busy = 0
        self.is_used = False
        self.quiet_since = time.monotonic()
        self.log = EventLog()
        self.inbox: Queue | None = None

    def tell(self, message: bytes) -> None:
        """Send a notification that belongs to no request, or keep it for later."""
        id_ = self.log.add(STANDING, message)
        inbox = self.inbox
        if inbox is None:
            return
        if inbox.qsize() < BACKLOG:
            inbox.put_nowait(event(message, id_))
        else:
            inbox.put_nowait(None)  # The client does not read.

    def cancel(self, work: McpWork) -> None:
        """Stop the task of a request."""
        if (found := self.running.get(work)) is not None:
            found[0].cancel()

    def resume(self, stream: int, queue: Queue) -> None:
        """Let a queue have the rest of the stream of a request, or its end."""
        for _, reply in self.running.values():
            if reply.number == stream:
                if reply.follower is not None:
                    reply.follower.put_nowait(None)  # the client has come again
                reply.follower = queue
                return
        queue.put_nowait(None)

    def end_streams(self) -> None:
        """End the streams that would stay open for ever."""
        if self.inbox is not None:
            self.inbox.put_nowait(None)
        for _, reply in self.running.values():
            if reply.follower is not None:
                reply.follower.put_nowait(None)


class Sessions:
    """The sessions of one adapter; made anew for each lifespan.

    Args:
        server: Answers the requests.
        options: The settings of the server.
    """

    def __init__(self, server: McpServer, options: Options) -> None:
        self._server = server
        self._most = options.max_sessions
        self._idle = options.session_idle
        self._all: dict[str, HttpSession] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return the number of open sessions."""
        return len(self._all)

    def find(self, id_: str) -> HttpSession | None:
        """Return the session of an id, unless it has ended."""
        session = self._all.get(id_)
        if session is not None and self._is_idle(session):
            self.end(session)
            return None
        return session

    # --- opening ----------------------------------------------------------------------

    def refusal(self, scope: ASGIScope) -> HttpProblem | None:
        """Return why no session is opened, before its request is read, if it is so.

        At the limit, this may end another session to make room.
        """
        if sum(len(n) + len(v) for n, v in scope["headers"]) > MOST_OPENING:
            return HttpProblem(
                "head-too-large",
                f"at most {MOST_OPENING:,} bytes of headers open a session",
            )
        if len(self) < self._most or self._make_room():
            return None
        return _too_many(f"{len(self)} sessions are open")

    def too_busy(self, session: HttpSession) -> HttpProblem | None:
        """Return why a request has to wait, before its body is read, if it has to."""
        if len(session.talk.running) < MOST_REQUESTS:
            return None
        return _too_many(f"{MOST_REQUESTS} requests of this session are under way")

    def open(self, talk: McpSession) -> HttpSession | None:
        """Return a new session; `None` when there are too many."""
        if len(self) >= self._most and not self._make_room():
            return None
        session = HttpSession(talk)
        self._all[session.id] = session
        self._server.changes.join(talk, session.tell)
        if self._sweep is None:
            self._sweep_later()
        return session

    def _make_room(self) -> bool:
        """End the oldest session that was only opened; tell whether there was one."""
        since = time.monotonic() - FRESH
        waiting = [
            session
            for session in self._all.values()
            if not session.is_used and not session.busy and session.quiet_since < since
        ]
        if not waiting:
            return False
        self.end(min(waiting, key=lambda session: session.quiet_since))
        return True

    # --- ending -----------------------------------------------------------------------

    def end(self, session: HttpSession) -> None:
        """End a session: its requests are stopped, its streams end."""
        self._all.pop(session.id, None)
        self._server.changes.leave(session.talk)
        session.end_streams()
        for task, _ in list(session.running.values()):
            task.cancel()

    def end_streams(self) -> None:
        """End the streams of all sessions; their requests go on."""
        for session in self._all.values():
            session.end_streams()

    def close(self) -> None:
        """End all sessions."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for session in list(self._all.values()):
            self.end(session)

    def _is_idle(self, session: HttpSession) -> bool:
        since = session.quiet_since
        return not session.busy and time.monotonic() - since > self._idle

    def _sweep_later(self) -> None:
        pause = min(max(self._idle / 4, 0.05), _SWEEP)
        self._sweep = asyncio.get_running_loop().call_later(pause, self._end_idle)

    def _end_idle(self) -> None:
        for session in list(self._all.values()):
            if self._is_idle(session):
                self.end(session)
        self._sweep = None
        if self._all:
            self._sweep_later()


def _too_many(detail: str) -> HttpProblem:
    """Return the refusal of what there is too much of already."""
    return HttpProblem(
        "busy",
        detail,
        "end those that are not needed, or come back later",
        headers=(("Retry-After", str(_LATER)),),
    )
