r"""Operators that only `jsonpath-ng` has: `` `parent` ``, `` `sub(…)` ``, `[\name]`.

RFC 9535 has nothing of the kind, and documents may use them. The library is imported
when a path with such an operator is compiled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.jsonpath.segments import Segment, refuse_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from naftiko.plain import JSON

#: The library gives the place of a fault in the words of its message alone.
_LIBRARY_PLACE = re.compile(r"(?:at [0-9]+:|line [0-9]+, col )([0-9]+)")
_HINT = "operators of jsonpath-ng are `len`, `keys`, `parent`, `sub(…)`, `split(…)`"


def compile_by_library(
    text: str, segments: Sequence[Segment]
) -> Callable[[JSON], Iterable[Any]]:
    """Return a function from a value to the matches of the segments in it.

    Args:
        text: The path as it is written, for messages.
        segments: Those that the library walks.

    Raises:
        OutputError: The library cannot read them; the code is that of
            `rules.OUTPUT_PATH`.
    """
    from jsonpath_ng.ext.parser import parse

    pieces, origin = ["$"], [0]
    for segment in segments:
        pieces.append(segment.text)
        origin.extend([segment.at] * len(segment.text))
    try:
        return parse("".join(pieces)).find
    except Exception as error:  # noqa: BLE001 - its parser also raises re.error and more
        told = _LIBRARY_PLACE.search(str(error))
        place = int(told.group(1)) if told else len(origin)
        at = origin[place] if place < len(origin) else len(text)
    return refuse_path(text, "this is not understood", at, _HINT)
