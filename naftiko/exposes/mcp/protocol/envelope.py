"""What each request of the newest revision says for itself, and its headers repeat.

MCP 2026-07-28, "Per-request protocol fields" and "Streamable HTTP"::

    POST /mcp                          {"method": "tools/call", "params": {
    MCP-Protocol-Version: 2026-07-28      "name": "ship",
    Mcp-Method: tools/call                "_meta": {"io.modelcontextprotocol/…": …}}}
    Mcp-Name: ship

A proxy may route by the headers, so a request whose headers say something else than its
message is refused. This module must not know how a method is answered.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from naftiko.exposes.mcp.protocol.errors import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_VERSION,
    McpError,
)
from naftiko.exposes.mcp.protocol.revisions import (
    CAPABILITIES_KEY,
    NEWEST,
    VERSION_KEY,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from naftiko.exposes.mcp.protocol.messages import RpcRequest

VERSION, METHOD, NAME = b"mcp-protocol-version", b"mcp-method", b"mcp-name"
#: Method → the parameter that `Mcp-Name` repeats.
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
#: A value that is no ASCII travels as base64.
_ENCODED = re.compile(r"=\?base64\?(.*)\?=")


def has_envelope(params: Mapping[str, Any] | None) -> bool:
    """Tell whether a request is one of the newest revision, by its parameters."""
    meta = params.get("_meta") if params else None
    return type(meta) is dict and VERSION_KEY in meta


def check_envelope(request: RpcRequest, headers: Mapping[bytes, bytes] | None) -> None:
    """Refuse a request that does not say what it has to.

    Args:
        request: The request.
        headers: Name in lower case → value; `None` where there are no headers.

    Raises:
        McpError: A member is missing, a header says something else, or the revision is
            not served.
    """
    meta = request.params.get("_meta") if request.params else None
    if type(meta) is not dict:
        raise McpError(
            INVALID_PARAMS,
            "Invalid params: `params._meta` has to be an object with"
            f" '{VERSION_KEY}' and '{CAPABILITIES_KEY}'",
        )
    missing = [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]
    if missing:
        raise McpError(
            INVALID_PARAMS,
            f"Invalid params: `params._meta` lacks {' and '.join(map(repr, missing))}",
        )
    version = meta[VERSION_KEY]
    if headers is not None:
        _check_headers(request, headers, version)
    if type(version) is not str:
        raise McpError(
            INVALID_PARAMS, f"Invalid params: '{VERSION_KEY}' has to be a text"
        )
    if version != NEWEST:
        raise unsupported(version)
    if type(meta[CAPABILITIES_KEY]) is not dict:
        raise McpError(
            INVALID_PARAMS, f"Invalid params: '{CAPABILITIES_KEY}' has to be an object"
        )


def unsupported(version: str) -> McpError:
    """Return the error for a revision that is not served, with those that are."""
    return McpError(
        UNSUPPORTED_VERSION,
        "Unsupported protocol version",
        {"supported": [NEWEST], "requested": version},
    )


def _check_headers(
    request: RpcRequest, headers: Mapping[bytes, bytes], version: Any
) -> None:
    told = headers.get(VERSION)
    if told is None or told.decode("latin-1") != version:
        raise _mismatch("MCP-Protocol-Version", f"'{VERSION_KEY}' of the message")
    if headers.get(METHOD, b"").decode("latin-1") != request.method:
        raise _mismatch("Mcp-Method", "`method` of the message")
    name = _NAMED.get(request.method)
    if name is None:
        return
    value = request.params.get(name) if request.params else None
    if value is not None and _decoded(headers.get(NAME)) != value:
        raise _mismatch("Mcp-Name", f"`params.{name}` of the message")


def _mismatch(header: str, other: str) -> McpError:
    return McpError(HEADER_MISMATCH, f"the header `{header}` is not the {other}")


def _decoded(value: bytes | None) -> str | None:
    """Return the text in a header; `None` for base64 that is damaged."""
    if value is None:
        return None
    text = value.decode("latin-1")
    found = _ENCODED.fullmatch(text)
    if found is None:
        return text
    try:
        data = b64decode(found[1], validate=True)
        # Of several spellings of the same bytes one is right.
        return data.decode() if b64encode(data).decode() == found[1] else None
    except (binascii.Error, ValueError):
        return None
