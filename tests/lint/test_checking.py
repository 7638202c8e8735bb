"""Typical mistakes of an author: each is told in every mode, with its line and mend."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.document.findings import Findings
from naftiko.document.source import read, read_text
from naftiko.document.yaml import parse_value
from naftiko.lint import checking
from naftiko.lint.checking import lint
from support.mutations import mutated
from support.shared import ROOT

HERE = Path(__file__).parent
CARS = (HERE / "cars.yaml").read_text("utf-8")
CASES: Any = parse_value((HERE / "cases.yaml").read_text("utf-8"))


def _problems(case: Any, schema: str) -> list[naftiko.Problem]:
    assert case["from"] in CARS
    text = CARS.replace(str(case["from"]), str(case["to"]), 1)
    return list(naftiko.validate(text, schema=schema))


def test_document_without_a_mistake_has_no_finding() -> None:
    """The document that the cases change has no problem in either mode."""
    assert naftiko.validate(CARS) == ()
    assert naftiko.validate(CARS, schema="published") == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["mistake"]))
def test_mistake_is_told_where_it_stands(case: Any) -> None:
    """A mistake gives its code at its line, with the hint that mends it."""
    line, code = case["says"].split()
    found = [p for p in _problems(case, "observed") if p.code == code]
    assert found, _problems(case, "observed")
    assert found[0].line == int(line)
    assert case.get("hint") in (None, found[0].hint)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["mistake"]))
def test_mistake_is_told_by_the_published_rules_too(case: Any) -> None:
    """The published rules give a problem at the same line, with the same hint."""
    line, _ = case["says"].split()
    found = [p for p in _problems(case, "published") if p.line == int(line)]
    assert found
    if "hint" in case:
        assert case["hint"] in [problem.hint for problem in found]


@pytest.mark.parametrize("name", ["bookshop", "docker", "npm-registry", "pypi"])
def test_shipped_capability_has_no_likely_mistake(name: str) -> None:
    """No check for likely mistakes finds anything in a capability that we ship."""
    document = read(ROOT / "capabilities" / f"{name}.yaml")
    findings = Findings(document)
    lint(document.data, findings)
    assert findings.noted == []


def test_value_of_any_kind_is_no_crash() -> None:
    """A mapping, a list or a number in the place of a text is left to the schema."""
    for value in ("[]", "{}", "7", "null", "[[1]]", "{a: {b: [1]}}", "true"):
        for key in ("consumes", "exposes", "aggregates"):
            document = read_text(f"naftiko: 1\ncapability: {{{key}: {value}}}\n")
            lint(document.data, Findings(document))
            entry = (
                f"{{name: {value}, type: {value}, method: {value}, path: {value},"
                f" inputParameters: {value}, steps: {value}, with: {value},"
                f" operations: [{{name: {value}, method: {value}, with: {value}}}],"
                f" authentication: {value}, namespace: {value}}}"
            )
            for below in ("resources", "tools"):
                text = f"naftiko: 1\ncapability: {{{key}: [{{{below}: [{entry}]}}]}}\n"
                document = read_text(text)
                lint(document.data, Findings(document))


@pytest.mark.parametrize("count", [60, pytest.param(1500, marks=pytest.mark.slow)])
def test_skipped_check_would_find_nothing(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check runs where a mapping has a key that it needs; elsewhere it is silent."""
    rng = random.Random(11)
    seeds = [read(file).data for file in (ROOT / "capabilities").glob("*.yaml")]
    seeds += [read_text(CARS).data]
    found = 0
    for _ in range(count):
        data = mutated(rng.choice(seeds), rng, rng.choice((1, 4, 16)))
        some, every = Findings(read({})), Findings(read({}))
        lint(data, some)
        with monkeypatch.context() as patch:
            patch.setattr(checking, "_NEEDS", {})
            lint(data, every)
        assert some.noted == every.noted
        found += len(every.noted)
    assert found > count / 4
