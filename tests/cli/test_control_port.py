"""Client of the control port: its address, connection errors and foreign replies.

Codes such as Z06 name the facts of section 11.11 of the specification.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import main
from naftiko.cli.control_port import ControlPort
from naftiko.cli.parser import parse
from support.control_port import Control

pytestmark = pytest.mark.usefixtures("no_control_port")
Run = Any


def _url(*words: str) -> str:
    """Return the URL of the control port that `naftiko health` with options asks."""
    return ControlPort(parse(["health", *words])).url


def test_port_comes_from_option_environment_or_document(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Z06: the port is from the option, the environment, a document, or is 9090."""
    (tmp_path / "a.yaml").write_text("- : [", "utf-8")
    (tmp_path / "b.yml").write_text("naftiko: x\ncapability: {exposes: 5}", "utf-8")
    assert _url() == "http://localhost:9090"
    adapters = "[{type: rest, port: 1}, {type: control, port: 2}]"
    (tmp_path / "c.yaml").write_text(f"capability: {{exposes: {adapters}}}", "utf-8")
    assert _url() == "http://localhost:2"
    monkeypatch.setenv("NAFTIKO_CONTROL_PORT", "3")
    assert _url() == "http://localhost:3"
    assert _url("--port", "4") == "http://localhost:4"
    assert _url("--port", "4", "--address", "::1") == "http://[::1]:4"
    monkeypatch.setenv("NAFTIKO_CONTROL_ADDRESS", "127.0.0.2")
    assert _url("--port", "4") == "http://127.0.0.2:4"


@pytest.mark.parametrize("port", ["many", "0", "9" * 5000])
def test_invalid_port_of_the_environment_is_refused(
    port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invalid `NAFTIKO_CONTROL_PORT` exits with 2; the error names the variable."""
    monkeypatch.setenv("NAFTIKO_CONTROL_PORT", port)
    assert main(["health"]) == 2
    message = f"NAFTIKO_CONTROL_PORT: expected a port from 1 to 65535, got '{port[:9]}"
    assert message in capsys.readouterr().err


def test_command_asks_the_port_of_the_environment(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Z06: `NAFTIKO_CONTROL_PORT` is the port that a command asks."""
    monkeypatch.setenv("NAFTIKO_CONTROL_PORT", str(control.port))
    main(["health"])
    assert [line for line, _, _ in control.asked] == ["GET /health/live"]


@pytest.mark.parametrize("port", ["0", "true", "70000", "'{{PORT}}'"])
def test_unusable_control_port_of_a_document_is_ignored(
    port: str, tmp_path: Path
) -> None:
    """Z06: a document is ignored if its control port is no number from 1 to 65535."""
    text = f"capability: {{exposes: [{{type: control, port: {port}}}]}}"
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    assert _url() == "http://localhost:9090"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://localhost", "--address: expected a host name or an IP address"),
        ("localhost:9090", "the port goes into --port"),
        ("a b", "an IP address, got 'a b'"),
        ("", "an IP address, got ''"),
        ("a" * 64 + ".test", "Cannot connect to control port"),
        ("a..test", "Cannot connect to control port"),
    ],
)
def test_invalid_address_is_refused(
    address: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An `--address` that is no host exits with 2; an unresolved host exits with 1."""
    code = main(["health", "--port", "9", "--address", address])
    assert said in capsys.readouterr().err
    assert code == (1 if said.startswith("Cannot") else 2)


def test_unreachable_control_port_is_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Z06, Z07: an unreachable control port exits with 1; the error names its URL."""
    words = ["--address", "host.invalid", "--port", "8888"]
    for command in ("health", "status", "traces", "metrics", "scripting", "reload"):
        assert main([command, *words]) == 1
        errors = capsys.readouterr().err
        assert "Cannot connect to control port at http://host.invalid:8888" in errors
        assert "hint: " in errors


def test_server_without_http_is_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A server that does not speak HTTP is reported as unreachable."""
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


def test_header_option_sends_credentials(control: Control, run: Run) -> None:
    """`--header` sends credentials; an error for 401 or 403 suggests the option."""
    control.answers["GET /metrics"] = (200, "x 1\n")
    run("metrics", "--header", "Authorization: Bearer t")
    assert control.asked[-1][1]["Authorization"] == "Bearer t"
    for status in (401, 403):
        control.answers["GET /metrics"] = (status, {})
        code, text, errors = run("metrics")
        assert (code, text) == (1, "")
        assert "--header 'Authorization: …'" in errors


def test_header_that_is_not_ascii_is_sent_as_utf_8(control: Control, run: Run) -> None:
    """A `--header` value that is not ASCII is sent as UTF-8."""
    control.answers["GET /metrics"] = (200, "x 1\n")
    assert run("metrics", "--header", "X-Who: é日")[0] == 0
    sent = control.asked[-1][1]["X-Who"]
    assert sent.encode("latin-1").decode() == "é日"


#: Command → the request that the command sends first to the control port.
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
def test_another_web_server_is_recognized(
    words: str, body: str, control: Control, run: Run
) -> None:
    """A reply of 200 with an unexpected body is reported as no control port."""
    control.answers[_ASKED[words]] = (200, body)
    control.answers["GET /health/ready"] = (200, body)
    if words.startswith("scripting --set"):
        control.answers["GET /scripting"] = (200, body)
    code, text, errors = run(*words.split())
    assert (code, text) == (1, "")
    assert "is not a naftiko control port: unexpected reply to /" in errors
    assert "hint: give the port of the control adapter" in errors


@pytest.mark.parametrize("words", ["traces abc", "traces", "health", "scripting"])
def test_another_web_server_is_not_an_empty_control_port(
    words: str, control: Control, run: Run
) -> None:
    """A 404 or 503 with an HTML page is reported as an error, not as empty data."""
    for status in (404, 503):
        control.answers["GET /health/live"] = (200, {"status": "UP"})
        for path in ("/traces", "/traces/abc", "/health/ready", "/scripting"):
            control.answers[f"GET {path}"] = (status, "<html>")
        code, text, errors = run(*words.split())
        assert (code, text) == (1, "")
        assert "control port" in errors
