"""Connections that dawdle or never end, each against a real server with little patience."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from naftiko.exposes.serve.patched_uvicorn import MAX_HEAD_BYTES, watchful

httptools = pytest.importorskip("uvicorn.protocols.http.httptools_impl")

PATIENCE = 0.3
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#: What is never sent to its end.
HALVES = {
    "nothing": b"",
    "half a line": b"GET /",
    "half a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
    "a second head": GET + b"GET / HTTP/1.1\r\nHo",
    "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab",
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Tell how many bytes came; wait for a moment where the path says so."""
    import asyncio

    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        size += len(message["body"])
        if not message.get("more_body"):
            break
    if scope["path"] == "/wait":
        await asyncio.sleep(3 * PATIENCE)
    body = b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(protocol: type[Any]) -> Iterator[Any]:
    """Serve the application; give what opens a connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", timeout_keep_alive=5
    )
    config.load()
    config.http_protocol_class = protocol
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield lambda: socket.create_connection(listener.getsockname(), timeout=5)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture(scope="module")
def connect() -> Iterator[Any]:
    """Give what opens a connection to a server with the parser in C."""
    with serving(watchful(httptools.HttpToolsProtocol, PATIENCE)) as opened:
        yield opened


def answers(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    found = b""
    while chunk := connection.recv(65536):
        found += chunk
    return found


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES.keys())
def test_what_does_not_come_is_not_waited_for(connect: Any, half: bytes) -> None:
    """A head or a body that stops ends the connection, and nothing else does."""
    started = time.monotonic()
    with connect() as connection:
        connection.sendall(half)
        found = answers(connection)
        assert found.count(b"200 OK") == half.count(GET)
    assert PATIENCE / 2 < time.monotonic() - started < 4 * PATIENCE + 1


def test_who_is_slow_but_comes(connect: Any) -> None:
    """A body in pieces, an answer that takes long, a pause between two requests."""
    with connect() as connection:
        head = b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
        connection.sendall(head)
        for _ in range(5):
            time.sleep(PATIENCE / 2)
            connection.sendall(b"x")
        assert connection.recv(1000).endswith(b"\r\n\r\n5")
        time.sleep(3 * PATIENCE)
        connection.sendall(GET)
        assert connection.recv(1000).endswith(b"\r\n\r\n0")


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /?",
        b"GET / HTTP/1.1\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;x=",
    ],
    ids=["line", "header", "trailer", "extension of a chunk"],
)
def test_what_makes_no_request_is_cut_off(connect: Any, begin: bytes) -> None:
    """Bytes that are neither a request nor its body have an end."""
    with connect() as connection:
        connection.sendall(begin)
        sent = 0
        try:
            while sent < 100 * MAX_HEAD_BYTES:
                sent += connection.send(b"y" * 65536)
        except OSError:
            pass
        assert sent < 100 * MAX_HEAD_BYTES


def test_a_head_that_is_too_large_is_told(connect: Any) -> None:
    """431, as long as nothing else is being said on the connection."""
    with connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"y" * MAX_HEAD_BYTES)
        assert answers(connection).startswith(b"HTTP/1.1 431 ")


def test_a_head_within_the_limit(connect: Any) -> None:
    """It is read in as many parts as it comes in; a large body is no head."""
    with connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        for _ in range(6):
            connection.sendall(b"y" * 10_000)
            time.sleep(0.01)
        connection.sendall(b"\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        size = 5_000_000
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
        connection.sendall(head + b"z" * size)
        assert connection.recv(1000).endswith(b"%d" % size)


@pytest.mark.parametrize("protocol", [H11Protocol, httptools.HttpToolsProtocol])
def test_what_is_lost_is_forgotten(protocol: type[Any]) -> None:
    """No timer keeps a connection that was reset."""

    class Timer:
        is_cancelled = False

        def cancel(self) -> None:
            self.is_cancelled = True

    class Base(protocol):  # type: ignore[misc]
        def __init__(self) -> None:
            self.timeout_keep_alive_task = Timer()
            self._timer = Timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self.timer = self.timeout_keep_alive_task

    lost = watchful(Base)()
    lost.connection_lost(ConnectionResetError())
    assert lost.timer.is_cancelled
    assert lost.timeout_keep_alive_task is None
    lost.connection_lost(None)
