"""Outcomes of one reply: shaped, passed on as it came, or failed."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.consumes.exchange import Decoder
from naftiko.errors import OutputError, StatusError
from naftiko.formats.json import accelerate
from naftiko.functions.outcomes import (
    MAX_CHECKED,
    checked,
    failed_value,
    simple_outcome,
)
from naftiko.functions.runs import Reply
from naftiko.functions.shapes import compile_shape
from naftiko.transport.messages import Request, Response
from support.building import capability

NAME = [{"type": "string", "mapping": "$.name"}]
OBJECT = [
    {"type": "object", "properties": {"n": {"type": "string", "mapping": "$.name"}}}
]
WHOLE = [{"type": "object"}]


def decoder(**operation: Any) -> Decoder:
    """Return the decoder of an operation."""
    return Decoder(capability(operation).operations["api.op"])


def reply(body: bytes = b"", status: int = 200, **headers: str) -> Reply:
    """Return a reply with this response."""
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(Request("GET", "http://127.0.0.1:9/x"), Response(status, found, body))


@pytest.mark.parametrize(
    ("outputs", "body", "outcome"),
    [
        # Value, whether it is shaped, and whether the body is the value.
        (None, b'{"name": "Ada"}', ({"name": "Ada"}, False, False)),
        (None, b"", (None, False, False)),
        (NAME, b"", (None, False, False)),
        (NAME, b'{"name": "Ada"}', ("Ada", True, False)),
        (NAME, b'{"id": 7}', ({"id": 7}, False, False)),
        (NAME, b"null", (None, True, False)),
        (OBJECT, b'{"name": "Ada", "id": 7}', ({"n": "Ada"}, True, False)),
        (OBJECT, b'{"id": 7}', ({"n": None}, True, False)),
        (WHOLE, b' {"name": "Ada"}', ({"name": "Ada"}, True, True)),
        (WHOLE, b'{"a": 1}\n{"a": 2}\n', ([{"a": 1}, {"a": 2}], True, False)),
        (WHOLE, b"null", (None, True, True)),
    ],
)
def test_outcome_of_one_reply(
    outputs: Any, body: bytes, outcome: tuple[Any, bool, bool]
) -> None:
    """Outputs that find nothing, and no outputs, pass the response on as it came."""
    sent = reply(body, 201)
    made = simple_outcome(decoder(), sent, compile_shape(outputs))
    assert (made.value, made.is_shaped, made.is_verbatim) == outcome
    assert made.status == 201
    assert made.reply is sent


@pytest.mark.parametrize("body", [b"<p>no</p>", b'{"n": 1', b"{'n': 1}", b"\xff"])
def test_body_that_calls_itself_json_and_is_none_is_told(body: bytes) -> None:
    """It is passed on with a warning, or refused where the decoder is strict."""
    sent = reply(body, Content_Type="application/json; charset=utf-8")
    shape = compile_shape(None)
    made = simple_outcome(decoder(), sent, shape)
    assert made.is_mislabelled
    assert "api.op: the type of the response says JSON" in made.warnings[0]
    with pytest.raises(OutputError, match="not json"):
        _ = made.value
    strict = Decoder(capability({}).operations["api.op"], is_strict=True)
    with pytest.raises(OutputError, match="not json"):
        simple_outcome(strict, sent, shape)
    large = reply(body * (MAX_CHECKED + 1), Content_Type="application/json")
    assert not simple_outcome(strict, large, shape).is_mislabelled
    text = reply(b"up", Content_Type="text/plain")
    assert not simple_outcome(decoder(), text, shape).is_mislabelled


@pytest.mark.parametrize(
    ("body", "is_told"),
    [
        (b"{" + b" " * 2000 + b"}\n", False),
        (b"[" + b" " * 2000 + b"]", False),
        (b"[" + b" " * 2000 + b"}", True),
        (b'{"a": "' + b"x" * 2000, True),
        (b"<p>" + b"x" * 2000 + b"</p>", True),
    ],
)
def test_long_body_is_looked_at_where_it_begins_or_ends_unlike_json(
    body: bytes, is_told: bool
) -> None:
    """A long body that begins and ends as JSON is not read to be passed on."""
    sent = reply(body, Content_Type="application/json")
    made = simple_outcome(decoder(), sent, compile_shape(None))
    assert made.is_mislabelled is is_told


@pytest.mark.parametrize(
    ("outputs", "body", "kind", "value"),
    [
        (NAME, b'{"name":"a"}\n{"name":"b"}\n', "application/x-ndjson", ["a", "b"]),
        (NAME, b'{"name":"a"}{"name":"b"}', "application/json", ["a", "b"]),
        (NAME, b'data: {"name":"a"}\r\r', "text/event-stream", ["a"]),
        (OBJECT, b'{"name":"a"}\n', "application/x-ndjson", [{"n": "a"}]),
        ([{"type": "string", "mapping": "$[0].name"}], b'{"name":"a"}\n{}',
         "application/x-ndjson", "a"),
        (OBJECT, b'[{"name":"a"}]', "application/json", {"n": None}),
    ],
)  # fmt: skip
def test_outputs_of_one_value_shape_each_value_of_a_sequence(
    outputs: Any, body: bytes, kind: str, value: Any
) -> None:
    """What finds nothing in the list of all values is meant for each of them."""
    made = simple_outcome(
        decoder(), reply(body, Content_Type=kind), compile_shape(outputs)
    )
    assert made.value == value
    assert made.is_sequence is isinstance(value, list)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"<f/>", []),
        (b"<f><n>1</n></f>", ["1"]),
        (b"<f><n>1</n><n>2</n></f>", ["1", "2"]),
    ],
)
def test_array_of_xml_is_shaped_for_any_number_of_elements(
    body: bytes, found: list[str]
) -> None:
    """None is an empty list, and not a response that is passed on."""
    outputs = [{"type": "array", "mapping": "$.n", "items": {"type": "string"}}]
    made = simple_outcome(
        decoder(outputRawFormat="xml"), reply(body), compile_shape(outputs)
    )
    assert (made.value, made.is_shaped) == (found, True)


def test_body_of_another_format_is_never_verbatim() -> None:
    """Strict JSON counts only where the operation declares JSON."""
    made = simple_outcome(
        decoder(outputRawFormat="yaml"), reply(b"[1]"), compile_shape(WHOLE)
    )
    assert (made.value, made.is_shaped, made.is_verbatim) == ([1], True, False)


@pytest.mark.parametrize("outputs", [NAME, WHOLE])
def test_body_that_is_needed_has_to_be_in_its_format(outputs: Any) -> None:
    """A fault is told at once where the outputs need the value."""
    with pytest.raises(OutputError, match=r"api\.op: the body is not json"):
        simple_outcome(decoder(), reply(b"{"), compile_shape(outputs))


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        ("text/plain", b"all well", "all well"),
        ("application/octet-stream", b"\x00\xd8", b"\x00\xd8"),
        ("application/vnd.docker.raw-stream", b"\1\0\0\0\0\0\0\2up", "up"),
    ],
)
def test_answer_that_is_no_json_is_what_came(
    kind: str, body: bytes, value: Any
) -> None:
    """Nothing but the outputs of the function made JSON of it."""
    sent = reply(body, content_type=kind)
    made = simple_outcome(decoder(), sent, compile_shape(NAME))
    assert (made.value, made.is_shaped) == (value, False)
    assert "outputs" in made.warnings[0]
    operation = capability({}).operations["api.op"]
    with pytest.raises(OutputError, match=r"api\.op: the body is not json"):
        simple_outcome(Decoder(operation, is_strict=True), sent, compile_shape(NAME))


def test_body_that_is_passed_on_is_decoded_when_it_is_asked_for() -> None:
    """A response that nothing is taken from may be in any format."""
    made = simple_outcome(decoder(), reply(b"{"), compile_shape(None))
    for _ in range(2):
        with pytest.raises(OutputError, match="the body is not json"):
            _ = made.value


def test_object_that_is_its_value_is_decoded_when_it_is_asked_for() -> None:
    """It is sent on as it came, so few ask; a list of values is never meant."""
    accelerate()
    shape = compile_shape(WHOLE)
    made = simple_outcome(decoder(), reply(b'{"a": 1, "a": 2}'), shape)
    assert made.is_verbatim
    assert not made.is_decoded
    assert made.value == {"a": 2}
    assert made.is_decoded
    lines = reply(b'{"a": 1}', Content_Type="application/x-ndjson")
    assert simple_outcome(decoder(), lines, shape).value == [{"a": 1}]


@pytest.mark.parametrize("status", [200, 204, 299])
def test_success_is_passed_through(status: int) -> None:
    """Every status from 200 to 299 is a success."""
    sent = reply(status=status)
    assert checked(decoder(), sent, step="one") is sent


@pytest.mark.parametrize("status", [199, 307, 404, 500])
def test_failure_is_an_error_of_its_step(status: int) -> None:
    """Any other status raises, and the error names operation and step."""
    with pytest.raises(StatusError) as caught:
        checked(decoder(), reply(b'{"message": "no"}', status), step="one")
    error = caught.value
    assert error.message.startswith(f"step 'one': api.op: {status}")
    assert (error.status, error.step, error.detail) == (status, "one", "no")
    assert error.value is None


@pytest.mark.parametrize(
    ("outputs", "body", "value"),
    [
        (OBJECT, b'{"name": "no ship"}', {"n": "no ship"}),
        (NAME, b'{"name": ""}', ""),
        (OBJECT, b'{"message": "other"}', None),
        (NAME, b'{"message": "other"}', None),
        (NAME, b"<html>", None),
        (NAME, b"", None),
        (WHOLE, b'{"name": "no ship"}', None),
        (None, b'{"name": "no ship"}', None),
    ],
)
def test_failed_response_gives_what_the_outputs_find(
    outputs: Any, body: bytes, value: Any
) -> None:
    """Outputs of nulls alone count as nothing, so that the body can be passed on."""
    shape = compile_shape(outputs)
    assert failed_value(decoder(), reply(body, 404), shape) == value
    with pytest.raises(StatusError) as caught:
        checked(decoder(), reply(body, 404), shape=shape)
    assert caught.value.value == value
