"""The words for broken rules of a schema; the cases are in `cases/wording.yaml`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from naftiko.document.checking.schema import read_schema, versions
from naftiko.document.checking.wording import PathOrder, explain
from naftiko.document.findings import Finding
from naftiko.errors import Edit
from support.casefiles import cases

#: Keywords that only lead to others, that decide a condition, or that only describe.
_WORDLESS = {
    "$comment", "$defs", "$ref", "$schema", "allOf", "default", "description", "else",
    "examples", "format", "if", "items", "not", "prefixItems", "properties",
    "propertyNames", "then", "title",
}  # fmt: skip
#: Keywords whose errors have words of their own; each is in `cases/wording.yaml`.
_WORDED = {
    "additionalProperties", "anyOf", "const", "dependentRequired", "enum", "maxLength",
    "maximum", "minItems", "minLength", "minimum", "oneOf", "pattern", "required",
    "type",
}  # fmt: skip


def explained(schema: Any, data: Any) -> list[Finding]:
    """Return the findings about data that breaks a schema."""
    return explain(Draft202012Validator(schema).iter_errors(data), schema, data)


@pytest.mark.parametrize("case", cases("document/cases", "wording"))
def test_broken_rule_is_told_in_words(case: dict[str, Any]) -> None:
    """A finding says where the error is, what was expected, what is there, and a mend."""
    found = explained(case["schema"], case["data"])
    shown = [[f.rule.code, list(f.path), f.message, f.hint] for f in found]
    assert shown == case["finds"]
    fixes = [finding.fix for finding in found if finding.fix]
    assert fixes == ([Edit(*case["fix"])] if "fix" in case else [])
    assert {finding.weight for finding in found} == {"error"}


def test_one_cause_is_told_once() -> None:
    """Several keywords that say the same of one place give one finding."""
    schema = {"allOf": [{"required": ["a"]}, {"required": ["a"]}]}
    assert len(explained(schema, {})) == 1


def test_unknown_keys_are_findings_of_their_own() -> None:
    """An error about several keys gives one finding for each, at its key."""
    schema = {"additionalProperties": False, "properties": {"name": {}}}
    found = explained(schema, {"x": 1, "name": 2, "y": 3})
    assert [finding.path for finding in found] == [("x",), ("y",)]
    assert all(finding.at_key for finding in found)


def test_two_near_keys_are_no_certain_mend() -> None:
    """The hint names the nearest key, and nothing is renamed on a guess."""
    schema = {"additionalProperties": False, "properties": {"names": {}, "named": {}}}
    (finding,) = explained(schema, {"name": 1})
    assert finding.hint.startswith("did you mean 'name")
    assert finding.fix is None


@pytest.mark.parametrize("size", [50, 100_000])
def test_long_texts_are_shortened(size: int) -> None:
    """Neither a long value nor a long key or name fills the screen."""
    word = "x" * size
    properties = {
        "properties": {"a": {"type": "integer"}},
        "additionalProperties": False,
    }
    schema = {"properties": {"l": {"items": properties}}}
    for finding in explained(schema, {"l": [{"name": word, "a": word, word: 1}]}):
        assert len(finding.message) < 400


def test_secret_is_in_no_word() -> None:
    """Whatever is wrong with a credential, neither message nor hint shows it."""
    rules = [
        {"type": "integer"},
        {"enum": ["x", "y"]},
        {"const": "x"},
        {"pattern": "^x$", "$comment": "an x"},
        {"maxLength": 2},
    ]
    data = {"authentication": {"name": "my-secret", "value": "my-secret"}}
    for rule in rules:
        schema = {"properties": {"authentication": {"properties": {"value": rule}}}}
        (finding,) = explained(schema, data)
        assert "got a text" in finding.message
        assert "my-secret" not in f"{finding.message} {finding.hint}"


def _keywords(schema: Any) -> set[str]:
    """Return the keywords that a schema uses anywhere."""
    if isinstance(schema, list):
        return set().union(*map(_keywords, schema))
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for keyword, value in schema.items():
        if keyword in ("properties", "$defs"):
            found = found.union(*map(_keywords, value.values()))
        elif keyword not in (
            "enum",
            "const",
            "examples",
            "default",
            "dependentRequired",
        ):
            found |= _keywords(value)
    return found


@pytest.mark.parametrize("version", versions())
def test_every_keyword_of_the_schemas_has_words(version: str) -> None:
    """A keyword that a schema begins to use needs words first."""
    assert _keywords(read_schema(version)) <= _WORDLESS | _WORDED


def test_every_keyword_with_words_is_a_case() -> None:
    """The cases show each keyword."""
    said = json.dumps(
        [case.values[0]["schema"] for case in cases("document/cases", "wording")]
    )
    assert not {keyword for keyword in _WORDED if f'"{keyword}"' not in said}


def test_paths_are_sorted_as_the_document_is_written() -> None:
    """Keys sort by where they stand, list indexes as numbers, owners before members."""
    data = {"b": {"z": 1, "a": 2}, "a": list(range(11))}
    paths: list[tuple[str | int, ...]] = [
        (),
        ("b",),
        ("b", "z"),
        ("b", "a"),
        ("a",),
        ("a", 2),
        ("a", 10),
    ]
    mixed = paths[::-1]
    mixed.sort(key=PathOrder(data).of)
    assert mixed == paths
