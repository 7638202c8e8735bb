"""Tests of filters; more cases are in `tests/jsonpath/cases/filters.yaml`."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.jsonpath.compiling import compile_path
from support.casefiles import cases
from support.finding import check_path


@pytest.mark.parametrize("case", cases("jsonpath/cases", "filters"))
def test_filter_finds_a_value(case: dict[str, Any]) -> None:
    """A filter gives what its case says, each time that it is applied."""
    check_path(case)


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
        ("@.name =~ 'z$'", [2]),
        (r"@.a-b =~ /a\/b/", [1]),
        (r"@.name =~ /^\w{3}$/", [1, 2]),
        ("@.tags.length() > 1", [1]),
        ("@.tags.length > 1", [1]),
        ("@.tags.size() == 0", [2]),
        ("@.tags.sum() > 2", [1]),
        ("length(@.tags) == 2", [1]),
        ("@.id > 0 & @.id < 2", [1]),
        ("@.id > 0 && @.id < 2", [1]),
        ("@.id\n>\t1", [2]),
        # Brackets and quotes in a pattern are its own.
        ("@.a-b =~ /[&']/", [2]),
        (r"@.name =~ /^[^\]]+$/", [1, 2]),
        ('@.name =~ /"/', []),
        # A pattern of what is no text finds nothing.
        ("@.id =~ /1/", []),
        ("@.a-b == 'a&b'", [2]),
        ("@.name == '.größe'", []),
        ("@.name == '.length()'", []),
        # The operators of Jayway JsonPath in words, in any case.
        ("@.name in ['abc', \"x\"]", [1]),
        ("@.name IN ['Abz']", [2]),
        ("@.name nin ['abc']", [2]),
        ("@.none nin ['abc']", [1, 2]),
        ("@.none in [null]", []),
        ("@.tags subsetof [1, 2, 3]", [1, 2]),
        ("@.tags anyof [2, 9]", [1]),
        ("@.tags noneof [2, 9]", [2]),
        ("@.tags contains 2", [1]),
        ("@.name contains 'bz'", [2]),
        ("@.tags size 2", [1]),
        ("@.tags empty true", [2]),
        ("@.tags empty false", [1]),
        ("@.id in $[0].tags", [1, 2]),
        ("@.id in $[*].id", [1, 2]),
        ("@.id in [[1], 2]", [2]),
        ("!(@.id in [1])", [2]),
    ],
)
def test_test_lets_items_pass(test: str, ids: list[int]) -> None:
    """A test holds for the items that its case names, with parentheses and without."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile_path(f"$[?({test})].id")(ITEMS) == ids
        assert compile_path(f"$[?{test}].id")(ITEMS) == ids


def test_descendant_in_a_test() -> None:
    """Two dots inside a test stay two dots."""
    data = [{"a": {"größe": 1}}, {"a": {"b": 1}}]
    assert compile_path("$[?(@..größe)]")(data) == data[:1]


def test_test_that_is_nested_deeply_is_refused() -> None:
    """A path of thousands of brackets is an error of ours, and not one of Python's."""
    for path in ("$[?" * 500 + "@" + "]" * 500, f"$[?{'(' * 500}@.a{')' * 500}]"):
        with pytest.raises(OutputError, match="nested too deeply"):
            compile_path(path)


def test_number_of_thousands_of_digits_is_compared() -> None:
    """Python refuses to read such an integer; it is larger than any other number."""
    assert compile_path(f"$[?@ < {'9' * 5000}]")([1]) == [1]
