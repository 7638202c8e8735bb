"""Spans and metrics of requests, functions, steps and calls; codes of spec 11.9."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.errors import RequestTimeout, TransportError
from naftiko.exposes.observability.silent import SILENT
from naftiko.exposes.observability.telemetry import Telemetry, telemetry_of
from naftiko.exposes.observability.traced import Traced
from naftiko.spec.adapters import ObservabilitySettings
from naftiko.transport.messages import Response
from support.asgi_client import asked
from support.collector import Collector
from support.observing import SHIP, got, loaded, observed
from support.serving import operation, rest_app

#: Three steps: a call, a lookup in its result, and a call with an input.
STEPS: list[dict[str, Any]] = [
    {"type": "call", "name": "ships", "call": "api.list"},
    {
        "type": "lookup",
        "name": "found",
        "index": "ships",
        "match": "id",
        "lookupValue": "{{id}}",
        "outputParameters": ["name"],
    },
    {"type": "call", "name": "one", "call": "api.get", "with": {"id": "{{id}}"}},
]


def test_missing_telemetry_library_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Serving starts without telemetry; one log line names the extra to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert telemetry_of([loaded({})], is_local=True) is SILENT
    assert "pip install 'naftiko[telemetry]'" in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "no metrics and traces: interval value"),
        ("OTEL_METRICS_EXPORTER", "console", "'console' is not known here"),
    ],
)
def test_wrong_otel_environment_is_logged(
    name: str,
    value: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Serving starts despite a wrong `OTEL_*` variable."""
    monkeypatch.setenv(name, value)
    exporters = {"exporters": {"otlp": {"endpoint": "http://127.0.0.1:9"}}}
    telemetry = telemetry_of([loaded(exporters)], is_local=True)
    if telemetry.is_on:
        telemetry.close(0.1)
    assert told in caplog.text


def test_request_has_a_span_and_its_call_a_child(collector: Collector) -> None:
    """C16: names, kinds and attributes; the span of the call is a child."""
    app, upstream = rest_app(SHIP)
    assert got(collector, app, ("GET", "/ships/7?x=1")) == [200]
    server, client = collector.one("rest.request"), collector.one("http.client.GET")
    assert (server.kind, server.parent, server.status) == ("SERVER", "", "UNSET")
    assert server.attributes == {
        "naftiko.adapter.type": "rest",
        "naftiko.capability": "Front",
        "naftiko.operation.id": "/ships/{id} GET",
        "naftiko.namespace": "front",
        "http.request.method": "GET",
        "http.response.status_code": 200,
    }
    assert (client.kind, client.parent) == ("CLIENT", server.span_id)
    assert client.trace_id == server.trace_id
    assert client.attributes == {
        "http.request.method": "GET",
        "url.full": "http://upstream.test/ships/7",
        "server.address": "upstream.test",
        "http.response.status_code": 200,
    }
    sent = upstream.requests[0].headers["traceparent"]
    # The flags say sampled, and random trace id (W3C Trace Context, level 2).
    assert sent == f"00-{server.trace_id}-{client.span_id}-03"
    assert collector.services == {"naftiko-Front"}


def test_steps_have_spans_below_the_request(collector: Collector) -> None:
    """C16: each step has a span below the request, with the span of its call below."""
    ships = Response(200, {"Content-Type": "application/json"}, b'[{"id":"7"}]')
    given = [{"name": "id", "in": "query"}]
    resource = operation("/x", inputParameters=given, steps=STEPS)
    app, _ = rest_app(resource, ships)
    assert got(collector, app, ("GET", "/x?id=7")) == [200]
    root = collector.one("rest.request")
    lookup = collector.one("step.lookup")
    assert (lookup.kind, lookup.parent) == ("INTERNAL", root.span_id)
    assert lookup.attributes["naftiko.step.match"] == "id"
    assert lookup.attributes["naftiko.step.index"] == "ships"
    steps = [s for s in collector.spans if s.name == "step.call"]
    assert [s.attributes["naftiko.step.call"] for s in steps] == ["api.list", "api.get"]
    assert {s.parent for s in steps} == {root.span_id}
    calls = [s for s in collector.spans if s.name == "http.client.GET"]
    assert {s.parent for s in calls} == {s.span_id for s in steps}
    for kind, count in (("call", 2), ("lookup", 1)):
        name = "naftiko.step.duration.seconds"
        assert collector.value(name, step__type=kind) == count


def test_script_step_has_a_span_with_file_and_language(
    collector: Collector, tmp_path: Path
) -> None:
    """C16: the span of a script has its file and language as attributes."""
    pytest.importorskip("quickjs")
    (tmp_path / "make.js").write_text("result = 1 + 1")
    steps = [{"type": "script", "name": "two", "language": "javascript",
              "location": tmp_path.as_uri(), "file": "make.js"}]  # fmt: skip
    app, _ = rest_app(operation("/x", steps=steps))
    assert got(collector, app, ("GET", "/x")) == [200]
    script = collector.one("step.script")
    assert script.attributes == {
        "naftiko.step.script.file": "make.js",
        "naftiko.step.script.language": "javascript",
    }
    assert script.parent == collector.one("rest.request").span_id


def test_spans_of_concurrent_steps_are_siblings(collector: Collector) -> None:
    """The span of each concurrent call is below the span of its own step."""
    steps = [{"name": n, "type": "call", "call": "api.list"} for n in ("a", "b", "c")]

    async def slowly(request: Any) -> Response:
        await asyncio.sleep(0.01)
        return Response(200, {"Content-Type": "application/json"}, b"{}")

    app, _ = rest_app(operation("/x", steps=steps), slowly)
    assert got(collector, app, ("GET", "/x")) == [200]
    root = collector.one("rest.request")
    steps_seen = {s.span_id for s in collector.spans if s.name == "step.call"}
    calls = {s.parent for s in collector.spans if s.name == "http.client.GET"}
    assert len(steps_seen) == 3
    assert calls == steps_seen
    assert {s.trace_id for s in collector.spans} == {root.trace_id}


def test_function_of_an_aggregate_has_a_span(collector: Collector) -> None:
    """C16: the span of a referenced function has its reference as an attribute."""
    aggregates = [
        {"namespace": "fleet", "functions": [{"name": "all", "call": "api.list"}]}
    ]
    app, _ = rest_app(
        operation("/x", ref="fleet.all"), capability={"aggregates": aggregates}
    )
    assert got(collector, app, ("GET", "/x")) == [200]
    function = collector.one("aggregate.function")
    assert function.attributes == {"naftiko.aggregate.ref": "fleet.all"}
    assert function.parent == collector.one("rest.request").span_id
    assert collector.one("http.client.GET").parent == function.span_id


def test_unknown_operations_share_one_label(collector: Collector) -> None:
    """C16, C18: bounded cardinality: an unserved path has the label `unknown`."""
    app, _ = rest_app(SHIP)
    requests = [("GET", "/wp-admin"), ("BREW", "/ships/7"), ("GET", "/ships/%ff")]
    assert got(collector, app, *requests) == [404, 405, 400]
    spans = [s for s in collector.spans if s.name == "rest.request"]
    assert {s.attributes["naftiko.operation.id"] for s in spans} == {"unknown"}
    methods = [s.attributes["http.request.method"] for s in spans]
    assert methods == ["GET", "_OTHER", "GET"]
    assert {s.status for s in spans} == {"UNSET"}
    assert collector.value("naftiko.request.total", operation="unknown") == 3
    assert collector.value("naftiko.request.errors") == 0
    telemetry = Telemetry(ObservabilitySettings(endpoint=collector.url))
    with telemetry.call(naftiko.Request("", "http://u.test")) as found:
        found["status"] = 200
    telemetry.close()
    assert collector.one("http.client.UNKNOWN").kind == "CLIENT"
    assert collector.value("naftiko.http.client.total", server__address="u.test") == 1


def test_url_without_a_host_has_a_span(collector: Collector) -> None:
    """A call whose URL has no host has a span with the host `unknown`."""
    telemetry = Telemetry(ObservabilitySettings(endpoint=collector.url))
    error = TransportError("no")
    request = naftiko.Request("GET", "http://[")
    with pytest.raises(TransportError), telemetry.call(request):
        raise error
    telemetry.close()
    attributes = collector.one("http.client.GET").attributes
    assert attributes["server.address"] == "unknown"


def test_secrets_are_masked_in_spans_and_metrics(collector: Collector) -> None:
    """Values of variables are masked in URLs, hosts and labels."""
    app, _ = rest_app(
        operation("/x", call="api.list"),
        consumes={
            "baseUri": "http://{{TENANT}}.test",
            "inputParameters": [{"name": "key", "in": "query", "value": "{{KEY}}"}],
        },
        variables={"TENANT": "s3cr3t-tenant", "KEY": "s3cr3t-key"},
        binds=[{"namespace": "env", "keys": {"TENANT": "T", "KEY": "K"}}],
    )
    assert got(collector, app, ("GET", "/x")) == [200]
    assert "key=$KEY" in collector.one("http.client.GET").attributes["url.full"]
    assert "s3cr3t" not in repr((collector.spans, collector.points))


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (TransportError("refused: s3cr3t"), 502, "http_502"),
        (RequestTimeout("late: s3cr3t"), 504, "http_504"),
        (Response(503), 502, "http_502"),
        (Response(404), 404, ""),
    ],
)
def test_failed_request_and_call_have_error_attributes(
    collector: Collector, answer: Any, status: int, error: str
) -> None:
    """C16, C19: a call without a response has `error.type=transport` and no status."""
    app, _ = rest_app(SHIP, answer)
    assert got(collector, app, ("GET", "/ships/7")) == [status]
    server, client = collector.one("rest.request"), collector.one("http.client.GET")
    assert (server.status, server.message) == ("ERROR" if error else "UNSET", "")
    assert server.attributes.get("error.type", "") == error
    value = collector.value
    assert value("naftiko.request.total", status="error" if error else "ok") == 1
    assert value("naftiko.request.errors", error__type=error) == bool(error)
    if isinstance(answer, Response):
        code = str(answer.status)
        assert value("naftiko.http.client.total", http__response__status_code=code) == 1
        assert client.status == ("ERROR" if answer.status >= 500 else "UNSET")
        return
    assert (client.status, client.message) == ("ERROR", "")
    assert client.attributes["error.type"] == "transport"
    labels = {"method": "GET", "server.address": "upstream.test"}
    names = ("naftiko.http.client.total", "naftiko.http.client.duration.seconds")
    for name in names:
        (point,) = [
            dict(labels) for metric, labels in collector.points if metric == name
        ]
        assert point == {**labels, "error.type": "transport"}


def test_client_disconnect_and_exception_are_errors(collector: Collector) -> None:
    """A span of a request has the error type of a disconnect or an exception."""
    gate = asyncio.Event()

    async def never(request: Any) -> Response:
        await gate.wait()
        return Response(200)

    app, _ = rest_app(SHIP, never)
    traced, telemetry = observed(app, collector)
    asyncio.run(asked(traced, "GET", "/ships/7", hangs_up=True))

    async def broken(*_: Any) -> None:
        raise RuntimeError("s3cr3t")

    with pytest.raises(RuntimeError):
        asyncio.run(asked(Traced(broken, app.exposes, telemetry), "GET", "/x"))
    telemetry.close()
    first, second = [s for s in collector.spans if s.name == "rest.request"]
    assert first.attributes["error.type"] == "disconnected"
    assert second.attributes["error.type"] == "RuntimeError"
    assert collector.one("http.client.GET").attributes["error.type"] == "CancelledError"
    assert "s3cr3t" not in repr(collector.spans)
