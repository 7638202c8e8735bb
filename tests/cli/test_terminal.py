"""The command line in a real terminal: colour, progress, width, Ctrl-C."""

from __future__ import annotations

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="needs a POSIX terminal")

from naftiko.demo import TOKEN, serve
from support.recorder import Recorder, response
from support.terminals import Terminal

ROOT = Path(__file__).parents[2]
BROKEN = str(ROOT / "capabilities" / "broken.yaml")
DOCKER = str(ROOT / "capabilities" / "docker.yaml")
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")


def _run(*words: str, columns: int = 80, **environment: str) -> tuple[str, int | None]:
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS")
    }
    with Terminal(
        [sys.executable, "-m", "naftiko", *words],
        columns=columns,
        environment={**variables, "TERM": "xterm", **environment},
        folder=str(ROOT),
    ) as terminal:
        return terminal.end(), terminal.code


def test_severities_are_coloured_in_a_terminal() -> None:
    """`validate` prints severities in colour in a terminal."""
    shown, code = _run("validate", BROKEN)
    assert "\x1b[31merror\x1b[0m: " in shown
    assert code == 1


@pytest.mark.parametrize(
    "environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CLICOLOR": "0"}]
)
def test_colour_is_turned_off_by_the_environment(environment: dict[str, str]) -> None:
    """`NO_COLOR`, `TERM=dumb` and `CLICOLOR=0` turn colour off in a terminal."""
    shown, _ = _run("validate", BROKEN, **environment)
    assert ": error: " in shown
    assert "\x1b[3" not in shown


def test_lines_fit_a_terminal_and_names_stay_whole() -> None:
    """Lines of `list` are cut at the terminal's width, but never inside a ref."""
    lines = _run("list", DOCKER, columns=60)[0].splitlines()
    assert len(lines) == 105
    assert max(map(len, lines)) == 60
    narrow = _run("list", DOCKER, columns=10)[0].splitlines()
    assert narrow[0] == "docker.containerlist"
    assert len(narrow) == 105


def test_description_is_wrapped_at_the_terminal_width() -> None:
    """`describe` wraps a long description at the width of the terminal."""
    shown, _ = _run("describe", DOCKER, "docker.imagebuild", columns=50)
    assert max(len(line) for line in shown.splitlines()[2:6]) <= 50


def test_binary_body_is_not_printed_to_a_terminal() -> None:
    """`call --raw` refuses to print a binary response body to a terminal."""
    answer = response(b"\0\1\2\x1b[31m", content_type="application/octet-stream")
    with Recorder(answer) as recorder:
        shown, code = _run(
            "call", BOOKSHOP, "bookshop.list-authors", "--raw",
            "--base-uri", recorder.url, BOOKSHOP_TOKEN="x", NO_COLOR="1",
        )  # fmt: skip
    assert "the response body is binary, and the output is a terminal" in shown
    assert "\0" not in shown
    assert code == 1


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer with two parts, the second after 0.8 seconds."""
        self.send_response(200)
        self.send_header("Content-Length", "2000000")
        self.end_headers()
        self.wfile.write(b"x" * 1_000_000)
        time.sleep(0.8)
        self.wfile.write(b"x" * 1_000_000)

    def log_message(self, *_: object) -> None:
        """Write no log."""


def test_slow_download_shows_a_progress_bar(tmp_path: Path) -> None:
    """A slow download shows a progress bar within the terminal and removes the bar."""
    target = tmp_path / "a"
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shown, code = _run(
            "call", BOOKSHOP, "bookshop.list-authors", "-O", str(target),
            "--base-uri", f"http://127.0.0.1:{server.server_port}",
            columns=60, BOOKSHOP_TOKEN="x",
        )  # fmt: skip
        server.shutdown()
    assert code == 0
    assert target.stat().st_size == 2_000_000
    bars = shown.split("\r\x1b[K")
    assert "/2,000,000 bytes" in bars[1]
    assert "█" in bars[1]
    assert max(map(len, bars)) < 60
    assert bars[-1] == ""


def test_slow_validation_shows_a_progress_bar(tmp_path: Path) -> None:
    """A slow `validate` without `--quiet` shows a progress bar in a terminal."""
    pipe = tmp_path / "slow.yaml"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb") as file:  # waits for the reader
            time.sleep(0.8)
            file.write(Path(BOOKSHOP).read_bytes())

    for more, bars in (([], 1), (["--quiet"], 0)):
        threading.Thread(target=write, daemon=True).start()
        paths = [BOOKSHOP, str(pipe)]
        shown, code = _run("validate", *paths, *more, columns=50)
        assert code == 0
        drawn = shown.split("\r\x1b[K")
        # On a busy machine the second file may be slow too and draw another bar.
        assert len([text for text in drawn if "/2 files" in text]) >= bars
        if more:
            assert len(drawn) == 1
        assert max(map(len, drawn)) < 50
        last = "" if more else "\x1b[1m2 files, 2 valid, 0 errors, 0 warnings\x1b[0m\n"
        assert drawn[-1] == last


def test_message_begins_a_line_of_its_own() -> None:
    """An error after a truncated stream begins on a new line."""
    half = response(b"x" * 100)[:-50]
    with Recorder(half + b"\r\nConnection: close") as recorder:
        shown, code = _run(
            "call", BOOKSHOP, "bookshop.list-authors", "--stream",
            "--base-uri", recorder.url, BOOKSHOP_TOKEN="x", NO_COLOR="1",
        )  # fmt: skip
    assert code == 1
    assert shown.splitlines()[-1].startswith("error: ")


def test_interrupt_ends_a_stream_without_a_message() -> None:
    """Ctrl-C in a terminal ends `call --stream` by SIGINT, without a message."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        Recorder(head + b"6\r\nhello\n\r\n") as recorder,
        Terminal(
            [
                sys.executable, "-m", "naftiko", "call", BOOKSHOP,
                "bookshop.list-authors", "--stream", "--base-uri", recorder.url,
            ],
            environment={**os.environ, "BOOKSHOP_TOKEN": "x"},
        ) as terminal,
    ):  # fmt: skip
        terminal.wait_for("hello\n")
        terminal.type("\x03")
        assert terminal.end().strip() in ("", "^C")
        assert terminal.code == -2


@pytest.mark.slow
def test_result_is_coloured_and_delete_asks_in_a_terminal() -> None:
    """JSON has colours in a terminal; with `--confirm` a DELETE waits for an answer."""
    with serve() as url:
        shop = {
            **os.environ, "TERM": "xterm", "BOOKSHOP_TOKEN": TOKEN,
            "NAFTIKO_BASE_URI_BOOKSHOP": url,
        }  # fmt: skip
        shop.pop("NO_COLOR", None)
        call = [sys.executable, "-m", "naftiko", "call", BOOKSHOP]
        words = [*call, "bookshop.create-order", "isbn=9780141439587"]
        with Terminal(words, environment=shop, folder=str(ROOT)) as terminal:
            assert '\x1b[34m"id"\x1b[0m: \x1b[32m"order-1"\x1b[0m' in terminal.end()
        words = [*call, "bookshop.cancel-order", "id=order-1", "--confirm"]
        for answer, code in (("n", 1), ("y", 0)):
            with Terminal(words, environment=shop, folder=str(ROOT)) as terminal:
                terminal.wait_for("/orders/order-1: send it? [y/N] ")
                terminal.type(f"{answer}\n")
                terminal.end()
                assert terminal.code == code
