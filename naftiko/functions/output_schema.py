"""What a tool says of its outputs, and values that keep to what it says.

`outputSchema` describes what the document describes; every value may be null, because
missing ones are. Mapped values have whatever type the upstream gives them (spec 2.8),
but clients refuse a result that breaks its schema: so the structured content is brought
to the declared types, and what cannot be is null there. The text beside it is never
touched. This module must not know where a value comes from.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON
    from naftiko.spec.model import Function

    Fix = Callable[[JSON], JSON]

#: Where a result that is no object is found in the structured content.
RESULT = "result"


class Outputs(NamedTuple):
    """What is known of the outputs of one tool.

    Attributes:
        schema: The `outputSchema`.
        conform: Value of the tool → structured content that matches the schema.
    """

    schema: dict[str, JSON]
    conform: Callable[[JSON], dict[str, JSON]]


def describe(plan: Plan) -> Outputs | None:
    """Return what a document says of the outputs of a function, if it does."""
    function = plan.function
    if plan.inner is not None and plan.inner.function.outputs:
        # What an aggregate function shapes is passed on as it is (spec 6).
        return describe(plan.inner)
    entries = _entries(function.outputs)
    if not entries:
        return None
    if function.is_mock and not (function.call or function.steps or function.ref):
        members = {_name(entry) or "value": _node(entry) for entry in entries}
        return _object(members)
    named = all(_name(entry) for entry in entries)
    if named and (len(entries) > 1 or function.mappings):
        return _object({_name(entry): _node(entry) for entry in entries})
    if len(entries) > 1 or _is_identity(entries[0]):
        return None
    node = _node(entries[0])
    if node.members is not None:
        return _object(node.members)
    if not node.schema:
        return None
    return Outputs(
        {
            "type": "object",
            "properties": {RESULT: node.schema},
            "required": [RESULT],
        },
        lambda value: {RESULT: node.fix(value)},
    )


class _SchemaNode(NamedTuple):
    schema: dict[str, JSON]
    fix: Fix
    members: dict[str, _SchemaNode] | None = None


def _entries(outputs: JSON) -> list[Mapping[str, JSON]]:
    listed = outputs if isinstance(outputs, list) else [outputs]
    return [entry for entry in listed if isinstance(entry, dict)]


def _name(entry: Mapping[str, JSON]) -> str:
    name = entry.get("name")
    return name if isinstance(name, str) else ""


def _is_identity(entry: Mapping[str, JSON]) -> bool:
    """Tell whether an entry only says that the body is passed on."""
    mapping = str(entry.get("mapping", entry.get("value", "$"))).strip()
    return mapping in ("$", "$.") and not _has_structure(entry)


def _has_structure(entry: Mapping[str, JSON]) -> bool:
    return any(
        isinstance(entry.get(key), (dict, list)) and entry[key]
        for key in ("properties", "items", "values")
    )


def _object(members: dict[str, _SchemaNode]) -> Outputs:
    node = _object_node(members)
    nothing = dict.fromkeys(members)

    def conform(value: JSON) -> dict[str, JSON]:
        if isinstance(value, dict):
            fixed: dict[str, JSON] = node.fix(value)
            return fixed
        return dict(nothing) if value is None else {**nothing, RESULT: value}

    if RESULT in members:
        # The name is taken: a value that is no object has to be left to the text.
        return Outputs(
            {**node.schema, "type": "object"},
            lambda value: conform(value if isinstance(value, dict) else None),
        )
    return Outputs({**node.schema, "type": "object"}, conform)


def _node(entry: Mapping[str, JSON]) -> _SchemaNode:
    kind = entry.get("type")
    node = _untold()
    if isinstance(entry.get("values"), dict):
        node = _values_node(_node(entry["values"]))
    elif isinstance(entry.get("properties"), dict) and entry["properties"]:
        inner = entry["properties"].items()
        node = _object_node(
            {
                str(name): _node(e) if isinstance(e, dict) else _null()
                for name, e in inner
            }
        )
    elif kind == "array" and (items := _items(entry)) is not None:
        node = _array_node(items)
    elif kind in _FIXES:
        node = _SchemaNode({"type": [kind, "null"]}, _FIXES[kind])
    text = entry.get("description")
    if isinstance(text, str) and text.strip():
        return node._replace(
            schema={**node.schema, "description": " ".join(text.split())}
        )
    return node


def _items(entry: Mapping[str, JSON]) -> _SchemaNode | None:
    """Return what an array says of its elements; a bare type is no promise."""
    items = entry.get("items")
    if isinstance(items, list):
        items = items[0] if items else None
    if not isinstance(items, dict):
        return None
    return _node(items) if items.get("mapping") or _has_structure(items) else None


def _untold() -> _SchemaNode:
    return _SchemaNode({}, lambda value: value)


def _null() -> _SchemaNode:
    return _SchemaNode({"type": "null"}, lambda _value: None)


def _object_node(members: dict[str, _SchemaNode]) -> _SchemaNode:
    schema = {
        "type": ["object", "null"],
        "properties": {name: node.schema for name, node in members.items()},
    }
    fixes = [(name, node.fix) for name, node in members.items() if node.schema]

    def fix(value: JSON) -> JSON:
        if not isinstance(value, dict):
            return None
        fixed = dict(value)
        for name, of in fixes:
            if name in fixed:
                fixed[name] = of(fixed[name])
        return fixed

    return _SchemaNode(schema, fix, members)


def _values_node(node: _SchemaNode) -> _SchemaNode:
    def fix(value: JSON) -> JSON:
        if not isinstance(value, dict):
            return None
        return {name: node.fix(inner) for name, inner in value.items()}

    return _SchemaNode(
        {"type": ["object", "null"], "additionalProperties": node.schema}, fix
    )


def _array_node(node: _SchemaNode) -> _SchemaNode:
    def fix(value: JSON) -> JSON:
        return [node.fix(item) for item in value] if isinstance(value, list) else None

    return _SchemaNode({"type": ["array", "null"], "items": node.schema}, fix)


# --- scalars ------------------------------------------------------------------------


def _string(value: JSON) -> JSON:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _number(value: JSON) -> JSON:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value.strip())
        except ValueError:
            return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # JSON has neither infinity nor "not a number".
    return value if is_number and value - value == 0 else None


def _integer(value: JSON) -> JSON:
    number = _number(value)
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number


def _boolean(value: JSON) -> JSON:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


_FIXES: dict[JSON, Fix] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
}


def outcome_schema(outputs: JSON, function: Function) -> tuple[dict[str, JSON], bool]:
    """Return the schema of what a function gives, and whether it always gives it.

    What finds nothing in a body makes way for the body itself (spec 3.6).
    """
    listed = outputs if isinstance(outputs, list) else [outputs]
    entries = [entry for entry in listed if isinstance(entry, dict)]
    if not entries:
        return ({"type": "object"}, False) if function.mappings else ({}, False)
    is_mock = not (function.call or function.steps)
    names = [entry.get("name") for entry in entries]
    named = all(isinstance(name, str) and name for name in names)
    if is_mock or (named and (len(entries) > 1 or function.mappings)):
        members = {
            str(entry.get("name") or "value"): _schema(entry) for entry in entries
        }
        return {"type": "object", "properties": members}, is_mock or len(entries) > 1
    if len(entries) > 1:
        return {}, False
    schema = _schema(entries[0])
    if isinstance(entries[0].get("properties"), dict) and entries[0]["properties"]:
        return {**schema, "type": "object"}, True
    is_root = str(entries[0].get("mapping", "$")).strip() in ("$", "$.")
    told = schema.keys() & {"properties", "additionalProperties", "items"}
    return ({}, True) if is_root and not told else (schema, False)


def _schema(entry: JSON) -> dict[str, JSON]:
    """Return the schema of one output; every value may be missing, which is null."""
    if not isinstance(entry, dict):
        return {}
    kind = entry.get("type")
    schema: dict[str, JSON] = {}
    properties, items = entry.get("properties"), entry.get("items")
    if isinstance(entry.get("values"), dict):
        schema = {"type": "object", "additionalProperties": _schema(entry["values"])}
    elif isinstance(properties, dict) and properties:
        members = {str(name): _schema(inner) for name, inner in properties.items()}
        schema = {"type": "object", "properties": members}
    elif kind == "array":
        first = items[0] if isinstance(items, list) and items else items
        is_told = isinstance(first, dict) and (
            first.get("mapping") or first.get("properties") or first.get("values")
        )
        schema = {"type": "array", **({"items": _schema(first)} if is_told else {})}
    elif kind in ("string", "number", "integer", "boolean"):
        schema = {"type": kind}
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    text = entry.get("description")
    if isinstance(text, str) and text.strip():
        schema["description"] = " ".join(text.split())
    return schema
