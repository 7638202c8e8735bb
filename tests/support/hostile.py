"""Fault injection: an upstream API whose paths each misbehave in another way.

The API writes HTTP by hand in one event loop in a thread, so that it can serve
thousands of connections.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Answer = Callable[["Hostile", "Asked", asyncio.StreamWriter], Awaitable[None]]


class Asked:
    """One request: its path and query."""

    def __init__(self, line: str, connection: int) -> None:
        self.method, target, _ = line.split(" ")
        self.path, _, self.query = target.partition("?")
        self.connection = connection


def _head(status: str = "200 OK", **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _whole(body: bytes, status: str = "200 OK", **headers: object) -> bytes:
    return _head(status, Content_Length=len(body), **headers) + body


def _last(body: bytes, status: str = "200 OK", **headers: object) -> bytes:
    return _whole(body, status, Connection="close", **headers)


async def _good(_: Hostile, asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answer with the query, so that a test recognizes a mixed-up answer."""
    writer.write(_whole(json.dumps({"asked": asked.query}).encode()))


async def _late(_: Hostile, asked: Asked, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.15)
    await _good(_, asked, writer)


async def _large(_: Hostile, asked: Asked, writer: asyncio.StreamWriter) -> None:
    text = json.dumps({"asked": asked.query, "filler": "x" * 4_000_000})
    writer.write(_whole(text.encode()))


async def _silent(hostile: Hostile, _: Asked, writer: asyncio.StreamWriter) -> None:
    await hostile.ending.wait()


async def _dribbling(hostile: Hostile, _: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(Content_Length=10**6) + b"[")
    while not hostile.ending.is_set():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _informing(hostile: Hostile, _: Asked, writer: asyncio.StreamWriter) -> None:
    while not hostile.ending.is_set():
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _reset(_: Hostile, asked: Asked, writer: asyncio.StreamWriter) -> None:
    if asked.path == "/reset-midway":
        writer.write(_head(Content_Length=1000) + b'{"a": ')
        await writer.drain()
        await asyncio.sleep(0.02)
    connection = writer.get_extra_info("socket")
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def _endless(hostile: Hostile, _: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(Transfer_Encoding="chunked") + b'1\r\n"\r\n')
    chunk = b"x" * 1_000_000
    while not hostile.ending.is_set():
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await writer.drain()


async def _headers(hostile: Hostile, _: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not hostile.ending.is_set():
        writer.write(b"X-More: " + b"y" * 60_000 + b"\r\n")
        await writer.drain()


def _saying(*parts: bytes) -> Answer:
    """Return an answer that writes parts and closes the connection."""

    async def answer(_: Hostile, asked: Asked, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.close()

    return answer


#: 512 MiB of blanks, packed into half a megabyte.
_BOMB = gzip.compress(b" " * (16 * 1024 * 1024)) * 32

ANSWERS: dict[str, Answer] = {
    "/good": _good,
    "/late": _late,
    "/large": _large,
    "/silent": _silent,
    "/dribbling": _dribbling,
    "/informing": _informing,
    "/reset": _reset,
    "/reset-midway": _reset,
    "/endless": _endless,
    "/headers": _headers,
    "/closed": _saying(),
    "/truncated": _saying(_head(Content_Length=100) + b'{"a": 1}'),
    "/half-chunked": _saying(_head(Transfer_Encoding="chunked") + b'8\r\n{"a": 1}\r\n'),
    "/bad-chunk": _saying(
        _head(Transfer_Encoding="chunked") + b"zz\r\n{}\r\n0\r\n\r\n"
    ),
    "/declared": _saying(_head(Content_Length=10**12) + b"{}"),
    "/two-lengths": _saying(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}   "
    ),
    "/bomb": _saying(_last(_BOMB, Content_Encoding="gzip")),
    "/half-packed": _saying(
        _last(gzip.compress(b'{"a": 1}' * 99)[:-20], Content_Encoding="gzip")
    ),
    "/not-packed": _saying(_last(b'{"a": 1}', Content_Encoding="gzip")),
    "/no-http": _saying(b"220 mail.test ESMTP\r\n\r\n"),
    "/no-json": _saying(_last(b'{"a": ')),
    "/deep": _saying(_last(b"[" * 300_000)),
    "/long-number": _saying(_last(b"1" * 100_000)),
    "/no-utf-8": _saying(_last(b'"\xff\xfe\xfa"')),
    "/loop": _saying(_last(b"", "302 Found", Location="/loop")),
    "/nowhere": _saying(_last(b"", "302 Found", Location="http://127.0.0.1:1/x")),
    "/file": _saying(_last(b"", "302 Found", Location="file:///etc/passwd")),
    "/unavailable": _saying(_last(b'{"error": "down"}', "503 Service Unavailable")),
}
#: Paths whose answers end when the caller disconnects.
_LONG = frozenset(
    ("/silent", "/dribbling", "/informing", "/endless", "/headers", "/large")
)


class Hostile:
    """The hostile upstream API; a context manager.

    Args:
        tls: TLS context of each connection.

    Attributes:
        connections: Number of open connections.
        asked: Number of received requests.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.asked = 0
        self._tls = tls
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._started.wait(10)

    async def _serve(self) -> None:
        self.ending = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(
            self._talk, "127.0.0.1", 0, backlog=2048, ssl=self._tls
        )
        self.port = server.sockets[0].getsockname()[1]
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._started.set()
        await self.ending.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            with suppress(
                OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                while not writer.is_closing():
                    first = await reader.readexactly(1)
                    if first == b"\x16":  # first byte of a TLS handshake
                        writer.write(_whole(b"", "400 Bad Request"))
                        break
                    head = first + await reader.readuntil(b"\r\n\r\n")
                    self.asked += 1
                    asked = Asked(head.split(b"\r\n")[0].decode(), number)
                    await self._answer(asked, reader, writer)
                    await writer.drain()
        finally:
            self.connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def _answer(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer a request; a long answer ends when the caller disconnects."""
        if asked.path not in _LONG:
            await ANSWERS[asked.path](self, asked, writer)
            return
        answer = asyncio.ensure_future(ANSWERS[asked.path](self, asked, writer))
        gone = asyncio.ensure_future(_gone(reader))
        try:
            await asyncio.wait([answer, gone], return_when="FIRST_COMPLETED")
        finally:
            gone.cancel()
            answer.cancel()
        if answer.done() and not answer.cancelled():
            answer.result()
        else:
            writer.transport.abort()

    def __enter__(self) -> Hostile:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self.ending.set)
        self._thread.join(15)
        assert not self._thread.is_alive()


async def _gone(reader: asyncio.StreamReader) -> None:
    """Wait until the caller disconnects; the caller sends nothing before an answer."""
    while not reader.at_eof():
        await asyncio.sleep(0.05)
