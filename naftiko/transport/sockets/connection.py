"""`PooledConnection` carries one exchange after the other, `IncomingResponse` is read.

    connection.begin(reply, head)  →  reply.head  →  reply.next_piece() …

A connection goes back to its owner as soon as a response has ended, or is closed: after
an error, after bytes that nobody asked for, or when one of the two sides wants that.
This module must not know requests of ours, or how a connection is opened.
"""

from __future__ import annotations

import asyncio
from ssl import SSLError
from typing import TYPE_CHECKING, Any, Protocol

from naftiko.transport.sockets.outbox import outbox_of
from naftiko.transport.wire.heads import ResponseHead, Unreadable
from naftiko.transport.wire.responses import CHUNK, ResponseReader

if TYPE_CHECKING:
    from naftiko.transport.wire.request_heads import RequestHead

#: Seconds that an unused connection is kept.
IDLE = 60.0
#: Bytes of a body that wait to be read: the connection rests while there are more.
_MOST_WAITING = 2 * CHUNK


class Lost(OSError):
    """A connection that was there has failed; its cause says how."""


class Owner(Protocol):
    """What keeps connections."""

    def give_back(self, connection: PooledConnection) -> None:
        """Take back a connection that can be used again."""

    def lose(self, connection: PooledConnection) -> None:
        """Take note that a connection is closed."""


class BodySender(Protocol):
    """What sends the body of a request, and calls `sent` at its end."""

    def begin(self, connection: PooledConnection) -> None:
        """Send it, behind a head that is written."""

    def stop(self) -> None:
        """Send no more."""


class IncomingResponse:
    """A response while it comes in; its connection may be used by others already.

    Attributes:
        head: The head, once it is there.
        size: Bytes of the body that are there and not read yet.
        is_over: The last byte of the body is there.
    """

    __slots__ = (
        "_connection", "_error", "_loop", "_pieces", "_waiter", "head", "is_over",
        "size",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connection: PooledConnection | None = None
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self.head: ResponseHead | None = None
        self.size = 0
        self.is_over = False

    def news(self) -> asyncio.Future[None]:
        """Return a future that is done when more has come.

        Raises:
            Exception: Nothing more comes; all that came before was read.
        """
        if self._error is not None:
            raise self._error
        self._waiter = waiter = self._loop.create_future()
        return waiter

    async def next_piece(self) -> bytes:
        """Return what has come of the body and was not read; nothing at its end.

        What came before an error is given before it is raised.
        """
        while not self.size and not self.is_over:
            await self.news()
        return self.take()

    def take(self) -> bytes:
        """Return what is there of the body and was not read."""
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        if self._connection is not None:
            self._connection.take_more()
        return piece

    def wait_for_ever(self) -> None:
        """Let the body be silent for any time."""
        if self._connection is not None:
            self._connection.wait_for_ever()

    def give_up(self) -> None:
        """Close the connection, unless the response has ended."""
        connection = self._connection
        if connection is not None:
            self.end(ConnectionAbortedError())
            connection.abort()

    # --- for the connection -----------------------------------------------------------

    def come_over(self, connection: PooledConnection) -> None:
        """Take note of the connection that it comes over."""
        self._connection = connection

    def add(self, body: bytes) -> None:
        """Take in a piece of the body."""
        self._pieces.append(body)
        self.size += len(body)

    def wake(self) -> None:
        """Let whoever waits have a look."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def end(self, error: BaseException | None = None) -> None:
        """Take note that nothing more comes: the body is whole, or there is an error.

        What was noted first counts.
        """
        self._connection = None
        if not self.is_over and self._error is None:
            self._error = error
            self.is_over = error is None
        self.wake()


class PooledConnection(asyncio.Protocol):
    """A connection that is open.

    Attributes:
        is_usable: It has not been closed.
        is_full: What was written waits to be sent: nothing more should be written.
    """

    __slots__ = (
        "_armed", "_can_stay", "_deadline", "_is_resting", "_is_sent", "_loop", "_lost",
        "_owner", "_patience", "_reader", "_reply", "_room", "_timer", "_transport",
        "_upload", "is_full", "is_usable",
    )  # fmt: skip

    _transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self._loop = loop
        self._owner = owner
        self._reader = ResponseReader()
        self._reply: IncomingResponse | None = None
        self._upload: BodySender | None = None
        self._patience: float | None = None
        #: Whether the whole request was written.
        self._is_sent = False
        self._can_stay = True
        self._is_resting = False
        #: When something must have happened, and when the timer looks at that.
        self._deadline: float | None = None
        self._armed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        #: Of an upload that waits for room, and of those that wait for the end.
        self._room: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[None] = loop.create_future()
        self.is_full = False
        self.is_usable = False

    # The transports of `uvloop` have the methods of `asyncio.Transport`, not its type.
    def connection_made(self, transport: Any) -> None:
        """Be open."""
        self._transport = transport
        self.is_usable = True

    # --- one exchange -----------------------------------------------------------------

    def can_begin(self) -> bool:
        """Tell whether an exchange can begin: the peer has not said that it closes."""
        return self.is_usable and not self._transport.is_closing()

    def begin(
        self,
        reply: IncomingResponse,
        head: RequestHead,
        body: bytes | None = b"",
        upload: BodySender | None = None,
        patience: float | None = None,
        *,
        is_head: bool = False,
    ) -> None:
        """Write a request, and let its response come in.

        Args:
            reply: Takes the response.
            head: The head of the request.
            body: Its body, if it is written at once.
            upload: Writes the body, if it is written in parts.
            patience: Seconds that the response, and each part of it, may take.
            is_head: It is a HEAD request.
        """
        self._reader.begin(is_head=is_head)
        self._reply, self._upload = reply, upload
        reply.come_over(self)
        self._patience, self._can_stay = patience, head.can_stay
        data = head.data + body if body else head.data
        if upload is None:
            self._is_sent = True
            self._wait(patience)
            outbox_of(self._loop).put(self._write_request, data)
        else:
            self._transport.write(data)
            self._is_sent = False
            self._deadline = None
            upload.begin(self)

    def _write_request(self, data: bytes) -> None:
        """Write a request, unless its connection was lost before."""
        if self.can_begin():
            self._transport.write(data)

    def sent(self) -> None:
        """Take note that the body is written: now the response is waited for."""
        self._is_sent, self._upload = True, None
        if self._reply is not None and not self._is_resting:
            self._wait(self._patience)

    def write(self, data: bytes) -> None:
        """Write a part of the body."""
        self._transport.write(data)

    async def has_room(self) -> None:
        """Wait until more can be written.

        Raises:
            Lost: The connection was closed.
        """
        while self.is_full:
            self._room = room = self._loop.create_future()
            await room
        if not self.is_usable:
            raise Lost

    def wait_for_ever(self) -> None:
        """Let the response be silent for any time."""
        self._patience = self._deadline = None

    def take_more(self) -> None:
        """Go on with reading: what came was taken."""
        if self._is_resting:
            self._is_resting = False
            self._transport.resume_reading()
            self._wait(self._patience)

    def data_received(self, data: bytes) -> None:
        """Read a piece of a response."""
        reply = self._reply
        if reply is None:
            # Nothing was asked for; a line break behind a response is usual.
            if data.strip(b"\r\n"):
                self.abort()
            return
        reader = self._reader
        try:
            body = reader.feed(data)
        except Unreadable as error:
            self.fail(error)
            return
        if body:
            reply.add(body)
        head = reply.head = reader.head
        if (fault := reader.fault) is not None:
            self.fail(fault)
            return
        if reader.is_over:
            self._finish(reply)
            return
        if reply.size > _MOST_WAITING and not self._is_resting:
            self._is_resting = True
            self._deadline = None
            self._transport.pause_reading()
        elif not self._is_resting and (self._is_sent or head is not None):
            self._wait(self._patience)
        if body or head is not None:
            reply.wake()

    def _finish(self, reply: IncomingResponse) -> None:
        """End an exchange whose response is whole."""
        reader = self._reader
        self._reply = None
        can_stay = self._can_stay and self._is_sent and reader.can_stay
        if can_stay and self.can_begin():
            if self._is_resting:
                self._is_resting = False
                self._transport.resume_reading()
            self._wait(IDLE)
            reply.end()
            self._owner.give_back(self)
        else:
            reply.end()
            self.abort()

    def fail(self, error: BaseException) -> None:
        """End an exchange with an error, and close the connection."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.head = self._reader.head
            reply.end(error)
        self.abort()

    # --- the end ----------------------------------------------------------------------

    def abort(self) -> None:
        """Close the connection at once: closing waits for a peer that does not read."""
        if self.is_usable:
            self._transport.abort()
            self._be_closed()

    def _be_closed(self) -> None:
        self.is_usable = False
        self._reply = None
        if self._upload is not None:
            self._upload.stop()
            self._upload = None
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._owner.lose(self)

    async def closed(self) -> None:
        """Wait until the socket is closed."""
        await asyncio.wait((self._lost,), timeout=1)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange: its response may end with the connection."""
        error: BaseException | None = exc
        reply, self._reply = self._reply, None
        if reply is not None:
            if exc is None:
                try:
                    self._reader.end()
                except Exception as missing:  # noqa: BLE001 - it is raised where it is read
                    error = missing
            elif isinstance(exc, OSError) and not isinstance(exc, SSLError):
                error = Lost(*exc.args)
                error.__cause__ = exc
            reply.end(error)
        self.resume_writing()
        if self.is_usable:
            self._be_closed()
        if not self._lost.done():
            self._lost.set_result(None)

    # --- writing ----------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Take note that what was written waits to be sent."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Let the upload go on."""
        self.is_full = False
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # --- time -------------------------------------------------------------------------

    def _wait(self, seconds: float | None) -> None:
        """Let something happen within so many seconds.

        The timer of one request mostly serves the next ones too: making and ending one
        for each costs more than looking at the time.
        """
        if seconds is None:
            self._deadline = None
            return
        self._deadline = deadline = self._loop.time() + seconds
        if self._timer is None:
            self._arm(deadline)
        elif self._armed > deadline:
            self._timer.cancel()
            self._arm(deadline)

    def _arm(self, when: float) -> None:
        self._armed = when
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        """Find out whether it is too late."""
        self._timer = None
        deadline = self._deadline
        if deadline is None:
            return
        if deadline > self._loop.time():
            self._arm(deadline)
        elif self._reply is None:
            self.abort()
        else:
            self.fail(TimeoutError())
