"""Texts of a command line become values of the types that the document tells."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.cli.arguments.typed import takes_of, text_hint, typed, with_lists
from naftiko.consumes.operation import Operation
from naftiko.errors import StatusError
from support.building import capability


def _operation(kind: str = "json", **types: str) -> Operation:
    body = {"type": kind, "data": {name: f"{{{{{name}}}}}" for name in types}}
    inputs = [
        {"name": name, "in": "body", "type": type_}
        for name, type_ in types.items()
        if type_
    ]
    query = [{"name": "page", "in": "query", "type": "integer"},
             {"name": "tags", "in": "query", "type": "array"}]  # fmt: skip
    loaded = capability(
        {"method": "POST", "body": body, "inputParameters": [*inputs, *query]}
    )
    found: Operation = loaded.operations["api.op"]
    return found


JSON = _operation(
    n="integer", x="number", flag="boolean", list="array", o="object", s="string", a=""
)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("n", "2", 2),
        ("n", "two", "two"),
        ("x", "1.5", 1.5),
        ("flag", "true", True),
        ("list", "[1, 2]", [1, 2]),
        ("list", "a,b", ["a,b"]),
        ("o", '{"a": 1}', {"a": 1}),
        ("s", "2", "2"),
        ("a", "2", "2"),
        ("page", "007", "007"),
        ("tags", "new", ["new"]),
        ("unknown", "2", "2"),
    ],
)
def test_text_becomes_a_value_of_its_type(name: str, text: str, expected: Any) -> None:
    """A known type is kept in a JSON body; elsewhere texts stay as they were typed."""
    assert with_lists({name: typed(name, text, JSON)}) == {name: expected}


def test_form_keeps_texts() -> None:
    """The fields of a form are texts whatever the document says."""
    assert typed("n", "007", _operation("formUrlEncoded", n="integer")) == "007"


def test_refused_text_hints_at_json() -> None:
    """After a refusal the texts without a known type are named, never their values."""
    error = StatusError("api.op: 422", status=422)
    hint = text_hint(error, {"a": "7351", "s": "x", "n": 2}, JSON)
    assert hint.startswith("'a' was sent as a text: write a:=JSON for a number")
    assert "7351" not in hint
    assert "were sent as texts" in text_hint(error, {"a": "1", "n": "two"}, JSON)


@pytest.mark.parametrize(
    ("status", "given"), [(401, {"a": "1"}), (422, {"s": "1"}), (422, {"page": "x"})]
)
def test_refusal_for_another_reason_gets_no_hint(status: int, given: Any) -> None:
    """Credentials, declared texts and parts of the query are no reason for JSON."""
    assert text_hint(StatusError("x", status=status), given, JSON) == ""


def test_several_texts_are_the_items_of_a_list() -> None:
    """A name that is given twice has a list already, and it is not nested."""
    items = [typed("list", text, JSON) for text in ("a", "[1]")]
    assert with_lists({"list": items}) == {"list": ["a", "[1]"]}


def test_operation_is_what_it_takes() -> None:
    """An operation stands for itself; a function has the same attributes."""
    assert takes_of(JSON, "op") is JSON
