"""Comparisons of two JSON values (RFC 9535, 2.3.5.2.2)."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.jsonpath.comparing import SIGNS, WORDS, is_equal
from naftiko.jsonpath.steps import MISSING


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1], [True], False),
        ({"a": [1]}, {"a": [1.0]}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        (1, "1", False),
        (None, None, True),
        (None, False, False),
        (MISSING, MISSING, True),
        (MISSING, None, False),
        ([], {}, False),
    ],
)
def test_values_are_equal_without_conversion(a: Any, b: Any, expected: bool) -> None:
    """A number is never a text or a truth value, and what is missing is no null."""
    assert is_equal(a, b) is expected
    assert SIGNS["!="](b, a) is not expected


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        (1, 2, "<"),
        ("a", "b", "<"),
        ("Z", "a", "<"),
        (1, "2", ""),
        (True, 2, ""),
        (None, None, "="),
        ([1], [1], "="),
        ([1], [2], ""),
        (MISSING, MISSING, "="),
        (MISSING, 1, ""),
    ],
)
def test_only_numbers_and_texts_have_an_order(a: Any, b: Any, order: str) -> None:
    """`<=` and `>=` also hold for equal values of any type."""
    assert SIGNS["<"](a, b) is (order == "<")
    assert SIGNS[">"](b, a) is (order == "<")
    assert SIGNS["<="](a, b) is (order in ("<", "=") and order != "")
    assert SIGNS[">="](a, b) is (order == "=")


@pytest.mark.parametrize("word", WORDS)
def test_operator_in_words_takes_any_value(word: str) -> None:
    """A value that an operator does not fit gives an answer, not an error."""
    some: list[Any] = [MISSING, None, True, 1, "a", [], [1], {"a": 1}]
    assert {WORDS[word](a, b) for a in some for b in some} <= {True, False}
