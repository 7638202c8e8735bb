"""Facts of the specification's section 11 that no other test is about, by their ids.

Most facts are cited by the tests of the module that they concern. Where what is
asserted here differs from the fact, the docstring says why.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from building import capability
from naftiko import ArgumentError, Request


def request_of(
    operation: dict[str, Any] | None = None, /, arguments: Any = None, **more: Any
) -> Request:
    """Return what a call of an operation would send."""
    return capability(operation, **more).request("api.op", arguments or {})


# --- 11.2: templates and requests -----------------------------------------------------


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
def test_paths(path: str, arguments: Any, expected: str) -> None:
    """T03, T04: names are replaced, each time they stand, numbers as text."""
    sent = request_of({"resourcePath": path}, arguments)
    assert sent.url == "http://127.0.0.1:9" + expected


def test_a_missing_path_argument() -> None:
    """T15: refused, with the name of what is missing where the engine only counts."""
    with pytest.raises(ArgumentError, match="missing argument 'id'"):
        request_of({"resourcePath": "/x/{{id}}"})


def test_headers() -> None:
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


def test_a_query() -> None:
    """T10: a rendered value is encoded as forms are."""
    parameter = {"name": "search", "in": "query", "value": "{{kind}}"}
    sent = request_of({"inputParameters": [parameter]}, {"kind": "ice class"})
    assert sent.url.endswith("/x?search=ice+class")


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
def test_bodies(kind: str, data: Any, media_type: str, body: bytes) -> None:
    """T17: the type of a body gives its media type, and its bytes."""
    operation = {"method": "POST", "body": {"type": kind, "data": data}}
    sent = request_of(operation, {"id": "1"})
    assert sent.headers["Content-Type"] == media_type
    assert sent.body == body


def test_a_bearer_token() -> None:
    """T25: the credential is the token."""
    sent = request_of(consumes={"authentication": {"type": "bearer", "token": "t"}})
    assert sent.headers["Authorization"] == "Bearer t"


def test_an_api_key() -> None:
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


def test_an_api_key_without_a_placement() -> None:
    """T27: the engine refuses it; the dialect notes read it as a header (3.3)."""
    key = {"type": "apikey", "key": "X-Key", "value": "abc123"}
    sent = request_of(consumes={"authentication": key})
    assert sent.headers["X-Key"] == "abc123"
    assert sent.url.endswith("/x")


def test_basic() -> None:
    """T28: user name and password are those of the document."""
    login = {"type": "basic", "username": "scott", "password": "tiger"}
    sent = request_of(consumes={"authentication": login})
    given = sent.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(given) == b"scott:tiger"
