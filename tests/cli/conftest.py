"""Fixtures of the command line: a stand-in control port and commands that ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from naftiko.cli import main
from support.control_port import Control


@pytest.fixture
def control() -> Iterator[Control]:
    """Run a stand-in control port."""
    with Control() as running:
        yield running


@pytest.fixture
def run(
    control: Control, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command: exit code, output, errors."""

    def command(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--port", str(control.port)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def no_control_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove each document and environment variable that names a control port."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAFTIKO_CONTROL_PORT", raising=False)
    monkeypatch.delenv("NAFTIKO_CONTROL_ADDRESS", raising=False)
