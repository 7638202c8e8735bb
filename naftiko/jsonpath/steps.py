"""Segments of a path → steps that lead from values to what they contain.

    segment     value             what its step gives
    ----------  ----------------  -------------------
    .a          {a: 1}            1
    .a          {b: 1}            MISSING
    [*]         [1, 2]            1, 2
    [0,2]       [a, b, c]         a, c
    [?@ > 1]    [1, 2, 3]         2, 3
    ..a         {a: {a: 1}}       {a: 1}, 1

RFC 9535, 2.3 and 2.5. A step never raises: a value that a step does not fit has nothing
to give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.jsonpath.segments import (
    DESCEND,
    EVERY,
    INDEX,
    MEMBER,
    SELECT,
    SLICE,
    TEST,
    Segment,
    Selector,
    ends_in_length,
)
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from naftiko.plain import JSON

    #: A value and the root of the path → the values that a segment selects.
    Select = Callable[[JSON, JSON], Iterable[JSON]]
    #: A value → the one value that a segment selects, or `MISSING`.
    Find = Callable[[JSON], JSON]

#: A step gives this when nothing is found. `None` is a value: a null of the body.
MISSING: Any = object()


class PathStep(NamedTuple):
    """What one segment does.

    Attributes:
        find: Value → value, for a segment that leads to one value at most.
        select: Value and root → values, for every other segment.
    """

    find: Find | None
    select: Select | None


def walk(steps: Sequence[PathStep], nodes: list[JSON], root: JSON) -> list[JSON]:
    """Return the values that the steps lead to from each of some values."""
    for find, select in steps:
        if select is not None:
            nodes = [inner for node in nodes for inner in select(node, root)]
        elif find is not None:
            nodes = [inner for n in nodes if (inner := find(n)) is not MISSING]
    return nodes


def steps_of(
    segments: Sequence[Segment], *, lone_is_list: bool = False
) -> list[PathStep]:
    """Return the steps of segments; a last one `.length` counts the items of a list.

    Args:
        segments: The segments.
        lone_is_list: A member that is no list counts as a list of one where brackets
            follow its name, as `$.ship[*]` does for the only `<ship>` in XML.
    """
    steps = [_step(segment) for segment in segments]
    if lone_is_list:
        for at in range(1, len(segments)):
            if _wants_list(segments[at - 1], segments[at]):
                steps[at] = _of_lone(steps[at])
    if ends_in_length(segments):
        steps[-1] = PathStep(_length_of, None)
    return steps


def _wants_list(before: Segment, segment: Segment) -> bool:
    """Tell whether brackets select items, and stand behind the name of a member."""
    name = before.key if before.kind == DESCEND else before
    if name.kind != MEMBER:
        return False
    if segment.kind == SELECT:
        return all(selector.kind != MEMBER for selector in segment.key)
    return segment.kind == INDEX or segment.text == "[*]"


def _of_lone(step: PathStep) -> PathStep:
    find, select = step

    def listed(value: JSON) -> JSON:
        return value if isinstance(value, list) else [value]

    return PathStep(
        find and (lambda value: find(listed(value))),
        select and (lambda value, root: select(listed(value), root)),
    )


def finder(segments: Sequence[Segment], *, lone_is_list: bool = False) -> Find:
    """Return a function from a value to what single segments find, or `MISSING`."""
    steps = steps_of(segments, lone_is_list=lone_is_list)
    finds = [step.find for step in steps if step.find is not None]
    if len(finds) == 1:
        return finds[0]

    def find(value: JSON) -> JSON:
        for step in finds:
            value = step(value)
            if value is MISSING:
                break
        return value

    return find


def children(value: JSON, _root: JSON = None) -> Iterable[JSON]:
    """Return the items of a list, or the values of an object."""
    if isinstance(value, list):
        return value
    return value.values() if isinstance(value, dict) else ()


def _step(segment: Segment) -> PathStep:
    if segment.kind == MEMBER:
        return PathStep(_member(segment.key), None)
    if segment.kind == INDEX:
        return PathStep(_index(segment.key), None)
    return PathStep(None, _select(segment))


def _member(name: str) -> Find:
    def find(value: JSON) -> JSON:
        try:
            return value[name]
        except (KeyError, TypeError):
            return MISSING

    return find


def _index(index: int) -> Find:
    def find(value: JSON) -> JSON:
        if isinstance(value, list) and -len(value) <= index < len(value):
            return value[index]
        return MISSING

    return find


def _length_of(value: JSON) -> JSON:
    if isinstance(value, list):
        return len(value)
    return value.get("length", MISSING) if isinstance(value, dict) else MISSING


# --- segments that lead to several values -------------------------------------------


def _select(segment: Segment) -> Select:
    if segment.kind == EVERY:
        return children
    if segment.kind == SELECT:
        return _any_of([_selected(selector) for selector in segment.key])
    if segment.kind == DESCEND:
        return _below(_select(segment.key))
    return _optional(_step(segment).find)


def _optional(find: Find | None) -> Select:
    def select(value: JSON, _root: JSON) -> Iterable[JSON]:
        found = MISSING if find is None else find(value)
        return () if found is MISSING else (found,)

    return select


def _any_of(selects: Sequence[Select]) -> Select:
    if len(selects) == 1:
        return selects[0]
    return lambda value, root: [
        inner for select in selects for inner in select(value, root)
    ]


def _selected(selector: Selector) -> Select:
    key = selector.key
    if selector.kind == MEMBER:
        return _optional(_member(key))
    if selector.kind == INDEX:
        return _optional(_index(key))
    if selector.kind == SLICE:
        # A step of 0 selects nothing (RFC 9535, 2.3.4.2.2).
        part = slice(*key)
        if part.step == 0:
            return lambda _value, _root: ()
        return lambda value, _root: value[part] if isinstance(value, list) else ()
    if selector.kind == TEST:
        return lambda value, root: [
            inner for inner in children(value) if key(inner, root)
        ]
    return children


def _below(select: Select) -> Select:
    def below(value: JSON, root: JSON) -> Iterator[JSON]:
        # A stack instead of recursion: nothing limits how deep values are nested.
        nodes = [value]
        while nodes:
            node = nodes.pop()
            if isinstance(node, (dict, list)):
                yield from select(node, root)
                nodes.extend(reversed([*children(node)]))

    return below
