"""References of steps: what they may name, and what is told."""

from __future__ import annotations

import pytest

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import walk
from naftiko.lint.steps import note_steps

UNIT = """\
naftiko: 1
capability:
  exposes:
  - type: mcp
    tools:
    - name: fleet
      inputParameters: [{name: imo, type: string, description: x}]
      steps:
      - {type: call, name: ships, call: a.b, with: {q: "{{imo}}"}}
      - {type: lookup, name: one, index: ships, match: imo, lookupValue: "{{ships.imo}}"}
      mappings:
      - {targetName: ship.name, value: $.one.name}
      outputParameters: [{name: ship, type: object}]
"""


def _findings(text: str) -> list[Finding]:
    document = read_text(text)
    findings = Findings(document)
    for placed, _ in walk(document.data):
        note_steps(placed, findings)
    return findings.noted


def test_references_that_fit_have_no_finding() -> None:
    """Inputs, earlier steps and members of outputs are what references name."""
    assert _findings(UNIT) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "hint"),
    [
        ("match: imo, ", "", "W-step-incomplete", "add `match:`"),
        (
            "index: ships,",
            "index: ships, call: a.b,",
            "W-key-misplaced",
            "remove it, or make it a step of its own",
        ),
        (
            "type: object}",
            "type: object}, {name: flag, type: string}",
            "W-mapping-target",
            "add `{targetName: flag, value: $.<step>.<field>}` to `mappings`",
        ),
        ("$.one.name", "$.on.name", "W-step-reference", "did you mean 'one'?"),
        ("ship.name", "shp.name", "W-mapping-target", "did you mean 'ship'?"),
    ],
)
def test_reference_that_fits_nothing_is_told(
    old: str, new: str, code: str, hint: str
) -> None:
    """A reference to what is not there is told with what is near."""
    (finding,) = _findings(UNIT.replace(old, new, 1))
    assert (finding.rule.code, finding.hint) == (code, hint)


def test_two_steps_of_one_name_are_told() -> None:
    """A reference could mean either; the second one is told."""
    finding, _ = _findings(UNIT.replace("name: one", "name: ships"))
    assert finding.path[-2:] == (1, "name")
    assert finding.hint == "give each step a name of its own"


def test_step_path_in_with_is_told() -> None:
    """`with` takes references; a path of a step is a text there."""
    more = '{type: call, name: crew, call: a.b, with: {q: "$.ships.imo"}}'
    (finding,) = _findings(UNIT.replace("mappings:", f"- {more}\n      mappings:", 1))
    assert finding.rule.code == "W-step-reference"
    assert finding.hint == "write `{{ships.imo}}`"
