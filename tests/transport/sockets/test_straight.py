"""Requests straight over a blocking connection."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from naftiko.errors import RequestTimeout
from naftiko.transport.http import HttpTransport
from naftiko.transport.messages import Request
from naftiko.transport.sockets.blocking import BlockingConnections
from naftiko.transport.sockets.peers import Peer, peer_of
from naftiko.transport.sockets.straight import Fields, exchange
from naftiko.transport.wire.heads import Unreadable
from naftiko.transport.wire.request_heads import request_head
from naftiko.transport.wire.responses import BrokenOff, NothingCame
from support.recorder import Recorder, response

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def opened(
    connections: BlockingConnections, method: str = "GET", **headers: str
) -> Any:
    """Send a request; return its response."""
    head = request_head(method, "/x", "h.test", headers)
    return exchange(connections, head, b"", (5, 5), is_head=method == "HEAD")


def to(server: Recorder) -> BlockingConnections:
    """Return the connections to a server."""
    return BlockingConnections(peer_of(server.url, None), 9)


def test_connection_is_used_again_when_the_body_has_ended() -> None:
    """After a body with a length, in chunks, or none at all."""
    answers = iter([OK, CHUNKED, b"HTTP/1.1 204 No Content\r\n\r\n", OK])
    with Recorder(lambda _: next(answers)) as server:
        pool = to(server)
        bodies = [opened(pool).read() for _ in range(4)]
        assert bodies == [b"ok", b"ab", b"", b"ok"]
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        (OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), {}),
        (OK, {"Connection": "close"}),
        (OK + b"more", {}),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", {}),
    ],
)
def test_connection_that_must_not_be_used_again_is_closed(
    answer: bytes, headers: dict[str, str]
) -> None:
    """Bytes behind a response never reach the next request."""
    with Recorder(answer) as server:
        pool = to(server)
        for _ in range(2):
            assert opened(pool, **headers).read() == b"ok"
        assert server.connections == 2


def test_response_that_is_not_read_to_its_end_is_closed() -> None:
    """Its connection cannot be used for another."""
    with Recorder(response("x" * 100_000)) as server:
        pool = to(server)
        first = opened(pool)
        assert len(first.read1(10)) == 10
        first.close()
        first.close()
        assert len(opened(pool).read()) == 100_000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", NothingCame),
        (b"HTTP/1.1 200 OK\r\nContent-", BrokenOff),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", BrokenOff),
        (b"SSH-2.0-x\r\n", Unreadable),
    ],
)
def test_response_that_ends_too_early(answer: bytes, error: type[Exception]) -> None:
    """Before it has begun, in its head or in its body; or that is none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pool = BlockingConnections(Peer(*listener.getsockname()), 9)

        def serve() -> None:
            accepted, _ = listener.accept()
            accepted.recv(65536)
            accepted.sendall(answer)
            accepted.close()

        serving = threading.Thread(target=serve)
        serving.start()
        with pytest.raises(error):
            opened(pool).read()
        serving.join()


def test_silence_is_a_timeout() -> None:
    """Of the time between two parts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pool = BlockingConnections(Peer(*listener.getsockname()), 9)
        head = request_head("GET", "/", "h", {})
        with pytest.raises(TimeoutError):
            exchange(pool, head, b"", (5, 0.05), is_head=False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(RequestTimeout, match="no response within the timeout"):
            HttpTransport().send(Request("GET", url), timeout=0.05)


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError(), ConnectionResetError(), ssl.SSLEOFError(8, "EOF occurred")],
)
def test_answer_before_the_request_was_read_is_read(error: OSError) -> None:
    """The server refuses a large body, and closes while it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pool = BlockingConnections(Peer(*listener.getsockname()), 9)
        connection = pool.take(5)
        accepted, _ = listener.accept()
        pool.give_back(connection)

        class Broken:
            """A socket on which nothing can be written any more."""

            def __init__(self, inner: Any) -> None:
                self.inner = inner

            def __getattr__(self, name: str) -> Any:
                return getattr(self.inner, name)

            def sendall(self, data: bytes) -> None:
                accepted.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                raise error

        broken: Any = Broken(connection.sock)
        connection.sock = broken
        head = request_head("POST", "/", "h", {"Content-Length": "9"})
        response = exchange(pool, head, b"x" * 9, (5, 5), is_head=False)
        assert response.status == 413
        accepted.close()


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
@pytest.mark.parametrize("is_whole", [True, False])
def test_body_arrives_whole(size: int, is_whole: bool) -> None:
    """Each part of a large one has a time of its own."""
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with Recorder(OK) as server:
        head = request_head("POST", "/", "h", {"Content-Length": str(size)})
        parts = [body[at : at + 1000] for at in range(0, size, 1000)]
        content = body if is_whole else parts
        answer = exchange(to(server), head, content, (5, 5), is_head=False)
        assert answer.read() == b"ok"
        assert server.last.body == body


def test_malformed_body_is_told_where_it_is_read() -> None:
    """The head came in the same packet, and is there; nothing is taken for data."""
    with Recorder(CHUNKED.replace(b"1\r\na", b"zz\r\na")) as server:
        pool = to(server)
        for read in (lambda r: r.read(), lambda r: r.read1(9)):
            got = opened(pool)
            assert got.status == 200
            with pytest.raises(Unreadable, match="hexadecimal"):
                read(got)
        assert server.connections == 2


def test_connection_is_closed_when_a_body_fails() -> None:
    """Half a request must not be followed by another."""

    def failing() -> Iterator[bytes]:
        yield b"x"
        raise RuntimeError

    with Recorder(OK) as server:
        pool = to(server)
        head = request_head("POST", "/", "h", {"Content-Length": "2"})
        with pytest.raises(RuntimeError):
            exchange(pool, head, failing(), (5, 5), is_head=False)
        assert opened(pool).read() == b"ok"
        assert server.connections == 2


def test_tls_is_spoken() -> None:
    """Over a context of our own CA."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Recorder(OK, tls=context) as server, authority.cert_pem.tempfile() as path:
        transport = HttpTransport(verify=path)
        answer = transport.send(Request("GET", server.url), timeout=5)
        transport.close()
        assert answer.body == b"ok"


def test_fields_are_compared_without_case() -> None:
    """Repeated ones are joined, or told apart."""
    fields = Fields([("A", "1"), ("a", "2"), ("B", "3")])
    assert fields.get_all("a") == ["1", "2"]
    assert fields.get("A") == "1, 2"
    assert fields.get("c") is None
    assert "b" in fields
    assert "c" not in fields
    assert fields.pairs[2] == ("B", "3")
