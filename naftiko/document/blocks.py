"""Plain block style of YAML -> plain data, and the place of every node.

    info:              →  {"info": {"label": "Ship"}}, and a mark (line, column) for
      label: Ship         each node, in the order of the text

Published files are almost wholly lines of `key: value`, `key:` and `- key: value`. They
are read here in a quarter of the time that the events of the C parser take. What is
written in another way is cut out, with the lines below it, and given to the parser. A
text that might mean something else to the parser is not read here at all: the parser
reads it, or tells its mistakes. This module must not know what a capability is.
"""

from __future__ import annotations

import re
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from naftiko.document.document import MAX_DEPTH
from naftiko.document.scalars import CONSTANTS, resolve_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.plain import JSON

    #: Reads a text that is nested at most as deep as told: the data and the marks.
    Parse = Callable[[str, int], tuple[JSON, array[int]] | None]
    #: Column of a line, that behind its dash, its key, that of a value behind the key,
    #: and the text of a line without a key.
    _Line = tuple[int, int, str | None, int, str]
    #: A value, the blanks before it, and its text if the next line may go on with it.
    _Scalar = tuple[JSON, int, str | None]

#: Mappings and lists inside each other; the parser reads deeper texts.
_MOST_LEVELS = 40
#: Parts that are given to the parser; each of them costs as much as twenty lines.
_MOST_PARTS = 40
#: A text of a line that is read anew in each document.
_LONG = 48
#: The parser refuses keys of more than 1,024 characters.
_LONGEST_KEY = 100
_KEY = re.compile(rf"[A-Za-z0-9_$/][^ :#]{{0,{_LONGEST_KEY}}}+")
_QUOTED = re.compile(r"""'((?:[^']|'')*+)'|"([^"\\]*+)\"""")
#: What a plain scalar does not begin with, and what begins one only before a text.
_INDICATORS, _HALF_INDICATORS = frozenset(",[]{}#&*!|>'\"%@`"), frozenset("-?:")
#: What an entry of a mapping begins with that may be given to the parser.
_ENTRY = re.compile(r"""[A-Za-z0-9_$/"']""")
#: Stands for a value that the parser reads.
_ODD: Any = object()
#: A line without any data.
_NOTHING = -1, -1, None, 0, ""


def read_blocks(text: str, parse: Parse) -> tuple[JSON, array[int]] | None:
    """Return the data and the marks of a text, or `None` where the parser must read it.

    Args:
        text: The text, which holds printable characters and line feeds only: tabs and
            other line breaks mean more to the parser.
        parse: The parser, for the parts that are written in another way.

    Hot loop: it runs once per line; what lines have in common is looked at once.
    """
    written = text.split("\n")
    lines = written
    if " \n" in text or text.endswith(" "):
        lines = [line.rstrip(" ") for line in written]
    heads: dict[str, _Line] = {}
    wholes: dict[str, _Line] = {}
    scalars: dict[str, _Scalar] = {"": (_ODD, 0, None)}
    marks: list[int] = []
    mark = marks.extend
    root: JSON = None
    # The mapping or the list that is open, its column, and those around it.
    inside: JSON = None
    here, is_list = -1, False
    around: list[tuple[int, bool, JSON]] = []
    # A key without a value so far; a plain text that the next line may go on with.
    waiting: str | None = None
    begun: str | None = None
    last: str | int = ""  # where it was put
    place, parts = (0, 0), 0
    numbered = enumerate(lines)
    if lines[0] == "---":
        next(numbered)
    for number, whole in numbered:
        left, colon, right = whole.partition(": ")
        if colon:
            line = heads.get(left)
            if line is None:
                # Documents have much the same heads; long ones would fill the memory.
                line = _known_head(left) if len(left) < _LONG else _head(left)
                heads[left] = line
            column, at, key, begin, _ = line
        else:
            line = wholes.get(left)
            if line is None:
                line = _known_whole(left) if len(left) < _LONG else _whole(left)
                wholes[left] = line
            column, at, key, begin, right = line
            if begun is not None and column > here:
                more = _more(lines, number, here)
                if not more:
                    return None
                inside[last] = " ".join([begun, *more])
                begun = None
                for _ in more[1:]:
                    next(numbered)
                continue
        if column < 0:
            begun = None
            continue

        # Find the mapping or the list of the line: mostly that of the line before.
        if column != here or at != here or is_list:
            is_item = at != column
            while here > column or (is_list and here == column and not is_item):
                if waiting is not None:
                    inside[waiting] = None
                    mark(place)
                    waiting = None
                here, is_list, inside = around.pop()
            begins = here < column or (is_item and waiting is not None)
            if begins and (is_item or key is not None or begin < 0):
                if waiting is not None:
                    around.append((here, is_list, inside))
                    outer, inside, is_list = inside, [] if is_item else {}, is_item
                    outer[waiting] = inside
                    waiting = None
                elif inside is None and not is_item and not column:
                    root = inside = {}
                else:
                    return None
                here = column
                mark((number, column))
            if is_item:
                if not is_list:
                    return None
                if key is not None:
                    around.append((here, True, inside))
                    inside.append({})
                    here, is_list, inside = at, False, inside[-1]
                    mark((number, at))
            if len(around) > _MOST_LEVELS:
                return None

        # Note the key and its value, an entry of a list, or a text below its key.
        if waiting is not None and (key is not None or begin < 0):
            inside[waiting] = None
            mark(place)
            waiting = None
        if not right and key is not None:
            if key in inside:
                return None
            waiting, place, begun = key, (number, at), None
            mark(place)
            continue
        scalar = scalars.get(right)
        if scalar is None:
            scalar = _known_scalar(right) if len(right) < _LONG else _scalar(right)
            scalars[right] = scalar
        value, blanks, begun = scalar
        if value is _ODD or begin < 0:
            parts += 1
            if parts > _MOST_PARTS or waiting is not None or root is None:
                return None
            end = _end_of(written, number, here)
            part = _part(written[number:end], here, end < len(written))
            got = parse(part, MAX_DEPTH - len(around)) if part else None
            if got is None or not _add(got, inside, number, marks):
                return None
            begun = None
            for _ in range(number + 1, end):
                next(numbered)
        elif key is not None:
            if key in inside:
                return None
            mark((number, at, number, begin + blanks))
            inside[key] = value
            last = key
        else:
            mark((number, at))
            if at != column:
                inside.append(value)
                last = -1
            elif waiting is not None and column > here:
                inside[waiting] = value
                last, waiting = waiting, None
            else:
                return None
    if waiting is not None:
        inside[waiting] = None
        mark(place)
    return None if root is None else (root, array("I", marks))


def _head(text: str) -> _Line:
    """Read what stands before the first colon of a line: blanks, a dash, a key."""
    key = text.lstrip(" ")
    column = at = len(text) - len(key)
    if key.startswith("- "):
        key = key[1:].lstrip(" ")
        at = len(text) - len(key)
    if (key.isidentifier() and len(key) <= _LONGEST_KEY) or _KEY.fullmatch(key):
        return column, at, key, len(text) + 2, ""
    if key.startswith("#") and at == column:
        return _NOTHING
    return column, at, None, -1, ""


def _whole(text: str) -> _Line:
    """Read a line without a value behind a colon: `key:`, `- text` or `text`."""
    rest = text.lstrip(" ")
    if not rest or rest[0] == "#":
        return _NOTHING
    column = len(text) - len(rest)
    if rest == "-":
        return column, column + 1, None, 0, ""
    if rest[-1] == ":":
        return _head(text[:-1])
    inner = rest[1:].lstrip(" ") if rest.startswith("- ") else rest
    return column, len(text) - len(inner), None, 0, inner


def _scalar(text: str) -> _Scalar:
    """Read what stands behind a colon or a dash, if it is a scalar of one line."""
    if text[0].isalpha():
        if " #" in text or ": " in text or text[-1] == ":":
            return _ODD, 0, None
        return CONSTANTS.get(text, text), 0, text
    scalar = text.lstrip(" ")
    blanks, first = len(text) - len(scalar), scalar[0]
    if first in _INDICATORS:
        quoted = _QUOTED.fullmatch(scalar)
        if quoted is None:
            return _ODD, 0, None
        single, double = quoted.groups()
        return single.replace("''", "'") if double is None else double, blanks, None
    if (
        " #" in scalar
        or ": " in scalar
        or scalar[-1] == ":"
        or (first in _HALF_INDICATORS and scalar[1:2] in ("", " "))
    ):
        return _ODD, 0, None
    return resolve_plain(scalar), blanks, scalar


_known_head = lru_cache(1024)(_head)
_known_whole = lru_cache(1024)(_whole)
_known_scalar = lru_cache(4096)(_scalar)


def _more(lines: list[str], number: int, column: int) -> list[str]:
    """Return the lines that go on with a plain text, without their blanks.

    There are none if a line holds more than text.
    """
    texts: list[str] = []
    while number < len(lines):
        line = lines[number]
        text = line.lstrip(" ")
        if not text or text[0] == "#" or len(line) - len(text) <= column:
            break
        if " #" in text or ": " in text or text[-1] == ":":
            return []
        texts.append(text)
        number += 1
    return texts


def _end_of(lines: list[str], number: int, column: int) -> int:
    """Return the number of the first line after one that is not written below it."""
    number += 1
    while number < len(lines):
        rest = lines[number].lstrip(" ")
        if rest and len(lines[number]) - len(rest) <= column:
            break
        number += 1
    return number


def _part(lines: list[str], column: int, is_ended: bool) -> str:
    """Return an entry of a mapping or a list as a text of its own, or an empty text."""
    first = lines[0][column:]
    if not first.startswith("- ") and first != "-" and not _ENTRY.match(first):
        return ""
    return "\n".join([" " * column + first, *lines[1:]]) + "\n" * is_ended


def _add(
    part: tuple[JSON, array[int]], inside: JSON, number: int, marks: list[int]
) -> bool:
    """Add the one entry that a part has; return whether it is one, and a new one."""
    data, inner = part
    if data.__class__ is not inside.__class__ or len(data) != 1:
        return False
    if data.__class__ is list:
        inside += data
    elif next(iter(data)) in inside:
        return False
    else:
        inside |= data
    # The mark of the list or the mapping around the entry is there already.
    marks.extend(n if index % 2 else n + number for index, n in enumerate(inner[2:]))
    return True
