"""Decoded body → the value of an exposed function, as its `outputParameters` say.

Spec 2.7 to 2.9 and 3.6, and the identity forms of published files. A shape is compiled
once, and applied to each decoded body:

    outputParameters                         body                   value
    ---------------------------------------  ---------------------  ----------------
    - {type: string, mapping: $.user.name}   {user: {name: Ada}}    Ada
    - type: object                           {n: 3, more: x}        {count: 3, unit: kg}
      properties:
        count: {type: number, mapping: $.n}
        unit: {type: string, value: kg}
    - type: array                            {l: [{n: 1}, {n: 2}]}  [1, 2]
      mapping: $.l
      items: {type: number, mapping: $.n}
    - {name: id, mapping: $.id}              {id: 7, n: 3}          {id: 7, total: 3}
    - {name: total, mapping: $.n}
    - {type: object, mapping: $.}            any body               the body, unchanged

The specification leaves room in three places, which are decided here:

- `$` is the decoded body, or the element of the array inside `items`, at any depth. An
  object with `properties` keeps that root: its own `mapping` is only asked for what
  the root does not have.
- Several entries that all have a name give one object; a single entry its value,
  whatever its name; otherwise the first value that is not null.
- A static value (`value`, or `const` where there is neither `value` nor `mapping`) is
  read as the declared type; one of another type is left as it is.

This module must not know where a body came from.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naftiko.expressions import ABSENT
from naftiko.formats.rewriting import Member
from naftiko.functions.types import read_as
from naftiko.jsonpath.compiling import as_list, compile_path, member_of
from naftiko.jsonpath.reading import is_root
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.plain import JSON

    #: The root of an entry → its value; `None` when nothing was found.
    Node = Callable[[JSON], JSON]

#: Any of these says of an output more than its type.
_TELLING = ("mapping", "value", "const", "properties", "items", "values")


class Shape(NamedTuple):
    """How a decoded body becomes the value of a unit.

    Attributes:
        is_declared: The unit declares outputs; otherwise the body is passed on as it
            came.
        is_identity: The value is the decoded body, unchanged.
        apply: Decoded body → value; `None` when nothing was found.
        apply_to_xml: The same for a body that was XML. How many elements of a name
            there are is data there, so a declared array is a list of one, or empty.
        takes_text: The value may be a body that is a text: nothing is looked up in it,
            and no object or list is declared.
    """

    is_declared: bool
    is_identity: bool
    apply: Node
    apply_to_xml: Node
    takes_text: bool = False


class _Mode(NamedTuple):
    """Whether a lone value counts as a list of one, as it does in XML."""

    lone_is_list: bool


_JSON, _XML = _Mode(lone_is_list=False), _Mode(lone_is_list=True)


def compile_shape(outputs: JSON) -> Shape:
    """Compile the `outputParameters` of a unit in simple mode.

    `[{"type": "string", "mapping": "$.name"}]` gives a shape whose `apply` turns
    `{"name": "Ada"}` into `"Ada"`.

    Raises:
        OutputError: A mapping is not a JSONPath; linking has noted that.
    """
    entries = entries_of(outputs)
    if not entries:
        return Shape(False, True, _itself, _itself, takes_text=True)
    node = _compile_entries(entries, _JSON)
    if node is _itself:
        takes_text = entries[0].get("type") not in ("object", "array")
        return Shape(True, True, _itself, _itself, takes_text)
    return Shape(True, False, node, _when_used(lambda: _compile_entries(entries, _XML)))


def members_of(outputs: JSON) -> tuple[Member, ...]:
    """Return the members of an object that are all that outputs want, as they are.

    They are `$.name`, or lists of objects of such members. Other outputs give nothing:
    their values have to be made.

        {properties: {count: {mapping: $.n}}}  →  (Member("count", "n"),)
    """
    entries = entries_of(outputs)
    if len(entries) != 1:
        return ()
    return _members(entries[0], top=True) or ()


def _members(
    entry: Mapping[str, JSON], *, top: bool = False
) -> tuple[Member, ...] | None:
    mapping = _mapping(entry, top=top)
    properties = entry.get("properties")
    if not isinstance(properties, dict) or not properties:
        return None
    if _is_made(entry) or (mapping and not is_root(mapping)):
        return None
    members = []
    for name, inner in properties.items():
        member = _member(str(name), inner) if isinstance(inner, dict) else None
        if member is None:
            return None
        members.append(member)
    return tuple(members)


def _member(name: str, entry: Mapping[str, JSON]) -> Member | None:
    path = _path(_mapping(entry, top=False), _JSON)
    key = None if path is None else member_of(path)
    if key is None or _is_made(entry) or entry.get("properties"):
        return None
    items = first_item(entry)
    is_listed = entry.get("type") == "array" or "items" in entry
    if entry.get("type") == "object" or not is_listed:
        return Member(name, key)
    if not isinstance(items, dict) or not items or _is_any_object(items):
        return Member(name, key)
    members = _members(items)
    return Member(name, key, members) if members else None


def _is_made(entry: Mapping[str, JSON]) -> bool:
    """Tell whether a value is not one that stands in the body as it is."""
    return not entry.keys().isdisjoint(("value", "const", "values", "maxLength"))


def _compile_entries(entries: list[Mapping[str, JSON]], mode: _Mode) -> Node:
    nodes = [_compile(entry, mode, top=True) for entry in entries]
    if len(entries) == 1:
        return nodes[0]
    names = [entry.get("name") for entry in entries]
    if all(isinstance(name, str) and name for name in names):
        members = zip(names, nodes, strict=True)
        return _built_of({str(name): node for name, node in members})
    return lambda root: _first_value(nodes, root)


def _when_used(compile_node: Callable[[], Node]) -> Node:
    """Return a node that is compiled when it is first used: few bodies are XML."""
    compiled: list[Node] = []

    def node(root: JSON) -> JSON:
        if not compiled:
            compiled.append(compile_node())
        return compiled[0](root)

    return node


def shaped_parts(shape: Shape, value: JSON) -> list[JSON]:
    """Return the results that one value of a sequence stands for.

    Outputs describe one value, or the list of all of them: then the value is a list of
    one, and each item of the result counts for itself. Members of an object that an
    event or a line carries count too. A text in which nothing is found stays.

        outputs                                     {"id": 7}
        {type: number, mapping: $.id}               [7]
        {type: array, items: {mapping: $.id}, …}    [7]
    """
    if shape.is_identity:
        return [value]
    inside = _inside(value)
    candidate = {**value, **inside} if isinstance(value, dict) else inside or value
    found = shape.apply(candidate)
    if says_something(found):
        return [found]
    listed = shape.apply([candidate])
    if says_something(listed):
        return listed if isinstance(listed, list) else [listed]
    is_text = isinstance(value, str) or inside or _is_line(value)
    return [value if is_text else found]


def _inside(value: JSON) -> dict[str, JSON]:
    """Return the object that an event or a line carries; empty for other values.

    Its members count as those of the event, or of the line: `{"event": "tick", "data":
    {"id": 7}}` has the member `id` too.
    """
    inside = value
    if isinstance(value, dict):
        if _is_line(value):
            inside = value["text"]
        elif "data" in value and value.keys() <= {"event", "id", "data"}:
            inside = value["data"]
        else:
            return {}
    if isinstance(inside, str) and inside.lstrip()[:1] == "{":
        try:
            inside = json.loads(inside)
        except (ValueError, RecursionError):
            return {}
    return inside if isinstance(inside, dict) else {}


def _is_line(value: JSON) -> bool:
    """Tell whether a value is a line of a container's log."""
    return isinstance(value, dict) and value.keys() == {"stream", "text"}


def says_something(value: JSON) -> bool:
    """Tell whether a value holds anything but null."""
    if isinstance(value, dict):
        return any(says_something(inner) for inner in value.values())
    if isinstance(value, list):
        return any(says_something(inner) for inner in value)
    return value is not None


def entries_of(outputs: JSON) -> list[Mapping[str, JSON]]:
    """Return the entries of `outputParameters`, which may be a list or a single one."""
    listed = outputs if isinstance(outputs, list) else [outputs]
    return [entry for entry in listed if isinstance(entry, dict)]


def first_item(entry: Mapping[str, JSON]) -> JSON:
    """Return the `items` of an array; of a list of them the first (spec 2.7)."""
    items = entry.get("items")
    if isinstance(items, list):
        return items[0] if items else None
    return items


def is_bare(entry: Mapping[str, JSON]) -> bool:
    """Tell whether an entry says only of what type something is."""
    return not any(entry.get(key) for key in _TELLING)


def _itself(root: JSON) -> JSON:
    return root


def _first_value(nodes: list[Node], root: JSON) -> JSON:
    for node in nodes:
        value = node(root)
        if value is not None:
            return value
    return None


# --- one entry ----------------------------------------------------------------------


def _compile(
    entry: Mapping[str, JSON], mode: _Mode = _JSON, *, top: bool = False
) -> Node:
    kind = entry.get("type")
    mapping = _mapping(entry, top=top)
    if "value" in entry and mapping is not entry.get("value"):
        return compile_static(entry["value"], entry)
    if mapping is None and "const" in entry:
        return compile_static(entry["const"], entry)
    path = _path(mapping, mode)
    if kind == "object" or "properties" in entry:
        node = _object(entry, path, mode, top=top)
    elif kind == "array" or "items" in entry:
        node = _array(entry, path, mode, top=top)
    elif path is None:
        # Published files cut or forget the mapping of the whole output.
        node = _itself if top else _null
    else:
        node = path
    return _limited(node, entry.get("maxLength"))


def _path(mapping: str | None, mode: _Mode) -> Node | None:
    if is_root(mapping):
        return _itself
    if not mapping:
        return None
    return compile_path(mapping, lone_is_list=mode.lone_is_list)


def _mapping(entry: Mapping[str, JSON], *, top: bool) -> str | None:
    mapping = entry.get("mapping")
    if isinstance(mapping, str):
        return mapping
    value = entry.get("value")
    # A named entry may write its path as `value` (spec 2.7, parsing rules).
    named = top and "name" in entry and isinstance(value, str)
    return value if named and str(value).strip().startswith("$") else None


def _null(_root: JSON) -> JSON:
    return None


def _object(
    entry: Mapping[str, JSON], path: Node | None, mode: _Mode, *, top: bool
) -> Node:
    if isinstance(entry.get("values"), dict) and path is not None:
        return _values(path, _compile(entry["values"], mode))
    properties = entry.get("properties")
    if not isinstance(properties, dict) or not properties:
        if path is None:
            return _itself if top else _null
        return path
    members = {
        str(name): _compile(inner, mode) if isinstance(inner, dict) else _null
        for name, inner in properties.items()
    }
    if path is None or path is _itself:
        return _built_of(members)
    own = path

    def build(root: JSON) -> JSON:
        base = ABSENT
        built = {}
        for name, node in members.items():
            value = node(root)
            # In XML an array that is not there is an empty list.
            if value is None or (value == [] and mode.lone_is_list):
                if base is ABSENT:
                    base = own(root)
                value = node(base)
            built[name] = value
        return built

    return build


def _built_of(members: Mapping[str, Node]) -> Node:
    """Return a node that builds an object: name → the value of a node.

    Hot loop: it runs once for each item of each response. Most members are those of one
    object, and asking it without a call for each takes half the time.
    """
    names, keys = tuple(members), [member_of(node) for node in members.values()]

    def build(root: JSON) -> JSON:
        return {name: node(root) for name, node in members.items()}

    if None in keys:
        return build
    # Written out, as in `compile_path`: a loop takes two and a half times as long.
    if len(names) == 2:
        (name_1, name_2), (key_1, key_2) = names, keys

        def build_2(root: JSON) -> JSON:
            if type(root) is not dict:
                return build(root)
            get = root.get
            return {name_1: get(key_1), name_2: get(key_2)}

        return build_2
    if len(names) == 3:
        (name_1, name_2, name_3), (key_1, key_2, key_3) = names, keys

        def build_3(root: JSON) -> JSON:
            if type(root) is not dict:
                return build(root)
            get = root.get
            return {name_1: get(key_1), name_2: get(key_2), name_3: get(key_3)}

        return build_3
    asked = tuple(zip(names, keys, strict=True))

    def build_n(root: JSON) -> JSON:
        if type(root) is not dict:
            return build(root)
        get = root.get
        return {name: get(key) for name, key in asked}

    return build_n


def _values(path: Node, node: Node) -> Node:
    def build(root: JSON) -> JSON:
        mapped = path(root)
        if not isinstance(mapped, dict):
            return None
        return {name: node(value) for name, value in mapped.items()}

    return build


def _array(
    entry: Mapping[str, JSON], path: Node | None, mode: _Mode, *, top: bool
) -> Node:
    items = first_item(entry)
    if path is None:
        if not top:
            return _null
        path = _itself
    elif mode.lone_is_list and path is not _itself:
        path = as_list(path)
    if not isinstance(items, dict) or not items or _is_any_object(items):
        return path
    item = _itself if is_bare(items) else _compile(items, mode)
    own = path

    def build(root: JSON) -> JSON:
        elements = own(root)
        if not isinstance(elements, list):
            return None
        return [item(element) for element in elements]

    return build


def _is_any_object(items: Mapping[str, JSON]) -> bool:
    """Tell whether items are objects of which nothing is said: the list as it is."""
    return items.get("type") == "object" and is_bare(items)


def _limited(node: Node, limit: JSON) -> Node:
    """Cut the texts that a node gives at `maxLength`, if it is a number (spec 2.8)."""
    most = read_as("integer", limit)
    if most is ABSENT or most < 0:
        return node

    def cut(root: JSON) -> JSON:
        value = node(root)
        return value[:most] if isinstance(value, str) else value

    return cut


# --- static values ------------------------------------------------------------------


def compile_static(value: JSON, entry: Mapping[str, JSON]) -> Node:
    """Return a node that gives a static value, read as the type of its entry.

    `"2.5"` in an entry of type `number` gives `2.5`; a value of another type stays
    as it is.
    """
    converted = static_value(value, entry.get("type"))
    return _limited(lambda _root: converted, entry.get("maxLength"))


def static_value(value: JSON, type_name: JSON) -> JSON:
    """Return a static value as its declared type, or unchanged if it is of another."""
    converted = read_as(type_name, value)
    return value if converted is ABSENT else converted
