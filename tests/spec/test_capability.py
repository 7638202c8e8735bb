"""Reading documents; the cases are in `tests/spec/cases/`.

`tests/support/reading.py` says what a case holds. One case:
`pytest tests/spec -k "no place"`.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

import naftiko
from support.building import document
from support.casefiles import TESTS, cases
from support.reading import check


@pytest.mark.parametrize(
    "case",
    cases("spec/cases", "document", "info-and-binds", "access", "control", "truncated"),
)
def test_reading(case: dict[str, Any]) -> None:
    """Exactly what is listed is found, at the listed places, as heavy as its code."""
    check(case)


def test_every_case_file_is_run() -> None:
    """No file of cases is forgotten: one test module names it."""
    named: list[str] = []
    for path in TESTS.glob("spec/test_*.py"):
        for given in re.findall(
            r'cases\("spec/cases",([^)]*)\)', path.read_text("utf-8")
        ):
            named += re.findall(r'"([\w-]+)"', given)
    assert sorted(named) == sorted(
        file.stem for file in (TESTS / "spec" / "cases").glob("*.yaml")
    )


def test_element_left_out_is_noted_without_a_schema() -> None:
    """What the schema would refuse is noted, and no call goes out unsigned for it."""
    stub, dropped = naftiko.StubTransport(), "W-incomplete-dropped"
    lookup = {"type": "lookup", "name": "l", "index": "s", "match": "id"}
    tool = {
        "name": "t",
        "steps": [
            {"type": "call", "name": "s", "call": "api.op"},
            {**lookup, "lookupValue": "1", "outputParameters": "id"},
        ],
    }
    data = document(
        consumes={"authentication": "bearer"},
        binds=[{"namespace": "env", "keys": ["TOKEN"]}],
    )
    adapter = {"type": "mcp", "namespace": "m", "port": 1, "tools": [tool]}
    data["capability"]["exposes"] = [adapter]
    api = naftiko.load(data, schema=None, transport=stub)
    places = {
        "/capability/consumes/0/authentication": "U-auth-incomplete",
        "/capability/exposes/0/tools/0/steps/1/outputParameters": dropped,
        "/binds/0/keys": dropped,
    }
    assert {problem.path: problem.code for problem in api.problems} == places
    with pytest.raises(naftiko.UnusableOperation, match="not a mapping"):
        api.call("api.op")
    assert stub.requests == []
