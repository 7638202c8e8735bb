"""Functions that end a path; the cases are in `tests/jsonpath/cases/functions.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.functions import FUNCTIONS
from support.casefiles import cases
from support.finding import check_path


@pytest.mark.parametrize("case", cases("jsonpath/cases", "functions"))
def test_function_finds_a_value(case: dict[str, Any]) -> None:
    """A function gives what its case says, each time that it is applied."""
    check_path(case)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("length", "text", 4),
        ("length", {"a": 1, "b": 2}, 2),
        ("size", [], 0),
        ("sum", [], 0),
        ("sum", [True, "7", None, 2], 2),
        ("min", [2, -1.5, False], -1.5),
        ("max", [2, 2.5, True, "9"], 2.5),
        ("avg", [1, 2, "x"], 1.5),
        ("avg", [True], None),
        ("min", [], None),
        ("max", ["x"], None),
        ("first", [], None),
        ("last", [], None),
        ("last", [1, None], None),
        ("keys", {}, []),
        ("keys", [1], None),
        ("length", 7, None),
        ("sum", 7, None),
        ("first", {"a": 1}, None),
        ("last", None, None),
    ],
)
def test_function_takes_what_it_can_and_gives_null(
    name: str, value: Any, expected: Any
) -> None:
    """Booleans and texts are no numbers; a value that a function cannot take is null."""
    assert compile_path(f"$.{name}()")(value) == expected
    assert compile_path(f"$.a.{name}()")({"a": value}) == expected


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_of_nothing_is_null(name: str) -> None:
    """No function has a value where its path finds nothing."""
    assert compile_path(f"$.none.{name}()")({}) is None


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("value", [None, True, 7, "text", [], [None], {}, {"a": 1}])
def test_function_never_changes_its_value(name: str, value: Any) -> None:
    """A function of any value gives a value, and leaves the data as it is."""
    data = {"a": value}
    before = repr(data)
    compile_path(f"$.a.{name}()")(data)
    assert repr(data) == before
