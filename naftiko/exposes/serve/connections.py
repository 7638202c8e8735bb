"""How many connections a server keeps open, and how long each of their parts may take.

    a turn of the event loop                 a limited number of new connections
    a TLS handshake, a head                  `Patience.head` from its first byte on
    a body                                   no pause of `Patience.pause`, a least rate
    an answer that its client does not read  the same rate
    the next request                         as long as a connection is kept alive

One timer of each connection looks at all of them. At the limit of connections, the one
that has waited longest for a request is closed for a new one; a connection with a
request under way never is. This module must not know what is served, nor the parsers of
requests: it asks the protocols of uvicorn which `patched_uvicorn` lists.
"""

from __future__ import annotations

import asyncio
import socket
import types
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.problems import RETRY_AFTER, HttpProblem
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Coroutine, Generator

#: Bytes in a second that a body, or an answer, has to make, after a first minute.
_LEAST_RATE = 8 * 1024
#: Seconds until the rate counts.
_SLOW_START = 60.0
#: Looks at a connection during the shortest of its times.
_LOOKS = 4
#: Bytes that a client may send while its TLS handshake completes.
_MOST_EARLY = 256 * 1024
_TOO_SLOW = HttpProblem("too-slow", "a head has to come whole in {:g} seconds")
_TOO_MANY = HttpProblem(
    "busy",
    "too many connections are open",
    "try again in a moment",
    headers=(("Retry-After", str(RETRY_AFTER)),),
)


class Patience(NamedTuple):
    """The seconds that the parts of a request may take.

    Attributes:
        head: A TLS handshake, and a whole head.
        pause: Between two parts of a body, and between two parts of an answer that its
            client reads.
    """

    head: float = 10.0
    pause: float = 60.0


#: Connections that a process takes in one turn of its event loop: alone, and where
#: others listen to the same socket.
AT_ONCE_ALONE, AT_ONCE_SHARED = 256, 2


class Paced(socket.socket):
    """A listening socket that gives a limited number of connections in a turn.

    asyncio takes connections until none waits. The first of several processes with the
    same socket would so get all of a burst, and the others none.

    Args:
        bound: The listening socket; it is detached.
        most: Connections in one turn of the event loop.
    """

    def __init__(self, bound: socket.socket, most: int) -> None:
        about = bound.family, bound.type, bound.proto
        super().__init__(*about, fileno=bound.detach())
        self._most = most
        self._taken = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Return a connection.

        Raises:
            BlockingIOError: None waits, or those of this turn have been taken.
        """
        if self._taken >= self._most:
            self._taken = 0
            raise BlockingIOError
        # An error counts as well: without free file descriptors, each call fails.
        self._taken += 1
        try:
            return super().accept()
        except BlockingIOError:
            self._taken = 0
            raise


class Crowd:
    """The open connections of a process, over all its ports.

    Args:
        most: Connections at the same time.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        #: In the order in which they came, for those of the same moment.
        self.members: dict[Any, None] = {}

    def enter(self, connection: Any) -> bool:
        """Count a new connection; return `False` if there is no place for it."""
        if len(self.members) >= self.most and not self._make_room():
            return False
        self.members[connection] = None
        return True

    def leave(self, connection: Any) -> None:
        """Count a connection no more."""
        self.members.pop(connection, None)

    def _make_room(self) -> bool:
        waiting = [member for member in self.members if member.is_waiting]
        if not waiting:
            return False
        oldest = min(waiting, key=lambda member: float(member.since))
        self.leave(oldest)
        oldest.transport.abort()
        return True


#: Whatever protocol `Timed` stands before.
_Protocol: Any = object


class Timed(_Protocol):  # type: ignore[misc]
    """Closes a connection whose client is too slow (slowloris), or one too many.

    Attributes:
        patience: The times that its parts may take.
        crowd: All connections of the process.
        in_head: A head has begun; only the parser in C tells.
        since: When the connection, or the latest head, began.
        idle_since: When the latest response ended; 0 while a request is under way, and
            where uvicorn has a timer for it.
    """

    cycle: Any
    patience = Patience()
    crowd = Crowd(65_536)
    in_head = False
    since = 0.0
    idle_since = 0.0
    _timer: Any = None
    #: Nothing has come at all: there is no request to answer.
    _is_silent = True
    #: The request whose body is timed, when it began, and its bytes.
    _timed: Any = None
    _began = 0.0
    _got = 0
    #: When the latest part of the body came.
    _latest = 0.0
    #: Bytes that the client has not read, and since when they have not become fewer.
    _unread = 0
    _unread_since = 0.0

    @property
    def is_waiting(self) -> bool:
        """No request is under way."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def connection_made(self, transport: Any) -> None:
        """Begin to look at the connection, if there is a place for it."""
        super().connection_made(transport)
        self.since = self._unread_since = self.loop.time()
        self._timer = self.loop.call_later(self._period, self._look)
        if not self.crowd.enter(self):
            self.refuse(_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look at it no more."""
        self.crowd.leave(self)
        self._timer.cancel()
        super().connection_lost(exc)
        # It knows this connection: the memory of both, some kilobytes, would wait for
        # the garbage collector.
        self.cycle = self._timed = None

    def data_received(self, data: bytes) -> None:
        """Note when a head begins, and how much of a body has come."""
        self._is_silent = False
        self.idle_since = 0.0
        if self.timeout_keep_alive_task is not None:
            self.since = self.loop.time()
        cycle = self.cycle
        if cycle is not None and cycle.more_body:
            self._latest = self.loop.time()
            self._got += len(data)
        super().data_received(data)

    @property
    def _period(self) -> float:
        return min(self.patience) / _LOOKS

    def _look(self) -> None:
        self._timer = self.loop.call_later(self._period, self._look)
        now = self.loop.time()
        if self._is_stuck(now):
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif not self.is_waiting:
            if self._is_slow_body(now):
                self.transport.close()
        elif now - self.since >= self.patience.head and (
            # Not kept alive, so something of a head has come, or nothing at all.
            self.in_head or self.timeout_keep_alive_task is None
        ):
            if self._is_silent:
                self.transport.close()
                return
            detail = _TOO_SLOW.detail.format(self.patience.head)
            self.refuse(_TOO_SLOW._replace(detail=detail))
        elif self.idle_since and now - self.idle_since >= self.timeout_keep_alive:
            self.transport.close()

    def _is_slow_body(self, now: float) -> bool:
        """Tell whether the body of the request under way is late, or too slow."""
        cycle = self.cycle
        if cycle is not self._timed:
            self._timed, self._began, self._latest, self._got = cycle, now, now, 0
        if not cycle.more_body:
            return False
        if self.flow.read_paused:
            # Not the client is late, but whoever takes the body (back pressure).
            self._began += self._period
            self._latest = now
            return False
        took = now - self._began - _SLOW_START
        return (
            now - self._latest >= self.patience.pause or took * _LEAST_RATE > self._got
        )

    def _is_stuck(self, now: float) -> bool:
        """Tell whether the client has stopped reading, or never lets go."""
        if not (self.flow.write_paused or self.transport.is_closing()):
            self._unread, self._unread_since = 0, now
            return False
        unread = self.transport.get_write_buffer_size()
        took = now - self._unread_since
        if not self._unread or self._unread - unread >= took * _LEAST_RATE:
            self._unread, self._unread_since = unread or 1, now
            return False
        return bool(took >= self.patience.pause)


def over_tls(
    protocol: type[Any], context: ssl.SSLContext, patience: Patience, crowd: Crowd
) -> Callable[..., Handshake]:
    """Return what makes a connection that speaks a protocol over TLS."""

    def make(**settings: Any) -> Handshake:
        return Handshake(lambda: protocol(**settings), context, patience, crowd)

    return make


@types.coroutine
def _resumed(
    coroutine: Coroutine[Any, Any, Any], first: Any
) -> Generator[Any, Any, Any]:
    """Go on with a coroutine that has yielded a first future already."""
    waits_for = first
    while True:
        try:
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001 - it is for the coroutine
                waits_for = coroutine.throw(error)
            else:
                waits_for = coroutine.send(sent)
        except StopIteration as stop:
            return stop.value


class Handshake(asyncio.Protocol):
    """A connection whose TLS handshake is under way.

    With the handshake of uvicorn, nothing would count or end it before it is complete,
    and each takes half a megabyte.

    Args:
        protocol: Makes the protocol that speaks over TLS.
        context: The certificate.
        patience: The times that the parts of a connection may take.
        crowd: All connections of the process.
    """

    is_waiting = True

    def __init__(
        self,
        protocol: Callable[[], Any],
        context: ssl.SSLContext,
        patience: Patience,
        crowd: Crowd,
    ) -> None:
        self._protocol = protocol
        self._context = context
        self._patience = patience
        self._crowd = crowd
        self._early: list[bytes] = []
        self._is_lost = False
        self._task: asyncio.Task[None] | None = None
        self.transport: Any = None
        self.since = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begin the handshake, if there is a place for the connection."""
        self.transport = transport
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        if not self._crowd.enter(self):
            transport.abort()
            return
        shaking = loop.start_tls(
            transport,
            self,
            self._context,
            server_side=True,
            ssl_handshake_timeout=self._patience.head,
        )
        # Its first step is done here: on some loops (uvloop), what comes in before the
        # first turn of a task would not reach the handshake.
        first = shaking.send(None)
        self._task = loop.create_task(self._shake(_resumed(shaking, first)))

    async def _shake(self, shaking: Awaitable[Any]) -> None:
        try:
            secure = await shaking
        except (OSError, RuntimeError, asyncio.CancelledError):
            # Not over TLS, too slow, or gone: nobody is left to tell.
            self.transport.abort()
            return
        finally:
            self._crowd.leave(self)
        # A connection that is closed during the handshake ends it without an error.
        if secure is None or self._is_lost or not secure.get_extra_info("cipher"):
            self.transport.abort()
            return
        protocol = self._protocol()
        secure.set_protocol(protocol)
        protocol.connection_made(secure)
        if self._early and not secure.is_closing():
            protocol.data_received(b"".join(self._early))

    def data_received(self, data: bytes) -> None:
        """Keep what comes before the end of the handshake is told."""
        self._early.append(data)
        if sum(map(len, self._early)) > _MOST_EARLY:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the client is gone."""
        self._is_lost = True
        self._crowd.leave(self)
