"""Names of exposed units that fit, and so have no finding."""

from __future__ import annotations

import pytest

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import lint


def _findings(resource: str) -> list[Finding]:
    document = read_text(
        "naftiko: 1\ncapability: {exposes: [{type: rest, namespace: cars, resources:"
        f" [{{{resource}}}]}}]}}\n"
    )
    findings = Findings(document)
    lint(document.data, findings)
    return findings.noted


@pytest.mark.parametrize("path", ["/c/{plate}", "/c/{{plate}}", "/c/{{ plate }}"])
def test_placeholder_in_either_spelling_takes_the_parameter(path: str) -> None:
    """`{plate}` and `{{plate}}` are placeholders, as the reference engine has them."""
    inputs = "inputParameters: [{name: plate, in: path}]"
    assert _findings(f"path: '{path}', {inputs}") == []
    assert _findings(f"path: '{path}', operations: [{{{inputs}}}]") == []


@pytest.mark.parametrize(
    "value",
    ["cars.plate", "rest.plate", "$this.cars.plate", "'{{TOKEN}}'", "fixed", "7"],
)
def test_source_that_is_offered_or_a_text_is_left_alone(value: str) -> None:
    """An input, a placeholder and a plain text are right values of `with`."""
    operation = f"{{inputParameters: [{{name: n, in: query}}], with: {{p: {value}}}}}"
    assert _findings(f"path: '/c/{{plate}}', operations: [{operation}]") == []
