"""The control adapter; codes are those of the facts in spec 11.9."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.exposes.control.app import ControlApp
from naftiko.exposes.engine import Engine
from naftiko.exposes.observability.logs import LatestLines
from naftiko.exposes.observability.telemetry import Telemetry
from naftiko.exposes.options import Options
from naftiko.exposes.state import STARTED, STOPPED, AdapterState, Host, Reloaded
from naftiko.spec.adapters import ObservabilitySettings
from support.building import document
from support.controlling import ALL, app, get, send
from support.guarding import Nobody, ask


def adapters(*states: tuple[str, str]) -> Host:
    """Return a host with adapters of these types and states."""
    host = Host()
    for number, (kind, state) in enumerate(states):
        adapter = AdapterState(kind, f"a{number}" if kind != "control" else "", 8080)
        adapter.state = state
        host.adapters.append(adapter)
    return host


def test_readiness_needs_every_adapter_but_control() -> None:
    """C05: liveness is immediate; readiness needs every adapter but `control`."""
    assert get(app(), "/health/live") == (200, {"status": "UP"})
    host = adapters(("rest", STARTED), ("mcp", STOPPED), ("control", STARTED))
    status, found = get(app(host=host), "/health/ready")
    assert (status, found["status"]) == (503, "DEGRADED")
    assert found["adapters"][0] == {
        "type": "rest",
        "namespace": "a0",
        "port": 8080,
        "state": "started",
    }
    host.adapters[1].state = STARTED
    assert get(app(host=host), "/health/ready")[0] == 200
    host.is_stopping = True
    assert get(app(host=host), "/health/ready")[0] == 503
    assert get(app({"health": False}), "/health/live")[0] == 404


def test_disabled_route_is_not_found() -> None:
    """Status, reload, validation, logs and scripting are disabled by default."""
    for path in ("/status", "/logs", "/logs/stream", "/scripting", "/nothing"):
        assert get(app(), path)[0] == 404
    for path in ("/config/reload", "/config/validate"):
        assert send(app(), "POST", path, {})[0] == 404
    assert get(app(), "/%FF")[0] == 400
    status, headers, _ = ask(app(), "/health/live", method="DELETE")
    assert (status, headers["allow"]) == (405, ["GET"])


def test_status_shows_capability_engine_and_adapters() -> None:
    """Spec 5.2: `/status` shows the capability, the engine, uptime and adapters."""
    status, found = get(app(ALL, host=adapters(("rest", STARTED))), "/status")
    assert status == 200
    assert found["capability"] == {"label": "Test", "specVersion": "1.0.0-alpha2"}
    assert found["engine"]["version"] == naftiko.__version__
    assert found["uptime"] == "PT0S"
    assert found["otel"] == {"status": "inactive"}
    assert len(found["adapters"]) == 1


def test_metrics_and_traces_need_telemetry() -> None:
    """C08, C10: 503 without OpenTelemetry; 404 if the document disables the route."""
    for path in ("/metrics", "/traces", "/traces/abc"):
        status, found = get(app(), path)
        assert status == 503
        assert "OpenTelemetry is not active" in found["error"]
    off = {"enabled": False}
    for observability, paths in (
        (off, ("/metrics", "/traces")),
        ({"metrics": {"local": off}}, ("/metrics",)),
        ({"traces": {"local": off}}, ("/traces",)),
    ):
        control = app(None, observability)
        for path in ("/metrics", "/traces"):
            assert (get(control, path)[0] == 404) == (path in paths)


def test_control_port_shows_metrics_and_traces() -> None:
    """C10: metrics are Prometheus text; traces can be filtered, and read by id."""
    host = Host()
    host.telemetry = Telemetry(ObservabilitySettings(), "Test")
    control = app(host=host)
    scope = {
        "headers": [],
        "method": "GET",
        "naftiko.operation": "/orders GET",
    }
    for status in (200, 500):
        with host.telemetry.request(naftiko_exposes(), scope) as found:
            found["status"] = status
    code, headers, body = ask(control, "/metrics")
    assert code == 200
    assert headers["content-type"][0].startswith("text/plain")
    labels = b'adapter="rest",namespace="api",operation="/orders GET",status="ok"'
    assert b"naftiko_request_total{" + labels + b"} 1.0" in body
    assert b"naftiko_request_duration_seconds_bucket" in body
    listed = get(control, "/traces")[1]
    assert (listed["bufferSize"], listed["bufferUsed"]) == (100, 2)
    assert [trace["status"] for trace in listed["traces"]] == ["ERROR", "OK"]
    assert len(get(control, "/traces", query="status=error")[1]["traces"]) == 1
    assert len(get(control, "/traces", query="operation=rest")[1]["traces"]) == 2
    assert get(control, "/traces", query="operation=zzz")[1]["traces"] == []
    one = get(control, f"/traces/{listed['traces'][0]['traceId']}")[1]
    assert one["spans"][0]["name"] == "rest.request"
    status, missing = get(control, "/traces/nope")
    assert (status, missing) == (404, {"error": "Trace not found: nope"})
    host.telemetry.close()


def naftiko_exposes() -> Any:
    """Return a REST adapter."""
    from naftiko.spec.model import Exposes

    return Exposes("rest", "api")


def test_reload_answers_with_its_outcome() -> None:
    """A reload answers 200 or 422, in both cases with its problems."""
    host = Host()

    async def done(is_forced: bool) -> Reloaded:
        return Reloaded(True, files=("a.yaml",), notes=("'x' is new",))

    async def failed(is_forced: bool) -> Reloaded:
        files = ("b.yaml",) if is_forced else ()
        return Reloaded(False, ("a.yaml:3:1: broken",), files, not is_forced)

    host.reload = done
    answer: Any = {"status": "reloaded", "problems": ["'x' is new"]}
    answer |= {"files": ["a.yaml"], "forcible": False}
    assert send(app(ALL, host=host), "POST", "/config/reload", {}) == (200, answer)
    host.reload = failed
    answer = {"status": "unchanged", "problems": ["a.yaml:3:1: broken"]}
    answer |= {"files": [], "forcible": True}
    assert send(app(ALL, host=host), "POST", "/config/reload", {}) == (422, answer)
    asked = send(app(ALL, host=host), "POST", "/config/reload", {}, b"force=true")
    assert (asked[0], asked[1]["status"]) == (422, "partly reloaded")


def test_document_is_told_with_health_and_status() -> None:
    """Both name the documents with base URIs and the units that cannot be called."""
    for path in ("/health/ready", "/status"):
        (told,) = get(app(ALL), path)[1]["documents"]
        assert told["label"] == "Test"
        assert told["baseUris"] == {"api": "http://127.0.0.1:9"}
        assert (told["unusable"], told["unusableCount"]) == ([], 0)
    host = Host()
    host.documents = lambda: [{"file": "a.yaml"}]
    assert get(app(ALL, host=host), "/status")[1]["documents"] == [{"file": "a.yaml"}]


def test_document_in_the_body_is_validated() -> None:
    """`/config/validate` returns the problems of a posted document, without serving."""
    good = b"naftiko: 1.0.0-alpha2\ninfo: {label: a, description: b}\ncapability:\n"
    good += b"  consumes: [{type: http, namespace: a, baseUri: 'https://x.test',\n"
    good += (
        b"    resources: [{name: r, path: /r, operations: [{name: o, method: GET}]}]}]"
    )
    status, found = send(app(ALL), "POST", "/config/validate", good)
    assert (status, found) == (200, {"valid": True, "problems": []})
    status, found = send(app(ALL), "POST", "/config/validate", b"a: [")
    assert (status, found["valid"]) == (200, False)
    assert found["problems"][0]["code"] == "E-yaml-syntax"


def test_served_file_is_validated_if_the_body_is_empty(tmp_path: Path) -> None:
    """`/config/validate` without a body reads the served file again."""
    data = document()
    control = {"type": "control", "port": 9099, "management": ALL}
    data["capability"]["exposes"] = [control]
    file = tmp_path / "a.yaml"
    file.write_text(json.dumps(data))
    loaded = naftiko.load(file, schema=None)
    served = ControlApp(Engine(loaded, Nobody()), loaded.exposes[0], Options(), Host())
    assert send(served, "POST", "/config/validate", b" ")[1]["valid"] is True
    file.write_text("a: [")
    found = send(served, "POST", "/config/validate", b"")[1]
    assert [problem["code"] for problem in found["problems"]] == ["E-yaml-syntax"]


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        (b"gzip", gzip.compress(b"a: [", mtime=0), 200),
        (b"gzip", b"a: [", 400),
        (b"snappy", b"a: [", 415),
    ],
)
def test_encoding_of_a_body_is_undone_or_refused(
    coding: bytes, body: bytes, status: int
) -> None:
    """A packed document is read; one in an unknown encoding is not."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/config/validate",
        "headers": [(b"content-encoding", coding)],
    }
    asyncio.run(app(ALL)(scope, receive, keep))
    assert sent[0]["status"] == status
    assert (b"E-yaml-syntax" in sent[1]["body"]) == (status == 200)


def test_body_over_the_limit_or_cut_off_is_refused() -> None:
    """A body over the limit gets 413; a body cut off by a disconnect gets 400."""
    control = app(ALL)
    control._limit = 10
    status, found = send(control, "POST", "/config/validate", b"x" * 11)
    assert (status, found) == (413, {"error": "at most 10 bytes are read"})
    sent: list[Any] = []

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "path": "/scripting", "headers": []}
    asyncio.run(control(scope, gone, keep))
    assert sent[0]["status"] == 400


def test_log_level_of_a_logger_can_be_changed() -> None:
    """Only loggers of this package can be read and changed."""
    host = Host()
    host.logs = LatestLines()
    control = app(ALL, host=host)
    logger = logging.getLogger("naftiko.test")
    try:
        assert send(control, "PUT", "/logs/naftiko.test", {"level": "debug"}) == (
            200,
            {"name": "naftiko.test", "level": "debug"},
        )
        assert logger.level == logging.DEBUG
        assert get(control, "/logs/naftiko.test")[1]["level"] == "debug"
        host.logs.handle(
            logger.makeRecord("naftiko.test", 20, "", 0, "hello", (), None)
        )
        found = get(control, "/logs")[1]
        assert [line["message"] for line in found["lines"]] == ["hello"]
        assert {"name": "naftiko.test", "level": "debug"} in found["loggers"]
        assert send(control, "PUT", "/logs/naftiko.test", {"level": "loud"})[0] == 400
        assert send(control, "PUT", "/logs/root", {"level": "debug"})[0] == 404
    finally:
        logger.setLevel(logging.NOTSET)


def test_control_page_loads_nothing_from_other_servers() -> None:
    """The page of the control port has no absolute URL."""
    status, headers, body = ask(app(), "/")
    assert status == 200
    assert headers["content-type"] == ["text/html; charset=utf-8"]
    assert b"http://" not in body
    assert b"https://" not in body


def test_control_page_knows_what_is_turned_on() -> None:
    """The page offers a reload and the log only where the document has them."""
    for management, expected in (
        ({}, set()),
        ({"reload": True}, {"/config/reload"}),
        ({"logs": {"stream": True}}, {"/logs", "/logs/stream"}),
    ):
        _, _, body = ask(app(management), "/")
        found = re.search(r"ATTACHED = new Set\((.*?)\)", body.decode())
        assert found is not None
        offered = set(json.loads(found[1])) & {
            "/config/reload",
            "/logs",
            "/logs/stream",
        }
        assert offered == expected
