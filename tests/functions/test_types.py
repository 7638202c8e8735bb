"""The table of types, and that arguments, outputs and static values all follow it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from naftiko.expressions import ABSENT
from naftiko.functions.arguments import fit
from naftiko.functions.mocks import compile_mock
from naftiko.functions.shapes import static_value
from naftiko.functions.types import VALUE_TYPES, read_as, schema_of, type_of
from naftiko.spec.model import InputParameter

#: Type, value, and what it is read as; `ABSENT` for a value of another type.
ROWS: list[tuple[str, Any, Any]] = [
    ("string", "", ""),
    ("string", " a ", " a "),
    ("string", "true", "true"),
    ("string", 5, "5"),
    ("string", 1.5, "1.5"),
    ("string", True, "true"),
    ("string", [1], ABSENT),
    ("string", {"a": 1}, ABSENT),
    ("number", 7, 7),
    ("number", 7.5, 7.5),
    ("number", "7", 7),
    ("number", "-7", -7),
    ("number", "+7", 7),
    ("number", "007", 7),
    ("number", " 7.5 ", 7.5),
    ("number", "5.0", 5.0),
    ("number", ".5", 0.5),
    ("number", "5.", 5.0),
    ("number", "1e3", 1000.0),
    ("number", "1_0", ABSENT),
    ("number", "1,5", ABSENT),
    ("number", "0x10", ABSENT),
    ("number", "٣", ABSENT),
    ("number", "nan", ABSENT),
    ("number", "Infinity", ABSENT),
    ("number", "1e999", ABSENT),
    ("number", "9" * 401, ABSENT),
    ("number", float("inf"), ABSENT),
    ("number", "", ABSENT),
    ("number", "two", ABSENT),
    ("number", "true", ABSENT),
    ("number", True, ABSENT),
    ("number", [1], ABSENT),
    ("integer", 7, 7),
    ("integer", 7.0, 7),
    ("integer", 10**30, 10**30),
    ("integer", "7", 7),
    ("integer", "-0", 0),
    ("integer", "5.0", 5),
    ("integer", "1e3", 1000),
    ("integer", "1_0", ABSENT),
    ("integer", "1.5", ABSENT),
    ("integer", 1.5, ABSENT),
    ("integer", "", ABSENT),
    ("integer", False, ABSENT),
    ("boolean", True, True),
    ("boolean", False, False),
    ("boolean", "true", True),
    ("boolean", " True ", True),
    ("boolean", "FALSE", False),
    ("boolean", "1", True),
    ("boolean", "0", False),
    ("boolean", 1, ABSENT),
    ("boolean", 0.0, ABSENT),
    ("boolean", "yes", ABSENT),
    ("boolean", "on", ABSENT),
    ("boolean", "", ABSENT),
    ("array", [1], [1]),
    ("array", "[1, {}]", [1, {}]),
    ("array", " [] ", []),
    ("array", "{}", ABSENT),
    ("array", "[1", ABSENT),
    ("array", "[" * 100_000, ABSENT),
    ("array", {"a": 1}, ABSENT),
    ("object", {"a": 1}, {"a": 1}),
    ("object", '{"a": 1}', {"a": 1}),
    ("object", "[1]", ABSENT),
    ("object", "a: 1", ABSENT),
    ("object", 5, ABSENT),
]
#: Texts that a query or a form has for a list; see `fit`.
LISTED = ("array",)


def _id(value: Any) -> str:
    return repr(value)[:20]


@pytest.mark.parametrize(("type_name", "value", "expected"), ROWS, ids=_id)
def test_value_is_read_by_the_table(type_name: str, value: Any, expected: Any) -> None:
    """A value of a type comes out as that type; one of another type is absent."""
    read = read_as(type_name, value)
    assert read == expected
    assert type(read) is type(expected)
    if read is not ABSENT:
        Draft202012Validator(schema_of(type_name)).validate(read)


@pytest.mark.parametrize(("type_name", "value", "expected"), ROWS, ids=_id)
def test_argument_follows_the_table(type_name: str, value: Any, expected: Any) -> None:
    """An exposed argument of another type is wrong, and keeps its value."""
    values, wrong = fit([InputParameter("a", "query", type_name)], {"a": value})
    if expected is not ABSENT:
        assert (values, wrong) == ({"a": expected}, [])
    elif type_name not in LISTED or isinstance(value, dict):
        assert values == {"a": value} or value != value
        row = type_of(type_name)
        assert row is not None
        assert [w.reason for w in wrong] == [row.mismatch]


@pytest.mark.parametrize(("type_name", "value", "expected"), ROWS, ids=_id)
def test_static_value_follows_the_table(
    type_name: str, value: Any, expected: Any
) -> None:
    """A static output of another type stays as it is; so does that of a mock."""
    kept = value if expected is ABSENT else expected
    assert static_value(value, type_name) == kept
    mock = compile_mock([{"name": "a", "type": type_name, "value": value}])
    assert mock.build(lambda _ref: "") == {"a": kept}


@pytest.mark.parametrize("name", ["", "date", "s", None, 5, ["string"], {}])
def test_unknown_type_takes_every_value(name: Any) -> None:
    """A type outside the table promises nothing and changes nothing."""
    assert type_of(name) is None
    assert schema_of(name) == schema_of(name, nullable=True) == {}
    assert read_as(name, "1") == "1"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(VALUE_TYPES)), ANY)
def test_any_value_is_of_the_type_or_absent(type_name: str, value: Any) -> None:
    """A value that is read matches the schema of its type, and is read again alike."""
    read = read_as(type_name, value)
    if read is not ABSENT:
        Draft202012Validator(schema_of(type_name)).validate(read)
        assert json.dumps(read_as(type_name, read)) == json.dumps(read)
