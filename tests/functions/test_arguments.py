"""Arguments of exposed units: each case in `tests/functions/cases/arguments/` is a unit and its own.

Run one with `pytest tests/test_inputs.py -k "part of its name"`.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naftiko
from naftiko.functions.arguments import fit, json_schema
from naftiko.spec.model import InputParameter
from support.building import document
from support.casefiles import cases


def plan_of(case: Any) -> Any:
    """Return the plan of the unit of a case."""
    operation = dict(case.get("operation", {}))
    path = operation.pop("path", "/x")
    data = document(operation, resource={"path": path}, binds=[])
    if "tool" in case:
        unit = {"name": "unit", "description": "x", **case["tool"]}
        exposes = {"type": "mcp", "namespace": "t", "port": 3000, "tools": [unit]}
    else:
        unit = {"name": "unit", **case["rest"]}
        resource = {"path": unit.pop("path"), "operations": [unit]}
        exposes = {
            "type": "rest",
            "namespace": "t",
            "port": 3000,
            "resources": [resource],
        }
    data["capability"]["exposes"] = [exposes]
    return naftiko.load(data, schema=None).functions.find("t.unit")


@pytest.mark.parametrize("case", cases("functions/cases/arguments"))
def test_arguments(case: Any) -> None:
    """A unit takes exactly these arguments, in this order."""
    taken = [[p.name, p.in_, p.type, p.required] for p in plan_of(case).arguments]
    assert taken == case["arguments"]


PARAMETERS = (
    InputParameter("n", "query", "integer"),
    InputParameter("x", "query", "number"),
    InputParameter("b", "query", "boolean"),
    InputParameter("l", "query", "array"),
    InputParameter("o", "body", "object"),
    InputParameter("s", "query", "string", pattern="^[a-z]+$"),
    InputParameter("t", "body", "string"),
    InputParameter("j", "body", "string", inferred=True),
    InputParameter("i", "query", "integer", inferred=True),
)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n", "12", 12),
        ("n", 12.0, 12),
        ("n", "-0", 0),
        ("x", "1e3", 1000.0),
        ("x", "7", 7),
        ("b", "true", True),
        ("b", "0", False),
        ("b", "False", False),
        ("l", "a, b", ["a", "b"]),
        ("l", '["a", 1]', ["a", 1]),
        ("l", 5, [5]),
        ("l", "", []),
        ("o", '{"a": 1}', {"a": 1}),
        ("s", "abc", "abc"),
        ("t", 5, "5"),
        ("t", True, "true"),
        ("j", 5, 5),
        ("i", "many", "many"),
        ("i", "3", 3),
    ],
)
def test_a_text_is_read_as_the_declared_type(name: str, text: Any, value: Any) -> None:
    """A value arrives as the declared type; an inferred type never refuses one."""
    values, wrong = fit(PARAMETERS, {name: text})
    assert (values, wrong) == ({name: value}, [])
    assert type(values[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n", "1.5"),
        ("n", "x"),
        ("n", True),
        ("n", "١٢٣x"),
        ("x", "nan"),
        ("x", "1e999"),
        ("b", "yes please"),
        ("o", "[1]"),
        ("o", "{"),
        ("o", '{"a":' * 100_000),
        ("s", "ABC"),
    ],
)
def test_what_is_no_such_type_is_wrong(name: str, text: Any) -> None:
    """A declared type that a value is not of is named."""
    _, wrong = fit(PARAMETERS, {name: text})
    assert [w.name for w in wrong] == [name]


@given(st.dictionaries(st.sampled_from("nxblosi"), st.text() | st.integers()))
def test_any_values_give_json(given: dict[str, Any]) -> None:
    """Whatever is given, what fits can be written as JSON."""
    import json

    values, wrong = fit(PARAMETERS, given)
    kept = {n: v for n, v in values.items() if n not in {w.name for w in wrong}}
    json.dumps(kept, allow_nan=False)


def test_json_schema() -> None:
    """The schema names types, patterns and what is required, and nothing unknown."""
    required = InputParameter("id", "path", "", True, "The\n  id.")
    assert json_schema((required, PARAMETERS[5])) == {
        "type": "object",
        "properties": {
            "id": {"description": "The id."},
            "s": {"type": "string", "pattern": "^[a-z]+$"},
        },
        "required": ["id"],
    }
    assert json_schema(()) == {"type": "object"}
