"""Spans, metrics and the trace in log lines; ids are those of the facts in spec 11.9."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import naftiko
from exposes.mcp.test_app import CREW, POST, message, modern, served, session
from exposes.skill.test_app import ORDERS
from exposes.skill.test_app import app as skill_app
from naftiko.errors import RequestTimeout, TransportError
from naftiko.exposes.observability.logs import JsonLines, LatestLines
from naftiko.exposes.observability.otel import MOST_LABELS, Counter
from naftiko.exposes.observability.settings import (
    Export,
    ObservabilitySettings,
    exports,
    is_observed,
    read_settings,
    wanted,
)
from naftiko.exposes.observability.telemetry import Telemetry, telemetry_of
from naftiko.exposes.observability.traced import InTrace, Traced
from naftiko.exposes.observability.traces import MOST_SPANS, TraceBuffer
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import asked
from support.building import document as plain_document
from support.collector import Collector
from support.mcping import answering, asking, mcp_app
from support.serving import operation, rest_app

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = f"00-{TRACE}-{PARENT}-01"
ID = [{"name": "id", "in": "path"}]
SHIP = operation("/ships/{id}", call="api.get", inputParameters=ID)


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Return a collector that gets what is exported."""
    with Collector() as running:
        yield running


def observed(app: Any, collector: Collector, **settings: Any) -> tuple[Any, Telemetry]:
    """Return an adapter whose requests are traced, and its telemetry."""
    telemetry = Telemetry(
        ObservabilitySettings(endpoint=collector.url)._replace(**settings), "Front"
    )
    served = getattr(app, "_served", None) or getattr(app, "server", None)
    engine = getattr(getattr(served, "served", served), "engine", None)
    if engine is not None:
        engine.telemetry = telemetry
    return Traced(app, app.exposes, telemetry, "Front"), telemetry


def got(
    collector: Collector,
    app: Any,
    *requests: tuple[Any, ...],
    **settings: Any,
) -> list[int]:
    """Send requests to an adapter, export what came of them; return the statuses."""
    traced, telemetry = observed(app, collector, **settings)

    async def run() -> list[int]:
        return [(await asked(traced, *request)).status for request in requests]

    statuses = asyncio.run(run())
    telemetry.close()
    return statuses


# --- what is asked for ----------------------------------------------------------------


def test_what_a_document_says() -> None:
    """C08, C09, C14: defaults, and each key of `observability`."""
    assert read_settings(None) == ObservabilitySettings()
    assert read_settings({"enabled": False}).enabled is False
    data = {
        "metrics": {"local": {"enabled": False}},
        "traces": {
            "sampling": 0.1,
            "propagation": "b3",
            "local": {"enabled": False, "buffer-size": 50},
        },
        "exporters": {"otlp": {"endpoint": " http://x:4318 "}},
    }
    assert read_settings(data) == ObservabilitySettings(
        True, False, False, 0.1, "b3", 50, "http://x:4318"
    )
    wrong = {"sampling": True, "local": {"buffer-size": 0}, "propagation": "jaeger"}
    assert read_settings(
        {"traces": wrong, "exporters": {"otlp": {"endpoint": " "}}}
    ) == (ObservabilitySettings())


def test_nothing_is_exported_unless_it_is_asked_for() -> None:
    """C14: without an endpoint, or with a blank one, no collector is looked for."""
    assert exports("", "traces") is None
    assert exports("", "metrics") is None
    assert exports("http://x:4318/", "traces") == Export("http://x:4318/v1/traces")
    assert exports("http://x:4318", "metrics") == Export("http://x:4318/v1/metrics")


@pytest.mark.parametrize(
    ("environment", "traces", "metrics"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://y:1"}, True, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://y:1/t"}, True, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, False),
        ({"OTEL_METRICS_EXPORTER": "otlp,prometheus"}, False, True),
        ({"OTEL_TRACES_EXPORTER": "none"}, False, False),
    ],
)
def test_the_environment_stands_before_the_document(
    environment: dict[str, str],
    traces: bool,
    metrics: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Spec 5.3: `OTEL_*` says where to, and whether at all."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = [exports("", signal) for signal in ("traces", "metrics")]
    assert found == [Export() if is_on else None for is_on in (traces, metrics)]
    endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT" in environment
    both = [exports("http://x:4318", signal) for signal in ("traces", "metrics")]
    if endpoint:
        assert both == [Export(), Export()]
    if environment == {"OTEL_TRACES_EXPORTER": "none"}:
        assert both == [None, Export("http://x:4318/v1/metrics")]


def loaded(observability: Any = None, **more: Any) -> naftiko.Capability:
    """Load a document with a control adapter that says this, `None` for no adapter."""
    data = plain_document(**more)
    if observability is not None:
        control = {"type": "control", "port": 0, "observability": observability}
        data["capability"]["exposes"] = [control]
    return naftiko.load(data, schema=None)


def test_where_telemetry_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """C15: by the document, by the environment, or because nobody would see it."""
    refusing, silent, asking_ = loaded({"enabled": False}), loaded(), loaded({})
    assert wanted([refusing], is_local=True) is None
    assert wanted([silent], is_local=False) is None
    assert wanted([asking_], is_local=False) is None
    assert wanted([refusing, asking_], is_local=True) == ObservabilitySettings()
    assert not is_observed(refusing)
    assert is_observed(silent)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    # A document that refuses is not overruled, one that says nothing is.
    assert wanted([refusing], is_local=True) is None
    assert wanted([silent], is_local=False) == ObservabilitySettings(
        metrics=False, traces=False
    )
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    assert wanted([asking_], is_local=True) is None


def test_the_first_document_with_a_control_port_decides() -> None:
    """Several documents in one process have one telemetry."""
    first, second = loaded(), loaded({"traces": {"sampling": 0.5}})
    found = wanted([first, second, loaded({})], is_local=True)
    assert found == ObservabilitySettings(sampling=0.5)


@pytest.mark.parametrize(
    ("endpoint", "found", "told"),
    [
        ("http://collector:4318", "http://collector:4318", ""),
        ("{{COLLECTOR}}", "https://c.test", ""),
        ("{{NOWHERE}}", "", "NOWHERE"),
        ("collector:4318", "", "is no URI to export to"),
        ("http://collector:99999", "", "nothing is exported"),
        ("http://collector:4317", "http://collector:4317", "gRPC"),
    ],
)
def test_endpoints(
    endpoint: str, found: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Variables are filled in; what nothing can be sent to is told, and not used."""
    exporters = {"exporters": {"otlp": {"endpoint": endpoint}}}
    binds = [{"namespace": "env", "keys": {"COLLECTOR": "A", "NOWHERE": "B"}}]
    data = plain_document(binds=binds)
    control = {"type": "control", "port": 0, "observability": exporters}
    data["capability"]["exposes"] = [control]
    capability = naftiko.load(
        data, schema=None, variables={"COLLECTOR": "https://c.test"}
    )
    settings = wanted([capability], is_local=True)
    assert settings is not None
    assert settings.endpoint == found
    assert (told in caplog.text) if told else not caplog.text


def test_a_missing_extra_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Serving goes on, and one line says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert telemetry_of([loaded({})], is_local=True) is None
    assert "pip install 'naftiko[telemetry]'" in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "no metrics and traces: interval value"),
        ("OTEL_METRICS_EXPORTER", "console", "'console' is not known here"),
    ],
)
def test_a_wrong_environment_is_told(
    name: str,
    value: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is no reason not to serve."""
    monkeypatch.setenv(name, value)
    exporters = {"exporters": {"otlp": {"endpoint": "http://127.0.0.1:9"}}}
    telemetry = telemetry_of([loaded(exporters)], is_local=True)
    if telemetry is not None:
        telemetry.close(0.1)
    assert told in caplog.text


# --- the latest traces ----------------------------------------------------------------


def buffer(capacity: int) -> TraceBuffer:
    """Return a buffer whose spans describe themselves."""
    return TraceBuffer(capacity, dict)


def span(name: str, start: float = 0.0, status: str = "OK") -> dict[str, Any]:
    """Return a span as the buffer describes it."""
    about = {"spanId": name, "parentSpanId": None, "kind": "SERVER", "durationMs": 1.5}
    return {**about, "name": name, "status": status, "operation": None, "start": start}


def test_the_newest_traces_are_kept() -> None:
    """C09: newest first, the oldest is forgotten, and one is found by its id."""
    for capacity in (0, -1):
        with pytest.raises(ValueError, match="at least one"):
            buffer(capacity)
    kept = buffer(2)
    for number in (1, 2, 3):
        kept.add(number, span(f"child{number}", 0.5), is_root=False)
        kept.add(number, span(f"rest.request{number}", 0.25), is_root=True)
    assert len(kept) == 2
    assert [t["operation"] for t in kept.latest()] == ["rest.request3", "rest.request2"]
    found = kept.find(f"{3:032X}")
    assert found is not None
    assert found["timestamp"] == "1970-01-01T00:00:00.250Z"
    assert [s["name"] for s in found["spans"]] == ["rest.request3", "child3"]
    assert "parentSpanId" not in found["spans"][0]
    for unknown in (f"{1:032x}", "3", "", "zz"):
        assert kept.find(unknown) is None
    assert kept.latest(operation="request2") == kept.latest()[1:]
    assert kept.latest(status="error") == []


def test_a_trace_fails_with_any_of_its_spans() -> None:
    """The HTTP response of a tool that failed has status 200."""
    kept = buffer(5)
    kept.add(1, span("mcp.tool", status="ERROR"), is_root=False)
    kept.add(1, span("mcp.request"), is_root=True)
    kept.add(2, span("mcp.request"), is_root=True)
    assert [t["status"] for t in kept.latest()] == ["OK", "ERROR"]
    assert [t["traceId"] for t in kept.latest(status="Error")] == [f"{1:032x}"]


def test_a_trace_that_goes_on_for_ever() -> None:
    """A caller that puts every request into one trace does not fill the memory."""
    kept = buffer(5)
    for number in range(3 * MOST_SPANS):
        kept.add(1, span(f"child{number}"), is_root=False)
        kept.add(1, span(f"root{number}"), is_root=True)
        kept.add(2 + number % 3, span("other"), is_root=True)
    (newest, *_) = kept.latest(operation="root")
    assert newest["spanCount"] == MOST_SPANS
    assert newest["operation"] == f"root{3 * MOST_SPANS - 1}"
    assert len(kept) == 4


def test_spans_without_an_end_are_forgotten() -> None:
    """Those whose root never ends are dropped, oldest first; a late span is kept."""
    kept = buffer(5)
    for number in range(1, 4000):
        kept.add(number, span("child"), is_root=False)
    kept.add(1, span("root"), is_root=True)
    kept.add(3999, span("root"), is_root=True)
    kept.add(3999, span("late"), is_root=False)
    assert [t["spanCount"] for t in kept.latest()] == [3, 1]


# --- spans ----------------------------------------------------------------------------


def test_a_request_and_its_call(collector: Collector) -> None:
    """C16: names, kinds and attributes; the call is a child of the request."""
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
    # Sampled, and a random id (W3C Trace Context, level 2).
    assert sent == f"00-{server.trace_id}-{client.span_id}-03"
    assert collector.services == {"naftiko-Front"}


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


def test_steps(collector: Collector) -> None:
    """C16: each step is a span below the request, with its call below it."""
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


def test_script_steps(collector: Collector, tmp_path: Path) -> None:
    """C16: a script is a span with its file and language."""
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


def test_steps_at_the_same_time(collector: Collector) -> None:
    """Calls that travel together are siblings, each below its own step."""
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


def test_functions_of_aggregates(collector: Collector) -> None:
    """C16: a function that is referred to is a span with its reference."""
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


def test_names_that_are_unknown(collector: Collector) -> None:
    """C16, C18: a path that nobody serves is a span too; null names are `unknown`."""
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


def test_a_url_without_a_host(collector: Collector) -> None:
    """What cannot be called is a span all the same."""
    telemetry = Telemetry(ObservabilitySettings(endpoint=collector.url))
    error = TransportError("no")
    request = naftiko.Request("GET", "http://[")
    with pytest.raises(TransportError), telemetry.call(request):
        raise error
    telemetry.close()
    attributes = collector.one("http.client.GET").attributes
    assert attributes["server.address"] == "unknown"


def test_secrets_are_in_no_span(collector: Collector) -> None:
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
def test_failures(collector: Collector, answer: Any, status: int, error: str) -> None:
    """C16, C19: without a response there is no status but `error.type=transport`."""
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


def test_callers_that_hang_up_and_servers_that_break(collector: Collector) -> None:
    """A request without an answer failed; the error of the application counts."""
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


def test_what_is_no_request_passes(collector: Collector) -> None:
    """Lifespan and websockets are none."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    traced, telemetry = observed(SimpleNamespace(exposes=None), collector)
    traced._app = app
    asyncio.run(traced({"type": "websocket"}, None, None))
    telemetry.close()
    assert seen == ["websocket"]
    assert collector.spans == []


# --- the trace of a caller ------------------------------------------------------------


def test_the_trace_of_a_caller_goes_on(collector: Collector) -> None:
    """C17: REST adopts trace and parent, and tells its own call to the upstream."""
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


def test_a_skill_adopts_the_trace_too(collector: Collector) -> None:
    """C17: and its operations are the routes, whatever they are asked for."""
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
def test_what_is_no_trace_begins_a_new_one(collector: Collector, sent: str) -> None:
    """A malformed header is as good as none."""
    app, upstream = rest_app(SHIP)
    assert got(collector, app, ("GET", "/ships/7", {"traceparent": sent})) == [200]
    request = collector.one("rest.request")
    assert (request.kind, request.parent) == ("SERVER", "")
    assert request.trace_id in upstream.requests[0].headers["traceparent"]


def test_two_traces_in_one_request_are_none(collector: Collector) -> None:
    """The first of two headers counts, and both are read once."""
    app, _ = rest_app(SHIP)
    headers = [("traceparent", SENT), ("tracestate", "a=1"), ("tracestate", "b=2")]
    assert got(collector, app, ("GET", "/ships/7", headers)) == [200]
    assert collector.one("rest.request").trace_id == TRACE


def test_the_document_may_set_the_header_itself(collector: Collector) -> None:
    """What it says of a header stands before the trace."""
    fixed = [{"name": "traceparent", "in": "header", "value": "of-the-document"}]
    app, upstream = rest_app(SHIP, consumes={"inputParameters": fixed})
    assert got(collector, app, ("GET", "/ships/7")) == [200]
    assert upstream.requests[0].headers["traceparent"] == "of-the-document"


def test_b3(collector: Collector) -> None:
    """C14: with `propagation: b3` that is read and written, and nothing else."""
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
    # Nothing passes on what is not read either.
    assert all("traceparent" not in request.headers for request in upstream.requests)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_sampling(collector: Collector, ratio: float) -> None:
    """C14: that part of the traces is kept; all are counted, and told upstream."""
    app, upstream = rest_app(SHIP)
    count = 200
    statuses = got(collector, app, *[("GET", "/ships/7")] * count, sampling=ratio)
    assert statuses == [200] * count
    kept = [s for s in collector.spans if s.name == "rest.request"]
    calls = [s for s in collector.spans if s.name == "http.client.GET"]
    assert abs(len(kept) - ratio * count) <= 40 * (0 < ratio < 1)
    # A trace is kept as a whole.
    assert [s.trace_id for s in kept] == [s.trace_id for s in calls]
    flags = [int(r.headers["traceparent"][-2:], 16) for r in upstream.requests]
    assert sum(flag & 1 for flag in flags) == len(kept)
    assert collector.value("naftiko.request.total") == count


def test_a_caller_that_does_not_want_to_be_traced(collector: Collector) -> None:
    """Its decision goes on with the trace, and nothing is recorded."""
    app, upstream = rest_app(SHIP)
    headers = {"traceparent": SENT[:-2] + "00"}
    assert got(collector, app, ("GET", "/ships/7", headers)) == [200]
    assert collector.spans == []
    assert upstream.requests[0].headers["traceparent"].startswith(f"00-{TRACE}-")
    assert upstream.requests[0].headers["traceparent"].endswith("-00")


def test_metrics_alone_pass_the_trace_on() -> None:
    """Where no spans are kept, the header of the caller goes upstream as it came."""
    app, upstream = rest_app(SHIP)
    telemetry = Telemetry(ObservabilitySettings(traces=False))
    app._served.engine.telemetry = telemetry
    traced = Traced(app, app.exposes, telemetry)
    asyncio.run(asked(traced, "GET", "/ships/7", {"traceparent": SENT}))
    asyncio.run(asked(traced, "GET", "/ships/7"))
    assert upstream.requests[0].headers["traceparent"] == SENT
    assert "traceparent" not in upstream.requests[1].headers
    text = telemetry.metrics_text()
    assert text is not None
    assert "naftiko_request_total" in text
    telemetry.close()


# --- MCP ------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["session", "no session", "newest"])
def test_tools_belong_to_the_trace_of_their_request(
    collector: Collector, revision: str
) -> None:
    """C16, C17: tool and call are below the request, in whatever task they run."""
    options = Options(sessions=revision == "session")
    app, upstream = mcp_app(answering({"GET /crew": {}}), tools=[CREW], options=options)
    traced, telemetry = observed(app, collector)
    call = {"name": "crew"}

    async def talk() -> None:
        headers = dict(POST)
        if revision == "session":
            headers = await session(traced)
        # Of two callers in one session each has a trace of its own.
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


def test_the_trace_in_a_message(collector: Collector) -> None:
    """A message may belong to a trace of its own; then the request is only linked."""
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
    # In one trace the request is the nearer parent.
    assert (same.trace_id, same.parent, same.links) == (TRACE, requests[0].span_id, [])
    assert (other.trace_id, other.parent) == (f"{9:032x}", f"{9:016x}")
    assert other.links == [TRACE]
    assert wrong.parent == requests[2].span_id
    assert upstream.requests[1].headers["traceparent"].startswith(f"00-{9:032x}-")


def test_tools_over_standard_input(collector: Collector) -> None:
    """Without HTTP there is no request; a tool is the root, or in its message's trace."""
    app, _ = mcp_app(answering({"GET /crew": {}}), tools=[CREW])
    _, telemetry = observed(app, collector)
    asking(app, "tools/call", {"name": "crew"})
    asking(app, "tools/call", {"name": "crew", "_meta": {"traceparent": SENT}})
    telemetry.close()
    first, second = [s for s in collector.spans if s.name == "mcp.tool"]
    assert (first.parent, first.links) == ("", [])
    assert (second.trace_id, second.parent, second.links) == (TRACE, PARENT, [])
    assert {s.name for s in collector.spans} == {"mcp.tool", "http.client.GET"}


def test_what_mcp_operations_are_called(collector: Collector) -> None:
    """C16: the method or the tool, both only when there is such a one."""
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
    # C18: an unknown tool is a span, and an error, with nothing of what was sent.
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
def test_tools_that_fail_are_failed_requests(
    collector: Collector, answer: Any, error: str
) -> None:
    """Their response has status 200; what the caller did wrong is none of ours."""
    app, _ = mcp_app(answer, tools=[CREW])
    traced, telemetry = observed(app, collector)

    async def talk() -> None:
        await asked(traced, "POST", "/mcp", *modern("tools/call", {"name": "crew"}))

    served(app, talk)
    telemetry.close()
    assert collector.one("mcp.tool").status == "ERROR"
    assert collector.one("mcp.request").attributes.get("error.type", "") == error
    assert collector.value("naftiko.request.errors", operation="crew") == bool(error)


def test_searching_is_a_tool_and_a_call_is_named_after_its_target(
    collector: Collector,
) -> None:
    """With `--tools search` the metrics still tell which tools are used."""
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


# --- metrics --------------------------------------------------------------------------


def test_prometheus_text() -> None:
    """C10, C13: names, types, buckets, and labels that need escaping."""
    app, _ = rest_app(operation('/a"b\\c', call="api.list"))
    telemetry = Telemetry(ObservabilitySettings(), "Front")
    telemetry.serving("Front", 1)
    app._served.engine.telemetry = telemetry
    traced = Traced(app, app.exposes, telemetry)
    for _ in range(5):
        assert asyncio.run(asked(traced, "GET", "/a%22b%5Cc")).status == 200
    text = telemetry.metrics_text()
    assert text is not None
    route = r'adapter="rest",namespace="front",operation="/a\"b\\c GET"'
    for line in (
        "# HELP naftiko_request_total Requests answered.",
        "# TYPE naftiko_request_total counter",
        "# TYPE naftiko_request_duration_seconds histogram",
        "# TYPE naftiko_capability_active gauge",
        'naftiko_capability_active{naftiko_capability="Front"} 1.0',
        f'naftiko_request_total{{{route},status="ok"}} 5.0',
        f"naftiko_request_duration_seconds_count{{{route}}} 5.0",
        'naftiko_http_client_total{http_response_status_code="200",method="GET",'
        'server_address="upstream.test"} 5.0',
    ):
        assert line in text.splitlines()
    assert 'le="+Inf"' in text
    assert "naftiko_request_duration_seconds_sum" in text
    # Nothing of the SDK, of Python or of the process beside them.
    names = {line.split(" ")[2] for line in text.splitlines() if line[:6] == "# TYPE"}
    assert {name for name in names if not name.startswith("naftiko_")} == {
        "target_info"
    }
    telemetry.close()


def test_capabilities_that_are_served_no_more(collector: Collector) -> None:
    """The gauge goes down again, so that the last export says so."""
    telemetry = Telemetry(ObservabilitySettings(endpoint=collector.url))
    telemetry.serving("A", 1)
    telemetry.serving("A", -1)
    telemetry.close()
    assert collector.value("naftiko.capability.active", naftiko__capability="A") == 0


def test_labels_are_bounded() -> None:
    """A host out of a caller's argument makes no more labels than this."""
    seen = []
    meter = SimpleNamespace(
        create_observable_counter=lambda name, calls, unit, what: seen.extend(calls)
    )
    counter = Counter(meter, "x", "X.")
    for number in range(2 * MOST_LABELS):
        counter.add((("host", str(number)),))
    counter.add((("host", "0"),))
    found = {tuple(o.attributes.items()): o.value for o in seen[0](None)}
    assert len(found) == MOST_LABELS + 1
    assert found[(("host", "0"),)] == 2
    assert found[(("otel.metric.overflow", "true"),)] == MOST_LABELS


def test_environment_names_the_service(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spec 5.3: `OTEL_*` stands before what the document says."""
    app, _ = rest_app(SHIP)
    for name, value in (
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=by-attributes"),
        ("OTEL_SERVICE_NAME", "by-name"),
    ):
        monkeypatch.setenv(name, value)
        assert got(collector, app, ("GET", "/ships/7")) == [200]
    assert collector.services == {"by-attributes", "by-name"}


def test_the_environment_chooses_collector_and_sampler(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spec 5.3: endpoint and sampler of the environment hold."""
    app, _ = rest_app(SHIP)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    nowhere = "http://127.0.0.1:9"
    got(collector, app, ("GET", "/ships/7"), endpoint=nowhere, sampling=0.0)
    assert collector.one("rest.request")
    assert sorted(collector.paths) == ["/v1/metrics", "/v1/traces"]


# --- log lines ------------------------------------------------------------------------


def test_log_lines_know_their_trace(collector: Collector) -> None:
    """Lines of a request have its ids, others have none; both handlers get them."""
    logger = logging.getLogger("naftiko.test-trace")
    seen: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(self.format(record))

    beside = Keeping()
    beside.setFormatter(JsonLines())
    latest = LatestLines(10, beside)
    latest.enrich(InTrace())
    logger.handlers, logger.propagate = [beside, latest], False
    logger.setLevel(logging.INFO)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        logger.info("inside")
        await asyncio.to_thread(logger.info, "in a thread")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    telemetry = Telemetry(ObservabilitySettings(endpoint=collector.url))
    traced = Traced(app, naftiko_exposes(), telemetry)
    try:
        logger.info("before")
        asyncio.run(asked(traced, "GET", "/x"))
        logger.info("after")
    finally:
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    telemetry.close()
    root = collector.one("rest.request")
    lines = [json.loads(line) for line in seen]
    assert [line.get("trace_id") for line in lines] == [
        None,
        root.trace_id,
        root.trace_id,
        None,
    ]
    assert lines[1]["span_id"] == root.span_id
    assert lines == list(latest.lines)


def naftiko_exposes() -> Any:
    """Return a REST adapter."""
    from naftiko.spec.model import Exposes

    return Exposes("rest", "api")


# --- exporting ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["silent", "error"])
def test_a_collector_that_takes_nothing(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests are served as fast as ever; closing gives up in time, and says so."""
    with Collector(500 if kind == "error" else 200, silent=kind == "silent") as running:
        app, _ = rest_app(SHIP)
        telemetry = Telemetry(ObservabilitySettings(endpoint=running.url))
        app._served.engine.telemetry = telemetry
        traced = Traced(app, app.exposes, telemetry)

        async def many() -> float:
            started = time.perf_counter()
            # More than one batch, and more than the queue holds.
            for _ in range(1100):
                assert (await asked(traced, "GET", "/ships/7")).status == 200
            return time.perf_counter() - started

        assert asyncio.run(many()) < 30
        started = time.perf_counter()
        telemetry.close(1.0)
        assert time.perf_counter() - started < 2.5
    lost = "the latest spans and metrics are lost"
    if kind == "error":
        assert "Nothing takes telemetry at http://127.0.0.1" in caplog.text
    else:
        assert lost in caplog.text
    # One line, however many batches were lost.
    assert caplog.text.count("Nothing takes telemetry at") <= 2
    assert "Traceback" not in caplog.text


# --- what is off costs nothing --------------------------------------------------------

_OFF = """
import asyncio, sys
from pathlib import Path
from naftiko.exposes.state import Host
from naftiko.exposes.options import Options
from naftiko.exposes.serve.server import Server, ServePlan
from naftiko.exposes.serve.sites import Source

async def main():
    server = Server(ServePlan([Source(sys.argv[1])], Options()), Host())
    listeners = server.listen()
    task = asyncio.create_task(server.run(listeners))
    while not all(served.state.state == "started" for served in server.served):
        await asyncio.sleep(0.01)
    port = server.served[0].state.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /x HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
    print((await reader.read()).split()[1].decode())
    writer.close()
    for served in server.served:
        assert served.front is served.logged
        assert served.site.engine.telemetry is None
    server.stop()
    await task

asyncio.run(main())
print(sorted({".".join(m.split(".")[:2]) for m in sys.modules if "opentelemetry" in m}))
print("prometheus_client" in sys.modules)
"""


@pytest.mark.parametrize(
    ("adapter", "status", "imported"),
    [
        ({"type": "rest", "resources": operation("/x", call="api.op")}, "502", False),
        # The SDK of MCP imports the API by itself: names, no machinery.
        ({"type": "mcp", "tools": [{**CREW, "call": "api.op"}]}, "404", True),
    ],
)
def test_what_is_off_is_not_imported(
    tmp_path: Path, adapter: Any, status: str, imported: bool
) -> None:
    """Serving without telemetry loads no SDK, and puts nothing into the way."""
    data = plain_document()
    data["capability"]["exposes"] = [{"namespace": "a", "port": 0, **adapter}]
    file = tmp_path / "a.yaml"
    file.write_text(json.dumps(data))
    done = subprocess.run(
        [sys.executable, "-c", _OFF, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, modules, prometheus = done.stdout.splitlines()
    assert found == status
    names = set(json.loads(modules.replace("'", '"')))
    assert bool(names) == imported
    assert "opentelemetry.sdk" not in names
    assert "opentelemetry.exporter" not in names
    assert prometheus == "False"
