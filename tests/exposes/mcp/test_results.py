"""Error texts of tool calls: short, with a hint, without secrets."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import naftiko
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.mcp.results import MAX_BINARY
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub, asked
from support.mcp_http import modern, served
from support.mcping import (
    CREW,
    asking,
    document,
    mcp_app,
)

JSON = {"Content-Type": "application/json"}


def test_unreachable_upstream_is_an_error_without_the_url() -> None:
    """P09: a network failure is a result with `isError`."""
    request = naftiko.Request("GET", "http://upstream.test/crew?key=s3cr3t")
    error = naftiko.TransportError(
        "GET http://upstream.test/crew?key=s3cr3t: connection refused",
        reason="connection refused",
        request=request,
    )
    app, _ = mcp_app(error, tools=[CREW])
    result = asking(app, "tools/call", {"name": "crew"})["result"]
    assert result["isError"] is True
    text = result["content"][0]["text"]
    assert text == "crew: connection refused.\nhint: call again later"


@pytest.mark.parametrize(
    ("method", "was_sent", "hint"),
    [
        ("POST", True, "may have taken effect"),
        ("POST", False, "call again later"),
        ("PUT", True, "call again later"),
    ],
)
def test_request_that_may_have_had_its_effect_is_not_repeated(
    method: str, was_sent: bool, hint: str
) -> None:
    """A model calls again only what was not sent, or does the same again."""
    error = naftiko.TransportError(
        "it broke off",
        reason="it broke off",
        was_sent=was_sent,
        request=naftiko.Request(method, "http://upstream.test/crew"),
    )
    app, _ = mcp_app(error, tools=[CREW])
    result = asking(app, "tools/call", {"name": "crew"})["result"]
    assert hint in result["content"][0]["text"]


def test_credential_echoed_by_an_upstream_is_masked() -> None:
    """An error text shows `$NAME` in place of the value of a variable."""
    body = json.dumps({"message": "bad key s3cr3t-k3y"}).encode()
    upstream = AsyncStub(Response(403, JSON, body, reason="Forbidden"))
    outputs = [{"type": "string", "mapping": "$.message"}]
    tool = {"name": "secret", "call": "api.secret", "outputParameters": outputs}
    capability = naftiko.load(
        document(tools=[tool]),
        schema=None,
        variables={"API_KEY": "s3cr3t-k3y"},
    )
    from naftiko.exposes.engine import Engine

    app = McpApp(Engine(capability, upstream), capability.exposes[0], Options())
    result = asking(app, "tools/call", {"name": "secret"})["result"]
    assert upstream.requests[0].headers["X-Key"] == "s3cr3t-k3y"
    text = result["content"][0]["text"]
    assert "s3cr3t" not in text
    assert "403 Forbidden: bad key $API_KEY" in text
    assert '"bad key $API_KEY"' in text
    assert "tell the user" in text


def test_large_binary_result_is_described() -> None:
    """Bytes over the limit are not written as base64, images included."""
    for kind in ("application/x-tar", "image/png"):
        body = bytes(MAX_BINARY + 1)
        app, _ = mcp_app(Response(200, {"Content-Type": kind}, body), tools=[CREW])
        result = asking(app, "tools/call", {"name": "crew"})["result"]
        (content,) = result["content"]
        assert content["type"] == "text"
        assert f"{len(body):,} bytes of {kind}" in content["text"]
        assert len(json.dumps(result)) < 1000


def test_text_of_a_json_result_is_json() -> None:
    """Numbers that JSON does not have are `null`; a word in a text stays."""
    for body, text in (
        (b'{"a": NaN, "b": [-Infinity]}', '{"a":null,"b":[null]}'),
        (b'{"a": "x: NaN"}', '{"a": "x: NaN"}'),
    ):
        app, _ = mcp_app(Response(200, JSON, body), tools=[CREW])
        result = asking(app, "tools/call", {"name": "crew"})["result"]
        assert result["content"] == [{"type": "text", "text": text}]
        assert result["structuredContent"] == json.loads(text)


@pytest.mark.parametrize(
    "body",
    [
        '{"a": [1.50, "\u00e9"]}',
        ' {"a":1}\n',
        "[1]",
        pytest.param('{"a":[%s1]}' % ("1," * 300_000), id="a large object"),
        pytest.param("[%s1]" % ("1," * 300_000), id="a large list"),
    ],
)
def test_body_that_is_the_value_is_structured_content(body: str) -> None:
    """It is the same value as in the text, whether it was read or not."""
    whole = {**CREW, "outputParameters": [{"type": "object", "mapping": "$."}]}
    app, _ = mcp_app(Response(200, JSON, body.encode()), tools=[whole])
    result = asking(app, "tools/call", {"name": "crew"})["result"]
    value = json.loads(body)
    assert json.loads(result["content"][0]["text"]) == value
    expected = value if isinstance(value, dict) else {"result": value}
    assert result["structuredContent"] == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_json_of_any_utf_is_text(encoding: str) -> None:
    """A model reads it; to the protocol it would be bytes."""
    text = '{"a":"\u00e9"}'
    app, _ = mcp_app(Response(200, JSON, text.encode(encoding)), tools=[CREW])
    result = asking(app, "tools/call", {"name": "crew"})["result"]
    assert result["content"] == [{"type": "text", "text": text}]
    assert result["structuredContent"] == {"a": "\u00e9"}


HALF = b'{"message":"a \\ud800 b","\\udc00":["\\ud83d\\ude00"]}'


@pytest.mark.parametrize("method", ["tools/call", "resources/read"])
@pytest.mark.parametrize(
    "response",
    [
        Response(404, JSON, HALF, reason="Non trouv\udce9"),
        Response(500, JSON, HALF, reason="\ud800"),
        Response(404, {"Content-Type": "text/plain"}, b"a \xed\xa0\x80 \xff"),
        Response(200, JSON, HALF),
        Response(200, JSON, b'{"v": "\xed\xa0\x80"}'),
        Response(200, {"Content-Type": "text/plain; charset=utf-7"}, b"+2AA- \xff"),
    ],
    ids=["404", "500", "no characters", "escape", "bytes", "charset"],
)
def test_half_characters_never_end_a_server(response: Response, method: str) -> None:
    """Whatever an API sends, the answer is valid UTF-8, and the next one comes."""
    resource = {"name": "r", "uri": "x://crew", "call": "api.crew", "description": "d"}
    app, _ = mcp_app(response, tools=[CREW], resources=[resource])
    params = {"name": "crew"} if method == "tools/call" else {"uri": "x://crew"}
    headers = {"mcp-name": next(iter(params.values()))}

    async def talk() -> Any:
        asked_for = modern(method, params, headers)
        first = await asked(app, "POST", "/mcp", *asked_for)
        return first, await asked(app, "POST", "/mcp", *modern("tools/list"))

    first, after = served(app, talk)
    assert after.status == 200
    told = json.loads(first.body.decode())
    assert "result" in told or told["error"]["code"] == -32602 or response.status >= 500
    assert not re.search(
        r"(?<!\\)[\ud800-\udfff]", json.dumps(told, ensure_ascii=False)
    )
