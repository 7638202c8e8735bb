"""Spans of MCP messages: over HTTP with and without sessions, and over stdio."""

from __future__ import annotations

import json
from typing import Any

import pytest

from naftiko.errors import TransportError
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import asked
from support.collector import Collector
from support.mcp_http import POST, message, modern, served, session
from support.mcping import CREW, answering, asking, mcp_app
from support.observing import PARENT, SENT, TRACE, observed


@pytest.mark.parametrize("revision", ["session", "no session", "newest"])
def test_span_of_a_tool_is_below_its_request(
    collector: Collector, revision: str
) -> None:
    """C16, C17: tool and call are below their request, in any task they run."""
    options = Options(sessions=revision == "session")
    app, upstream = mcp_app(answering({"GET /crew": {}}), tools=[CREW], options=options)
    traced, telemetry = observed(app, collector)
    call = {"name": "crew"}

    async def talk() -> None:
        headers = dict(POST)
        if revision == "session":
            headers = await session(traced)
        # Two callers in one session have separate traces.
        for number in (1, 2):
            trace = {"traceparent": f"00-{number:032x}-{number:016x}-01"}
            if revision == "newest":
                more, body = modern("tools/call", call)
            else:
                more = {"mcp-protocol-version": "2025-11-25"}
                body = message("tools/call", call)
            got_ = await asked(
                traced, "POST", "/mcp", {**headers, **more, **trace}, body
            )
            assert got_.status == 200

    served(app, talk)
    telemetry.close()
    for number in (1, 2):
        spans = [s for s in collector.spans if s.trace_id == f"{number:032x}"]
        by_name = {s.name: s for s in spans}
        assert set(by_name) == {"mcp.request", "mcp.tool", "http.client.GET"}
        assert by_name["mcp.request"].parent == f"{number:016x}"
        assert by_name["mcp.request"].attributes["naftiko.operation.id"] == "crew"
        assert by_name["mcp.tool"].parent == by_name["mcp.request"].span_id
        assert by_name["mcp.tool"].kind == "INTERNAL"
        assert by_name["http.client.GET"].parent == by_name["mcp.tool"].span_id
        sent = upstream.requests[number - 1].headers["traceparent"]
        assert sent == f"00-{number:032x}-{by_name['http.client.GET'].span_id}-01"


def test_trace_in_a_message_links_to_the_request(collector: Collector) -> None:
    """A message may have its own trace, which links to that of the HTTP request."""
    app, upstream = mcp_app(answering({"GET /crew": {}}), tools=[CREW])
    traced, telemetry = observed(app, collector)

    async def talk() -> None:
        for sent in (SENT, f"00-{9:032x}-{9:016x}-01", "nonsense"):
            headers, body = modern(
                "tools/call", {"name": "crew"}, {"traceparent": SENT}
            )
            data = json.loads(body)
            data["params"]["_meta"]["traceparent"] = sent
            await asked(traced, "POST", "/mcp", headers, json.dumps(data).encode())

    served(app, talk)
    telemetry.close()
    same, other, wrong = [s for s in collector.spans if s.name == "mcp.tool"]
    requests = [s for s in collector.spans if s.name == "mcp.request"]
    # If message and request share a trace, the request is the parent.
    assert (same.trace_id, same.parent, same.links) == (TRACE, requests[0].span_id, [])
    assert (other.trace_id, other.parent) == (f"{9:032x}", f"{9:016x}")
    assert other.links == [TRACE]
    assert wrong.parent == requests[2].span_id
    assert upstream.requests[1].headers["traceparent"].startswith(f"00-{9:032x}-")


def test_tool_over_stdio_is_a_root_span(collector: Collector) -> None:
    """Over stdio the span of a tool is a root, or in the trace of its message."""
    app, _ = mcp_app(answering({"GET /crew": {}}), tools=[CREW])
    _, telemetry = observed(app, collector)
    asking(app, "tools/call", {"name": "crew"})
    asking(app, "tools/call", {"name": "crew", "_meta": {"traceparent": SENT}})
    telemetry.close()
    first, second = [s for s in collector.spans if s.name == "mcp.tool"]
    assert (first.parent, first.links) == ("", [])
    assert (second.trace_id, second.parent, second.links) == (TRACE, PARENT, [])
    assert {s.name for s in collector.spans} == {"mcp.tool", "http.client.GET"}


def test_operation_of_a_message_is_its_method_or_tool(collector: Collector) -> None:
    """C16: the operation is the method or the tool; an unknown name is `unknown`."""
    app, _ = mcp_app(answering({}), tools=[CREW])
    traced, telemetry = observed(app, collector)

    async def talk() -> None:
        headers = await session(traced)
        for method, params in (
            ("tools/list", None),
            ("ping", None),
            ("no/such/method", None),
            ("tools/call", {"name": "no-such-tool"}),
            ("tools/call", {"name": "crew", "arguments": {"wrong": 1}}),
            ("tools/call", {"name": "crew"}),
        ):
            await asked(traced, "POST", "/mcp", headers, message(method, params))
        await asked(traced, "POST", "/mcp", headers, b"{")
        await asked(traced, "DELETE", "/mcp", headers)

    served(app, talk)
    telemetry.close()
    spans = [s for s in collector.spans if s.name == "mcp.request"]
    names = [s.attributes["naftiko.operation.id"] for s in spans]
    assert names == [
        "initialize",
        "notification",
        "tools/list",
        "ping",
        "unknown",
        "tools/call",
        "crew",
        "crew",
        "unknown",
        "DELETE",
    ]
    # C18: an unknown tool has a failed span, without the name that the caller sent.
    unknown, wrong, failed = [s for s in collector.spans if s.name == "mcp.tool"]
    assert unknown.attributes["naftiko.operation.id"] == "unknown"
    assert unknown.attributes["naftiko.namespace"] == "fleet"
    assert {s.status for s in (unknown, wrong, failed)} == {"ERROR"}
    assert "no-such" not in repr((collector.spans, collector.points))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (TransportError("no"), "TransportError"),
        (Response(500), "StatusError"),
        (Response(404), ""),
    ],
)
def test_failed_tool_is_a_failed_request(
    collector: Collector, answer: Any, error: str
) -> None:
    """A failed tool fails its request despite HTTP 200; an upstream 404 does not."""
    app, _ = mcp_app(answer, tools=[CREW])
    traced, telemetry = observed(app, collector)

    async def talk() -> None:
        await asked(traced, "POST", "/mcp", *modern("tools/call", {"name": "crew"}))

    served(app, talk)
    telemetry.close()
    assert collector.one("mcp.tool").status == "ERROR"
    assert collector.one("mcp.request").attributes.get("error.type", "") == error
    assert collector.value("naftiko.request.errors", operation="crew") == bool(error)


def test_span_of_call_is_named_after_the_called_tool(
    collector: Collector,
) -> None:
    """Metrics show which tools are used, even with `--tools search`."""
    options = Options(tools="search")
    app, _ = mcp_app(answering({"GET /crew": {}}), tools=[CREW], options=options)
    traced, telemetry = observed(app, collector)

    async def talk() -> None:
        for name, given in (
            ("search", {"query": "crew"}),
            ("call", {"name": "crew"}),
            ("call", {"name": "nobody"}),
        ):
            request = modern("tools/call", {"name": name, "arguments": given})
            await asked(traced, "POST", "/mcp", *request)

    served(app, talk)
    telemetry.close()
    tools = [s for s in collector.spans if s.name == "mcp.tool"]
    names = [s.attributes["naftiko.operation.id"] for s in tools]
    assert names == ["search", "crew", "call"]
    assert [s.status for s in tools] == ["UNSET", "UNSET", "ERROR"]
