"""References that lack a brace, and braces that are right."""

from __future__ import annotations

import pytest

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import lint


def _findings(value: str) -> list[Finding]:
    document = read_text(
        "naftiko: 1\ncapability: {consumes: [{namespace: a, inputParameters:"
        f" [{{name: p, value: '{value}'}}]}}]}}\n"
    )
    findings = Findings(document)
    lint(document.data, findings)
    return findings.noted


@pytest.mark.parametrize(
    "value",
    [
        "{{plate}",
        "a {{plate} b",
        "{plate}}",
        "x{{ plate }y",
        # Texts of any length, 123 ("{") among them, and beyond ASCII.
        "{plate}}".ljust(123, "x"),
        "{{plate}".ljust(123, "x"),
        "é{{\u00a0plate}",
        "{{plate",
        "to {{plate and {{other}}",
        "a car plate}}",
    ],
)
def test_reference_without_a_brace_is_told(value: str) -> None:
    """A brace too few on either side is told with the whole reference."""
    (finding,) = _findings(value)
    assert finding.hint == "did you mean '{{plate}}'?"


@pytest.mark.parametrize(
    "value",
    [
        "{{plate}}",
        "{plate}",
        "{{{plate}}}",
        '{"n": {{n}}}',
        '{"a": {"b": 1}}',
        "{ }}",
        "}}",
        '{"a": {"b": {"c": 1}, "d": x}}',
    ],
)
def test_other_braces_are_left_alone(value: str) -> None:
    """References, placeholders and JSON with right braces have no finding."""
    assert _findings(value) == []


def test_reference_in_typographic_quotation_marks_is_told() -> None:
    """YAML takes such marks for letters of the text, which would be sent."""
    (finding,) = _findings("\u201c{{plate}}\u201d")
    assert finding.hint == "use straight quotation marks"
