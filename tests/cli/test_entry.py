"""The process of the command line: exit codes, streams, signals, encodings."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from naftiko.cli import main
from naftiko.version import __version__

ROOT = Path(__file__).parents[2]
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")
BROKEN = str(ROOT / "capabilities" / "broken.yaml")
COMMAND = [sys.executable, "-m", "naftiko"]


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints name and version and exits with 0."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"naftiko {__version__}\n"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["list", "no-such.yaml"], 3, "cannot be read"),
        (["call", ".", "x"], 3, "hint: name a file in it"),
        (["list", "https://h.test/c.yaml"], 3, "hint: fetch it first"),
        (["validate", "https://h.test/c.yaml"], 2, "hint: fetch it first"),
        (["list", "a\n.yaml"], 3, "error: a\\n.yaml: cannot be read: No such file"),
        (["validate", "a\n.yaml"], 2, "error: a\\n.yaml: cannot be read: No such"),
        (["describe", BOOKSHOP, "bookshop.get-boook"], 1, "bookshop.get-book"),
        (["call", BOOKSHOP, "bookshop.get-book", "x=1", "--dry-run"], 1, "'isbn'"),
        (["call", BOOKSHOP, "bookshop.get-book", "isbn"], 2, "name=value"),
        (["call", BOOKSHOP, "bookshop.get-book", "isbn:={"], 2, "not JSON"),
        (["call", BOOKSHOP, "bookshop.get-book", "isbn=@nowhere"], 2, "No such file"),
        (["schema", "9.9"], 2, "1.0.0-alpha2"),
    ],
)
def test_error_has_an_exit_code_and_a_message(
    words: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error prints a message to standard error and sets the exit code."""
    assert main(words) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert text in shown.err
    assert "Traceback" not in shown.err


def test_broken_pipe_ends_without_a_message() -> None:
    """Broken pipe: `schema` exits with 141 and prints no message."""
    with subprocess.Popen(
        [*COMMAND, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    "words",
    [["--version"], ["list", BOOKSHOP], ["validate", BROKEN], ["demo"], ["--help"]],
)
def test_broken_pipe_of_any_command_ends_without_a_message(words: list[str]) -> None:
    """Broken pipe: each command ends without a message."""
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal")
def test_interrupt_ends_without_a_message() -> None:
    """Ctrl-C ends a running command by SIGINT itself, without a message.

    A shell then sees exit code 130 and ends a loop around the command.
    """
    with subprocess.Popen(
        [*COMMAND, "demo", "--serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode == -signal.SIGINT


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words",
    [["schema"], ["list", BOOKSHOP], ["--version"], ["--help"], ["list", "--help"]],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_disk_is_an_error_without_traceback(
    words: list[str], unbuffered: str
) -> None:
    """Full disk: output that cannot be written exits with 1, without a traceback."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        "error: the output cannot be written: No space left on device\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("redirection", "code"), [("<&-", 1), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 1)]
)
def test_closed_standard_stream_is_no_traceback(redirection: str, code: int) -> None:
    """A closed standard input, output or error stream causes no traceback."""
    source = "-" if "<" in redirection else shlex.quote(BOOKSHOP)
    done = subprocess.run(
        f"{shlex.join(COMMAND)} validate {source} {redirection}",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_output_is_escaped_for_its_encoding(encoding: str, tmp_path: Path) -> None:
    """Characters that the output encoding lacks are escaped; JSON stays valid."""
    file = tmp_path / "ü日.yaml"
    file.write_bytes(
        Path(BOOKSHOP).read_bytes().replace(b"Show one", "Zeig 日".encode())
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    shown = [
        subprocess.run(
            [*COMMAND, "list", str(file), *more],
            env=environment, capture_output=True, check=True,
        ).stdout.decode(encoding)
        for more in ([], ["--format", "json"])
    ]  # fmt: skip
    expected = "日" if encoding == "utf-8" else "\\u65e5"
    assert f"Zeig {expected}" in shown[0]
    assert json.loads(shown[1])[1]["description"] == "Zeig 日 book."


_UNPLACED = """\
naftiko: 1.0.0-alpha2
capability:
  consumes:
  - namespace: shop
    baseUri: https://shop.test
    resources:
    - name: books
      path: /books
      operations:
      - {name: get, method: GET, inputParameters: [{name: isbn, in: path}]}
"""


def test_option_appends_path_parameters_in_every_command(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the option, hints name it; the environment is as before afterwards."""
    file = tmp_path / "shop.yaml"
    file.write_text(_UNPLACED, "utf-8")
    commands: list[tuple[list[str], str]] = [
        (["validate", str(file), "-q"], ""),
        (["list", str(file)], "/books/{isbn}"),
        (["describe", str(file), "shop.get"], "https://shop.test/books/{isbn}"),
        (["call", str(file), "shop.get", "isbn=7", "--dry-run"], "shop.test/books/7"),
    ]
    option = "--append-path-parameters"
    for words, shown in commands:
        assert main([*words, option]) == 0
        captured = capsys.readouterr()
        assert shown in captured.out
        assert "placeholder" not in captured.out + captured.err
        assert "NAFTIKO_APPEND_PATH_PARAMETERS" not in os.environ
        main(words)
        captured = capsys.readouterr()
        if words[0] != "list":
            assert f"or give {option}" in captured.out + captured.err
            assert "unplaced_path_parameters" not in captured.out + captured.err
    monkeypatch.setenv("NAFTIKO_APPEND_PATH_PARAMETERS", "1")
    assert main(commands[0][0]) == 0
    assert main([*commands[0][0], option]) == 0
    assert os.environ["NAFTIKO_APPEND_PATH_PARAMETERS"] == "1"
