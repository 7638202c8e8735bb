"""What `describe` tells about operations, functions and documents."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko import Capability, load
from naftiko.bindings import VariableState
from naftiko.cli.units.describing import (
    argument_lines,
    describe_document,
    describe_function,
    function_data,
    several,
    states_of,
    told_of,
    variable_data,
    variable_line,
    variables_of,
)
from naftiko.functions.plan import Plan
from naftiko.spec.model import InputParameter
from support.building import document

BEARER = {"type": "bearer", "token": "{{TOKEN}}"}


def exposing(*tools: dict[str, Any], **consumes: Any) -> Capability:
    """Return a capability with one operation and tools."""
    data = document(consumes=consumes)
    mcp = {"type": "mcp", "namespace": "m", "port": 1, "tools": list(tools)}
    stdio = {"type": "mcp", "namespace": "s", "transport": "stdio", "tools": []}
    data["capability"]["exposes"] = [mcp, stdio]
    return load(data, schema=None)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (VariableState("A", "set", "environment", "A"), "A (has a value)"),
        (VariableState("A", "unset", "environment", "B"), "A (no value, environment variable B)"),
        (VariableState("A", "empty", "option", "A"), "A (empty, by an option)"),
        (VariableState("A", "set", "file", "k", "file:s"), "A (has a value, key k of file:s)"),
    ],
)  # fmt: skip
def test_variable_is_told_without_its_value(
    state: VariableState, expected: str
) -> None:
    """State and source are told."""
    assert variable_line(state) == expected


def test_variables_of_a_base_uri_count() -> None:
    """An operation and a tool use the variables of credentials and of the base URI."""
    tool = {"name": "t", "description": "T.", "call": "api.op"}
    base = "http://{{HOST_NAME}}"
    capability = exposing(tool, baseUri=base, authentication=BEARER)
    for name in ("api.op", "m.t"):
        found = capability.find(name)
        assert variables_of(capability, found) == ["TOKEN", "HOST_NAME"]


def test_function_that_cannot_run_says_why() -> None:
    """A tool that calls what is not there is described with its problem."""
    capability = exposing({"name": "t", "description": "T.", "call": "api.no"})
    plan = capability.find("m.t")
    assert isinstance(plan, Plan)
    shown = "\n".join(describe_function(capability, "m.t", plan))
    assert "cannot be called\n  'api.no' names no operation" in shown
    assert function_data(capability, "m.t", plan)["problems"] != []


def test_document_tells_where_it_is_served() -> None:
    """Adapters are told with port or standard input, counts in words."""
    capability = exposing({"name": "t", "description": "T.", "call": "api.op"})
    shown = describe_document(capability, "a.yaml")
    assert "  a.yaml: 1 operation, 1 exposed" in shown
    assert "  m: mcp at port 1, 1 function" in shown
    assert "  s: mcp over standard input and output" in shown
    assert several(2000, "file") == "2,000 files"


def test_argument_tells_choices_and_default() -> None:
    """Long lists of choices end early; values that are no texts are JSON."""
    many = {"enum": list(range(20)), "default": True}
    (line,) = argument_lines([InputParameter("n", "query", keywords=many)])
    assert line == "  n  query  any    one of: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …; default: true"  # fmt: skip


def test_variable_that_is_only_bound_is_told_apart() -> None:
    """A bind may declare what nothing uses; as data each variable says which it is."""
    keys = {"TOKEN": "TOKEN", "SPARE": "SPARE"}
    data = document(consumes={"authentication": BEARER})
    data["binds"] = [{"namespace": "env", "keys": keys}]
    states = states_of(load(data, schema=None), ["TOKEN", "SPARE"])
    assert told_of(states) == {
        "variables": ["TOKEN (no value)"],
        "bound, and used nowhere": ["SPARE (no value)"],
    }
    assert [entry["used"] for entry in variable_data(states)] == [True, False]
