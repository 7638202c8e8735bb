"""A search in names and descriptions → the entries that fit, best first.

    search "run"     prune-images: "Remove …"          a part of a word:   behind
                     create-container: "Image to run"  the word itself:    before

Each word of a search must occur. A whole word counts more than a part of one, and a
name more than a description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.records.tuples import NamedTuple
from naftiko.search.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Entry(NamedTuple):
    """What is searched for one thing.

    Attributes:
        name: Its own name.
        around: Other names of it: its path, its resource, the tools that call it.
        text: Its description.
        details: What else is told about it, such as its inputs.
    """

    name: str
    around: str = ""
    text: str = ""
    details: str = ""


#: `nearest` returns at most this many.
MOST_NEAREST = 10
#: Where a word occurs → its weight, best first. Parts of words come last.
_OWN, _BESIDE, _NAMES, _TEXT, _DETAILS, _BEGINNING, _PART_OF_NAME, _PART = (
    9, 8, 7, 5, 4, 3, 2, 1,
)  # fmt: skip


def ranked(search: str, entries: Iterable[Entry]) -> list[int]:
    """Return the places of the entries that have every word of a search, best first.

    A word with other characters in it, such as `/books/{isbn}`, must stand there so.
    """
    wanted = search.lower().split()
    scored = []
    for place, entry in enumerate(entries):
        weights = _weights(wanted, entry)
        if 0 not in weights:
            scored.append((-min(weights, default=1), -sum(weights), place))
    return [place for *_, place in sorted(scored)]


def _weights(wanted: list[str], entry: Entry) -> list[int]:
    own, around = stems_of(entry.name), stems_of(entry.around)
    text, details = stems_of(entry.text), stems_of(entry.details)
    every = own | around | text | details
    name = entry.name.lower()
    names = f"{name} {entry.around.lower()}"
    rest = f"{entry.text} {entry.details}".lower()

    def weight(word: str) -> int:
        parts = words_of(word)
        if parts != [word]:
            is_there = word in names or word in rest
            return min(map(weight, parts), default=_PART) if is_there else 0
        word = _stem(word)
        if word in own:
            return _OWN
        # Generated names run words together: `containercreate`.
        if len(word) > 2 and (name.startswith(word) or _stem(name).endswith(word)):
            return _BESIDE
        for words, value in ((around, _NAMES), (text, _TEXT), (details, _DETAILS)):
            if word in words:
                return value
        if any(known.startswith(word) for known in every):
            return _BEGINNING
        if word in names:
            return _PART_OF_NAME
        return _PART if word in rest else 0

    return [weight(word) for word in wanted]


def nearest(search: str, entries: Sequence[Entry]) -> list[int]:
    """Return the places of entries that have some of a search, or mean it, best first.

    For a search that no entry has every word of.
    """
    # Imported here: most searches find every word.
    from naftiko.search.ranking import Ranking

    texts = [
        (entry.name, entry.text, f"{entry.around} {entry.details}") for entry in entries
    ]
    return Ranking(texts).find(search)[:MOST_NEAREST]


def stems_of(text: str) -> set[str]:
    """Return the words of a text: `listShips of_a fleet` → list, ship, of, a, fleet."""
    return set(map(_stem, words_of(text)))


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
