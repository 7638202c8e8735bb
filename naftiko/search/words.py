"""A text → its words, and a word → its root.

::

    "listShips of_the-fleet"   list, ships, of, the, fleet
    "stopped", "stopping"      stop

This module must not know what any word means.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VOWEL = re.compile("[aeiouy]")

#: Forms of verbs that no rule leads back to the verb.
_IRREGULAR = {
    form: verb
    for line in (
        "began begin; begun begin; bought buy; broken break; broke break; built build",
        "chose choose; chosen choose; done do; drawn draw; drew draw; found find",
        "froze freeze; frozen freeze; gave give; given give; got get; held hold",
        "hidden hide; kept keep; left leave; lost lose; made make; paid pay; ran run",
        "sent send; shown show; shut stop; sold sell; spent spend; spoke speak",
        "taken take; thrown throw; told tell; took take; went go; written write",
        "wrote write; people person; children child",
    )
    for form, verb in (pair.split() for pair in line.split("; "))
}


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case.

    `"listShips of the-fleet"` -> `["list", "ships", "of", "the", "fleet"]`.
    """
    return _WORD.findall(_HUMP.sub(" ", text).lower())


@lru_cache(maxsize=8192)
def root(word: str) -> str:
    """Return a word without its endings: `running` -> `run`, `images` -> `imag`.

    Both sides of a comparison lose their endings, so what is left need not be a word.
    """
    word = _singular(_IRREGULAR.get(word, word))
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 1 and _VOWEL.search(rest):
            is_double = rest[-1] == rest[-2] and rest[-1] not in "aeiouls"
            word = rest[:-1] if is_double else rest
            break
    return word[:-1] if word.endswith("e") and len(word) > 2 else word


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    is_plural = len(word) > 3 and not word.endswith(("ss", "us", "is"))
    return word.removesuffix("s") if is_plural else word
