"""Values by the names that templates give them: arguments, and results of steps.

    {"ship": {"crew": [{"id": 7}]}}, "ship.crew.0.id"  →  7
    the same, "ship.crew[0].id"                        →  7
    the same, "ship.port"                              →  ABSENT, or an error that names
                                                          what `ship` has

Spec 8.1. This module must not know what a template is for.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from naftiko.document import rules
from naftiko.errors import CallError, did_you_mean, names_of, shorten
from naftiko.expressions import ABSENT, is_part, is_part_of_any, parts_of
from naftiko.functions.runs import Values
from naftiko.plain import JSON

#: The index of an item, between two dots.
_INDEX = re.compile(r"[0-9]{1,9}")


def value_at(values: JSON, name: str) -> JSON:
    """Return a value by its name, or an inner one by a longer name (spec 8.1).

    `value_at({"ship": {"crew": [{"id": 7}]}}, "ship.crew.0.id")` is `7`, and so it is
    for `ship.crew[0].id`; a missing value is `ABSENT`.

    Args:
        values: Name → value; or, inside of one, a list.
        name: Names of members and indexes of lists, with dots between them or in
            brackets. An index in brackets may be negative: it counts from the end.
    """
    if isinstance(values, dict) and name in values:
        return values[name]
    return _inner(values, parts_of(name))


def _inner(value: JSON, parts: tuple[str | int, ...]) -> JSON:
    if not parts:
        return value
    if isinstance(value, list):
        index = parts[0]
        if isinstance(index, str):
            index = int(index) if _INDEX.fullmatch(index) else len(value)
        if not -len(value) <= index < len(value):
            return ABSENT
        return _inner(value[index], parts[1:])
    if not isinstance(value, dict):
        return ABSENT
    whole = ".".join(map(str, parts))
    if whole in value:
        return value[whole]
    # A step may have a dot in its name, as arguments have.
    name = ""
    for count, part in enumerate(parts[:-1], 1):
        name = f"{name}.{part}" if name else str(part)
        inner = value.get(name)
        if isinstance(inner, (dict, list)):
            return _inner(inner, parts[count:])
    return ABSENT


def is_step(name: str, earlier: Container[str]) -> bool:
    """Tell whether a name in a template means an earlier step, or a part of one."""
    return is_part_of_any(name, earlier)


def nothing_in_step(
    name: str,
    earlier: Iterable[str],
    values: Values,
    known: Iterable[str] = (),
    *,
    written: str = "",
) -> CallError:
    """Return the error for a placeholder that finds nothing in the result of a step.

    Args:
        name: The name in the placeholder, such as `find.0.imo`.
        earlier: The steps before the one with the placeholder.
        values: Name → value: the arguments, and the results of steps.
        known: Other names that the placeholder could mean: inputs of the unit.
        written: The placeholder as the document has it; by default `{{name}}`.
    """
    written = shorten(written or f"{{{{{name}}}}}")
    earlier = sorted(earlier)
    steps = [step for step in earlier if is_part(name, step)]
    if not steps:
        head, *inner = map(str, parts_of(name))
        reason = f"no step '{shorten(head)}' comes before"
        if not inner:
            reason = "no earlier step and no declared input has this name"
        names = [*earlier, *known]
        hint = did_you_mean(head, names)
        if head == "$":
            hint = f"write '{{{{{shorten(name.removeprefix('$.'))}}}}}'"
        elif names and not hint:
            hint = f"known: {names_of(map(shorten, names), 12)}"
    else:
        step = max(steps, key=len)
        path = name.removeprefix(step).removeprefix(".")
        reason, hint = f"step '{step}' gave no result", ""
        if (result := values.get(step)) is not None:
            reason, hint = _missing(step, path, result)
    return CallError(
        f"'{written}' finds nothing: {reason}", code=rules.STEP_RESULT.code, hint=hint
    )


def _missing(step: str, path: str, result: JSON) -> tuple[str, str]:
    """Return why a path finds nothing in the result of a step, and what is there."""
    parts = parts_of(path)
    if _inner(result, parts) is None:
        return (
            f"'{shorten(path)}' in the result of step '{step}' is null",
            "write `required: false` at the parameter, if it may be left out",
        )
    depth, inner = 0, result
    while isinstance(deeper := _inner(result, parts[: depth + 1]), (dict, list)):
        depth, inner = depth + 1, deeper
    it = f"'{shorten('.'.join(map(str, parts[:depth])))}'" if depth else "it"
    hint = f"{it} is a single value"
    if isinstance(inner, dict):
        hint = f"{it} has: {names_of(map(shorten, map(str, inner)), 12)}"
    elif isinstance(inner, list):
        hint = f"{it} is a list of {len(inner)}"
    return f"the result of step '{step}' has no '{shorten(path)}'", hint
