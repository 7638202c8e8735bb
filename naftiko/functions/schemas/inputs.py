"""The JSON Schema of one input: what its declaration says beside the type.

::

    {name: ids, type: array, items: integer}
        {"type": "array", "items": {"type": "integer"}}
    {name: day, type: object, properties: {hour: {type: integer, required: true}}}
        {"type": "object", "properties": {"hour": {"type": "integer"}},
         "required": ["hour"]}

Documents write these keys as in JSON Schema, as in OpenAPI 3.0 (`nullable`, `example`),
or as in the other lists of the specification (`properties` and `items` as lists of
named entries, `required: true`). The result is JSON Schema 2020-12, whatever they
write: a keyword that clients could not read is left out. Clients refuse a tool with an
array without `items`, so every array has them. This module must not know which inputs
there are.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from naftiko.expressions import ABSENT
from naftiko.functions.types import read_as, schema_of, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.plain import JSON

_TEXTS = ("title", "format", "pattern", "contentMediaType", "contentEncoding")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS = (
    *("minLength", "maxLength", "minItems", "maxItems"),
    *("minProperties", "maxProperties"),
)
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_CHOICES = ("anyOf", "oneOf", "allOf")


def input_schema(type_name: JSON, keywords: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the JSON Schema of a value, without its description.

    `input_schema("array", {"minItems": 1})` is `{"type": "array", "minItems": 1,
    "items": {}}`.

    Args:
        type_name: The type that the document declares; empty for any.
        keywords: The other keys of the declaration; unknown ones are left out.
    """
    schema = _typed(type_name, keywords)
    kind = type_name if isinstance(type_name, str) else ""
    _add(schema, keywords, _TEXTS, lambda v: isinstance(v, str) and v != "")
    _add(schema, keywords, _NUMBERS, _is_number)
    _add(schema, keywords, _COUNTS, _is_count)
    _add(schema, keywords, _FLAGS, lambda v: isinstance(v, bool))
    _add_limits_of_openapi(schema, keywords)
    _add_values(schema, keywords, kind)
    if "array" in _types(schema):
        schema["items"] = _nested(_first(keywords.get("items")))
    if "object" in _types(schema):
        _add_members(schema, keywords)
    for name in _CHOICES:
        choices = keywords.get(name)
        if isinstance(choices, list) and choices:
            schema[name] = [_nested(choice) for choice in choices]
    return schema


def _typed(type_name: JSON, keywords: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the type: the declared one, else that which the other keys mean."""
    if isinstance(type_name, list):
        known = [name for name in type_name if name == "null" or type_of(name)]
        return {"type": known} if known else {}
    if not type_name:
        if isinstance(keywords.get("properties"), (dict, list)):
            type_name = "object"
        elif keywords.get("items") is not None:
            type_name = "array"
    return schema_of(type_name, nullable=keywords.get("nullable") is True)


def _types(schema: Mapping[str, JSON]) -> list[JSON]:
    types = schema.get("type")
    return types if isinstance(types, list) else [types]


def _nested(entry: JSON) -> dict[str, JSON]:
    """Return the schema of an item or a property: `integer` is `{type: integer}`."""
    if isinstance(entry, str):
        return schema_of(entry)
    if not isinstance(entry, dict):
        return {}
    schema = input_schema(entry.get("type", ""), entry)
    description = entry.get("description")
    if isinstance(description, str) and (text := " ".join(description.split())):
        schema["description"] = text
    return schema


def _first(items: JSON) -> JSON:
    """Return the schema of the items; a list of schemas has that of the first.

    Several named entries are the members of each item, as in the outputs of steps.
    """
    is_list = isinstance(items, list) and len(items) > 1
    if is_list and all(isinstance(item, dict) and item.get("name") for item in items):
        return {"type": "object", "properties": items}
    return (items[0] if items else None) if isinstance(items, list) else items


def _add(
    schema: dict[str, JSON],
    keywords: Mapping[str, JSON],
    names: tuple[str, ...],
    is_valid: Callable[[JSON], bool],
) -> None:
    schema |= {
        name: keywords[name]
        for name in names
        if name in keywords and is_valid(keywords[name])
    }


def _is_number(value: JSON) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _is_count(value: JSON) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _add_limits_of_openapi(
    schema: dict[str, JSON], keywords: Mapping[str, JSON]
) -> None:
    """Write `minimum: 0, exclusiveMinimum: true` (OpenAPI 3.0) as one limit."""
    for limit, exclusive in (
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ):
        if keywords.get(exclusive) is True and limit in schema:
            schema[exclusive] = schema.pop(limit)
    if schema.get("multipleOf", 1) <= 0:
        del schema["multipleOf"]


def _add_values(
    schema: dict[str, JSON], keywords: Mapping[str, JSON], kind: str
) -> None:
    """Add the values that the document names, in the type that it declares."""
    values = keywords.get("enum")
    if isinstance(values, list):
        read = [_value(kind, value) for value in values]
        known = [v for i, v in enumerate(read) if v is not ABSENT and v not in read[:i]]
        if known:
            schema["enum"] = known
    for name in ("const", "default"):
        value = _value(kind, keywords[name]) if name in keywords else ABSENT
        if value is not ABSENT:
            schema[name] = value
    examples = keywords.get("examples", [keywords.get("example")])
    if isinstance(examples, list):
        read = [_value(kind, value) for value in examples if value is not None]
        if known := [value for value in read if value is not ABSENT]:
            schema["examples"] = known


def _value(kind: str, value: JSON) -> JSON:
    """Return a value in the declared type; `ABSENT` when JSON has no such value."""
    if value is None:
        return None
    read = read_as(kind, value)
    try:
        json.dumps(read, allow_nan=False)
    except (TypeError, ValueError):
        return ABSENT
    return read


def _add_members(schema: dict[str, JSON], keywords: Mapping[str, JSON]) -> None:
    members = _members(keywords.get("properties"))
    if members:
        schema["properties"] = {name: _nested(inner) for name, inner in members.items()}
    listed = keywords.get("required")
    required = (
        [name for name in listed if isinstance(name, str)]
        if (isinstance(listed, list))
        else []
    )
    required += [
        name
        for name, inner in members.items()
        if isinstance(inner, dict) and inner.get("required") is True
    ]
    if required:
        schema["required"] = list(dict.fromkeys(required))
    others = keywords.get("additionalProperties")
    if isinstance(others, bool):
        schema["additionalProperties"] = others
    elif isinstance(others, (dict, str)):
        schema["additionalProperties"] = _nested(others)


def _members(properties: JSON) -> dict[str, JSON]:
    """Return name → declaration of the properties, which may be a list with names."""
    if isinstance(properties, dict):
        return {str(name): inner for name, inner in properties.items()}
    if not isinstance(properties, list):
        return {}
    named = [entry for entry in properties if isinstance(entry, dict)]
    return {str(e["name"]): e for e in named if isinstance(e.get("name"), str)}
