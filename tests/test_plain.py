"""Plain data: scalars as text, kinds in words, and paths of two parts."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.plain import (
    a_kind_of,
    finite,
    join_path,
    kind_of,
    mappings_of,
    seconds_of,
    text_of,
    types_of,
    valid_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (0, "0"),
        (1.0, "1.0"),
        (0.0, "0.0"),
        ("", ""),
        ("True", "True"),
        (10**25, "1" + "0" * 25),
    ],
)
def test_scalar_is_written_as_text(value: Any, text: str) -> None:
    """Booleans are words of JSON, and 1 and 0 are no booleans."""
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "kind", "with_article"),
    [
        ({}, "mapping", "a mapping"),
        ([], "list", "a list"),
        ("", "text", "a text"),
        (False, "boolean", "a boolean"),
        (0, "number", "a number"),
        (0.5, "number", "a number"),
        (None, "null", "empty"),
    ],
)
def test_kind_is_told_in_words(value: Any, kind: str, with_article: str) -> None:
    """An empty value has its kind too, and no value at all is empty."""
    assert kind_of(value) == kind
    assert a_kind_of(value) == with_article


@pytest.mark.parametrize(
    ("data", "places"),
    [
        ([{"a": 1}, "x", None, [{}], {}], [("p", 0), ("p", 4)]),
        ([], []),
        ({"a": {}}, []),
        ("text", []),
        (None, []),
    ],
)
def test_mappings_of_a_list_keep_their_indexes(
    data: Any, places: list[tuple[str | int, ...]]
) -> None:
    """Other entries are passed over and still counted; other data has no mappings."""
    found = list(mappings_of(data, ("p",)))
    assert [path for path, _ in found] == places
    assert all(entry is data[path[-1]] for path, entry in found)


@pytest.mark.parametrize(
    ("path", "more", "joined"),
    [
        ("/a/", "b", "/a/b"),
        ("/a", "/b", "/a/b"),
        ("/a/", "/b/", "/a/b/"),
        ("", "b", "/b"),
        ("/", "/", "/"),
        ("/a", "", "/a"),
        ("/a/", "", "/a/"),
        ("", "", ""),
        ("/a", "//b", "/a//b"),
        ("/a", ":cancel", "/a:cancel"),
        ("/a", "?x=1", "/a?x=1"),
        ("/a/", "#part", "/a/#part"),
        ("/{id}", "{more}", "/{id}/{more}"),
    ],
)
def test_paths_are_joined_by_one_slash(path: str, more: str, joined: str) -> None:
    """A custom verb, a query and a fragment belong to the path before them."""
    assert join_path(path, more) == joined


def test_number_without_a_form_in_json_becomes_null() -> None:
    """Only the parts that hold such a number are copied."""
    nan, inf = float("nan"), float("inf")
    whole = {"a": [1, 2.5], "b": None}
    value = {"w": whole, "l": [nan, [inf, -inf], "NaN"]}
    assert finite(value) == {"w": whole, "l": [None, [None, None], "NaN"]}
    assert finite(value)["w"] is whole
    assert finite(whole) is whole
    assert finite(inf) is None


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a\xe9\U0001f600", "a\xe9\U0001f600"),
        ("a\ud800b", "a\N{REPLACEMENT CHARACTER}b"),
        ("\ud83d\ude00 \udfff", "\U0001f600 \N{REPLACEMENT CHARACTER}"),
        ("", ""),
    ],
)
def test_valid_text_can_be_utf8(text: str, valid: str) -> None:
    """Two halves that belong together become one character."""
    assert valid_text(text) == valid
    valid_text(text).encode()


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("array", ["array"]),
        (["array", "null"], ["array"]),
        ([None, "string", "integer"], ["string", "integer"]),
        (["null"], []),
        (None, []),
    ],
)
def test_types_are_those_beside_null(value: Any, types: list[str]) -> None:
    """A list of types is how OpenAPI 3.1 writes a value that may be null."""
    assert types_of(value) == types


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (1, "1 second"),
        (1.0, "1 second"),
        (0, "0 seconds"),
        (0.5, "0.5 seconds"),
        (600.0, "600 seconds"),
    ],
)
def test_duration_is_told_in_words(amount: float, words: str) -> None:
    """Only one second is singular."""
    assert seconds_of(amount) == words
