"""The body of an operation; more cases are in `tests/spec/cases/bodies.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.document.findings import Findings
from naftiko.document.source import read
from naftiko.spec.bodies import read_body
from naftiko.spec.model import Consumes, InputParameter
from support.building import capability


def sent(body: dict[str, Any], value: Any, **consumes: Any) -> bytes | None:
    """Return the request body for one argument of the only `in: body` parameter."""
    loaded = capability(
        {"method": "POST", "inputParameters": [{"in": "body", **body}]},
        consumes=consumes,
        transport=naftiko.StubTransport(),
    )
    request = loaded.request("api.op", {body["name"]: value})
    content = request.content
    return content if content is None else bytes(content)


@pytest.mark.parametrize("type_name", ["object", "string", "integer", None])
def test_only_body_parameter_called_body_is_the_whole_body(type_name: Any) -> None:
    """Its type says nothing: a generator wrote `string` for every body."""
    body = {"name": "body", "type": type_name}
    assert sent(body, {"a": 1}) == b'{"a":1}'
    assert sent(body, [1]) == b"[1]"
    assert sent(body, '{"a": 1}') == b'{"a": 1}'


@pytest.mark.parametrize(
    ("more", "consumes"),
    [
        ({"description": "Request body (JSON)."}, {}),
        ({}, {"description": "X business capability. Self-contained, no shared references."}),
    ],
)  # fmt: skip
def test_only_body_parameter_of_a_generated_file_is_the_whole_body(
    more: dict[str, Any], consumes: dict[str, Any]
) -> None:
    """The generator kept the name that the source gave to its body."""
    body = {"name": "inputStream", "type": "string", **more}
    assert sent(body, {"a": 1}, **consumes) == b'{"a":1}'


def test_other_body_parameter_is_a_field() -> None:
    """A name that was given by hand is that of a member."""
    assert sent({"name": "email", "type": "string"}, "a@b.test") == (
        b'{"email":"a@b.test"}'
    )


def test_parameter_called_body_beside_others_is_a_field() -> None:
    """Only a lone one can be the whole."""
    fields = [{"name": name, "in": "body"} for name in ("title", "body")]
    loaded = capability({"method": "POST", "inputParameters": fields})
    request = loaded.request("api.op", title="t", body="b")
    assert request.content == b'{"title":"t","body":"b"}'


def test_whole_body_is_described() -> None:
    """`describe` names the argument, and its type is any for a text."""
    loaded = capability(
        {
            "method": "POST",
            "inputParameters": [{"name": "body", "in": "body", "type": "string"}],
        }
    )
    operation = loaded.operations["api.op"]
    assert operation.body == "application/json: `body` is the whole body"
    assert [p.type for p in operation.parameters] == [""]


@pytest.mark.parametrize(
    ("entry", "method", "expected"),
    [
        ({}, "GET", None),
        ({}, "POST", ("json", "", True)),
        ({"body": "text"}, "POST", ("json", "application/json", False)),
        ({"body": {"type": "form", "data": {"a": "1"}}}, "POST",
         ("formUrlEncoded", "application/x-www-form-urlencoded", False)),
    ],
)  # fmt: skip
def test_body_is_read(entry: dict[str, Any], method: str, expected: Any) -> None:
    """Kind, media type, and whether the caller gives the whole of it."""
    findings = Findings(read({}))
    body = read_body(entry, (), method, (), Consumes("a", ""), findings)
    assert (body and (body.kind, body.content_type, body.is_open)) == expected


def test_fields_of_a_body_without_data_are_its_parameters() -> None:
    """`body: {type: json}` beside `in: body` parameters leaves them their meaning."""
    field = InputParameter("a", "body")
    body = read_body(
        {"body": {"type": "json"}}, (), "POST", (field,), Consumes("a", ""),
        Findings(read({})),
    )  # fmt: skip
    assert body is not None
    assert body.fields == (field,)
