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
import re
from collections import defaultdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Weight of a word in a name, in a description, and beside them.
_WEIGHTS = (3.0, 1.0, 0.5)
#: Weight of another form of a word (`stopped` and `stop`), of a synonym, of a word with
#: the same beginning, and of a similar one, each relative to the word itself.
_FORM, _SYNONYM, _BEGINNING, _SIMILAR = 0.7, 0.7, 0.5, 0.4
#: Weight of the synonyms of a participle, relative to those of another word.
_STATE = 0.5
#: Part of the score that depends on how many words of a name the question has, and on
#: how many words of the question a text has.
_OF_NAME, _OF_QUESTION = 0.8, 0.5
#: A question that says nothing of what is done wants to see something. This action has
#: less weight than a word of the question.
_SHOW, _UNSAID = "show", 0.3

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

#: Words that say nothing about what is asked for.
_EMPTY = frozenset(
    word
    for line in (
        "a about all am an and any are as at be by can could did do does each every",
        "for from had has have how i if in into is it its just let me my of on one or",
        "now our out over please right some something so than that the their them then",
        "there these they this those to us want was we were what when where who whose",
        "why will with would you your",
    )
    for word in line.split()
)

#: Several words that mean one.
_PHRASES = {
    "get rid of": "remove",
    "throw away": "remove",
    "back up": "backup",
    "bring down": "stop",
    "bring up": "start",
    "clean up": "clean",
    "log in": "login",
    "log into": "login",
    "look for": "find",
    "look up": "find",
    "set up": "create",
    "shut down": "stop",
    "sign in": "login",
    "spin up": "create start",
    "switch off": "disable",
    "switch on": "enable",
    "turn off": "disable",
    "turn on": "enable",
    "up to date": "update",
}

#: Words for what is done, those on a line with nearly the same meaning. A word may
#: stand on several lines.
_ACTIONS = """
    remove delete erase drop destroy discard rid scrap trash uninstall unlink rm
    remove undeploy dismantle evict expel kick
    cancel abort undo revoke revert withdraw annul return refund remove delete
    prune clean cleanup clear wipe purge free flush empty tidy unused remove delete
    create make new add generate insert register start build deploy provision
    build compile assemble
    init initialize initiate start create begin
    add install store append put attach
    order buy purchase acquire checkout place reserve sell
    list show enumerate browse catalogue catalog overview display all view find ls which
    get show read fetch retrieve view see display lookup tell detail status state
    inspect show detail info information describe everything examine view get see
    search find lookup query seek discover look locate match filter
    start run launch boot begin
    stop halt end terminate kill shutdown quit exit
    restart reboot bounce
    update change edit modify alter adjust amend set configure patch replace upgrade
    update scale raise increase decrease lower limit drain promote demote rotate renew
    pull download fetch get grab obtain
    push upload publish release
    upload put send copy import transfer
    download copy export save fetch
    export save backup dump archive
    import load restore
    pause freeze suspend hold
    unpause resume unfreeze thaw continue
    connect attach join link
    disconnect detach unplug
    connect plug
    leave exit quit disband abandon
    join enter enroll
    enable activate
    disable deactivate
    exec execute run command shell invoke
    check verify test validate
    ping alive health reachable up
    login authenticate auth credential signin
    tag retag label
    commit snapshot
    rename retitle name
    wait await finish until exit
    watch monitor follow stream event
    log tail output print console error
    send submit post mail
    reply answer respond
    cp copy
    ps list process
"""
#: The same for things.
_THINGS = """
    stats statistic usage consumption metric measure traffic load use
    process top task job
    file folder directory document
    author writer novelist write
    book novel title
    customer client buyer
    user member person people account
    price cost
    repo repository
    message mail email
    config configuration setting
    password secret credential token
    permission privilege
    cluster swarm
    node machine host server worker
    issue ticket bug
    memory ram
    disk storage space
    cpu processor
    forecast weather prediction
    package library module
    change diff difference
    size resize width height dimension
    terminal tty
    network subnet
"""

#: Forms of verbs that no rule leads back to the verb.
_IRREGULAR = {
    form: verb
    for line in (
        "began begin; begun begin; bought buy; broken break; broke break; built build",
        "chose choose; chosen choose; done do; drawn draw; drew draw; found find",
        "froze freeze; frozen freeze; gave give; given give; got get; held hold",
        "hidden hide; kept keep; lost lose; made make; paid pay; ran run",
        "sent send; shown show; shut stop; sold sell; spent spend; spoke speak",
        "taken take; thrown throw; told tell; took take; went go; written write",
        "wrote write",
    )
    for form, verb in (pair.split() for pair in line.split("; "))
}


def root(word: str) -> str:
    """Return a word without its endings: `running` -> `run`, `images` -> `imag`.

    Both sides of a comparison lose their endings, so what is left need not be a word.
    """
    word = _singular(_IRREGULAR.get(word, word))
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 1 and re.search("[aeiouy]", rest):
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


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case.

    `"listShips of the-fleet"` -> `["list", "ships", "of", "the", "fleet"]`.
    """
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]


def _synonyms(lines: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for line in lines.strip().splitlines():
        group = set(map(root, line.split()))
        for word in group:
            found[word] |= group - {word}
    return found


class Ranking:
    """An index of texts.

    Args:
        entries: For each text its name, its description, and what stands beside them.
    """

    def __init__(self, entries: Iterable[tuple[str, str, str]]) -> None:
        #: Word -> number of the text -> weight of the word in it.
        self._words: dict[str, dict[int, float]] = defaultdict(dict)
        #: The same for the roots of the words.
        self._roots: dict[str, dict[int, float]] = defaultdict(dict)
        #: The roots of the words of each name.
        self._names: list[frozenset[str]] = []
        for number, fields in enumerate(entries):
            self._names.append(frozenset(map(root, words_of(fields[0]))))
            for weight, field in zip(_WEIGHTS, fields, strict=True):
                for word in words_of(field):
                    self._words[word].setdefault(number, weight)
                    self._roots[root(word)].setdefault(number, weight)
        self._actions = _synonyms(_ACTIONS)
        self._synonyms = _synonyms(_ACTIONS + _THINGS)

    def find(self, question: str) -> list[int]:
        """Return the numbers of the texts that have a word of a question, best first.

        Every text is found by a question without words.
        """
        asked = _asked(question)
        if not asked:
            return list(range(len(self._names)))
        scores: dict[int, float] = defaultdict(float)
        matched: dict[int, list[str]] = defaultdict(list)
        for word in asked:
            for number, (value, meant) in self._scores(word).items():
                scores[number] += value
                matched[number].append(meant)
        if not any(
            root(word) in self._actions and not _is_state(word) for word in asked
        ):
            for number, (value, meant) in self._scores(_SHOW).items():
                if number in scores:
                    scores[number] += _UNSAID * value
                    matched[number].append(meant)

        def key(number: int) -> tuple[float, int]:
            name, found = self._names[number], matched[number]
            of_name = len(name.intersection(found)) / max(len(name), 1)
            of_question = len(found) / len(asked)
            parts = _part(_OF_NAME, of_name) * _part(_OF_QUESTION, of_question)
            return -scores[number] * parts, number

        return sorted(scores, key=key)

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
        meant += [
            (other, factor, self._roots.get(other))
            for other in self._synonyms.get(own, ())
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
            others, factor = get_close_matches(own, self._roots, 3, 0.8), _SIMILAR
        return [(other, factor, self._roots[other]) for other in others]


def _part(importance: float, part: float) -> float:
    return 1 - importance + importance * part


def _is_state(word: str) -> bool:
    """Tell whether a word is a participle: `stopped` is a state, `stop` an action."""
    return word.endswith(("ed", "ing")) and len(root(word)) < len(word) - 1


def _begins(word: str, other: str) -> bool:
    is_long = len(word) > 2 and len(other) > 2
    return is_long and (word.startswith(other) or other.startswith(word))


def _asked(question: str) -> list[str]:
    """Return the words of a question that say what is asked for, each once."""
    text = " ".join(_WORD.findall(_CAMEL.sub(" ", question))).lower()
    for phrase, word in _PHRASES.items():
        text = re.sub(rf"\b{phrase}\b", word, text)
    words = [word for word in text.split() if len(word) > 1 or not word.isascii()]
    telling = [word for word in words if word not in _EMPTY]
    return list(dict.fromkeys(telling or words))
