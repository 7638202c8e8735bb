"""`naftiko demo`: the printed calls and the served demo API."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from naftiko.cli import main

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "naftiko"]


def test_demo_validates_lists_and_calls(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo validates, lists, calls three operations and shows an error.

    The demo ignores proxies, variables and base URIs of the environment.
    """
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NAFTIKO_BASE_URI_BOOKSHOP", "http://127.0.0.1:1")
    monkeypatch.setenv("BOOKSHOP_TOKEN", "another")
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    assert "no problems" in shown
    assert "bookshop.list-books    GET" in shown
    assert shown.count("bookshop.call(") == 3
    assert 'page=2>; rel="next"' in shown
    assert "StatusError: bookshop.get-book: 404" in shown
    assert "${BOOKSHOP_TOKEN}" in shown
    assert "demo-token" not in shown
    first, second, third = shown.splitlines()[-3:]
    assert main(shlex.split(first)[1:]) == main(shlex.split(second)[1:]) == 0
    assert third.endswith("demo --serve")


def test_demo_api_serves_until_it_is_ended() -> None:
    """`demo --serve` prints a variable to set, then a command that calls its API."""
    with subprocess.Popen(
        [*COMMAND, "demo", "--serve"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        name, _, value = process.stdout.readline().strip().partition("=")
        words = shlex.split(process.stdout.readline())
        done = subprocess.run(
            [*COMMAND, *words[1:], "--select", "$.total"],
            env={**os.environ, name.removeprefix("export "): value},
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        process.terminate()
    assert done.stdout == "10\n"
    assert process.returncode == 128 + signal.SIGTERM
