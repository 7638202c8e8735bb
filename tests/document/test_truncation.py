"""The half-written end of a truncated document; whole files: `spec/cases/truncated.yaml`."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from naftiko.document import rules
from naftiko.document.document import Document, Truncation
from naftiko.document.findings import Findings
from naftiko.document.truncation import drop_incomplete, note_truncation

_LEFT_OUT = "where the file was cut off, and is left out"


def completed(data: Any) -> tuple[Any, list[tuple[tuple[Any, ...], str]]]:
    """Return data without its half-written end, and what was noted about it."""
    data = copy.deepcopy(data)
    findings = Findings(Document(data))
    drop_incomplete(data, findings)
    for finding in findings.noted:
        assert finding.rule == rules.INCOMPLETE_DROPPED
        assert finding.hint == "get the whole file"
        assert finding.at_key is isinstance(finding.path[-1], str)
    return data, [(finding.path, finding.message) for finding in findings.noted]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [],
        "text",
        {"info": {}},
        {"info": {"label": None, "description": "d"}},
        {"tags": ["a", None]},
        {"consumes": [{"namespace": "a", "baseUri": "u"}]},
        {"consumes": [{"import": "a", "location": "l"}]},
        {"consumes": [{"openapi": "l"}]},
        {"exposes": [{"type": "mcp", "tools": [{"name": "t", "steps": [1]}]}]},
        {"exposes": [{"type": "skill", "skills": [{"name": "half"}]}]},
        {"exposes": [{"type": "control", "management": {"health": True}}]},
    ],
)
def test_complete_end_stays(data: Any) -> None:
    """Nothing is dropped from data that may end where it does."""
    assert completed(data) == (data, [])


def test_key_without_a_value_is_dropped() -> None:
    """Only the last key of a mapping can have lost its value."""
    data = {"a": None, "info": {"label": None, "description": None}}
    left, noted = completed(data)
    assert left == {"a": None, "info": {"label": None}}
    assert noted == [
        (("info", "description"), f"the key 'description' has no value {_LEFT_OUT}")
    ]


_HALF: list[tuple[str, str, Any, str]] = [
    ("consumes", "consumes", {"namespace": "a"}, "the last adapter has no `baseUri`"),
    (
        "consumes",
        "resources",
        {"name": "r"},
        "the last resource ('r') has no `operations`",
    ),
    (
        "consumes",
        "operations",
        {"name": "o"},
        "the last operation ('o') has no `method`",
    ),
    ("consumes", "operations", {"method": "GET"}, "the last operation has no `name`"),
    (
        "consumes",
        "inputParameters",
        {"name": "p"},
        "the last parameter ('p') has no `in`",
    ),
    (
        "consumes",
        "outputParameters",
        {"name": "p"},
        "the last output ('p') has no `value`",
    ),
    ("consumes", "operations", "GE", "the last operation has no content"),
    ("consumes", "consumes", None, "the last adapter has no content"),
    ("exposes", "exposes", {"type": "mcp"}, "the last adapter has no `resources`"),
    ("exposes", "exposes", {"tools": [1]}, "the last adapter has no `type`"),
    ("exposes", "operations", {"method": "GET"}, "the last operation has no `call`"),
    ("exposes", "operations", {"call": "a.b"}, "the last operation has no `method`"),
    ("exposes", "tools", {"name": "t"}, "the last tool ('t') has no `call`"),
    ("exposes", "resources", {"path": "/x"}, "the last resource has no `operations`"),
    (
        "exposes",
        "inputParameters",
        {"type": "string"},
        "the last parameter has no `name`",
    ),
    (
        "exposes",
        "outputParameters",
        {"name": "o"},
        "the last output ('o') has no `type`",
    ),
]


@pytest.mark.parametrize(("half", "key", "element", "message"), _HALF)
def test_element_without_what_it_needs_is_dropped(
    half: str, key: str, element: Any, message: str
) -> None:
    """The message names the last element and the key that it lacks."""
    whole = {
        "type": "x",
        "resources": [],
        "forward": {},
        "import": "x",
        "location": "x",
    }
    whole |= {"method": "GET", "call": "x", "name": "n", "in": "query", "value": "v"}
    if half == key:
        left, noted = completed({half: [whole, element]})
        assert (left, noted) == (
            {half: [whole]},
            [((half, 1), f"{message} {_LEFT_OUT}")],
        )
        return
    owner = {name: value for name, value in whole.items() if name != key}
    left, noted = completed({half: [{**owner, key: [whole, element]}]})
    assert left == {half: [{**owner, key: [whole]}]}
    assert noted == [((half, 0, key, 1), f"{message} {_LEFT_OUT}")]


def test_only_the_last_element_is_looked_at() -> None:
    """What is incomplete before the end is a mistake of the author, not of the cut."""
    data = {"consumes": [{"namespace": "a"}, {"namespace": "b", "baseUri": "u"}]}
    assert completed(data) == (data, [])


def test_element_of_either_half_needs_other_keys() -> None:
    """Outside both halves a list may hold anything."""
    data = {"aggregates": [{"functions": [{"inputParameters": [{}]}]}]}
    assert completed(data) == (data, [])


def test_list_that_is_left_empty_goes_with_its_key() -> None:
    """A node that is dropped as a whole is named once, and its parts are not."""
    tool = {"name": "t"}
    data = {"capability": {"a": 1, "exposes": [{"type": "mcp", "tools": [tool]}]}}
    left, noted = completed(data)
    assert left == {"capability": {"a": 1}}
    assert noted == [
        (("capability", "exposes"), f"the key 'exposes' has no value {_LEFT_OUT}")
    ]


def test_owner_of_a_dropped_element_stays_while_it_is_complete() -> None:
    """The adapter keeps its complete tool, and only the half one is noted."""
    tools = [{"name": "a", "call": "x.y"}, {"name": "x" * 500}]
    left, noted = completed({"exposes": [{"type": "mcp", "tools": tools}]})
    assert left["exposes"][0]["tools"] == tools[:1]
    ((path, message),) = noted
    assert path == ("exposes", 0, "tools", 1)
    assert len(message) < 250


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("", "get the whole file"),
        (
            "Full source: https://a.test/x.yaml",
            "get the whole file: https://a.test/x.yaml",
        ),
        ("https://a.test/x.yaml", "get the whole file: https://a.test/x.yaml"),
        ("Full source:  ", "get the whole file"),
    ],
)
def test_notice_of_the_publisher_is_noted(source: str, hint: str) -> None:
    """The finding says how much is missing, and where the whole file is."""
    findings = Findings(Document({}, truncation=Truncation(32, 109, source)))
    note_truncation(findings)
    note_truncation(findings, rules.SOURCE_REJECTED)
    first, second = findings.noted
    assert (
        first.message
        == second.message
        == ("the publisher cut this file off at 32 of 109 KB: what follows is missing")
    )
    assert first.hint == hint
    assert (first.rule, first.path) == (rules.SOURCE_TRUNCATED, ())
    assert (first.weight, second.weight) == ("warning", "error")


def test_whole_document_has_no_notice() -> None:
    """Nothing is noted about a document that was not cut off."""
    findings = Findings(Document({}))
    note_truncation(findings)
    assert findings.noted == []
