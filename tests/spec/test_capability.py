"""Reading documents; the cases are in `tests/spec/cases/`.

`tests/support/reading.py` says what a case holds. One case:
`pytest tests/spec/test_capability.py -k "no place"`.
"""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from support.building import document
from support.casefiles import TESTS, cases
from support.reading import check

TOPICS = (
    "document",
    "info-and-binds",
    "adapter",
    "base-uri",
    "authentication",
    "operations",
    "parameters",
    "bodies",
    "access",
    "control",
    "prompts",
    "skills",
    "truncated",
)
LINKED = ("exposes", "calls", "with")


@pytest.mark.parametrize("case", cases("spec/cases", *TOPICS))
def test_reading(case: dict[str, Any]) -> None:
    """Exactly what is listed is found, at the listed places, as heavy as its code."""
    check(case)


def test_every_case_file_is_run() -> None:
    """No file of cases is forgotten."""
    files = {file.stem for file in (TESTS / "spec" / "cases").glob("*.yaml")}
    assert files == {*TOPICS, *LINKED}


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
