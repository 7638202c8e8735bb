"""A JSONPath text → its segments, or an error with a caret under the fault.

path                   segments
---------------------  ----------------------------------------------
$ or $.                none: the root
$.ship['home port']    MEMBER ship, MEMBER home port
crew[0].name           MEMBER crew, INDEX 0, MEMBER name
$.crew[*].name         MEMBER crew, EVERY, MEMBER name
$..name                DESCEND MEMBER name
$.crew[0,2]            MEMBER crew, SELECT INDEX 0, INDEX 2
$.crew[?(@.age > 40)]  MEMBER crew, SELECT TEST @.age > 40
$.prices.sum()         MEMBER prices, FUNCTION sum
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.errors import OutputError
from naftiko.jsonpath.segments import (
    EVERY,
    INDEX,
    LIBRARY,
    Segment,
    ends_in_length,
    member_segment,
)

if TYPE_CHECKING:
    from naftiko.jsonpath.cursor import PathReader

_ROOTS = frozenset(("$", "$."))
#: A path of names and indexes, which needs no reader: `$.ships[0].crew[*].name`.
_PLAIN = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:0|[1-9][0-9]{0,8}|\*)\])+")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(?:([0-9]+)|\*)\]")


def is_root(expression: str | None) -> bool:
    """Tell whether a path is the root: `$` or `$.`."""
    return bool(expression) and str(expression).strip() in _ROOTS


def is_plain(expression: str | None) -> bool:
    """Tell whether a path is well-formed and needs no JSONPath library to be walked."""
    try:
        segments = segments_of(expression or "")
    except OutputError:
        return False
    return all(segment.kind != LIBRARY for segment in segments)


def needs_length(expression: str | None) -> bool:
    """Tell whether a path ends in a member named `length`."""
    if not expression or "length" not in expression:
        return False
    try:
        return ends_in_length(segments_of(expression))
    except OutputError:
        return False


def segments_of(expression: str) -> tuple[Segment, ...]:
    """Return the segments of a JSONPath; the root has none.

    `segments_of("$.crew[0]")` is a `MEMBER` segment with the key `crew` and an `INDEX`
    segment with the key `0`.

    Raises:
        OutputError: The text is not a JSONPath.
    """
    text = expression.strip()
    if not text or text in _ROOTS:
        return ()
    if _PLAIN.fullmatch(text):
        return tuple(map(_plain_segment, _STEP.finditer(text, 1)))
    # Most documents have no other paths.
    from naftiko.jsonpath.cursor import PathReader

    return tuple(PathReader(text, _read_test).read())


def _plain_segment(step: re.Match[str]) -> Segment:
    name, index = step[1], step[2]
    if name:
        return member_segment(name, step.start(1))
    if index:
        return Segment(INDEX, int(index), f"[{index}]", step.start())
    return Segment(EVERY, None, "[*]", step.start(), single=False)


def _read_test(reader: PathReader) -> Any:
    # Few paths have a test, and reading one needs modules of its own.
    from naftiko.jsonpath.filters import read_test

    return read_test(reader)
