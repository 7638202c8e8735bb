"""The commands that ask a control port; ids are those of the facts in spec 11.11.

What answers is a stand-in; `tests/end_to_end/test_acceptance.py` asks a real server.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import main
from naftiko.cli.commands.control import duration, milliseconds


class Control:
    """A control port that answers what it is told to; a context manager.

    Attributes:
        answers: `METHOD /path?query` → status and JSON, or a text as it is.
        asked: What was asked for: line, headers, and the JSON of the body.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                line = f"{self.command} {self.path}"
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size) or b"null"
                outer.asked.append((line, dict(self.headers), json.loads(body)))
                status, data = outer.answers.get(line, (404, {"error": "not here"}))
                content = data if isinstance(data, str) else json.dumps(data)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(content.encode())

            do_PUT = do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


@pytest.fixture
def control() -> Iterator[Control]:
    """Give a control port."""
    with Control() as running:
        yield running


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start where no document and no variable says where to ask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAFTIKO_CONTROL_PORT", raising=False)
    monkeypatch.delenv("NAFTIKO_CONTROL_ADDRESS", raising=False)


Run = Any


@pytest.fixture
def run(control: Control, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give what runs a command against the port: code, output, errors."""

    def command(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--port", str(control.port)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def adapter(kind: str, state: str = "started", **more: Any) -> Any:
    """Return an adapter as the control port tells of it."""
    return {"type": kind, "namespace": f"a-{kind}", "port": 1, "state": state, **more}


# --- where to ask ---------------------------------------------------------------------


def test_where_to_ask(
    control: Control,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Z06: the option, the environment, a document in this folder, then 9090."""

    def told(*words: str) -> str:
        main(["health", *words])
        return capsys.readouterr().err

    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = listener.getsockname()[1]
    (tmp_path / "a.yaml").write_text("- : [", "utf-8")
    (tmp_path / "b.yml").write_text("naftiko: x\ncapability: {exposes: 5}", "utf-8")
    assert "at http://localhost:9090 " in told()
    document = f"capability: {{exposes: [{{type: rest, port: 1}}, {{type: control, port: {gone}}}]}}"
    (tmp_path / "c.yaml").write_text(document, "utf-8")
    assert f"at http://localhost:{gone} " in told()
    monkeypatch.setenv("NAFTIKO_CONTROL_PORT", str(control.port))
    assert "Cannot connect" not in told()
    assert f"at http://localhost:{gone} " in told("--port", str(gone))
    assert f"at http://[::1]:{gone} " in told("--port", str(gone), "--address", "::1")
    monkeypatch.setenv("NAFTIKO_CONTROL_ADDRESS", "127.0.0.2")
    assert f"at http://127.0.0.2:{gone} " in told("--port", str(gone))
    monkeypatch.setenv("NAFTIKO_CONTROL_PORT", "many")
    assert "NAFTIKO_CONTROL_PORT: 'many' is no port" in told()
    monkeypatch.setenv("NAFTIKO_CONTROL_PORT", "9" * 5000)
    assert "9…' is no port, 1 to 65535" in told()


@pytest.mark.parametrize("port", ["0", "true", "70000", "'{{PORT}}'"])
def test_a_port_that_nothing_can_listen_at(
    port: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Z06: a document that does not say where its control port is, is passed over."""
    text = f"capability: {{exposes: [{{type: control, port: {port}}}]}}"
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    main(["health"])
    assert "at http://localhost:9090 " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://localhost", "--address: 'http://localhost' is no name"),
        ("localhost:9090", "the port goes into --port"),
        ("a b", "'a b' is no name and no address"),
        ("", "'' is no name and no address"),
        ("a" * 64 + ".test", "Cannot connect to control port"),
        ("a..test", "Cannot connect to control port"),
    ],
)
def test_an_address_that_is_none(
    address: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be a name is refused; what no name server takes leads nowhere."""
    code = main(["health", "--port", "9", "--address", address])
    assert said in capsys.readouterr().err
    assert code == (1 if said.startswith("Cannot") else 2)


def test_an_address_that_is_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    """Z06, Z07: the URL is shown as text, with what to do; exit code 1."""
    words = ["--address", "host.invalid", "--port", "8888"]
    for command in ("health", "status", "traces", "metrics", "scripting", "reload"):
        assert main([command, *words]) == 1
        errors = capsys.readouterr().err
        assert "Cannot connect to control port at http://host.invalid:8888" in errors
        assert "hint: " in errors


def test_what_answers_is_no_http(capsys: pytest.CaptureFixture[str]) -> None:
    """Another kind of server is an error like none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert main(["health", "--port", str(listener.getsockname()[1])]) == 1
        thread.join(5)
    assert "Cannot connect to control port" in capsys.readouterr().err


def test_credentials_go_along(control: Control, run: Run) -> None:
    """A header of the command line is sent; a refusal says which option to use."""
    control.answers["GET /metrics"] = (200, "x 1\n")
    run("metrics", "--header", "Authorization: Bearer t")
    assert control.asked[-1][1]["Authorization"] == "Bearer t"
    for status in (401, 403):
        control.answers["GET /metrics"] = (status, {})
        code, text, errors = run("metrics")
        assert (code, text) == (1, "")
        assert "--header 'Authorization: …'" in errors


def test_any_character_in_a_header(control: Control, run: Run) -> None:
    """A value that is not ASCII is sent as UTF-8."""
    control.answers["GET /metrics"] = (200, "x 1\n")
    assert run("metrics", "--header", "X-Who: é日")[0] == 0
    sent = control.asked[-1][1]["X-Who"]
    assert sent.encode("latin-1").decode() == "é日"


#: What the commands ask for, and answers of 200 that no control port gives.
_ASKED = {
    "health": "GET /health/live",
    "status": "GET /status",
    "traces": "GET /traces",
    "traces abc": "GET /traces/abc",
    "metrics": "GET /metrics",
    "scripting": "GET /scripting",
    "scripting --set timeout=5": "PUT /scripting",
    "reload": "POST /config/reload",
}


@pytest.mark.parametrize(
    "body", ["<html>hello</html>", "[]", "5", "{}", '{"adapters": 1}', "[" * 90_000]
)
@pytest.mark.parametrize("words", _ASKED)
def test_another_web_server(words: str, body: str, control: Control, run: Run) -> None:
    """A server that answers everything with 200 is not taken for one of ours."""
    control.answers[_ASKED[words]] = (200, body)
    control.answers["GET /health/ready"] = (200, body)
    if words.startswith("scripting --set"):
        control.answers["GET /scripting"] = (200, body)
    code, text, errors = run(*words.split())
    assert (code, text) == (1, "")
    assert "is no naftiko control port: /" in errors
    assert "hint: --port and --address lead elsewhere" in errors


@pytest.mark.parametrize("words", ["traces abc", "traces", "health", "scripting"])
def test_another_web_server_that_has_nothing(
    words: str, control: Control, run: Run
) -> None:
    """A page that says 404 or 503 does not say that there are no traces."""
    for status in (404, 503):
        control.answers["GET /health/live"] = (200, {"status": "UP"})
        for path in ("/traces", "/traces/abc", "/health/ready", "/scripting"):
            control.answers[f"GET {path}"] = (status, "<html>")
        code, text, errors = run(*words.split())
        assert (code, text) == (1, "")
        assert "control port" in errors


def test_odd_members(control: Control, run: Run) -> None:
    """Members of another kind than ours are passed over, control characters escaped."""
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


# --- health and status ----------------------------------------------------------------


def test_health(control: Control, run: Run) -> None:
    """Z07: all up is 0; degraded is 1 and names what is down."""
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
    assert "`management` of the control adapter" in errors


def test_status(control: Control, run: Run) -> None:
    """Z08: up and degraded both exit with 0."""
    found = {
        "capability": {"label": "Shop \x1b[31m"},
        "engine": {"version": "9.9"},
        "uptime": "PT2H34M12S",
        "otel": {"status": "active"},
        "adapters": [adapter("rest"), adapter("control", "stopped")],
    }
    control.answers["GET /status"] = (200, found)
    code, text, _ = run("status")
    assert code == 0
    assert "\x1b" not in text
    assert text.splitlines()[0].endswith(": UP")
    assert text.splitlines()[1:4] == [
        "Engine:    9.9",
        "Uptime:    2h 34m 12s",
        "Telemetry: active",
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
def test_durations(text: str, shown: str) -> None:
    """Z08: for people; what is no duration stays as it is."""
    assert duration(text) == shown


# --- traces and metrics ---------------------------------------------------------------


def test_traces(control: Control, run: Run) -> None:
    """Z09: a table of the latest; filters are passed on; none is no error."""
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
    for answer in ((200, {"traces": []}), (503, {"error": "inactive"})):
        control.answers["GET /traces"] = answer
        assert run("traces") == (0, "", "No traces found.\n")
    for status in (404, 500):
        control.answers["GET /traces"] = (status, {})
        code, _, errors = run("traces")
        assert (code, f"/traces returned HTTP {status}" in errors) == (1, True)


def test_one_trace(control: Control, run: Run) -> None:
    """Z09: its spans as a tree, with their kinds; an unknown one exits with 1."""
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
def test_milliseconds(number: Any, shown: str) -> None:
    """Z09: `342ms`, `1.2s`."""
    assert milliseconds(number) == shown


def test_metrics(control: Control, run: Run) -> None:
    """Z10: the text as it came, or the lines that match; 503 exits with 1."""
    text = '# HELP a b\na{x="1"} 1\nb 2\n'
    control.answers["GET /metrics"] = (200, text)
    assert run("metrics") == (0, text, "")
    assert run("metrics", "--filter", "^a|2$") == (0, 'a{x="1"} 1\nb 2\n', "")
    assert run("metrics", "--filter", "nothing") == (0, "", "")
    for pattern in ("(", "a{99999999999}", "(" * 5000):
        code, _, errors = run("metrics", "--filter", pattern)
        assert (code, "--filter: no regular expression" in errors) == (1, True)
    control.answers["GET /metrics"] = (503, {"error": "x"})
    code, out, errors = run("metrics")
    assert (code, out) == (1, "")
    assert "Metrics unavailable: OpenTelemetry is not active." in errors
    control.answers["GET /metrics"] = (500, "")
    assert run("metrics")[0] == 1


# --- scripting and reloading ----------------------------------------------------------


STATE = {
    "enabled": True,
    "timeout": 60000,
    "allowedLanguages": ["javascript", "python"],
    "stats": {"totalExecutions": 3},
}


def test_scripting(control: Control, run: Run) -> None:
    """Z11: settings and statistics; switched off, and where the server says nothing."""
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
    # The reference engine shows DISABLED here.
    control.answers["GET /scripting"] = (200, {"timeout": 5})
    assert run("scripting")[1].startswith("Scripting: ENABLED\n")


def test_scripting_is_changed(control: Control, run: Run) -> None:
    """Z11: one or several settings, typed, in one request; then the new state."""
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


def test_scripting_that_fails(control: Control, run: Run) -> None:
    """Z11: an unknown field sends nothing; refusals of the server are told."""
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


def test_reload(control: Control, run: Run) -> None:
    """What the server says of its documents, and whether it serves them now."""
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
    assert "hint: if this is a control port, its log says more" in errors
