"""`Callers`: inputs of an operation as the whole document tells them."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko import Capability
from support.building import capability

OPERATION = {
    "inputParameters": [
        {"name": "limit", "in": "query"},
        {"name": "app_id", "in": "query"},
        {"name": "kind", "in": "query", "type": "string", "description": "Own."},
    ]
}


def told(
    *tools: dict[str, Any], aggregates: Any = None, rest: Any = None, **operation: Any
) -> dict[str, tuple[str, bool, str]]:
    """Return parameter → type, required and description of the operation `api.op`."""
    loaded = exposing(*tools, aggregates=aggregates, rest=rest, **operation)
    inputs = loaded.operations["api.op"].inputs
    return {p.name: (p.type, p.required, p.description) for p in inputs}


def exposing(
    *tools: dict[str, Any], aggregates: Any = None, rest: Any = None, **operation: Any
) -> Capability:
    """Return a capability with one operation, tools, a route and aggregates."""
    exposes: list[dict[str, Any]] = [
        {"type": "mcp", "namespace": "m", "tools": list(tools)}
    ]
    if rest is not None:
        resource = {"path": "/r", "operations": [{"method": "GET", **rest}]}
        exposes.insert(0, {"type": "rest", "namespace": "r", "resources": [resource]})
    loaded = capability(
        {**OPERATION, **operation},
        capability={**_capability(operation), "exposes": exposes,
                    **({"aggregates": aggregates} if aggregates else {})},
    )  # fmt: skip
    assert isinstance(loaded, Capability)
    return loaded


def _capability(operation: dict[str, Any]) -> dict[str, Any]:
    resource = {
        "name": "r",
        "path": "/x",
        "operations": [{"name": "op", "method": "GET", **OPERATION, **operation}],
    }
    return {
        "consumes": [
            {
                "type": "http",
                "namespace": "api",
                "baseUri": "http://127.0.0.1:9",
                "resources": [resource],
            }
        ]
    }


def tool(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a tool that calls the operation."""
    return {"name": "t", "call": "api.op", "inputParameters": list(inputs), **more}


def test_input_of_the_same_name_tells_the_type() -> None:
    """Type, description and requiredness come from the tool of that input."""
    limit = {"name": "limit", "type": "integer", "description": "At most."}
    assert told(tool(limit))["limit"] == ("integer", True, "At most.")
    optional = {**limit, "required": False}
    assert told(tool(optional))["limit"] == ("integer", False, "At most.")


@pytest.mark.parametrize("value", ["tools.most", "{{most}}", "m.most"])
def test_input_is_found_through_with(value: str) -> None:
    """A `with` entry that stands for an input tells what the input tells."""
    most = {"name": "most", "type": "integer", "required": False}
    assert told(tool(most, **{"with": {"limit": value}}))["limit"][0] == "integer"


def test_constant_tells_nothing() -> None:
    """A tool that fills a parameter by itself tells neither type nor requiredness."""
    found = told(tool({"name": "limit", "type": "integer"}, **{"with": {"limit": 5}}))
    assert found["limit"] == ("", False, "")


def test_spelling_of_a_name_does_not_matter() -> None:
    """`appId` feeds `app_id` where no input has the very name."""
    assert told(tool({"name": "appId", "type": "number"}))["app_id"][0] == "number"


def test_operation_is_asked_before_its_callers() -> None:
    """What the operation declares stays; only what it leaves out is added."""
    kind = {"name": "kind", "type": "integer", "description": "Tool.", "enum": ["a"]}
    loaded = exposing(tool(kind))
    found = {p.name: p for p in loaded.operations["api.op"].inputs}["kind"]
    assert (found.type, found.description) == ("string", "Own.")
    assert found.keywords["enum"] == ["a"]


def test_route_that_does_not_say_required_tells_nothing_about_it() -> None:
    """A tool that requires an input counts beside a route that does not say."""
    route = {
        "name": "op",
        "call": "api.op",
        "inputParameters": [{"name": "limit", "in": "query"}],
    }
    required = {"name": "limit", "type": "integer", "required": True}
    assert told(tool(required), rest=route)["limit"][1] is True
    refusing = {
        **route,
        "inputParameters": [{"name": "limit", "in": "query", "required": False}],
    }
    assert told(tool(required), rest=refusing)["limit"][1] is False  # fmt: skip


def test_input_that_one_tool_leaves_out_is_not_required() -> None:
    """A tool with inputs that never gives the parameter shows that it is optional."""
    required = {"name": "limit", "type": "integer", "required": True}
    other = {**tool({"name": "kind"}), "name": "u"}
    assert told(tool(required), other)["limit"][1] is False


def test_aggregate_function_is_followed_to_its_references() -> None:
    """The inputs of a tool that refers to a function reach what the function calls."""
    function = {"name": "f", "call": "api.op", "with": {"limit": "{{most}}"}}
    aggregates = [{"label": "A", "namespace": "agg", "functions": [function]}]
    referring = {
        "name": "t",
        "ref": "agg.f",
        "inputParameters": [{"name": "top", "type": "integer"}],
        "with": {"most": "tools.top"},
    }
    assert told(referring, aggregates=aggregates)["limit"][0] == "integer"


def test_function_that_refers_to_its_own_name_is_no_endless_loop() -> None:
    """Two functions of one name, of which one refers to that name, end."""
    functions = [{"name": "f", "call": "api.op"}, {"name": "f", "ref": "agg.f"}]
    aggregates = [{"label": "A", "namespace": "agg", "functions": functions}]
    assert told(aggregates=aggregates)["limit"] == ("", False, "")


def test_steps_tell_as_calls_do() -> None:
    """The `with` of a step leads to the inputs of its unit."""
    step = {"type": "call", "name": "s", "call": "api.op", "with": {"limit": "{{n}}"}}
    unit = {
        "name": "t",
        "steps": [step],
        "inputParameters": [{"name": "n", "type": "number"}],
    }
    assert told(unit)["limit"][0] == "number"


def test_parameter_that_nobody_describes_has_any_type() -> None:
    """An untyped parameter is of any type, and no text says that it is a string."""
    loaded = exposing()
    operation = loaded.operations["api.op"]
    assert told()["limit"] == ("", False, "")
    assert operation.as_dict()["parameters"][0]["type"] == "any"
    assert "<td>any</td>" in operation._repr_html_()
    # The checks of a call do not change.
    assert operation.parameters[0].type == ""
