"""Files and folders on the command line, and those that are no capability."""

from __future__ import annotations

from pathlib import Path

import pytest

from naftiko.capability import Capability
from naftiko.cli.units.files import each, is_several
from support.building import document
from support.serving_process import write


def test_unusable_file_is_told_and_the_others_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder is searched through; the exit code tells of the bad file."""
    (tmp_path / "in").mkdir()
    good = write(tmp_path / "in" / "good.yaml", document())
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [1\n")
    shown: list[str] = []
    failed: list[str] = []

    def show(file: str, capability: Capability) -> None:
        shown.append(file)

    code = each([str(tmp_path)], show, failed=lambda file, message: failed.append(file))
    assert (code, shown, failed) == (3, [str(good)], [str(bad)])
    assert "bad.yaml:" in capsys.readouterr().err


def test_folder_and_several_words_are_several_files(tmp_path: Path) -> None:
    """One word that is no folder is one file."""
    assert is_several([str(tmp_path)])
    assert is_several(["a.yaml", "b.yaml"])
    assert not is_several(["a.yaml"])
    assert not is_several(["-"])
