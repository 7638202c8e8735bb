"""Command line parser: options in any position and usage errors with hints."""

from __future__ import annotations

from pathlib import Path

import pytest

from naftiko.cli import main
from naftiko.cli.parser import parse

ROOT = Path(__file__).parents[2]
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """`naftiko` alone prints its help to standard error and exits with 2."""
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert "commands:" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["lst", BOOKSHOP], "unknown command 'lst'", "did you mean 'list'?"),
        (["help", "lst"], "unknown command 'lst'", "did you mean 'list'?"),
        (["--verson"], "unrecognized option '--verson'", "did you mean '--version'?"),
        (["--format", "json"], "unrecognized option '--format'", "after the command"),
        (["list", BOOKSHOP, "--serach", "x"], "'--serach'", "did you mean '--search'?"),
        (["call", "f", "r", "--outptu=x"], "option '--outptu'", "'--output'?"),
        (["call", "f", "r", "-x=1"], "unrecognized option '-x'", "comes after `--`"),
        (
            ["call", "f", "r", "--genre", "x"],
            "option '--genre'",
            "no dashes: genre=VALUE",
        ),
        (
            ["call", "f", "r", "--verbos"],
            "option '--verbos'",
            "did you mean '--verbose'?",
        ),
        (
            ["call", "f", "r", "-d", "x"],
            "unrecognized option '-d'",
            "write --body TEXT",
        ),
        (
            ["call", "f", "r", "-X", "PUT"],
            "unrecognized option '-X'",
            "says the method",
        ),
        (["call", "f", "r", "--json"], "unrecognized option '--json'", "write -o json"),
        (["list", "f", "--json"], "unrecognized option '--json'", "write -o json"),
        (["call", "f"], "required: REF", "see `naftiko call --help`"),
        (["call"], "required: FILE, REF", "see `naftiko call --help`"),
        (["schema", "a", "b"], "unrecognized argument 'b'", "naftiko schema --help"),
        (["demo", "x"], "unrecognized argument 'x'", "naftiko demo --help"),
        (["validate"], "required: PATH", "see `naftiko validate --help`"),
        (
            ["validate", "x", "--jobs", "two"],
            "--jobs: expected a number of processes",
            "0 to 999",
        ),
        (["validate", "x", "--jobs", "-1"], "got '-1'", "0 to 999"),
        (["validate", "x", "--quiet=1"], "--quiet: expected no value", "--help"),
        (
            ["validate", "x", "--format", "jsn"],
            "sarif, got 'jsn'",
            "did you mean 'json'?",
        ),
        (
            ["call", "f", "r", "--timeout", "nan"],
            "seconds above 0, such as 2.5, got 'nan'",
            "--help",
        ),
        (["call", "f", "r", "--body"], "--body: expected a value", "--body=VALUE"),
        (
            ["call", "f", "r", "--header", "X"],
            "got a word without a header name",
            "quotation",
        ),
        (
            ["call", "f", "r", "--header", "A B"],
            "expected 'Name: value', got 'A …'",
            "quotation",
        ),
        (
            ["call", "f", "r", "--header", "B@d: x"],
            "--header: expected",
            "'Name: value'",
        ),
        (
            ["call", "f", "r", "--header", "X: a\nb"],
            "header 'X' contains a control character",
            "9110",
        ),
        (
            ["call", "f", "r", "--header", "X: \udcff"],
            "expected UTF-8 text",
            "'Name: value'",
        ),
        (
            ["health", "--header", "X:", "y"],
            "header 'X' has no value",
            "quotation marks",
        ),
        (
            ["health", "--header", "X: ", "y"],
            "unrecognized argument, not shown",
            "quote a header",
        ),
        (["health", "--header", "connection: x"], "set by the connection", "leave it"),
        (
            ["health", "--port", "0"],
            "expected a port from 1 to 65535, got '0'",
            "--help",
        ),
        (
            ["health", "--port", "٣"],
            "expected a port from 1 to 65535, got '٣'",
            "--help",
        ),
        (
            ["serve", "f", "--single-port", "9" * 5000],
            "a port from 0 to 65535, got '99",
            "--help",
        ),
        (
            ["serve", "f", "--workers", "9" * 5000],
            "a number of processes, got '99",
            "1 to 999",
        ),
        (
            ["serve", "f", "--workers", "0"],
            "a number of processes, got '0'",
            "1 to 999",
        ),
        (
            ["traces", "--status", "failed"],
            "expected one of OK, ERROR, got 'FAILED'",
            "--help",
        ),
        (["health", "9090"], "the server is named by options", "write --port 9090"),
        (
            ["reload", "http://a.test:81/"],
            "named by options",
            "write --address a.test --port 81",
        ),
        (["traces", ""], "TRACE: expected a name, got an empty text", "unset?"),
        (["list", ""], "FILE: expected a name, got an empty text", "unset?"),
        (
            ["validate", BOOKSHOP, ""],
            "PATH: expected a name, got an empty text",
            "unset?",
        ),
        (["serve", BOOKSHOP, ""], "FILE: expected a name, got an empty text", "unset?"),
        (["completion"], "required: SHELL", "see `naftiko completion --help`"),
        (
            ["completion", "zhs"],
            "SHELL: expected one of bash, zsh",
            "did you mean 'zsh'?",
        ),
    ],
)
def test_usage_error_is_printed_with_a_hint(
    words: list[str], what: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error exits with 2 and prints one line of error and one of hint."""
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
        ["--token=s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "--quiet=s3cr3t"],
        ["call", BOOKSHOP, "bookshop.get-book", "--raw=s3cr3t"],
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
def test_secret_is_not_repeated_in_a_message(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An error about a word of the command line does not show a secret in the word."""
    try:
        code = main(words)
    except SystemExit as ended:
        code = int(ended.code or 0)
    shown = capsys.readouterr()
    assert code in (1, 2, 3, 4)
    assert "error: " in shown.err
    assert "s3" not in shown.out + shown.err
    assert "cr3t" not in shown.out + shown.err


def test_options_are_parsed_anywhere() -> None:
    """Options may stand between arguments; each word behind `--` is an argument."""
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


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("options", [[], ["--curl"], ["--select", "$"]])
def test_arguments_keep_their_order_around_options(
    count: int, options: list[str]
) -> None:
    """Arguments before and behind options are kept in their order."""
    items = [f"n={number}" for number in range(count)]
    for place in range(count + 3):
        words = ["f", "r", *items]
        words[place:place] = options
        parsed = parse(["call", *words])
        assert [parsed.file, parsed.ref, *parsed.items] == ["f", "r", *items]


def test_words_behind_two_dashes_are_arguments() -> None:
    """A word with a dash is an option before `--` and an argument behind `--`."""
    parsed = parse(["validate", "-q", "--", "-a", "--strict"])
    assert parsed.paths == ["-a", "--strict"]
    assert parsed.quiet
    assert not parsed.strict
    assert parse(["list", "--", "-a"]).files == ["-a"]
    assert parse(["list", "-"]).files == ["-"]


@pytest.mark.parametrize("words", [["-h"], ["f", "--help"], ["f", "r", "x=1", "-h"]])
def test_help_is_printed_anywhere(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` in any position prints the help of the command and exits with 0."""
    with pytest.raises(SystemExit) as caught:
        parse(["call", *words])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("usage: naftiko call ")


def test_options_have_default_values() -> None:
    """Options and arguments that are left out have their default values."""
    assert parse(["schema"]).version == "published"
    assert parse(["call", "f", "r"]).items == []
    assert parse(["traces"]).trace_id is None
    assert parse(["traces", "--status", "error"]).status == "ERROR"
