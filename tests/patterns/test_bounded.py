"""Patterns within a budget: `re` on short texts, RE2, or a process that is ended."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from naftiko.patterns import bounded as module
from naftiko.patterns import linear
from naftiko.patterns.bounded import MOST_CHARACTERS, PatternLimit, bounded


@pytest.fixture
def without_re2(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Take `google-re2` away."""
    monkeypatch.setitem(sys.modules, "re2", None)
    linear._engine.cache_clear()
    bounded.cache_clear()
    yield
    linear._engine.cache_clear()
    bounded.cache_clear()


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        ("^abc$", 1 << 40),
        ("^[a-z]+$", 100_000),
        (r"^[A-Z]{2,3}-\d+(\.\d+)?$", 256),
        (r"^(?=.*\d)(?=.*[a-z]).{8,}$", 32_768),
        (r"^[^@\s]+@[^@\s]+\.[^@\s]+$", 32),
        ("(a+)+b", -1),
        ("^(a|b)*$", -1),
        (r"(a+)\1", 32),
    ],
)
def test_short_texts_are_for_re(pattern: str, least: int) -> None:
    """The number of ways through a pattern says how long a text may be."""
    compiled = bounded(pattern)
    assert compiled is not None
    assert compiled.quick >= least
    assert compiled.quick <= max(least * 4, -1)


def test_text_that_no_budget_allows_is_refused_in_words(without_re2: Any) -> None:
    """The limit of characters, and the time in a process."""
    compiled = bounded("(a+)+b")
    assert compiled is not None
    assert compiled.may_wait
    with pytest.raises(PatternLimit, match="longer than the 10,000 characters"):
        compiled.finds("a" * (MOST_CHARACTERS + 1))
    with pytest.raises(PatternLimit, match=r"takes more than 0\.3 seconds on it"):
        compiled.finds("a" * 1000)


def test_process_gives_the_result_of_re(without_re2: Any) -> None:
    """A part or the whole, flags, and half a character."""
    for whole in (False, True):
        compiled = bounded("(A|b)*c", 2, whole=whole)
        assert compiled is not None
        assert compiled.finds("abAc")
        assert compiled.finds("xbc") is not whole
        assert not compiled.finds("ab\ud800")


@pytest.mark.parametrize("pattern", ["(", "[", "*a", "a{2}{3}", "x" * 200_001])
def test_text_that_is_no_pattern_gives_none(pattern: str) -> None:
    assert bounded(pattern) is None


def test_names_of_the_parser_are_there() -> None:
    """The modules of `re` that are read are private ones."""
    assert module._parser.parse("a*").data
    assert linear._codes.MAX_REPEAT in module._REPEATS
