"""Values that no engine knows, and those that only look unusual."""

from __future__ import annotations

import pytest

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import lint


def _findings(operation: str) -> list[Finding]:
    document = read_text(
        "naftiko: 1\ncapability: {consumes: [{namespace: a, resources:"
        f" [{{path: /, operations: [{{name: o, {operation}}}]}}]}}]}}\n"
    )
    findings = Findings(document)
    lint(document.data, findings)
    return findings.noted


@pytest.mark.parametrize(
    "method", ["GET", "get", "HEAD", "OPTIONS", "PROPFIND", "QUERY"]
)
def test_registered_method_is_known(method: str) -> None:
    """Methods of the standards are known in any case."""
    assert _findings(f"method: {method}") == []


@pytest.mark.parametrize(
    "written",
    ["string", "integer", "'null'", "any", "file", "'{{TYPE}}'", "7", "[string]"],
)
def test_type_that_is_known_or_no_text_is_left_alone(written: str) -> None:
    """The schema speaks of what is no text; some types of other tools have a meaning."""
    assert (
        _findings(f"method: GET, inputParameters: [{{name: p, type: {written}}}]") == []
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [("int", "integer"), ("Integer", "integer"), ("bool", "boolean"), ("list", "array"),
     ("dict", "object"), ("float", "number"), ("strng", "string")],
)  # fmt: skip
def test_type_of_another_language_is_named_with_its_nearest(
    written: str, meant: str
) -> None:
    """A type in another spelling is told with that of the specification."""
    (finding,) = _findings(f"method: GET, outputParameters: [{{type: {written}}}]")
    assert finding.hint == f"did you mean '{meant}'?"


@pytest.mark.parametrize(
    "body", ["body: {type: json, data: {}}", "inputParameters: [{name: b, in: body}]"]
)
def test_body_of_a_get_is_told(body: str) -> None:
    """A body, or a parameter in the body, of a GET or HEAD request is told."""
    for method in ("GET", "head"):
        (finding,) = _findings(f"method: {method}, {body}")
        assert finding.rule.code == "W-body-method"
    assert _findings(f"method: DELETE, {body}") == []


def test_jsonpath_as_value_of_an_exposed_output_is_told() -> None:
    """`value` is sent as it is; the key for a JSONPath is `mapping`."""
    document = read_text(
        "naftiko: 1\ncapability: {exposes: [{type: mcp, tools: [{name: t, description: d,"
        " call: a.b,"
        " outputParameters: [{name: o, type: string, value: $.o}]}]}]}"
    )
    findings = Findings(document)
    lint(document.data, findings)
    (finding,) = findings.noted
    assert finding.hint == "rename it to `mapping`"
