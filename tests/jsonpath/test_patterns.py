"""I-Regexp (RFC 9485) as patterns of Python."""

from __future__ import annotations

import warnings

import pytest

from naftiko.jsonpath.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("a.c", "abc", "a\nc"),
        ("a.c", "a\u2028c", "a\rc"),
        ("a[.]c", "a.c", "abc"),
        (r"a\.c", "a.c", "abc"),
        (r"a\\.c", "a\\bc", "a.c"),
        (r"[\].]", "]", "a"),
        (r"\p{Lu}\p{Ll}+", "Ärger", "ärger"),
        (r"\P{Lu}", "ä", "Ä"),
        (r"[\p{Sc}x]+", "$x€", "$y"),
        (r"[^\p{L}]", "1", "a"),
        ("(ab|cd){2}", "abcd", "ab"),
        ("[[a]+", "[a", "b"),
        # What Python has beyond the RFC means what it means there.
        (r"\d+", "12", "a"),
        ("^ab$", "ab", "abc"),
    ],
)
def test_pattern_matches_the_whole_text(
    pattern: str, matching: str, other: str
) -> None:
    """A dot is no line break, and a property is a set of characters."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = compile_pattern(pattern, whole=True)
    assert compiled is not None
    assert compiled.finds(matching)
    assert not compiled.finds(other)


def test_pattern_in_the_data_is_an_i_regexp() -> None:
    """Look-around is for documents only, and a pattern of data is short."""
    assert compile_pattern("a(?=b)", whole=False)
    assert compile_pattern("a(?=b)", whole=False, is_data=True) is None
    assert compile_pattern("a" * 2000, whole=False, is_data=True) is None
    assert compile_pattern("a+[^b]", whole=False, is_data=True)


@pytest.mark.parametrize("pattern", ["(", "[", "a{2", "*", "a**", r"\p{Xx}["])
def test_malformed_pattern_is_none(pattern: str) -> None:
    """A pattern from a response may be anything; it then matches nothing."""
    compiled = compile_pattern(pattern, whole=True)
    assert compiled is None or not compiled.finds("a")
