"""Faults in bodies: their place, their excerpt, and no secret in it."""

from __future__ import annotations

import pytest

from naftiko.errors import OutputError
from naftiko.formats import decoding, faults


def test_missing_library_names_the_extra() -> None:
    """A library that is not installed is a matter of one pip command."""
    with pytest.raises(OutputError) as caught:
        faults.import_library("no_such_library_anywhere", "html")
    assert caught.value.hint == 'pip install "naftiko[formats]"'


def test_fault_has_line_and_column() -> None:
    """The place of a fault is given as an editor shows it."""
    with pytest.raises(OutputError, match="at line 2, column 3") as caught:
        decoding.decode("json", b'{"a": 1,\n  ?}')
    assert caught.value.message.endswith("': 1, ?}'") or "?" in caught.value.message


@pytest.mark.parametrize(
    ("format", "body", "hint"),
    [
        ("json", b"<html>no</html>", "the body looks like HTML"),
        ("json", b"<a/>", "the body looks like XML"),
        ("xml", b'{"a": 1}', "the body looks like JSON"),
        ("json", b"no", "it is now 'json'"),
    ],
)
def test_hint_names_the_format_that_the_body_looks_like(
    format: str, body: bytes, hint: str
) -> None:
    """A body in another format is the usual reason."""
    with pytest.raises(OutputError) as caught:
        decoding.decode(format, body)
    assert hint in caught.value.hint


def test_secret_is_masked_before_the_excerpt_is_cut() -> None:
    """A secret that only partly lies in the excerpt is masked as a whole."""
    body = b'{"a": "' + b"SECRET" * 10 + b'" ?}'
    with pytest.raises(OutputError) as caught:
        decoding.decode("json", body)
    assert "SECRET" in caught.value.message
    masked = faults.message_without(
        lambda text: text.replace("SECRET" * 10, "$KEY"), caught.value
    )
    assert "SECRET" not in masked
    assert "$KEY" in masked


@pytest.mark.parametrize(
    ("line", "column", "offset"), [(1, 1, 0), (2, 1, 2), (2, 2, 3), (9, 9, 4)]
)
def test_offset_of_a_place(line: int, column: int, offset: int) -> None:
    """Lines and columns count from 1; a place beyond the end is the end."""
    assert faults.offset_at("a\nbc", line, column) == offset
