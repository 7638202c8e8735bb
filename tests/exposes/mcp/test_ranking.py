"""Questions in the words of users find the texts that answer them."""

from __future__ import annotations

import pytest

from naftiko.exposes.mcp.ranking import Ranking, root, words_of

TEXTS = [
    ("prune-widgets", "Remove all unused widgets.", ""),
    ("run-widget", "Start a widget.", "id Widget id. colour Colour of the lamp."),
    ("widgetRename", "Give a widget another name.", "id name"),
    ("remove-widget", "Remove a widget.", "id force"),
    ("list-widgets", "List widgets.", "limit"),
    ("get-report", "Tell how a run of the press went.", "day"),
]


def found(question: str) -> list[str]:
    """Return the names of the texts that a question finds."""
    return [TEXTS[number][0] for number in Ranking(TEXTS).find(question)]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("run", "run-widget"),  # a whole word in a name, before "prune" and "a run of"
        ("delete the widget", "remove-widget"),
        ("delete unused widgets", "prune-widgets"),
        ("get rid of a widget", "remove-widget"),
        ("running a widget", "run-widget"),
        ("widgets", "list-widgets"),
        ("colour of the lamp", "run-widget"),  # words of a parameter
        ("reportt", "get-report"),  # a slip of the keys
        ("reporting", "get-report"),
        ("WidgetRename", "widgetRename"),
    ],
)
def test_best_answer_is_first(question: str, first: str) -> None:
    """Names count more than descriptions, words more than their synonyms."""
    assert found(question)[0] == first


def test_question_without_known_words_finds_nothing() -> None:
    """An unknown word finds nothing; a question without words finds everything."""
    assert found("quuxly zzyx") == []
    assert len(found("")) == len(found("  !? ")) == len(TEXTS)


def test_empty_index_finds_nothing() -> None:
    """An adapter without tools has nothing to find."""
    assert Ranking([]).find("list") == []


def test_word_loses_its_endings() -> None:
    """Plurals and forms of verbs have one root; short words stay whole."""
    forms = ("stop", "stops", "stopped", "stopping")
    assert {root(word) for word in forms} == {"stop"}
    assert root("images") == root("image")
    assert root("queries") == root("query")
    assert root("wrote") == root("written") == root("write")
    assert root("using") == root("used") == root("use")
    assert [root(word) for word in ("ping", "ps", "status", "string")] == [
        "ping",
        "ps",
        "status",
        "string",
    ]


def test_text_is_cut_into_words() -> None:
    """Camel case, hyphens and underscores separate words."""
    assert words_of("listShips of_the-fleet2") == [
        *("list", "ships", "of", "the", "fleet2"),
    ]
