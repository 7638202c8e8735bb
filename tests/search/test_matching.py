"""`ranked`: whole words and names come first."""

from __future__ import annotations

import pytest

from naftiko.search.matching import Entry, nearest, ranked, stems_of

ENTRIES = (
    Entry("pruneall", "/prune", "Remove what is unused."),
    Entry("containercreate", "/containers/create", "Create.", "Image to run"),
    Entry("listRunning", "/list", "Show all."),
    Entry("execrun", "/exec", "Start a command."),
    Entry("run", "/jobs", "Begin a job."),
)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("run", ["run", "execrun", "containercreate", "listRunning", "pruneall"]),
        ("create", ["containercreate"]),
        ("CONTAINERS", ["containercreate"]),
        ("image run", ["containercreate"]),
        ("list", ["listRunning"]),
        ("submarine", []),
        ("", [entry.name for entry in ENTRIES]),
    ],
)
def test_words_rank_before_parts_of_words(search: str, expected: list[str]) -> None:
    """The name, then whole words, then beginnings, then other parts of words."""
    assert [ENTRIES[place].name for place in ranked(search, ENTRIES)] == expected


def test_nearest_entries_have_some_words_or_synonyms() -> None:
    """What has not every word of a search may still be what it means."""
    assert ranked("throw away pods", ENTRIES) == []
    assert ENTRIES[nearest("throw away pods", ENTRIES)[0]].name == "pruneall"
    assert nearest("submarine", ENTRIES) == []


def test_words_are_split_and_lose_their_plural() -> None:
    """Humps, dashes and an `s` at the end do not keep words apart."""
    assert stems_of("listShips of_a fleet-V2") == {
        "list", "ship", "of", "a", "fleet", "v2",
    }  # fmt: skip
