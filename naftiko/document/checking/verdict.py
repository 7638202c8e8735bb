"""JSON Schema -> a function that tells at once whether data is surely valid.

    {"type": "array", "items": {"type": "string"}}
        →  ["a"] is valid, ["a", 1] may be not

`jsonschema` builds an object for each mapping that it enters, to tell what is wrong in
it. Most documents are valid by the observed rules, and one function for each subschema
is enough to see that. Only the keywords of these rules are known here. Whatever is not
surely valid is left to `jsonschema`. This module must not know what the parts of a
capability mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.plain import JSON

    Check = Callable[[JSON], bool]
    #: Classes whose values are valid at a glance, and the function for all others.
    _Node = tuple[frozenset[type], Check]

_CLASSES: dict[str, frozenset[type]] = {
    "string": frozenset((str,)),
    # To `jsonschema` a float such as 1.0 is one too, so it decides.
    "integer": frozenset((int,)),
    "number": frozenset((int, float)),
    "boolean": frozenset((bool,)),
    "array": frozenset((list,)),
    "object": frozenset((dict,)),
    "null": frozenset((type(None),)),
}
_EVERY_CLASS = frozenset[type]().union(*_CLASSES.values())
_OF_OBJECTS = frozenset(
    ("properties", "additionalProperties", "required", "dependentRequired", "oneOf")
)
_OF_NUMBERS = frozenset(("minimum", "maximum"))
_KNOWN = _OF_OBJECTS | _OF_NUMBERS | {"type", "items", "if", "then", "else"}
#: Keywords that say nothing about validity; definitions are looked up by reference.
_SILENT = frozenset(
    ("$schema", "$comment", "$defs", "title", "description", "default", "examples")
)


def compile_verdict(schema: Mapping[str, Any]) -> Check | None:
    """Return the function for a schema; `None` for one with keywords not known here.

    `compile_verdict({"type": "string"})("a")` is `True`.
    """
    try:
        _, check = _Compiler(schema.get("$defs", {})).node(schema)
    except _UnknownKeyword:
        return None
    return check


class _UnknownKeyword(Exception):
    """A subschema has keywords that are not known here, or not in this combination."""


class _Compiler:
    """Turns each subschema of one schema into a function."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        #: Name of a definition → its node; none while that is being made.
        self._nodes: dict[str, _Node | None] = {}

    def node(self, schema: Any) -> _Node:
        """Return the node of a subschema.

        Raises:
            _UnknownKeyword: It has a keyword that is not known here.
        """
        if not isinstance(schema, dict):
            raise _UnknownKeyword
        keywords = schema.keys() - _SILENT
        if keywords == {"$ref"}:
            return self._referred(schema["$ref"])
        if keywords == {"enum"}:
            return _enumerated(schema["enum"])
        if not keywords <= _KNOWN:
            raise _UnknownKeyword
        types = schema.get("type", [*_CLASSES])
        names = types if isinstance(types, list) else [types]
        classes = frozenset[type]().union(*(_CLASSES[name] for name in names))
        if "oneOf" in schema and classes != _CLASSES["object"]:
            raise _UnknownKeyword  # to a text, for example, `required` says nothing
        within: dict[type, Check] = {}
        if keywords & _OF_OBJECTS:
            within[dict] = self._object(schema)
        if "items" in schema:
            within[list] = self._items(schema["items"])
        if keywords & _OF_NUMBERS:
            within[int] = within[float] = _limited(schema)
        further = self._condition(schema) if "if" in schema else None
        glance = classes - within.keys() if further is None else frozenset[type]()

        def check(value: JSON) -> bool:
            kind = value.__class__
            if kind in glance:
                return True
            if kind not in classes:
                return False
            inner = within.get(kind)
            return (inner is None or inner(value)) and (
                further is None or further(value)
            )

        return glance, check

    def _referred(self, reference: str) -> _Node:
        """Return the node of a definition; one inside of itself is called later."""
        name = reference.removeprefix("#/$defs/")
        if name not in self._definitions:
            raise _UnknownKeyword
        if name not in self._nodes:
            self._nodes[name] = None
            self._nodes[name] = self.node(self._definitions[name])
        node = self._nodes[name]
        if node is not None:
            return node

        def later(value: JSON) -> bool:
            node = self._nodes[name]
            return node is not None and (value.__class__ in node[0] or node[1](value))

        return frozenset(), later

    def _object(self, schema: Mapping[str, Any]) -> Check:
        properties = {
            name: self.node(part) for name, part in schema.get("properties", {}).items()
        }
        others = schema.get("additionalProperties")
        other = self.node(others) if others is not None else None
        find = properties.get
        required = frozenset(schema.get("required", ()))
        needs = schema.get("dependentRequired", {})
        branches = schema.get("oneOf", ())
        if any(branch.keys() != {"required"} for branch in branches):
            raise _UnknownKeyword  # of others it is not clear that they are not valid

        def members_are_valid(value: JSON) -> bool:
            for name, member in value.items():
                node = find(name, other)
                if (
                    node is not None
                    and member.__class__ not in node[0]
                    and not node[1](member)
                ):
                    return False
            return True

        def check(value: JSON) -> bool:
            keys = value.keys()
            met = [branch for branch in branches if keys >= {*branch["required"]}]
            return (
                keys >= required
                and all(keys >= {*n} for key, n in needs.items() if key in keys)
                and len(met) == bool(branches)
                and members_are_valid(value)
            )

        return check if required or needs or branches else members_are_valid

    def _items(self, schema: Any) -> Check:
        glance, check = self.node(schema)
        return lambda value: all(
            item.__class__ in glance or check(item) for item in value
        )

    def _condition(self, schema: Mapping[str, Any]) -> Check:
        """Return the function for `if` with a type, which is sure to fit or not."""
        if schema["if"].keys() != {"type"} or not isinstance(schema["if"]["type"], str):
            raise _UnknownKeyword
        classes = _CLASSES[schema["if"]["type"]]
        if int in classes:
            raise _UnknownKeyword  # a float may fit
        _, then = self.node(schema.get("then", {}))
        _, otherwise = self.node(schema.get("else", {}))
        return lambda value: (then if value.__class__ in classes else otherwise)(value)


def _enumerated(values: list[JSON]) -> _Node:
    """Return the node of `enum`; texts and null are the same to everyone."""
    known = frozenset(v for v in values if v is None or isinstance(v, str))

    def check(value: JSON) -> bool:
        return (value is None or value.__class__ is str) and value in known

    return frozenset(), check


def _limited(schema: Mapping[str, Any]) -> Check:
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum")
    if most is None:
        return lambda value: bool(value >= least)
    return lambda value: bool(least <= value <= most)
