"""`with` and inputs of units: the values that reach the upstream request.

Facts T12, T18, T19, T21 and T23 of spec 11.2.
"""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko import Response, StubTransport
from naftiko.expressions import ABSENT, Scope
from naftiko.functions.injection import Injector
from naftiko.functions.runs import Lookup
from support import serving
from support.asgi_client import ask
from support.building import document

JSON_TYPE = {"Content-Type": "application/json"}


def test_value_of_the_incoming_body_fills_the_query() -> None:
    """T12: a text out of it stands in the query without quotes."""
    parameter = {"name": "flag", "in": "body", "value": "$.flag"}
    app, upstream = serving.rest_app(
        serving.operation("/x", "POST", call="api.list", inputParameters=[parameter])
    )
    assert ask(app, "POST", "/x", JSON_TYPE, b'{"flag": "999"}').status == 200
    assert upstream.sent == ["GET /ships?flag=999"]


def test_values_of_the_incoming_body_fill_the_body() -> None:
    """T18: they fill the body that is sent upstream."""
    parameters = [
        {"name": "name", "in": "body", "value": "$.name"},
        {"name": "tons", "in": "body", "value": "$.id"},
    ]
    app, upstream = serving.rest_app(
        serving.operation("/x", "POST", call="api.build", inputParameters=parameters)
    )
    ask(app, "POST", "/x", JSON_TYPE, b'{"id": "123", "name": "Alice"}')
    assert upstream.sent == ['POST /ships {"name":"Alice","tons":"123"}']


@pytest.mark.parametrize(
    ("injected", "sent"),
    [
        pytest.param({"id": "{{imo}}"}, "GET /ships/IMO-9321483", id="T19, template"),
        pytest.param({"id": "front.imo"}, "GET /ships/IMO-9321483", id="reference"),
        pytest.param({"id": 5}, "GET /ships/5", id="number"),
    ],
)
def test_with_fills_the_path(injected: Any, sent: str) -> None:
    """T19, T21: the path of the upstream operation is filled by `with`."""
    parameter = {"name": "imo", "in": "path"}
    unit = {"call": "api.get", "inputParameters": [parameter], "with": injected}
    app, upstream = serving.rest_app(serving.operation("/v/{{imo}}", "GET", **unit))
    assert ask(app, "GET", "/v/IMO-9321483").status == 200
    assert upstream.sent == [sent]


@pytest.mark.parametrize("injected", [{"flag": "front.other"}, None])
def test_with_of_a_missing_value_sends_nothing(injected: Any) -> None:
    """T21: a reference without a value injects nothing, and so does no `with`."""
    parameter = {"name": "other", "in": "query"}
    unit = {"call": "api.list", "inputParameters": [parameter], "with": injected}
    app, upstream = serving.rest_app(serving.operation("/v", "GET", **unit))
    assert ask(app, "GET", "/v").status == 200
    assert upstream.sent == ["GET /ships"]


def test_with_of_a_tool_fills_the_path() -> None:
    """T23: a template in the `with` of a tool fills the path."""
    data = document({"resourcePath": "/ships/{{imo_number}}"})
    tool = {
        "name": "ship",
        "description": "A ship.",
        "call": "api.op",
        "inputParameters": [{"name": "imo", "type": "string", "description": "Which."}],
        "with": {"imo_number": "{{imo}}"},
    }
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = StubTransport(Response(200, {}, b"{}"))
    naftiko.load(data, schema=None, transport=transport).invoke("m.ship", imo="IMO-1")
    (sent,) = transport.requests
    assert sent.url == "http://127.0.0.1:9/ships/IMO-1"


def test_infinite_number_in_a_text_is_refused() -> None:
    """A text of `with` is named when a value in it has no text; nothing is sent."""
    upstream = StubTransport()
    consumes = {"path": "/x", "operations": [{"name": "op", "method": "GET", "inputParameters": [{"name": "q", "in": "query"}]}]}  # fmt: skip
    tool = {"name": "t", "call": "api.op", "with": {"q": "far {{far}}"}}
    exposes = {"type": "mcp", "namespace": "tools", "port": 0, "tools": [tool]}
    data = document(consumes={"namespace": "api"}, resource=consumes)
    data["capability"]["exposes"] = [exposes]
    loaded = naftiko.load(data, schema=None, transport=upstream)
    with pytest.raises(
        naftiko.CallError, match=r"'far \{\{far\}\}' cannot be filled in"
    ):
        loaded.invoke("t", far={"km": float("inf")})
    assert upstream.requests == []


def test_result_of_a_step_may_be_missing_for_an_optional_parameter() -> None:
    """Only what the document calls optional is left out; null is a value of its own."""
    injector = Injector("t", Scope(), frozenset({"who"}), ["find"])
    given = {
        "a": "{{find.x}}",
        "b": "see {{find.x}}",
        "c": "{{find.none}}",
        "d": "{{who}}",
    }
    nodes = dict(injector.entries(given, ["a", "b"]))
    values = {"find": {"none": None}}
    look = Lookup(lambda name: name)
    assert [nodes[name](values, look) for name in given] == [ABSENT] * 4
    strict = dict(injector.entries(given))
    for name in ("a", "b"):
        with pytest.raises(naftiko.CallError, match="step 'find' has no 'x'") as caught:
            strict[name](values, look)
        assert caught.value.code == "U-step-result"
        assert caught.value.hint == "it has: none"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{find.ids[3]}}", "has no 'ids[3]'", "'ids' is a list of 1"),
        ("{{find.ids.0.x}}", "has no 'ids.0.x'", "'ids' is a list of 1"),
        ("{{find.of.x}}", "has no 'of.x'", "'of' has: who"),
        ("a{{find.none}}", "'none' in the result of step 'find' is null", "required:"),
        ("{{gone}}", "step 'gone' gave no result", ""),
    ],
)
def test_error_tells_how_far_a_placeholder_reaches(
    text: str, message: str, hint: str
) -> None:
    """The message names the step; the hint shows what is there instead."""
    injector = Injector("t", Scope(), frozenset(), ["find", "gone"])
    values = {"find": {"none": None, "ids": [1], "of": {"who": 1}}}
    node = injector.compile(text)
    with pytest.raises(naftiko.CallError) as caught:
        node(values, Lookup(str))
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("inputs", [[], [{"name": "z", "type": "string", "description": "d", "required": False}]])  # fmt: skip
@pytest.mark.parametrize("given", ["{{stp.id}}", "{{stp[0]}}", "a {{ stp.id }}", ["{{stp.id}}"]])  # fmt: skip
def test_misspelt_step_is_refused_before_anything_is_sent(
    given: Any, inputs: list[Any]
) -> None:
    """It is no argument of the unit, though the parameter that it fills is optional."""
    query = [{"name": "q", "in": "query", "required": False}]
    data = document({"method": "POST", "inputParameters": query})
    steps = [{"type": "call", "name": "step", "call": "api.op"}, {"type": "call", "name": "two", "call": "api.op", "with": {"q": given}}]  # fmt: skip
    tool = {"name": "t", "description": "d", "steps": steps, "inputParameters": inputs}
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = StubTransport()
    loaded = naftiko.load(data, schema=None, transport=transport)
    with pytest.raises(naftiko.CallError, match=r"step 'two': .* no step 'stp'") as e:
        loaded.invoke("m.t")
    assert (e.value.code, e.value.hint) == ("U-step-result", "did you mean 'step'?")
    assert transport.requests == []


def test_misspelt_step_in_a_template_of_an_operation_is_an_error() -> None:
    """A name with a dot that is nearly an earlier step means that step."""
    data = document({"method": "POST", "body": {"type": "json", "data": {"a": "{{on.id}}"}}})  # fmt: skip
    steps = [{"type": "call", "name": "one", "call": "api.op"}, {"type": "call", "name": "two", "call": "api.op"}]  # fmt: skip
    tool = {"name": "t", "description": "d", "steps": steps}
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = StubTransport()
    loaded = naftiko.load(data, schema=None, transport=transport)
    with pytest.raises(naftiko.CallError, match=r"step 'two': .* no step 'on' comes"):
        loaded.invoke("m.t")
    assert transport.requests == []
    (found,) = [p for p in loaded.problems if p.code == "U-step-result"]
    assert found.path.endswith("/steps/1/call")
    assert found.hint == "did you mean 'one'?"
    # Called by itself, the operation has an argument of that name.
    assert loaded.request("api.op", {"on.id": 1}).body == b'{"a":1}'


def test_template_of_an_operation_names_the_result_of_a_step() -> None:
    """A body or a path of an operation may refer to a step, down to an item of a list."""
    data = document(
        {"method": "POST", "body": {"type": "json", "data": {"a": "{{one.ids.1}}"}}}
    )
    steps = [{"type": "call", "name": "one", "call": "api.op"}, {"type": "call", "name": "two", "call": "api.op"}]  # fmt: skip
    tool = {"name": "t", "description": "d", "steps": steps}
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = StubTransport(Response(200, {}, b'{"ids": [5, 7]}'))
    naftiko.load(data, schema=None, transport=transport).invoke("m.t")
    assert [request.body for request in transport.requests] == [b"{}", b'{"a":7}']
    transport = StubTransport(Response(200, {}, b'{"ids": []}'))
    with pytest.raises(
        naftiko.CallError, match=r"step 'two': '\{\{one.ids.1\}\}' finds"
    ):
        naftiko.load(data, schema=None, transport=transport).invoke("m.t")


def test_optional_input_is_left_out_though_the_operation_requires_it() -> None:
    """A tool decides for its callers: in the query, in a text and in a whole body."""
    body = '{"ship": "{{ship}}", "note": "re {{note}}", "cargo": [{{cargo}}]}'
    query = [{"name": "q", "in": "query", "required": True}]
    data = document({"method": "POST", "inputParameters": query, "body": body})
    inputs = [
        {"name": name, "type": "string", "description": "d", "required": name == "ship"}
        for name in ("ship", "note", "cargo", "q")
    ]
    tool = {
        "name": "t",
        "description": "d",
        "call": "api.op",
        "inputParameters": inputs,
    }
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = StubTransport(Response(200, {}, b"{}"))
    loaded = naftiko.load(data, schema=None, transport=transport)
    loaded.invoke("m.t", ship="A")
    loaded.invoke("m.t", ship="A", note="B", cargo="C", q="D")
    assert [(r.url.partition("?")[2], r.body) for r in transport.requests] == [
        ("", b'{"ship":"A","cargo":[null]}'),
        ("q=D", b'{"ship": "A", "note": "re B", "cargo": ["C"]}'),
    ]


@pytest.mark.parametrize("step", ["customers", "cust", "other"])
def test_template_of_an_operation_keeps_its_argument_beside_a_step(step: str) -> None:
    """A plural, or half a name, is no misspelling: the argument has a value."""
    data = document({"method": "POST", "body": {"type": "json", "data": {"a": "{{customer.name}}"}}})  # fmt: skip
    steps = [{"type": "call", "name": step, "call": "api.op", "with": {"customer.name": "1"}}, {"type": "call", "name": "two", "call": "api.op"}]  # fmt: skip
    tool = {"name": "t", "description": "d", "steps": steps}
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = StubTransport()
    loaded = naftiko.load(data, schema=None, transport=transport)
    assert "U-step-result" not in {p.code for p in loaded.problems}
    loaded.invoke("m.t", {"customer.name": "Ann"})
    assert transport.requests[-1].body == b'{"a":"Ann"}'


@pytest.mark.parametrize("name", ["filter[id]", "item.id"])
def test_declared_parameter_is_an_argument_of_steps_without_inputs(name: str) -> None:
    """The name holds a dot or brackets, and means no step."""
    query = [{"name": name, "in": "query", "required": False}]
    data = document({"method": "POST", "inputParameters": query})
    steps = [{"type": "call", "name": "one", "call": "api.op"}, {"type": "call", "name": "two", "call": "api.op", "with": {name: f"{{{{{name}}}}}"}}]  # fmt: skip
    tool = {"name": "t", "description": "d", "steps": steps}
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = StubTransport()
    loaded = naftiko.load(data, schema=None, transport=transport)
    assert "U-step-result" not in {p.code for p in loaded.problems}
    loaded.invoke("m.t", {name: "7"})
    assert transport.requests[-1].url.endswith(f"?{name}=7")


@pytest.mark.parametrize("given", ["filter", "filter.id"])
def test_input_fills_no_parameter_that_has_brackets(given: str) -> None:
    """`filter[id]` is the whole name of a parameter, which the tool does not offer."""
    query = [{"name": "filter[id]", "in": "query", "required": False}]
    data = document({"method": "POST", "inputParameters": query})
    inputs = [{"name": given, "type": "object", "description": "d"}]
    tool = {"name": "t", "description": "d", "call": "api.op", "inputParameters": inputs}  # fmt: skip
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    loaded = naftiko.load(data, schema=None, transport=StubTransport())
    request = loaded.functions.find("m.t").only_call({given: {"id": 1}})
    assert "filter[id]" not in request.arguments
