"""Synonyms and phrases lead from the words of a question to those of the texts."""

from __future__ import annotations

import pytest

from naftiko.search.thesaurus import EMPTY, actions, plain, synonyms
from naftiko.search.words import root


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("get rid of it", "remove of it"),
        ("take the disk off the rack", "disconnect detach remove the disk the rack"),
        ("turning the lamp off", "disable the lamp"),
        ("the widgets that nobody uses", "the widgets that unused"),
        ("who am i", "whoami"),
        ("take it a very long way from here off", None),
        ("", ""),
    ],
)
def test_phrase_becomes_single_words(question: str, expected: str | None) -> None:
    """A verb and its particle may be three words apart, not more."""
    expected = question if expected is None else expected
    assert plain(question.split()) == expected.split()


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("delete", "remove"),
        ("remove", "delete"),
        ("buy", "order"),
        ("order", "buy"),
        ("list", "show"),
        ("fetch", "get"),
        ("writer", "author"),
    ],
)
def test_synonym_is_found_from_both_sides(word: str, other: str) -> None:
    """Words of one line mean each other."""
    assert root(other) in synonyms()[root(word)]


def test_arrow_leads_one_way() -> None:
    """A word left of the arrow means the right ones, which do not mean it."""
    assert root("price") in synonyms()[root("cheap")]
    assert root("cheap") not in synonyms()[root("price")]
    assert root("list") in actions()
    assert ">" not in actions()


def test_word_that_says_nothing_has_no_synonyms() -> None:
    """A synonym of a word that is left out of every question is never used."""
    assert [word for word in EMPTY if root(word) in actions()] == []
