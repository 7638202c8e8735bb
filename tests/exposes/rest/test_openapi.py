"""`/openapi.json` of a REST adapter is valid OpenAPI 3.1 and matches the routes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from support.asgi_client import AsyncStub, ask
from support.serving import operation, rest_app
from support.shared import CAPABILITIES, corpus_files, each_or_all, needs_corpus


def _described(resources: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    app, _ = rest_app(resources, **more)
    return _checked(app)


def _checked(app: RestApp) -> dict[str, Any]:
    described: dict[str, Any] = ask(app, "GET", "/openapi.json").json
    errors = [
        error.message for error in OpenAPIV31SpecValidator(described).iter_errors()
    ]
    assert errors == []
    return described


def _operation(described: dict[str, Any], path: str = "/x", method: str = "get") -> Any:
    return described["paths"][path][method]


def _check_file(path: Path) -> int:
    capability = naftiko.load(path, schema=None)
    checked = 0
    for exposes in capability.exposes:
        if exposes.type == "rest":
            app = RestApp(Engine(capability, AsyncStub()), exposes, Options())
            _checked(app)
            checked += 1
    return checked


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(CAPABILITIES.glob("*.yaml")) if p.stem != "broken"],
    ids=lambda path: path.stem,
)
def test_openapi_of_shipped_files_is_valid(path: Path) -> None:
    """The OpenAPI 3.1 validator accepts `/openapi.json` of each shipped file."""
    _check_file(path)


@needs_corpus
@each_or_all
def test_openapi_of_published_files_is_valid(step: int) -> None:
    """The OpenAPI 3.1 validator accepts `/openapi.json` of each published file."""
    checked = 0
    for path in corpus_files()[::step]:
        try:
            checked += _check_file(path)
        except naftiko.DocumentError:
            continue
    assert checked * step > 300


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
    found = _operation(_checked(app), "/do", "post")
    schema = {"type": "string"}
    assert found["parameters"] == [
        {"name": "Action", "in": "query", "required": True, "schema": schema}
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
    content = _operation(_checked(app), "/do", "post")["requestBody"]["content"]
    assert content["application/json"]["schema"]["properties"] == {
        "ids": {"type": "array"}
    }
    json_type = {"content-type": "application/json"}
    ask(app, "POST", "/do", json_type, b'{"ids": [1]}')
    assert upstream.sent == ['POST / {"ids":[1]}']


def test_argument_has_place_type_and_pattern() -> None:
    """Each argument has place, type, pattern, and whether it is required."""
    described = _described(
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
    found = _operation(described, "/ships/{id}", "post")
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
    # Undeclared arguments of the call, such as `tons`, are members of the body too.
    assert members.keys() == {"ship", "name", "tons", "dry"}


def test_request_body_of_any_type_is_described() -> None:
    """A body that the document does not describe may have any media type."""
    lone = {"name": "ship", "in": "body", "type": "object", "required": True}
    described = _described(
        [
            *operation("/open", "POST", call="api.write"),
            *operation("/lone", "POST", call="api.list", inputParameters=[lone]),
            *operation("/none", "GET", call="api.list"),
        ]
    )
    body = _operation(described, "/open", "post")["requestBody"]
    assert list(body["content"]) == ["application/json", "*/*"]
    assert "required" not in body
    assert "requestBody" not in _operation(described, "/none")


def test_success_has_the_schema_of_the_outputs() -> None:
    """The schema of each declared output allows null."""
    outputs = [
        {
            "type": "object",
            "properties": {
                "id": {"type": "string", "mapping": "$.id", "description": "The id."},
                "tags": {
                    "type": "array",
                    "mapping": "$.tags",
                    "items": {"type": "string", "mapping": "$.name"},
                },
                "by": {
                    "type": "object",
                    "mapping": "$.by",
                    "values": {"type": "number", "mapping": "$.n"},
                },
                "any": {"type": "object", "mapping": "$.any"},
                "null": None,
            },
        }
    ]
    described = _described(operation("/x", call="api.list", outputParameters=outputs))
    content = _operation(described)["responses"]["200"]["content"]
    assert list(content) == ["application/json", "application/yaml"]
    assert content["application/json"]["schema"] == {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "null"], "description": "The id."},
            "tags": {
                "type": ["array", "null"],
                "items": {"type": ["string", "null"]},
            },
            "by": {
                "type": ["object", "null"],
                "additionalProperties": {"type": ["number", "null"]},
            },
            "any": {},
            "null": {},
        },
    }


@pytest.mark.parametrize(
    ("unit", "schema", "others"),
    [
        ({"call": "api.list"}, None, True),
        (
            {"call": "api.list", "outputParameters": [{"type": "object", "mapping": "$."}]},
            {},
            False,
        ),
        (
            {"call": "api.list", "outputParameters": [{"type": "string", "mapping": "$.a"}]},
            {"type": ["string", "null"]},
            True,
        ),
        (
            {
                "call": "api.list",
                "outputParameters": [
                    {"name": "a", "type": "string", "mapping": "$.a"},
                    {"name": "b", "type": "number", "mapping": "$.b"},
                ],
            },
            {
                "type": "object",
                "properties": {
                    "a": {"type": ["string", "null"]},
                    "b": {"type": ["number", "null"]},
                },
            },
            False,
        ),
        (
            {"outputParameters": [{"name": "a", "type": "string", "value": "x"}]},
            {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
            False,
        ),
    ],
    ids=["raw", "identity", "scalar", "named", "mock"],
)  # fmt: skip
def test_passed_on_response_may_have_any_media_type(
    unit: Any, schema: Any, others: bool
) -> None:
    """A response that outputs do not replace is passed on, with any content."""
    described = _described(operation("/x", **unit))
    content = _operation(described)["responses"]["200"]["content"]
    assert ("*/*" in content) == others
    if schema is not None:
        assert content["application/json"]["schema"] == schema


def test_statuses_of_each_operation_are_described() -> None:
    """`responses` has every status that an operation can answer, and no other."""
    described = _described(
        [
            *operation("/call", call="api.list"),
            *operation("/post", "POST", call="api.build"),
            *operation("/mock", outputParameters=[{"name": "a", "value": "x"}]),
            *operation("/gone", call="api.gone"),
        ],
        options=Options(variable_headers={"TOKEN": "X-Token"}),
        consumes={"authentication": {"type": "bearer", "token": "{{TOKEN}}"}},
    )

    def statuses(path: str, method: str = "get") -> str:
        return " ".join(sorted(_operation(described, path, method)["responses"]))

    assert statuses("/call") == "200 2XX 400 401 4XX 500 502 503 504"
    assert statuses("/post", "post") == "200 2XX 400 401 413 415 4XX 500 502 503 504"
    assert statuses("/mock") == "200 400 406 500 503"
    assert statuses("/gone") == "501"


def test_templates_of_one_shape_are_one_path() -> None:
    """Equal path templates are merged; the first one names the placeholders."""
    described = _described(
        [
            *operation("/ships/{id}", "GET", call="api.get"),
            *operation("/ships/{{number}}", "DELETE", call="api.scrap", **{"with": {"id": "rest.number"}}),
            *operation("/ships/{id}", "GET", call="api.list"),
            *operation("/v1/#List", "POST", call="api.list"),
            *operation("/a/{x}/{x}", call="api.list"),
        ]
    )  # fmt: skip
    assert list(described["paths"]) == ["/ships/{id}", "/v1/%23List", "/a/{x}/{x-}"]
    names = [
        parameter["name"]
        for method in ("get", "delete")
        for parameter in _operation(described, "/ships/{id}", method)["parameters"]
    ]
    assert names == ["id", "id"]


def test_operation_ids_are_unique() -> None:
    """Duplicate names get numbers; an operation without a name gets one."""
    described = _described(
        [
            *operation("/a", call="api.list", name="list"),
            *operation("/b", call="api.list", name="list"),
            *operation("/c/{d}", call="api.list"),
        ]
    )
    ids = [item["get"]["operationId"] for item in described["paths"].values()]
    assert ids == ["list", "list-2", "GET-c-d"]


def test_name_of_a_resource_is_a_tag() -> None:
    """The tag of a resource groups its operations."""
    described = _described([{**operation("/a", call="api.list")[0], "name": "ships"}])
    assert described["tags"] == [{"name": "ships"}]
    assert _operation(described, "/a")["tags"] == ["ships"]


@pytest.mark.parametrize(
    ("authentication", "scheme"),
    [
        ({"type": "bearer", "token": "x"}, {"type": "http", "scheme": "bearer"}),
        ({"type": "basic"}, {"type": "http", "scheme": "basic"}),
        ({"type": "digest"}, {"type": "http", "scheme": "digest"}),
        (
            {"type": "apikey", "key": "X-Key", "value": "x"},
            {"type": "apiKey", "in": "header", "name": "X-Key"},
        ),
        (
            {"type": "apikey", "key": "key", "value": "x", "placement": "query"},
            {"type": "apiKey", "in": "query", "name": "key"},
        ),
        (
            {"type": "oauth2", "authorizationServerUri": "https://a.test/", "scopes": ["r"]},
            {
                "type": "openIdConnect",
                "openIdConnectUrl": "https://a.test/.well-known/openid-configuration",
            },
        ),
    ],
    ids=lambda value: value.get("type") if "scheme" not in value else "",
)  # fmt: skip
def test_authentication_is_a_security_scheme(authentication: Any, scheme: Any) -> None:
    """Each operation names the credentials that it needs."""
    described = _described(
        operation("/x", call="api.list"), adapter={"authentication": authentication}
    )
    kind = authentication["type"]
    assert described["components"]["securitySchemes"] == {kind: scheme}
    scopes = authentication.get("scopes", [])
    assert _operation(described)["security"] == [{kind: scopes}]
    assert "401" in _operation(described)["responses"]
    assert "x" not in json.dumps(described["components"]["securitySchemes"]).split('"')


def test_security_scheme_of_a_variable_is_for_operations_that_use_it() -> None:
    """Only operations that use a caller's variable require its header."""
    described = _described(
        [
            *operation("/uses", call="api.list"),
            *operation("/named", call="other.op", **{"with": {"a": "{{TOKEN}}"}}),
            *operation("/free", call="other.op"),
            {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
        ],
        options=Options(variable_headers={"TOKEN": "X-Token"}),
        consumes={"authentication": {"type": "bearer", "token": "{{TOKEN}}"}},
        capability={},
    )
    scheme = described["components"]["securitySchemes"]["variable-TOKEN"]
    assert (scheme["in"], scheme["name"]) == ("header", "X-Token")
    assert _operation(described, "/uses")["security"] == [{"variable-TOKEN": []}]
    assert _operation(described, "/proxy/{path}")["security"] == [
        {"variable-TOKEN": []}
    ]
    assert "security" not in _operation(described, "/free")


def test_reference_to_a_variable_requires_its_header() -> None:
    """A reference in a `with` value counts; the same name in plain text does not."""
    step = {"type": "call", "name": "s", "call": "api.list"}
    described = _described(
        [
            *operation("/lone", call="api.list", **{"with": {"flag": "{{TOKEN}}"}}),
            *operation("/env", call="api.list", **{"with": {"flag": "env.TOKEN"}}),
            *operation("/step", steps=[{**step, "with": {"flag": "a {{TOKEN}}"}}]),
            *operation("/text", call="api.list", **{"with": {"flag": "a TOKEN"}}),
        ],
        options=Options(variable_headers={"TOKEN": "X-Token"}),
        binds=[{"namespace": "env", "keys": {"TOKEN": "NAFTIKO_TEST_TOKEN"}}],
    )
    for path in ("/lone", "/env", "/step"):
        required = _operation(described, path)["security"]
        assert required == [{"variable-TOKEN": []}], path
    assert "security" not in _operation(described, "/text")


def test_forwarded_resource_is_described_for_every_method() -> None:
    """Each method of a forwarded resource has the trusted headers as parameters."""
    forward = {"targetNamespace": "api", "trustedHeaders": ["X-Trace", "Accept"]}
    described = _described(
        [{"path": "/proxy/{{path}}", "forward": forward, "operations": [{"method": "GET", "call": "api.list"}]}]
    )  # fmt: skip
    item = described["paths"]["/proxy/{path}"]
    assert item.keys() == {"get", "head", "post", "put", "patch", "delete", "options"}
    assert item["get"]["operationId"] == "GET-proxy-path"
    assert [p["name"] for p in item["put"]["parameters"]] == ["path", "X-Trace"]
    assert "requestBody" in item["put"]
    assert "requestBody" not in item["head"]


def test_method_unknown_to_openapi_is_served_but_not_described() -> None:
    """OpenAPI 3.1 has eight methods; a route of another one is not described."""
    app, _ = rest_app(operation("/x", "PURGE", call="api.list"))
    assert _checked(app)["paths"] == {}
    assert ask(app, "PURGE", "/x").status == 200
