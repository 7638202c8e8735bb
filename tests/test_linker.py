"""Linking documents; the cases are in `tests/cases/reading/`, see `reading.py`."""

from __future__ import annotations

from typing import Any

import pytest

from casefiles import cases
from reading import check


@pytest.mark.parametrize("case", cases("reading", "exposes", "calls", "with"))
def test_linking(case: dict[str, Any]) -> None:
    """Every call, `with`, route and name is checked, and nothing stops loading."""
    check(case)
