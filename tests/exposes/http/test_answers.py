"""HTTP answers: content negotiation, JSON and YAML bodies, headers."""

from __future__ import annotations

import asyncio
import math
from datetime import date
from typing import Any

import pytest

from naftiko.exposes.http.answers import (
    Answer,
    chosen,
    failed_answer,
    headers_of,
    json_bytes,
    raw_answer,
    send_answer,
    value_answer,
    written,
)
from naftiko.transport.messages import Response


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/yaml", "application/yaml"),
        ("text/yaml;q=0.9, application/json;q=0.1", "text/yaml"),
        # YAML is named exactly, and JSON matches only a wildcard.
        ("application/yaml, */*", "application/yaml"),
        ("application/yaml;q=0.5, */*", "application/json"),
        ("application/yaml, application/json", "application/json"),
        ("text/html", ""),
        ("application/json;q=0", ""),
        ("application/*;q=0.1, text/html", "application/json"),
        ("application/json;q=nonsense", "application/json"),
        ("application/json;q=nan, text/yaml;q=0.9", "application/json"),
        (" , ,", "application/json"),
    ],
)
def test_accept_header_chooses_json_or_yaml(accept: str, media_type: str) -> None:
    """RFC 9110, 12.5.1: quality counts first, then exactness; JSON wins a tie."""
    assert chosen(accept) == media_type


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, True]}, b'{"a":[1,null,true]}'),
        ("ä", '"ä"'.encode()),
        (b"\xff", b'"/w=="'),
        (date(2026, 1, 31), b'"2026-01-31"'),
        # A lone surrogate cannot be UTF-8, so it is escaped.
        ("\ud800", b'"\\ud800"'),
    ],
)
def test_json_writes_bytes_dates_and_lone_surrogates(value: Any, text: bytes) -> None:
    """JSON is compact; bytes become base64, dates become text."""
    assert json_bytes(value) == text


def test_nan_in_json_is_null() -> None:
    """RFC 8259: JSON has neither NaN nor infinities; lone surrogates stay escapes."""
    assert json_bytes([math.nan, math.inf, 1.5]) == b"[null,null,1.5]"
    assert json_bytes({"\ud800": -math.inf}) == b'{"\\ud800":null}'
    yaml = value_answer({"a": math.inf}, "application/yaml")
    assert yaml.body == b"a: null\n"


def test_value_is_written_in_the_chosen_media_type() -> None:
    """A `text/…` content type states its charset; other types imply UTF-8."""
    assert value_answer({"a": 1}, "application/json", 201) == Answer(
        201, "application/json", b'{"a":1}'
    )
    answer = value_answer({"a": 1}, "text/yaml")
    assert (answer.content_type, answer.body) == ("text/yaml; charset=utf-8", b"a: 1\n")


@pytest.mark.parametrize(
    ("answer", "is_head", "length", "body"),
    [
        (Answer(200, "text/plain", b"abc"), False, b"3", b"abc"),
        (Answer(200, "text/plain", b"abc"), True, b"3", b""),
        (Answer(204, "", b"abc"), False, None, b""),
        (Answer(304), False, None, b""),
    ],
)
def test_content_length_is_the_length_of_the_body(
    answer: Answer, is_head: bool, length: bytes | None, body: bytes
) -> None:
    """HEAD sends `Content-Length` alone; 204 and 304 send neither length nor body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(send_answer(send, answer, is_head=is_head))
    headers = dict(sent[0]["headers"])
    assert headers.get(b"content-length") == length
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert sent[1]["body"] == body


def test_repeated_headers_are_joined() -> None:
    """RFC 9110, 5.3: values join with a comma; cookies with `;` (RFC 9113, 8.2.3)."""
    pairs = [
        (b"accept", b"a"),
        (b"cookie", b"x=1"),
        (b"accept", b"b"),
        (b"cookie", b"y=2"),
    ]
    headers = {b"accept": b"a, b", b"cookie": b"x=1; y=2"}
    assert headers_of({"headers": pairs}) == headers
    assert headers_of({"headers": pairs[:2]}) == dict(pairs[:2])


def test_header_is_written_in_lower_case_bytes() -> None:
    """Names become lower case; a character outside Latin-1 becomes a question mark."""
    assert written("X-Name", "ä→") == (b"x-name", b"\xe4?")


UTF8 = "é".encode()


@pytest.mark.parametrize(
    ("kind", "body", "sent"),
    [
        ("text/plain; charset=iso-8859-1", UTF8, "text/plain; charset=utf-8"),
        (
            'text/csv; charset="latin1"; header=x',
            UTF8,
            "text/csv; charset=utf-8; header=x",
        ),
        ("text/plain; charset=iso-8859-1", b"\xe9", "text/plain; charset=iso-8859-1"),
        ("text/plain; charset=iso-8859-1", b"e", "text/plain; charset=iso-8859-1"),
        ("text/xml; charset=iso-8859-1", UTF8, "text/xml; charset=iso-8859-1"),
        ("text/plain; charset=utf-16", b"\0e", "text/plain; charset=utf-16"),
        ("text/plain", UTF8, "text/plain"),
    ],
)
def test_body_that_is_passed_on_has_its_own_charset(
    kind: str, body: bytes, sent: str
) -> None:
    """Valid UTF-8 is UTF-8, whatever the API claims; the charset of XML counts."""
    assert raw_answer(Response(200, {"Content-Type": kind}, body), 200) == (
        200, sent, body, ()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "sent", "text"),
    [
        ("application/json", b"<p>", "text/plain; charset=utf-8", b"<p>"),
        ("application/json", b"no \xff", "text/plain", b"no \xff"),
        ("application/json", b"\0\1\2", "application/octet-stream", b"\0\1\2"),
        ("application/json", b'{"n":NaN}', "application/json", b'{"n":null}'),
        ("application/json", b'{"n":1}\n{}', "application/json", b'{"n":1}\n{}'),
        ("text/html", b"<p>", "text/html", b"<p>"),
    ],
)
def test_failure_that_calls_itself_json_is_json_or_a_text(
    kind: str, body: bytes, sent: str, text: bytes
) -> None:
    """JSON out is JSON also behind a status of a failure."""
    answer = failed_answer(Response(404, {"Content-Type": kind}, body), 404)
    assert answer[:3] == (404, sent, text)
