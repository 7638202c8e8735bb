"""Regular expressions: hostile texts made from a pattern, and how its time grows.

    pattern        hostile text                     why
    -------------  -------------------------------  --------------------------------
    a*a*b          aaa…aaa                          each split of the run is tried
    <[^>]*>        <<<…<<<                          each `<` reads the rest
    (a|a)*b        aaa…aaa                          each `a` is read in two ways

A text is `prefix + pump * n + suffix`, or has two pumps. All of it comes from the parse of the pattern: the
prefix leads to a repeat, the pump is what it repeats, and the suffix makes it fail. So
are all single characters of the pattern's alphabet and all pairs of them tried as pumps.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from time import thread_time
from typing import Any, NamedTuple

_parser: Any = re._parser  # type: ignore[attr-defined]
_compiler: Any = re._compiler  # type: ignore[attr-defined]
_codes: Any = re._constants  # type: ignore[attr-defined]

#: Time at 2n is at most this multiple of the time at n.
MOST_GROWTH = 3
#: What a pattern can be run with; see `runner`.
OPERATIONS = frozenset(
    ("match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")
    + ("tokens",)
)
#: Characters that classes such as `\w` and `\s` tell apart, besides those of ASCII.
_ODD = "\x85\xa0é\u0131\u017f\u0663\u2028\ufeff\u212a"
_REPEATS = (_codes.MAX_REPEAT, _codes.MIN_REPEAT, _codes.POSSESSIVE_REPEAT)
_CHARACTERS = (_codes.LITERAL, _codes.NOT_LITERAL, _codes.ANY, _codes.IN)

Run = Callable[[str | bytes], object]


class Text(NamedTuple):
    """A hostile text of any length: `prefix + pump * n + second * n + suffix`."""

    prefix: str
    pump: str
    suffix: str
    second: str = ""

    def of(self, length: int) -> str:
        count = length // len(self.pump + self.second)
        return self.prefix + self.pump * count + self.second * count + self.suffix


class Growth(NamedTuple):
    """What a hostile text does to a pattern: seconds at n and at 2n characters."""

    text: Text
    length: int
    seconds: float
    seconds_at_double: float

    def __str__(self) -> str:
        ratio = self.seconds_at_double / self.seconds
        return (
            f"{self.seconds * 1e3:.2f} ms at {self.length} characters, x {ratio:.1f} at"
            f" twice as many: {self.text}"
        )


def runner(pattern: re.Pattern[Any], operation: str) -> Run:
    """Return a function that runs a pattern on a text, as the package does.

    Args:
        pattern: The pattern.
        operation: A method of a pattern, or `tokens`: match, again and again, where the
            last match ended.
    """
    run: Run
    if operation in ("match", "fullmatch", "search"):
        run = getattr(pattern, operation)
    elif operation == "tokens":

        def run(text: str | bytes) -> object:
            at = 0
            while (found := pattern.match(text, at)) and found.end() > at:
                at = found.end()
            return at

    else:  # sub, subn, split, findall and finditer look for all matches

        def run(text: str | bytes) -> object:
            return deque(pattern.finditer(text), maxlen=0)

    if isinstance(pattern.pattern, bytes):
        inner = run
        return lambda text: inner(text.encode("utf-8", "surrogatepass"))  # type: ignore[union-attr]
    return run


# --- hostile texts ------------------------------------------------------------------


class _Parse:
    """A pattern's parse, and characters that stand for all others of their kind."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self.tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        self.is_bytes = isinstance(pattern.pattern, bytes)
        self.kinds: dict[str, re.Pattern[Any]] = {}
        literals = set()
        for node, flags in _nodes(self.tree, self.tree.state.flags):
            if node[0] in _CHARACTERS:
                self._add(node, flags)
                literals.update(_literals(node))
        known = dict.fromkeys(
            [*sorted(literals), *map(chr, range(128)), *_ODD, "\U0001f600"]
        )
        shown: dict[tuple[bool, ...], str] = {}
        # Printable characters come first, so that a failure can be read.
        for character in sorted(
            known, key=lambda one: not (one.isascii() and one.isprintable())
        ):
            shown.setdefault(self._kind_of(character), character)
        #: One character of each kind, those in no class of the pattern included.
        self.alphabet = list(shown.values())

    def _add(self, node: Any, flags: int) -> None:
        if repr((node, flags)) not in self.kinds:
            one = _parser.SubPattern(self.tree.state, [node])
            self.kinds[repr((node, flags))] = _compiler.compile(one, flags)

    def _kind_of(self, character: str) -> tuple[bool, ...]:
        return tuple(self._is(kind, character) for kind in self.kinds.values())

    def _is(self, kind: re.Pattern[Any], character: str) -> bool:
        if self.is_bytes:
            encoded = character.encode("utf-8")
            return len(encoded) == 1 and kind.match(encoded) is not None
        return kind.match(character) is not None

    def members(self, node: Any, flags: int) -> list[str]:
        kind = self.kinds[repr((node, flags))]
        found = [one for one in self.alphabet if self._is(kind, one)]
        if not found and node[0] is _codes.LITERAL:
            found = [chr(node[1])]
        return found


def _nodes(tree: Any, flags: int) -> Iterator[tuple[Any, int]]:
    for node in tree:
        yield node, flags
        for inner, inner_flags in _inner(node, flags):
            yield from _nodes(inner, inner_flags)


def _inner(node: Any, flags: int) -> list[tuple[Any, int]]:
    """Return the parts of a node, each with the flags that hold in it."""
    code, value = node
    if code in _REPEATS:
        return [(value[2], flags)]
    if code is _codes.SUBPATTERN:
        return [(value[3], (flags | value[1]) & ~value[2])]
    if code is _codes.ATOMIC_GROUP:
        return [(value, flags)]
    if code is _codes.BRANCH:
        return [(branch, flags) for branch in value[1]]
    if code in (_codes.ASSERT, _codes.ASSERT_NOT):
        return [(value[1], flags)]
    if code is _codes.GROUPREF_EXISTS:
        return [(part, flags) for part in value[1:] if part is not None]
    return []


def _literals(node: Any) -> set[str]:
    code, value = node
    if code in (_codes.LITERAL, _codes.NOT_LITERAL):
        return {chr(value)}
    if code is not _codes.IN:
        return set()
    points: set[int] = set()
    for kind, what in value:
        if kind is _codes.LITERAL:
            points.add(what)
        elif kind is _codes.RANGE:
            points.update(what)
            points.add(min(what[1] + 1, 0x10FFFF))
    return {chr(point) for point in points if not 0xD800 <= point < 0xE000}


def _samples(parse: _Parse, tree: Any, flags: int, most: int = 6) -> list[str]:
    """Return a few texts that a part of a pattern matches, the shortest among them."""
    found = [""]
    for node in tree:
        ways = _ways(parse, node, flags)
        if ways:
            together = [one + way for one in found for way in ways[:most]]
            found = list(dict.fromkeys(together))
            # Both ends of the list: the plain ways, and the unusual ones.
            found = found[: most // 2] + found[most // 2 :][-(most - most // 2) :]
    return found


def _ways(parse: _Parse, node: Any, flags: int) -> list[str]:
    code, value = node
    if code in _CHARACTERS:
        return parse.members(node, flags) or [""]
    if code in _REPEATS:
        least, greatest, body = value
        once = _samples(parse, body, flags)
        counts = sorted(
            {min(least, 40), min(max(least, 1), 40), min(max(least, 2), greatest, 40)}
        )
        return [one * count for count in counts for one in once]
    if code in (_codes.ASSERT, _codes.ASSERT_NOT, _codes.AT, _codes.GROUPREF):
        return [""]
    ways = [
        _samples(parse, inner, inner_flags)
        for inner, inner_flags in _inner(node, flags)
    ]
    return [way for some in ways for way in some[:4]] or [""]


def _repeats(
    parse: _Parse, tree: Any, flags: int, before: list[str]
) -> Iterator[tuple[list[str], list[str]]]:
    """Yield what leads to each repeat, and what it repeats."""
    for place, node in enumerate(tree):
        lead = [
            a + b for a, b in product(before, _samples(parse, tree[:place], flags, 3))
        ]
        lead = list(dict.fromkeys(lead))[:5]
        if node[0] in _REPEATS:
            yield lead, _samples(parse, node[1][2], flags)
        for inner, inner_flags in _inner(node, flags):
            yield from _repeats(parse, inner, inner_flags, lead)


def hostile_texts(pattern: re.Pattern[Any], most: int = 3000) -> Iterator[Text]:
    """Yield texts that may take long, the most likely ones first."""
    parse = _Parse(pattern)
    flags = parse.tree.state.flags
    alphabet = parse.alphabet[:24]
    wholes = _samples(parse, parse.tree, flags, 8)
    ends = list(dict.fromkeys(["", *alphabet[:12], "\0", "\n"]))
    few_ends = list(dict.fromkeys(["", "\0", alphabet[-1], alphabet[0]]))
    leads = {"": None}
    candidates: list[Iterable[Text]] = []
    for lead, bodies in _repeats(parse, parse.tree, flags, [""]):
        leads.update(dict.fromkeys(lead))
        pumps = [one for one in bodies if one]
        candidates.append(Text(*t) for t in product(lead, pumps, ends))
        # Each beginning is one more start for a search.
        starts = [a + b for a, b in product(lead, ["", *pumps[:3]])]
        candidates.append(
            Text("", one, end) for one in starts if one for end in few_ends
        )
    candidates.append(Text(*t) for t in product(leads, alphabet, ends))
    pairs = [a + b for a, b in product(alphabet[:16], repeat=2) if a != b]
    candidates.append(Text(*t) for t in product(islice(leads, 6), pairs, few_ends[:2]))
    two = [(a, b) for a, b in product(alphabet[:8], repeat=2) if a != b]
    candidates.append(Text("", a, end, b) for a, b in two for end in few_ends[:2])
    cuts = {
        whole[:cut] for whole in wholes for cut in range(1, min(len(whole), 30) + 1)
    }
    candidates.append(Text("", one, end) for one in sorted(cuts) for end in few_ends)
    yield from islice(dict.fromkeys(_in_turn(candidates)), most)


def _in_turn(candidates: list[Iterable[Text]]) -> Iterator[Text]:
    """Yield one text of each kind, then the second of each, so that a few have all."""
    waiting = deque(map(iter, candidates))
    while waiting:
        kind = waiting.popleft()
        for text in islice(kind, 1):
            yield text
            waiting.append(kind)


# --- time ---------------------------------------------------------------------------


def _seconds(run: Run, text: str, repeats: int = 1) -> float:
    """Return the least time of several, in which this thread had the processor."""
    least = float("inf")
    for _ in range(repeats):
        begin = thread_time()
        run(text)
        least = min(least, thread_time() - begin)
    return least


def growth(run: Run, text: Text, length: int = 600, most: float = 0.4) -> Growth | None:
    """Return how the time on a text grows, where that is faster than it may.

    It has to be so at three doublings in a row, so that one late measurement is none.
    A bounded repeat, whose growth ends at its bound, passes.

    Args:
        run: What is measured.
        text: The text.
        length: Its first length in characters, which is doubled.
        most: Seconds after which no longer text is tried.
    """
    last, fast, doublings = _seconds(run, text.of(length), 5), 0, 0
    while True:
        now = _seconds(run, text.of(2 * length), 5 if last < 0.01 else 2)
        doublings += 1
        if now > last * MOST_GROWTH:
            # A second look at both: the machine may just have been busy.
            last = min(last, _seconds(run, text.of(length), 5 if last < 0.01 else 2))
            now = min(now, _seconds(run, text.of(2 * length), 3))
        fast = fast + 1 if now > last * MOST_GROWTH else 0
        if fast >= min(doublings, 3) and (now > most or (fast >= 3 and now > 0.002)):
            return Growth(text, length, last, now)
        if now > most or length > 200_000 or (not fast and now > 0.004):
            return None
        last, length = now, length * 2


def worst(pattern: re.Pattern[Any], operation: str, most: int = 3000) -> Growth | None:
    """Return a text whose time grows too fast, or `None` where there is none.

    Short texts come first, so that a pattern of exponential time ends, too. A text that
    is slow for its length is tried at eight times the length, and measured at several
    where that takes much more than eight times as long; most are not.
    """
    run = runner(pattern, operation)
    length, slow = 600, 30e-6
    for text in hostile_texts(pattern, most):
        for short in (16, 24, 100):
            if all(_seconds(run, text.of(short)) > 3e-3 for _ in range(3)):
                seconds = _seconds(run, text.of(short))
                return Growth(text, short, seconds, 1e3 * seconds)
        if all(_seconds(run, text.of(100)) > 200e-6 for _ in range(3)):
            if found := growth(run, text, 25):
                return found
            continue
        first = _seconds(run, text.of(length))
        if first < slow or (first := _seconds(run, text.of(length), 3)) < slow:
            continue
        if first > 1e-3:
            if found := growth(run, text, 75):
                return found
            continue
        if any(_seconds(run, text.of(8 * length)) < 12 * first for _ in range(3)):
            continue
        if found := growth(run, text):
            return found
    return None
