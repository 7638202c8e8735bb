"""The folder of a skill."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a skill, and something beside it that is not its own."""
    root = tmp_path / "skill"
    (root / "references").mkdir(parents=True)
    (root / "SKILL.md").write_text(
        "---\nname: other\ndescription: From the file.\nlicense: MIT\n"
        "allowed-tools: Bash Read\nmetadata: {team: web}\n---\n# Orders\n"
    )
    (root / "references" / "a.json").write_text("{}")
    (root / "guide.md").write_text("# Guide")
    (root / ".env").write_text("SECRET=1")
    (tmp_path / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    return root
