"""One request over a pooled connection of `urllib3`, and its response.

    exchange(pool, head, b"{…}", timeouts)  →  StraightResponse

`urllib3` keeps, opens and checks the connections. What it does around each request for
others, and what `http.client` does below it, takes two thirds of a call, so the bytes
are written and read here, by the rules of `wire`. A failure is raised as `urllib3`
would raise it. This module must not know requests of ours, redirects or credentials.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPMessage, IncompleteRead, RemoteDisconnected
from ssl import SSLError as BaseSSLError
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import ProtocolError, ReadTimeoutError, SSLError

from naftiko.transport.wire.responses import BrokenOff, NothingCame, ResponseReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3 import HTTPConnectionPool

    from naftiko.transport.wire.request_heads import RequestHead

_CHUNK = 65_536


class Fields:
    """The fields of a response; names are compared without case."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def getlist(self, name: str) -> list[str]:
        """Return every value of a name, in the order in which they came."""
        folded = name.lower()
        return [value for known, value in self._pairs if known.lower() == folded]

    def get(self, name: str) -> str | None:
        """Return the values of a name, joined; `None` without one."""
        return ", ".join(values) if (values := self.getlist(name)) else None

    def __contains__(self, name: str) -> bool:
        folded = name.lower()
        return any(known.lower() == folded for known, _ in self._pairs)

    def iteritems(self) -> list[tuple[str, str]]:
        """Return names and values as they came."""
        return self._pairs


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
        "_can_stay", "_connection", "_first", "_pool", "_reader", "_url", "headers",
        "length_remaining", "reason", "status",
    )  # fmt: skip

    def __init__(
        self, pool: HTTPConnectionPool, connection: Any, url: str, *, can_stay: bool
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._url = url
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
            with _as_urllib3(self._pool, self._url):
                data = self._connection.sock.recv(_CHUNK)
                if data:
                    return reader.feed(data)
                reader.end()
                return b""
        except BaseException:
            self.close()
            raise

    def read(self, size: int | None = None, *, decode_content: bool = False) -> bytes:
        """Return the rest of the body, or so many bytes of it at most."""
        if size is not None:
            return self.read1(size)
        parts = [self._first] if self._first else []
        self._first = b""
        while not self._reader.is_over and self._connection is not None:
            parts.append(self._receive())
        self._end()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int, *, decode_content: bool = False) -> bytes:
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
        if not (reader.can_stay and self._can_stay):
            connection.close()
        self._pool._put_conn(connection)

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            self._pool._put_conn(None)

    def release_conn(self) -> None:
        """Do nothing: the end of the body, or `close`, gave the connection back."""

    @property
    def _original_response(self) -> StraightResponse:
        """What jars of `requests` look into for cookies."""
        return self

    @property
    def msg(self) -> HTTPMessage:
        """The fields as a message of the standard library."""
        message = HTTPMessage()
        for name, value in self.headers.iteritems():
            message[name] = value
        return message


def exchange(
    pool: HTTPConnectionPool,
    head: RequestHead,
    content: bytes,
    timeouts: tuple[float | None, float | None],
    *,
    url: str,
    is_head: bool,
) -> StraightResponse:
    """Send a request and return its response; the body is not read yet.

    Args:
        pool: The connections to the origin.
        head: The head of the request.
        content: Its body.
        timeouts: Seconds to connect, and between two parts.
        url: What messages may call the target: no secrets.
        is_head: The method is HEAD.

    Raises:
        urllib3.exceptions.HTTPError: It failed, as `urllib3` says it.
        Unreadable: The response is malformed.
    """
    connection: Any = pool._get_conn()
    try:
        connection.timeout = timeouts[0]
        with _as_urllib3(pool, url):
            pool._validate_conn(connection)
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(timeouts[1])
            # The server may have answered before it had read all.
            with suppress(BrokenPipeError):
                connection.sock.sendall(head.data + content)
    except BaseException:
        connection.close()
        pool._put_conn(None)
        raise
    response = StraightResponse(pool, connection, url, can_stay=head.can_stay)
    response.begin(is_head=is_head)
    return response


@contextmanager
def _as_urllib3(pool: HTTPConnectionPool, url: str) -> Iterator[None]:
    """Raise what goes wrong on a connection as `urllib3` does."""
    try:
        yield
    except BaseSSLError as error:
        raise SSLError(error) from error
    except TimeoutError as error:
        raise ReadTimeoutError(pool, url, "Read timed out.") from error
    except NothingCame:
        told = RemoteDisconnected("nothing came")
        raise ProtocolError("Connection aborted.", told) from None
    except BrokenOff:
        cut = IncompleteRead(b"")
        raise ProtocolError("Connection broken", cut) from None
    except (OSError, HTTPException) as error:
        raise ProtocolError("Connection aborted.", error) from error
