"""A JSON body → the values that stand where its description says object or array.

    schema {"type": "object", "properties": {"to": {"type": "object"}}}
    body   {"to": "Oslo"}  →  [WrongArgument("to", "body", "is not an object")]

Without the check a member that is read from inside such a value would only be absent,
and a nested value would go on to the called API. The arguments themselves are left to
`fit`, which also reads the text of an object. This module must not know how a body is
read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.exposes.rest.arguments import is_whole, place_of
from naftiko.exposes.rest.openapi_inputs import members_of, request_body
from naftiko.functions.arguments import WrongArgument
from naftiko.functions.types import VALUE_TYPES
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.exposes.rest.arguments import ArgumentReader
    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON
    from naftiko.spec.model import InputParameter

#: Deeper schemas are left unchecked: a document could nest them without an end.
_DEEPEST = 20

_KINDS: dict[str, type] = {"object": dict, "array": list}


class Node(NamedTuple):
    """What is checked of one value, and of the values inside it.

    Attributes:
        types: The types of which the value has to be one; empty for any.
        fault: What is said of a value of another type; its subject stands before.
        members: Name → the node of a member of an object.
        items: The node of every item of a list.
    """

    types: tuple[type, ...] = ()
    fault: str = ""
    members: Mapping[str, Node] = {}
    items: Node | None = None


def body_checks(plan: Plan, reader: ArgumentReader) -> Node | None:
    """Return the checks of the JSON body of a function, or `None` for none.

    The arguments themselves are not checked, only what is around and inside them.
    """
    described = request_body(plan, reader)
    if described is None or not (media := described["content"].get("application/json")):
        return None
    node = compile_checks(media["schema"])
    arguments = [p for p in plan.arguments if place_of(p) == "body"]
    if node is None:
        return None
    declared = {p.name for p in plan.function.inputs if p.in_}
    listed = [p for p in arguments if p.name in declared and p.value is None]
    if len(arguments) == len(listed) == 1 and listed[0].type in _KINDS:
        # The only argument is the body itself, or a member of it.
        inner = _inside(node)
        members = {listed[0].name: inner, **node.members} if inner else node.members
        return node._replace(types=(dict, *node.types), members=members)
    if [p.type for p in listed] == ["array"]:
        node = node._replace(types=(dict, list))
    for argument in arguments:
        node = _without(node, _names_of(argument)) or Node()
    is_named = all(map(_names_of, arguments)) and not any(map(is_whole, arguments))
    return node if is_named else _inside(node)


def _names_of(argument: InputParameter) -> list[str]:
    """Return the members that lead to an argument: `$.to.city` is `["to", "city"]`.

    Nothing is returned for a path that may also be read from a list.
    """
    value = argument.value
    return [argument.name] if value is None else members_of(str(value))


def _without(node: Node, names: list[str]) -> Node | None:
    """Return a node without the check of the value at the end of a path."""
    if not names:
        return _inside(node)
    members = dict(node.members)
    inner = members.pop(names[0], None)
    if inner is not None and (inner := _without(inner, names[1:])) is not None:
        members[names[0]] = inner
    node = node._replace(members=members)
    return node if node.types else _inside(node)


def compile_checks(schema: JSON, depth: int = 0) -> Node | None:
    """Return the checks of a JSON Schema, or `None` when there is nothing to check.

    `{"properties": {"to": {"type": "object"}, "n": {"type": "integer"}}}` gives a node
    without types, with one for `to`.

    Args:
        schema: The schema of a value.
        depth: How deep the schema stands in others.
    """
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    properties = schema.get("properties") or {}
    members = {
        name: node
        for name, inner in properties.items()
        if (node := compile_checks(inner, depth + 1)) is not None
    }
    items = compile_checks(schema.get("items"), depth + 1)
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        return _inside(Node((), "", members, items))
    return Node((_KINDS[kind],), VALUE_TYPES[kind].mismatch, members, items)


def _inside(node: Node) -> Node | None:
    """Return a node without a check of the value itself."""
    is_needed = node.members or node.items
    return node._replace(types=(), fault="") if is_needed else None


def misplaced(node: Node, value: JSON, name: str = "") -> Iterator[WrongArgument]:
    """Yield the values that are of another type than their node says.

    Args:
        node: What to check.
        value: The value; `None` is never wrong.
        name: The name of the value: `to.address`; empty for the body.
    """
    if value is None:
        return
    if node.types and not isinstance(value, node.types):
        yield WrongArgument(name, "body", node.fault)
    elif isinstance(value, dict):
        for key, inner in node.members.items():
            if key in value:
                below = f"{name}.{key}" if name else key
                yield from misplaced(inner, value[key], below)
    elif isinstance(value, list) and node.items is not None:
        for number, item in enumerate(value):
            yield from misplaced(node.items, item, f"{name}[{number}]")
