"""Arguments of an operation, read from headers, queries, forms and JSON bodies."""

from __future__ import annotations

import pytest

from support.asgi_client import ask
from support.serving import operation, rest_app


def test_file_of_a_multipart_form_is_sent_byte_for_byte() -> None:
    """A file of a multipart form reaches the upstream API unchanged."""
    app, upstream = rest_app(operation("/x", "POST", call="api.upload"))
    content = bytes(range(256))
    body = (
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nA\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        + content
        + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert ask(app, "POST", "/x", headers, body).status == 200
    sent = upstream.requests[0].body
    assert isinstance(sent, bytes)
    assert content in sent
    assert b'name="title"\r\n\r\nA\r\n' in sent


def test_repeated_headers_are_joined() -> None:
    """RFC 9110, 5.3: values join with a comma; cookies with a semicolon."""
    app, upstream = rest_app(
        operation(
            "/x",
            call="api.build",
            inputParameters=[
                {"name": "X-Tag", "in": "header", "type": "array"},
                {"name": "b", "in": "cookie", "type": "string"},
            ],
            **{"with": {"name": "rest.X-Tag", "tons": "rest.b"}},
        )
    )
    headers = [("x-tag", "a"), ("cookie", "a=1"), ("x-tag", "b"), ("cookie", "b=2")]
    assert ask(app, "GET", "/x", headers).status == 200
    assert upstream.sent == ['POST /ships {"name":["a","b"],"tons":"2"}']


def test_header_that_is_not_utf8_is_read_as_latin1() -> None:
    """A header value is decoded as UTF-8; invalid UTF-8 is decoded as Latin-1."""
    name = {"name": "flag", "in": "header", "type": "string"}
    app, upstream = rest_app(operation("/x", call="api.list", inputParameters=[name]))
    ask(app, "GET", "/x", {"flag": "\xe9t\xe9"})
    assert upstream.sent == ["GET /ships?flag=%C3%A9t%C3%A9"]


@pytest.mark.parametrize(
    "body", [b'{"name": "\xff"}', b"[" * 200_000, b'{"tons": ' + b"9" * 5000 + b"}"]
)
def test_malformed_json_body_is_refused(body: bytes) -> None:
    """Invalid UTF-8, deep nesting and a number of 5000 digits get 400."""
    app, upstream = rest_app(operation("/x", "POST", call="api.build"))
    got = ask(app, "POST", "/x", {"Content-Type": "application/json"}, body)
    assert (got.status, got.json["type"][-17:]) == (400, "malformed-request")
    assert upstream.requests == []


def test_query_with_too_many_fields_is_refused() -> None:
    """A query of more than 1000 fields gets 400, percent-encoded or not."""
    app, upstream = rest_app(operation("/x", call="api.list"))
    for pair in ("a=1&", "a=%31&"):
        got = ask(app, "GET", "/x?" + pair * 1001)
        assert (got.status, "more than 1000 fields" in got.json["detail"]) == (
            400,
            True,
        )
    assert upstream.requests == []
