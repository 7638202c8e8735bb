"""One connection: exchanges one after the other, its end, and its timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.transport.sockets import connection as module
from naftiko.transport.sockets.connection import (
    IncomingResponse,
    Lost,
    PooledConnection,
)
from naftiko.transport.wire.heads import Unreadable
from naftiko.transport.wire.request_heads import RequestHead
from naftiko.transport.wire.responses import BrokenOff, NothingCame

HEAD = RequestHead(b"GET / HTTP/1.1\r\n\r\n", True)
OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n"


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.is_aborted = False
        self.is_paused = False

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data

    def abort(self) -> None:
        """Be closed."""
        self.is_aborted = True

    def is_closing(self) -> bool:
        """Tell whether it is closed."""
        return self.is_aborted

    def pause_reading(self) -> None:
        """Read nothing."""
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        """Read again."""
        assert self.is_paused
        self.is_paused = False


class Keeper:
    """An owner that keeps what it gets back, and what it loses."""

    def __init__(self) -> None:
        self.back: list[PooledConnection] = []
        self.lost: list[PooledConnection] = []

    def give_back(self, connection: PooledConnection) -> None:
        """Keep it."""
        self.back.append(connection)

    def lose(self, connection: PooledConnection) -> None:
        """Keep it."""
        self.lost.append(connection)


class Opened:
    """A connection with its wire and its owner."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.owner, self.wire = Keeper(), Wire()
        self.connection = PooledConnection(self.loop, self.owner)
        self.connection.connection_made(self.wire)

    def begin(self, **more: Any) -> IncomingResponse:
        """Begin an exchange."""
        reply = IncomingResponse(self.loop)
        more.setdefault("patience", 5.0)
        self.connection.begin(reply, more.pop("head", HEAD), **more)
        return reply

    @property
    def state(self) -> str:
        """Whether the connection can be used again, is closed, or neither."""
        states = [
            *["kept"] * len(self.owner.back),
            *["closed"] * len(self.owner.lost),
        ]
        assert self.wire.is_aborted == bool(self.owner.lost) or not self.connection
        return " ".join(states) or "in use"


def running(act: Callable[[], Awaitable[Any]]) -> Any:
    """Run something in an event loop."""
    return asyncio.run(asyncio.wait_for(act(), 10))  # type: ignore[arg-type]


async def whole(reply: IncomingResponse) -> bytes:
    """Return the rest of a body."""
    body = b""
    while piece := await reply.next_piece():
        body += piece
    return body


async def until_error(reply: IncomingResponse) -> None:
    """Read until an error is raised."""
    while not reply.is_over:
        await (reply.next_piece() if reply.head else reply.news())


# --- reuse ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "body", "state"),
    [
        (PLAIN, b"hello", "kept"),
        (PLAIN + b"\r\n", b"hello", "kept"),
        (PLAIN + b"HTTP/1.1 200 OK\r\n\r\n", b"hello", "closed"),
        (CHUNKED, b"hello", "kept"),
        (CHUNKED + b"x", b"hello", "closed"),
        (PLAIN.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), b"hello", "closed"),
        (PLAIN.replace(b"1.1", b"1.0"), b"hello", "closed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN, b"hello", "kept"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", "kept"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"", "kept"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"", "closed"),
    ],
)
def test_response_decides_whether_a_connection_is_kept(
    raw: bytes, body: bytes, state: str
) -> None:
    """It is kept after a body with an end, unless one side wants otherwise."""

    async def act() -> None:
        opened = Opened()
        reply = opened.begin()
        assert opened.wire.written == HEAD.data
        opened.connection.data_received(raw)
        assert reply.is_over
        assert await whole(reply) == body
        assert opened.state == state

    running(act)


def test_request_decides_too() -> None:
    """A request with `Connection: close` ends it; HEAD has no body."""

    async def act() -> None:
        opened = Opened()
        opened.begin(head=RequestHead(b"x", False))
        opened.connection.data_received(PLAIN)
        assert opened.state == "closed"
        opened = Opened()
        reply = opened.begin(is_head=True)
        opened.connection.data_received(PLAIN.removesuffix(b"hello"))
        assert (reply.is_over, reply.size, opened.state) == (True, 0, "kept")

    running(act)


@given(st.data(), st.sampled_from((PLAIN, CHUNKED, b"HTTP/1.1 103 E\r\n\r\n" + PLAIN)))
def test_any_pieces_give_the_same_exchange(data: st.DataObject, raw: bytes) -> None:
    """However the bytes of two exchanges are cut, both give the same."""

    async def act() -> None:
        opened = Opened()
        for _ in range(2):
            reply = opened.begin()
            cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=6).map(sorted))
            for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True):
                if a < b:
                    opened.connection.data_received(raw[a:b])
            assert reply.head is not None
            assert (reply.head.status, await whole(reply)) == (200, b"hello")
        assert opened.state == "kept kept"

    running(act)


@pytest.mark.parametrize(
    ("late", "state"),
    [(b"\r\n", "kept"), (PLAIN, "kept closed"), (b"x", "kept closed")],
)
def test_bytes_that_nobody_asked_for_close_a_connection(
    late: bytes, state: str
) -> None:
    """They never reach the next request; a line break is harmless."""

    async def act() -> None:
        opened = Opened()
        opened.begin()
        opened.connection.data_received(PLAIN)
        opened.connection.data_received(late)
        assert opened.state == state
        assert opened.connection.can_begin() is (state == "kept")

    running(act)


def test_exchange_that_is_given_up_closes_its_connection() -> None:
    """Before its end the connection is closed; afterwards it belongs to others."""

    async def act() -> None:
        opened = Opened()
        reply = opened.begin()
        opened.connection.data_received(PLAIN[:-1])
        reply.give_up()
        assert opened.state == "closed"
        assert await reply.next_piece() == b"hell"
        with pytest.raises(ConnectionAbortedError):
            await reply.next_piece()
        opened = Opened()
        reply = opened.begin()
        opened.connection.data_received(PLAIN)
        opened.begin()
        reply.give_up()
        assert opened.state == "kept"

    running(act)


# --- the end --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "lost", "body", "error"),
    [
        (b"", None, b"", NothingCame),
        (b"HTTP/1.1 2", None, b"", BrokenOff),
        (PLAIN[:-1], None, b"hell", BrokenOff),
        (CHUNKED[:-2], None, b"hello", None),
        (OK + b"\r\nhello", None, b"hello", None),
        (OK + b"\r\nhello", ConnectionResetError(104, "gone"), b"hello", Lost),
        (b"", ConnectionResetError(104, "gone"), b"", Lost),
        (b"no HTTP", None, b"", Unreadable),
        (PLAIN[:-3], TimeoutError(110, "gone"), b"he", Lost),
    ],
)
def test_end_of_a_connection_ends_the_response(
    raw: bytes, lost: Exception | None, body: bytes, error: type[Exception] | None
) -> None:
    """What came is given; then it is whole, or there is an error that says why."""

    async def act() -> None:
        opened = Opened()
        reply = opened.begin()
        if raw:
            opened.connection.data_received(raw)
        opened.connection.connection_lost(lost)
        found = b""
        try:
            while reply.head is None:
                await reply.news()
            while piece := await reply.next_piece():
                found += piece
        except Exception as caught:  # noqa: BLE001
            assert error is type(caught)
            assert caught.__cause__ is lost
        else:
            assert error is None
        assert found == body
        assert len(opened.owner.lost) == 1
        await opened.connection.closed()

    running(act)


@pytest.mark.parametrize("is_lost", [False, True])
def test_request_waits_for_the_end_of_a_busy_turn(is_lost: bool) -> None:
    """It is not written to a connection that is lost by then."""

    async def main() -> None:
        opened = Opened()
        for _ in range(10):
            opened.loop.call_soon(int)
        reply = opened.begin()
        assert opened.wire.written == b""
        if is_lost:
            reply.give_up()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert opened.wire.written == (b"" if is_lost else HEAD.data)

    running(main)


def test_waiting_reader_is_woken() -> None:
    """A reader that waits gets the head, each piece, and the error at the end."""

    async def act() -> None:
        opened = Opened()
        reply = opened.begin()
        found: list[object] = []

        async def read() -> None:
            while reply.head is None:
                await reply.news()
            found.append(reply.head.status)
            while piece := await reply.next_piece():
                found.append(piece)

        reading = asyncio.create_task(read())
        for piece in (
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"ngth: 5\r\n\r\n",
            b"he",
            b"l",
        ):
            opened.connection.data_received(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert found == [200, b"he", b"l"]
        opened.connection.fail(OSError("x"))
        with pytest.raises(OSError, match="x"):
            await reading
        opened.connection.fail(OSError("y"))
        with pytest.raises(OSError, match="x"):
            await reply.next_piece()

    running(act)


# --- flow and time --------------------------------------------------------------------


def test_connection_rests_while_much_is_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It rests over the limit, goes on when the body is taken, and never times out."""
    monkeypatch.setattr(module, "_MOST_WAITING", 10)

    async def act() -> None:
        opened = Opened()
        reply = opened.begin(patience=0.02)
        opened.connection.data_received(OK + b"Content-Length: 30\r\n\r\n" + b"x" * 11)
        assert opened.wire.is_paused
        await asyncio.sleep(0.05)
        assert await reply.next_piece() == b"x" * 11
        assert not opened.wire.is_paused
        opened.connection.data_received(b"x" * 19)
        assert not opened.wire.is_paused
        assert (opened.state, await whole(reply)) == ("kept", b"x" * 19)
        reply = opened.begin()
        opened.connection.data_received(OK + b"Content-Length: 30\r\n\r\n" + b"x" * 11)
        opened.connection.data_received(b"x" * 19)
        assert not opened.wire.is_paused
        assert opened.state == "kept kept"

    running(act)


@pytest.mark.parametrize("begun", [b"", PLAIN[:30], PLAIN[:-1]])
def test_silence_is_a_timeout(begun: bytes) -> None:
    """Each part has its time; the connection is closed."""

    async def act() -> None:
        opened = Opened()
        reply = opened.begin(patience=1.5)
        await asyncio.sleep(0.8)
        if begun:
            opened.connection.data_received(begun)
            await asyncio.sleep(0.8)
            assert opened.state == "in use"
        with pytest.raises(TimeoutError):
            await until_error(reply)
        assert opened.state == "closed"

    running(act)


def test_time_of_a_request_ends_with_it() -> None:
    """Between requests, and in one that may be silent, there is no timeout."""

    async def act() -> None:
        opened = Opened()
        opened.begin(patience=0.02)
        opened.connection.data_received(PLAIN)
        await asyncio.sleep(0.05)
        assert opened.state == "kept"
        reply = opened.begin(patience=0.02)
        opened.connection.data_received(PLAIN[:-1])
        reply.wait_for_ever()
        opened.connection.data_received(b"")
        await asyncio.sleep(0.05)
        assert opened.state == "kept"
        opened.connection.data_received(b"o")
        assert opened.state == "kept kept"

    running(act)


def test_unused_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept for some time only, and a shorter timeout than that is kept too."""
    monkeypatch.setattr(module, "IDLE", 0.5)

    async def act() -> None:
        opened = Opened()
        opened.begin()
        opened.connection.data_received(PLAIN)
        await asyncio.sleep(0.01)
        assert opened.state == "kept"
        while opened.state == "kept":
            await asyncio.sleep(0.01)
        assert opened.state == "kept closed"
        monkeypatch.setattr(module, "IDLE", 60)
        opened = Opened()
        opened.begin()
        opened.connection.data_received(PLAIN)
        reply = opened.begin(patience=0.02)
        with pytest.raises(TimeoutError):
            await until_error(reply)

    running(act)


class Body:
    """A body that writes its parts when there is room."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.is_stopped = False

    def begin(self, connection: PooledConnection) -> None:
        """Keep the connection."""
        self.connection = connection

    def stop(self) -> None:
        """Take note of it."""
        self.is_stopped = True

    async def write(self, *parts: bytes) -> None:
        """Write parts, each when there is room, and tell of the end."""
        for part in parts:
            self.connection.write(part)
            await self.connection.has_room()
        self.connection.sent()


def test_body_is_written_while_there_is_room() -> None:
    """A response is waited for when the body is written; it may be early."""

    async def act() -> None:
        opened, body = Opened(), Body()
        reply = opened.begin(upload=body, patience=0.3)
        opened.connection.pause_writing()
        writing = asyncio.create_task(body.write(b"1", b"2"))
        opened.connection.data_received(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.4)
        assert opened.wire.written == HEAD.data + b"1"
        opened.connection.resume_writing()
        await writing
        assert opened.wire.written == HEAD.data + b"12"
        opened.connection.data_received(PLAIN)
        assert (await whole(reply), opened.state) == (b"hello", "kept")
        assert not body.is_stopped
        reply = opened.begin(upload=(body := Body()), patience=0.02)
        await body_written(body)
        with pytest.raises(TimeoutError):
            await until_error(reply)

    async def body_written(body: Body) -> None:
        await asyncio.sleep(0.04)
        await body.write(b"1")

    running(act)


def test_early_response_ends_the_body() -> None:
    """The connection is closed: the server would take the rest for a request."""

    async def act() -> None:
        opened, body = Opened(), Body()
        reply = opened.begin(upload=body)
        opened.connection.data_received(PLAIN)
        assert body.is_stopped
        assert (await whole(reply), opened.state) == (b"hello", "closed")
        opened, body = Opened(), Body()
        opened.begin(upload=body)
        opened.connection.pause_writing()
        writing = asyncio.create_task(body.write(b"1", b"2"))
        await asyncio.sleep(0)
        opened.connection.connection_lost(None)
        with pytest.raises(Lost):
            await writing
        assert body.is_stopped

    running(act)


# --- real sockets ---------------------------------------------------------------------


def loops() -> Iterable[Any]:
    """Return what makes each kind of event loop."""
    found = [pytest.param(asyncio.new_event_loop, id="asyncio")]
    try:
        import uvloop
    except ImportError:  # a system without it
        return found
    return [*found, pytest.param(uvloop.new_event_loop, id="uvloop")]


@pytest.mark.parametrize("new_loop", loops())
def test_every_loop_carries_exchanges(new_loop: Callable[[], Any]) -> None:
    """The transports of both event loops will do."""

    async def serve(reader: Any, writer: Any) -> None:
        for answer in (PLAIN, CHUNKED):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        writer.close()

    async def act() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        loop, owner = asyncio.get_running_loop(), Keeper()
        where = server.sockets[0].getsockname()
        _, connection = await loop.create_connection(
            lambda: PooledConnection(loop, owner), *where
        )
        for _ in range(2):
            reply = IncomingResponse(loop)
            connection.begin(reply, HEAD, patience=5)
            assert await whole(reply) == b"hello"
        await connection.closed()
        assert owner.lost == [connection]
        server.close()
        await server.wait_closed()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(act())
