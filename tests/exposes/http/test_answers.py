"""Answers: content negotiation, JSON and YAML, headers."""

from __future__ import annotations

import asyncio
import math
from datetime import date
from typing import Any

import pytest

from naftiko.exposes.http.answers import (
    Answer,
    chosen,
    headers_of,
    json_bytes,
    send_answer,
    value_answer,
    written,
)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/yaml", "application/yaml"),
        ("text/yaml;q=0.9, application/json;q=0.1", "text/yaml"),
        # Named exactly, where JSON is only covered by a wildcard.
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
    """RFC 9110, 12.5.1: by quality, then by exactness, then JSON."""
    assert chosen(accept) == media_type


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, True]}, b'{"a":[1,null,true]}'),
        ("ä", '"ä"'.encode()),
        (b"\xff", b'"/w=="'),
        (date(2026, 1, 31), b'"2026-01-31"'),
        # A lone surrogate has no UTF-8, but an escape.
        ("\ud800", b'"\\ud800"'),
    ],
)
def test_json_is_compact_and_has_a_form_for_every_value(
    value: Any, text: bytes
) -> None:
    """Bytes are base64, dates are text."""
    assert json_bytes(value) == text


def test_number_that_json_cannot_hold_is_refused() -> None:
    """RFC 8259 has no NaN."""
    with pytest.raises(ValueError, match="JSON"):
        json_bytes(math.nan)


def test_value_is_written_in_the_chosen_media_type() -> None:
    """`text/…` says its charset; the others are UTF-8 by definition."""
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
def test_answer_has_the_length_of_its_body(
    answer: Answer, is_head: bool, length: bytes | None, body: bytes
) -> None:
    """HEAD says the length too; 204 and 304 have neither length nor body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(send_answer(send, answer, is_head=is_head))
    headers = dict(sent[0]["headers"])
    assert headers.get(b"content-length") == length
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert sent[1]["body"] == body


def test_repeated_headers_are_joined() -> None:
    """RFC 9110, 5.3: with a comma; cookies with a semicolon (RFC 9113, 8.2.3)."""
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
    """A character outside of Latin-1 becomes a question mark."""
    assert written("X-Name", "ä→") == (b"x-name", b"\xe4?")
