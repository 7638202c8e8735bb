"""Commands of the control port: `health`, `status`, `traces`, `metrics` and others.

A stand-in server answers here; `tests/end_to_end/acceptance/test_control.py` asks a
real server. Codes such as Z07 name the facts of section 11.11 of the specification.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import main
from naftiko.cli.commands.control import duration, milliseconds
from support.control_port import Control

pytestmark = pytest.mark.usefixtures("no_control_port")
Run = Any


def adapter(kind: str, state: str = "started", **more: Any) -> Any:
    """Return an adapter as a control port describes it in JSON."""
    return {"type": kind, "namespace": f"a-{kind}", "port": 1, "state": state, **more}


def test_unexpected_members_are_ignored(control: Control, run: Run) -> None:
    """Members of an unexpected type are ignored, and control characters are escaped."""
    odd = {
        "adapters": [1, {}],
        "capability": 1,
        "engine": [],
        "otel": "\x1b",
        "uptime": 5,
    }
    control.answers["GET /status"] = (200, odd)
    assert run("status")[0] == 0
    control.answers["GET /traces"] = (200, {"traces": [1, {"durationMs": "x"}]})
    assert run("traces")[0] == 0
    control.answers["GET /traces/x"] = (200, {"traceId": "x", "spans": [1, {}]})
    assert run("traces", "x")[0] == 0
    control.answers["GET /scripting"] = (
        200,
        {"enabled": 1, "stats": 5, "timeout": "\x1b"},
    )
    assert run("scripting")[1] == "Scripting: ENABLED\n  timeout: \\x1b\n"


def test_health_is_the_exit_code(control: Control, run: Run) -> None:
    """Z07: `health` exits with 0 if all adapters are up, else with 1."""
    control.answers["GET /health/live"] = (200, {"status": "UP"})
    ready: Any = {"status": "UP", "adapters": [adapter("rest"), adapter("mcp")]}
    control.answers["GET /health/ready"] = (200, ready)
    code, text, _ = run("health")
    assert code == 0
    assert text == "Liveness:  UP\nReadiness: UP (2/2 adapters started)\n"
    ready = {
        "status": "DEGRADED",
        "adapters": [adapter("rest"), adapter("mcp", "stopped")],
    }
    control.answers["GET /health/ready"] = (503, ready)
    code, text, _ = run("health")
    assert code == 1
    assert text.splitlines()[1:] == [
        "Readiness: DEGRADED (1/2 adapters started)",
        "  mcp 'a-mcp': stopped",
    ]
    del control.answers["GET /health/live"]
    code, _, errors = run("health")
    assert code == 1
    assert "/health/live returned HTTP 404: not here" in errors
    assert "`management: {health: true}` of the control adapter" in errors


def test_status_exits_with_0(control: Control, run: Run) -> None:
    """Z08: `status` exits with 0 for a server that is up or degraded."""
    found = {
        "capability": {"label": "Shop \x1b[31m"},
        "engine": {"version": "9.9"},
        "uptime": "PT2H34M12S",
        "otel": {"status": "active"},
        "adapters": [adapter("rest"), adapter("control", "stopped")],
        "processes": {"count": 3, "ready": 2, "ids": [1, 2]},
    }
    control.answers["GET /status"] = (200, found)
    code, text, _ = run("status")
    assert code == 0
    assert "\x1b" not in text
    assert text.splitlines()[0].endswith(": UP")
    assert text.splitlines()[1:5] == [
        "Engine:    9.9",
        "Uptime:    2h 34m 12s",
        "Telemetry: active",
        "Processes: 2 of 3 ready",
    ]
    control.answers["GET /status"] = (200, {"adapters": [adapter("rest", "stopped")]})
    code, text, _ = run("status")
    assert (code, text.splitlines()[0]) == (0, "unknown: DEGRADED")
    control.answers["GET /status"] = (500, "broken")
    code, _, errors = run("status")
    assert (code, "/status returned HTTP 500" in errors) == (1, True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("PT2H34M12S", "2h 34m 12s"),
        ("PT5M30S", "5m 30s"),
        ("PT45S", "45s"),
        ("PT45.2S", "45s"),
        ("PT0S", "0s"),
        ("two hours", "two hours"),
    ],
)
def test_duration_is_written_for_people(text: str, shown: str) -> None:
    """Z08: an ISO 8601 duration is shown as `2h 34m 12s`; other text is unchanged."""
    assert duration(text) == shown


def test_traces_are_printed_as_a_table(control: Control, run: Run) -> None:
    """Z09: `traces` prints a table and passes filters on; no traces exit with 0."""
    trace = {"traceId": "abc", "operation": "/x GET", "status": "OK", "spanCount": 2}
    traces = [{**trace, "durationMs": 342}, {**trace, "durationMs": 1234.5}]
    control.answers["GET /traces"] = (200, {"traces": traces})
    code, text, _ = run("traces")
    assert code == 0
    rows = [line.split() for line in text.splitlines()]
    assert rows[0][:3] == ["TRACE", "ID", "OPERATION"]
    assert [row[3] for row in rows[1:]] == ["342ms", "1.2s"]
    run("traces", "--operation", "a b", "--status", "error")
    assert control.asked[-1][0] == "GET /traces?operation=a+b&status=ERROR"
    control.answers["GET /traces"] = (200, {"traces": []})
    assert run("traces") == (0, "", "No traces found.\n")
    control.answers["GET /traces"] = (503, {"error": "It is not installed."})
    told = "No traces found.\nTelemetry is off. It is not installed.\n"
    assert run("traces") == (0, "", told)
    for status in (404, 500):
        control.answers["GET /traces"] = (status, {})
        code, _, errors = run("traces")
        assert (code, f"/traces returned HTTP {status}" in errors) == (1, True)


def test_trace_is_printed_as_a_tree_of_spans(control: Control, run: Run) -> None:
    """Z09: `traces ID` prints the spans as a tree; an unknown trace exits with 1."""
    spans = [
        {"spanId": "1", "name": "rest.request", "kind": "SERVER", "durationMs": 342, "status": "OK"},
        {"spanId": "2", "parentSpanId": "1", "name": "step.call", "kind": "INTERNAL", "durationMs": 9, "status": "OK"},
        {"spanId": "3", "parentSpanId": "2", "name": "http.client.GET", "kind": "CLIENT", "durationMs": 8, "status": "ERROR"},
    ]  # fmt: skip
    control.answers["GET /traces/a%2Fb"] = (200, {"traceId": "a/b", "spans": spans})
    code, text, _ = run("traces", "a/b")
    assert code == 0
    assert text == (
        "a/b\n"
        "rest.request [SERVER] 342ms OK\n"
        "  step.call [INTERNAL] 9ms OK\n"
        "    http.client.GET [CLIENT] 8ms ERROR\n"
    )
    code, _, errors = run("traces", "nothing")
    assert (code, "Trace not found: nothing" in errors) == (1, True)
    control.answers["GET /traces/x"] = (500, {})
    assert "returned HTTP 500" in run("traces", "x")[2]
    code, _, errors = run("traces", "x", "--status", "OK")
    assert (code, "leave out one of them" in errors) == (2, True)
    code, _, errors = run("traces", "\udcff")
    assert (code, "TRACE holds bytes that are not UTF-8" in errors) == (2, True)


@pytest.mark.parametrize(
    ("number", "shown"), [(342, "342ms"), (1200, "1.2s"), (0.4, "0ms"), (None, "0ms")]
)
def test_milliseconds_are_written_for_people(number: Any, shown: str) -> None:
    """Z09: milliseconds are shown as `342ms` or, from one second, as `1.2s`."""
    assert milliseconds(number) == shown


def test_metrics_are_printed_and_filtered(control: Control, run: Run) -> None:
    """Z10: `metrics` prints all or matching lines; status 503 exits with 1."""
    text = '# HELP a b\na{x="1"} 1\nb 2\n'
    control.answers["GET /metrics"] = (200, text)
    assert run("metrics") == (0, text, "")
    assert run("metrics", "--filter", "^a|2$") == (0, 'a{x="1"} 1\nb 2\n', "")
    assert run("metrics", "--filter", "nothing") == (0, "", "")
    for pattern in ("(", "a{99999999999}", "(" * 5000):
        code, _, errors = run("metrics", "--filter", pattern)
        assert (code, "--filter: not a regular expression" in errors) == (1, True)
    control.answers["GET /metrics"] = (503, {"error": "x"})
    code, out, errors = run("metrics")
    assert (code, out) == (1, "")
    assert "Metrics unavailable: OpenTelemetry is not active." in errors
    control.answers["GET /metrics"] = (500, "")
    assert run("metrics")[0] == 1


STATE = {
    "enabled": True,
    "timeout": 60000,
    "allowedLanguages": ["javascript", "python"],
    "stats": {"totalExecutions": 3},
}


def test_scripting_shows_settings_and_statistics(control: Control, run: Run) -> None:
    """Z11: `scripting` prints whether scripts are enabled, settings and statistics."""
    control.answers["GET /scripting"] = (200, STATE)
    code, text, _ = run("scripting")
    assert code == 0
    assert text.splitlines() == [
        "Scripting: ENABLED",
        "  timeout: 60000",
        "  allowedLanguages: javascript, python",
        "  totalExecutions: 3",
    ]
    control.answers["GET /scripting"] = (200, {"enabled": False})
    assert run("scripting")[1] == "Scripting: DISABLED\n"
    # Without `enabled` in the reply, the reference engine shows DISABLED.
    control.answers["GET /scripting"] = (200, {"timeout": 5})
    assert run("scripting")[1].startswith("Scripting: ENABLED\n")


def test_scripting_settings_are_changed(control: Control, run: Run) -> None:
    """Z11: `scripting --set` sends all settings in one request, each with its type."""
    control.answers["PUT /scripting"] = (200, STATE)
    control.answers["GET /scripting"] = (200, STATE)
    code, text, note = run("scripting", "--set", "timeout=5")
    assert (code, note) == (0, "Scripting configuration updated.\n")
    assert text.startswith("Scripting: ENABLED\n")
    assert control.asked[-2][0] == "PUT /scripting"
    assert control.asked[-2][1]["Content-Type"] == "application/json"
    assert control.asked[-2][2] == {"timeout": 5}
    words = ["enabled=False", "statementLimit=-1", "defaultLocation=file:///a=b"]
    words += ["allowedLanguages=javascript, python,", "defaultLanguage=javascript"]
    run("scripting", *(word for text in words for word in ("--set", text)))
    assert control.asked[-2][2] == {
        "enabled": False,
        "statementLimit": -1,
        "defaultLocation": "file:///a=b",
        "allowedLanguages": ["javascript", "python"],
        "defaultLanguage": "javascript",
    }


def test_scripting_errors_are_reported(control: Control, run: Run) -> None:
    """Z11: an unknown setting is not sent; a refusal of the server is printed."""
    for word, said in (
        ("memory=1", "Unknown scripting field: memory"),
        ("timout=1", "did you mean 'timeout'?"),
        ("timeout", "--set timeout has no value"),
    ):
        code, _, errors = run("scripting", "--set", word)
        assert code == 1
        assert said in errors
    assert control.asked == []
    code, _, errors = run("scripting")
    assert (code, "Scripting is not configured there" in errors) == (1, True)
    control.answers["GET /scripting"] = (500, "")
    code, _, errors = run("scripting")
    assert (code, "/scripting returned HTTP 500" in errors) == (1, True)
    control.answers["PUT /scripting"] = (400, {"error": "`timeout` is a whole number"})
    for number in ("soon", "--5", "-", "٣", "9" * 5000):
        code, _, errors = run("scripting", "--set", f"timeout={number}")
        assert code == 1
        assert "/scripting returned HTTP 400: `timeout` is a whole number" in errors
        assert control.asked[-1][2] == {"timeout": number}
    code, _, errors = run("scripting", "--set", "timeout=1", "--set", "timeout=2")
    assert (code, "--set timeout is given twice" in errors) == (2, True)


def test_reload_reports_problems(control: Control, run: Run) -> None:
    """`reload` prints the server's problems and exits with 1 if it did not reload."""
    control.answers["POST /config/reload"] = (200, {"problems": []})
    assert run("reload") == (0, "Reloaded.\n", "")
    control.answers["POST /config/reload"] = (200, {"problems": ["'x' is new"]})
    assert run("reload") == (0, "Reloaded.\n  'x' is new\n", "")
    control.answers["POST /config/reload"] = (422, {"problems": ["x.yaml:1:1: no"]})
    code, text, errors = run("reload")
    assert code == 1
    assert text == "Not reloaded: the old version is served.\n"
    assert errors == "  x.yaml:1:1: no\n"
    del control.answers["POST /config/reload"]
    code, _, errors = run("reload")
    assert (code, "/config/reload returned HTTP 404" in errors) == (1, True)
    assert "`management: {reload: true}` of the control adapter turns it" in errors
    control.answers["POST /config/reload"] = (500, {})
    code, _, errors = run("reload")
    assert (code, "/config/reload returned HTTP 500" in errors) == (1, True)
    assert "hint: if this is a control port, see the log of the server" in errors


def test_document_and_broken_units_are_named(control: Control, run: Run) -> None:
    """`health` and `status` show documents, base URIs and units that cannot be called."""
    unit = {"type": "mcp", "namespace": "shop", "unit": "get", "reason": "no\nURI"}
    told: Any = {
        "status": "UP",
        "adapters": [adapter("mcp")],
        "documents": [
            {
                "file": "shop.yaml",
                "label": "Shop",
                "baseUris": {"api": "https://h.test", "old": ""},
                "unusable": [unit, 1],
                "unusableCount": 3,
            },
            7,
        ],
    }
    control.answers["GET /health/live"] = (200, {"status": "UP"})
    control.answers["GET /health/ready"] = (200, told)
    control.answers["GET /status"] = (200, told)
    for command in ("health", "status"):
        code, text, _ = run(command)
        assert code == 0
        assert text.splitlines()[-5:] == [
            "Document:  shop.yaml (Shop)",
            "  calls 'api' at https://h.test",
            "  calls 'old' at no base URI",
            "  mcp 'shop': 'get' cannot be called: no URI",
            "  2 more units cannot be called",
        ]


def test_reload_can_be_forced(control: Control, run: Run) -> None:
    """`--force` asks the server to serve a version that breaks units."""
    broken = {"problems": ["x.yaml: no"], "forcible": True, "files": ["y.yaml"]}
    control.answers["POST /config/reload"] = (422, broken)
    code, text, errors = run("reload")
    assert (code, text) == (1, "Reloaded y.yaml; the others stay as before.\n")
    assert errors == "  x.yaml: no\n  hint: --force serves the new version anyway\n"
    control.answers["POST /config/reload?force=true"] = (200, {"problems": []})
    assert run("reload", "--force")[0] == 0


def test_port_of_another_adapter_is_explained(
    control: Control, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port that is no control port is named as what a document here says it is."""
    Path("shop.yaml").write_text(
        "capability:\n  exposes:\n"
        f"  - {{type: rest, namespace: shop, port: {control.port}}}\n"
        "  - {type: control, namespace: ops, port: 9099}\n  - 7\n",
        "utf-8",
    )
    code, _, errors = run("health")
    assert code == 1
    assert "is not a naftiko control port" in errors
    ports = f"{control.port} is rest 'shop', 9099 is the control port 'ops'"
    assert f"hint: shop.yaml: {ports}\n" in errors
    Path("shop.yaml").write_text(
        "capability: {exposes: [{type: mcp, namespace: m, port: 1}]}", "utf-8"
    )
    assert main(["health", "--port", "1"]) == 1
    told = "hint: shop.yaml: 1 is mcp 'm'; it has no control adapter"
    assert told in capsys.readouterr().err


def test_reply_is_printed_as_json(control: Control, run: Run) -> None:
    """`-o json` prints what the server replied, and keeps the exit code."""
    control.answers["GET /health/live"] = (200, {"status": "UP"})
    down = {"status": "DEGRADED", "adapters": []}
    control.answers["GET /health/ready"] = (503, down)
    code, text, _ = run("health", "-o", "json")
    assert (code, json.loads(text)) == (1, {"live": "UP", "ready": down})
    control.answers["GET /status"] = (200, {"adapters": [1]})
    assert json.loads(run("status", "-o", "json")[1]) == {"adapters": [1]}
    control.answers["GET /traces"] = (200, {"traces": []})
    assert json.loads(run("traces", "-o", "json")[1]) == []
    trace = {"traceId": "x", "spans": []}
    control.answers["GET /traces/x"] = (200, trace)
    assert json.loads(run("traces", "x", "-o", "json")[1]) == trace


@pytest.mark.parametrize(
    ("line", "reply", "kind"),
    [
        ("GET /openapi.json", {"openapi": "3.1.0"}, "a REST adapter"),
        ("GET /skills", {"count": 0, "skills": []}, "a skill adapter"),
        ("POST /mcp", {"jsonrpc": "2.0", "error": {}}, "an MCP server"),
    ],
)
def test_other_kind_of_server_is_named(
    control: Control, run: Run, line: str, reply: Any, kind: str
) -> None:
    """What answers is asked, where no document of the folder tells."""
    control.answers = {
        f"{method} {path}": (404, {"title": "Nothing is served at this path"})
        for method, path in (
            ("GET", "/status"),
            ("GET", "/scripting"),
            ("GET", "/openapi.json"),
            ("POST", "/config/reload"),
        )
    }
    control.answers[line] = (200, reply)
    for command in ("status", "scripting", "reload"):
        code, _, errors = run(command)
        assert code == 1
        assert f"is not a naftiko control port: {kind} answers there" in errors
        assert "give the port of the control adapter: --port" in errors


def test_setting_of_a_missing_path_is_named(control: Control, run: Run) -> None:
    """A control port without the path says which setting turns it on."""
    _, _, errors = run("status")
    assert "`management: {info: true}` of the control adapter turns it on" in errors
