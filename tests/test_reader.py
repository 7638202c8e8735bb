"""Reading documents; the cases are in `tests/cases/reading/`, see `reading.py`.

One case: `pytest tests/test_reader.py -k "no place"`.
"""

from __future__ import annotations

from typing import Any

import pytest

from casefiles import CASES, cases
from reading import check

TOPICS = (
    "document",
    "info-and-binds",
    "adapter",
    "base-uri",
    "authentication",
    "operations",
    "parameters",
    "bodies",
    "truncated",
)
LINKED = ("exposes", "calls", "with")


@pytest.mark.parametrize("case", cases("reading", *TOPICS))
def test_reading(case: dict[str, Any]) -> None:
    """Exactly what is listed is found, at the listed places, as heavy as its code."""
    check(case)


def test_every_case_file_is_run() -> None:
    """No file of cases is forgotten."""
    files = {file.stem for file in (CASES / "reading").glob("*.yaml")}
    assert files == {*TOPICS, *LINKED}
