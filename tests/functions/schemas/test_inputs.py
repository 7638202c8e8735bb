"""What a document says about an input becomes valid JSON Schema of the same meaning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from naftiko.functions.arguments import fit
from naftiko.functions.schemas.inputs import input_schema
from naftiko.spec.model import InputParameter


@pytest.mark.parametrize(
    ("type_name", "keywords", "schema"),
    [
        ("", {}, {}),
        ("int", {}, {}),
        ("string", {"enum": ["asc", "desc"]}, {"type": "string", "enum": ["asc", "desc"]}),
        ("string", {"enum": [1, 2, 1]}, {"type": "string", "enum": ["1", "2"]}),
        ("string", {"enum": "asc"}, {"type": "string"}),
        ("integer", {"default": "5"}, {"type": "integer", "default": 5}),
        ("integer", {"default": "many"}, {"type": "integer"}),
        ("boolean", {"default": False}, {"type": "boolean", "default": False}),
        ("number", {"default": float("nan")}, {"type": "number"}),
        ("string", {"format": "date", "pattern": "^2"}, {"type": "string", "format": "date", "pattern": "^2"}),
        ("string", {"format": 5, "maxLength": -1}, {"type": "string"}),
        ("integer", {"minimum": 1, "maximum": 5}, {"type": "integer", "minimum": 1, "maximum": 5}),
        ("integer", {"minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ("integer", {"minimum": 1, "exclusiveMinimum": False}, {"type": "integer", "minimum": 1}),
        ("integer", {"minimum": "1", "multipleOf": 0}, {"type": "integer"}),
        ("string", {"example": "a", "nullable": True}, {"type": ["string", "null"], "examples": ["a"]}),
        (["string", "null"], {}, {"type": ["string", "null"]}),
        ("array", {}, {"type": "array", "items": {}}),
        ("array", {"items": {"type": "integer"}}, {"type": "array", "items": {"type": "integer"}}),
        ("array", {"items": "integer"}, {"type": "array", "items": {"type": "integer"}}),
        ("array", {"items": [{"type": "string"}]}, {"type": "array", "items": {"type": "string"}}),
        ("array", {"items": [{"name": "a"}, {"name": "b", "type": "integer"}]}, {"type": "array", "items": {"type": "object", "properties": {"a": {}, "b": {"type": "integer"}}}}),
        ("array", {"items": [], "uniqueItems": True}, {"type": "array", "uniqueItems": True, "items": {}}),
        ("array", {"items": {"type": "array"}}, {"type": "array", "items": {"type": "array", "items": {}}}),
        ("", {"items": {"enum": ["a"]}}, {"type": "array", "items": {"enum": ["a"]}}),
        ("string", {"items": {"type": "integer"}}, {"type": "string"}),
        ("", {"anyOf": [{"type": "array"}, "integer"]}, {"anyOf": [{"type": "array", "items": {}}, {"type": "integer"}]}),
    ],
)  # fmt: skip
def test_declaration_becomes_json_schema(
    type_name: Any, keywords: Any, schema: Any
) -> None:
    """Keywords of JSON Schema and OpenAPI 3.0 stay; others are left out."""
    assert input_schema(type_name, keywords) == schema


NESTED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "A name."},
        "tags": {"type": "array", "items": {}},
    },
    "required": ["name"],
}


@pytest.mark.parametrize(
    "keywords",
    [
        {
            "properties": {
                "name": {
                    "type": "string",
                    "required": True,
                    "description": "A\n  name.",
                },
                "tags": {"type": "array", "required": False},
            }
        },
        {
            "properties": [
                {"name": "name", "type": "string", "description": "A name."},
                {"name": "tags", "type": "array"},
                {"type": "lost"},
            ],
            "required": ["name"],
        },
    ],
    ids=["mapping", "list"],
)
def test_properties_of_an_object_are_nested(keywords: Any) -> None:
    """They may be a mapping or a list, and `required` a flag or a list."""
    assert input_schema("object", keywords) == NESTED
    assert input_schema("", {**keywords, "additionalProperties": "string"}) == {
        **NESTED,
        "additionalProperties": {"type": "string"},
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "items", "properties", "enum", "default", "required"]
                + ["minimum", "maxLength", "anyOf", "additionalProperties", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def without_items(schema: Any) -> list[Any]:
    """Return every array in a schema that has no `items`."""
    if isinstance(schema, list):
        return [found for inner in schema for found in without_items(inner)]
    if not isinstance(schema, dict):
        return []
    types = schema.get("type")
    is_array = types == "array" or (isinstance(types, list) and "array" in types)
    own = [schema] if is_array and "items" not in schema else []
    skipped = {"enum", "default", "examples", "const"}
    return own + without_items([v for k, v in schema.items() if k not in skipped])


@settings(max_examples=60)
@given(st.sampled_from(["", "array", "object", "string", "int"]), VALUES)
def test_schema_is_valid_whatever_the_document_writes(
    type_name: str, value: Any
) -> None:
    """JSON Schema 2020-12: no declaration makes a schema that a client refuses."""
    keywords = value if isinstance(value, dict) else {"items": value}
    schema = input_schema(type_name, keywords)
    Draft202012Validator.check_schema(schema)
    assert without_items(schema) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"label": ["a=b"]}, '{"label":["a=b"]}'),
        (["ä", 1], '["ä",1]'),
        ('{"label": ["a=b"]}', '{"label": ["a=b"]}'),
        (True, "true"),
    ],
)
def test_object_given_for_a_text_is_written_as_json(value: Any, text: str) -> None:
    """Models give the object that a text shall hold; a text stays as it is."""
    filters = InputParameter("filters", "", "string", is_json_text=True)
    assert fit([filters], {"filters": value}) == ({"filters": text}, [])


def test_object_that_json_cannot_hold_is_refused() -> None:
    """JSON has no infinity, so it is not written into a text."""
    filters = InputParameter("filters", "", "string", is_json_text=True)
    assert fit([filters], {"filters": [float("inf")]})[1][0].fault == "is not a text"
