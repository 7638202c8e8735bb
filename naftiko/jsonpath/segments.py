"""The parts of a JSONPath that was read, and the error for one that cannot be read.

A path is a tuple of `Segment`; the brackets of one may hold several `Selector`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.document import rules
from naftiko.errors import OutputError, shorten
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Characters of a path that are shown left and right of a fault.
_LEFT, _RIGHT = 50, 25
#: Kinds of segments. What `jsonpath-ng` walks for us is `LIBRARY`.
MEMBER, INDEX, EVERY, SELECT, DESCEND, LIBRARY, FUNCTION = range(7)
#: Kinds of selectors in brackets, besides `MEMBER`, `INDEX` and `EVERY`.
SLICE, TEST = 7, 8


class Segment(NamedTuple):
    """One step of a path.

    Attributes:
        kind: `MEMBER`, `INDEX`, `EVERY`, `SELECT`, `DESCEND`, `LIBRARY` or `FUNCTION`.
        key: The name or the index; for `SELECT` its selectors, for `DESCEND` the
            segment that applies to all below; `None` for other kinds.
        text: How the library writes it.
        at: Where it begins in the path, in characters.
        single: It leads to one value at most.
    """

    kind: int
    key: Any
    text: str
    at: int
    single: bool = True


class Selector(NamedTuple):
    """One of the selectors in brackets.

    Attributes:
        kind: `MEMBER`, `INDEX`, `EVERY`, `SLICE` or `TEST`.
        key: The name, the index, first, end and step of a slice, or a function from
            a value and the root to whether the value passes the test.
    """

    kind: int
    key: Any = None


def member_segment(name: str, at: int) -> Segment:
    """Return the segment of a member; its text has the name in quotes."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return Segment(MEMBER, name, f"['{escaped}']", at)


def ends_in_length(segments: Sequence[Segment]) -> bool:
    """Tell whether a path ends in `.length`, the number of items of a list."""
    return bool(segments) and segments[-1][:2] == (MEMBER, "length")


def refuse_path(text: str, fault: str, at: int, hint: str = "") -> NoReturn:
    """Raise the error for a path, with a caret under the offending character.

    Args:
        text: The path.
        fault: What is wrong, as a sentence without a stop.
        at: Where, in characters from the beginning.
        hint: What to write instead.

    Raises:
        OutputError: Always; its code is that of `rules.OUTPUT_PATH`.
    """
    first = max(0, at - _LEFT)
    # Every blank becomes one space, or the caret would not stand where it should.
    shown = re.sub(r"\s", " ", text[first : at + _RIGHT])
    caret = f"{shown}\n    {' ' * (at - first)}^"
    raise OutputError(
        f"'{shorten(text)}' is not a JSONPath: {fault} (character {at + 1})",
        hint=f"{hint}\n    {caret}" if hint else f"look here\n    {caret}",
        code=rules.OUTPUT_PATH.code,
    )
