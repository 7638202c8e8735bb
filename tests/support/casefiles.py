"""Read case files of tests: YAML lists of mappings that each have a `name`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

TESTS = Path(__file__).parents[1]


def cases(folder: str, *topics: str) -> list[Any]:
    """Return the cases of a folder below `tests/`, or of some files in the folder."""
    reader = YAML(typ="safe", pure=True)
    files = (
        [TESTS / folder / f"{topic}.yaml" for topic in topics]
        if topics
        else sorted((TESTS / folder).glob("*.yaml"))
    )
    found = [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in files
        for case in reader.load(file.read_text("utf-8"))
    ]
    assert found, f"no cases in {folder}"
    return found
