"""The inputs of a function -> OpenAPI parameters and request bodies.

::

    {name: limit, in: query, type: integer}
        {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    {name: city, in: body, value: $.address.city}
        {"type": "object", "properties": {"address": {"type": "object", …}}}

This module must not know responses or security.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import OutputError
from naftiko.exposes.http.payload import BODY_TYPES
from naftiko.exposes.rest.arguments import is_whole, place_of
from naftiko.functions.arguments import property_schema
from naftiko.jsonpath.reading import segments_of
from naftiko.jsonpath.segments import MEMBER
from naftiko.spec.model import InputParameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.exposes.rest.arguments import ArgumentReader
    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON

    #: Placeholder of a template, and its name in the path of the description.
    Names = list[tuple[str, str]]

ANY_CONTENT: dict[str, JSON] = {"*/*": {"schema": {}}}


def placeholder_objects(plan: Plan, names: Names) -> list[dict[str, JSON]]:
    """Return the parameters of a path, under the names that the path gives them."""
    by_name = {p.name: p for p in plan.arguments if place_of(p) == "path"}
    placeholders = []
    for own, name in names:
        # A placeholder whose input is a constant still needs a parameter.
        parameter = by_name.get(own) or InputParameter(own, "path", "string")
        described = parameter_object(parameter._replace(name=name, required=True))
        if described["schema"].get("type", "string") == "string":
            described["schema"].setdefault("minLength", 1)
        placeholders.append(described)
    return placeholders


def parameter_object(parameter: InputParameter) -> dict[str, JSON]:
    """Return an input as an OpenAPI Parameter Object."""
    schema = property_schema(parameter)
    description = schema.pop("description", "")
    described: dict[str, JSON] = {
        "name": parameter.name,
        "in": parameter.in_,
        **({"description": description} if description else {}),
        **({"required": True} if parameter.required else {}),
    }
    if schema.get("type") == "object" and parameter.in_ != "path":
        # An object outside the body is JSON text.
        described["content"] = {"application/json": {"schema": schema}}
    else:
        described["schema"] = schema
    return described


def beside_body(plan: Plan) -> list[InputParameter]:
    """Return the arguments that may also come in the query.

    Where a body of any kind is taken, an undeclared argument is read from a member of
    the body or from the query. The called API describes the body, so this description
    names the query.
    """
    in_body = [p for p in plan.arguments if place_of(p) == "body"]
    if not any(map(is_whole, in_body)):
        return []
    declared = {p.name for p in plan.function.inputs if p.in_}
    return [p for p in in_body if not is_whole(p) and p.name not in declared]


def request_body(plan: Plan, reader: ArgumentReader) -> dict[str, JSON] | None:
    """Return the OpenAPI Request Body Object of a function, or `None`."""
    if not reader.reads_body:
        return None
    elsewhere = beside_body(plan)
    in_body = [
        p for p in plan.arguments if place_of(p) == "body" and p not in elsewhere
    ]
    whole = next((p for p in in_body if is_whole(p)), None)
    fields = [p for p in in_body if not is_whole(p)]
    required = any(p.required for p in in_body)
    declared = {p.name for p in plan.function.inputs if p.in_}
    lone = fields[0] if len(in_body) == 1 and fields else None
    if lone is not None and lone.name not in declared:
        lone = None
    if whole is not None:
        members = _fields_schema(fields)
        del members["type"]
        schema = {**property_schema(whole), **members}
        content: dict[str, JSON] = {
            "application/json": {"schema": schema},
            **ANY_CONTENT,
        }
    elif lone is not None and lone.value is None and lone.type in ("array", "object"):
        content = {"application/json": {"schema": property_schema(lone)}}
    else:
        schema = _fields_schema(fields)
        content = {kind: {"schema": schema} for kind in BODY_TYPES}
    return {**({"required": True} if required else {}), "content": content}


def _fields_schema(fields: Iterable[InputParameter]) -> dict[str, JSON]:
    """Return the schema of a body, an input such as `$.customer.name` nested in it."""
    root: dict[str, JSON] = {"type": "object"}
    for field in fields:
        names = [field.name]
        if field.value is not None:
            names = members_of(str(field.value))
            if not names:
                continue
        schema = root
        for name in names[:-1]:
            inner = schema.setdefault("properties", {})
            _require(schema, name, required=field.required)
            schema = inner.setdefault(name, {})
            schema.setdefault("type", "object")
        schema.setdefault("properties", {})[names[-1]] = property_schema(field)
        _require(schema, names[-1], required=field.required)
    return root


def members_of(path: str) -> list[str]:
    """Return the member names of a path: `$.a.b` -> `["a", "b"]`; else nothing."""
    try:
        segments = segments_of(path)
    except OutputError:
        return []
    is_plain = all(segment.kind == MEMBER for segment in segments)
    return [segment.key for segment in segments] if is_plain else []


def _require(schema: dict[str, JSON], name: str, *, required: bool) -> None:
    if required and name not in schema.setdefault("required", []):
        schema["required"].append(name)
