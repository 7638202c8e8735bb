"""What `jsonpath-ng` compiles: filters, slices, descendants."""

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

# What the library cannot read inside a filter, and strings, to leave them alone.
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
_LIBRARY_PLACE = re.compile(r"(?:at [0-9]+:|line [0-9]+, col )([0-9]+)")
_COMPARE = "compare with ==, !=, <, <=, >, >= or =~; join with && and ||"


def compile_by_library(
    text: str, segments: Sequence[Segment]
) -> Callable[[JSON], Iterable[Any]]:
    """Compile a path with `jsonpath-ng`."""
    from jsonpath_ng.ext.parser import parse

    pieces, origin = ["$"], [0]
    for segment in segments:
        piece, places = _reworded(segment)
        pieces.append(piece)
        origin.extend(places)
    try:
        return parse("".join(pieces)).find
    except Exception as error:  # noqa: BLE001 - its parser also raises re.error and more
        found = _LIBRARY_PLACE.search(str(error))
        place = int(found.group(1)) if found else len(origin)
        at = origin[place] if place < len(origin) else len(text)
    return refuse_path(text, "this is not understood", at, _COMPARE)


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
    for found in _IN_FILTER.finditer(text):
        piece = _reword(found)
        pieces += text[done : found.start()], piece
        places += range(start + done, start + found.start())
        places += [start + found.start()] * len(piece)
        done = found.end()
    pieces.append(text[done:])
    places += range(start + done, start + len(text))
    return "".join(pieces), places


def _reword(found: re.Match[str]) -> str:
    if found["length"] or found["of"]:
        return f"{found['of'] or ''}.`len`"
    if found["pattern"]:
        flags = f"(?{found['flags']})" if found["flags"] else ""
        pattern = found["pattern"].replace("\\/", "/")
        return found["match"] + member_segment(flags + pattern, 0).text[1:-1]
    name = found["name"]
    if name and (name in _RESERVED or not IDENTIFIER.fullmatch(name)):
        return (".." if found["dots"] == ".." else "") + member_segment(name, 0).text
    if found["and"]:
        return "&&"
    return " " if found["blank"] else found.group()
