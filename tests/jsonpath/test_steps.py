"""Steps from values to what they contain."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.jsonpath.reading import segments_of
from naftiko.jsonpath.steps import MISSING, children, finder, steps_of, walk

ANY: list[Any] = [None, True, 7, 1.5, "text", [], [1, [2]], {}, {"a": {"b": 1}}]


@pytest.mark.parametrize(
    "path", ["$.a", "$[0]", "$[-1]", "$.*", "$[0:1]", "$[::0]", "$[0,'a']", "$..a", "$..*", "$[?@.a]"]
)  # fmt: skip
def test_step_takes_any_value(path: str) -> None:
    """A value that a step does not fit has nothing to give."""
    steps = steps_of(segments_of(path))
    for value in ANY:
        assert isinstance(walk(steps, [value], value), list)


def test_finder_gives_a_value_or_missing() -> None:
    """A null is a value; an index of a text finds nothing."""
    find = finder(segments_of("$.a[0].b"))
    assert find({"a": [{"b": None}]}) is None
    assert find({"a": "text"}) is MISSING
    assert finder(())(7) == 7


def test_children_of_a_scalar_are_none() -> None:
    """Only lists and objects contain values."""
    assert list(children({"a": 1})) == [1]
    assert [*children("text"), *children(None)] == []


def test_values_nested_very_deeply_are_walked() -> None:
    """No recursion limits how deep `..` looks."""
    value: Any = {"leaf": 1}
    for _ in range(20_000):
        value = [value]
    assert walk(steps_of(segments_of("$..leaf")), [value], value) == [1]
    while isinstance(value, list):
        value = value.pop()  # or Python frees it recursively
