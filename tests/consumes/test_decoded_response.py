"""The value that a call makes of a response: facts of spec 11.4."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko import Response, StubTransport
from support.building import capability

JSON_TYPE = {"Content-Type": "application/json"}


def answering(body: bytes) -> StubTransport:
    """Return a transport that answers every request with this body."""
    return StubTransport(Response(200, JSON_TYPE, body))


@pytest.mark.parametrize(
    ("output_format", "body", "value"),
    [
        (None, b'{"n": 1}', {"n": 1}),
        ("JSON", b'{"n": 1}', {"n": 1}),
        ("Xml", b"<r><n>1</n></r>", {"n": "1"}),
        ("YAML", b"n: 1", {"n": 1}),
        ("Csv", b"n\n1\n", [{"n": "1"}]),
    ],
)
def test_output_raw_format_may_have_any_case(
    output_format: str | None, body: bytes, value: Any
) -> None:
    """M02: in any case; JSON where none is given."""
    operation = {"outputRawFormat": output_format}
    assert capability(operation, transport=answering(body)).call("api.op") == value


@pytest.mark.parametrize("output_format", ["avro", "protobuf"])
def test_format_with_a_schema_file_is_not_decoded(output_format: str) -> None:
    """M13, M14: not decoded yet, which is said; no schema file is looked for."""
    operation = {"outputRawFormat": output_format, "outputSchema": "nowhere.x"}
    loaded = capability(operation, transport=answering(b"x"))
    with pytest.raises(naftiko.OutputError, match=f"'{output_format}' is not supp"):
        loaded.call("api.op")


@pytest.mark.parametrize("outputs", [None, []])
@pytest.mark.parametrize(("body", "value"), [(b"", None), (b'{"n": 1}', {"n": 1})])
def test_body_without_outputs_is_the_value(
    outputs: Any, body: bytes, value: Any
) -> None:
    """M27: nothing is mapped, an empty body is nothing."""
    operation = {"outputParameters": outputs}
    assert capability(operation, transport=answering(body)).call("api.op") == value


def test_outputs_of_an_empty_body_are_null() -> None:
    """M27: the declared names stay, without values, so that callers find them."""
    operation = {"outputParameters": [{"name": "n", "type": "string", "value": "$.n"}]}
    assert capability(operation, transport=answering(b"")).call("api.op") == {"n": None}
