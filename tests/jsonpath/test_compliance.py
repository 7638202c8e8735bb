"""The JSONPath Compliance Test Suite (RFC 9535): `compliance.yaml` names what passes.

Without the suite, its selectors are accepted or refused as listed. With the path of its
`cts.json` in `NAFTIKO_JSONPATH_SUITE`, every case is run and compared.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from naftiko.errors import OutputError
from naftiko.jsonpath.comparing import is_equal
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.reading import segments_of

LISTED: dict[str, dict[str, str]] = YAML(typ="safe").load(
    Path(__file__).with_name("compliance.yaml").read_text("utf-8")
)
SUITE = os.environ.get("NAFTIKO_JSONPATH_SUITE", "")


def _is_accepted(selector: str) -> bool:
    try:
        compile_path(selector)
    except OutputError as error:
        assert error.code == "U-output-path"
        assert error.hint.endswith("^")
        return False
    return True


def test_valid_selectors_are_accepted() -> None:
    """Every selector that the suite calls valid is compiled."""
    valid = {**LISTED["valid"], **LISTED["accepted"]}
    assert [name for name, path in valid.items() if not _is_accepted(path)] == []
    assert len(LISTED["valid"]) > 400


def test_invalid_selectors_are_refused() -> None:
    """Every other selector is refused when it is compiled, with a caret."""
    invalid = LISTED["invalid"]
    assert [name for name, path in invalid.items() if _is_accepted(path)] == []
    assert len(invalid) > 200


@pytest.mark.skipif(not SUITE, reason="NAFTIKO_JSONPATH_SUITE names no cts.json")
def test_suite_passes() -> None:
    """Every case of the suite gives its result, and is in the list."""
    suite = json.loads(Path(SUITE).read_text("utf-8"))["tests"]
    failed = [case["name"] for case in suite if not _passes(case)]
    assert failed == []
    listed = {name for group in LISTED.values() for name in group}
    assert [case["name"] for case in suite if case["name"] not in listed] == []


def _passes(case: dict[str, Any]) -> bool:
    selector = case["selector"]
    if case.get("invalid_selector"):
        return not _is_accepted(selector) or selector in LISTED["accepted"].values()
    found = compile_path(selector)(case["document"])
    if all(segment.single for segment in segments_of(selector)):
        found = [] if found is None and case["result"] == [] else [found]
    return any(
        is_equal(found, each) for each in case.get("results", [case.get("result")])
    )
