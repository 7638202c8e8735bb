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


@pytest.mark.parametrize("is_declared", [True, False])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{one.id}}", ""),
        ("{{one.items[1].id}}", ""),
        ("{{one['a b']}}", ""),
        ("{{q}}", ""),
        ("{{above}}", ""),
        ("{{tools.more}}", ""),
        ("{{TOKEN}}", ""),
        ("{{env.TOKEN}}", ""),
        ("{{on.id}}", "did you mean 'one'?"),
        ("{{ on[0] }}", "did you mean 'one'?"),
        ("see {{two.id}}", "known: "),
        ("{{$.one.id}}", "did you mean 'one'?"),
    ],
)
def test_placeholder_of_a_step_that_is_not_there_is_noted(
    text: str, told: str, is_declared: bool
) -> None:
    """A dotted name in a step begins with an earlier step or with a given argument."""
    item = {"name": "ship", "type": "object"}
    one = {"type": "call", "name": "one", "call": "api.get", "with": {"id": "7"}}
    two = {"type": "call", "name": "two", "call": "api.get", "with": {"id": "7"}}
    find = {"type": "lookup", "name": "find", "index": "one", "match": "id"}
    unit: dict[str, Any] = {"with": {"above": "{{ship.a}}" if is_declared else "x"}}
    if is_declared:
        unit["inputParameters"] = [item]
    for step, place in (
        ({**two, "with": {"q": "b", "id": text}}, "/steps/1/with/id"),
        ({**find, "lookupValue": text}, "/steps/1/lookupValue"),
    ):
        if place.endswith("lookupValue") and text == "{{q}}" and is_declared:
            continue  # it is an entry of the other `with` only
        found = _tool(steps=[one, step], **unit)
        noted = [(at, hint) for code, at, _, hint in found if code == "U-step-result"]
        assert len(noted) == bool(told), found
        assert all(at == place and told in hint for at, hint in noted)


def test_undotted_placeholder_is_an_argument_where_none_are_declared() -> None:
    """A unit that declares inputs takes no others; one that does not takes any."""
    steps = [
        {"type": "call", "name": "one", "call": "api.get", "with": {"id": "{{x}}"}}
    ]
    item = {"name": "ship", "type": "string"}
    assert "U-step-result" not in {code for code, *_ in _tool(steps=steps)}
    found = _tool(steps=steps, inputParameters=[item])
    assert "U-step-result" in {code for code, *_ in found}


def test_step_path_of_a_lookup_names_an_earlier_step() -> None:
    """`$.step` is about steps alone; an input of that name does not count."""
    one = {"type": "call", "name": "one", "call": "api.get", "with": {"id": "7"}}
    find = {"type": "lookup", "name": "find", "index": "one", "match": "id"}
    inputs = [{"name": "ship", "type": "object"}]
    for wanted, count in (("$.one.id", 0), ("$.ship.id", 1), ("$.find.id", 1)):
        steps = [one, {**find, "lookupValue": wanted}]
        found = _tool(steps=steps, inputParameters=inputs)
        assert [code for code, *_ in found].count("U-step-result") == count, wanted


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
