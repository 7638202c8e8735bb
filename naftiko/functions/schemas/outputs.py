"""`outputParameters` → JSON Schema, for tools (MCP) and for REST operations (OpenAPI).

There is one way from an output to a schema, `_node`; the two adapters only differ in
how they wrap the result:

    outputParameters                          schema of the value
    ----------------------------------------  ---------------------------------------
    - type: object                            {type: [object, null], properties:
      properties:                               {tons: {type: [number, null]}}}
        tons: {type: number, mapping: $.t}
    - type: array                             {type: [array, null],
      mapping: $.crew                           items: {type: [string, null]}}
      items: {type: string, mapping: $.name}
    - {type: object, mapping: $.data}         {}: the mapped value, whatever it is
    - {type: object, mapping: $.}             {}: the body, whatever it is

Every value may be null, because an output whose path finds nothing is null. A bare
`object` or `array` promises nothing: published files write it for any value
(dialect 8.1).

Mapped values have whatever type the upstream API gives them (spec 2.8), but MCP clients
refuse a result that breaks its schema. So the structured content of a tool is brought
to the declared types, and a value of another type is null there. The text beside it is
never touched. This module must not know where a value comes from.
"""

from __future__ import annotations

import json
from math import isfinite
from operator import is_, itemgetter
from typing import TYPE_CHECKING

from naftiko.expressions import ABSENT
from naftiko.functions.shapes import entries_of, first_item, is_bare
from naftiko.functions.types import read_as, schema_of
from naftiko.plain import finite
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from naftiko.functions.plan import Plan
    from naftiko.functions.shapes import Shape
    from naftiko.plain import JSON
    from naftiko.spec.model import Function

    Conform = Callable[[JSON], JSON]

#: The member of the structured content that holds a result that is no object.
RESULT = "result"
#: The member that holds the results of all values, where a response has several.
RESULTS = "results"
_STRUCTURES = ("object", "array")


class ToolOutput(NamedTuple):
    """The output of one tool, as MCP describes it.

    Attributes:
        schema: The `outputSchema`; its type is `object`.
        conform: Value of the tool → structured content that matches the schema. It is
            the same object where nothing has to be changed.
        has_members: The value is an object; the structured content is itself.
    """

    schema: dict[str, JSON]
    conform: Callable[[JSON], dict[str, JSON]]
    has_members: bool = False

    def conform_all(self, values: list[JSON]) -> dict[str, JSON]:
        """Return structured content of the results of a sequence, which is not empty.

        Outputs that describe one value get the last one, and all of them beside it:
        `[7, 8]` → `{"results": [7, 8], "result": 8}`. The schema allows more members.
        """
        if (
            not self.has_members
            and "array" in self.schema["properties"][RESULT]["type"]
        ):
            return self.conform(values)
        each = [self.conform(value) for value in values]
        results = each if self.has_members else [one[RESULT] for one in each]
        return {RESULTS: results, **each[-1]}


class ValueSchema(NamedTuple):
    """The value of one function, as OpenAPI describes it.

    Attributes:
        schema: Its JSON Schema; empty when the document says nothing of it.
        may_be_response: The response of the upstream API, of any media type, takes its
            place when the outputs find nothing in it (spec 3.6).
    """

    schema: dict[str, JSON]
    may_be_response: bool


def tool_output(plan: Plan) -> ToolOutput | None:
    """Return the schema of a tool's structured content, or `None` without one.

    `[{"type": "string", "mapping": "$.name"}]` gives the schema `{"type": "object",
    "properties": {"result": {"type": ["string", "null"]}}, "required": ["result"]}`,
    and turns `"Ada"` into `{"result": "Ada"}`.
    """
    node, _ = _described(*_declared(plan))
    if node.members is not None:
        return _of_members(node, node.members)
    if "type" not in node.schema:
        return None
    schema = {
        "type": "object",
        "properties": {RESULT: node.schema},
        "required": [RESULT],
    }
    return ToolOutput(schema, lambda value: {RESULT: node.conform(value)})


def value_schema(plan: Plan) -> ValueSchema:
    """Return the schema of the value of a function.

    `[{"type": "string", "mapping": "$.name"}]` gives `{"type": ["string", "null"]}`.
    """
    outputs, function, shape = _declared(plan)
    if not entries_of(outputs):
        return ValueSchema({"type": "object"} if function.mappings else {}, True)
    node, is_certain = _described(outputs, function, shape)
    schema = node.schema if node.members is None else _not_null(node.schema)
    return ValueSchema(schema, not is_certain)


def _declared(plan: Plan) -> tuple[JSON, Function, Shape | None]:
    """Return the outputs of a function, and the function and the shape they belong to.

    The value of an aggregate function is passed on as it is (spec 6), so its outputs
    count before those of the unit that refers to it.
    """
    inner = plan.inner
    if inner is None:
        return plan.function.outputs, plan.function, plan.shape
    if inner.function.outputs:
        return _declared(inner)
    return plan.function.outputs, inner.function, plan.shape


def _described(
    outputs: JSON, function: Function, shape: Shape | None
) -> tuple[_SchemaNode, bool]:
    """Return what is known of a value, and whether the function always gives it."""
    entries = entries_of(outputs)
    is_mock = function.is_mock and not (function.call or function.steps)
    is_named = bool(entries) and all(map(_name_of, entries))
    if is_mock or (is_named and (len(entries) > 1 or function.mappings)):
        members = {_name_of(entry) or "value": _node(entry) for entry in entries}
        return _object_node(members), is_mock or len(entries) > 1
    if len(entries) != 1:
        return _ANYTHING, False
    if shape is not None and shape.is_identity:
        return _ANYTHING, True
    node = _node(entries[0])
    # An object with properties is made even of a body that has none of them.
    return node, node.members is not None


def _name_of(entry: Mapping[str, JSON]) -> str:
    name = entry.get("name")
    return name if isinstance(name, str) else ""


def _of_members(node: _SchemaNode, members: Mapping[str, _SchemaNode]) -> ToolOutput:
    nothing = dict.fromkeys(members)

    def conform(value: JSON) -> dict[str, JSON]:
        if isinstance(value, dict):
            conforming: dict[str, JSON] = node.conform(value)
            return conforming
        # A value that is no object stands beside the members, unless one of them has
        # the name: then it is in the text alone.
        if value is None or RESULT in members:
            return dict(nothing)
        return {**nothing, RESULT: value}

    return ToolOutput(_not_null(node.schema), conform, has_members=True)


def _not_null(schema: dict[str, JSON]) -> dict[str, JSON]:
    return {**schema, "type": "object"}


# --- one output ---------------------------------------------------------------------


class _SchemaNode(NamedTuple):
    """One output.

    Attributes:
        schema: Its JSON Schema; without a type when nothing is promised.
        conform: Value → the value as the schema has it, or `None`.
        members: The properties of an object.
        certain: The classes whose values are as the schema has it.
    """

    schema: dict[str, JSON]
    conform: Conform
    members: dict[str, _SchemaNode] | None = None
    certain: tuple[type, ...] = ()


_ANYTHING = _SchemaNode({}, lambda value: value)


def _node(entry: JSON) -> _SchemaNode:
    if not isinstance(entry, dict):
        return _ANYTHING
    type_name, properties = entry.get("type"), entry.get("properties")
    if isinstance(entry.get("values"), dict):
        node = _values_node(_node(entry["values"]))
    elif isinstance(properties, dict) and properties:
        node = _object_node(
            {str(name): _node(inner) for name, inner in properties.items()}
        )
    elif type_name == "array":
        items = first_item(entry)
        is_told = isinstance(items, dict) and not is_bare(items)
        node = _array_node(_node(items)) if is_told else _ANYTHING
    elif type_name in _STRUCTURES:
        node = _ANYTHING
    else:
        node = _scalar_node(type_name)
    description = entry.get("description")
    if isinstance(description, str) and (text := " ".join(description.split())):
        return node._replace(schema={**node.schema, "description": text})
    return node


def _object_node(members: dict[str, _SchemaNode]) -> _SchemaNode:
    schema = {
        **schema_of("object", nullable=True),
        "properties": {name: node.schema for name, node in members.items()},
    }
    pairs = tuple((name, node.certain, node.conform) for name, node in members.items())

    def conform(value: JSON) -> JSON:
        if not isinstance(value, dict):
            return None
        told = {}
        get = value.get
        # Hot loop: most values are of their type as they are.
        for name, certain, conformed in pairs:
            inner = get(name)
            if inner is None or type(inner) in certain:
                continue
            made = conformed(inner)
            if made is not inner:
                told[name] = made
        return {**value, **told} if told else value

    return _SchemaNode(schema, conform, members)


def _values_node(node: _SchemaNode) -> _SchemaNode:
    def conform(value: JSON) -> JSON:
        if not isinstance(value, dict):
            return None
        made = {name: conformed(inner) for name, inner in value.items()}
        is_same = all(map(is_, made.values(), value.values()))
        return value if is_same else made

    conformed = node.conform
    schema = {
        **schema_of("object", nullable=True),
        "additionalProperties": node.schema,
    }
    return _SchemaNode(schema, conform)


def _array_node(node: _SchemaNode) -> _SchemaNode:
    columns = _columns(node)

    def conform(value: JSON) -> JSON:
        if not isinstance(value, list):
            return None
        if columns and _are_certain(value, columns):
            return value
        made = [conformed(item) for item in value]
        return value if all(map(is_, made, value)) else made

    conformed = node.conform
    return _SchemaNode(
        {**schema_of("array", nullable=True), "items": node.schema}, conform
    )


class _Column(NamedTuple):
    """One member of the objects of a list.

    Attributes:
        take: Object → the member.
        certain: The classes whose values are of its type as they are.
        has_floats: Finite floats are of its type too.
    """

    take: Callable[[JSON], JSON]
    certain: frozenset[type]
    has_floats: bool

    def is_certain(self, items: list[JSON]) -> bool:
        """Tell whether the member is surely of its type in each object.

        Raises:
            KeyError: An object does not have it.
        """
        values = [*map(self.take, items)]
        others = set(map(type, values)) - self.certain
        if not others:
            return True
        if others != _FLOATS or not self.has_floats:
            return False
        return all(isfinite(value) for value in values if type(value) is float)


_OBJECTS, _FLOATS = {dict}, {float}


def _columns(node: _SchemaNode) -> tuple[_Column, ...]:
    """Return the members of objects that hold scalars alone; else nothing."""
    columns = []
    for name, member in (node.members or {}).items():
        if member.conform is _ANYTHING.conform:
            continue
        if not member.certain:
            return ()
        certain = frozenset((*member.certain, type(None)))
        has_floats = "number" in member.schema["type"]
        columns.append(_Column(itemgetter(name), certain, has_floats))
    return tuple(columns)


def _are_certain(items: list[JSON], columns: Iterable[_Column]) -> bool:
    """Tell whether objects are surely as their schema has them.

    Hot loop, column by column: a look at each object takes four times as long.
    """
    if not set(map(type, items)) <= _OBJECTS:
        return False
    try:
        return all(column.is_certain(items) for column in columns)
    except KeyError:
        return False


#: Type → the classes whose values are of it as they are.
_OF_TYPE: dict[JSON, tuple[type, ...]] = {
    "string": (str,),
    "number": (int,),
    "integer": (int,),
    "boolean": (bool,),
}


def _scalar_node(type_name: JSON) -> _SchemaNode:
    certain = _OF_TYPE.get(type_name, ()) if isinstance(type_name, str) else ()

    def conform(value: JSON) -> JSON:
        if value is None or type(value) in certain:
            return value
        converted = read_as(type_name, value)
        if converted is not ABSENT:
            return converted
        return _json_text(value) if type_name == "string" else None

    schema = schema_of(type_name, nullable=True)
    return _SchemaNode(schema, conform, certain=certain)


def _json_text(value: JSON) -> str:
    """Return an object or a list where a text is declared, without losing any of it."""
    return json.dumps(
        finite(value), ensure_ascii=False, separators=(",", ":"), default=str
    )
