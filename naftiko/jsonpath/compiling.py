r"""A JSONPath → a function from a value to what the path finds in it.

    path                   value                            result
    ---------------------  -------------------------------  ---------
    $                      any                              the value
    $.ship.name            {ship: {name: Ada}}              Ada
    $.ship.flag            {ship: {name: Ada}}              null
    $.crew[*].name         {crew: [{name: Bo}, {name: Cy}]} [Bo, Cy]
    $.crew.length          {crew: [{name: Bo}, {name: Cy}]} 2
    $.crew[?(@.age > 40)]  {crew: [{age: 30}, {age: 50}]}   [{age: 50}]

Nearly every path in published documents is the root or a few plain member names, so
those become closures here. The rest of RFC 9535 is walked by `steps`, and its filters
are read by `filters`; `jsonpath-ng` is imported only for operators of its own, as
`` `parent` ``. This module must not know where a value came from or what becomes of it.

These are the rules (spec 2.8, and the decisions where it leaves room):

- `$` and `$.` are the root. An empty path gives `None`.
- A path without a leading `$` reads as if it had `$.` before it.
- A definite path (names and indexes only) gives the value, or `None` where nothing is
  found. Any other path is indefinite and gives a list, possibly empty.
- Everything else is read as RFC 9535 has it. Filters also know the operators of Jayway
  JsonPath, as `in` and `=~`.
- A name in dot form may hold anything but ``. [ ] ( ) * ` ``: blanks, hyphens, `$`,
  `@` and non-ASCII letters included, as in `$.Participation Status.name`.
- `.length` at the end gives the number of items of a list.
- `length()`, `size()`, `min()`, `max()`, `sum()`, `avg()`, `keys()`, `first()` and
  `last()` at the end apply to what the path before them gives.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from naftiko.jsonpath.functions import FUNCTIONS
from naftiko.jsonpath.reading import is_root, segments_of
from naftiko.jsonpath.segments import (
    EVERY,
    FUNCTION,
    LIBRARY,
    MEMBER,
    Segment,
    ends_in_length,
)
from naftiko.jsonpath.steps import MISSING, children, finder, steps_of, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from naftiko.plain import JSON

    Path = Callable[[JSON], JSON]


def extract(outputs: Iterable[tuple[str, Path]], value: JSON) -> dict[str, JSON]:
    """Return output name → what its path finds in the value."""
    return {name: path(value) for name, path in outputs}


@lru_cache(maxsize=4096)
def compile_path(expression: str | None, *, lone_is_list: bool = False) -> Path:
    """Return a function that applies a JSONPath to a value.

    `compile_path("$.ship.name")` turns `{"ship": {"name": "Ada"}}` into `"Ada"`.

    Args:
        expression: The path.
        lone_is_list: A member that is no list counts as a list of one where brackets
            or a function of lists follow its name: how many elements of a name there
            are in XML is data, and no structure.

    Raises:
        OutputError: The text is not a JSONPath; its rule is `OUTPUT_PATH`.
    """
    if not expression or not expression.strip():
        return _nothing
    if is_root(expression):
        return _itself
    text = expression.strip()
    segments = segments_of(text)
    if segments[-1:] and segments[-1].kind == FUNCTION:
        path = _path(text, segments[:-1], lone_is_list)
        if lone_is_list and segments[-1].key != "keys":
            path = as_list(path)
        return _apply_function(FUNCTIONS[segments[-1].key], path)
    return _path(text, segments, lone_is_list)


def member_of(path: Path) -> str | None:
    """Return the name of a path of one member, `None` of any other: `$.id` → `"id"`.

    Whoever asks for several members of an object can so ask the object itself.
    """
    name: str | None = getattr(path, "member", None)
    return name


def as_list(path: Path) -> Path:
    """Return a path whose value is always a list: of one value, or of none."""

    def listed(value: JSON) -> JSON:
        found = path(value)
        if isinstance(found, list):
            return found
        return [] if found is None else [found]

    return listed


def _path(text: str, segments: Sequence[Segment], lone_is_list: bool) -> Path:
    cut = max(
        (n for n, segment in enumerate(segments, 1) if segment.kind == LIBRARY),
        default=0,
    )
    if cut:
        return _library_path(text, segments, cut)
    if lone_is_list and any(segment.kind != MEMBER for segment in segments):
        return _lone_path(segments)
    if all(segment.single for segment in segments):
        return _definite_path(segments)
    return _indefinite_path(segments)


def _lone_path(segments: Sequence[Segment]) -> Path:
    steps = steps_of(segments, lone_is_list=True)
    definite = all(segment.single for segment in segments)

    def path(value: JSON) -> JSON:
        nodes = walk(steps, [value], value)
        if definite:
            return nodes[0] if nodes else None
        return nodes

    return path


def _nothing(_value: JSON) -> JSON:
    return None


def _itself(value: JSON) -> JSON:
    return value


# --- plain paths ------------------------------------------------------------------


def _definite_path(segments: Sequence[Segment]) -> Path:
    if not ends_in_length(segments) and all(s.kind == MEMBER for s in segments):
        return _members(tuple(segment.key for segment in segments))
    find = finder(segments)

    def path(value: JSON) -> JSON:
        found = find(value)
        return None if found is MISSING else found

    return path


def _members(names: tuple[str, ...]) -> Path:
    """Return a path of member names.

    Hot loop: such a path runs once for each item of each response, and nearly all have
    one to three names. Without a loop these take a third to a half less time (measured:
    65 instead of 98 ns for one name, 89 instead of 141 ns for three).
    """
    if len(names) == 1:
        (one,) = names

        def path_1(value: JSON) -> JSON:
            try:
                return value[one]
            except (KeyError, TypeError):
                return None

        path_1.member = one  # type: ignore[attr-defined]
        return path_1
    if len(names) == 2:
        first, second = names

        def path_2(value: JSON) -> JSON:
            try:
                return value[first][second]
            except (KeyError, TypeError):
                return None

        return path_2
    if len(names) == 3:
        outer, middle, inner = names

        def path_3(value: JSON) -> JSON:
            try:
                return value[outer][middle][inner]
            except (KeyError, TypeError):
                return None

        return path_3

    def path_n(value: JSON) -> JSON:
        try:
            for name in names:
                value = value[name]
        except (KeyError, TypeError):
            return None
        return value

    return path_n


def _indefinite_path(segments: Sequence[Segment]) -> Path:
    kinds = [segment.kind for segment in segments]
    one = kinds[-2:] == [EVERY, MEMBER] and all(s.single for s in segments[:-2])
    if one and not ends_in_length(segments):
        before = segments[:-2]
        return _each(_definite_path(before) if before else _itself, segments[-1].key)
    steps = steps_of(segments)
    return lambda value: walk(steps, [value], value)


def _each(before: Path, name: str) -> Path:
    """Return the path `<before>[*].<name>`."""

    def path(value: JSON) -> JSON:
        return [
            item[name]
            for item in children(before(value))
            if isinstance(item, dict) and name in item
        ]

    return path


# --- functions at the end of a path -----------------------------------------------


def _apply_function(function: Callable[[Any], JSON], path: Path) -> Path:
    def apply(value: JSON) -> JSON:
        try:
            return function(path(value))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return None

    return apply


# --- operators of jsonpath-ng -----------------------------------------------------


def _library_path(text: str, segments: Sequence[Segment], cut: int) -> Path:
    """Return a path whose segments up to `cut` the library walks in part."""
    from naftiko.jsonpath.library import compile_by_library

    kinds = [segment.kind for segment in segments]
    # It climbs to the parent of what it has walked to itself.
    climbs = any("parent" in s.text for s in segments if s.kind == LIBRARY)
    first = 0 if climbs else kinds.index(LIBRARY)
    before, after = steps_of(segments[:first]), steps_of(segments[cut:])
    find = compile_by_library(text, segments[first:cut])
    definite = all(segment.single for segment in segments)

    def path(value: JSON) -> JSON:
        nodes = walk(before, [value], value)
        try:
            nodes = [match.value for node in nodes for match in find(node)]
        except Exception:  # noqa: BLE001 - the library raises whatever Python raises
            return None
        nodes = walk(after, nodes, value)
        if definite:
            return nodes[0] if nodes else None
        return nodes

    return path
