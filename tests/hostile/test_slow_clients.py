"""Slow clients, and too many: heads, bodies, answers, handshakes and connections.

A real uvicorn serves with short times. Each client keeps sending, or reading, a little:
no pause of its own is too long, only the whole is.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from naftiko.exposes.serve import connections
from naftiko.exposes.serve.connections import Crowd, Patience, over_tls
from naftiko.exposes.serve.patched_uvicorn import watchful
from support.raw_http import running

HEAD = 0.4
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
PROTOCOLS = pytest.mark.parametrize("protocol", [HttpToolsProtocol, H11Protocol])

Connect = Callable[[], socket.socket]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body; wait at `/wait`; answer with 8 MiB at `/large`."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    if scope["path"] == "/wait":
        await asyncio.sleep(1.2)
    body = b"x" * (8 * 1024 * 1024 if scope["path"] == "/large" else 2)
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serving(
    protocol: type[Any],
    crowd: Crowd,
    *,
    patience: Patience = Patience(HEAD, 60.0),
    context: ssl.SSLContext | None = None,
) -> Iterator[Connect]:
    """Serve the application; yield a function that connects."""
    made: Any = watchful(protocol, patience, crowd)
    if context is not None:
        made = over_tls(made, context, patience, crowd)
    with running(app, made, timeout_keep_alive=60) as address:
        yield lambda: socket.create_connection(address, timeout=20)


def trickled(connection: socket.socket, part: bytes, most: int = 100) -> bytes:
    """Send a part again and again; return what the server says before it closes.

    A server that never closes gets `most` parts, and `still open` is returned.
    """
    connection.settimeout(HEAD / 8)
    found = b""
    for _ in range(most):
        try:
            connection.sendall(part)
            chunk = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return found
        if not chunk:
            return found
        found += chunk
    return found + b"still open"


@PROTOCOLS
@pytest.mark.parametrize("begun", [b"", GET])
def test_head_has_one_total_time(protocol: type[Any], begun: bytes) -> None:
    """Slowloris: a byte now and then does not keep a head open, first or later."""
    with serving(protocol, Crowd(9)) as connect, connect() as connection:
        if begun:
            connection.sendall(begun)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        found = trickled(connection, b"y")
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b"urn:naftiko:problem:too-slow" in found


@PROTOCOLS
@pytest.mark.parametrize("begun", [b"", GET])
def test_empty_lines_are_no_way_to_stay(protocol: type[Any], begun: bytes) -> None:
    """Lines before a head are skipped (RFC 9112, 2.2); its time runs all the same."""
    with serving(protocol, Crowd(9)) as connect, connect() as connection:
        if begun:
            connection.sendall(begun)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        assert b"still open" not in trickled(connection, b"\r\n")


@pytest.mark.slow
@PROTOCOLS
def test_body_has_a_least_rate(
    protocol: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that trickles ends the connection; one that flows does not."""
    monkeypatch.setattr(connections, "_SLOW_START", 0.5)
    monkeypatch.setattr(connections, "_LEAST_RATE", 1000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    with serving(protocol, Crowd(9)) as connect:
        with connect() as connection:
            connection.sendall(head)
            assert trickled(connection, b"y") == b""
        with connect() as connection:
            connection.sendall(head)
            assert b" 200 " in trickled(connection, b"y" * 5000, 40)


@PROTOCOLS
def test_client_that_does_not_read_is_let_go(protocol: type[Any]) -> None:
    """Its answer does not stay in memory; a client that reads gets it whole."""
    crowd = Crowd(9)
    ask = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(protocol, crowd, patience=Patience(HEAD, HEAD)) as connect:
        with connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(ask)
            until = time.monotonic() + 10
            while not crowd.members and time.monotonic() < until:
                time.sleep(0.01)
            while crowd.members and time.monotonic() < until:
                time.sleep(0.02)
            assert not crowd.members
        with connect() as connection:
            connection.sendall(ask)
            got = 0
            while got < 8 * 1024 * 1024:
                got += len(connection.recv(1 << 20))


@PROTOCOLS
def test_connection_that_waits_gives_its_place_away(protocol: type[Any]) -> None:
    """At the limit the longest waiting one is closed, and a new one is answered."""
    crowd = Crowd(4)
    with serving(protocol, crowd, patience=Patience(60, 60)) as connect:
        with contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(connect()) for _ in range(40)]
            for connection in waiting[-4:]:
                connection.sendall(GET)
                assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            assert len(crowd.members) == 4
            for connection in waiting[:36]:
                with contextlib.suppress(ConnectionError):
                    assert connection.recv(10) == b""


@PROTOCOLS
def test_request_under_way_keeps_its_connection(protocol: type[Any]) -> None:
    """With as many requests under way as connections, a new one gets 503."""
    crowd = Crowd(3)
    with serving(protocol, crowd, patience=Patience(60, 60)) as connect:
        with contextlib.ExitStack() as stack:
            busy = [stack.enter_context(connect()) for _ in range(3)]
            for connection in busy:
                connection.sendall(WAIT)
            time.sleep(0.3)
            refused = stack.enter_context(connect())
            found = refused.recv(1000)
            assert found.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: " in found
            for connection in busy:
                assert connection.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.fixture(scope="module")
def certificate() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS settings of a server and of its clients."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


@PROTOCOLS
def test_handshake_has_a_total_time_and_counts(
    protocol: type[Any], certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """Silent clients are closed, by the clock or for others; a good one is answered."""
    crowd = Crowd(5)
    server, client = certificate
    with serving(protocol, crowd, context=server) as connect:
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(connect()) for _ in range(30)]
            time.sleep(0.1)
            assert len(crowd.members) <= 5
            with client.wrap_socket(connect(), server_hostname="localhost") as secure:
                for _ in range(3):
                    secure.sendall(GET)
                    assert secure.recv(1000).startswith(b"HTTP/1.1 200")
            for connection in silent:
                # Half a record, and nothing more.
                with contextlib.suppress(OSError):
                    assert b"still open" not in trickled(connection, b"\x16", 20)
            until = time.monotonic() + 5
            while crowd.members and time.monotonic() < until:
                time.sleep(0.02)
            assert not crowd.members
