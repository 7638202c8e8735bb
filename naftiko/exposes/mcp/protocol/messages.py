"""Bytes ↔ messages of JSON-RPC 2.0.

    b'{"jsonrpc":"2.0","id":7,"method":"ping"}'  →  RpcRequest(7, "ping", None)
    b'{"jsonrpc":"2.0","method":"a/b"}'          →  RpcNotification("a/b", None)
    b'{"id":7,"method":"pi'                      →  NotAMessage(-32700, "Parse error…")
    7, b'{}'  →  b'{"jsonrpc":"2.0","id":7,"result":{}}'

Of a message that is no message the ids are found all the same, because its client waits
for an answer. This module must not know what a method means.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from naftiko.exposes.mcp.protocol.errors import INVALID_REQUEST, PARSE_ERROR
from naftiko.formats.json import UNREAD, quickly_read, strict_json, write_json
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.exposes.mcp.protocol.errors import McpError
    from naftiko.plain import JSON

#: The id of a request: a text or a whole number.
Id: TypeAlias = str | int
#: Ids of one unreadable message that get an error each.
_MOST_IDS = 1000
#: Bytes of a broken message in which the place of the fault is looked for.
_MOST_EXPLAINED = 64 * 1024
_BOM = b"\xef\xbb\xbf"
#: The tokens of JSON that matter for finding an id. A text that does not end takes the
#: rest of the message, so the search ends there.
_TOKEN = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++|(".*)', re.DOTALL
)
_WHOLE_NUMBER = re.compile(rb"-?[0-9]{1,400}")


class RpcRequest(NamedTuple):
    """A message that is answered."""

    id: Id
    method: str
    params: dict[str, Any] | None


class RpcNotification(NamedTuple):
    """A message that is not answered."""

    method: str
    params: dict[str, Any] | None


class RpcResponse(NamedTuple):
    """An answer of the client. This server asks nothing, so none is waited for."""

    id: Id | None


class NotAMessage(NamedTuple):
    """Why some bytes are no message.

    Attributes:
        code: The code of the JSON-RPC error.
        message: The reason, for the developer of the client.
    """

    code: int
    message: str


Message: TypeAlias = RpcRequest | RpcNotification | RpcResponse


# --- reading --------------------------------------------------------------------------


def read_message(data: bytes) -> Message | NotAMessage:
    """Return the message in some bytes, or why there is none.

    Numbers of any size stay exact; of equal keys the last one counts.
    """
    said = quickly_read(data)
    if said is UNREAD:
        try:
            said = _read(data)
        except (ValueError, RecursionError):
            return NotAMessage(PARSE_ERROR, f"Parse error: {_fault(data)}")
    if type(said) is not dict:
        what = (
            "send each message of a batch alone"
            if isinstance(said, list)
            else "a message is an object"
        )
        return NotAMessage(INVALID_REQUEST, f"Invalid Request: {what}")
    if said.get("jsonrpc") != "2.0":
        return NotAMessage(INVALID_REQUEST, 'Invalid Request: `jsonrpc` is not "2.0"')
    method = said.get("method")
    if type(method) is str:
        params = said.get("params")
        if params is not None and type(params) is not dict:
            return NotAMessage(
                INVALID_REQUEST, "Invalid Request: `params` is no object"
            )
        if "id" not in said:
            return RpcNotification(method, params)
        id_ = said["id"]
        if type(id_) is int or type(id_) is str:
            return RpcRequest(id_, method, params)
        what = "an id is a text or a whole number"
    elif "method" in said:
        what = "`method` is no text"
    elif type(said.get("result")) is dict or type(said.get("error")) is dict:
        id_ = said.get("id")
        return RpcResponse(id_ if type(id_) in (int, str) else None)
    elif "result" in said or "error" in said:
        what = "`result` and `error` are objects"
    else:
        what = "there is no `method`"
    return NotAMessage(INVALID_REQUEST, f"Invalid Request: {what}")


def _read(data: bytes) -> JSON:
    value = strict_json(data)
    if b"\\u" in data:
        json.dumps(value, ensure_ascii=False).encode()  # no half of a surrogate pair
    return value


def _fault(data: bytes) -> str:
    """Return what is wrong with some bytes that are not JSON, and where."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} of the message is not UTF-8"
    if len(data) > _MOST_EXPLAINED:
        return "the message is not JSON"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"{error.msg} (character {error.pos})"
    except RecursionError:
        return "it is nested too deeply"
    except ValueError:
        return "a number has too many digits"
    return "a text has half of a surrogate pair, or a number is out of range"


def ids_in(data: bytes) -> list[Id]:
    """Return the ids of the requests in some bytes, which need not be whole or JSON.

    `{"id": 7, "params": {"id": 8` has `[7]`; the batch `[{"id": 1}, {"id": 2}]` has
    `[1, 2]`; `7` has none.
    """
    found = (_id_of(token) for token in _id_tokens(data))
    return list(islice((id_ for id_ in found if id_ is not None), _MOST_IDS))


def _id_tokens(data: bytes) -> Iterator[bytes]:
    """Yield the first token of each value of a member `id` of a message."""
    # Where the members of a message are: inside one object, or one in a list.
    level = 2 if data.lstrip(_BOM + b" \t\r\n").startswith(b"[") else 1
    depth, name, is_value = 0, b"", False
    for match in _TOKEN.finditer(data):
        token = match[0]
        if match[1]:
            return  # A text without an end: nothing after it is known.
        if is_value and depth == level and name == b'"id"':
            yield token
            name = b""
        if token in b"{[":
            depth, name, is_value = depth + 1, b"", False
        elif token in b"}]":
            depth, name, is_value = depth - 1, b"", False
        elif token == b",":
            name, is_value = b"", False
        elif token == b":":
            is_value = True
        elif not is_value:
            name = token


def _id_of(token: bytes) -> Id | None:
    """Return an id from its JSON, or `None` when it cannot be one or be sent."""
    if _WHOLE_NUMBER.fullmatch(token):
        return int(token)
    if not token.startswith(b'"'):
        return None
    try:
        text: str = json.loads(token)
        text.encode()
    except ValueError:
        return None
    return text


# --- writing --------------------------------------------------------------------------


def result_message(id_: Id, result: bytes) -> bytes:
    """Return the answer to a request, with its result as JSON."""
    return b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (_id_json(id_), result)


def error_message(id_: Id | None, error: McpError | NotAMessage) -> bytes:
    """Return the answer to a request that failed; `None` for an id not known."""
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    data = getattr(error, "data", None)
    if data is not None:
        told["data"] = data
    return b'{"jsonrpc":"2.0","id":%s,"error":%s}' % (_id_json(id_), write_json(told))


def notification(method: str, params: Mapping[str, Any] | None = None) -> bytes:
    """Return a message that is not answered."""
    said: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        said["params"] = params
    return write_json(said)


def _id_json(id_: Id | None) -> bytes:
    return b"%d" % id_ if type(id_) is int else write_json(id_)
