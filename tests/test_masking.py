"""`mask`: a secret is recognised in every encoding, and other text is unchanged."""

from __future__ import annotations

import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.masking import (
    Secret,
    has_marker,
    is_marker,
    marker,
    mask,
    plain,
    split_markers,
)

HARD = "S3 \"ä\\\\/&'<%+=?#\n\t;,😀"
WRITERS = {
    "plain": str,
    "percent": quote,
    "percent, slashes too": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "percent twice": lambda text: quote(quote(text)),
    "percent in small letters": lambda text: "".join(
        char if char.isascii() and char.isalnum() else quote(char, safe="").lower()
        for char in text
    ),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON as it is": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "repr": lambda text: repr(text)[1:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "HTML": html.escape,
    "HTML text": lambda text: html.escape(text, quote=False),
    "HTML twice": lambda text: html.escape(html.escape(text)),
    "JSON in HTML": lambda text: html.escape(json.dumps(text)[1:-1]),
}  # fmt: skip


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_secret_is_masked_in_every_encoding(write: object) -> None:
    """A secret is masked as URLs, JSON, Python and HTML encode it."""
    assert callable(write)
    secrets = (Secret("TOKEN", HARD),)
    assert mask(f"x={write(HARD)}&y", secrets) == "x=$TOKEN&y"


@given(
    value=st.text(min_size=1, max_size=12),
    before=st.text(max_size=5),
    writer=st.sampled_from(sorted(WRITERS)),
)
def test_arbitrary_secret_is_masked_in_every_encoding(
    value: str, before: str, writer: str
) -> None:
    """A generated secret is masked after any other text."""
    value = value.strip()
    if not value or any("\ud800" <= char <= "\udfff" for char in value):
        return
    written = WRITERS[writer](value)
    shown = mask(before + written, (Secret("A", value),))
    assert "$A" in shown
    # A very short secret may be a part of `$A`.
    assert written not in shown or len(value) < 3


@given(text=st.text(max_size=40))
def test_text_without_a_secret_is_unchanged(text: str) -> None:
    """Empty and blank secrets mask nothing."""
    assert mask(text, ()) == text
    assert mask(text, (Secret("A", ""), Secret("B", "  "))) == text
    assert mask(text, (Secret("A", "\x00no such text\x00"),)) == text


def test_longest_secret_is_masked_first() -> None:
    """A secret may be a part of another secret, or the name of another variable."""
    secrets = (Secret("A", "abc"), Secret("B", "abcdef"), Secret("C", "A"))
    assert mask("abcdef abc A", secrets) == "$B $A $C"


def test_secret_is_masked_without_surrounding_blanks() -> None:
    """A value is sent without surrounding blanks, so it is masked without them."""
    assert mask("Bearer tok", (Secret("A", " tok\n"),)) == "Bearer $A"


def test_repr_of_a_secret_hides_its_value() -> None:
    """Neither `repr` of a secret nor of a tuple of secrets shows a value."""
    secret = Secret("A", "hidden")
    assert "hidden" not in f"{secret} {secret!r} {(secret,)}"


def test_masking_many_escapes_does_not_backtrack() -> None:
    """ReDoS: a text full of escapes takes no longer than other texts."""
    begin = time.process_time()
    for value in ("\\" * 12 + "z", "\\&" * 8 + "z", "%" * 12 + "z", "&" * 12 + "z"):
        for text in ("\\" * 3000, "\\&amp;" * 500, "%25" * 1000, "&amp;" * 1000):
            assert mask(text, (Secret("A", value),)) == text
    assert time.process_time() - begin < 10


def test_marker_of_a_variable_survives_encoding() -> None:
    """A marker is shown as `$NAME` after percent-encoding and JSON."""
    text = f"a {marker('TOKEN')} b"
    assert plain(text) == "a $TOKEN b"
    assert plain(quote(text)) == "a%20$TOKEN%20b"
    assert plain(json.dumps(text)) == '"a $TOKEN b"'
    assert plain("a") == "a"
    assert has_marker(quote(text, safe=""))
    assert split_markers(text) == [("a ", False), ("TOKEN", True), (" b", False)]


def test_marker_alone_is_told_from_a_text_with_one() -> None:
    """A text around a marker, or an encoded marker, is no marker alone."""
    alone = marker("TOKEN")
    assert is_marker(alone)
    for text in (
        "",
        "TOKEN",
        f"evil.test/{alone}",
        f"{alone}{alone}",
        marker("evil.test/"),
        quote(alone),
    ):
        assert not is_marker(text)
