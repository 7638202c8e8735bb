"""Malformed responses: both senders read them alike, and never take framing for data.

Each case is sent twice by each sender, and then an ordinary request over the same
transport: a connection that is used again must not give bytes of the case.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from naftiko.errors import TransportError
from naftiko.transport.aio import AioTransport
from naftiko.transport.http import HttpTransport
from naftiko.transport.messages import Request

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'{"ok":1}'
PACKED = gzip.compress(BODY, mtime=0)
TWICE = gzip.compress(PACKED, mtime=0)
TE = b"Transfer-Encoding: chunked"
UNREADABLE = "the response cannot be read"
BROKEN = "the response broke off"
FOUND = b"HTTP/1.1 302 Found\r\n"


def chunks(body: bytes = BODY, size: bytes = b"", end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a body as one chunk."""
    return (size or b"%x" % len(body)) + b"\r\n" + body + b"\r\n" + end


def made(*lines: bytes, body: bytes = BODY, start: bytes = OK) -> bytes:
    """Return a response with these field lines."""
    return start + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def sized(*lines: bytes, body: bytes = BODY, start: bytes = OK) -> bytes:
    """Return a response with these field lines and a `Content-Length`."""
    length = b"Content-Length: %d" % len(body)
    return made(*lines, length, body=body, start=start)


class Case(NamedTuple):
    """A response; the body or the error that it gives; and the status if not 200."""

    response: bytes
    expected: bytes | str = BODY
    status: int = 200


CASES = {
    "no colon": Case(made(b"garbage", TE, body=chunks())),
    "blank before colon": Case(made(b"X-A : b", TE, body=chunks())),
    "blank before colon of framing": Case(
        made(b"Transfer-Encoding : chunked", body=chunks())
    ),
    "blank in name": Case(made(b"My Name: b", TE, body=chunks())),
    "bare CR": Case(made(b"X: a\rb", TE, body=chunks())),
    "continuation line": Case(made(b"X: a", b"  b", TE, body=chunks())),
    "NUL": Case(sized(b"X: a\0b")),
    "other controls": Case(sized(b"X: a\x1b\x01\x0b\x7fb")),
    "200 fields": Case(sized(*[b"X: a"] * 200)),
    "2000 fields": Case(sized(*[b"X: a"] * 2000), UNREADABLE),
    "line of 60,000 bytes": Case(sized(b"X: " + b"a" * 60_000)),
    "line of 100,000 bytes": Case(sized(b"X: " + b"a" * 100_000), UNREADABLE),
    "head of a megabyte": Case(sized(*[b"X: " + b"a" * 60_000] * 20), UNREADABLE),
    "204 with a length": Case(sized(start=b"HTTP/1.1 204 X\r\n"), b"", 204),
    "204 with chunks": Case(
        made(TE, body=chunks(), start=b"HTTP/1.1 204 X\r\n"), b"", 204
    ),
    "304 with a length": Case(
        made(b"Content-Length: 8", body=b"", start=b"HTTP/1.1 304 X\r\n"), b"", 304
    ),
    "304 with a body": Case(sized(start=b"HTTP/1.1 304 X\r\n"), b"", 304),
    "length twice": Case(sized(b"Content-Length: 8")),
    "length 8, 8": Case(made(b"Content-Length: 8, 8")),
    "two lengths": Case(sized(b"Content-Length: 5"), UNREADABLE),
    "length -8": Case(made(b"Content-Length: -8"), UNREADABLE),
    "length and chunks": Case(made(b"Content-Length: 3", TE, body=chunks())),
    "gzip, chunked": Case(
        made(b"Transfer-Encoding: gzip, chunked", body=chunks(PACKED))
    ),
    "gzip to the end": Case(made(b"Transfer-Encoding: gzip", body=PACKED)),
    "blank after chunked": Case(made(TE + b" ", body=chunks())),
    "chunked twice": Case(made(TE, TE, body=chunks()), UNREADABLE),
    "unknown coding": Case(made(TE + b", foo", body=chunks()), UNREADABLE),
    "chunks in HTTP/1.0": Case(made(TE, body=chunks(), start=b"HTTP/1.0 200 OK\r\n")),
    "two codings in two lines": Case(
        sized(b"Content-Encoding: gzip", b"Content-Encoding: gzip", body=TWICE)
    ),
    "transfer and content coding": Case(
        made(
            b"Content-Encoding: gzip",
            b"Transfer-Encoding: gzip, chunked",
            body=chunks(TWICE),
        )
    ),
    "blank after coding": Case(sized(b"Content-Encoding: gzip ", body=PACKED)),
    "one location twice": Case(
        sized(b"Location: /fine", b"Location: /fine", start=FOUND), b"fine"
    ),
    "two locations": Case(
        sized(b"Location: /fine", b"Location: /x", start=FOUND), "two different"
    ),
    "blanks around location": Case(
        sized(b"Location: \t/fine \t", start=FOUND), b"fine"
    ),
    "no reason": Case(sized(start=b"HTTP/1.1 200\r\n")),
    "reason of bytes": Case(sized(start=b"HTTP/1.1 404 Non trouv\xe9\r\n"), BODY, 404),
    "HTTP/1.0": Case(made(start=b"HTTP/1.0 200 OK\r\n")),
    "HTTP/2": Case(sized(start=b"HTTP/2 200 OK\r\n"), UNREADABLE),
    "interim responses": Case(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: </a>\r\n\r\n" + sized()
    ),
    "1500 interim responses": Case(
        b"HTTP/1.1 103 X\r\n\r\n" * 1500 + sized(), UNREADABLE
    ),
    "status 600": Case(sized(start=b"HTTP/1.1 600 X\r\n"), BODY, 600),
    "status 99": Case(sized(start=b"HTTP/1.1 99 X\r\n"), UNREADABLE),
    "body too short": Case(made(b"Content-Length: 20"), BROKEN),
    "extensions of chunks": Case(
        made(TE, body=chunks(size=b'08 ;a=b;c="d"', end=b"00;x\r\n\r\n"))
    ),
    "trailer": Case(made(TE, body=chunks(end=b"0\r\nX: 1\r\n\r\n"))),
    "trailer cut off": Case(made(TE, body=chunks(end=b"0\r\n"))),
    "chunks cut off": Case(made(TE, body=chunks(end=b"")), BROKEN),
    "chunk cut off": Case(made(TE, body=b"20\r\n{"), BROKEN),
    "size of letters": Case(made(TE, body=chunks(size=b"zz")), UNREADABLE),
    "size with a sign": Case(made(TE, body=chunks(size=b"+8")), UNREADABLE),
    "size too small": Case(made(TE, body=chunks(size=b"5")), UNREADABLE),
    "bytes after chunks": Case(made(TE, body=chunks() + b"more")),
    "bytes after the end": Case(sized() + b"more"),
    "another response after the end": Case(sized() + sized(body=b"forged")),
    "LF alone": Case(sized().replace(b"\r\n", b"\n")),
    "no HTTP": Case(b"SSH-2.0-OpenSSH\r\n", UNREADABLE),
    "no line": Case(b"\x15\x03\x01\x00\x02", UNREADABLE),
    "nothing": Case(b"", "closed the connection without a response"),
    "head cut off": Case(b"HTTP/1.1 200 OK\r\nContent-Ty", BROKEN),
}
NAMES = list(CASES)


class _Wire:
    """A server that answers the path `/N` with the bytes of case N."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A client that has read enough closes its end.
        with suppress(OSError), connection:
            while asked := self._asked(connection):
                target = asked.split(b" ")[1].decode().removeprefix("/")
                if not target.isdigit():
                    connection.sendall(sized(body=b"fine"))
                    continue
                response = CASES[NAMES[int(target)]].response
                connection.sendall(response)
                if response != sized():
                    # The end of the connection, so that nothing has to time out.
                    connection.shutdown(socket.SHUT_WR)

    def _asked(self, connection: socket.socket) -> bytes:
        asked = b""
        while b"\r\n\r\n" not in asked:
            part = connection.recv(65536)
            if not part:
                return b""
            asked += part
        return asked

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


@pytest.fixture(scope="module")
def wire() -> Iterator[_Wire]:
    """Run the server."""
    server = _Wire()
    yield server
    server.close()


@pytest.fixture(scope="module")
def senders() -> Iterator[list[Any]]:
    """Return both senders, as functions from a request to its result."""
    runner = asyncio.Runner()
    blocking = HttpTransport(trust_env=False)

    async def new() -> AioTransport:
        return AioTransport(trust_env=False)

    aio = runner.run(new())

    def send_blocking(request: Request) -> Any:
        return told(lambda: blocking.send(request, timeout=5))

    def send_aio(request: Request) -> Any:
        return told(lambda: runner.run(aio.send(request, timeout=5)))

    yield [send_blocking, send_aio]
    blocking.close()
    runner.run(aio.close())
    runner.close()


def told(send: Any) -> Any:
    """Return what came of a request, as values that can be compared."""
    try:
        answer = send()
    except TransportError as error:
        return error.message, error.hint
    return answer.status, answer.reason, answer.headers.pairs, answer.body


@pytest.mark.parametrize("name", NAMES)
def test_response_is_read_alike_by_both_senders(
    name: str, wire: _Wire, senders: list[Any]
) -> None:
    """The result is right, or an error that says why; the next response is right."""
    case = CASES[name]
    request = Request("GET", f"{wire.url}/{NAMES.index(name)}")
    results = []
    for send in senders:
        results += [send(request), send(request)]
        after = send(Request("GET", f"{wire.url}/x"))
        assert (after[0], after[-1]) == (200, b"fine")
    assert all(result == results[0] for result in results[1:])
    result = results[0]
    if isinstance(case.expected, str):
        assert case.expected in result[0]
        assert "no connection" not in result[0]
    else:
        assert (result[0], result[-1]) == (case.status, case.expected)


def test_repeated_fields_stay_apart(wire: _Wire, senders: list[Any]) -> None:
    """`Set-Cookie` is no list: its values hold commas."""
    cookies = (
        b"Set-Cookie: a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT",
        b"Set-Cookie: b=2",
    )
    CASES["cookies"] = Case(sized(*cookies))
    NAMES.append("cookies")
    for send in senders:
        pairs = send(Request("GET", f"{wire.url}/{len(NAMES) - 1}"))[2]
        assert [value[:3] for name, value in pairs if name == "Set-Cookie"] == [
            "a=1",
            "b=2",
        ]
