"""Declarations that contradict themselves, and those that only look unusual."""

from __future__ import annotations

import pytest

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import lint


def _findings(declaration: str) -> list[Finding]:
    document = read_text(
        "naftiko: 1\ncapability: {consumes: [{namespace: a, resources: [{path: /,"
        " operations: [{name: o, method: GET,"
        f" inputParameters: [{{name: p, {declaration}}}]}}]}}]}}]}}\n"
    )
    findings = Findings(document)
    lint(document.data, findings)
    return findings.noted


@pytest.mark.parametrize(
    "declaration",
    [
        "type: integer, default: '5'", "type: integer, default: 5.0",
        "type: string, default: 5", "type: boolean, default: 'False'",
        "type: number, default: 1e3", "type: array, default: 'a,b'",
        "type: object, default: '{\"a\": 1}'", "type: integer, default: '{{N}}'",
        "type: integer, default: null", "type: file, default: many",
        "type: [integer, 'null'], default: 1", "type: string, enum: [1, 'two', true]",
        "type: string, enum: ['1'], default: 1", "type: array, enum: [a], default: [a]",
        "minimum: 1, maximum: 1", "type: integer, minimum: 1, default: 1",
        "type: string, minLength: 2, default: a", "format: currency", "format: url",
        "format: x-ray", r"pattern: '\p{L}+'", "pattern: '(?<year>[0-9]+)'",
        "pattern: '[^/]+'", "pattern: /", "required: true",
        "type: object, required: [a], properties: {}",
    ],
)  # fmt: skip
def test_declaration_that_some_value_fits_has_no_finding(declaration: str) -> None:
    """Texts that write a value, other dialects and unusual formats are no mistakes."""
    assert _findings(declaration) == []


@pytest.mark.parametrize(
    ("declaration", "place", "hint"),
    [
        ("type: integer, default: 1.5", "default", "write a whole number, or change"),
        ("type: boolean, default: 'no'", "default", "write true or false, or change"),
        ("type: string, default: [a]", "default", "write a text, or change the type"),
        ("type: object, example: a", "example", "write a mapping, or change the type"),
        ("enum: []", "enum", "list the values, or remove it"),
        ("enum: [a, b, a]", 2, "remove one"),
        ("maximum: ten", "maximum", "write a number"),
        ("minLength: 5, maxLength: 2", "minLength", "exchange them, or raise"),
        ("type: array, items: {type: integer, default: x}", "default", "write a whole"),
        ("type: object, properties: {a: {type: integer, default: x}}", "default", ""),
        (
            "type: object, properties: {a: {}}, required: [b]",
            0,
            "the properties are: a",
        ),
        ("format: datetime", "format", "did you mean 'date-time'?"),
        ("pattern: '[0-9'", "pattern", "close what is open"),
    ],
)
def test_declaration_that_contradicts_itself_is_told_at_its_key(
    declaration: str, place: str | int, hint: str
) -> None:
    """The finding stands at the key or entry that no value fits."""
    (finding,) = _findings(declaration)
    assert finding.path[-1] == place
    assert finding.hint.startswith(hint)


def test_default_is_in_no_message() -> None:
    """A default may be a secret, whether its type or its enumeration excludes it."""
    for declaration in ("type: integer", "enum: [public]"):
        (finding,) = _findings(f"{declaration}, default: hunter2hunter2")
        assert "hunter2" not in f"{finding.message} {finding.hint}"
