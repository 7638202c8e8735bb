"""A body in chunks, read in pieces of any size."""

from __future__ import annotations

import pytest

from naftiko.transport.wire.chunks import ChunkReader, Unreadable, chunk_size
from naftiko.transport.wire.heads import MAX_FIELDS, MAX_LINE

BODIES = [
    b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
    b'0b;a;b="c"\r\nhello world\r\n000\r\nX: 1\r\nY: 2\r\n\r\n',
    b"B \nhello world\n0\n\n",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("body", BODIES)
def test_body_is_read_in_pieces_of_any_size(body: bytes, size: int) -> None:
    """Extensions and trailers are left out; bytes after the end are told apart."""
    reader = ChunkReader()
    found, rest = b"", b""
    body += b"more"
    for begin in range(0, len(body), size):
        piece = body[begin : begin + size]
        if reader.is_over:
            rest += piece
            continue
        found += reader.feed(piece)
        rest += reader.rest
    assert (found, rest) == (b"hello world", b"more")
    assert reader.is_whole


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n", b"0x5\r\n", b"-5\r\n", b"+5\r\n", b"1_0\r\n", b"\r\n", b" 5\r\n",
        b"5\r\nhello!", b"5\r\nhello\rx", b"f" * 16 + b"\r\n", b"5;" + b"x" * MAX_LINE,
        b"0\r\n" + b"X: y\r\n" * (MAX_FIELDS + 1), b"0\r\n" + b"x" * (MAX_LINE + 1),
        b'{"ok":1}\r\n',
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 100_000])
def test_malformed_framing_is_refused(body: bytes, size: int) -> None:
    """The framing is never taken for data, however the bytes arrive."""
    reader = ChunkReader()
    if size == 1 and len(body) > 1000:
        size = 5000
    pieces = [body[begin : begin + size] for begin in range(0, len(body), size)]

    def read() -> None:
        for piece in pieces:
            reader.feed(piece)
            if reader.fault is not None:
                raise reader.fault

    with pytest.raises(Unreadable):
        read()


def test_bytes_before_malformed_framing_are_given() -> None:
    """Whoever reads a stream gets what came, and then the error."""
    reader = ChunkReader()
    assert reader.feed(b"2\r\nok\r\nzz\r\n") == b"ok"
    assert "hexadecimal" in str(reader.fault)


def test_body_without_its_trailer_is_whole() -> None:
    """Some servers close the connection before the last line."""
    reader = ChunkReader()
    assert reader.feed(b"2\r\nok\r\n0\r\n") == b"ok"
    assert reader.is_whole
    assert not reader.is_over


def test_size_of_a_chunk_is_hexadecimal() -> None:
    """The size may have zeros before and an extension after it."""
    assert chunk_size(b"001a;name=value\r\n") == 26
