"""A reader that goes through the text of a path."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.jsonpath.cursor import PathReader


def _read_nothing(reader: PathReader) -> Any:
    reader.at = reader.text.index("]")
    return "the test"


def test_test_is_read_by_whoever_knows_how() -> None:
    """The reader hands itself over where a test begins, and goes on behind it."""
    reader = PathReader("$[? anything ].a", _read_nothing)
    tested, member = reader.read()
    assert tested.key[0].key == "the test"
    assert member.key == "a"


@pytest.mark.parametrize(
    ("text", "rest"),
    [(".a == 1", " == 1"), (" .a [0] > 1", " > 1"), (".a-b<1", "<1"), (".a.size() ", " "), ("", "")],
)  # fmt: skip
def test_path_in_a_test_ends_before_an_operator(text: str, rest: str) -> None:
    """In a test a name ends at a blank or a sign; blanks stand between segments."""
    reader = PathReader(text, _read_nothing)
    reader.read_in_filter()
    assert reader.text[reader.at :] == rest


@pytest.mark.parametrize("text", [".", ". a", ".1", ".`len`", "..", ".a.none()"])
def test_path_in_a_test_is_refused(text: str) -> None:
    """In a test a name begins with a letter, and the library has no place."""
    with pytest.raises(OutputError):
        PathReader(text, _read_nothing).read_in_filter()


def test_string_has_the_escapes_of_json() -> None:
    """The reader stands behind the quote that ends a string."""
    reader = PathReader(r"'a\u00fc\'b' == 1", _read_nothing)
    assert reader.string() == "aü'b"
    assert reader.text[reader.at :] == " == 1"
