"""How findings are collected, located and ordered."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.document import rules
from naftiko.document.findings import (
    Finding,
    Findings,
    Mention,
    best_first,
    located,
    pointer,
    surely_meant,
)
from naftiko.document.source import read
from naftiko.errors import Edit, Problem, Related
from support.building import document


def test_rule_decides_the_severity() -> None:
    """What only a strict check notes is noted by a strict check only."""
    noted = Findings(read("a: 1\n"))
    every = (rules.YAML_KEY, rules.METHOD, rules.SKILL_SHAPE, rules.HINT)
    for rule in every:
        noted.add(rule, ("a",), "m")
    assert [(f.rule, f.weight) for f in noted.noted] == [
        (rules.YAML_KEY, "error"),
        (rules.METHOD, "error"),
        (rules.SKILL_SHAPE, "warning"),
    ]
    strict = Findings(read("a: 1\n"), strict=True)
    assert strict.add(rules.HINT, (), "m").weight == "info"
    assert strict.add(rules.SKILL_SHAPE, (), "m", severity="error").weight == "error"
    assert len(strict.noted) == 2


def test_finding_points_at_a_value_or_its_key() -> None:
    """A place that is not there is shown at its nearest ancestor."""
    text = read("a:\n  b: x\n", name="f.yaml")
    value = located(Finding(rules.METHOD, ("a", "b"), "m"), text)
    key = located(Finding(rules.METHOD, ("a", "b"), "m", at_key=True), text)
    none = located(Finding(rules.METHOD, ("a", "none", 3), "m"), text)
    assert [(p.line, p.column) for p in (value, key, none)] == [(2, 6), (2, 3), (2, 3)]
    assert [p.path for p in (value, none)] == ["/a/b", "/a/none/3"]
    assert value.file == "f.yaml"


def test_related_places_are_located() -> None:
    """The other place of a finding has its line too; the edit stays as it is."""
    text = read("a: 1\nb: 2\n", name="f.yaml")
    edit = Edit("drop", "/b")
    finding = Finding(
        rules.METHOD, ("b",), "m", related=(Mention(("a",), "first"),), fix=edit
    )
    problem = located(finding, text)
    assert problem.related == (Related("first", "/a", 1, 4, "f.yaml"),)
    assert problem.fix == edit
    shown = problem.as_dict()
    assert shown["related"][0]["line"] == 1
    assert shown["fix"] == {"kind": "drop", "path": "/b", "value": None}


def test_pointer_escapes() -> None:
    """A path is written as RFC 6901 says."""
    assert pointer(()) == ""
    assert pointer(("a/b", "m~n", 0, "")) == "/a~1b/m~0n/0/"


def test_best_first() -> None:
    """Errors first, those of the whole document before all; then by place, each once."""
    text = read("\n".join(f"k{number}: v" for number in range(1, 10)) + "\n")

    def finding(rule: rules.Rule, line: int) -> Finding:
        return Finding(rule, (f"k{line}",), "m")

    whole = finding(rules.VERSION_UNSUPPORTED, 9)
    schema = finding(rules.SCHEMA_TYPE, 5)
    unit = finding(rules.METHOD, 1)
    early, late = finding(rules.SKILL_SHAPE, 1), finding(rules.SKILL_SHAPE, 2)
    note = finding(rules.HINT, 1)
    mixed = [note, late, unit, early, schema, whole, late]
    expected = [whole, schema, unit, early, late, note]
    assert best_first(mixed, text) == tuple(located(f, text) for f in expected)


def test_mappings_of_a_list() -> None:
    """What should be a list of mappings gives those that are, and notes the rest."""
    findings = Findings(read("a: [{b: 1}, x, [2], {c: 3}]\n"))
    data = [{"b": 1}, "x", [2], {"c": 3}]
    assert list(findings.mappings(data, ("a",))) == [
        (("a", 0), {"b": 1}),
        (("a", 3), {"c": 3}),
    ]
    assert [f.rule for f in findings.noted] == [rules.INCOMPLETE_DROPPED] * 2
    assert "('x')" in findings.noted[0].message
    assert list(findings.mappings(None, ("a",))) == []
    assert list(findings.mappings("text", ("a",))) == []
    assert "expected a list for `a`, got a text" in findings.noted[-1].message


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("get", ["GET", "PUT"], "GET"),
        ("mpc", ["mcp", "rest"], "mcp"),
        ("nam", ["name", "names"], None),
        ("other", ["mcp", "rest"], None),
    ],
)
def test_name_is_certain_when_it_can_be_no_other(
    name: str, known: list[str], meant: str | None
) -> None:
    """One near name is certain; two are a guess."""
    assert surely_meant(name, known) == meant


@pytest.mark.parametrize(
    ("operation", "schema", "fix"),
    [
        (
            {"descripton": "x"},
            "published",
            Edit("rename", "/descripton", "description"),
        ),
        ({"method": "get"}, "published", Edit("set", "/method", "GET")),
        (
            {"inputParameters": [{"name": "a"}]},
            None,
            Edit("set", "/inputParameters/0/in", "query"),
        ),
        (
            {"inputParameters": [{"name": "a", "in": "qeury"}]},
            None,
            Edit("set", "/inputParameters/0/in", "query"),
        ),
        ({"inputParameters": [{"name": "a", "in": "nowhere"}]}, None, None),
        ({"name": "a b"}, "published", None),
    ],
)
def test_certain_mend_is_an_edit(
    operation: dict[str, Any], schema: str | None, fix: Edit | None
) -> None:
    """Where the mend can be only one, the finding carries it."""
    at = "/capability/consumes/0/resources/0/operations/0"
    data = document({"inputParameters": [], **operation})
    fixes = {
        problem.fix
        for problem in naftiko.validate(data, schema=schema)
        if problem.path.startswith(at)
    }
    wanted = fix and fix._replace(path=at + fix.path)
    assert wanted in fixes


def test_other_place_and_edit_are_shown_only_when_there() -> None:
    """The JSON of a problem has no empty keys for them."""
    (problem,) = naftiko.validate("a: 1\na: 2\n")
    (first,) = problem.as_dict()["related"]
    assert (first["message"], first["line"]) == ("first defined here", 1)
    assert "fix" not in problem.as_dict()
    assert "related" not in Problem("code", "error", "message").as_dict()


@pytest.mark.parametrize(
    ("written", "type_name", "codes"),
    [
        ("array", "array", []),
        (None, "", []),
        (["array", "null"], "array", ["W-parameter-type"]),
        (["string", "integer"], "any", ["W-parameter-type"]),
        (["null"], "any", ["W-parameter-type"]),
        ([5], "", []),
    ],
)
def test_type_of_a_parameter_is_one_text(
    written: Any, type_name: str, codes: list[str]
) -> None:
    """Of a list of types it is the one that is not null; several are any."""
    findings = Findings(read({}))
    assert findings.type_of({"type": written}, ("x",)) == type_name
    assert [finding.rule.code for finding in findings.noted] == codes
    assert all(finding.path == ("x", "type") for finding in findings.noted)
