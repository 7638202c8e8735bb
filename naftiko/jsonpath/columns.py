"""Outputs that select members of one list → the columns of a table.

    outputs                        value                       rows
    -----------------------------  --------------------------  ------------------------
    isbns:  $.items[*].isbn        {items: [{isbn: 1, t: A},   {isbns: 1, titles: A}
    titles: $.items[*].t                    {t: B}]}           {isbns: null, titles: B}

Each list alone leaves out what is missing (RFC 9535), so two of them cannot be paired
by their indexes; the rows are built from the nodes that the paths have in common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.jsonpath.reading import segments_of
from naftiko.jsonpath.segments import FUNCTION, LIBRARY
from naftiko.jsonpath.steps import MISSING, finder, steps_of, walk
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from naftiko.jsonpath.segments import Segment
    from naftiko.plain import JSON


class Columns(NamedTuple):
    """Outputs that come from the same nodes.

    Attributes:
        names: The outputs.
        rows: Value → for each node the cells of these outputs, `None` for no member.
    """

    names: tuple[str, ...]
    rows: Callable[[JSON], list[list[JSON]]]


def columns_of(
    outputs: Iterable[tuple[str, str]], *, lone_is_list: bool = False
) -> Columns | None:
    """Return the outputs that make the rows of a table, or `None`.

    `[("isbns", "$.items[*].isbn"), ("total", "$.total")]` gives the column `isbns`.
    Those are the most outputs that share their nodes. A single one makes rows only if
    it is the first output: otherwise the outputs describe one thing, and not a list.

    Args:
        outputs: Names and well-formed paths.
        lone_is_list: As `compile_path` has it, for XML.
    """
    read = [(name, segments_of(path)) for name, path in outputs]
    listed = {name: segments for name, segments in read if _is_list(segments)}
    best: list[str] = []
    for segments in listed.values():
        nodes = segments[: _end_of_nodes(segments)]
        size = len(nodes)
        names = [n for n, other in listed.items() if len(_common(other, nodes)) == size]
        best = max(best, names, key=len)
    if not best or (len(best) < 2 and best[0] != read[0][0]):
        return None
    shared: Sequence[Segment] = listed[best[0]]
    for name in best[1:]:
        shared = _common(shared, listed[name])
    while shared[-1].single:
        shared = shared[:-1]
    to_nodes = steps_of(shared, lone_is_list=lone_is_list)
    cells = [_cell(listed[name][len(shared) :]) for name in best]

    def rows(value: JSON) -> list[list[JSON]]:
        nodes = walk(to_nodes, [value], value)
        return [[cell(node, value) for cell in cells] for node in nodes]

    return Columns(tuple(best), rows)


def _is_list(segments: Sequence[Segment]) -> bool:
    """Tell whether a path gives a list of what it finds."""
    kinds = {segment.kind for segment in segments}
    return bool(_end_of_nodes(segments)) and not kinds & {FUNCTION, LIBRARY}


def _end_of_nodes(segments: Sequence[Segment]) -> int:
    """Return the number of segments up to the first that leads to several values."""
    ends = (n for n, segment in enumerate(segments, 1) if not segment.single)
    return next(ends, 0)


def _common(one: Sequence[Segment], other: Sequence[Segment]) -> Sequence[Segment]:
    """Return the segments that two paths begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    ends = (n for n, (a, b) in pairs if a.text != b.text)
    return one[: next(ends, min(len(one), len(other)))]


def _cell(segments: Sequence[Segment]) -> Callable[[JSON, JSON], Any]:
    if not segments:
        return lambda node, _root: node
    if not all(segment.single for segment in segments):
        steps = steps_of(segments)
        return lambda node, root: walk(steps, [node], root)
    find = finder(segments)

    def cell(node: JSON, _root: JSON) -> JSON:
        found = find(node)
        return None if found is MISSING else found

    return cell
