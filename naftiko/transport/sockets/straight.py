"""One request over a blocking connection, and its response.

    exchange(connections, head, b"{…}", timeouts)  →  StraightResponse

The bytes are read by the rules of `wire`. A failure is raised as it comes; `failures`
names it. This module must not know requests of ours, redirects or credentials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.transport.wire.responses import CHUNK, ResponseReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.transport.sockets.blocking import (
        BlockingConnection,
        BlockingConnections,
    )
    from naftiko.transport.wire.request_heads import RequestHead

#: Bytes of a body that are written with its head; each further part has a time of its
#: own.
_AT_ONCE = CHUNK
#: What TLS raises where a plain socket raises `BrokenPipeError`.
_BROKEN = frozenset(("SSLEOFError", "SSLZeroReturnError"))


class Fields:
    """The fields of a response; names are compared without case."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def get_all(self, name: str) -> list[str]:
        """Return every value of a name, in the order in which they came."""
        folded = name.lower()
        return [value for known, value in self.pairs if known.lower() == folded]

    def get(self, name: str) -> str | None:
        """Return the values of a name, joined; `None` without one."""
        return ", ".join(values) if (values := self.get_all(name)) else None

    def __contains__(self, name: str) -> bool:
        folded = name.lower()
        return any(known.lower() == folded for known, _ in self.pairs)


class StraightResponse:
    """A response whose body is read from its connection.

    Attributes:
        status: The status code.
        reason: The reason phrase.
        headers: Its fields.
        length_remaining: Bytes of the body that are still to come; `None` when it ends
            otherwise.
    """

    __slots__ = (
        "_can_stay", "_connection", "_first", "_owner", "_reader", "headers",
        "length_remaining", "reason", "status",
    )  # fmt: skip

    def __init__(
        self,
        owner: BlockingConnections,
        connection: BlockingConnection,
        *,
        can_stay: bool,
    ) -> None:
        self._owner = owner
        self._connection: BlockingConnection | None = connection
        self._can_stay = can_stay
        self._reader = ResponseReader()
        self._first = b""

    def begin(self, *, is_head: bool) -> None:
        """Read the head."""
        reader = self._reader
        reader.begin(is_head=is_head)
        while (head := reader.head) is None:
            self._first = self._receive()
        self.status, self.reason = head.status, head.reason
        self.headers = Fields(head.pairs)
        self.length_remaining = head.length
        if head.length == 0 and not head.is_chunked:
            self._end()

    def _receive(self) -> bytes:
        """Return the next bytes of the body; note its end.

        A connection on which something went wrong is closed.
        """
        reader = self._reader
        try:
            if (fault := reader.fault) is not None:
                raise fault
            assert self._connection is not None
            data = self._connection.sock.recv(CHUNK)
            if data:
                return reader.feed(data)
            reader.end()
            return b""
        except BaseException:
            self.close()
            raise

    def read(self) -> bytes:
        """Return the rest of the body."""
        parts = [self._first] if self._first else []
        self._first = b""
        while not self._reader.is_over and self._connection is not None:
            parts.append(self._receive())
        self._end()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int) -> bytes:
        """Return the bytes that come next, at most so many; none at the end."""
        while not self._first and not self._reader.is_over:
            if self._connection is None:
                break
            self._first = self._receive()
        data, self._first = self._first[:size], self._first[size:]
        if self._reader.is_over and not self._first:
            self._end()
        return data

    def _end(self) -> None:
        """Give the connection back, once the body has ended."""
        reader, connection = self._reader, self._connection
        self.length_remaining = 0
        if connection is None or not reader.is_over:
            return
        self._connection = None
        if reader.can_stay and self._can_stay:
            self._owner.give_back(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def exchange(
    connections: BlockingConnections,
    head: RequestHead,
    content: bytes | Iterable[bytes],
    timeouts: tuple[float | None, float | None],
    *,
    is_head: bool,
) -> StraightResponse:
    """Send a request and return its response; the body is not read yet.

    Args:
        connections: Those to its origin.
        head: The head of the request.
        content: Its body, or the parts of it as they are sent.
        timeouts: Seconds to connect, and between two parts.
        is_head: The method is HEAD.

    Raises:
        NotInTime: There was no connection in time.
        Refused: There is none.
        NothingCame: The connection was closed instead of a response.
        BrokenOff: It was closed within the head.
        Unreadable: The response is malformed.
        OSError: The connection broke, or was silent for too long.
    """
    connection = connections.take(timeouts[0])
    try:
        connection.sock.settimeout(timeouts[1])
        try:
            _write(connection, head.data, content)
        except OSError as error:
            # The server may have answered before it had read all.
            if not (
                isinstance(error, (BrokenPipeError, ConnectionResetError))
                or type(error).__name__ in _BROKEN
            ):
                raise
    except BaseException:
        connection.close()
        raise
    response = StraightResponse(connections, connection, can_stay=head.can_stay)
    response.begin(is_head=is_head)
    return response


def _write(
    connection: BlockingConnection, head: bytes, content: bytes | Iterable[bytes]
) -> None:
    send = connection.sock.sendall
    if isinstance(content, bytes):
        send(head + content[:_AT_ONCE] if content else head)
        for begin in range(_AT_ONCE, len(content), CHUNK):
            send(content[begin : begin + CHUNK])
        return
    send(head)
    for part in content:
        send(part)
