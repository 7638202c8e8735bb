"""The OpenTelemetry SDK: Prometheus text, labels, and export to a collector."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from naftiko.exposes.observability.otel import MOST_LABELS, Counter
from naftiko.exposes.observability.prometheus import page_of
from naftiko.exposes.observability.telemetry import Telemetry
from naftiko.exposes.observability.traced import Traced
from naftiko.spec.adapters import ObservabilitySettings
from support.asgi_client import asked
from support.collector import Collector
from support.observing import SHIP, got
from support.serving import operation, rest_app


def test_prometheus_text_has_names_types_and_escaped_labels() -> None:
    """C10, C13: the text has metric names, types, buckets and escaped labels."""
    app, _ = rest_app(operation('/a"b\\c', call="api.list"))
    telemetry = Telemetry(ObservabilitySettings(), "Front")
    telemetry.serving("Front", 1)
    app._served.engine.telemetry = telemetry
    traced = Traced(app, app.exposes, telemetry)
    for _ in range(5):
        assert asyncio.run(asked(traced, "GET", "/a%22b%5Cc")).status == 200
    families = telemetry.families()
    assert families is not None
    text = page_of([families])
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
    # The text has no metrics of the SDK, of Python or of the process.
    names = {line.split(" ")[2] for line in text.splitlines() if line[:6] == "# TYPE"}
    assert {name for name in names if not name.startswith("naftiko_")} == {
        "target_info"
    }
    telemetry.close()


def test_capability_that_is_no_longer_served_is_not_counted(
    collector: Collector,
) -> None:
    """The gauge of active capabilities is 0 in the last export."""
    telemetry = Telemetry(ObservabilitySettings(endpoint=collector.url))
    telemetry.serving("A", 1)
    telemetry.serving("A", -1)
    telemetry.close()
    assert collector.value("naftiko.capability.active", naftiko__capability="A") == 0


def test_metric_labels_are_bounded() -> None:
    """Bounded cardinality: labels from hosts of callers end in an overflow label."""
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


def test_otel_environment_names_the_service(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spec 5.3: `OTEL_*` overrides the service name of the document."""
    app, _ = rest_app(SHIP)
    for name, value in (
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=by-attributes"),
        ("OTEL_SERVICE_NAME", "by-name"),
    ):
        monkeypatch.setenv(name, value)
        assert got(collector, app, ("GET", "/ships/7")) == [200]
    assert collector.services == {"by-attributes", "by-name"}


def test_otel_environment_chooses_collector_and_sampler(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spec 5.3: `OTEL_*` overrides the endpoint and sampling of the document."""
    app, _ = rest_app(SHIP)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    nowhere = "http://127.0.0.1:9"
    got(collector, app, ("GET", "/ships/7"), endpoint=nowhere, sampling=0.0)
    assert collector.one("rest.request")
    assert sorted(collector.paths) == ["/v1/metrics", "/v1/traces"]


@pytest.mark.parametrize("kind", ["silent", "error"])
def test_unresponsive_collector_is_logged_rarely(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests are served; the log names the collector, once for each of its URLs."""
    with Collector(500 if kind == "error" else 200, silent=kind == "silent") as running:
        app, _ = rest_app(SHIP)
        telemetry = Telemetry(ObservabilitySettings(endpoint=running.url))
        app._served.engine.telemetry = telemetry
        traced = Traced(app, app.exposes, telemetry)

        async def many() -> None:
            # The spans fill more than one batch, and more than the queue.
            for _ in range(1100):
                assert (await asked(traced, "GET", "/ships/7")).status == 200

        asyncio.run(many())
        telemetry.close(1.0 if kind == "silent" else 30.0)
    urls = [f"{running.url}/v1/metrics", f"{running.url}/v1/traces"]
    logged = sorted(r.message for r in caplog.records if r.name != "naftiko.access")
    if kind == "silent":
        # The exporters still wait for it: only the end of the server tells.
        (line,) = logged
        assert line.startswith("the latest spans and metrics are lost")
        assert all(url in line for url in urls)
    else:
        # One line for spans and one for metrics, for any number of lost batches.
        assert len(logged) == 2
        for line, url in zip(logged, urls, strict=True):
            assert f"No collector takes telemetry at {url};" in line
    assert "Traceback" not in caplog.text
