"""Outputs of functions: a case in `cases/shapes/` is outputs, a body and a value.

Run one with `pytest tests/functions/test_shapes.py -k "part of its name"`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.errors import OutputError
from naftiko.functions.shapes import compile_shape, shaped_parts, static_value
from support.casefiles import cases

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("case", cases("functions/cases/shapes", "mapped", "identity"))
def test_body_becomes_the_value(case: Any) -> None:
    """A body becomes the value that the outputs describe."""
    shape = compile_shape(case["outputs"])
    value = shape.apply(case["body"])
    assert shape.is_identity == case.get("identity", not case["outputs"])
    if case.get("shaped", True):
        assert value == case["value"]
        assert type(value) is type(case["value"])
    else:
        assert value is None or not shape.is_declared
        assert case["value"] == case["body"]


SHIPS = [
    {
        "type": "array",
        "mapping": "$.ship",
        "items": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "mapping": "$.id"},
                "crew": {
                    "type": "array",
                    "mapping": "$.crew.name",
                    "items": {"type": "string"},
                },
                "tags": {"type": "array", "mapping": "$.tag[*]"},
            },
        },
    }
]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("", []),
        ({"more": "x"}, []),
        ({"ship": ""}, [{"id": None, "crew": [], "tags": []}]),
        ({"ship": {"id": "1"}}, [{"id": "1", "crew": [], "tags": []}]),
        (
            {"ship": {"id": "1", "crew": {"name": "Ada"}, "tag": "a"}},
            [{"id": "1", "crew": ["Ada"], "tags": ["a"]}],
        ),
        (
            {
                "ship": [
                    {"crew": {"name": ["Ada", "Bo"]}, "tag": ["a", "b"]},
                    {"id": "2"},
                ]
            },
            [
                {"id": None, "crew": ["Ada", "Bo"], "tags": ["a", "b"]},
                {"id": "2", "crew": [], "tags": []},
            ],
        ),
    ],
)
def test_array_of_xml_may_have_any_number_of_elements(body: Any, value: Any) -> None:
    """One element is a list of one, and none an empty list, at any depth."""
    shape = compile_shape(SHIPS)
    assert shape.apply_to_xml(body) == value
    assert shape.apply_to_xml(body) == value


def test_array_of_xml_below_the_mapping_of_its_object() -> None:
    """A member that the root does not have is looked for below the object's own path."""
    entry = {"type": "array", "mapping": "$.n"}
    outputs = {"type": "object", "mapping": "$.o", "properties": {"a": entry}}
    shape = compile_shape([outputs])
    assert shape.apply_to_xml({"o": {"n": "1"}}) == {"a": ["1"]}
    assert shape.apply({"o": {"n": ["1"]}}) == {"a": ["1"]}


def test_array_of_json_has_to_be_a_list() -> None:
    """In JSON another value where an array is declared is null (spec 2.7)."""
    assert compile_shape(SHIPS).apply({"ship": {"id": "1"}}) is None


@given(_JSON, _JSON)
def test_any_outputs_shape_any_body(outputs: Any, body: Any) -> None:
    """Any outputs of any document give a value, or refuse a path by name."""
    try:
        shape = compile_shape(outputs)
    except OutputError:
        return
    shape.apply(body)
    shape.apply_to_xml(body)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("nan", "number", "nan"),
        ("1e400", "number", "1e400"),
        ("maybe", "boolean", "maybe"),
        ('{"a": 1}', "object", {"a": 1}),
        ("[1]", "array", [1]),
        ("[1]", "object", "[1]"),
        ("{", "object", "{"),
        ("[" * 100_000, "array", "[" * 100_000),
        (True, "string", "true"),
        (" 12 ", "integer", 12),
        (None, "string", None),
        ("5", "date", "5"),
    ],
)
def test_static_value_of_another_type_stays(text: Any, kind: str, value: Any) -> None:
    """A static value that is none of its declared type is left as it is."""
    assert static_value(text, kind) == value


@pytest.mark.parametrize("limit", ["abc", "-1", True, None, "1.5", [2]])
def test_odd_max_length_is_ignored(limit: Any) -> None:
    """Only a whole number cuts a text."""
    outputs = [{"type": "string", "mapping": "$.a", "maxLength": limit}]
    assert compile_shape(outputs).apply({"a": "abcdef"}) == "abcdef"


N = {"type": "number", "mapping": "$.n"}


@pytest.mark.parametrize(
    ("output", "value", "parts"),
    [
        (N, {"n": 1}, [1]),
        (N, {"event": "tick", "id": "7", "data": {"n": 1}}, [1]),
        (N, {"stream": "stdout", "text": '{"n": 1}'}, [1]),
        (N, '{"n": 1}', [1]),
        (N, {"m": 1}, [None]),
        (N, "no", ["no"]),
        (N, {"stream": "stdout", "text": "{no"}, [{"stream": "stdout", "text": "{no"}]),
        ({"type": "string", "mapping": "$.text"}, {"stream": "s", "text": "a"}, ["a"]),
        ({"type": "string", "mapping": "$.event"}, {"event": "e", "data": 1}, ["e"]),
        ({"type": "array", "mapping": "$", "items": N}, {"n": 1}, [1]),
        ({"type": "array", "mapping": "$[*].n"}, {"n": 1}, [1]),
        ({"type": "number", "mapping": "$[0].n"}, {"n": 1}, [1]),
        ({"type": "object", "mapping": "$."}, {"event": "e", "data": 1}, None),
    ],
)
def test_value_of_a_sequence_is_shaped_on_its_own(
    output: Any, value: Any, parts: Any
) -> None:
    """Outputs describe the value, what it carries, or a list that it stands in."""
    assert shaped_parts(compile_shape([output]), value) == (parts or [value])


@pytest.mark.parametrize("count", range(1, 6))
@pytest.mark.parametrize("path", ["$.{}", "$.{}.deep"])
def test_object_is_built_of_any_number_of_members(count: int, path: str) -> None:
    """Absent members are null, and so are all of a root that is no object."""
    names = [f"m{number}" for number in range(count)]
    properties = {name: {"mapping": path.format(name)} for name in names}
    shape = compile_shape([{"type": "object", "properties": properties}])
    nothing = dict.fromkeys(names)
    for root in ([], [1], "text", 7, None, {}):
        assert shape.apply(root) == nothing
    value = {"deep": 1} if "deep" in path else 1
    assert shape.apply({"m0": value, "x": 2}) == {**nothing, "m0": 1}
    assert shape.apply(OrderedDict(m0=value)) == {**nothing, "m0": 1}
    whole = shape.apply(dict.fromkeys(names, value))
    assert list(whole.items()) == [(name, 1) for name in names]
