"""`read_payload`: the body of a request is read as JSON, form or multipart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from naftiko.consumes.content import Content
from naftiko.exposes.http.payload import Payload, pairs_of, read_payload
from naftiko.exposes.http.problems import BadRequest

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n\r\n\xff\r\n'
    b"--x--\r\n"
)


def read(
    body: bytes, content_type: str = "", *, fields: bool = True, any_: bool = False
) -> Payload:
    """Read a body for an operation that takes fields, or a body of any type."""
    return asyncio.run(
        read_payload(body, content_type, reads_fields=fields, takes_any=any_)
    )


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "value"),
    [
        (b"", "application/json", "", None),
        (b'{"a": 1}', "application/json", "json", {"a": 1}),
        (b'{"a": 1}', "application/problem+json; x=y", "json", {"a": 1}),
        (b'{"a": 1}', "", "json", {"a": 1}),
        (b"a=1&b=2&b=3&c=", FORM, "form", {"a": "1", "b": ["2", "3"], "c": ""}),
        (b"a=%C3%A4+b", FORM, "form", {"a": "ä b"}),
        # `curl -d '{…}'` labels a JSON body as a form.
        (b' {"a": 1}', FORM, "json", {"a": 1}),
        (b"[1]", "text/plain", "json", [1]),
        (PARTS, MULTIPART, "form", {"a": "1", "f": b"\xff"}),
    ],
)
def test_body_is_read_by_its_media_type(
    body: bytes, content_type: str, kind: str, value: Any
) -> None:
    """JSON, form and multipart bodies give fields to the operation."""
    payload = read(body, content_type)
    assert (payload.kind, payload.value) == (kind, value)
    assert payload.fields == (value if isinstance(value, dict) else {})


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "detail"),
    [
        (b"{", "application/json", "malformed-request", "is not well-formed JSON"),
        (b"\xff", "application/json", "malformed-request", "it is not UTF-8"),
        (b"NaN", "application/json", "malformed-request", "NaN is not JSON"),
        (b"[" * 100_000, "application/json", "malformed-request", "too deeply"),
        (b"abc", "", "malformed-request", "it has no media type, and is no JSON"),
        (b"\xff=1", FORM, "malformed-request", "the form is not UTF-8"),
        (b"%ff=1", FORM, "malformed-request", "the form is not UTF-8"),
        (b"a=1&" * 1001, FORM, "malformed-request", "more than 1000 fields"),
        (b"a=%20&" * 1001, FORM, "malformed-request", "more than 1000 fields"),
        (b"--x", "multipart/form-data", "malformed-request", "boundary"),
        (b"abc", "image/png", "unsupported-media-type", "image/png, which has no"),
    ],
)
def test_malformed_body_is_refused(
    body: bytes, content_type: str, kind: str, detail: str
) -> None:
    """The problem document names the media type and the mistake."""
    with pytest.raises(BadRequest) as caught:
        read(body, content_type)
    assert caught.value.problem.kind == kind
    assert detail in caught.value.problem.detail


def test_whole_body_keeps_its_media_type() -> None:
    """An operation of any body gets bytes and media type; JSON gives its value."""
    png = read(b"\x89PNG", "image/png", fields=False, any_=True)
    assert png.kind == "raw"
    assert png.whole == Content(b"\x89PNG", "image/png")
    assert read(b'{"a": 1}', "application/json").whole == {"a": 1}
    problem = read(b'{"a": 1}', "application/problem+json").whole
    assert problem == Content(b'{"a": 1}', "application/problem+json")
    assert read(PARTS, MULTIPART, any_=True).kind == "raw"
    assert read(b"").whole is None


def test_query_is_read_like_a_form() -> None:
    """The query of a URL is decoded like a form; its problems name `query`."""
    assert pairs_of(b"a=1&a=2", "query") == {"a": ["1", "2"]}
    with pytest.raises(BadRequest) as caught:
        pairs_of(b"%ff", "query")
    assert caught.value.problem.detail == "the query is not UTF-8"
    assert caught.value.problem.errors[0].in_ == "query"
