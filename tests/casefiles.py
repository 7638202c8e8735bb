"""Read the case files under `tests/cases/`: lists of mappings with a `name` each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

CASES = Path(__file__).parent / "cases"


def cases(folder: str, *topics: str) -> list[Any]:
    """Return the cases of a folder, or of some files in it, as named parameters."""
    reader = YAML(typ="safe", pure=True)
    files = (
        [CASES / folder / f"{topic}.yaml" for topic in topics]
        if topics
        else sorted((CASES / folder).glob("*.yaml"))
    )
    found = [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in files
        for case in reader.load(file.read_text("utf-8"))
    ]
    assert found, f"no cases in {folder}"
    return found
