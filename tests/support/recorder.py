"""A server on loopback that records each request byte for byte.

The server parses just enough HTTP/1.1 to read a request. The test chooses the answers.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Received(NamedTuple):
    """A raw request: `head` ends before the empty line; `body` is without chunks."""

    line: str
    head: bytes
    body: bytes
    connection: int

    @property
    def target(self) -> str:
        """The request target, between method and version of the request line."""
        return self.line.split(" ")[1]

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.line.split(" ")[0]

    @property
    def headers(self) -> dict[str, str]:
        """Lower-case name → value; a duplicate header fails the test."""
        found: dict[str, str] = {}
        for line in self.head.split(b"\r\n")[1:]:
            name, _, value = line.decode("latin-1").partition(":")
            assert name.lower() not in found, f"{name} was sent twice"
            found[name.lower()] = value.strip()
        return found


Answer = bytes | Callable[[Received], bytes | None]


def response(
    body: bytes | str = b"{}",
    status: str = "200 OK",
    content_type: str = "application/json",
    **headers: str,
) -> bytes:
    """Return a response with a length; `X_Name="v"` adds the header `X-Name`."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


class Recorder:
    """A recording server; a context manager.

    Args:
        answer: Bytes for each request, or a function; `None` closes the connection.
        host: Address to listen on, of IPv4 or IPv6.
        path: Unix socket to listen on instead of TCP.
        tls: TLS context of each connection.
    """

    def __init__(
        self,
        answer: Answer = response(),
        *,
        host: str = "127.0.0.1",
        path: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.connections = 0
        self.closed = threading.Event()
        self._tls = tls
        if path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self.url = f"unix://{path}"
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, 0), family=family)
            scheme = "https" if tls else "http"
            self.port = self._listener.getsockname()[1]
            named = "localhost" if tls else f"[{host}]" if ":" in host else host
            self.url = f"{scheme}://{named}:{self.port}"
        self._listener.listen(16)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def last(self) -> Received:
        """The last received request."""
        return self.received[-1]

    def drop_connections(self) -> None:
        """Close all open connections, as a server does with idle connections."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(connection,), daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        number = self.connections
        with contextlib.suppress(OSError, ValueError, ssl.SSLError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            for request in _requests(connection, number):
                self.received.append(request)
                answer = self.answer
                sent = answer if isinstance(answer, bytes) else answer(request)
                if sent is None:
                    break
                connection.sendall(sent)
                if b"\r\nConnection: close" in sent:
                    break
        with contextlib.suppress(OSError):
            connection.close()
        self.closed.set()


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(65536)
    if not chunk:
        raise ConnectionError("the request broke off")
    return chunk


def _requests(connection: socket.socket, number: int) -> Iterator[Received]:
    rest = b""
    while True:
        while b"\r\n\r\n" not in rest:
            chunk = connection.recv(65536)
            if not chunk:
                return
            rest += chunk
        head, _, rest = rest.partition(b"\r\n\r\n")
        folded = head.lower()
        body = b""
        if b"\r\ntransfer-encoding: chunked" in folded:
            while not rest.endswith(b"0\r\n\r\n"):
                rest += _more(connection)
            while rest:
                size, _, rest = rest.partition(b"\r\n")
                body += rest[: int(size, 16)]
                rest = rest[int(size, 16) + 2 :]
        elif b"\r\ncontent-length:" in folded:
            length = int(folded.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
            while len(rest) < length:
                rest += _more(connection)
            body, rest = rest[:length], rest[length:]
        line = head.split(b"\r\n")[0].decode("latin-1")
        yield Received(line, head, body, number)
