"""Run the cases of `tests/jsonpath/cases/` that find a value."""

from __future__ import annotations

from typing import Any

from naftiko.jsonpath.compiling import compile_path


def check_path(case: dict[str, Any]) -> None:
    """Compare what a path finds, each time that it is applied, with its case."""
    path = compile_path(case["path"])
    for _ in range(2):
        found = path(case["given"])
        assert found == case["expect"]
        assert type(found) is type(case["expect"])
