"""Exposed functions, read: their parts, their steps, and what of them is left out."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.spec.functions import (
    overridden,
    read_aggregates,
    read_function,
    read_inputs,
)
from naftiko.spec.model import Function, InputParameter, Step, StepMapping
from support.records import findings, said


def _read(unit: Any, kind: str = "tool") -> tuple[Function, list[tuple[str, str]]]:
    """Read one function; return it, and place and message of what is noted."""
    found = findings(unit)
    function = read_function(kind, unit, ("part",), found)
    noted = [(path.removeprefix("/part"), told) for _, path, told in said(found)]
    return function, noted


def test_every_key_of_a_function_has_its_field() -> None:
    """A key of a unit is kept under its own name; scalars are texts."""
    unit = {
        "name": 7,
        "description": "d",
        "label": "l",
        "call": "a.op",
        "ref": "g.f",
        "uri": "ship://1",
        "mimeType": "text/plain",
        "semantics": {"safe": True},
        "hints": {"readOnly": True},
        "with": {"id": "tool.id"},
    }
    expected = Function(
        "tool",
        "7",
        description="d",
        label="l",
        call="a.op",
        ref="g.f",
        uri="ship://1",
        mime_type="text/plain",
        semantics={"safe": True},
        hints={"readOnly": True},
        with_={"id": "tool.id"},
        path=("part",),
    )
    assert _read(unit) == (expected, [])
    assert _read({}) == (Function("tool", "", path=("part",)), [])


def test_with_entry_without_a_value_is_left_out() -> None:
    """Only an absent value is left out of `with`; false and an empty text are values."""
    function, noted = _read({"with": {"a": None, "b": False, "c": "", "d": 0}})
    assert function.with_ == {"b": False, "c": "", "d": 0}
    message = "the `with` entry 'a' has no value and is left out"
    assert noted == [("/with/a", message)]
    assert _read({"with": {}})[0].with_ == {}
    function, noted = _read({"with": "id"})
    message = "expected a mapping for `with`, got a text ('id'); it is left out"
    assert (function.with_, noted) == (None, [("/with", message)])


def test_hint_that_is_no_flag_is_left_out() -> None:
    """Hints are true or false; a REST operation has none, and nothing is said of it."""
    hints = {"readOnly": "yes", "destructive": False, "openWorld": 1}
    function, noted = _read({"hints": hints})
    assert function.hints == {"destructive": False}
    rest = "not true or false, and is left out"
    assert noted == [
        ("/hints/readOnly", f"the hint 'readOnly' is a text, {rest}"),
        ("/hints/openWorld", f"the hint 'openWorld' is a number, {rest}"),
    ]
    function, noted = _read({"hints": hints}, "rest")
    assert (function.hints, noted) == ({}, [])


@pytest.mark.parametrize(
    ("outputs", "is_mock"),
    [
        (None, False),
        ([], False),
        ([{"name": "a", "type": "string", "mapping": "$.a"}], False),
        ([{"name": "a", "value": "fixed"}], True),
        ([{"name": "a", "value": False}], True),
        ([{"name": "a", "value": ""}], True),
        ([{"name": "a", "value": None}], False),
        ([{"name": "a", "value": "$.a"}], False),
        ([{"name": "a", "value": " $.a"}], False),
        # Without a name such a value is a text like any other.
        ([{"value": "$5"}], True),
        ([{"properties": {"a": {"value": "$5"}}}], True),
        ([{"items": {"properties": {"a": {"value": 1}}}}], True),
        ([{"mapping": "$."}, {"properties": {"a": {"value": 1}}}], True),
        ([{"properties": ["value"], "items": "value"}], False),
    ],
)
def test_static_output_makes_a_mock(outputs: Any, is_mock: bool) -> None:
    """A function is a mock when a value of its outputs is fixed, at any depth."""
    function, noted = _read({"outputParameters": outputs})
    assert (function.is_mock, noted) == (is_mock, [])
    assert function.outputs == outputs


def test_output_that_is_no_mapping_is_left_out() -> None:
    """Only mappings are outputs; a value that is no list has none."""
    function, noted = _read({"outputParameters": ["a", {"name": "b"}]})
    assert function.outputs == [{"name": "b"}]
    message = (
        "expected a mapping for an entry of `outputParameters`, got a text ('a'); it is"
        " left out"
    )
    assert noted == [("/outputParameters/0", message)]
    function, noted = _read({"outputParameters": {"name": "b"}})
    assert function.outputs == []
    message = "expected a list for `outputParameters`, got a mapping; it is left out"
    assert noted == [("/outputParameters", message)]


@pytest.mark.parametrize(
    ("entry", "step"),
    [
        ({"name": "s", "call": "a.op"}, Step("call", "s", "a.op")),
        ({"type": "lookup", "name": "s", "call": "a.op"}, Step("lookup", "s", "a.op")),
        ({"name": "s"}, Step("", "s")),
        ({"type": "call", "with": {"a": 1, "b": None}}, Step("call", "", with_={"a": 1})),
        (
            {"type": "lookup", "index": "i", "match": "id", "lookupValue": 7, "outputParameters": ["a", 7]},
            Step("lookup", "", index="i", match="id", lookup_value="7", fields=("a", "7")),
        ),
        # Only a lookup names fields.
        ({"type": "call", "outputParameters": ["a"]}, Step("call", "")),
        (
            {"type": "script", "file": "a.js", "language": "javascript", "other": 1},
            Step("script", "", script={"file": "a.js", "language": "javascript"}),
        ),
    ],
)  # fmt: skip
def test_step_is_read(entry: Any, step: Step) -> None:
    """A step keeps the keys of its type; one with a `call` needs no type."""
    (read,) = _read({"steps": [entry]})[0].steps
    assert read == step._replace(path=("part", "steps", 0))


def test_field_of_a_lookup_is_a_name() -> None:
    """A lookup takes names of fields; all else is left out."""
    lookup = {"type": "lookup", "outputParameters": ["a", {"name": "b"}, None]}
    function, noted = _read({"steps": [lookup]})
    assert function.steps[0].fields == ("a",)
    expected = "expected a text for an entry of `outputParameters`"
    assert noted == [
        ("/steps/0/outputParameters/1", f"{expected}, got a mapping; it is left out"),
        ("/steps/0/outputParameters/2", f"{expected}, got null; it is left out"),
    ]
    function, noted = _read({"steps": [{**lookup, "outputParameters": "a"}]})
    message = "expected a list for `outputParameters`, got a text ('a'); it is left out"
    assert function.steps[0].fields == ()
    assert noted == [("/steps/0/outputParameters", message)]


def test_mapping_needs_the_name_of_its_target() -> None:
    """A mapping without `targetName` gives nothing, and is left out."""
    mappings = [{"value": "$.s"}, {"targetName": "t", "value": "$.s"}]
    function, noted = _read({"mappings": mappings})
    assert function.mappings == (StepMapping("t", "$.s", ("part", "mappings", 1)),)
    message = "a mapping without a `targetName` is left out"
    assert noted == [("/mappings/0", message)]


@pytest.mark.parametrize(
    ("entry", "read"),
    [
        ({}, InputParameter("p", "")),
        ({"required": True}, InputParameter("p", "", required=True)),
        ({"required": False}, InputParameter("p", "", is_optional=True)),
        ({"required": None}, InputParameter("p", "")),
        # Unlike that of a consumed operation it is only required where it says so.
        ({"in": "path", "type": "string"}, InputParameter("p", "path", "string")),
        ({"in": "body", "value": "$.a"}, InputParameter("p", "body", value="$.a")),
        (
            {"type": "array", "items": {}, "enum": [1], "required": True, "x": 1},
            InputParameter("p", "", "array", required=True, keywords={"items": {}, "enum": [1]}),
        ),
        (
            {"pattern": "^a", "mapping": "$.path.id", "description": "d"},
            InputParameter(
                "p", "", "", description="d", pattern="^a", mapping="$.path.id",
                keywords={"pattern": "^a"},
            ),
        ),
    ],
)  # fmt: skip
def test_exposed_input_is_read(entry: Any, read: InputParameter) -> None:
    """An exposed input tells "optional" from "not said"."""
    holder = {"inputParameters": [{"name": "p", **entry}]}
    (parameter,) = read_inputs(holder, ("part",), findings())
    assert parameter == read._replace(path=("part", "inputParameters", 0))


def test_nameless_input_is_left_out_with_a_warning() -> None:
    """An exposed input without a name keeps no function from running."""
    found = findings()
    holder = {"inputParameters": [{"in": "query"}, {"name": "a"}]}
    assert [p.name for p in read_inputs(holder, ("part",), found)] == ["a"]
    place, message = "/part/inputParameters/0", "a parameter without a name is left out"
    assert said(found) == [("U-parameter-nameless", place, message)]
    assert found.noted[0].weight == "warning"


def test_later_input_overrides_an_earlier_one_of_its_name() -> None:
    """An input of an operation stands in the place of the adapter's, whatever its `in`."""
    inputs = tuple(
        InputParameter(name, place)
        for name, place in (("a", "query"), ("b", "query"), ("a", "header"))
    )
    assert [(p.name, p.in_) for p in overridden(inputs)] == [
        ("a", "header"),
        ("b", "query"),
    ]


def test_aggregates_are_read_with_their_functions() -> None:
    """An aggregate has a namespace and functions; entries of other kinds are noted."""
    found = findings()
    data = [{"namespace": "g", "functions": [{"name": "f", "call": "a.op"}, "x"]}, {}]
    (first, functions), empty = read_aggregates(data, ("part",), found)
    assert (first, empty) == ("g", ("", ()))
    assert [(f.kind, f.name, f.call, f.path) for f in functions] == [
        ("aggregate", "f", "a.op", ("part", 0, "functions", 0))
    ]
    assert [path for _, path, _ in said(found)] == ["/part/0/functions/1"]
