"""Bytes ↔ messages of JSON-RPC 2.0; see `tests/exposes/serve/test_lines.py` too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.exposes.mcp.protocol.errors import (
    INVALID_REQUEST,
    PARSE_ERROR,
    McpError,
)
from naftiko.exposes.mcp.protocol.messages import (
    NotAMessage,
    RpcNotification,
    RpcRequest,
    RpcResponse,
    error_message,
    ids_in,
    notification,
    read_message,
    result_message,
)
from naftiko.formats import json as formats
from naftiko.formats.json import accelerate, raw_json, write_json

HEAD = b'{"jsonrpc":"2.0",'


@pytest.fixture(params=["msgspec", "json"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read with the fast library, and with the standard one where it is missing."""
    accelerate()
    if request.param == "json":
        monkeypatch.setattr(formats, "_quick", None)
    return str(request.param)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEAD + b'"id":7,"method":"ping"}', RpcRequest(7, "ping", None)),
        (HEAD + b'"id":"7","method":"a","params":{}}', RpcRequest("7", "a", {})),
        (HEAD + b'"id":0,"method":"a","params":null}', RpcRequest(0, "a", None)),
        (HEAD + b'"method":"a","params":{"b":1}}', RpcNotification("a", {"b": 1})),
        (HEAD + b'"id":7,"result":{}}', RpcResponse(7)),
        (HEAD + b'"id":null,"error":{}}', RpcResponse(None)),
        (b" " + HEAD + b'"id":1,"id":2,"method":"a"}\r', RpcRequest(2, "a", None)),
    ],
)
def test_message_is_read(data: bytes, message: Any) -> None:
    """Requests, notifications and responses; of equal keys the last one counts."""
    assert read_message(data) == message


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"", PARSE_ERROR, "Expecting value"),
        (b'{"a":1}{}', PARSE_ERROR, "Extra data"),
        (b'{"a":\xff}', PARSE_ERROR, "byte 5 of the message is not UTF-8"),
        (b'{"a":NaN}', PARSE_ERROR, "out of range"),
        (rb'{"a":"\ud83d"}', PARSE_ERROR, "half of a surrogate pair"),
        (b'{"a":%s}' % (b"9" * 5000), PARSE_ERROR, "too many digits"),
        (b"[" * 100_000, PARSE_ERROR, "not JSON"),
        (b"[" * 50_000, PARSE_ERROR, "nested too deeply"),
        (b"[]", INVALID_REQUEST, "batch"),
        (b"7", INVALID_REQUEST, "a message is an object"),
        (b'{"id":1,"method":"a"}', INVALID_REQUEST, "jsonrpc"),
        (HEAD + b'"id":1}', INVALID_REQUEST, "no `method`"),
        (HEAD + b'"id":1,"method":5}', INVALID_REQUEST, "`method` is no text"),
        (HEAD + b'"id":1.5,"method":"a"}', INVALID_REQUEST, "an id is"),
        (HEAD + b'"id":true,"method":"a"}', INVALID_REQUEST, "an id is"),
        (HEAD + b'"id":null,"method":"a"}', INVALID_REQUEST, "an id is"),
        (HEAD + b'"id":1,"method":"a","params":[]}', INVALID_REQUEST, "params"),
    ],
)
def test_bytes_that_are_no_message_are_explained(
    data: bytes, code: int, reason: str
) -> None:
    """The error says what is wrong, and where in the JSON."""
    found = read_message(data)
    assert isinstance(found, NotAMessage)
    assert found.code == code
    assert reason in found.message


@pytest.mark.usefixtures("library")
def test_integer_of_any_size_is_exact() -> None:
    """An id, and an argument, of more than 64 bits come back as they were."""
    number = 10**40 + 1
    body = {"jsonrpc": "2.0", "id": number, "method": "a", "params": {"n": number}}
    assert read_message(json.dumps(body).encode()) == RpcRequest(
        number, "a", {"n": number}
    )
    assert json.loads(write_json({"n": number})) == {"n": number}


@pytest.mark.usefixtures("library")
def test_answers_are_written_around_what_is_encoded() -> None:
    """The result is put in as it is; an id keeps its type."""
    assert result_message(7, b'{"a":1}') == b'{"jsonrpc":"2.0","id":7,"result":{"a":1}}'
    told = json.loads(error_message("x", McpError(-1, "no", {"uri": "a"})))
    assert told == {
        "jsonrpc": "2.0",
        "id": "x",
        "error": {"code": -1, "message": "no", "data": {"uri": "a"}},
    }
    assert json.loads(error_message(None, NotAMessage(-2, "?")))["id"] is None
    assert json.loads(notification("a/b")) == {"jsonrpc": "2.0", "method": "a/b"}
    assert (
        write_json({"a": raw_json(b'[1, "b"]')}).replace(b" ", b"") == b'{"a":[1,"b"]}'
    )


@pytest.mark.usefixtures("library")
def test_half_a_character_is_written_as_a_sign() -> None:
    """An API can send one, and JSON cannot."""
    assert json.loads(write_json({"a": "x\ud83d", "b": "é"})) == {
        "a": "x\ufffd",
        "b": "é",
    }


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), ANY, max_size=3), st.integers() | st.text())
def test_any_request_is_read_back(params: Any, id_: Any) -> None:
    """What is encoded is read as the same; its id is found in a part of it, too."""
    said = {"jsonrpc": "2.0", "id": id_, "method": "m", "params": params}
    data = json.dumps(said).encode()
    assert read_message(data) == RpcRequest(id_, "m", params)
    assert read_message(write_json(said)) == RpcRequest(id_, "m", params)
    if isinstance(id_, str) or abs(id_) < 10**400:
        assert ids_in(data[:-1]) == [id_]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    """Nothing else happens, whatever a client sends."""
    found = read_message(data)
    assert isinstance(found, (RpcRequest, RpcNotification, RpcResponse, NotAMessage))
    assert all(isinstance(id_, (str, int)) for id_ in ids_in(data))
