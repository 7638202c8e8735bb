"""Heads that every parser reads alike, and all others."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from naftiko.transport.wire.heads import Unreadable, parse_head
from naftiko.transport.wire.plain_heads import plain_head

_LINES = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        _LINES,
        _LINES.replace(b"200 OK", b"404 "),
        _LINES.replace(b"OK", b"Not  so good"),
        _LINES.replace(b"plain", b"plain\r\nConnection: Keep-Alive"),
        _LINES.replace(b"Length: 5", b"length: 18"),
        _LINES.replace(b"text/plain", b'text/plain; charset="x y"'),
        _LINES.replace(
            b"5\r\n\r\n", b"0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"
        ),
    ],
)
def test_plain_head_needs_no_correction(head: bytes) -> None:
    """It is what `parse_head` makes of it."""
    assert plain_head(head + b"rest") == (parse_head(head), len(head))


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
        (b"plain", b"plain\r\nConnection: keep-alive\r\nConnection: close"),
        (b"plain", b"plain\r\nContent-length : 5"),
        (b"plain", b"pl\rain"),
        (b"plain", b"plain\n"),
        (b"plain", b"pl\0ain"),
        (b"plain", b"pl\xe9in"),
        (b"5", b"\xb2"),
        (b"5", b"5" * 19),
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


_PARTS = (
    b"\r\n", b"\r", b"\n", b" ", b"\t", b": ", b":", b",", b"5", b"0", b"\0", b"\xe9",
    b"Content-Length: 5", b"Content-Type: a/b", b"Connection: keep-alive", b"X-A: b",
    b"Connection: close", b"Transfer-Encoding: chunked", b"content-", b"length", b"X",
)  # fmt: skip


@given(
    st.sampled_from(range(len(_LINES))), st.lists(st.sampled_from(_PARTS), max_size=5)
)
@example(15, [b"\r\n", b"Connection: keep-alive", b"\r\n"])
def test_plain_head_is_never_read_otherwise(at: int, parts: list[bytes]) -> None:
    """Whatever stands in a head: if it is plain, `parse_head` makes the same of it."""
    data = _LINES[:at] + b"".join(parts) + _LINES[at:]
    plain = plain_head(data)
    if plain is not None:
        head, end = plain
        try:
            assert parse_head(data[:end]) == head
        except Unreadable:
            raise AssertionError(data) from None
        assert data[:end].count(b"\r\n\r\n") == 1
        assert b"\n\n" not in data[:end]
