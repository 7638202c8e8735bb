"""The quick verdict: what it calls valid is valid to `jsonschema` too."""

from __future__ import annotations

import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from naftiko.document import source
from naftiko.document.checking import schema
from naftiko.document.checking.verdict import compile_verdict
from support.mutations import mutated
from support.shared import CAPABILITIES, corpus_files, each_or_all, needs_corpus

VALUES: list[Any] = [
    None, True, False, 0, 1, 5, 9, -1, 0.5, 1.0, 7.5, "", "a", "b", [],
    ["a"], [1], [None, "a"], [["a"]], {}, {"a": 1}, {"a": "x", "b": 2}, {"b": None},
    {"a": {"a": {"a": 1}}}, {"a": [{"a": 1}, "x"]}, {"c": 1}, {"a": 1, "b": 1, "c": 1},
]  # fmt: skip
SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "string", "description": "a text"},
    {"type": ["number", "null"]},
    {"type": "integer", "minimum": 0, "maximum": 5},
    {"minimum": 1},
    {"enum": ["a", None]},
    {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
    {"properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "null"}},
    {"type": "object", "required": ["a"], "dependentRequired": {"b": ["a"]}},
    {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"if": {"type": "array"}, "then": {"items": {"type": "string"}}, "else": {"type": "null"}},
    {
        "$ref": "#/$defs/Tree",
        "$defs": {"Tree": {"type": ["object", "array", "integer"], "items": {"$ref": "#/$defs/Tree"},
                           "properties": {"a": {"$ref": "#/$defs/Tree"}}}},
    },
]  # fmt: skip


@pytest.mark.parametrize("rules", SCHEMAS, ids=str)
def test_verdict_is_that_of_jsonschema(rules: dict[str, Any]) -> None:
    """A value is valid to both, or to neither, but for integers written as 1.0."""
    verdict = compile_verdict(rules)
    assert verdict is not None
    slow = Draft202012Validator(rules)
    for value in VALUES:
        if not (isinstance(value, float) and value.is_integer()):
            assert verdict(value) == slow.is_valid(value), value
        assert not verdict(value) or slow.is_valid(value), value


@pytest.mark.parametrize(
    "rules",
    [
        {"pattern": "a"},
        {"items": {"not": {}}},
        {"oneOf": [{"required": ["a"]}]},
        {"type": "object", "oneOf": [{"type": "object"}]},
        {"if": {"required": ["a"]}},
        {"if": {"type": "integer"}},
        {"enum": [1], "type": "integer"},
        {"$ref": "#/$defs/None"},
        {"$ref": "#/$defs/A", "type": "string", "$defs": {"A": {}}},
        {"properties": {"a": False}},
    ],
    ids=str,
)
def test_other_rules_have_no_verdict(rules: dict[str, Any]) -> None:
    """Rules that are not known, or not surely, are left to `jsonschema`."""
    assert compile_verdict(rules) is None


def test_observed_rules_have_a_verdict() -> None:
    """The observed rules keep to the keywords that are known."""
    assert compile_verdict(schema.read_schema("observed")) is not None


@needs_corpus
@each_or_all
def test_verdict_of_published_files(step: int) -> None:
    """Nearly all published files are valid by the observed rules, at once."""
    verdict = compile_verdict(schema.read_schema("observed"))
    assert verdict is not None
    files = corpus_files()[::step]
    for file in files:
        data = source.read(file).data
        assert verdict(data) == (not schema.check_slowly(data, "observed")), file


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_mutated_documents_get_no_better_verdict(count: int) -> None:
    """Whatever changed, `jsonschema` finds nothing in what is called valid."""
    verdict = compile_verdict(schema.read_schema("observed"))
    assert verdict is not None
    seeds = [source.read(file).data for file in sorted(CAPABILITIES.glob("*.yaml"))]
    seeds.sort(key=lambda data: len(repr(data)))
    rng = random.Random(11)
    verdicts = [0, 0]
    for _ in range(count):
        data = mutated(rng.choice(seeds[:-1]), rng, rng.choice((1, 2, 8)))
        is_valid = verdict(data)
        verdicts[is_valid] += 1
        assert is_valid == (not schema.check_slowly(data, "observed")), data
    assert min(verdicts) > count // 20


def test_check_without_the_faster_library_asks_jsonschema_when_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A float such as 80.0 is an integer to `jsonschema`, and in doubt to the verdict."""
    verdict = compile_verdict(schema.read_schema("observed"))
    monkeypatch.setattr(schema, "_fast_validator", lambda version: verdict)
    text = "naftiko: 1.0.0-alpha2\ncapability: {exposes: [{type: rest, port: %s}]}\n"
    assert schema.check(source.read_text(text % "80.0"), "observed") == []
    assert schema.check(source.read_text(text % "-1"), "observed") != []
