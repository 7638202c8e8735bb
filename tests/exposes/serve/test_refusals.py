"""`naftiko serve` refuses to start: exit code, message and hint."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import main
from support.serving_process import write
from support.shop import document, mcp, rest


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Restore the logging settings of this process that `serve` changes."""
    root, ours = logging.getLogger(), logging.getLogger("naftiko")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs `naftiko serve` and returns exit code and errors."""

    def run(*words: str | Path) -> tuple[int, str]:
        try:
            code = main(["serve", *map(str, words)])
        except SystemExit as stop:  # argparse exits for an unrecognized argument
            code = int(stop.code or 0)
        told = capsys.readouterr()
        assert told.out == ""
        return code, told.err

    return run


@pytest.mark.parametrize(
    ("exposes", "words", "code", "message"),
    [
        ([], (), 4, "Capability must expose at least one endpoint"),
        ([rest(port=None)], (), 4, "'shop' has no port"),
        ([rest(), rest("b")], ("--port", "1"), 4, "but there are 2"),
        ([rest(port=8991), mcp(port=8991)], (), 4, "both want port 8991"),
        ([rest(port=1), mcp(port=1)], (), 4, "--port shop-mcp=PORT, or --single-port"),
        ([rest(port=1), rest(port=1)], (), 4, "hint: give --single-port PORT"),
        ([rest()], ("--adapter", "shap"), 4, "no adapter is called 'shap'"),
        ([rest()], ("--port", "x=1"), 4, "no adapter is called 'x'"),
        ([rest()], ("--port", "99999"), 2, "a port from 0 to 65535, got '99999'"),
        (
            [rest()],
            ("--port", "shop=" + "9" * 5000),
            2,
            "expected a port from 0 to 65535, got",
        ),
        ([rest()], ("--port", "shop=٣"), 2, "a port from 0 to 65535, got '٣'"),
        ([rest()], ("--port", "=1"), 2, "expected an adapter before '=', got"),
        ([rest()], ("--port", "shop"), 2, "hint: write PORT, or NAME=PORT"),
        ([rest()], ("--port", "1", "--port", "2"), 2, "--port is given twice"),
        ([rest()], ("--port", "a=1", "--port", "a=2"), 2, "given twice for 'a'"),
        ([rest()], ("--host", "0.0.0.0"), 4, "confirm it with --allow-public"),
        ([rest()], ("--stdio",), 4, "has no MCP adapter"),
        ([mcp(transport="stdio")], (), 4, "serve it with --stdio"),
        (
            [rest(), mcp(transport="stdio")],
            ("--adapter", "shop-mcp"),
            4,
            "serve it with --stdio",
        ),
        ([rest()], ("--stdio", "--port", "1"), 2, "leave out --port"),
        ([rest()], ("--stdio", "--single-port", "1"), 2, "leave out --single-port"),
        ([rest()], ("--stdio", "--host", "::1"), 2, "leave out --host"),
        ([rest()], ("--stdio", "--workers", "2"), 2, "leave out --workers"),
        ([rest()], ("--stdio", "--reload"), 2, "leave out --reload"),
        ([rest()], ("--stdio", "--variable", "A=header:B"), 2, "leave out --variable"),
        ([rest()], ("--stdio", "--cors", "*"), 2, "leave out --cors"),
        ([rest()], ("--stdio", "--allow-public"), 2, "leave out --allow-public"),
        ([rest()], ("--stdio", "--allowed-host", "*"), 2, "leave out --allowed-host"),
        ([rest()], ("--stdio", "--stateless"), 2, "leave out --stateless"),
        ([rest()], ("--single-port", "0", "--port", "1"), 2, "leave out one of them"),
        ([rest()], ("--host", "http://localhost"), 2, "the port goes into --port"),
        ([rest()], ("--host", "localhost:80"), 2, "the port goes into --port"),
        ([rest()], ("--host", ""), 2, "the port goes into --port"),
        ([rest()], ("--host", "203.0.113.7", "--allow-public"), 4, "another --host"),
        ([rest()], ("--cors", "shop.test"), 2, "scheme://host[:port], without a path"),
        ([rest()], ("--cors", "https://shop.test/"), 2, "without a path"),
        ([rest()], ("--variable", "X=header:a b"), 2, "NAME=header:X-Name"),
        ([rest(), rest()], ("--single-port", "0"), 4, "both want /shop/shop"),
        ([rest()], ("--cors", "https://me@shop.test"), 2, "without a path"),
        ([rest()], ("--allowed-host", "http://shop.test"), 2, "stands in `Host`"),
        ([rest()], ("--allowed-host", ""), 2, "stands in `Host`"),
        ([rest()], ("--variable", "X"), 2, "expected NAME=VALUE"),
        (
            [rest()],
            ("--variable", "X=abc"),
            2,
            "--variable: the document uses no variable 'X'",
        ),
        (
            [rest()],
            ("--variable", "X=header:A", "--variable", "X=header:B"),
            2,
            "--variable is given twice for 'X'",
        ),
        ([rest()], ("--variable", "X=header:X"), 4, "no document has a variable 'X'"),
        (
            [rest()],
            ("--base-uri", "nope=http://x"),
            2,
            "--base-uri: no namespace is called 'nope'",
        ),
        ([rest()], ("--base-uri", "nonsense"), 2, "--base-uri: 'nonsense' is not a"),
        ([rest()], ("--base-uri", ""), 2, "--base-uri: '' is not a base URI"),
        ([rest()], ("--base-uri", "api="), 2, "--base-uri: '' is not a base URI"),
        ([rest()], ("--cors", "https://é.test"), 2, "expected an origin, got"),
        ([rest()], ("--tools", "some"), 2, "all, search"),
        (
            [rest(authentication={"type": "bearer", "token": "{{TOKEN}}"})],
            (),
            4,
            "'TOKEN', which no bind declares",
        ),
    ],
)
def test_wrong_option_or_document_stops_the_start_with_a_message(
    tmp_path: Path, refused: Any, exposes: Any, words: Any, code: int, message: str
) -> None:
    """`naftiko serve` exits with a code and a message that names the mistake."""
    data = document(*exposes)
    if not exposes:
        del data["capability"]["exposes"]
    file = write(tmp_path / "shop.yaml", data)
    exit_code, errors = refused(file, *words)
    assert message in errors
    assert exit_code == code


def test_file_name_is_never_read_as_a_document_or_url(refused: Any) -> None:
    """A file name that looks like a document is a file name; a URL is refused."""
    for name, said in (
        ("{naftiko: 1.0.0-alpha2}", "}: cannot be read: No such file"),
        ("a\nb", "a\\nb: cannot be read: No such file"),
        ("https://h.test/a.yaml?b", "https://h.test/a.yaml?…: a URL is no file"),
    ):
        code, errors = refused(name)
        assert code == 3
        assert said in errors


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("-",), "a second '-'"),
        (("--workers", "2"), "--workers"),
        (("--reload",), "--reload"),
        (("--stdio",), "--stdio"),
    ],
)
def test_second_reader_of_standard_input_is_refused(
    refused: Any, words: tuple[str, ...], what: str
) -> None:
    """An option that would read standard input twice is refused before reading."""
    code, errors = refused("-", *words)
    assert code == 2
    assert f"only once: '-' and {what} are mutually exclusive" in errors
    assert "hint: write the document to a file" in errors


def test_refusal_is_one_json_line_if_logs_are_json(
    tmp_path: Path, refused: Any
) -> None:
    """`--log-format json` writes the error of a refused start as one JSON object."""
    file = write(tmp_path / "shop.yaml", document(rest(port=None)))
    code, errors = refused(file, "--log-format", "json")
    (line,) = map(json.loads, errors.splitlines())
    assert code == 4
    assert (line["level"], line["message"]) == ("error", "'shop' has no port")
    assert line["hint"] == "add `port:`, or give --port shop=8080"


def test_broken_document_exits_with_code_3(tmp_path: Path, refused: Any) -> None:
    """A broken or missing document exits with 3; the error has file and line."""
    (tmp_path / "bad.yaml").write_text("naftiko: [", "utf-8")
    code, errors = refused(tmp_path / "bad.yaml")
    assert code == 3
    assert "bad.yaml:1:" in errors
    assert refused(tmp_path / "gone.yaml")[0] == 3
