"""Tools that call nothing, and outputs as the document writes them."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko import Response, StubTransport
from support import serving
from support.building import document


def exposing(tool: dict[str, Any]) -> naftiko.Capability:
    """Load a document with one MCP adapter, `m`, and one tool in it."""
    data = document()
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = StubTransport(Response(200, {}, b'{"a": 1}'))
    return naftiko.load(data, schema=None, transport=transport)


@pytest.mark.parametrize(
    ("tool", "words", "code"),
    [
        pytest.param(
            {"steps": [{"type": "call", "name": "one"}]},
            "the step 'one' calls nothing",
            "U-call-unresolved",
            id="S04",
        ),
        pytest.param(
            {"call": "bad.call"},
            "'bad.call' names no operation",
            "U-call-unresolved",
            id="S05, bad target",
        ),
        pytest.param(
            {}, "the tool 'dummy' calls nothing", "U-unit-without-call", id="S05, none"
        ),
    ],
)
def test_unit_that_calls_nothing_is_refused(tool: Any, words: str, code: str) -> None:
    """S04, S05: found when the document is loaded, refused when they are called."""
    loaded = exposing({"name": "dummy", "description": "D.", **tool})
    assert code in [p.code for p in loaded.problems]
    with pytest.raises(naftiko.UnresolvedCall, match=words) as caught:
        loaded.invoke("m.dummy", {"size": 3})
    assert caught.value.code == code


def test_outputs_are_kept_as_they_are_written() -> None:
    """M32: nothing is written back here; the whole entry is kept as it came."""
    outputs = [
        {
            "name": "all",
            "type": "object",
            "description": "All.",
            "properties": {
                "a": {"type": "string", "mapping": "$.a", "maxLength": "5"},
                "b": {"type": "array", "items": {"type": "string", "mapping": "$"}},
                "c": {"type": "string", "value": "v"},
                "d": {"type": "string", "const": "c"},
            },
        }
    ]
    resources = serving.operation(name="u", call="api.list", outputParameters=outputs)
    loaded = naftiko.load(serving.document(resources), schema=None)
    assert loaded.functions.find("front.u").function.outputs == outputs


def test_arguments_of_steps_have_the_order_of_the_document() -> None:
    """The list of tools is the same each time that a server starts."""
    names = ["zeta", "alpha", "mid", "beta", "omega"]
    steps = [
        {"type": "call", "name": "one", "call": "api.op", "with": {n: f"{{{{{n}}}}}" for n in names}},
        {"type": "script", "name": "two", "file": "x.js", "with": {"a": "{{last}}", "b": "{{first}}"}},
    ]  # fmt: skip
    plan = exposing({"name": "t", "steps": steps}).functions.find("m.t")
    assert [p.name for p in plan.arguments] == [*names, "last", "first"]
