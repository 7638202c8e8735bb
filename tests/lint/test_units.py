"""Units whose words are missing or given twice, and those that have what they need."""

from __future__ import annotations

import pytest

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import lint


def _findings(capability: str) -> list[Finding]:
    document = read_text(f"naftiko: 1\ncapability: {{{capability}}}\n")
    findings = Findings(document)
    lint(document.data, findings)
    return findings.noted


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ("tools: [{name: t, call: a.b}]", "the tool 't' has no description"),
        ("tools: [{name: t, call: a.b, description: ' '}]", "has no description"),
        ("tools: [{name: t, call: a.b, description: tbd.}]", "has no real description"),
        ("prompts: [{name: p}]", "people choose a prompt by it"),
        ("resources: [{name: r, uri: a://b}]", "the resource 'r' has no description"),
        ("skills: [{name: s}]", "agents choose a skill by it"),
    ],
)
def test_unit_without_a_description_is_told(unit: str, told: str) -> None:
    """What agents and people choose by its words needs some."""
    kind = "skill" if unit.startswith("skills") else "mcp"
    (finding,) = _findings(f"exposes: [{{type: {kind}, {unit}}}]")
    assert finding.rule.code == "W-description"
    assert told in finding.message


def test_tool_of_a_reference_and_route_need_no_description() -> None:
    """A reference brings the description of its function; programs call a route."""
    assert _findings("exposes: [{type: mcp, tools: [{name: t, ref: g.f}]}]") == []
    route = "{path: /a, operations: [{name: o, method: GET, call: a.b}]}"
    assert _findings(f"exposes: [{{type: rest, resources: [{route}]}}]") == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("'On {{ day }}'", []),
        ("'On {day}'", [("content", "did you mean '{{day}}'?")]),
        ("Today", [("name", "write `{{day}}` where it belongs, or remove it")]),
        ("'On {{dya}}'", []),  # told where the prompt is read
    ],
)
def test_argument_that_no_message_uses_is_told(
    content: str, found: list[tuple[str, str]]
) -> None:
    """An argument goes where its name stands in two braces."""
    noted = _findings(
        "exposes: [{type: mcp, prompts: [{name: p, description: d,"
        f" arguments: [{{name: day}}], template: [{{role: user, content: {content}}}]}}]}}]"
    )
    assert [(finding.path[-1], finding.hint) for finding in noted] == found


def test_operations_of_one_name_in_an_adapter_are_told() -> None:
    """The second names the first; another adapter may use the name, too."""
    one = "{path: /a, operations: [{name: o, method: GET, call: a.b}]}"
    other = one.replace("/a", "/b")
    assert (
        _findings(
            f"exposes: [{{type: rest, resources: [{one}]}}, {{type: rest, resources: [{one}]}}]"
        )
        == []
    )
    (finding,) = _findings(f"exposes: [{{type: rest, resources: [{one}, {other}]}}]")
    assert finding.rule.code == "W-name-duplicate"
    assert finding.related[0].path[3:] == ("resources", 0, "operations", 0, "name")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('\'{"ids": {{ids}}, "name": "{{name}}"}\'', 0),
        ("'{{{body}}}'", 0),
        ("'{{body}}'", 0),
        ("'[{{#each}}]'", 0),
        ("'name={{name}}'", 0),
        ("{type: xml, data: '{x'}", 0),
        ("'{\"a\": 1,}'", 1),
        ("{type: json, data: '[1, 2'}", 1),
    ],
)
def test_text_of_a_body_that_is_no_json_is_told(body: str, found: int) -> None:
    """Only a text that begins as JSON is read as such, with any value in each place."""
    noted = _findings(
        "consumes: [{namespace: a, resources: [{path: /, operations:"
        f" [{{name: o, method: POST, body: {body}}}]}}]}}]"
    )
    assert [f.rule.code for f in noted] == ["W-body-json"] * found
