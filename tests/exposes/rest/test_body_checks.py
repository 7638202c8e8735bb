"""Values of a JSON body that stand where the description says object or array."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.exposes.rest.body_checks import Node, compile_checks, misplaced

ORDER = {
    "type": "object",
    "properties": {
        "to": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "area": {"type": "object"},
            },
        },
        "lines": {"type": "array", "items": {"type": "object"}},
        "note": {"type": ["object", "null"]},
        "n": {"type": "integer"},
    },
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"to": {"city": "Oslo", "area": {}}, "lines": [{}], "n": "five"}, {}),
        ({"to": None, "lines": None, "other": "x", "note": "x"}, {}),
        ({"to": "Oslo"}, {"to": "is not an object"}),
        ({"to": {"area": "south"}}, {"to.area": "is not an object"}),
        ({"lines": [{}, "one", 2]}, {"lines[1]": "is not an object",
                                     "lines[2]": "is not an object"}),
        ({"lines": "one"}, {"lines": "is not a list"}),
        ("Oslo", {"": "is not an object"}),
        ([], {"": "is not an object"}),
        (None, {}),
    ],
)  # fmt: skip
def test_misplaced_values_are_named(body: Any, expected: dict[str, str]) -> None:
    """A scalar or list in the place of an object is named with its path."""
    checks = compile_checks(ORDER)
    assert checks is not None
    wrong = {found.name: found.fault for found in misplaced(checks, body)}
    assert wrong == expected


def test_schema_without_objects_has_no_checks() -> None:
    """Schemas of scalars, and what is no schema, need no check."""
    for schema in ({}, {"type": "string"}, None, True, {"properties": {"a": {}}}):
        assert compile_checks(schema) is None


def test_schema_that_holds_itself_is_cut() -> None:
    """A schema that is nested without an end is checked to a depth."""
    endless: dict[str, Any] = {"type": "object"}
    endless["properties"] = {"inner": endless}
    assert isinstance(compile_checks(endless), Node)
