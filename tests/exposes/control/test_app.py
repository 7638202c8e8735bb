"""The control adapter; ids are those of the facts in spec 11.9."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.exposes.control.app import ControlApp
from naftiko.exposes.control.management import Logs, Management, read_management
from naftiko.exposes.engine import Engine
from naftiko.exposes.observability.logs import LatestLines
from naftiko.exposes.observability.settings import ObservabilitySettings, read_settings
from naftiko.exposes.observability.telemetry import Telemetry
from naftiko.exposes.options import Options
from naftiko.exposes.state import STARTED, STOPPED, AdapterState, Host, Reloaded
from naftiko.functions.scripts import Stats
from support.building import document
from support.guarding import Nobody, ask

ALL = {"info": True, "reload": True, "validate": True, "logs": True, "scripting": {}}


def app(
    management: Any = None, observability: Any = None, host: Host | None = None
) -> ControlApp:
    """Return the application of a control adapter."""
    data = document()
    adapter: dict[str, Any] = {"type": "control", "port": 9099}
    if management is not None:
        adapter["management"] = management
    if observability is not None:
        adapter["observability"] = observability
    data["capability"]["exposes"] = [adapter]
    loaded = naftiko.load(data, schema=None)
    engine = Engine(loaded, Nobody())
    return ControlApp(engine, loaded.exposes[0], Options(), host or Host())


def get(control: ControlApp, path: str, **more: Any) -> tuple[int, Any]:
    """Ask for a path; return status and the JSON of the body."""
    status, _, body = ask(control, path, **more)
    return status, json.loads(body)


def send(control: ControlApp, method: str, path: str, data: Any) -> tuple[int, Any]:
    """Send JSON to a path; return status and the JSON of the body."""
    sent: list[Any] = []
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    body = data if isinstance(data, bytes) else json.dumps(data).encode()

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(control(scope, receive, keep))
    return sent[0]["status"], json.loads(sent[1]["body"])


def adapters(*states: tuple[str, str]) -> Host:
    """Return a host with adapters of these types and states."""
    host = Host()
    for number, (kind, state) in enumerate(states):
        adapter = AdapterState(kind, f"a{number}" if kind != "control" else "", 8080)
        adapter.state = state
        host.adapters.append(adapter)
    return host


def test_defaults() -> None:
    """C06, C07: health on, everything else off; what `logs` may be."""
    assert read_management(None) == Management()
    assert Management()[:4] == (True, False, False, False)
    assert Management().logs == Logs(False, False, 5)
    assert read_management({"logs": True}).logs == Logs(True, True, 5)
    assert read_management({"logs": False}).logs == Logs(False, False, 5)
    found = read_management({"logs": {"stream": True, "max-subscribers": 7}})
    assert found.logs == Logs(True, True, 7)
    assert read_management({"logs": {"level-control": False}}).logs == Logs()
    assert read_management({"logs": {"max-subscribers": 99}}).logs.max_subscribers == 5


def test_health() -> None:
    """C05: alive at once; ready only when every adapter but this one is up."""
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


def test_only_what_is_turned_on_is_there() -> None:
    """Status, reloading, validation, logs and scripting are off by default."""
    for path in ("/status", "/logs", "/logs/stream", "/scripting", "/nothing"):
        assert get(app(), path)[0] == 404
    for path in ("/config/reload", "/config/validate"):
        assert send(app(), "POST", path, {})[0] == 404
    status, headers, _ = ask(app(), "/health/live", method="DELETE")
    assert (status, headers["allow"]) == (405, ["GET"])


def test_status() -> None:
    """Spec 5.2: the capability, the engine, how long, and the adapters."""
    status, found = get(app(ALL, host=adapters(("rest", STARTED))), "/status")
    assert status == 200
    assert found["capability"] == {"label": "Test", "specVersion": "1.0.0-alpha2"}
    assert found["engine"]["version"] == naftiko.__version__
    assert found["uptime"] == "PT0S"
    assert found["otel"] == {"status": "inactive"}
    assert len(found["adapters"]) == 1


def test_metrics_and_traces_need_telemetry() -> None:
    """C08, C10: attached unless turned off; 503 without OpenTelemetry."""
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


def test_metrics_and_traces() -> None:
    """C10: Prometheus text; the latest traces, filtered; one with its spans."""
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


def test_reload() -> None:
    """What reloading says is passed on, done or not."""
    host = Host()

    async def done() -> Reloaded:
        return Reloaded(True, ("'x' is new",))

    async def failed() -> Reloaded:
        return Reloaded(False, ("a.yaml:3:1: broken",))

    host.reload = done
    answer = {"status": "reloaded", "problems": ["'x' is new"]}
    assert send(app(ALL, host=host), "POST", "/config/reload", {}) == (200, answer)
    host.reload = failed
    answer = {"status": "unchanged", "problems": ["a.yaml:3:1: broken"]}
    assert send(app(ALL, host=host), "POST", "/config/reload", {}) == (422, answer)


def test_validate() -> None:
    """A document in the body is checked, and nothing is served from it."""
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


def test_validate_what_is_served(tmp_path: Path) -> None:
    """Without a body it is the file that is served."""
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


def test_bodies_that_are_not_read() -> None:
    """One that is too large, and one that breaks off."""
    control = app(ALL)
    control._limit = 10
    status, found = send(control, "POST", "/config/validate", b"x" * 11)
    assert (status, found) == (413, {"error": "the body is larger than 10 bytes"})
    sent: list[Any] = []

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "path": "/scripting", "headers": []}
    asyncio.run(control(scope, gone, keep))
    assert sent[0]["status"] == 400


def test_levels_of_loggers() -> None:
    """A level can be read and set for the loggers of this package, and no others."""
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


def test_stream_of_log_lines() -> None:
    """New lines arrive as events; there is a limit, and draining ends the stream."""
    host = Host()
    host.logs = LatestLines()
    logs = {"stream": True, "max-subscribers": 1}

    async def listen() -> tuple[list[Any], int]:
        control = app({"logs": logs}, host=host)
        sent: list[Any] = []
        scope = {"type": "http", "method": "GET", "path": "/logs/stream", "headers": []}

        async def receive() -> Any:
            await asyncio.sleep(60)

        async def keep(message: Any) -> None:
            sent.append(message)

        first = asyncio.create_task(control(scope, receive, keep))
        while len(sent) < 2:
            await asyncio.sleep(0.001)
        second: list[Any] = []

        async def keep_second(message: Any) -> None:
            second.append(message)

        await control(scope, receive, keep_second)
        record = logging.makeLogRecord({"msg": "hello", "name": "naftiko.x"})
        assert host.logs is not None
        host.logs.handle(record)
        while len(sent) < 3:
            await asyncio.sleep(0.001)
        control.drain()
        await asyncio.wait_for(first, 5)
        assert not host.logs.listeners
        return sent, second[0]["status"]

    sent, refused = asyncio.run(listen())
    assert refused == 503
    assert json.loads(sent[2]["body"].removeprefix(b"data: "))["message"] == "hello"
    assert sent[-1] == {"type": "http.response.body", "body": b""}


def test_scripting() -> None:
    """C11: settings and zeroed statistics; each field can be changed, and is seen."""
    control = app(ALL)
    status, found = get(control, "/scripting")
    assert status == 200
    assert found == {
        "enabled": True,
        "timeout": 60000,
        "statementLimit": 100000,
        "stats": {"totalExecutions": 0, "totalErrors": 0, "averageDurationMs": 0.0},
    }
    for key, value in (
        ("enabled", False),
        ("timeout", 500),
        ("statementLimit", 10),
        ("defaultLocation", "file:///scripts"),
        ("defaultLanguage", "javascript"),
        ("allowedLanguages", ["javascript"]),
    ):
        status, found = send(control, "PUT", "/scripting", {key: value})
        assert (status, found[key]) == (200, value)
        assert get(control, "/scripting")[1][key] == value


@pytest.mark.parametrize(
    "data",
    [
        {"timeout": 0},
        {"timeout": "1"},
        {"timeout": True},
        {"statementLimit": 0},
        {"defaultLocation": "scripts"},
        {"defaultLocation": "http://x/y"},
        {"defaultLanguage": "ruby"},
        {"allowedLanguages": "javascript"},
        {"allowedLanguages": ["ruby"]},
        {"unknown": 1},
        [1],
        b"{",
    ],
)
def test_a_wrong_setting_changes_nothing(data: Any) -> None:
    """The engine differs (weakness 14): what stands before a wrong one is not kept."""
    control = app(ALL)
    if isinstance(data, dict):
        data = {"statementLimit": 5, **data} if "statementLimit" not in data else data
    status, found = send(control, "PUT", "/scripting", data)
    assert status == 400
    assert found["error"]
    assert get(control, "/scripting")[1]["statementLimit"] == 100000


def test_scripts_that_ran() -> None:
    """C11: how many, how many failed, how long they took, and when."""
    control = app(ALL)
    control._served.engine.capability.scripting.stats = Stats(2, 1, 15.0, 0.0)
    found = get(control, "/scripting")[1]["stats"]
    assert (found["totalExecutions"], found["totalErrors"]) == (2, 1)
    assert found["averageDurationMs"] == 7.5
    assert found["lastExecutionAt"] == "1970-01-01T00:00:00Z"


def test_page() -> None:
    """A page for people, that loads nothing from elsewhere."""
    status, headers, body = ask(app(), "/")
    assert status == 200
    assert headers["content-type"] == ["text/html; charset=utf-8"]
    assert b"http://" not in body
    assert b"https://" not in body


def test_observability() -> None:
    """C08, C14: what the document says, and what it leaves out."""
    assert read_settings(None) == ObservabilitySettings()
    data = {
        "traces": {
            "sampling": 0.1,
            "propagation": "b3",
            "local": {"buffer-size": 50},
        },
        "exporters": {"otlp": {"endpoint": " "}},
    }
    found = read_settings(data)
    assert (found.sampling, found.propagation, found.buffer_size) == (0.1, "b3", 50)
    assert found.endpoint == ""
