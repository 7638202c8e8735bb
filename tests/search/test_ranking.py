"""Questions in the words of users find the texts that answer them."""

from __future__ import annotations

import pytest

from naftiko.search.ranking import Ranking

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


def test_endless_question_is_read_from_its_beginning() -> None:
    """What an agent sends by mistake, such as a whole file, costs no more."""
    assert found("run " + "x" * 1_000_000)[0] == "run-widget"
    assert found("run " + "a1 " * 100_000)[0] == "run-widget"


def test_empty_index_finds_nothing() -> None:
    """An adapter without tools has nothing to find."""
    assert Ranking([]).find("list") == []


def test_name_that_runs_words_together_is_split() -> None:
    """Generated names have no marks between their words; descriptions know the words."""
    texts = [
        ("widgetcreate", "Make a widget.", ""),
        ("widgetlist", "List widgets.", ""),
        ("lampdelete", "Something with a lamp.", ""),
    ]
    ranking = Ranking(texts)
    assert ranking.find("create a lamp")[0] == 0
    assert ranking.find("delete lamps")[0] == 2


def test_subject_of_all_texts_counts_little() -> None:
    """The name of the API, which users say, does not outweigh what is asked for."""
    texts = [
        ("list-acme", "List factories.", ""),
        ("list-widgets", "List widgets.", ""),
        ("find-widget", "Find a widget.", ""),
    ]
    assert Ranking(texts).find("list acme widgets")[0] == 0
    assert Ranking(texts, "Acme Factory").find("list acme widgets")[0] == 1


def test_rare_word_of_a_description_counts_as_much_as_a_name() -> None:
    """A word that only one text has decides, wherever it stands."""
    texts = [(f"list-{name}s", f"List {name}s.", "") for name in ("cog", "lamp", "rod")]
    texts.append(("list-parts", "List parts (acme ps).", ""))
    assert Ranking(texts).find("ps")[0] == 3
