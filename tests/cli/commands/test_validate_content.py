"""`naftiko validate` judges a file by its content, not by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from naftiko.cli import main
from naftiko.document.writing import write_yaml
from support.building import document


def test_file_is_judged_by_its_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Z01: a file is valid by its content; the reference engine requires its name."""
    file = tmp_path / "notes.txt"
    file.write_text("Buy milk.\n")
    assert main(["validate", str(file)]) == 1
    said = capsys.readouterr()
    assert "notes.txt:1:1: error: the document is a text, not a mapping" in said.out
    file.write_text(write_yaml(document()), "utf-8")
    assert main(["validate", str(file)]) == 0
