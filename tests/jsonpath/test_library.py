"""Paths that `jsonpath-ng` compiles, in its own words.

The cases with filters are in `tests/jsonpath/cases/filters.yaml`.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.jsonpath.library import compile_by_library
from naftiko.jsonpath.reading import LIBRARY, Segment, segments_of
from support.casefiles import cases
from support.finding import check_path


@pytest.mark.parametrize("case", cases("jsonpath/cases", "filters"))
def test_filter_finds_a_value(case: dict[str, Any]) -> None:
    """A filter gives what its case says, each time that it is applied."""
    check_path(case)


def _found(path: str, data: Any) -> list[Any]:
    find = compile_by_library(path, segments_of(path))
    return [match.value for match in find(data)]


ITEMS = [
    {"id": 1, "name": "abc", "größe": 1, "where": "x", "tags": [1, 2], "a-b": "a/b"},
    {"id": 2, "name": "Abz", "größe": 2, "where": "y", "tags": [], "a-b": "a&b"},
]


@pytest.mark.parametrize(
    ("test", "ids"),
    [
        ("@.größe > 1", [2]),
        ("@.where == 'y'", [2]),
        ("@.a-b == 'a/b'", [1]),
        ("@['größe'] == 1", [1]),
        ("@.name =~ /^ab/", [1]),
        ("@.name =~ /^ab/i", [1, 2]),
        ("@.name =~/z$/", [2]),
        (r"@.a-b =~ /a\/b/", [1]),
        (r"@.name =~ /^\w{3}$/", [1, 2]),
        ("@.tags.length() > 1", [1]),
        ("@.tags.size() == 0", [2]),
        ("length(@.tags) == 2", [1]),
        ("@.id > 0 & @.id < 2", [1]),
        ("@.id > 0 && @.id < 2", [1]),
        ("@.id\n>\t1", [2]),
        # Brackets and quotes in a pattern are its own.
        ("@.a-b =~ /[&']/", [2]),
        (r"@.name =~ /^[^\]]+$/", [1, 2]),
        ('@.name =~ /"/', []),
        # Nothing inside a string is reworded.
        ("@.a-b == 'a&b'", [2]),
        ("@.name == '.größe'", []),
        ("@.name == '.length()'", []),
    ],
)
def test_filter_is_reworded_for_the_library(test: str, ids: list[int]) -> None:
    """What the grammar of the library lacks is written so that it can read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _found(f"$[?({test})].id", ITEMS) == ids


def test_descendant_of_a_filtered_item() -> None:
    """Two dots inside a filter stay two dots."""
    data = [{"a": {"größe": 1}}, {"a": {"b": 1}}]
    assert _found("$[?(@..größe)]", data) == data[:1]


@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("$[?(@.b = = 1)]", 11),
        # A place in a reworded test is one in the path as it is written.
        ("$.abc[?(@.größe = = 1)]", 19),
        ("$[?(@.größe == 1 = 2)]", 18),
        ("$[?(@.a == )]", 12),
        ("$[?(", 5),
        ("$[?(@.a)", 9),
    ],
)
def test_fault_of_a_filter_is_shown_where_it_is_written(path: str, at: int) -> None:
    """An error of the library is one of ours, with a caret in the text of the path."""
    if path.endswith("]"):
        segments = segments_of(path)
    else:
        segments = (Segment(LIBRARY, None, path[1:], 1),)
    with pytest.raises(OutputError) as caught:
        compile_by_library(path, segments)(ITEMS)
    message = f"'{path}' is not a JSONPath: this is not understood (character {at})"
    assert caught.value.message == message
    assert caught.value.code == "U-output-path"
    hint, _, caret = caught.value.hint.splitlines()
    assert hint == ("compare with ==, !=, <, <=, >, >= or =~; join with && and ||")
    assert caret == " " * (4 + at - 1) + "^"


@pytest.mark.parametrize(
    ("path", "fault", "at"),
    [
        ("$[?(@.none =~ /a(/)]", "missing ), unterminated subpattern", 17),
        ("$.a[?(@.b == 1 && @.c =~ /[a/i)]", "unterminated character set", 27),
        (r"$[?(@.a =~ /\//&& @.b =~ /*a/)]", "nothing to repeat", 27),
    ],
)
def test_pattern_that_is_none_is_refused(path: str, fault: str, at: int) -> None:
    """A malformed pattern is an error with a caret, whatever data it is applied to."""
    with pytest.raises(OutputError) as caught:
        compile_by_library(path, segments_of(path))
    message = f"is not a JSONPath: {fault} in the pattern (character {at})"
    assert caught.value.message.endswith(message)
    hint, *_ = caught.value.hint.splitlines()
    assert hint == "a pattern is a regular expression, such as /^a.*b$/i"
