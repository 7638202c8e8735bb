"""Heads that every parser reads alike, and all others."""

from __future__ import annotations

import pytest

from naftiko.transport.wire.heads import parse_head, write_head
from naftiko.transport.wire.plain_heads import plain_head

_LINES = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        _LINES,
        _LINES.replace(b"200 OK", b"404 "),
        _LINES.replace(b"text/plain", b'text/plain; charset="x y"'),
        _LINES.replace(
            b"5\r\n\r\n", b"0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"
        ),
    ],
)
def test_plain_head_needs_no_correction(head: bytes) -> None:
    """What is taken as it came is what `parse_head` would have written."""
    parsed = parse_head(head)
    assert plain_head(head + b"rest") == (len(head), parsed.length)
    assert parsed.stays_open
    assert write_head(parsed) == head


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"200", b"204"),
        (b"200", b"103"),
        (b"OK\r\n", b"OK\n"),
        (b"OK", b"OK\xe9"),
        (b"OK", b"OK "),
        (b"Type: ", b"Type : "),
        (b"Type: ", b"Type:"),
        (b"plain", b"plain "),
        (b"plain", b"plain\r\n more"),
        (b"plain", b"plain\r\nwithout colon"),
        (b"plain", b"plain\r\nContent-Type: text/html"),
        (b"plain", b"plain\r\nContent-Length: 5"),
        (b"plain", b"plain\r\nConnection: close"),
        (b"plain", b"plain\r\nTransfer-Encoding: chunked"),
        (b"plain", b"plain\r\nX: " + b"x" * 4096),
        (b"5", b"+5"),
        (b"5", b"5, 5"),
        (b"Content-Length: 5\r\n", b""),
    ],
)
def test_other_head_is_parsed(old: bytes, new: bytes) -> None:
    """A head that may be read in two ways is read by the rules of this package."""
    assert plain_head(_LINES.replace(old, new)) is None


def test_head_that_is_not_complete_is_waited_for() -> None:
    """No beginning of a head is taken for one."""
    assert not any(plain_head(_LINES[:end]) for end in range(len(_LINES)))
