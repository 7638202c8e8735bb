"""Arguments of exposed units: a case in `cases/arguments/` is a unit and its arguments.

Run one with `pytest tests/functions/test_arguments.py -k "part of its name"`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naftiko
from naftiko.functions.arguments import (
    MISMATCH,
    MISSING,
    UNKNOWN,
    WrongArgument,
    fit,
    json_schema,
)
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
def test_unit_takes_its_arguments(case: Any) -> None:
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
    InputParameter("k", "body", "object", inferred=True),
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
        ("k", '{"a": 1}', {"a": 1}),
        ("k", [1], [1]),
    ],
)
def test_argument_arrives_as_the_declared_type(
    name: str, text: Any, value: Any
) -> None:
    """A value arrives as the declared type; an inferred type refuses hardly any."""
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
        ("k", "text"),
        ("o", '{"a":' * 100_000),
        ("s", "ABC"),
    ],
)
def test_argument_of_another_type_is_wrong(name: str, text: Any) -> None:
    """A value that is not of the declared type is refused, and its argument named."""
    _, wrong = fit(PARAMETERS, {name: text})
    assert [w.name for w in wrong] == [name]


@given(st.dictionaries(st.sampled_from("nxblosi"), st.text() | st.integers()))
def test_any_values_give_json(given: dict[str, Any]) -> None:
    """Any arguments that fit can be written as JSON."""
    import json

    values, wrong = fit(PARAMETERS, given)
    kept = {n: v for n, v in values.items() if n not in {w.name for w in wrong}}
    json.dumps(kept, allow_nan=False)


def test_json_schema_of_arguments() -> None:
    """The schema names types, patterns and what is required, and refuses the rest."""
    required = InputParameter("id", "path", "", True, "The\n  id.")
    assert json_schema((required, PARAMETERS[5])) == {
        "type": "object",
        "properties": {
            "id": {"description": "The id."},
            "s": {"type": "string", "pattern": "^[a-z]+$"},
        },
        "required": ["id"],
        "additionalProperties": False,
    }
    assert json_schema(()) == {"type": "object", "additionalProperties": False}


def test_unknown_argument_has_a_guess_or_the_known_names() -> None:
    """The nearest name is asked for; without one, all known names are listed."""
    _, (near, far) = fit(PARAMETERS[:3], {"nn": 1, "zzz": 1})
    assert (near.kind, near.reason) == (UNKNOWN, "is not known; did you mean 'n'?")
    assert near.brief == near.reason
    assert (far.kind, far.brief) == (UNKNOWN, "is not known")
    assert far.reason == "is not known; it takes: n, x, b"
    assert far.known == ("n", "x", "b")


def test_missing_argument_is_of_its_own_kind() -> None:
    """Callers ask for the kind, not for the words."""
    required = InputParameter("id", "path", "", True)
    assert fit([required], {"id": None})[1] == [
        WrongArgument("id", "path", "is missing", MISSING)
    ]
    assert fit(PARAMETERS, {"n": "x"})[1][0].kind == MISMATCH


@pytest.mark.parametrize("value", ["2024", 2024])
def test_pattern_of_a_number_is_matched_as_text(value: Any) -> None:
    """A pattern applies to the text of a number."""
    year = InputParameter("y", "query", "integer", pattern="^[0-9]{4}$")
    assert fit([year], {"y": value}) == ({"y": 2024}, [])
    assert fit([year], {"y": 20245})[1][0].reason == "does not match ^[0-9]{4}$"


def test_dates_and_bytes_of_python_callers_stay() -> None:
    """A `string` argument takes them; the request writes them."""
    for value in (date(2024, 2, 29), b"\xff"):
        assert fit(PARAMETERS, {"t": value}) == ({"t": value}, [])


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ({"in": "query", "type": "string"}, '["a",{"b":1}]'),
        ({"in": "cookie", "type": "string"}, '["a",{"b":1}]'),
        ({"in": "query", "type": "array"}, ["a", {"b": 1}]),
        ({"in": "query"}, ["a", {"b": 1}]),
        ({"in": "query", "type": "string", "name": "p[]"}, ["a", {"b": 1}]),
        ({"in": "header", "type": "string"}, ["a", {"b": 1}]),
    ],
)
def test_list_for_a_text_that_a_tool_infers_is_json(parameter: Any, value: Any) -> None:
    """What the API declares as a text is one text; other lists repeat the name."""
    parameter = {"name": "p", **parameter}
    case = {"tool": {"call": "api.op"}, "operation": {"inputParameters": [parameter]}}
    plan = plan_of(case)
    name = parameter["name"]
    assert plan.fit({name: ["a", {"b": 1}]}) == ({name: value}, [])
