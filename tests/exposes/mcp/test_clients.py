"""Data of MCP clients: variables in headers, traces and progress tokens."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub, asked
from support.mcp_http import in_stream, message, modern, one, served, session
from support.mcping import (
    CREW,
    REVISIONS,
    asking,
    mcp_app,
    wire,
)

STAGES = {
    "name": "stages",
    "description": "d",
    "steps": [
        {"type": "call", "name": "crew", "call": "api.crew"},
        {"type": "call", "name": "ships", "call": "api.list"},
        {"type": "call", "name": "ship", "call": "api.get", "with": {"id": "7"}},
        {"type": "call", "name": "note", "call": "api.build", "with": {"name": "x"}},
    ],
    "mappings": [{"targetName": "crew", "value": "$.crew"}],
}


@pytest.mark.parametrize("revision", REVISIONS)
def test_progress_is_reported_after_each_stage(revision: str) -> None:
    """A client that sends a progress token gets one notification for each stage."""
    app, _ = mcp_app(AsyncStub().answer, tools=[STAGES])

    async def run() -> Any:
        async with wire(app, revision) as connection:
            params = {"name": "stages", "_meta": {"progressToken": "t1"}}
            answer = await connection.ask("tools/call", params)
            return answer, connection.notifications

    answer, told = asyncio.run(run())
    assert answer["result"]["isError"] is False
    assert [note["method"] for note in told] == ["notifications/progress"] * 2
    assert told[0]["params"] == {
        "progressToken": "t1",
        "progress": 1,
        "total": 2,
        "message": "crew, ships, ship",
    }
    assert told[1]["params"]["progress"] == 2


def test_progress_is_reported_only_with_a_token() -> None:
    """A request without a `progressToken` gets no notification."""
    app, _ = mcp_app(AsyncStub().answer, tools=[STAGES])

    async def run() -> Any:
        async with wire(app) as connection:
            await connection.ask("tools/call", {"name": "stages"})
            return connection.notifications

    assert asyncio.run(run()) == []


def test_variable_is_read_from_the_environment_over_stdio(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection over stdio has no headers, so the environment has the value."""
    monkeypatch.setenv("NAFTIKO_TEST_API_KEY", "of-the-server")
    app, upstream = mcp_app(
        options=Options(variable_headers={"API_KEY": "X-Api-Key"}),
        tools=[{"name": "secret", "call": "api.secret"}],
    )
    assert asking(app, "tools/call", {"name": "secret"})["result"]["isError"] is False
    assert upstream.requests[0].headers["X-Key"] == "of-the-server"


SECRET = {"name": "secret", "description": "A secret.", "call": "api.secret"}


def _keys(upstream: AsyncStub) -> list[str | None]:
    return [request.headers.get("X-Key") for request in upstream.requests]


def test_key_of_a_caller_holds_for_one_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The header of a caller counts for one request, not for the session."""
    caplog.set_level(logging.DEBUG)
    options = Options(variable_headers={"API_KEY": "X-Api-Key"})
    app, upstream = mcp_app(tools=[SECRET], options=options)
    call = message("tools/call", {"name": "secret"})

    async def talk() -> list[Any]:
        mine = await session(app)
        await asked(app, "POST", "/mcp", {**mine, "x-api-key": "k3y-of-ada"}, call)
        # Two more requests of the same session: with another key, and without a key.
        await asked(app, "POST", "/mcp", {**mine, "X-API-KEY": "k3y-of-bo"}, call)
        nothing = await asked(app, "POST", "/mcp", mine, call)
        for key in ("k3y-of-cy", "k3y-of-ada"):
            headers, body = modern("tools/call", {"name": "secret"}, {"x-api-key": key})
            await asked(app, "POST", "/mcp", headers, body)
        empty = modern("tools/call", {"name": "secret"}, {"x-api-key": ""})
        return [in_stream(nothing), (await asked(app, "POST", "/mcp", *empty)).json]

    refused = served(app, talk)
    assert _keys(upstream) == ["k3y-of-ada", "k3y-of-bo", "k3y-of-cy", "k3y-of-ada"]
    for answer in refused:
        text = answer["result"]["content"][0]["text"]
        assert answer["result"]["isError"] is True
        assert text.startswith("secret: the header 'X-Api-Key' is missing.\nhint: ")
    assert "k3y-of" not in caplog.text


def test_concurrent_callers_keep_their_own_keys() -> None:
    """Each of twenty concurrent calls goes upstream with its own key."""
    gate = asyncio.Event()

    async def slowly(request: Any) -> Response:
        await gate.wait()
        body = json.dumps({"key": request.headers["X-Key"]}).encode()
        return Response(200, {"Content-Type": "application/json"}, body)

    options = Options(variable_headers={"API_KEY": "X-Api-Key"})
    app, upstream = mcp_app(slowly, tools=[SECRET], options=options)

    async def talk() -> list[Any]:
        asks = [
            modern("tools/call", {"name": "secret"}, {"x-api-key": f"key-{n}"})
            for n in range(20)
        ]
        tasks = [asyncio.ensure_future(asked(app, "POST", "/mcp", *a)) for a in asks]
        while len(upstream.requests) < 20:
            await asyncio.sleep(0.01)
        gate.set()
        return [(await task).json["result"]["structuredContent"] for task in tasks]

    assert served(app, talk) == [{"key": f"key-{n}"} for n in range(20)]


def test_value_of_the_server_never_serves_a_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A caller without the header gets an error, even if the environment has a key."""
    monkeypatch.setenv("NAFTIKO_TEST_API_KEY", "of-the-server")
    options = Options(variable_headers={"API_KEY": "X-Api-Key"})
    app, upstream = mcp_app(tools=[SECRET], options=options)
    got = one(app, "POST", "/mcp", *modern("tools/call", {"name": "secret"}))
    assert got.json["result"]["isError"] is True
    assert upstream.requests == []


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("headers", "meta", "expected"),
    [
        ({"traceparent": TRACE, "tracestate": "a=1"}, {}, (TRACE, "a=1")),
        ({}, {"traceparent": TRACE, "tracestate": "b=2"}, (TRACE, "b=2")),
        (
            {"traceparent": TRACE},
            {"traceparent": TRACE[:-1] + "0"},
            (TRACE[:-1] + "0", None),
        ),
        ({"traceparent": "00-nonsense"}, {}, (None, None)),
        ({}, {}, (None, None)),
    ],
)
def test_trace_of_a_caller_is_passed_upstream(
    headers: Any, meta: Any, expected: Any
) -> None:
    """A trace in `_meta` overrides the headers (spec 14.7, W3C Trace Context)."""
    app, upstream = mcp_app(tools=[CREW])
    head, body = modern("tools/call", {"name": "crew"}, headers)
    data = json.loads(body)
    data["params"]["_meta"] = {**data["params"]["_meta"], **meta}
    one(app, "POST", "/mcp", head, json.dumps(data).encode())
    (request,) = upstream.requests
    found = request.headers.get("traceparent"), request.headers.get("tracestate")
    assert found == expected


def test_repeated_trace_headers_of_a_caller() -> None:
    """Two `traceparent` headers are dropped; two `tracestate` headers are joined."""
    app, upstream = mcp_app(tools=[CREW])
    head, body = modern("tools/call", {"name": "crew"})
    state = [("tracestate", "a=1"), ("tracestate", "b=2")]
    for count in (2, 1):
        parents = [("traceparent", TRACE)] * count
        one(app, "POST", "/mcp", [*head.items(), *parents, *state], body)
    first, second = (request.headers for request in upstream.requests)
    assert "traceparent" not in first
    assert "tracestate" not in first
    assert (second["traceparent"], second["tracestate"]) == (TRACE, "a=1, b=2")
