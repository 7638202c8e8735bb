"""The command line as a whole: exit codes, where text goes, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from naftiko.cli import main
from naftiko.version import __version__

ROOT = Path(__file__).parents[2]
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")
COMMAND = [sys.executable, "-m", "naftiko"]


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints name and version and exits with 0."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"naftiko {__version__}\n"


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help goes to standard error, and the exit code is 2."""
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert "commands:" in shown.err
    assert shown.out == ""


def test_misspelt_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command names the nearest one."""
    with pytest.raises(SystemExit) as caught:
        main(["lst", BOOKSHOP])
    assert caught.value.code == 2
    assert "did you mean 'list'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["list", "no-such.yaml"], 3, "cannot be read"),
        (["describe", BOOKSHOP, "bookshop.get-boook"], 1, "bookshop.get-book"),
        (["call", BOOKSHOP, "bookshop.get-book", "x=1", "--dry-run"], 1, "'isbn'"),
        (["call", BOOKSHOP, "bookshop.get-book", "isbn"], 2, "name=value"),
        (["call", BOOKSHOP, "bookshop.get-book", "isbn:={"], 2, "not JSON"),
        (["call", BOOKSHOP, "bookshop.get-book", "isbn=@nowhere"], 2, "not there"),
        (["schema", "9.9"], 3, "1.0.0-alpha2"),
    ],
)
def test_mistakes_have_a_code_and_a_message(
    words: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake prints one error with a hint to standard error, nothing to output."""
    assert main(words) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert text in shown.err
    assert "Traceback" not in shown.err


def test_closed_pipe_ends_quietly() -> None:
    """When the reader of the output goes away, the command ends without a word."""
    with subprocess.Popen(
        [*COMMAND, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal")
def test_interrupt_ends_quietly() -> None:
    """Ctrl-C ends a running command without a traceback, exit code 130."""
    with subprocess.Popen(
        [*COMMAND, "demo", "--serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode == 130


def test_demo_does_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The demo validates, lists, calls three operations and shows an error."""
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    assert "no problems" in shown
    assert "bookshop.list-books    GET" in shown
    assert shown.count("bookshop.call(") == 3
    assert "StatusError: bookshop.get-book: 404" in shown
    assert "${BOOKSHOP_TOKEN}" in shown
    assert "demo-token" not in shown


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    """`schema` prints the published rules unless others are asked for."""
    import json

    assert main(["schema"]) == 0
    published = json.loads(capsys.readouterr().out)
    assert main(["schema", "observed"]) == 0
    assert json.loads(capsys.readouterr().out) != published
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
