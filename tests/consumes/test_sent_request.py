"""The request that a call sends: one test for each fact of spec 11.2.

Where a test differs from its fact, the docstring says why.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from naftiko import ArgumentError, Request
from support.building import capability


def request_of(
    operation: dict[str, Any] | None = None, /, arguments: Any = None, **more: Any
) -> Request:
    """Return what a call of an operation would send."""
    return capability(operation, **more).request("api.op", arguments or {})


@pytest.mark.parametrize("base_uri", ["http://host", "http://host/v1", "http://host/"])
def test_base_uri_may_end_in_a_slash(base_uri: str) -> None:
    """L03: the engine refuses a slash at the end; the dialect notes strip it (3.2)."""
    sent = request_of(consumes={"baseUri": base_uri})
    assert sent.url == base_uri.removesuffix("/") + "/x"


@pytest.mark.parametrize(
    ("path", "arguments", "expected"),
    [
        pytest.param(
            "/databases/{{datasource}}/pages",
            {"datasource": "d1"},
            "/databases/d1/pages",
            id="T03",
        ),
        pytest.param(
            "/{{a}}/db{{b}}/{{a}}", {"a": "x", "b": 42}, "/x/db42/x", id="T04"
        ),
    ],
)
def test_path_template_is_filled(path: str, arguments: Any, expected: str) -> None:
    """T03, T04: names are replaced, each time they stand, numbers as text."""
    sent = request_of({"resourcePath": path}, arguments)
    assert sent.url == "http://127.0.0.1:9" + expected


def test_missing_path_argument_is_refused() -> None:
    """T15: refused, with the name of what is missing where the engine only counts."""
    with pytest.raises(ArgumentError, match="missing argument 'id'"):
        request_of({"resourcePath": "/x/{{id}}"})


def test_headers_of_operation_and_adapter_are_sent() -> None:
    """T09, T11, T13: of the operation and of its adapter, constant or a template."""
    sent = request_of(
        {
            "inputParameters": [
                {"name": "X-Trace", "in": "header", "value": "trace-{{requestId}}"},
                {"name": "X-Constant", "in": "header", "value": "as is"},
            ]
        },
        {"requestId": "abc"},
        consumes={
            "inputParameters": [{"name": "X-Api", "in": "header", "value": "2025"}]
        },
    )
    assert sent.headers["X-Trace"] == "trace-abc"
    assert sent.headers["X-Constant"] == "as is"
    assert sent.headers["X-Api"] == "2025"


def test_header_of_the_operation_stands_before_that_of_the_adapter() -> None:
    """T14: the one of the adapter does not replace the other."""
    version = {"name": "X-Version", "in": "header"}
    sent = request_of(
        {"inputParameters": [{**version, "value": "2025-09-03"}]},
        consumes={"inputParameters": [{**version, "value": "1999-01-01"}]},
    )
    assert sent.headers["X-Version"] == "2025-09-03"


def test_query_value_is_encoded_as_a_form() -> None:
    """T10: a rendered value is encoded as forms are."""
    parameter = {"name": "search", "in": "query", "value": "{{kind}}"}
    sent = request_of({"inputParameters": [parameter]}, {"kind": "ice class"})
    assert sent.url.endswith("/x?search=ice+class")


def test_parameter_with_a_null_value_is_not_sent() -> None:
    """T01: a parameter whose value is null is not sent."""
    parameter = {"name": "q", "in": "query", "value": None}
    assert request_of({"inputParameters": [parameter]}).url.endswith("/x")


@pytest.mark.parametrize(
    ("kind", "data", "media_type", "body"),
    [
        ("xml", "<id>{{id}}</id>", "application/xml", b"<id>1</id>"),
        (
            "formUrlEncoded",
            {"id": "{{id}}"},
            "application/x-www-form-urlencoded",
            b"id=1",
        ),
        (
            "sparql",
            "SELECT {{id}}",
            "application/sparql-query",
            b"SELECT 1",
        ),
    ],
)
def test_body_type_gives_media_type_and_bytes(
    kind: str, data: Any, media_type: str, body: bytes
) -> None:
    """T17: the type of a body gives its media type, and its bytes."""
    operation = {"method": "POST", "body": {"type": kind, "data": data}}
    sent = request_of(operation, {"id": "1"})
    assert sent.headers["Content-Type"] == media_type
    assert sent.body == body


def test_values_keep_their_type_in_a_json_body() -> None:
    """T07, T08: a list stays a list, and nothing is escaped as HTML is."""
    data = {"crew": "{{crew}}", "city": "{{city}}"}
    sent = request_of(
        {"method": "POST", "body": {"type": "json", "data": data}},
        {"crew": ["CREW-001", "CREW-003"], "city": "Göteborg & <Malmö>"},
    )
    assert isinstance(sent.body, bytes)
    expected = '{"crew":["CREW-001","CREW-003"],"city":"Göteborg & <Malmö>"}'
    assert sent.body.decode() == expected


def test_bearer_token_is_sent() -> None:
    """T25: the credential is the token."""
    sent = request_of(consumes={"authentication": {"type": "bearer", "token": "t"}})
    assert sent.headers["Authorization"] == "Bearer t"


def test_api_key_goes_into_the_query() -> None:
    """T26: in the query where its placement says so."""
    sent = request_of(
        {"resourcePath": "/items"},
        consumes={
            "baseUri": "https://api.example.com/v1",
            "authentication": {
                "type": "apikey",
                "key": "api_key",
                "value": "abc123",
                "placement": "query",
            },
        },
    )
    assert sent.url == "https://api.example.com/v1/items?api_key=abc123"


def test_api_key_without_a_placement_is_a_header() -> None:
    """T27: the engine refuses it; the dialect notes read it as a header (3.3)."""
    key = {"type": "apikey", "key": "X-Key", "value": "abc123"}
    sent = request_of(consumes={"authentication": key})
    assert sent.headers["X-Key"] == "abc123"
    assert sent.url.endswith("/x")


def test_basic_credentials_are_sent() -> None:
    """T28: user name and password are those of the document."""
    login = {"type": "basic", "username": "scott", "password": "tiger"}
    sent = request_of(consumes={"authentication": login})
    given = sent.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(given) == b"scott:tiger"
