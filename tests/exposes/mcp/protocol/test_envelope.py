"""Requests of the newest revision: what they say for themselves, and their headers."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request

from naftiko.exposes.mcp.protocol.envelope import check_envelope, has_envelope
from naftiko.exposes.mcp.protocol.errors import McpError
from naftiko.exposes.mcp.protocol.messages import RpcRequest
from naftiko.exposes.mcp.protocol.revisions import (
    CAPABILITIES_KEY,
    NEWEST,
    VERSION_KEY,
)

META = {VERSION_KEY: NEWEST, CAPABILITIES_KEY: {}}
HEADERS = {"mcp-protocol-version": NEWEST, "mcp-method": "tools/call", "mcp-name": "é"}


def encoded(text: str) -> str:
    """Return a text as headers carry it that is no ASCII."""
    return f"=?base64?{b64encode(text.encode()).decode()}?="


#: `params` without its name, changes of the headers (`None` for no headers at all).
CASES: dict[str, tuple[Any, Any]] = {
    "all is told": ({"_meta": META}, {}),
    "no parameters": (None, {}),
    "no meta": ({}, {}),
    "meta that is no object": ({"_meta": "x"}, {}),
    "no version": ({"_meta": {CAPABILITIES_KEY: {}}}, {}),
    "no capabilities": ({"_meta": {VERSION_KEY: NEWEST}}, {}),
    "other version": ({"_meta": {**META, VERSION_KEY: "2099-01-01"}}, {}),
    "version of both": (
        {"_meta": {**META, VERSION_KEY: "2099-01-01"}},
        {"mcp-protocol-version": "2099-01-01"},
    ),
    "version that is no text": ({"_meta": {**META, VERSION_KEY: 7}}, None),
    "older version": ({"_meta": {**META, VERSION_KEY: "2025-11-25"}}, None),
    "no headers": ({"_meta": META}, None),
    "no version in the headers": ({"_meta": META}, {"mcp-protocol-version": ""}),
    "other method": ({"_meta": META}, {"mcp-method": "tools/list"}),
    "no method": ({"_meta": META}, {"mcp-method": ""}),
    "other name": ({"_meta": META}, {"mcp-name": "b"}),
    "name in base64": ({"_meta": META}, {"mcp-name": encoded("é")}),
    "other name in base64": ({"_meta": META}, {"mcp-name": encoded("e")}),
    "damaged base64": ({"_meta": META}, {"mcp-name": "=?base64?w6k?="}),
    "other spelling of base64": ({"_meta": META}, {"mcp-name": "=?base64?w6l=?="}),
}


@pytest.mark.parametrize("case", CASES)
def test_envelope_is_checked_as_by_the_official_sdk(case: str) -> None:
    """The same requests are refused, with the same codes."""
    given, changes = CASES[case]
    params = None if given is None else {"name": "é", **given}
    body = {"method": "tools/call", "params": params}
    told = None if changes is None else {**HEADERS, **changes}
    theirs = classify_inbound_request(body, headers=told)
    code = theirs.code if isinstance(theirs, InboundLadderRejection) else None
    raw = None
    if told is not None:
        raw = {name.encode(): value.encode("latin-1") for name, value in told.items()}
    try:
        check_envelope(RpcRequest(1, "tools/call", params), raw)
    except McpError as error:
        assert error.code == code, error
    else:
        assert code is None


def test_request_of_the_newest_revision_is_known_by_its_meta() -> None:
    """Over stdio the first request decides which revision is spoken."""
    assert has_envelope({"_meta": META})
    assert has_envelope({"_meta": {VERSION_KEY: 7}})
    assert not has_envelope({"_meta": {"progressToken": 1}})
    assert not has_envelope({"_meta": None})
    assert not has_envelope(None)


def test_capabilities_have_to_be_an_object() -> None:
    """A text tells nothing of a client."""
    with pytest.raises(McpError, match="has to be an object"):
        check_envelope(
            RpcRequest(1, "tools/list", {"_meta": {**META, CAPABILITIES_KEY: "x"}}),
            None,
        )
