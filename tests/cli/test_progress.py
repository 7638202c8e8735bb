"""The progress bar of a long command."""

from __future__ import annotations

import io
import sys

import pytest

from naftiko.cli.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_bar_is_drawn_late_and_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The progress bar is drawn after a delay and removed at the end."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = Progress(10, "files")
    progress.add()
    assert terminal.getvalue() == ""
    progress._started -= 2
    progress._last -= 2
    progress.add(4)
    assert "5/10 files" in terminal.getvalue()
    progress.end()
    assert terminal.getvalue().endswith("\r\x1b[K")
    Progress(0, "bytes")._draw(progress._started)
    assert "0 bytes" in terminal.getvalue()
