"""Declared inputs of units, compared with what the units call."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from support.building import document
from support.linking import exposed
from support.records import said


def _tool(**tool: Any) -> list[tuple[str, str, str, str]]:
    """Return code, place, message and hint of each finding about a tool."""
    parameters = [{"name": "id", "in": "path"}, {"name": "q", "in": "query"}]
    data = document(
        {"name": "get", "method": "GET", "inputParameters": parameters},
        consumes={"namespace": "api"},
        resource={"path": "/x/{id}"},
    )
    tools = [{"name": "t", **tool}]
    adapter = {"type": "mcp", "port": 0, "namespace": "n", "tools": tools}
    data["capability"]["exposes"] = [adapter]
    place = "/capability/exposes/0/tools/0"
    found = exposed(data)
    return [
        (code, at.removeprefix(place), message, finding.hint)
        for (code, at, message), finding in zip(said(found), found.noted, strict=True)
    ]


def test_input_that_goes_nowhere_is_noted() -> None:
    """An input is used by a parameter of its name, by `with`, a mapping or a script."""
    item = {"name": "ship", "type": "string"}
    told = (
        "W-input-unused",
        "/inputParameters/0",
        "the input 'ship' of the tool 't' goes nowhere: 'api.get' takes no argument of"
        " that name",
        "name it in `with`, or describe the parameter or the body of the operation",
    )
    fed = {"id": "7"}
    assert _tool(call="api.get", inputParameters=[item], **{"with": fed}) == [told]
    for value in ("tools.ship", "n.ship", "{{ship}}", "a {{ tools.ship }}!"):
        given = {"with": {"id": value}, "inputParameters": [item]}
        assert _tool(call="api.get", **given) == []
    mapped = {**item, "mapping": "$.path.id"}
    assert _tool(call="api.get", inputParameters=[mapped]) == []
    assert _tool(call="api.get", inputParameters=[{**item, "name": "id"}]) == []
    script = {"type": "script", "name": "s", "file": "a.js", "language": "javascript"}
    get = {"type": "call", "name": "c", "call": "api.get", "with": fed}
    found = _tool(inputParameters=[item], steps=[script, get])
    assert "W-input-unused" not in {code for code, *_ in found}
    assert _tool(inputParameters=[item], steps=[get]) == [told]


def test_placeholder_of_a_step_that_is_not_there_is_noted() -> None:
    """A dotted name in a step begins with an earlier step or with a declared input."""
    item = {"name": "ship", "type": "object"}
    one = {"type": "call", "name": "one", "call": "api.get", "with": {"id": "7"}}
    two = {"type": "call", "name": "two", "call": "api.get"}
    for text, told in (
        ("{{one.id}}", []),
        ("{{ship.id}}", []),
        ("{{on.id}}", ["did you mean 'one'?"]),
        ("{{two.id}}", ["known: ship, one"]),
    ):
        steps = [one, {**two, "with": {"id": text, "q": "{{ship.q}}"}}]
        found = _tool(inputParameters=[item], steps=steps)
        assert [hint for *_, hint in found] == told, text
        assert {(code, at) for code, at, *_ in found} <= {
            ("W-with-source", "/steps/1/with/id")
        }


def test_inputs_that_leave_out_what_the_operation_requires_are_noted() -> None:
    """A unit whose declared inputs cannot make a call is unusable, and says why."""
    item = {"name": "lang", "type": "string"}
    (told, _) = _tool(call="api.get", inputParameters=[item])
    assert told == (
        "U-input-missing",
        "",
        "the tool 't' declares inputs, and none of them gives id, which 'api.get'"
        " requires",
        "add it to `inputParameters`, or give it a value in `with`",
    )
    assert _tool(call="api.get") == []


def test_inputs_that_leave_out_what_a_function_requires_are_noted() -> None:
    """A unit with a `ref` has to offer the inputs of the function, if it declares any."""
    data = document({"method": "GET"})
    wanted = [{"name": "a", "type": "string"}, {"name": "b", "required": False}]
    function = {
        "name": "f",
        "description": "d",
        "call": "api.op",
        "inputParameters": wanted,
    }
    data["capability"]["aggregates"] = [
        {"label": "G", "namespace": "g", "functions": [function]}
    ]
    tool = {"name": "t", "description": "d", "ref": "g.f"}
    tools = [{**tool, "inputParameters": [{"name": "b"}]}, {**tool, "name": "u"}]
    tools += [{**tools[0], "name": "v", "with": {"a": "1"}}]
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": tools}
    ]
    loaded = naftiko.load(data, schema=None)
    noted = [p for p in loaded.problems if p.code == "U-input-missing"]
    assert [p.path for p in noted] == ["/capability/exposes/0/tools/0"]
    assert "none of them gives a, which 'g.f' requires" in noted[0].message
    with pytest.raises(naftiko.UnusableOperation, match=r"'g\.f' requires"):
        loaded.invoke("m.t", b="1")
