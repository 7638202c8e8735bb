"""Texts and a question -> the texts that answer it, best first.

::

    ("remove-image", "Remove an image.", "name force"), …   "delete images"
        [0, …]: the numbers of the texts, the best first

A word of the question counts most in a name, then in a description, then in what is
beside them. Rare words count more than common ones, whole words more than parts of
words, and words themselves more than their synonyms. This module must not know what the
texts name.
"""

from __future__ import annotations

import math
from collections import defaultdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

from naftiko.search import thesaurus
from naftiko.search.words import root, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Weight of a word in a name, in a description, and beside them.
_WEIGHTS = (2.5, 1.0, 0.5)
#: Weight of another form of a word (`stopped` and `stop`), of a synonym, of a word with
#: the same beginning, and of a similar one, each relative to the word itself.
_FORM, _SYNONYM, _BEGINNING, _SIMILAR = 0.7, 0.7, 0.5, 0.4
#: Weight of the synonyms of a participle, relative to those of another word.
_STATE = 0.5
#: Weight of the synonyms of a word that the texts have, relative to those of another.
_KNOWN = 0.7
#: Weight of a word that names what all texts are about, relative to another word.
_SUBJECT = 0.2
#: Weight of words that are not in the name, relative to a name that the question has
#: whole.
_BESIDE = 0.7
#: Part of the score that depends on how many words of a name the question has, and on
#: how many words of the question a text has.
_OF_NAME, _OF_QUESTION = 0.7, 0.7
#: A question that says nothing of what is done wants to see something. This action has
#: less weight than a word of the question.
_SHOW, _UNSAID = "show", 0.3
#: Characters of a question that are read, and of a name that is taken apart. Each word
#: costs, and whoever asks can send a megabyte.
_REACH, _LONGEST = 1_000, 100


class _Score:
    """What the words of a question add up to in one text.

    Attributes:
        name: Weight of the words that are in the name of the text.
        beside: Weight of its other words.
        found: The roots that the text has, one for each word of the question.
    """

    __slots__ = ("beside", "found", "name")

    def __init__(self) -> None:
        self.name = self.beside = 0.0
        self.found: list[str] = []

    def add(self, value: float, meant: str, name: frozenset[str]) -> None:
        """Add the weight of one word, found as the root `meant`."""
        self.found.append(meant)
        if meant in name:
            self.name += value
        else:
            self.beside += value

    def total(self, name: frozenset[str], asked: int) -> float:
        """Return the score of a text with a name, for so many words asked."""
        of_name = len(name.intersection(self.found)) / max(len(name), 1)
        value = self.name * _part(_OF_NAME, of_name) + self.beside * _BESIDE
        return value * _part(_OF_QUESTION, len(self.found) / asked)


class Ranking:
    """An index of texts.

    Args:
        entries: For each text its name, its description, and what stands beside them.
        subject: What all texts are about, such as the name of the API.
    """

    def __init__(
        self, entries: Iterable[tuple[str, str, str]], subject: str = ""
    ) -> None:
        #: Word -> number of the text -> weight of the word in it.
        self._words: dict[str, dict[int, float]] = defaultdict(dict)
        #: The same for the roots of the words.
        self._roots: dict[str, dict[int, float]] = defaultdict(dict)
        #: The roots of the words of each name.
        self._names: list[frozenset[str]] = []
        texts = [[words_of(field) for field in fields] for fields in entries]
        known = {word for _, *others in texts for words in others for word in words}
        for number, (name, *others) in enumerate(texts):
            parts = [part for word in name for part in _parts(word, known)]
            self._names.append(frozenset(map(root, parts)))
            for weight, words in zip(_WEIGHTS, ([*name, *parts], *others), strict=True):
                for word in dict.fromkeys(words):
                    self._words[word].setdefault(number, weight)
                    self._roots[root(word)].setdefault(number, weight)
        # A word for what is done tells texts apart, though the API is named by it.
        self._subject = set(map(root, words_of(subject))) - thesaurus.actions()

    def find(self, question: str) -> list[int]:
        """Return the numbers of the texts that have a word of a question, best first.

        Every text is found by a question without words.
        """
        names = self._names
        asked = _asked(question)
        if not asked:
            return list(range(len(names)))
        scores: dict[int, _Score] = defaultdict(_Score)
        for word in asked:
            part = _SUBJECT if root(word) in self._subject else 1
            for number, (value, meant) in self._scores(word).items():
                scores[number].add(part * value, meant, names[number])
        actions = thesaurus.actions()
        if not any(root(word) in actions and not _is_state(word) for word in asked):
            for number, (value, meant) in self._scores(_SHOW).items():
                if number in scores:
                    scores[number].add(_UNSAID * value, meant, names[number])
        totals = {
            number: score.total(names[number], len(asked))
            for number, score in scores.items()
        }
        return sorted(totals, key=lambda number: (-totals[number], number))

    def _scores(self, word: str) -> dict[int, tuple[float, str]]:
        """Return text -> weight of a word of a question, and its root in the text."""
        best: dict[int, tuple[float, str]] = {}
        for meant, factor, texts in self._meant(word):
            rarity = math.log(1 + len(self._names) / len(texts))
            for number, weight in texts.items():
                score = (factor * weight * rarity, meant)
                best[number] = max(best.get(number, score), score)
        return best

    def _meant(self, word: str) -> list[tuple[str, float, Mapping[int, float]]]:
        """Return what a word of a question means: root, factor, texts that have it."""
        own = root(word)
        meant: list[tuple[str, float, Mapping[int, float] | None]]
        meant = [(own, 1.0, self._words.get(word)), (own, _FORM, self._roots.get(own))]
        factor = _SYNONYM * (_STATE if _is_state(word) else 1)
        factor *= _KNOWN if own in self._roots else 1
        meant += [
            (other, factor, self._roots.get(other))
            for other in thesaurus.synonyms().get(own, ())
        ]
        known = [(other, factor, texts) for other, factor, texts in meant if texts]
        if known:
            return known
        halves = [(own[:n], root(own[n:])) for n in range(3, len(own) - 2)]
        for first, second in halves:
            pair = root(first), second
            if all(half in self._roots for half in pair):
                return [(half, _BEGINNING, self._roots[half]) for half in pair]
        others = [other for other in self._roots if _begins(other, own)]
        factor = _BEGINNING
        if not others:
            # A slip of the keys seldom changes the first letter.
            near = [
                other
                for other in self._roots
                if other[0] == own[0] and abs(len(other) - len(own)) < 3
            ]
            others, factor = get_close_matches(own, near, 3, 0.8), _SIMILAR
        return [(other, factor, self._roots[other]) for other in others]


def _part(importance: float, part: float) -> float:
    return 1 - importance + importance * part


def _is_state(word: str) -> bool:
    """Tell whether a word is a participle: `stopped` is a state, `stop` an action."""
    return word.endswith(("ed", "ing")) and len(root(word)) < len(word) - 1


def _begins(word: str, other: str) -> bool:
    is_long = len(word) > 2 and len(other) > 2
    return is_long and (word.startswith(other) or other.startswith(word))


def _parts(word: str, known: set[str]) -> list[str]:
    """Return a word, or the known words that a name runs together.

    `containercreate` -> `container`, `create`.
    """
    if word in known or not 7 <= len(word) <= _LONGEST:
        return [word]
    for place in range(len(word) - 3, 2, -1):
        if word[:place] in known:
            rest = _parts(word[place:], known)
            if (
                len(rest) > 1
                or rest[0] in known
                or root(rest[0]) in thesaurus.actions()
            ):
                return [word[:place], *rest]
    return [word]


def _asked(question: str) -> list[str]:
    """Return the words of a question that say what is asked for, each once."""
    words = [
        word
        for word in thesaurus.plain(words_of(question[:_REACH]))
        if len(word) > 1 or not word.isascii()
    ]
    telling = [word for word in words if word not in thesaurus.EMPTY]
    return list(dict.fromkeys(telling or words))
