"""Run the cases of `tests/spec` and `tests/linking`: the findings of a document.

A case has a `name`, a `text` and `expect`: code, line and JSON Pointer of each finding
in order. No findings are expected by default. The units of the cases have no
descriptions, so the finding that one lacks is left out. Optional keys are:

- `says`: words that a message or hint contains
- `silent`: words that no message or hint contains
- `strict`: some of the findings that only a strict check adds
- `not_strict`: codes that a strict check does not give
- `warnings`: codes of findings that are warnings instead of errors
- `unusable`: refs of the operations that cannot be called
- `paths`: ref → path of the request
- `truncated`: whether the text ends with the publisher's truncation notice
"""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.document import rules
from naftiko.document.findings import Findings, pointer
from naftiko.document.source import read_text
from naftiko.errors import NaftikoError, Problem
from naftiko.lint.checking import lint

_CUT = ["W-source-truncated", 1, ""]
_SEVERITIES = {"E": "error", "U": "error", "W": "warning"}


def _shown(problems: tuple[Problem, ...]) -> list[list[Any]]:
    return [[problem.code, problem.line, problem.path] for problem in problems]


def _validated(text: str, **options: Any) -> tuple[Problem, ...]:
    found = naftiko.validate(text, **options)
    return tuple(p for p in found if p.code != rules.DESCRIPTION.code)


def check(case: dict[str, Any]) -> None:
    """Compare the findings in the document of a case with the expected findings."""
    text, expected = case["text"], case.get("expect", [])
    unreadable = any(code.startswith("E-yaml") for code, _, _ in expected)
    if case.get("truncated") and not unreadable:
        errors = [entry for entry in expected if entry[0][0] in "EU"]
        expected = [*errors, _CUT, *expected[len(errors) :]]
    problems = _validated(text)
    assert _shown(problems) == expected
    for problem in problems:
        assert (problem.file, problem.column > 0) == ("<text>", True)
        soft = case.get("warnings", ())
        wanted = "warning" if problem.code in soft else _SEVERITIES[problem.code[0]]
        assert problem.severity == wanted
    places = [(problem.code, problem.path) for problem in problems]
    assert len(places) == len(set(places)), "one cause is reported twice"
    _check_words(case, problems)
    _check_strict(case)
    _check_loading(case, problems)
    # With the published rules, findings of other rules are at most warnings.
    for problem in naftiko.validate(text, schema="published"):
        assert problem.code[0] in "ES" or problem.severity == "warning"
    if not any(code.startswith("E-") for code, _, _ in expected):
        assert _shown(_validated(text, schema=None)) == expected


def _check_words(case: dict[str, Any], problems: tuple[Problem, ...]) -> None:
    said = "\n".join(f"{problem.message}\n{problem.hint}" for problem in problems)
    for words in case.get("says", ()):
        assert words in said
    for words in case.get("silent", ()):
        assert words not in said
    assert all(problem.hint for problem in problems if problem.code[0] in "UW"), said


def _check_strict(case: dict[str, Any]) -> None:
    strict = naftiko.validate(case["text"], strict=True)
    assert {problem.severity for problem in strict} <= {"error"}
    codes = [problem.code for problem in strict]
    for entry in case.get("strict", ()):
        assert entry in _shown(strict)
        assert entry[0] not in [p.code for p in naftiko.validate(case["text"])]
    for code in case.get("not_strict", ()):
        assert code not in codes


def _likely(text: str) -> set[tuple[str, str]]:
    """Return code and place of the likely mistakes in a document."""
    document = read_text(text)
    findings = Findings(document)
    lint(document.data, findings)
    return {(finding.rule.code, pointer(finding.path)) for finding in findings.noted}


def _check_loading(case: dict[str, Any], problems: tuple[Problem, ...]) -> None:
    """Check that only findings about the whole document prevent its loading."""
    fatal = [problem.code for problem in problems if problem.code[0] == "E"]
    if fatal:
        with pytest.raises(NaftikoError) as caught:
            naftiko.load(case["text"])
        assert caught.value.code == fatal[0]
        return
    api = naftiko.load(case["text"])
    # Only `validate` looks for likely mistakes.
    checked = _validated(case["text"], truncated="accept")
    likely = _likely(case["text"])
    assert _shown(api.problems) == _shown(
        tuple(p for p in checked if (p.code, p.path) not in likely)
    )
    if "unusable" in case:
        assert [op.ref for op in api.operations.values() if op.problems] == [
            *case["unusable"]
        ]
    for ref, path in case.get("paths", {}).items():
        assert api.operations[ref].path == path
    if case.get("truncated"):
        with pytest.raises(naftiko.ValidationError) as caught:
            naftiko.load(case["text"], truncated="reject")
        assert caught.value.code == "E-source-truncated"
