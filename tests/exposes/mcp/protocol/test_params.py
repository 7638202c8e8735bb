"""Parameters of requests: taken, or refused with the name of the one that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import methods
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from naftiko.exposes.mcp.protocol.errors import INVALID_PARAMS, McpError
from naftiko.exposes.mcp.protocol.params import check_id, check_meta, check_params
from naftiko.exposes.mcp.protocol.revisions import (
    CAPABILITIES_KEY,
    CLIENT_KEY,
    HANDSHAKES,
    LEVEL_KEY,
    METHODS,
    NEWEST,
    VERSION_KEY,
    has_method,
)

CLIENT = {"name": "c", "version": "1"}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}
ARGUMENT = {"name": "a", "value": ""}
PROMPT = {"type": "ref/prompt", "name": "p"}
#: (method, parameters, the name that the error has; empty when they are taken).
CASES: list[tuple[str, Any, str]] = [
    ("tools/list", {}, ""),
    ("tools/list", {"cursor": "x"}, ""),
    ("tools/list", {"cursor": 7}, "`cursor`"),
    ("prompts/list", {"cursor": {}}, "`cursor`"),
    ("resources/list", {"cursor": []}, "`cursor`"),
    ("resources/templates/list", {"cursor": 1}, "`cursor`"),
    ("tools/call", {"name": "a"}, ""),
    ("tools/call", {"name": "a", "arguments": None}, ""),
    ("tools/call", {"name": "a", "arguments": {"x": [1]}}, ""),
    ("tools/call", {}, "`name`"),
    ("tools/call", {"name": 7}, "`name`"),
    ("tools/call", {"name": "a", "arguments": []}, "`arguments`"),
    ("tools/call", {"name": "a", "arguments": "x"}, "`arguments`"),
    ("resources/read", {"uri": "a:b"}, ""),
    ("resources/read", {}, "`uri`"),
    ("resources/read", {"uri": 7}, "`uri`"),
    ("resources/subscribe", {"uri": "a:b"}, ""),
    ("resources/subscribe", {}, "`uri`"),
    ("resources/unsubscribe", {"uri": None}, "`uri`"),
    ("prompts/get", {"name": "p"}, ""),
    ("prompts/get", {"name": "p", "arguments": {"a": "b"}}, ""),
    ("prompts/get", {}, "`name`"),
    ("prompts/get", {"name": "p", "arguments": {"a": 1}}, "`arguments`"),
    ("prompts/get", {"name": "p", "arguments": "a"}, "`arguments`"),
    ("completion/complete", {"ref": PROMPT, "argument": ARGUMENT}, ""),
    (
        "completion/complete",
        {"ref": {"type": "ref/resource", "uri": "a:{b}"}, "argument": ARGUMENT},
        "",
    ),
    (
        "completion/complete",
        {"ref": PROMPT, "argument": ARGUMENT, "context": {"arguments": {"a": "b"}}},
        "",
    ),
    ("completion/complete", {"argument": ARGUMENT}, "`ref`"),
    ("completion/complete", {"ref": {}, "argument": ARGUMENT}, "`ref.type`"),
    ("completion/complete", {"ref": PROMPT}, "`argument`"),
    ("completion/complete", {"ref": PROMPT, "argument": {}}, "`argument.name`"),
    (
        "completion/complete",
        {"ref": PROMPT, "argument": {"name": "a", "value": 1}},
        "`argument.value`",
    ),
    (
        "completion/complete",
        {"ref": {"type": "ref/prompt"}, "argument": ARGUMENT},
        "`ref.name`",
    ),
    (
        "completion/complete",
        {"ref": {"type": "ref/resource"}, "argument": ARGUMENT},
        "`ref.uri`",
    ),
    (
        "completion/complete",
        {"ref": PROMPT, "argument": ARGUMENT, "context": {"arguments": {"a": 1}}},
        "`context.arguments`",
    ),
    ("initialize", HELLO, ""),
    ("initialize", {}, "`protocolVersion`"),
    ("initialize", {**HELLO, "capabilities": None}, "`capabilities`"),
    ("initialize", {**HELLO, "clientInfo": {"name": "c"}}, "`clientInfo.version`"),
    ("initialize", {**HELLO, "clientInfo": "c"}, "`clientInfo`"),
    ("logging/setLevel", {"level": "info"}, ""),
    ("logging/setLevel", {"level": "loud"}, "`level`"),
    ("logging/setLevel", {}, "`level`"),
    ("subscriptions/listen", {"notifications": {}}, ""),
    (
        "subscriptions/listen",
        {
            "notifications": {
                "toolsListChanged": True,
                "promptsListChanged": None,
                "resourceSubscriptions": ["a:b"],
            }
        },
        "",
    ),
    ("subscriptions/listen", {}, "`notifications`"),
    (
        "subscriptions/listen",
        {"notifications": {"toolsListChanged": "often"}},
        "`notifications.toolsListChanged`",
    ),
    (
        "subscriptions/listen",
        {"notifications": {"resourceSubscriptions": "a:b"}},
        "`notifications.resourceSubscriptions`",
    ),
    ("ping", {}, ""),
    ("server/discover", {}, ""),
    ("ping", {"_meta": 7}, "`_meta`"),
    ("ping", {"_meta": {"progressToken": 1.5}}, "`_meta.progressToken`"),
    ("ping", {"_meta": {"progressToken": "t"}}, ""),
]


@pytest.mark.parametrize(("method", "params", "wrong"), CASES)
def test_wrong_parameter_is_named(method: str, params: Any, wrong: str) -> None:
    """The message says what a parameter has to be."""
    try:
        check_meta(params)
        check_params(method, params)
    except McpError as error:
        assert error.code == INVALID_PARAMS
        assert wrong
        assert wrong in error.message
    else:
        assert not wrong


@pytest.mark.parametrize("revision", [*HANDSHAKES, NEWEST])
@pytest.mark.parametrize(("method", "params", "wrong"), CASES)
def test_official_schemas_agree(
    method: str, params: Any, wrong: str, revision: str
) -> None:
    """The models of the official SDK take and refuse the same, in every revision."""
    if not has_method(revision, method):
        return
    if revision == NEWEST and params.get("_meta") != 7:
        about = {VERSION_KEY: NEWEST, CAPABILITIES_KEY: {}}
        params = {**params, "_meta": {**about, **params.get("_meta", {})}}
    try:
        methods.validate_client_request(method, revision, params)
        is_refused = False
    except ValidationError:
        is_refused = True
    assert is_refused == bool(wrong)


def test_revisions_have_the_methods_of_the_official_schemas() -> None:
    """Which method is in which revision; and the revisions themselves."""
    assert (*HANDSHAKES, NEWEST) == KNOWN_PROTOCOL_VERSIONS
    theirs = set(methods.CLIENT_REQUESTS)
    ours = {
        (method, revision)
        for method in METHODS
        for revision in (*HANDSHAKES, NEWEST)
        if has_method(revision, method)
    }
    assert ours == theirs


def test_what_a_client_says_of_itself_is_checked() -> None:
    """The newest revision has it in `_meta` of each request."""
    check_meta({"_meta": {CLIENT_KEY: CLIENT, LEVEL_KEY: "error"}})
    for meta in ({CLIENT_KEY: {"name": 1}}, {CLIENT_KEY: "c"}, {LEVEL_KEY: "loud"}):
        with pytest.raises(McpError, match="Invalid request parameters"):
            check_meta({"_meta": meta})


def test_long_id_is_refused() -> None:
    """Each notification of progress would repeat it."""
    check_id("x" * 256)
    check_id(10**300)
    with pytest.raises(McpError, match="an id has at most 256 characters"):
        check_id("x" * 257)
    with pytest.raises(McpError, match="a progress token has at most 256"):
        check_meta({"_meta": {"progressToken": "x" * 257}})
