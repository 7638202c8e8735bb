r"""A body in chunks → its bytes (RFC 9112, 7.1).

    b"5;x=y\r\nhello\r\n0\r\nTrailer: 1\r\n\r\n"  →  b"hello"

The size of a chunk is never taken for data: one that is malformed ends the body with
`Unreadable`. This module must not know how bytes arrive.
"""

from __future__ import annotations

import re

from naftiko.transport.wire.heads import MAX_FIELDS, MAX_LINE, Unreadable

# A text, which is compiled for the first body in chunks.
_SIZE = rb"(?s)([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n"

SIZE_TOO_LONG = f"the size of a chunk has over {MAX_LINE:,} bytes"
NO_END = "a chunk does not end where its size says"
TRAILER_TOO_LONG = f"its trailer has over {MAX_FIELDS} fields, or a longer line"


def chunk_size(line: bytes) -> int:
    r"""Return the size of the chunk that follows a line: `b"1a;x=y\r\n"` is 26.

    Raises:
        Unreadable: The line is no size.
    """
    size = re.fullmatch(_SIZE, line)
    if size is None:
        raise Unreadable("the size of a chunk is not a hexadecimal number")
    return int(size[1], 16)


class ChunkReader:
    """Read a body in chunks, in pieces as they arrive.

    Attributes:
        is_over: The body and its trailer have ended.
        is_whole: All bytes of the body are there; only the trailer may be missing.
        rest: Bytes after the end.
        fault: What is malformed, behind the bytes that were returned last if any were.
    """

    __slots__ = (
        "_fields", "_is_inside", "_left", "_line", "fault", "is_over", "is_whole",
        "rest",
    )  # fmt: skip

    def __init__(self) -> None:
        self._line = b""
        self._left = 0
        self._is_inside = False
        self._fields = 0
        self.is_whole = False
        self.is_over = False
        self.rest = b""
        self.fault: Unreadable | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the body in a piece of the stream.

        Raises:
            Unreadable: The chunks are malformed, and no bytes are there before that.
        """
        if self._left > len(data):
            self._left -= len(data)
            return data
        found: list[bytes] = []
        try:
            self._split(data, found)
        except Unreadable as error:
            self.fault = error
            if not found:
                raise
        return found[0] if len(found) == 1 else b"".join(found)

    def _split(self, data: bytes, found: list[bytes]) -> None:
        """Add the bytes of the body in a piece of the stream to those found."""
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._keep(data[at:])
                break
            line = data[at : end + 1]
            at = end + 1
            if self._line:
                line, self._line = self._line + line, b""
            if len(line) > MAX_LINE:
                raise Unreadable(SIZE_TOO_LONG)
            self._read(line)
            if self.is_over:
                self.rest = data[at:]
                break

    def _keep(self, part: bytes) -> None:
        """Keep the beginning of a line whose end has not come."""
        self._line += part
        if self._is_inside and self._line != b"\r":
            raise Unreadable(NO_END)
        if len(self._line) > MAX_LINE:
            raise Unreadable(SIZE_TOO_LONG)

    def _read(self, line: bytes) -> None:
        """Read a line of the framing: the end of a chunk, a size, or a trailer."""
        is_empty = line in (b"\r\n", b"\n")
        if self.is_whole:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise Unreadable(TRAILER_TOO_LONG)
            self.is_over = is_empty
        elif self._is_inside:
            if not is_empty:
                raise Unreadable(NO_END)
            self._is_inside = False
        else:
            self._left = chunk_size(line)
            self.is_whole = not self._left
            self._is_inside = bool(self._left)
