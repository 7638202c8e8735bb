"""Filters, slices, unions and descendants, compiled by `jsonpath-ng`.

The library is imported when the first such path runs. Segments are reworded for it
where its grammar lacks what the specification has:

    segment                        in the words of the library
    -----------------------------  ---------------------------------
    [?(@.größe > 1)]               [?(@['größe'] > 1)]
    [?(@.name =~ /^a/i)]           [?(@.name =~ '(?i)^a')]
    [?(@.items.length() > 1)]      [?(@.items.`len` > 1)]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.jsonpath.reading import (
    IDENTIFIER,
    QUOTED,
    Segment,
    member_segment,
    refuse_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from naftiko.plain import JSON

#: Parts of a filter that the library cannot read; and strings, which stay as they are.
_IN_FILTER = re.compile(
    rf"(?P<string>{QUOTED})"
    r"|(?P<match>=~\s*)/(?P<pattern>(?:[^/\\]|\\.)+)/(?P<flags>[imsx]*)"
    r"|(?P<length>\.(?:length|size)\(\s*\))"
    r"|\blength\(\s*(?P<of>[@$][^()'\"]*?)\s*\)"
    r"|(?P<dots>\.\.?)(?P<name>[^\W\d][\w$@-]*|[$@][\w$@-]+)"
    r"|(?P<and>(?<!&)&(?!&))"
    r"|(?P<blank>\s)",
    re.DOTALL,
)
_RESERVED = frozenset(("where", "wherenot"))
#: The library gives the place of a fault in the words of its message alone.
_LIBRARY_PLACE = re.compile(r"(?:at [0-9]+:|line [0-9]+, col )([0-9]+)")
_PATTERN_HINT = "a pattern is a regular expression, such as /^a.*b$/i"
_COMPARE = "compare with ==, !=, <, <=, >, >= or =~; join with && and ||"


def compile_by_library(
    text: str, segments: Sequence[Segment]
) -> Callable[[JSON], Iterable[Any]]:
    """Return a function from a value to the matches of the segments in it.

    Args:
        text: The path as it is written, for messages.
        segments: Its segments up to the last one that needs the library.

    Raises:
        OutputError: The library cannot read them; the code is that of
            `rules.OUTPUT_PATH`.
    """
    from jsonpath_ng.ext.parser import parse

    pieces, origin = ["$"], [0]
    for segment in segments:
        _check_patterns(text, segment)
        piece, places = _reworded(segment)
        pieces.append(piece)
        origin.extend(places)
    try:
        return parse("".join(pieces)).find
    except Exception as error:  # noqa: BLE001 - its parser also raises re.error and more
        told = _LIBRARY_PLACE.search(str(error))
        place = int(told.group(1)) if told else len(origin)
        at = origin[place] if place < len(origin) else len(text)
    return refuse_path(text, "this is not understood", at, _COMPARE)


def _check_patterns(text: str, segment: Segment) -> None:
    """Refuse a pattern that is no regular expression; the library would find nothing.

    Raises:
        OutputError: The code is that of `rules.OUTPUT_PATH`.
    """
    if "=~" not in segment.text:
        return
    for part in _IN_FILTER.finditer(segment.text):
        if part["pattern"]:
            try:
                re.compile(part["pattern"])
            except re.error as error:
                at = segment.at + part.start("pattern") + (error.pos or 0)
                refuse_path(text, f"{error.msg} in the pattern", at, _PATTERN_HINT)


def _reworded(segment: Segment) -> tuple[str, list[int]]:
    """Return a segment in words the library knows, and where each character stood.

    The library lacks unquoted non-ASCII names, `/patterns/`, `length()`, and names
    that are words of its own grammar; it warns about a lone `&`.
    """
    text, start = segment.text, segment.at
    if "?" not in text:
        return text, [start] * len(text)
    pieces: list[str] = []
    places: list[int] = []
    done = 0
    for part in _IN_FILTER.finditer(text):
        piece = _reword(part)
        pieces += text[done : part.start()], piece
        places += range(start + done, start + part.start())
        places += [start + part.start()] * len(piece)
        done = part.end()
    pieces.append(text[done:])
    places += range(start + done, start + len(text))
    return "".join(pieces), places


def _reword(part: re.Match[str]) -> str:
    if part["length"] or part["of"]:
        return f"{part['of'] or ''}.`len`"
    if part["pattern"]:
        flags = f"(?{part['flags']})" if part["flags"] else ""
        pattern = part["pattern"].replace("\\/", "/")
        return part["match"] + member_segment(flags + pattern, 0).text[1:-1]
    name = part["name"]
    if name and (name in _RESERVED or not IDENTIFIER.fullmatch(name)):
        return (".." if part["dots"] == ".." else "") + member_segment(name, 0).text
    if part["and"]:
        return "&&"
    return " " if part["blank"] else part.group()
