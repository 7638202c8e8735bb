"""Read case files of tests: YAML lists of mappings that each have a `name`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

TESTS = Path(__file__).parents[1]


def cases(folder: str, *topics: str) -> list[Any]:
    """Return the cases of a folder below `tests/`, or of some files in the folder."""
    files = (
        [TESTS / folder / f"{topic}.yaml" for topic in topics]
        if topics
        else sorted((TESTS / folder).glob("*.yaml"))
    )
    found = [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in files
        for case in _read(file)
    ]
    assert found, f"no cases in {folder}"
    return found


def _read(file: Path) -> Any:
    """Return the data of a file; the C parser is faster, and reads nearly all of YAML."""
    text = file.read_text("utf-8")
    try:
        return YAML(typ="safe").load(text)
    except YAMLError:
        return YAML(typ="safe", pure=True).load(text)
