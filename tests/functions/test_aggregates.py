"""Aggregate functions, and the units that refer to them: facts of spec 11.6."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko import Response, StubTransport
from support import serving
from support.asgi_client import ask
from support.building import document

GET = {"name": "get", "description": "Gets.", "call": "api.op"}


def exposing(
    tools: list[dict[str, Any]], functions: list[dict[str, Any]] | None = None
) -> naftiko.Capability:
    """Load a document with one MCP adapter, `m`, and the functions of `agg`."""
    data = document()
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": tools}
    ]
    if functions is not None:
        aggregate = {"label": "A", "namespace": "agg", "functions": functions}
        data["capability"]["aggregates"] = [aggregate]
    return naftiko.load(
        data, schema=None, transport=StubTransport(Response(200, {}, b'{"a": 1}'))
    )


@pytest.mark.parametrize("name", ["m.get", "agg.get"])
def test_duplicate_aggregate_function_is_refused(name: str) -> None:
    """A01: found when the document is loaded; what refers to it refuses to run."""
    named = {"name": "get", "ref": "agg.get"}
    loaded = exposing([named, {**GET, "name": "other"}], [GET, dict(GET)])
    (problem,) = [p for p in loaded.problems if p.code == "U-operation-ambiguous"]
    assert problem.message == "the aggregate function 'agg.get' is declared twice"
    assert problem.severity == "error"
    with pytest.raises(naftiko.UnresolvedCall, match="several aggregate functions"):
        loaded.invoke(name)
    assert loaded.invoke("m.other") == {"a": 1}


def test_unknown_reference_lists_the_declared_ones() -> None:
    """A02: the error lists those that are declared."""
    loaded = exposing([{"name": "x", "ref": "no.pe"}], [GET])
    with pytest.raises(naftiko.UnresolvedCall, match=r"'no\.pe'") as caught:
        loaded.invoke("m.x")
    assert caught.value.hint == "declared: agg.get"
    (problem,) = [p for p in loaded.problems if p.code == "U-call-unresolved"]
    assert problem.hint == "declared: agg.get"


@pytest.mark.parametrize("name", ["m.get", "get"])
def test_reference_inherits_the_name(name: str) -> None:
    """A03: a reference without a name is called by the one of its function."""
    loaded = exposing([{"ref": "agg.get"}], [GET])
    assert "m.get" in loaded.functions.names()
    assert loaded.functions.find(name).description == "Gets."
    assert loaded.invoke(name) == {"a": 1}


def test_name_of_different_units_is_ambiguous() -> None:
    """A bare name stands for none of several units that refer to different ones."""
    loaded = exposing([{"name": "x", "ref": "agg.get"}], [GET, {**GET, "name": "b"}])
    twice = document()
    twice["capability"]["aggregates"] = [
        {"label": "A", "namespace": "agg", "functions": [GET, {**GET, "name": "b"}]}
    ]
    twice["capability"]["exposes"] = [
        {
            "type": "mcp",
            "namespace": namespace,
            "port": 3000,
            "tools": [{"name": "x", "ref": ref}],
        }
        for namespace, ref in (("m", "agg.get"), ("n", "agg.b"))
    ]
    assert loaded.functions.find("x").function.ref == "agg.get"
    with pytest.raises(naftiko.UnknownFunction) as caught:
        naftiko.load(twice, schema=None).functions.find("x")
    assert caught.value.hint == "use one of: m.x, n.x"


def test_reference_copies_neither_call_nor_inputs() -> None:
    """A04: neither call nor inputs become those of the unit; it takes the same."""
    inputs = [{"name": "q", "type": "string", "description": "What."}]
    loaded = exposing([{"ref": "agg.get"}], [{**GET, "inputParameters": inputs}])
    plan = loaded.functions.find("m.get")
    assert (plan.function.call, plan.function.inputs) == ("", ())
    assert [p.name for p in plan.arguments] == ["q"]


@pytest.mark.parametrize("functions", [None, []])
def test_document_without_aggregates(functions: Any) -> None:
    """A08: nothing to resolve, and nothing found."""
    loaded = exposing([GET], functions)
    assert loaded.problems == ()
    assert loaded.invoke("m.get") == {"a": 1}


def test_rest_reference_keeps_its_method() -> None:
    """A10: it keeps its method, and inherits name and description."""
    function = {"name": "get-forecast", "description": "Gets.", "call": "api.list"}
    aggregate = {"label": "F", "namespace": "forecast", "functions": [function]}
    app, upstream = serving.rest_app(
        serving.operation("/f", "POST", ref="forecast.get-forecast"),
        capability={"aggregates": [aggregate]},
    )
    assert ask(app, "POST", "/f").status == 200
    assert ask(app, "GET", "/f").status == 405
    assert upstream.sent == ["GET /ships"]
    data = serving.document(
        serving.operation("/f", "POST", ref="forecast.get-forecast"),
        capability={"aggregates": [aggregate]},
    )
    plan = naftiko.load(data, schema=None).functions.find("front.get-forecast")
    assert (plan.function.method, plan.description) == ("POST", "Gets.")


def test_route_asks_for_what_its_function_requires() -> None:
    """An input of a route has no `required`, so that of the function counts."""
    wanted = [
        {"name": "id", "type": "string"},
        {"name": "lang", "type": "string", "required": False},
    ]
    function = {**GET, "call": "api.list", "with": {"flag": "{{id}}"}, "inputParameters": wanted}  # fmt: skip
    aggregate = {"label": "A", "namespace": "agg", "functions": [function]}
    inputs = [{"name": name, "in": "query"} for name in ("id", "lang")]
    resources = serving.operation("/x", "GET", ref="agg.get", inputParameters=inputs)
    app, upstream = serving.rest_app(resources, capability={"aggregates": [aggregate]})
    got = ask(app, "GET", "/x?lang=no")
    assert (got.status, got.json["detail"]) == (400, "'id' is missing")
    assert ask(app, "GET", "/x?id=7").status == 200
    assert upstream.sent == ["GET /ships?flag=7"]
