"""Telemetry of `naftiko serve`: metrics, traces, log lines and their OTLP export."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support.collector import Collector
from support.recorder import Received, Recorder, response
from support.serving_process import Server, write
from support.shop import document, mcp, rest

# Each starts a process.
pytestmark = pytest.mark.slow

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def upstream() -> Iterator[Recorder]:
    """Serve the upstream API."""
    with Recorder(response('[{"id": 1}]')) as server:
        yield server


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run an OTLP collector."""
    with Collector() as running:
        yield running


def control(endpoint: str = "", **observability: Any) -> Any:
    """Return a control adapter that exports to an endpoint."""
    if endpoint:
        observability["exporters"] = {"otlp": {"endpoint": endpoint}}
    adapter = {"type": "control", "port": 0, "observability": observability}
    return {**adapter, "management": {"info": True, "reload": True}}


def test_spans_are_exported_when_the_server_ends(
    tmp_path: Path, upstream: Recorder, collector: Collector
) -> None:
    """Spans and metrics are exported at SIGTERM; `traceparent` joins the traces."""
    file = write(tmp_path / "s.yaml", document(rest(), control(collector.url)))
    with Server(file, "--base-uri", upstream.url, ready=2) as server:
        url = f"{server.urls['shop']}/things"
        headers = {"traceparent": SENT}
        assert requests.get(url, headers=headers, timeout=5).status_code == 200
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10
    request, call = collector.one("rest.request"), collector.one("http.client.GET")
    assert (request.trace_id, request.parent) == (TRACE, PARENT)
    assert (call.trace_id, call.parent) == (TRACE, request.span_id)
    (received,) = upstream.received
    assert received.headers["traceparent"] == f"00-{TRACE}-{call.span_id}-01"
    assert collector.services == {"naftiko-Shop"}
    labels = {"adapter": "rest", "namespace": "shop", "operation": "/things GET"}
    assert collector.value("naftiko.request.total", status="ok", **labels) == 1
    assert collector.value("naftiko.request.duration.seconds", **labels) == 1
    active = "naftiko.capability.active"
    assert collector.value(active, naftiko__capability="Shop") == 0


def test_control_port_shows_metrics_and_traces(
    tmp_path: Path, upstream: Recorder
) -> None:
    """C10: the control port serves metrics and traces of all other adapters."""
    adapters = (rest(), mcp(), control())
    file = write(tmp_path / "s.yaml", document(*adapters))
    with Server(file, "--base-uri", upstream.url, ready=3) as server:
        base = server.urls["control"]
        assert requests.get(f"{server.urls['shop']}/things", timeout=5).ok
        assert requests.get(f"{server.urls['shop']}/no", timeout=5).status_code == 404
        text = requests.get(f"{base}/metrics", timeout=5).text
        route = 'adapter="rest",namespace="shop",operation="/things GET",status="ok"'
        assert f"naftiko_request_total{{{route}}} 1.0" in text
        assert 'naftiko_capability_active{naftiko_capability="Shop"} 1.0' in text
        assert 'adapter="control"' not in text
        traces = requests.get(f"{base}/traces", timeout=5).json()["traces"]
        operations = [trace["operation"] for trace in traces]
        assert operations == ["rest.request", "/things GET"]
        found = requests.get(f"{base}/traces/{traces[1]['traceId']}", timeout=5).json()
        assert [span["name"] for span in found["spans"]] == [
            "rest.request",
            "http.client.GET",
        ]
        status = requests.get(f"{base}/status", timeout=5).json()
        assert status["otel"] == {"status": "active"}
        assert server.stop() == 0


@pytest.mark.slow
def test_log_line_has_its_trace_id(tmp_path: Path, upstream: Recorder) -> None:
    """The log line of a request has its trace id only where telemetry is on."""
    for observability in ({}, {"enabled": False}):
        file = write(tmp_path / "s.yaml", document(rest(), control(**observability)))
        with Server(file, "--base-uri", upstream.url, ready=2) as server:
            url = f"{server.urls['shop']}/things"
            assert requests.get(url, headers={"traceparent": SENT}, timeout=5).ok
            line = server.wait_for("GET /things")
            assert line.get("trace_id") == (None if observability else TRACE)
            assert ("span_id" in line) == (not observability)
            assert server.stop() == 0


def test_document_with_observability_off_is_not_observed(
    tmp_path: Path, upstream: Recorder
) -> None:
    """A document with `observability` off is not observed; others in the process are.

    The control port with the metrics is in the third document.
    """
    off = {"type": "control", "port": 0, "observability": {"enabled": False}}
    one = write(tmp_path / "one.yaml", document(rest("one"), off))
    two = write(tmp_path / "two.yaml", document(rest("two")))
    three = write(tmp_path / "three.yaml", document(rest("three"), control()))
    words = ("--base-uri", upstream.url, "--single-port", "0")
    with Server(one, two, three, *words, ready=4) as server:
        base = server.urls["one"].removesuffix("/one")
        for name in ("one", "two", "three"):
            assert requests.get(f"{base}/{name}/things", timeout=5).ok
        text = requests.get(f"{base}/three/control/metrics", timeout=5).text
        seen = [f'namespace="{name}"' in text for name in ("one", "two", "three")]
        assert seen == [False, True, True]
        assert requests.get(f"{base}/one/control/metrics", timeout=5).status_code == 404
        assert server.stop() == 0


@pytest.mark.slow
def test_reload_is_observed_by_its_new_label(
    tmp_path: Path, upstream: Recorder, collector: Collector
) -> None:
    """After a reload, spans have the new label and routes.

    Changed `observability` settings need a restart.
    """
    file = write(tmp_path / "s.yaml", document(rest(), control(collector.url)))
    words = ("--base-uri", upstream.url, "--workers", "1")
    with Server(file, *words, ready=2) as server:
        base, shop = server.urls["control"], server.urls["shop"]
        assert requests.get(f"{shop}/things", timeout=5).ok
        changed = document(rest(path="/goods"), control(collector.url, enabled=False))
        write(file, {**changed, "info": {"label": "Store", "description": "A store."}})
        reloaded = requests.post(f"{base}/config/reload", timeout=5).json()
        assert reloaded == {
            "status": "reloaded",
            "problems": ["`observability` changes when the server is restarted"],
            "files": [str(file)],
            "forcible": False,
        }
        assert requests.get(f"{shop}/goods", timeout=5).ok
        assert server.stop() == 0
    spans = [span.attributes for span in collector.spans if span.kind == "SERVER"]
    assert [span["naftiko.capability"] for span in spans] == ["Shop", "Store"]
    operations = [span["naftiko.operation.id"] for span in spans]
    assert operations == ["/things GET", "/goods GET"]
    active = "naftiko.capability.active"
    assert {dict(labels)["naftiko.capability"] for name, labels in collector.points
            if name == active} == {"Shop", "Store"}  # fmt: skip
    assert collector.value(active) == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refused", "silent"])
def test_unreachable_collector_delays_no_request(
    tmp_path: Path, upstream: Recorder, kind: str
) -> None:
    """An unreachable collector delays no request and the exit by seconds at most."""
    with Collector(silent=True) as running:
        url = running.url if kind == "silent" else "http://127.0.0.1:9"
        file = write(tmp_path / "s.yaml", document(rest(), control(url)))
        with Server(
            file,
            *("--base-uri", upstream.url, "--workers", "1"),
            ready=2,
            # Short intervals keep an export in flight all the time.
            OTEL_BSP_SCHEDULE_DELAY="50",
            OTEL_METRIC_EXPORT_INTERVAL="100",
        ) as server:
            for _ in range(20):
                asked = requests.get(f"{server.urls['shop']}/things", timeout=2)
                assert asked.status_code == 200
                assert asked.elapsed.total_seconds() < 1
                time.sleep(0.02)
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < 5
            lost = "the latest spans and metrics are lost"
            assert sum(lost in line["message"] for line in server.lines) == 1
            assert "Traceback" not in server.text
            assert "retrying" not in server.text


@pytest.mark.slow
def test_hanging_request_and_collector_do_not_delay_the_exit(tmp_path: Path) -> None:
    """Graceful shutdown ends in ten seconds with a hanging request and collector."""
    arrived, release = threading.Event(), threading.Event()

    def never(received: Received) -> bytes | None:
        arrived.set()
        release.wait(30)
        return None

    with Collector(silent=True) as silent, Recorder(never) as upstream:
        exposes = document(rest(), control(silent.url))
        file = write(tmp_path / "s.yaml", exposes)
        with Server(file, "--base-uri", upstream.url, ready=2) as server:
            shop = server.urls["shop"]
            assert requests.get(f"{shop}/none", timeout=5).status_code == 404
            command = ["curl", "--silent", "--max-time", "30", f"{shop}/things"]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as hanging:
                assert arrived.wait(5)
                started = time.monotonic()
                assert server.stop() == 0
                assert time.monotonic() - started < 10
                release.set()
                hanging.kill()


@pytest.mark.slow
def test_each_worker_exports_its_own_spans(
    tmp_path: Path, upstream: Recorder, collector: Collector
) -> None:
    """Each worker exports its own spans, and no span is lost or doubled."""
    file = write(tmp_path / "s.yaml", document(rest(), control(collector.url)))
    words = ("--base-uri", upstream.url, "--workers", "2")
    with Server(file, *words, ready=2) as server:
        count = 20
        for _ in range(count):
            # Each request has its own connection, so both workers get requests.
            assert requests.get(f"{server.urls['shop']}/things", timeout=5).ok
        assert server.stop() == 0
        assert "Traceback" not in server.text
    spans = [span for span in collector.spans if span.name == "rest.request"]
    assert len(spans) == count
    assert len({span.span_id for span in spans}) == count


@pytest.mark.slow
def test_stdio_server_exports_spans_to_the_environments_endpoint(
    tmp_path: Path, upstream: Recorder, collector: Collector
) -> None:
    """Tool calls over stdio join the agent's trace and are exported."""
    file = write(tmp_path / "s.yaml", document(mcp()))
    meta = {"traceparent": SENT}
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"}}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "things", "_meta": meta}},
    ]  # fmt: skip
    command = ["serve", str(file), "--stdio", "--base-uri", upstream.url]
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PATH": ""}
    with subprocess.Popen(
        [sys.executable, "-m", "naftiko", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in messages:
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            process.stdin.flush()
            if "id" in message:
                answer = json.loads(process.stdout.readline())
                assert answer["id"] == message["id"]
                assert "result" in answer
        process.stdin.close()
        assert process.wait(10) == 0
    tool, call = collector.one("mcp.tool"), collector.one("http.client.GET")
    assert (tool.trace_id, tool.parent) == (TRACE, PARENT)
    assert call.parent == tool.span_id
    assert not [span for span in collector.spans if span.name == "mcp.request"]
