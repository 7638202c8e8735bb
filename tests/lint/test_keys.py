"""Unknown keys: which are misspellings, which are misplaced, which are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import walk
from naftiko.lint.keys import (
    distance,
    note_adapter_keys,
    note_call_beside_steps,
    note_keys,
)

ADAPTER = "naftiko: 1\ncapability: {consumes: [{namespace: a, %s}]}\n"


def _findings(text: str) -> list[Finding]:
    document = read_text(text)
    findings = Findings(document)
    for placed, _ in walk(document.data):
        note_keys(placed, findings)
    return findings.noted


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("inputparamters", "inputparameters", 1),
        ("requird", "required", 1),
        ("baseurl", "baseuri", 1),
        ("tpye", "type", 1),
        ("descipton", "description", 2),
        ("name", "name", 0),
        ("abcdef", "uvwxyz", 3),
        ("a", "abcde", 3),
    ],
)
def test_distance_counts_edits_and_swaps(one: str, other: str, expected: int) -> None:
    """An insertion, a removal, a change and a swap are one edit each; 3 is the most."""
    assert distance(one, other) == expected
    assert distance(other, one) == expected


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distance_is_zero_for_equal_texts_only(one: str, other: str) -> None:
    """The distance of two texts is zero exactly when they are the same."""
    assert (distance(one, other) == 0) == (one == other)


@pytest.mark.parametrize("key", ["x-note", "$comment", "_internal", "sla", "owner"])
def test_key_of_other_tools_is_left_alone(key: str) -> None:
    """An extension, or a key that is unlike every known one, is no mistake."""
    assert _findings(ADAPTER % f"{key}: 1") == []


def test_misspelt_key_beside_the_right_one_is_told() -> None:
    """A key whose right spelling is there too cannot be renamed."""
    (finding,) = _findings(ADAPTER % "baseUri: x, baseUrl: y")
    assert finding.hint == "`baseUri` stands beside it; keep one of them"
    assert finding.fix is None


def test_misspelt_key_has_an_edit() -> None:
    """The edit of a misspelt key renames it."""
    (finding,) = _findings(ADAPTER % "baseUrl: y")
    assert finding.fix is not None
    assert (finding.fix.kind, finding.fix.path, finding.fix.value) == (
        "rename",
        "/capability/consumes/0/baseUrl",
        "baseUri",
    )


def test_mapping_under_a_foreign_word_has_no_edit() -> None:
    """`headers: {X: y}` is meant as inputs, but a new name alone would not do."""
    (finding,) = _findings(ADAPTER % "headers: {X: y}")
    assert finding.hint == "did you mean 'inputParameters'?"
    assert finding.fix is None


def test_key_of_the_capability_has_an_edit_that_moves_it() -> None:
    """`exposes` at the top of the document is moved under `capability`."""
    (finding,) = _findings("naftiko: 1\ncapability: {consumes: []}\nexposes: []\n")
    assert finding.fix is not None
    assert (finding.fix.kind, finding.fix.value) == ("move", "/capability/exposes")


def test_key_without_a_blank_behind_its_colon_is_told() -> None:
    """`{name:o}` is one key, which is shown without what may be a secret."""
    (finding,) = _findings(
        "naftiko: 1\ncapability: {consumes: [{namespace: a, authentication:"
        " {type: bearer, token:s3cr3t}}]}\n"
    )
    assert finding.hint == "write a blank behind the colon"
    assert "s3cr3t" not in finding.message


@pytest.mark.parametrize(
    ("type_", "key", "owner"),
    [("rest", "prompts", "mcp"), ("skill", "resources", "rest"),
     ("mcp", "skills", "skill"), ("mcp", "management", "control")],
)  # fmt: skip
def test_key_of_another_type_of_adapter_is_told(
    type_: str, key: str, owner: str
) -> None:
    """A REST adapter has no prompts; the adapter that has them is named."""
    document = read_text(
        f"naftiko: 1\ncapability: {{exposes: [{{type: {type_}, {key}: [{{name: x}}]}}]}}"
    )
    findings = Findings(document)
    for placed, _ in walk(document.data):
        if placed.part.name == "exposed-adapter":
            note_adapter_keys(placed, findings)
    (finding,) = findings.noted
    assert finding.hint == f"it belongs in an adapter of type '{owner}'"


def test_call_beside_steps_is_told() -> None:
    """Only one of them runs, so the other is told."""
    document = read_text(
        "naftiko: 1\ncapability: {exposes: [{type: mcp, tools: [{name: t, call: a.b,"
        " steps: [{type: call, name: s, call: a.b}]}]}]}"
    )
    findings = Findings(document)
    for placed, _ in walk(document.data):
        if placed.part.name == "tool":
            note_call_beside_steps(placed, findings)
    (finding,) = findings.noted
    assert finding.path[-1] == "call"
