r"""Patterns of filters → compiled regular expressions of Python.

I-Regexp (RFC 9485)      Python
-----------------------  -----------------------
a.c                      a[^\n\r]c
[a.]                     [a.]
\p{Lu}                   [A-ZÀ-ÖØ-Þ…]
/^a/i (Jayway)           (?i)^a, as it is written
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache

from naftiko.patterns.bounded import BoundedPattern, bounded

#: What a pattern is made of: an escape, a property of characters, or one character.
_TOKEN = re.compile(r"\\([pP])\{([A-Z][a-z&]?)\}|\\.|.", re.DOTALL)


#: Characters of a pattern that stands in the data.
_MOST_OF_DATA = 1000


@lru_cache(maxsize=256)
def compile_pattern(
    text: str, *, whole: bool, is_data: bool = False
) -> BoundedPattern | None:
    r"""Return an I-Regexp as a pattern of Python, or `None` for one that is malformed.

    What Python has beyond RFC 9485, as `\d` or `^`, means what it means there. One in
    the data is a stranger's: it has no look-around and no back-references.

    Args:
        text: The pattern.
        whole: Whether the whole of a text has to match, and not a part of it.
        is_data: Whether it comes from the data, and not from the document.
    """
    if is_data and len(text) > _MOST_OF_DATA:
        return None
    compiled = bounded(_in_python(text), whole=whole)
    return None if is_data and compiled and not compiled.is_regular else compiled


def _in_python(text: str) -> str:
    """Return an I-Regexp in the syntax of Python."""
    pieces: list[str] = []
    in_class = False
    for token in _TOKEN.finditer(text):
        piece = token.group()
        if token[1]:
            ranges = _ranges(token[2], complement=token[1] == "P")
            piece = ranges if in_class else f"[{ranges}]"
        elif in_class:
            in_class = piece != "]"
            # Python warns of a bracket that may once be the beginning of a set.
            piece = "\\[" if piece == "[" else piece
        elif piece == ".":
            piece = "[^\\n\\r]"
        else:
            in_class = piece == "["
        pieces.append(piece)
    return "".join(pieces)


def _ranges(category: str, *, complement: bool) -> str:
    r"""Return the characters of a Unicode category as ranges of a set.

    `_ranges("Zl")` is `\U00002028-\U00002028`. A category that does not exist has no
    characters.
    """
    found = [
        range_
        for name, ranges in _categories().items()
        if name.startswith(category) is not complement
        for range_ in ranges
    ]
    # A set must not be empty; this one holds nothing.
    return "".join(found) or "\\U0010ffff-\\U0010ffff"


@lru_cache(maxsize=1)
def _categories() -> dict[str, list[str]]:
    """Return Unicode category → its characters as ranges of a set."""
    from itertools import groupby
    from unicodedata import category

    found: dict[str, list[str]] = {}
    first = 0
    for name, characters in groupby(map(category, map(chr, range(sys.maxunicode + 1)))):
        last = first + sum(1 for _ in characters) - 1
        found.setdefault(name, []).append(f"\\U{first:08x}-\\U{last:08x}")
        first = last + 1
    return found
