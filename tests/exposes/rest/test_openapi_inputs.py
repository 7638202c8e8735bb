"""Parameters and request bodies in the description of a REST adapter."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.exposes.rest.arguments import ArgumentReader
from naftiko.exposes.rest.openapi_inputs import (
    beside_body,
    parameter_object,
    placeholder_objects,
    request_body,
)
from naftiko.functions.plan import Plan
from naftiko.spec.model import InputParameter
from support.asgi_client import ask
from support.describing import described_by, described_operation, description_of
from support.serving import document, operation, rest_app


def test_query_parameter_is_described_beside_an_undeclared_body() -> None:
    """A query parameter of the called operation is described beside the body."""
    wants = [{"name": "Action", "in": "query", "required": True}]
    consumes = {
        "resources": [
            {
                "name": "r",
                "path": "/",
                "operations": [
                    {"name": "do", "method": "POST", "inputParameters": wants}
                ],
            }
        ]
    }
    app, upstream = rest_app(operation("/do", "POST", call="api.do"), consumes=consumes)
    found = described_operation(description_of(app), "/do", "post")
    # No part of the document tells its type.
    assert found["parameters"] == [
        {"name": "Action", "in": "query", "required": True, "schema": {}}
    ]
    assert "required" not in found["requestBody"]
    json_type = {"content-type": "application/json"}
    assert ask(app, "POST", "/do?Action=a", json_type, b"[1]").status == 200
    assert upstream.sent == ["POST /?Action=a [1]"]


def test_inferred_list_is_a_member_of_the_body() -> None:
    """Only a declared input may be the whole body; an inferred input is a member."""
    body = {"type": "json", "data": {"ids": "{{ids}}"}}
    wants = [{"name": "ids", "in": "body", "type": "array"}]
    do = {"name": "do", "method": "POST", "body": body, "inputParameters": wants}
    consumes = {"resources": [{"name": "r", "path": "/", "operations": [do]}]}
    app, upstream = rest_app(operation("/do", "POST", call="api.do"), consumes=consumes)
    content = described_operation(description_of(app), "/do", "post")["requestBody"][
        "content"
    ]
    assert content["application/json"]["schema"]["properties"] == {
        "ids": {"type": "array", "items": {}}
    }
    json_type = {"content-type": "application/json"}
    ask(app, "POST", "/do", json_type, b'{"ids": [1]}')
    assert upstream.sent == ['POST / {"ids":[1]}']


def test_argument_has_place_type_and_pattern() -> None:
    """Each argument has place, type, pattern, and whether it is required."""
    described = described_by(
        operation(
            "/ships/{id}",
            "POST",
            call="api.build",
            inputParameters=[
                {"name": "id", "in": "path", "type": "string", "pattern": "^I"},
                {"name": "q", "in": "query", "type": "integer", "required": True},
                {"name": "X-Flag", "in": "header", "type": "boolean"},
                {"name": "Authorization", "in": "header", "type": "string"},
                {"name": "c", "in": "cookie", "type": "string", "description": "A c."},
                {"name": "where", "in": "query", "type": "object"},
                {"name": "fixed", "in": "query", "type": "string", "value": "x"},
                {"name": "n", "in": "body", "type": "string", "value": "$.ship.name"},
                {"name": "odd", "in": "body", "type": "string", "value": "$.a[0]"},
            ],
        )
    )
    found = described_operation(described, "/ships/{id}", "post")
    assert found["parameters"] == [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^I", "minLength": 1},
        },
        {"name": "q", "in": "query", "required": True, "schema": {"type": "integer"}},
        {"name": "X-Flag", "in": "header", "schema": {"type": "boolean"}},
        {
            "name": "c",
            "in": "cookie",
            "description": "A c.",
            "schema": {"type": "string"},
        },
        {
            "name": "where",
            "in": "query",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    ]
    content = found["requestBody"]["content"]
    assert list(content) == [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ]
    members = content["application/json"]["schema"]["properties"]
    assert members["ship"] == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
    }
    # The route declares its inputs, so `name`, `tons` and `dry` of the call are none.
    assert members.keys() == {"ship"}


def test_request_body_of_any_type_is_described() -> None:
    """A body that the document does not describe may have any media type."""
    lone = {"name": "ship", "in": "body", "type": "object", "required": True}
    described = described_by(
        [
            *operation("/open", "POST", call="api.write"),
            *operation("/lone", "POST", call="api.list", inputParameters=[lone]),
            *operation("/none", "GET", call="api.list"),
        ]
    )
    body = described_operation(described, "/open", "post")["requestBody"]
    assert list(body["content"]) == ["application/json", "*/*"]
    assert "required" not in body
    assert "requestBody" not in described_operation(described, "/none")


def _plan(path: str, method: str, call: str, *inputs: Any, **more: Any) -> Plan:
    """Return the plan of an operation with these inputs."""
    unit = {"name": "op", "call": call, "inputParameters": list(inputs), **more}
    resources = operation(path, method, **unit)
    plan: Plan = naftiko.load(document(resources), schema=None).functions.find(
        "front.op"
    )
    return plan


@pytest.mark.parametrize(
    ("parameter", "described"),
    [
        (InputParameter("a", "query"), {"schema": {}}),
        (InputParameter("a", "query", "integer"), {"schema": {"type": "integer"}}),
        (
            InputParameter("a", "header", "string", required=True, pattern="^x"),
            {"required": True, "schema": {"type": "string", "pattern": "^x"}},
        ),
        (
            InputParameter("a", "cookie", "number", description=" Two\n words. "),
            {"description": "Two words.", "schema": {"type": "number"}},
        ),
        # An object outside the body is JSON text; in a path it has no such form.
        (
            InputParameter("a", "query", "object"),
            {"content": {"application/json": {"schema": {"type": "object"}}}},
        ),
        (InputParameter("a", "path", "object"), {"schema": {"type": "object"}}),
        (
            InputParameter("a", "query", "array"),
            {"schema": {"type": "array", "items": {}}},
        ),
        (
            InputParameter(
                "a", "query", "string", keywords={"enum": ["x", "y"], "default": "x"}
            ),
            {"schema": {"type": "string", "enum": ["x", "y"], "default": "x"}},
        ),
        # A type that is unknown promises nothing.
        (InputParameter("a", "query", "date"), {"schema": {}}),
    ],
)
def test_input_is_a_parameter_object(
    parameter: InputParameter, described: dict[str, Any]
) -> None:
    """A parameter is described with its place and schema, and nothing that is empty."""
    whole = {"name": "a", "in": parameter.in_, **described}
    assert parameter_object(parameter) == whole


def test_placeholder_has_the_name_of_its_path() -> None:
    """A placeholder is required and never empty, whatever its input is called."""
    inputs = [
        {"name": "id", "in": "path", "type": "integer"},
        {"name": "fixed", "in": "path", "value": "x"},
    ]
    plan = _plan("/a/{id}/{fixed}", "GET", "api.get", *inputs)
    names = [("id", "number"), ("fixed", "fixed")]
    assert placeholder_objects(plan, names) == [
        {
            "name": "number",
            "in": "path",
            "required": True,
            "schema": {"type": "integer"},
        },
        {
            "name": "fixed",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        },
    ]
    assert placeholder_objects(plan, []) == []


def test_argument_beside_a_body_is_an_undeclared_one() -> None:
    """Only where a body of any kind is taken, an undeclared argument is in the query."""
    assert [p.name for p in beside_body(_plan("/a", "POST", "api.write"))] == []
    consumed = [p.name for p in _plan("/a", "POST", "api.build").arguments]
    assert consumed == ["dry", "name", "tons"]
    assert beside_body(_plan("/a", "POST", "api.build")) == []
    whole = {"name": "all", "in": "body", "value": "$"}
    assert beside_body(_plan("/a", "POST", "api.build", whole)) == []
    referred = {name: f"rest.{name}" for name in ("dry", "name")}
    plan = _plan("/a", "POST", "api.build", whole, **{"with": referred})
    assert [p.name for p in beside_body(plan)] == ["dry", "name"]
    declared = {"name": "dry", "in": "body"}
    plan = _plan("/a", "POST", "api.build", whole, declared, **{"with": referred})
    assert [p.name for p in beside_body(plan)] == ["name"]


def _body(*inputs: Any, call: str = "api.list", **more: Any) -> Any:
    given = {"flag": "x", "limit": "1"} if call == "api.list" else {}
    plan = _plan("/a", "POST", call, *inputs, **{"with": given, **more})
    return request_body(plan, ArgumentReader(plan))


@pytest.mark.parametrize(
    ("inputs", "schema"),
    [
        (
            [{"name": "a", "in": "body", "type": "string", "required": True}],
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        ),
        (
            [
                {"name": "a", "in": "body", "value": "$.x.a", "required": True},
                {"name": "b", "in": "body", "value": "$.x.b", "type": "number"},
            ],
            {
                "properties": {
                    "x": {
                        "type": "object",
                        "properties": {"a": {}, "b": {"type": "number"}},
                        "required": ["a"],
                    }
                },
                "required": ["x"],
            },
        ),
        # A path that is no plain member says nothing about the shape of a body.
        (
            [
                {"name": "a", "in": "body", "value": "$.x[0]"},
                {"name": "b", "in": "body", "value": "$..x"},
            ],
            {},
        ),
    ],
)
def test_fields_are_members_of_the_body(inputs: Any, schema: dict[str, Any]) -> None:
    """Inputs in the body are members, nested as their paths say, in each media type."""
    body = _body(*inputs)
    assert list(body["content"]) == [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ]
    for content in body["content"].values():
        assert content == {"schema": {"type": "object", **schema}}
    assert body.get("required", False) == ("required" in schema)


@pytest.mark.parametrize("kind", ["array", "object"])
def test_lone_structure_is_the_body_itself(kind: str) -> None:
    """The only declared input may be the whole body if it is a list or an object."""
    lone = {"name": "a", "in": "body", "type": kind, "description": "All."}
    items = {"items": {}} if kind == "array" else {}
    schema = {"type": kind, **items, "description": "All."}
    assert _body(lone) == {"content": {"application/json": {"schema": schema}}}
    assert len(_body({**lone, "value": "$.a"})["content"]) == 3
    assert len(_body(lone, {"name": "b", "in": "body"})["content"]) == 3


def test_body_of_any_kind_is_described_with_its_members() -> None:
    """An input that is the whole body takes any media type; others are its members."""
    whole = {"name": "all", "in": "body", "value": "$", "required": True}
    part = {"name": "part", "in": "body", "type": "string"}
    assert _body(whole, part) == {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"properties": {"part": {"type": "string"}}}
            },
            "*/*": {"schema": {}},
        },
    }


def test_operation_without_arguments_in_the_body_has_none() -> None:
    """A body that is not read is not described."""
    assert _body() is None
