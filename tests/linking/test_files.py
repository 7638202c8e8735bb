"""Files that a document names beside it, and that are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import naftiko
from support.building import document


def _written(folder: Path, location: str) -> Path:
    """Write a document whose skill, prompt and resource have this location."""
    data: dict[str, Any] = document()
    data["capability"]["exposes"] = [
        {
            "type": "mcp",
            "namespace": "m",
            "port": 1,
            "prompts": [{"name": "p", "description": "d", "location": location}],
            "resources": [
                {
                    "name": "r",
                    "uri": "docs://r",
                    "description": "d",
                    "location": location,
                }
            ],
        },
        {
            "type": "skill",
            "namespace": "s",
            "port": 2,
            "skills": [{"name": "k", "description": "d", "location": location}],
        },
    ]
    file = folder / "capability.json"
    file.write_text(json.dumps(data), "utf-8")
    return file


def _codes(file: Path) -> list[str]:
    return [problem.code for problem in naftiko.validate(file, schema=None)]


def test_missing_relative_files_are_noted(tmp_path: Path) -> None:
    """A path that starts at the folder of the document, as a URI or as a path."""
    for location in ("file:///./gone.md", "gone.md"):
        file = _written(tmp_path, location)
        assert _codes(file) == ["W-file-missing"] * 3
        places = [problem.path for problem in naftiko.validate(file, schema=None)]
        assert places[0] == "/capability/exposes/0/prompts/0/location"
    (tmp_path / "gone.md").write_text("x")
    assert _codes(_written(tmp_path, "gone.md")) == []


def test_absolute_files_are_not_looked_for(tmp_path: Path) -> None:
    """They belong to the machine that serves the document."""
    assert _codes(_written(tmp_path, "file:///opt/nothing/here.md")) == []


def test_loading_looks_for_no_file(tmp_path: Path) -> None:
    """Only a check does; what is loaded may be served elsewhere."""
    api = naftiko.load(_written(tmp_path, "gone.md"), schema=None)
    assert api.problems == ()
