"""Lines of logs and of a terminal: no text from outside begins a line, or moves one."""

from __future__ import annotations

import io
import json
import logging
import socket
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from naftiko.cli.console import fail, warn
from naftiko.cli.progress import Progress
from naftiko.exposes.observability.logs import JsonLines, TextLines
from naftiko.plain import visible, visible_json
from support.serving import document, operation
from support.serving_process import Server, write

#: What would begin a line, clear a screen, or turn a text around.
CONTROLS = (
    "\n \r \r\n \t \0 \x07 \x08 \x0b \x0c \x1b[2J \x1c \x1e \x7f \x80 \x85 \x9b31m \x9f"
    " \u061c \u200b \u200e \u200f \u2028 \u2029 \u202a \u202e \u2066 \u2069 \ufeff"
    " \ud800 \udfff \U000e0041"
)
FORGED = "2030-01-01 00:00:00,000 INFO    naftiko.access: shop GET / 200"
HOSTILE = f"a{CONTROLS}\n{FORGED}\r{FORGED}\u2028{FORGED}"


def _is_visible(text: str) -> bool:
    return text.isprintable()


def _record(message: str, *values: Any, error: Any = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("naftiko.x", 20, "f", 1, message, values, info)


def test_text_line_is_one_line() -> None:
    """Every control character of a message is escaped."""
    line = TextLines().format(_record("GET %s", HOSTILE))
    assert _is_visible(line)
    assert f"\\n{FORGED}\\r{FORGED}" in line


def test_json_line_is_one_line_and_the_same_value() -> None:
    """Also for readers that split at U+2028 or U+0085, and for UTF-8."""
    record = _record("GET %s", HOSTILE)
    record.path = HOSTILE
    line = JsonLines().format(record)
    assert _is_visible(line)
    assert line.encode()
    assert json.loads(line)["path"] == HOSTILE


def _raised() -> BaseException:
    """Return an exception with hostile texts in all of its parts."""
    try:
        try:
            raise KeyError(HOSTILE)
        except KeyError as error:
            failure = ValueError(HOSTILE)
            failure.add_note(HOSTILE)
            raise ExceptionGroup(HOSTILE, [failure]) from error
    except ExceptionGroup as error:
        return error


def test_traceback_cannot_forge_a_line() -> None:
    """Only the lines of its frames follow, indented; texts of exceptions are escaped."""
    first, *rest = TextLines().format(_record("failed", error=_raised())).split("\n")
    assert first.endswith("naftiko.x: failed")
    assert all(line.startswith("  ") and _is_visible(line) for line in rest)
    assert not any(line.lstrip().startswith(FORGED[:10]) for line in rest)
    for name in ("KeyError", "ExceptionGroup", "ValueError"):
        assert sum(line.startswith(f"  {name}: ") for line in rest) == 1
    line = JsonLines().format(_record("failed", error=_raised()))
    assert _is_visible(line)
    assert FORGED in json.loads(line)["error"]


def test_error_without_a_text_is_logged() -> None:
    """An exception whose `str` fails, and a cycle of causes, are logged all the same."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    first, second = Broken(), Broken()
    first.__cause__, second.__cause__ = second, first
    assert TextLines().format(_record("x", error=first)).count("(no text)") == 2


def test_escapes_keep_what_people_read() -> None:
    """Other characters stay: joiners of emoji, blanks of French, letters of Hebrew."""
    text = "é ü\u00a0! \u0928\u094d\u200d \U0001f469\u200d\U0001f4bb \u05d0 日本"
    assert visible(text) == visible_json(text) == text
    assert visible("a\n\tb", keep="\n") == "a\n\\tb"


def test_messages_of_the_command_line_are_one_line() -> None:
    """The text of an API in an error cannot look like a hint of ours."""
    out = io.StringIO()
    with redirect_stderr(out):
        fail(f"x: {HOSTILE}", HOSTILE)
        warn(HOSTILE)
    lines = out.getvalue().split("\n")
    assert [line.split(":")[0].strip() for line in lines] == [
        "error", "hint", "warning", "",
    ]  # fmt: skip
    assert all(_is_visible(line.replace("\t", "")) for line in lines)


class _Terminal(io.TextIOWrapper):
    """Standard output that says it is a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", errors="backslashreplace")

    def isatty(self) -> bool:
        """Tell that it is one."""
        return True

    @property
    def text(self) -> str:
        """What was written."""
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined, no-any-return]


_SAID = {"message": HOSTILE, "rows": [{"name": HOSTILE}], HOSTILE: HOSTILE}


@pytest.fixture
def api(tmp_path: Path) -> Any:
    """Yield the file of a capability whose API answers with hostile texts."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = 400 if self.path == "/bad" else 200
            kind = "text/plain" if self.path == "/text" else "application/json"
            self.send_response_only(status, "O\x1b[31mK\x9b2J\u00ad")
            body = json.dumps(_SAID).encode()
            if self.path == "/text":
                body = HOSTILE.encode("utf-8", "replace")
            self.send_header("Content-Type", kind)
            self.send_header("X-Said", "a\x1b[2J\x9b31m\x85b")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    names = ("json", "bad", "text")
    consumes = {
        "baseUri": f"http://127.0.0.1:{server.server_port}",
        "resources": [
            {
                "name": name,
                "path": f"/{name}",
                "operations": [{"name": name, "method": "GET"}],
            }
            for name in names
        ],
    }
    yield write(tmp_path / "c.yaml", document([], consumes=consumes))
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "json", "json -v", "json --include", "json -o yaml", "json -o table", "json -o csv",
        "json -o tsv", "json -o ndjson", "json -o lines", "bad", "bad -v", "text",
        "text -v", "text -o yaml", "text -o json",
    ],
)  # fmt: skip
def test_terminal_obeys_no_character_of_an_api(
    api: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`call` escapes in each of its formats what a terminal would take for a command."""
    from naftiko.cli import main

    monkeypatch.setenv("NO_COLOR", "1")
    name, *options = words.split()
    out, err = _Terminal(), _Terminal()
    with redirect_stdout(out), redirect_stderr(err):
        main(["call", str(api), f"api.{name}", *options])
    shown = out.text + err.text
    assert "a" in shown
    # CR LF is the end of a line.
    plain = shown.replace("\r\n", "\n").replace("\n", "").replace("\t", "")
    hidden = {c for c in plain if not c.isprintable()} - set("\r")
    assert not hidden
    for line in err.text.split("\n"):
        assert not line.startswith(FORGED)


@pytest.mark.parametrize(
    "words", ["list", "describe", "describe h.x", "list --exposed", "validate"]
)
def test_terminal_obeys_no_character_of_a_document(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents come from outside, too."""
    from naftiko.cli import main

    monkeypatch.setenv("NO_COLOR", "1")
    # On a busy machine a bar is drawn, which moves the cursor by itself.
    monkeypatch.setattr(Progress, "_draw", lambda *_: None)
    text = HOSTILE.encode("utf-8", "replace").decode()
    inputs = [{"name": f"p{text}", "in": "query", "description": text, "enum": [text]}]
    told = {"description": text, "inputParameters": inputs}
    found = {"name": "x", "method": "GET", **told}
    resources = [{"name": "r", "path": f"/{text}", "operations": [found]}]
    route = operation(f"/{text}", call="h.x", **told)
    data = document(route, consumes={"namespace": "h", "resources": resources})
    data["info"] = {"label": text, "description": text}
    file = tmp_path / "c.json"
    file.write_text(json.dumps(data))
    command, *more = words.split()
    out, err = _Terminal(), _Terminal()
    with redirect_stdout(out), redirect_stderr(err):
        main([command, str(file), *more])
    lines = (out.text + err.text).split("\n")
    assert all(_is_visible(line.replace("\t", "")) for line in lines)
    assert not any(line.startswith(FORGED) for line in lines)


def test_log_of_a_server_has_one_line_for_each_request(tmp_path: Path) -> None:
    """A path with line breaks, ESC or U+2028 is one line, in both formats."""
    file = write(tmp_path / "c.yaml", document(operation("/x", call="api.list")))
    path = "/" + quote(HOSTILE.encode("utf-8", "replace"), safe="")
    for kind in ("text",):
        with Server(file, "--port", "0", "--log-format", kind, ready=0) as server:
            told = server.wait_for(" at http")["message"]
            host, port = "127.0.0.1", told.rpartition(":")[2].strip("/")
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
                connection.sendall(f"{head}\r\n".encode())
                while connection.recv(65536):
                    pass
            server.stop()
        # All is read once the process has ended.
        lines = server.text.split("\n")
        assert all(map(_is_visible, lines)), lines
        asked = [line for line in lines if "naftiko.access" in line]
        assert len(asked) == 1
        assert not any(line.startswith(FORGED) for line in lines)
        if kind == "json":
            assert FORGED in json.loads(asked[0])["path"]
