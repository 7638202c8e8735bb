"""Patterns in the syntax of RE2: the results are those of `re`."""

from __future__ import annotations

import random
import re

import pytest

from naftiko.patterns.bounded import BoundedPattern

re2 = pytest.importorskip("re2")

PATTERNS = [
    r"^[a-z]+$", r"\d+\s\w*", r"a|b$", r"[^\d]x", r"[\W_]+$", r"^\S+\.?$", r"(?s).x",
    r"(?i)k[a-z]s", r"(?m)^a$", r"[\s\S]", r"\ba\b", r"\Ba", r"x{2,3}$", r"a\Z",
    r"[\D]{3}", r"(?a)\w\W", r"(?a)[\s\d][^\s]", r"\x1c\u00e9*", r"[^\W]+", r"[\Wa]b",
    r"^a.b$", r"(a|ab)(c|bcd)*", r"a*?b", r"", r"^$", r"(?i:K)a", r"[^a-x\n]", r"\.\-\_",
    r"(?P<n>a)b|c", "[\u2028-\u2030]",
]  # fmt: skip
#: Characters that the classes of these patterns tell apart, and line breaks.
ALPHABET = "ab xK\n\u0661é\x1c\x85-_.1ſs\u2028K\U0001f600"


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_results_are_those_of_re(pattern: str, whole: bool) -> None:
    """Every kind of node, on texts of all kinds of characters."""
    compiled = re.compile(pattern)
    linear = BoundedPattern(compiled, whole)
    linear.quick = -1
    wanted = compiled.fullmatch if whole else compiled.search
    numbers = random.Random(pattern)
    for _ in range(300):
        text = "".join(numbers.choices(ALPHABET, k=numbers.randint(0, 7)))
        if text.isascii() or not linear.may_wait:
            assert linear.finds(text) is (wanted(text) is not None), repr(text)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_without_look_around_are_linear(pattern: str) -> None:
    """RE2 takes them; only letters and cases beyond ASCII may be left out."""
    linear = BoundedPattern(re.compile(pattern), False)
    assert linear.is_regular
    assert linear._linear[0] is not None


@pytest.mark.parametrize(
    "pattern",
    [r"a(?=b)", r"(?<!a)b", r"(a)\1", r"a++b", r"(?>a)b", r"a{1001}", r"(a$)b", r"(a)?(?(1)b)"],
)  # fmt: skip
def test_what_re2_lacks_is_not_written(pattern: str) -> None:
    """Look-around, back-references, possessive repeats, long repeats, `$` inside."""
    assert not BoundedPattern(re.compile(pattern), False).is_regular
