"""Plain text and bytes: charset, byte order mark, and no decoding at all."""

from __future__ import annotations

import pytest

from naftiko.formats import decoding


def test_binary_is_unchanged() -> None:
    """A binary body is the very bytes that came."""
    body = b"\xff\xfe\x00"
    assert decoding.decode("binary", body, content_type="text/plain") is body


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"\xef\xbb\xbfa", "text/plain; charset=latin1", "a"),
        (b"\xe9", "text/plain; charset=latin1", "é"),
        ("é".encode(), "", "é"),
        ("é".encode(), "text/plain; charset=nonsense", "é"),
        (b"\xe9", "", "\ufffd"),
        ("é".encode("utf-16"), "", "é"),
        ("é".encode("utf-32"), "", "é"),
    ],
)
def test_charset_of_a_text(body: bytes, content_type: str, text: str) -> None:
    """The byte order mark counts before the header, and UTF-8 without either."""
    assert decoding.decode("text", body, content_type=content_type) == text
