"""Patterns of documents and of data, run on texts of strangers within a budget.

    bounded(r"^[a-z]+$").finds("abc")            True, by `re`: it is surely quick
    bounded(r"(a+)+b").finds("a" * 50_000)       False, by RE2: linear
    bounded(r"(?=(a+)+b)").finds("a" * 5_000)    PatternLimit: ended after a while

`re` backtracks, so a pattern may take longer than the world has existed. Where the
length of the text says that it cannot, `re` runs it. Otherwise RE2 does, whose time is
linear (the extra `serve` installs `google-re2`). What RE2 cannot run has a limit on the
text, and a process that is ended. Results are those of `re` in each case.
"""

from __future__ import annotations

import marshal
import re
from contextlib import suppress
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from naftiko.errors import CallError, shorten
from naftiko.patterns.linear import LinearWriter, compile_linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.workers.pool import Pool

#: Characters of a text that a pattern which may take for ever is run on.
MOST_CHARACTERS = 10_000
#: Seconds that it may take.
MOST_SECONDS = 0.3
#: Characters of a pattern.
MOST_OF_A_PATTERN = 200_000
#: Steps of `re` that are some milliseconds.
_QUICK = 200_000
_MEMORY = 128 * 1024 * 1024
#: Seconds to wait for a process.
_PATIENCE = 2.0
_LONGEST = 1 << 40
#: Lengths for which the steps are counted.
_LENGTHS = (0, *(1 << power for power in range(2, 18)), _LONGEST)


class PatternLimit(CallError):
    """A pattern was not run to its end: the text is too long, or it takes too long."""


class BoundedPattern:
    """A pattern that is run within a budget.

    Attributes:
        pattern: The pattern as `re` has compiled it.
        quick: The most characters of a text on which `re` is surely quick.
        is_regular: It has neither look-around nor back-references.
    """

    def __init__(self, pattern: re.Pattern[str], whole: bool) -> None:
        self.pattern = pattern
        self.quick = _quick_length(pattern)
        self._whole = whole
        self._run = pattern.fullmatch if whole else pattern.search
        writer = LinearWriter(whole)
        self._written = writer.whole_pattern(pattern)
        self._is_ascii = writer.is_ascii_only
        self.is_regular = self._written is not None

    @cached_property
    def _linear(self) -> tuple[Callable[[bytes], object] | None, int]:
        # RE2 takes some milliseconds to be imported; most texts are short.
        return compile_linear(self._written)

    @property
    def may_wait(self) -> bool:
        """Whether there are texts for which a process may be waited for."""
        if self.quick >= _LONGEST:
            return False
        return self._linear[0] is None or self._is_ascii

    def finds(self, text: str) -> bool:
        """Tell whether the pattern matches: a part of the text, or the whole of it.

        Raises:
            PatternLimit: The text is too long, or it takes too long.
        """
        if len(text) <= self.quick:
            return self._run(text) is not None
        linear, most = self._linear
        if linear is not None and (text.isascii() or not self._is_ascii):
            if len(text) > most:
                raise _too_long(most)
            # Half a character is no UTF-8.
            with suppress(UnicodeEncodeError):
                return linear(text.encode()) is not None
        most = max(MOST_CHARACTERS, self.quick)
        if len(text) > most:
            raise _too_long(most)
        return self._finds_aside(text)

    def _finds_aside(self, text: str) -> bool:
        from naftiko.workers.job import Job
        from naftiko.workers.process import WorkerError

        work = (self.pattern.pattern, self.pattern.flags, self._whole, text)
        try:
            payload = (marshal.dumps(work),)
            answer = _pool().run(
                Job(f"{__name__}:run_task", payload, MOST_SECONDS, _MEMORY, _PATIENCE)
            )
        except WorkerError as error:
            shown = shorten(self.pattern.pattern, 40)
            raise PatternLimit(
                f"the pattern '{shown}' takes more than {MOST_SECONDS:g} seconds on it"
                if error.reason == "time"
                else f"the pattern '{shown}' cannot be run: {error.message}",
                hint="write it without look-around, back-references and nested repeats",
            ) from None
        return answer == b"1"


def _too_long(most: int) -> PatternLimit:
    return PatternLimit(
        f"it is longer than the {most:,} characters that its pattern is run on",
        hint="give a shorter text; a pattern without look-around and back-references"
        " has no such limit where `google-re2` is installed",
    )


@lru_cache(maxsize=4096)
def bounded(text: str, flags: int = 0, *, whole: bool = False) -> BoundedPattern | None:
    """Return a pattern in the syntax of `re`, or `None` for what is none.

    Args:
        text: The pattern.
        flags: Flags of `re`.
        whole: Whether the whole of a text has to match, and not a part of it.
    """
    if len(text) > MOST_OF_A_PATTERN:
        return None
    try:
        return BoundedPattern(re.compile(text, flags), whole)
    except (re.error, OverflowError, RecursionError):
        return None


@cache
def _pool() -> Pool:
    from naftiko.workers.pool import Pool

    return Pool(2, waiting=16)


def run_task(payload: bytes) -> bytes:
    """Run a pattern in a process of its own; see `naftiko/workers/`."""
    text, flags, whole, given = marshal.loads(payload)  # noqa: S302 - of our parent
    pattern = re.compile(text, flags)
    found = pattern.fullmatch(given) if whole else pattern.search(given)
    return b"0" if found is None else b"1"


# --- steps of `re` ------------------------------------------------------------------

# What `re` makes of a pattern; the modules have these names since Python 3.11.
_parser: Any = re._parser  # type: ignore[attr-defined]
_codes: Any = re._constants  # type: ignore[attr-defined]
_CHARACTERS = (_codes.LITERAL, _codes.NOT_LITERAL, _codes.ANY, _codes.IN)
_REPEATS = (_codes.MAX_REPEAT, _codes.MIN_REPEAT, _codes.POSSESSIVE_REPEAT)
_ASSERTIONS = (_codes.ASSERT, _codes.ASSERT_NOT)
#: Repeats of more than one character that are short enough to be multiplied out.
_FEW = 4


def _quick_length(pattern: re.Pattern[str]) -> int:
    """Return the most characters on which `re` takes no more than `_QUICK` steps.

    Each repeat of one character that varies can end at every character, and a search
    begins at every one: `^[a-z]+$` takes about n steps, `[a-z]+[0-9]+` n³.
    """
    try:
        tree = _parser.parse(pattern.pattern, pattern.flags)
        begins = tree.data[0] if tree.data else None
        has_one_start = (
            begins == (_codes.AT, _codes.AT_BEGINNING)
            and not pattern.flags & re.MULTILINE
        )
        found = -1
        for length in _LENGTHS:
            starts = 1 if has_one_start else length + 1
            if starts * _ways(tree, length) > _QUICK:
                break
            found = length
        return found
    except RecursionError:
        return -1


def _ways(tree: Any, length: int) -> float:
    """Return how many ways there are to go through a part of a pattern, at most."""
    # An assertion is passed in one way, but looked at each time.
    ways, asserted = 1.0, 0.0
    for code, value in tree:
        if code in _REPEATS:
            least, most, body = value
            if len(body) == 1 and body[0][0] in _CHARACTERS:
                ways *= max(min(length, most) - least + 1, 1)
            elif most <= _FEW:
                ways *= (_ways(body, length) + (least != most)) ** int(most)
            else:
                return float("inf")
        elif code is _codes.BRANCH:
            ways *= sum(_ways(branch, length) for branch in value[1])
        elif code is _codes.SUBPATTERN:
            ways *= _ways(value[3], length)
        elif code is _codes.ATOMIC_GROUP:
            ways *= _ways(value, length)
        elif code in _ASSERTIONS:
            asserted += ways * _ways(value[1], length)
        elif code is _codes.GROUPREF:
            ways *= length + 1
        elif code is _codes.GROUPREF_EXISTS:
            return float("inf")
        if ways + asserted > _QUICK:
            break
    return ways + asserted
