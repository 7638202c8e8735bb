"""`Accept` of MCP clients: missing and one-sided ones are served (RFC 9110, 12.5.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from naftiko.exposes.http.answers import headers_of
from naftiko.exposes.mcp.protocol.accepting import Accepted, accepted
from support.asgi_client import Got, asked
from support.mcp_http import HELLO, POST, in_stream, message, modern, served, session
from support.mcping import CREW, HANDSHAKES, answering, mcp_app

ACCEPT = {
    None: "any",
    "": "any",
    "*/*": "any",
    "application/json, text/event-stream": "any",
    "text/html, */*;q=0.8": "any",
    "application/json": "application/json",
    "application/*": "application/json",
    "application/json, text/event-stream;q=0": "application/json",
    "text/event-stream": "text/event-stream",
    "text/*": "text/event-stream",
}


def with_accept(headers: dict[str, str], value: str | None) -> dict[str, str]:
    """Return headers with another `Accept`, or without one."""
    others = {name: text for name, text in headers.items() if name != "accept"}
    return others if value is None else {**others, "accept": value}


def talking(talk: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run a conversation with an adapter of one tool."""
    app, _ = mcp_app(answering({"GET /crew": {"a": 1}}), tools=[CREW])
    return served(app, lambda: talk(app))


def answer_of(got: Got, wanted: str) -> Any:
    """Return the JSON-RPC answer in a response of the wanted media type."""
    assert got.status == 200, got
    if wanted != "any":
        assert got.type == wanted
    if "content-length" in got.headers:
        assert int(got.headers["content-length"]) == len(got.body)
    return got.json if got.type == "application/json" else in_stream(got)


@pytest.mark.parametrize("accept", ACCEPT, ids=str)
def test_call_is_answered_in_a_media_type_that_the_client_accepts(
    accept: str | None,
) -> None:
    """Sessions and the newest revision answer alike; the session id is kept."""
    call = message("tools/call", {"name": "crew"})

    async def talk(app: Any) -> list[Got]:
        headers = await session(app)
        hello = with_accept(POST, accept)
        newest, body = modern("tools/call", {"name": "crew"})
        return [
            await asked(app, "POST", "/mcp", hello, HELLO),
            await asked(app, "POST", "/mcp", with_accept(headers, accept), call),
            await asked(app, "POST", "/mcp", with_accept(newest, accept), body),
        ]

    hello, *calls = talking(talk)
    assert hello.headers["mcp-session-id"]
    assert answer_of(hello, ACCEPT[accept])["result"]["serverInfo"]
    for got in calls:
        result = answer_of(got, ACCEPT[accept])["result"]
        assert result["structuredContent"] == {"a": 1}


@pytest.mark.parametrize("revision", HANDSHAKES)
def test_each_revision_is_served_without_accept(revision: str) -> None:
    """The revision in the handshake makes no difference."""
    hello = HELLO.replace(b"2025-11-25", revision.encode())

    async def talk(app: Any) -> Got:
        return await asked(app, "POST", "/mcp", with_accept(POST, None), hello)

    result = answer_of(talking(talk), "any")["result"]
    assert result["protocolVersion"] == revision


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/plain"])
def test_stream_of_a_session_opens_for_any_accept(accept: str | None) -> None:
    """A GET has one answer only, the stream."""

    async def talk(app: Any) -> Got:
        headers = with_accept(await session(app), accept)
        asking = asyncio.create_task(asked(app, "GET", "/mcp", headers))
        await asyncio.sleep(0.05)
        app.drain()
        return await asking

    got = talking(talk)
    assert (got.status, got.type) == (200, "text/event-stream")


def test_progress_before_an_answer_in_json_is_left_out() -> None:
    """A client that takes JSON alone gets the answer; notifications have no place."""

    async def talk(app: Any) -> Got:
        headers = with_accept(await session(app), "application/json")
        params = {"name": "crew", "_meta": {"progressToken": 1}}
        return await asked(app, "POST", "/", headers, message("tools/call", params))

    assert answer_of(talking(talk), "application/json")["id"] == 1


def test_error_keeps_its_status_and_media_type() -> None:
    """A refusal is JSON for a client of event streams too."""

    async def talk(app: Any) -> list[Got]:
        headers = with_accept(POST, "text/event-stream")
        return [
            await asked(app, "POST", "/mcp", headers, b"{"),
            await asked(app, "POST", "/mcp", with_accept(POST, "text/html"), HELLO),
        ]

    malformed, unacceptable = talking(talk)
    assert malformed.status == 400
    assert json.loads(malformed.body)["error"]["code"] == -32700
    assert unacceptable.status == 406


def test_accept_lines_are_read_together() -> None:
    """RFC 9110, 5.3: several lines of a list are one list; `q=0` takes one out."""
    lines = [(b"accept", b"application/json"), (b"accept", b"text/event-stream")]
    joined = headers_of({"headers": lines})[b"accept"]
    assert accepted(joined) == Accepted(True, True)
    refused = b"application/json; Q=0.0, text/event-stream;q=0.5"
    assert accepted(refused) == Accepted(False, True)
