"""A body in parts: what is written, how long each part may take, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from naftiko import ArgumentError, Request, TransportError
from naftiko.transport.redirects import RedirectedRequest
from naftiko.transport.sockets.connection import Lost
from naftiko.transport.sockets.upload import Upload, framed


class Sink:
    """A connection that keeps what is written, and may be full."""

    def __init__(self) -> None:
        self.written = b""
        self.is_full = False
        self.error: BaseException | None = None
        self.is_sent = asyncio.Event()
        self.room = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data

    async def has_room(self) -> None:
        """Wait for it."""
        await self.room.wait()
        self.is_full = False

    def sent(self) -> None:
        """Take note of the end."""
        self.is_sent.set()

    def fail(self, error: BaseException) -> None:
        """Keep an error."""
        self.error = error
        self.is_sent.set()


def running(act: Callable[[], Awaitable[Any]]) -> Any:
    """Run something in an event loop."""
    return asyncio.run(asyncio.wait_for(act(), 10))  # type: ignore[arg-type]


async def parts(*given: Any) -> AsyncIterator[Any]:
    """Yield parts of a body; raise one that is an exception."""
    for part in given:
        if isinstance(part, Exception):
            raise part
        yield part


def hop(body: Any, method: str = "POST", **headers: str) -> RedirectedRequest:
    """Return a request with a body."""
    return RedirectedRequest(Request(method, "http://h/", headers, body))


async def uploaded(
    body: Any, length: int | None, patience: float = 5
) -> tuple[Sink, Upload]:
    """Send a body to its end."""
    sink: Any = Sink()
    upload = Upload(hop(body), length, patience)
    upload.begin(sink)
    await sink.is_sent.wait()
    return sink, upload


@pytest.mark.parametrize("is_chunked", [True, False])
@pytest.mark.parametrize("kind", ["bytes", "path", "async", "iterator"])
def test_every_kind_of_body_is_written(
    kind: str, is_chunked: bool, tmp_path: Path
) -> None:
    """It goes as it is, or in chunks; only one that can be read once is consumed."""
    file = tmp_path / "f"
    file.write_bytes(b"onetwo")

    async def act() -> None:
        bodies = {
            "bytes": b"onetwo",
            "path": file,
            "async": parts(b"one", b"", bytearray(b"two")),
            "iterator": iter([b"one", b"", memoryview(b"two")]),
        }
        sink, upload = await uploaded(bodies[kind], None if is_chunked else 6)
        assert sink.error is None
        whole = kind in ("bytes", "path")
        chunks = b"6\r\nonetwo\r\n" if whole else b"3\r\none\r\n3\r\ntwo\r\n"
        assert sink.written == (chunks + b"0\r\n\r\n" if is_chunked else b"onetwo")
        assert upload.is_consumed is not whole
        assert upload.failure is None

    running(act)


@pytest.mark.parametrize(
    ("given", "length", "error", "words"),
    [
        ((b"123", b"456"), 5, TransportError, "the body is longer than 5 bytes"),
        ((b"12",), 5, TransportError, "the body ends after 2 of 5 bytes"),
        ((b"1", "2"), None, ArgumentError, "gives a str where it should give bytes"),
        (
            (b"1", OSError(5, "Input/output error")),
            None,
            TransportError,
            "Input/output",
        ),
        ((b"1", KeyError("mine")), None, KeyError, "mine"),
    ],
)
def test_body_that_fails_is_told(
    given: tuple[Any, ...], length: int | None, error: type[Exception], words: str
) -> None:
    """The connection gets the error, and the upload keeps it."""

    async def act() -> None:
        sink, upload = await uploaded(parts(*given), length)
        assert sink.error is upload.failure
        assert type(sink.error) is error
        assert words in str(sink.error)

    running(act)


def test_full_connection_is_waited_for() -> None:
    """The next part is read when there is room, within the timeout."""

    async def act() -> None:
        sink: Any = Sink()
        sink.is_full = True
        upload = Upload(hop(parts(b"1", b"2")), 2, 5)
        upload.begin(sink)
        await asyncio.sleep(0.01)
        assert sink.written == b"1"
        sink.room.set()
        await sink.is_sent.wait()
        assert (sink.written, sink.error) == (b"12", None)
        sink = Sink()
        sink.is_full = True
        upload = Upload(hop(parts(b"1", b"2")), 2, 0.02)
        upload.begin(sink)
        await sink.is_sent.wait()
        assert type(sink.error) is TimeoutError
        assert upload.failure is None

    running(act)


def test_lost_connection_ends_an_upload() -> None:
    """The response tells of it, not the upload."""

    async def act() -> None:
        sink: Any = Sink()

        async def lost() -> None:
            raise Lost

        sink.is_full, sink.has_room = True, lost
        upload = Upload(hop(parts(b"1", b"2")), 2, 5)
        upload.begin(sink)
        await asyncio.sleep(0.01)
        await upload.stopped()
        assert (sink.written, sink.error, upload.failure) == (b"1", None, None)

    running(act)


def test_stopped_upload_closes_its_body() -> None:
    """The iterator is closed when `stopped` returns; a second stop does nothing."""
    ended: list[bool] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.001)
        finally:
            ended.append(True)

    async def act() -> None:
        sink: Any = Sink()
        upload = Upload(hop(endless()), None, 5)
        await upload.stopped()
        upload.begin(sink)
        await asyncio.sleep(0.01)
        await upload.stopped()
        assert ended == [True]
        await upload.stopped()
        assert not sink.is_sent.is_set()

    running(act)


def test_file_is_closed_once_its_length_is_known(tmp_path: Path) -> None:
    """It is opened again each time that it is sent."""
    path = tmp_path / "body"
    path.write_bytes(b"abc")

    async def act() -> None:
        sent = hop(path)
        assert await framed(sent, {}) == ({"Content-Length": "3"}, 3)
        assert sent.content.closed

    running(act)
