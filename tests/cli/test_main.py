"""The command line as a whole: exit codes, where text goes, and how it ends."""

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
from naftiko.cli.parser import parse
from naftiko.demo import TOKEN
from naftiko.version import __version__

ROOT = Path(__file__).parents[2]
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")
BROKEN = str(ROOT / "capabilities" / "broken.yaml")
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


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["lst", BOOKSHOP], "no command 'lst'", "did you mean 'list'?"),
        (["help"], "no command 'help'", "see `naftiko --help`"),
        (["--verson"], "unknown option '--verson'", "did you mean '--version'?"),
        (["--format", "json"], "unknown option '--format'", "stand behind it"),
        (["list", BOOKSHOP, "--serach", "x"], "'--serach'", "did you mean '--search'?"),
        (["call", "f", "r", "--outptu=x"], "option '--outptu'", "'--output'?"),
        (["call", "f", "r", "-x=1"], "option '-x'", "stands behind `--`"),
        (["call", "f"], "required: REF", "see `naftiko call --help`"),
        (["call"], "required: FILE, REF", "see `naftiko call --help`"),
        (["list", "a", "b"], "'b' is one argument too many", "naftiko list --help"),
        (["demo", "x"], "'x' is one argument too many", "naftiko demo --help"),
        (["validate"], "required: PATH", "see `naftiko validate --help`"),
        (["validate", "x", "--jobs", "two"], "'two' is not a number", "--help"),
        (["validate", "x", "--jobs", "-1"], "'-1' is not a number", "--help"),
        (["validate", "x", "--quiet=1"], "--quiet takes no value", "--help"),
        (["validate", "x", "--format", "jsn"], "did you mean 'json'?", "--help"),
        (["call", "f", "r", "--timeout", "nan"], "'nan' is not a number", "--help"),
        (["call", "f", "r", "--body"], "--body needs a value", "--body=VALUE"),
        (["call", "f", "r", "--header", "X"], "--header: what stands", "quotation"),
        (["call", "f", "r", "--header", "A B"], "--header: 'A …' is no", "quotation"),
        (["call", "f", "r", "--header", "B@d: x"], "is no header", "'Name: value'"),
        (["call", "f", "r", "--header", "X: a\nb"], "the value of 'X' holds", "9110"),
        (["call", "f", "r", "--header", "X: \udcff"], "not UTF-8", "'Name: value'"),
        (["health", "--header", "X:", "y"], "'X:' has no value", "quotation marks"),
        (["health", "--header", "X: ", "y"], "one argument too many", "quote a header"),
        (["health", "--header", "connection: x"], "set by the connection", "leave it"),
        (["health", "--port", "0"], "'0' is no port, 1 to 65535", "--help"),
        (["health", "--port", "٣"], "'٣' is no port, 1 to 65535", "--help"),
        (["serve", "f", "--single-port", "9" * 5000], "9…' is no port, 0 to", "--help"),
        (["serve", "f", "--workers", "9" * 5000], "9…' is not a number", "--help"),
        (["serve", "f", "--workers", "0"], "'0' is not a number", "--help"),
        (["traces", "--status", "failed"], "is not one of OK, ERROR", "--help"),
        (["traces", ""], "TRACE: the name is empty", "variable of the shell"),
        (["list", ""], "FILE: the name is empty", "variable of the shell"),
        (["validate", BOOKSHOP, ""], "PATH: the name is empty", "variable"),
        (["serve", BOOKSHOP, ""], "FILE: the name is empty", "variable"),
        (["completion"], "required: SHELL", "see `naftiko completion --help`"),
        (["completion", "zhs"], "did you mean 'zsh'?", "naftiko completion --help"),
    ],
)
def test_wrong_usage_says_what_is_wrong_and_what_is_near(
    words: list[str], what: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong usage exits with 2, names the mistake, and hints at what was meant."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    first, second = shown.err.splitlines()
    assert first.startswith("error: naftiko")
    assert what in first
    assert second.startswith("  hint: ")
    assert hint in second


@pytest.mark.parametrize(
    "words",
    [
        ["call", BOOKSHOP, "bookshop.get-book", "isbn=", "s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "token:s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "isbn:=s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "-us3cr3t:s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "--header", "Authorization s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "--header", "Authorization:", "s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "--header", "s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "--header", "s3cr3t=="],
        ["call", BOOKSHOP, "bookshop.get-book", "--header", "X: s3cr3t\n"],
        ["call", BOOKSHOP, "bookshop.get-book", "--token", "s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "--token=s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "--token:s3cr3t"],
        ["call", BOOKSHOP, "r", "--base-uri", "ftp://s3cr3t:s3cr3t@h.test"],
        ["call", BOOKSHOP, "r", "--base-uri", "s3cr3t:s3cr3t@h.test"],
        ["call", BOOKSHOP, "r", "--base-uri", "s3cr3t@h.test?a=s3cr3t"],
        ["call", BOOKSHOP, "r", "--base-uri", "https://h.test/?token=s3cr3t"],
        ["call", BOOKSHOP, "r", "--base-uri", "https://h.test/#token=s3cr3t"],
        ["call", "https://s3cr3t@h.test/c.yaml?token=s3cr3t", "r"],
        ["list", "https://s3cr3t:s3/cr3t@h.test/c.yaml"],
        ["validate", "https://h.test/c.yaml?token=s3cr3t"],
        ["validate", "https://h.test/c.yaml?token=s3cr3t", "--format", "json"],
        ["serve", "https://h.test/c.yaml?token=s3cr3t"],
        ["serve", BOOKSHOP, "--variable", "TOKEN=s3cr3t"],
        ["serve", BOOKSHOP, "--variable", "TOKEN=header:s3cr3t s3cr3t"],
        ["serve", BOOKSHOP, "--variable", "s3cr3t"],
        ["serve", BOOKSHOP, "--base-uri", "https://s3cr3t@h.test"],
        ["serve", BOOKSHOP, "--base-uri", "https://h.test?s3cr3t"],
        ["serve", BOOKSHOP, "--host", "https://s3cr3t@h.test"],
        ["serve", BOOKSHOP, "--cors", "https://s3cr3t:s3cr3t@h.test"],
        ["serve", BOOKSHOP, "--allowed-host", "s3cr3t@h.test"],
        ["health", "--address", "http://s3cr3t:s3cr3t@h.test?s3cr3t"],
        ["health", "--header", "Authorization: Bearer", "s3cr3t"],
    ],
)
def test_no_message_repeats_a_secret(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What a secret may stand in is not shown by the message about it."""
    try:
        code = main(words)
    except SystemExit as ended:
        code = int(ended.code or 0)
    shown = capsys.readouterr()
    assert code in (1, 2, 3)
    assert "error: " in shown.err
    assert "s3" not in shown.out + shown.err
    assert "cr3t" not in shown.out + shown.err


def test_options_stand_anywhere() -> None:
    """Options may stand between arguments; behind `--` everything is an argument."""
    words = [
        "call",
        "f",
        "--curl",
        "r",
        "a=1",
        "--header",
        "X:1",
        "b=2",
        "--",
        "-c=3",
        "--dry-run",
    ]
    parsed = parse(words)
    assert (parsed.file, parsed.ref) == ("f", "r")
    assert parsed.items == ["a=1", "b=2", "-c=3", "--dry-run"]
    assert parsed.curl
    assert not parsed.dry_run
    assert parsed.header == [("X", "1")]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["list", "no-such.yaml"], 3, "cannot be read"),
        (["list", "."], 3, "hint: name a file in it"),
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


@pytest.mark.parametrize(
    "words",
    [["--version"], ["list", BOOKSHOP], ["validate", BROKEN], ["demo"], ["--help"]],
)
def test_every_command_can_lose_its_reader(words: list[str]) -> None:
    """No command has a word to say when nobody reads its output any more."""
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal")
def test_interrupt_ends_quietly() -> None:
    """Ctrl-C ends a running command without a word, by the signal itself.

    A shell sees 130, and a loop around the command ends as well.
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
def test_full_disk_is_an_error_in_words(words: list[str], unbuffered: str) -> None:
    """Output that cannot be written is an error without a traceback, exit code 1."""
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
def test_closed_streams(redirection: str, code: int) -> None:
    """A stream that the caller closed is like an empty one, never a traceback."""
    source = "-" if "<" in redirection else shlex.quote(BOOKSHOP)
    done = subprocess.run(
        f"{shlex.join(COMMAND)} validate {source} {redirection}",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_output(encoding: str, tmp_path: Path) -> None:
    """What the output cannot show is escaped, and JSON stays JSON."""
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


def test_demo_does_what_it_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo validates, lists, calls three operations and shows an error.

    No proxy, variable or base URI of the environment gets in its way.
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


def test_demo_serves_until_it_is_ended() -> None:
    """`--serve` prints at once a command that works while it runs."""
    with subprocess.Popen(
        [*COMMAND, "demo", "--serve"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        words = shlex.split(process.stdout.readline())
        done = subprocess.run(
            [*COMMAND, *words[1:], "--select", "$.total"],
            env={**os.environ, "BOOKSHOP_TOKEN": TOKEN},
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        process.terminate()
    assert done.stdout == "10\n"
    assert process.returncode == 128 + signal.SIGTERM


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    """`schema` prints the published rules unless others are asked for."""
    assert main(["schema"]) == 0
    published = json.loads(capsys.readouterr().out)
    assert main(["schema", "observed"]) == 0
    assert json.loads(capsys.readouterr().out) != published
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
