"""Requests straight over a connection of a pool of `urllib3`."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any

import pytest
import trustme
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from naftiko.errors import RequestTimeout
from naftiko.transport.http import HttpTransport
from naftiko.transport.messages import Request
from naftiko.transport.sockets.straight import Fields, StraightResponse, exchange
from naftiko.transport.wire.heads import Unreadable
from naftiko.transport.wire.request_heads import request_head
from support.recorder import Recorder, response

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def opened(pool: HTTPConnectionPool, method: str = "GET", **headers: str) -> Any:
    """Send a request; return its response."""
    head = request_head(method, "/x", "h.test", headers)
    return exchange(pool, head, b"", (5, 5), url="/x", is_head=method == "HEAD")


def pool_of(server: Recorder) -> HTTPConnectionPool:
    """Return a pool of connections to a server."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    return HTTPConnectionPool(host, int(port))


def test_connection_is_used_again_when_the_body_has_ended() -> None:
    """After a body with a length, in chunks, or none at all."""
    answers = iter([OK, CHUNKED, b"HTTP/1.1 204 No Content\r\n\r\n", OK])
    with Recorder(lambda _: next(answers)) as server:
        pool = pool_of(server)
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
        pool = pool_of(server)
        for _ in range(2):
            assert opened(pool, **headers).read() == b"ok"
        assert server.connections == 2


def test_response_that_is_not_read_to_its_end_is_closed() -> None:
    """Its connection cannot be used for another."""
    with Recorder(response("x" * 100_000)) as server:
        pool = pool_of(server)
        first = opened(pool)
        assert len(first.read1(10)) == 10
        first.close()
        first.close()
        assert len(opened(pool).read()) == 100_000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", ProtocolError),
        (b"SSH-2.0-x\r\n", Unreadable),
    ],
)
def test_failures_are_those_of_urllib3(answer: bytes, error: type[Exception]) -> None:
    """So that both ways to send have the same messages."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pool = HTTPConnectionPool("127.0.0.1", listener.getsockname()[1])

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
        pool = HTTPConnectionPool(*listener.getsockname())
        head = request_head("GET", "/", "h", {})
        with pytest.raises(ReadTimeoutError):
            exchange(pool, head, b"", (5, 0.05), url="/", is_head=False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(RequestTimeout, match="no response within the timeout"):
            HttpTransport().send(Request("GET", url), timeout=0.05)


def test_answer_before_the_request_was_read_is_read() -> None:
    """The server refuses a large body, and closes while it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        pool = HTTPConnectionPool("127.0.0.1", port)
        connection = pool._get_conn()
        connection.connect()
        accepted, _ = listener.accept()
        accepted.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        accepted.shutdown(socket.SHUT_WR)

        class Broken:
            """A socket on which nothing can be written any more."""

            def __init__(self, inner: Any) -> None:
                self.inner = inner

            def __getattr__(self, name: str) -> Any:
                return getattr(self.inner, name)

            def sendall(self, data: bytes) -> None:
                raise BrokenPipeError

        connection.sock = Broken(connection.sock)
        response = StraightResponse(pool, connection, "/", can_stay=True)
        pool._put_conn(connection)
        pool._validate_conn = lambda _: None  # type: ignore[method-assign]
        pool._get_conn = lambda timeout=None: connection  # type: ignore[method-assign]
        head = request_head("POST", "/", "h", {"Content-Length": "9"})
        response = exchange(pool, head, b"x" * 9, (5, 5), url="/", is_head=False)
        assert response.status == 413
        accepted.close()


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
    assert fields.getlist("a") == ["1", "2"]
    assert fields.get("A") == "1, 2"
    assert fields.get("c") is None
    assert "b" in fields
    assert "c" not in fields
    assert fields.iteritems()[2] == ("B", "3")
