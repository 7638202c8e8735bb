"""Trace propagation: the trace of a caller is adopted and passed upstream."""

from __future__ import annotations

import asyncio

import pytest

from exposes.skill.test_app import ORDERS
from exposes.skill.test_app import app as skill_app
from naftiko.exposes.observability.prometheus import page_of
from naftiko.exposes.observability.telemetry import Telemetry
from naftiko.exposes.observability.traced import Traced
from naftiko.spec.adapters import ObservabilitySettings
from support.asgi_client import asked
from support.collector import Collector
from support.observing import PARENT, SENT, SHIP, TRACE, got
from support.serving import rest_app


def test_trace_of_a_caller_is_adopted_and_passed_upstream(collector: Collector) -> None:
    """C17: REST adopts trace and parent; the upstream gets the client span id."""
    app, upstream = rest_app(SHIP)
    headers = {"traceparent": SENT, "tracestate": "v=1", "baggage": "user=7"}
    assert got(collector, app, ("GET", "/ships/7", headers)) == [200]
    request, call = collector.one("rest.request"), collector.one("http.client.GET")
    assert (request.trace_id, request.parent, request.kind) == (
        TRACE,
        PARENT,
        "INTERNAL",
    )
    (sent,) = upstream.requests
    assert sent.headers["traceparent"] == f"00-{TRACE}-{call.span_id}-01"
    assert sent.headers["tracestate"] == "v=1"
    assert sent.headers["baggage"] == "user=7"


def test_skill_adopts_the_trace_of_a_caller(collector: Collector) -> None:
    """C17: spans of the skill adapter are named after routes, not after paths."""
    skills = skill_app(ORDERS)
    paths = (
        "/skills",
        "/skills/orders",
        "/skills/x/contents/a/b",
        "/skills/x/download",
    )
    requests = [("GET", path, {"traceparent": SENT}) for path in (*paths, "/other")]
    assert got(collector, skills, *requests) == [200, 200, 404, 404, 404]
    spans = [s for s in collector.spans if s.name == "skill.request"]
    assert {(s.trace_id, s.parent, s.kind) for s in spans} == {
        (TRACE, PARENT, "INTERNAL")
    }
    assert [s.attributes["naftiko.operation.id"] for s in spans] == [
        "/skills",
        "/skills/{name}",
        "/skills/{name}/contents/{file}",
        "/skills/{name}/download",
        "unknown",
    ]


@pytest.mark.parametrize(
    "sent",
    [
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "nonsense",
    ],
)
def test_malformed_trace_begins_a_new_one(collector: Collector, sent: str) -> None:
    """A malformed `traceparent` is treated as a missing one."""
    app, upstream = rest_app(SHIP)
    assert got(collector, app, ("GET", "/ships/7", {"traceparent": sent})) == [200]
    request = collector.one("rest.request")
    assert (request.kind, request.parent) == ("SERVER", "")
    assert request.trace_id in upstream.requests[0].headers["traceparent"]


def test_repeated_tracestate_keeps_the_trace(collector: Collector) -> None:
    """Two `tracestate` headers do not invalidate `traceparent`."""
    app, _ = rest_app(SHIP)
    headers = [("traceparent", SENT), ("tracestate", "a=1"), ("tracestate", "b=2")]
    assert got(collector, app, ("GET", "/ships/7", headers)) == [200]
    assert collector.one("rest.request").trace_id == TRACE


def test_repeated_traceparent_begins_a_new_trace(collector: Collector) -> None:
    """Two `traceparent` headers are ambiguous: neither trace is adopted."""
    other = f"00-{TRACE[::-1]}-{PARENT}-01"
    app, upstream = rest_app(SHIP)
    headers = [("traceparent", SENT), ("traceparent", other)]
    assert got(collector, app, ("GET", "/ships/7", headers)) == [200]
    request = collector.one("rest.request")
    assert (request.kind, request.parent) == ("SERVER", "")
    assert request.trace_id not in (TRACE, TRACE[::-1])
    assert request.trace_id in upstream.requests[0].headers["traceparent"]


def test_traceparent_of_the_document_is_kept(collector: Collector) -> None:
    """A `traceparent` that the document sets is not replaced by the trace."""
    fixed = [{"name": "traceparent", "in": "header", "value": "of-the-document"}]
    app, upstream = rest_app(SHIP, consumes={"inputParameters": fixed})
    assert got(collector, app, ("GET", "/ships/7")) == [200]
    assert upstream.requests[0].headers["traceparent"] == "of-the-document"


def test_b3_headers_are_read_and_written(collector: Collector) -> None:
    """C14: `propagation: b3` reads and writes B3 headers and no `traceparent`."""
    app, upstream = rest_app(SHIP)
    b3 = {"x-b3-traceid": TRACE, "x-b3-spanid": PARENT, "x-b3-sampled": "1"}
    single = {"b3": f"{TRACE}-{PARENT}-1"}
    requests = [("GET", "/ships/7", h) for h in (b3, single, {"traceparent": SENT})]
    assert got(collector, app, *requests, propagation="b3") == [200] * 3
    first, second, third = [s for s in collector.spans if s.name == "rest.request"]
    for found in (first, second):
        assert (found.trace_id, found.parent) == (TRACE, PARENT)
    assert third.trace_id != TRACE
    call = next(s for s in collector.spans if s.name == "http.client.GET")
    headers = upstream.requests[0].headers
    assert headers["X-B3-TraceId"] == TRACE
    assert headers["X-B3-SpanId"] == call.span_id
    assert headers["X-B3-Sampled"] == "1"
    # A `traceparent`, which is not read, is not passed upstream either.
    assert all("traceparent" not in request.headers for request in upstream.requests)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_sampling_ratio_decides_which_traces_are_kept(
    collector: Collector, ratio: float
) -> None:
    """C14: a ratio of traces is kept; metrics count all; the flag goes upstream."""
    app, upstream = rest_app(SHIP)
    count = 200
    statuses = got(collector, app, *[("GET", "/ships/7")] * count, sampling=ratio)
    assert statuses == [200] * count
    kept = [s for s in collector.spans if s.name == "rest.request"]
    calls = [s for s in collector.spans if s.name == "http.client.GET"]
    assert abs(len(kept) - ratio * count) <= 40 * (0 < ratio < 1)
    # A trace is sampled as a whole.
    assert [s.trace_id for s in kept] == [s.trace_id for s in calls]
    flags = [int(r.headers["traceparent"][-2:], 16) for r in upstream.requests]
    assert sum(flag & 1 for flag in flags) == len(kept)
    assert collector.value("naftiko.request.total") == count


def test_unsampled_trace_of_a_caller_is_not_recorded(collector: Collector) -> None:
    """The sampling decision of the caller is followed, and passed upstream."""
    app, upstream = rest_app(SHIP)
    headers = {"traceparent": SENT[:-2] + "00"}
    assert got(collector, app, ("GET", "/ships/7", headers)) == [200]
    assert collector.spans == []
    assert upstream.requests[0].headers["traceparent"].startswith(f"00-{TRACE}-")
    assert upstream.requests[0].headers["traceparent"].endswith("-00")


def test_trace_is_passed_upstream_if_only_metrics_are_on() -> None:
    """If no spans are kept, `traceparent` of the caller goes upstream unchanged."""
    app, upstream = rest_app(SHIP)
    telemetry = Telemetry(ObservabilitySettings(traces=False))
    app._served.engine.telemetry = telemetry
    traced = Traced(app, app.exposes, telemetry)
    asyncio.run(asked(traced, "GET", "/ships/7", {"traceparent": SENT}))
    asyncio.run(asked(traced, "GET", "/ships/7"))
    assert upstream.requests[0].headers["traceparent"] == SENT
    assert "traceparent" not in upstream.requests[1].headers
    families = telemetry.families()
    assert families is not None
    assert "naftiko_request_total" in page_of([families])
    telemetry.close()
