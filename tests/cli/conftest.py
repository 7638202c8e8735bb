"""A control port that answers, for the tests of the commands that ask one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from naftiko.cli import main
from support.control_port import Control


@pytest.fixture
def control() -> Iterator[Control]:
    """Give a control port."""
    with Control() as running:
        yield running


@pytest.fixture
def run(
    control: Control, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Give what runs a command against the port: code, output, errors."""

    def command(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--port", str(control.port)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def no_control_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start where no document and no variable says where to ask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAFTIKO_CONTROL_PORT", raising=False)
    monkeypatch.delenv("NAFTIKO_CONTROL_ADDRESS", raising=False)
