"""The parts of a path, and the error for a path that cannot be read."""

from __future__ import annotations

import pytest

from naftiko.errors import OutputError
from naftiko.jsonpath.reading import segments_of
from naftiko.jsonpath.segments import (
    FUNCTION,
    MEMBER,
    Segment,
    ends_in_length,
    member_segment,
    refuse_path,
)


@pytest.mark.parametrize("name", ["a", "it's", 'say "hi"', "a\\b", "a]b", "größe", ""])
def test_member_is_written_so_that_it_reads_back(name: str) -> None:
    """The text of a member is read as the same member."""
    segment = member_segment(name, 7)
    assert (segment.kind, segment.key, segment.at) == (MEMBER, name, 7)
    assert segments_of(f"${segment.text}") == (segment._replace(at=1),)


def test_path_that_ends_in_length() -> None:
    """Only the last member counts, in either form; a function is no member."""
    for path, expected in (
        ("$.a.length", True),
        ("$['length']", True),
        ("$.length.a", False),
        ("$.length()", False),
        ("$", False),
    ):
        assert ends_in_length(segments_of(path)) is expected
    assert not ends_in_length([Segment(FUNCTION, "length", "", 0)])


def test_refusal_has_a_caret_under_the_fault() -> None:
    """The hint shows the path, every blank as a space, and points at one character."""
    with pytest.raises(OutputError) as caught:
        refuse_path("$.a\n\tb", "a fault", 5, "mend it")
    error = caught.value
    assert error.message == "'$.a b' is not a JSONPath: a fault (character 6)"
    assert error.hint == "mend it\n    $.a  b\n         ^"
    assert error.code == "U-output-path"
    with pytest.raises(OutputError) as caught:
        refuse_path("$.a", "a fault", 0)
    assert caught.value.hint == "look here\n    $.a\n    ^"
