r"""`ResponseReader`: the bytes of one response, in pieces → its head and its body.

    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")  →  b"he"
    reader.feed(b"llo")  →  b"llo", and `is_over`

Any pieces give the same response. Interim responses are left out. This module must not
know how bytes arrive.
"""

from __future__ import annotations

import re

from naftiko.transport.wire.chunks import ChunkReader
from naftiko.transport.wire.heads import (
    BEGINNING,
    HEAD_TOO_LONG,
    LINE_TOO_LONG,
    MAX_HEAD,
    MAX_INTERIM,
    MAX_LINE,
    NO_HTTP,
    TOO_MANY_INTERIM,
    ResponseHead,
    Unreadable,
    parse_head,
)
from naftiko.transport.wire.plain_heads import plain_head

#: Bytes of a body that are read, or written, at once.
CHUNK = 64 * 1024
# A text, which is compiled for the first head that is not plain.
_END_OF_HEAD = rb"\n\r?\n"


class NothingCame(Exception):
    """A connection was closed before a response began."""


class BrokenOff(Exception):
    """A connection was closed within a response."""


class ResponseReader:
    """Read one response after the other, each after `begin`.

    Attributes:
        head: The head, once it is complete.
        is_over: The response has ended.
        can_stay: The connection can be used again: so says the head, and no bytes came
            behind the end.
    """

    __slots__ = (
        "_came", "_chunks", "_interim", "_is_head", "_left", "can_stay", "head",
        "is_over",
    )  # fmt: skip

    def __init__(self) -> None:
        self.begin(is_head=False)

    def begin(self, *, is_head: bool) -> None:
        """Expect a response, to a HEAD request or another."""
        self._is_head = is_head
        #: The beginning of a head, until it is complete.
        self._came = b""
        self._interim = 0
        #: Bytes of the body that are still to come; `None` for a body without length.
        self._left: int | None = None
        self._chunks: ChunkReader | None = None
        self.head: ResponseHead | None = None
        self.is_over = False
        self.can_stay = True

    @property
    def fault(self) -> Unreadable | None:
        """What is malformed behind the bytes that were returned last."""
        return None if self._chunks is None else self._chunks.fault

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the body in a piece of the stream.

        Raises:
            Unreadable: The response is malformed, or over a limit; see `fault` too.
        """
        if self.head is not None:
            return self._body(data)
        if not self._came and not self._is_head:
            plain = plain_head(data)
            if plain is not None:
                # The usual response, whole or at least its head.
                head, end = plain
                self.head, self._left = head, head.length
                return self._body(data[end:])
        return self._read_head(data)

    def end(self) -> None:
        """Take note that the connection was closed.

        Raises:
            NothingCame: No part of a response was there.
            BrokenOff: A part of it is missing.
        """
        if self.is_over:
            return
        if self.head is None:
            raise BrokenOff if self._came else NothingCame
        # Only the trailer may be missing.
        is_whole = self._chunks.is_whole if self._chunks else self._left is None
        if not is_whole:
            raise BrokenOff
        self.is_over, self.can_stay = True, False

    def _body(self, data: bytes) -> bytes:
        if self.is_over:
            self._leave_out(data)
            return b""
        if self._chunks is not None:
            body = self._chunks.feed(data)
            if self._chunks.is_over:
                self.is_over = True
                self._leave_out(self._chunks.rest)
            return body
        left = self._left
        if left is None:
            return data
        if len(data) < left:
            self._left = left - len(data)
            return data
        self.is_over = True
        if len(data) == left:
            return data
        self._leave_out(data[left:])
        return data[:left]

    def _leave_out(self, data: bytes) -> None:
        """Leave out bytes behind the end: the connection must not be used again."""
        if data.strip(b"\r\n"):
            self.can_stay = False

    def _read_head(self, data: bytes) -> bytes:
        begin = max(len(self._came) - 3, 0)
        came = self._came + data
        pattern = re.compile(_END_OF_HEAD)
        while True:
            if came[:1] in (b"\r", b"\n"):
                came, begin = came.lstrip(b"\r\n"), 0
            if came[: len(BEGINNING)] != BEGINNING[: len(came)]:
                raise Unreadable(NO_HTTP)
            end = pattern.search(came, begin)
            if end is None:
                if len(came) > MAX_HEAD:
                    raise Unreadable(HEAD_TOO_LONG)
                if len(came) - came.rfind(b"\n") > MAX_LINE + 1:
                    raise Unreadable(LINE_TOO_LONG)
                self._came = came
                return b""
            head = parse_head(came[: end.end()], is_head=self._is_head)
            came, begin = came[end.end() :], 0
            if not head.is_interim:
                return self._begin_body(head, came)
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise Unreadable(TOO_MANY_INTERIM)

    def _begin_body(self, head: ResponseHead, body: bytes) -> bytes:
        self._came = b""
        self.head = head
        # After 101 the connection speaks another protocol.
        self.can_stay = head.stays_open and head.status != 101
        if head.is_chunked:
            self._chunks = ChunkReader()
        self._left = head.length
        try:
            return self._body(body)
        except Unreadable:
            return b""  # the head can be used; `fault` is for whoever reads the body
