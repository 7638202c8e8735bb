"""`naftiko serve`: usage errors that are refused before a document is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from naftiko.cli import main

pytest.importorskip("uvicorn", reason="needs the extra `serve`")
pytest.importorskip("mcp", reason="needs the extra `serve`")


@pytest.fixture(autouse=True)
def _same_logging() -> Iterator[None]:
    """Restore the root logger, which `naftiko serve` configures."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["f", "--port", "99999"], "--port: expected a port from 0 to 65535"),
        (["f", "--port", "shop=٣"], "a port from 0 to 65535, got '٣'"),
        (["f", "--port", "=1"], "--port: expected an adapter before '=', got '=1'"),
        (["f", "--port", "1", "--port", "2"], "--port is given twice"),
        (["f", "--port", "a=1", "--port", "a=2"], "--port is given twice for 'a'"),
        (
            ["f", "--port", "1", "--single-port", "2"],
            "--port and --single-port are mutually exclusive",
        ),
        (["f", "--host", "localhost:80"], "expected a host name or an IP address"),
        (["f", "--cors", "https://é.test"], "--cors: expected an origin, got"),
        (["f", "--allowed-host", "a/b"], "--allowed-host: expected a host name"),
        (["f", "--variable", "X"], "--variable: expected NAME=VALUE"),
        (["f", "--variable", "X=header:a b"], "'X=header:…' names no header"),
        (
            ["f", "--variable", "X=header:A", "--variable", "X=header:B"],
            "--variable is given twice for 'X'",
        ),
        (["f", "--base-uri", "x"], "--base-uri: 'x' is not a base URI"),
        (["f", "--stdio", "--port", "1"], "--port has no effect with --stdio"),
        (["f", "--stdio", "--reload"], "--reload has no effect with --stdio"),
        (["-", "--workers", "2"], "'-' and --workers are mutually exclusive"),
        (["-", "-"], "'-' and a second '-' are mutually exclusive"),
    ],
)
def test_usage_error_is_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error of `naftiko serve` exits with 2 and prints a hint."""
    assert main(["serve", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert "\n  hint: " in shown.err


def test_usage_error_is_a_json_log_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--log-format json` writes the error and its hint as members of one object."""
    assert main(["serve", "f", "--host", "a b", "--log-format", "json"]) == 2
    shown = capsys.readouterr().err
    assert "expected a host name" in shown
    assert '"hint"' in shown
