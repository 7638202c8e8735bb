"""Value → the value that an exposed unit gives: mapped, static, named and mock outputs.

Spec 2.7 to 2.9 and 3.6; the identity forms of published files. A shape is compiled
once and applied to each decoded body. This module must not know where a body came from.

What is decided here where the sources leave room:

- `$` is the decoded body, or the element of the array inside `items`, at any depth. An
  object with `properties` keeps that root: its own `mapping` is only asked for what
  the root does not have.
- Several entries that all have a name give one object; a single entry its value,
  whatever its name; otherwise the first value that is not null.
- A static value (`value`, or `const` where there is neither `value` nor `mapping`) is
  converted to the declared type; one that cannot be is left as it is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.expressions import Scope, TemplateError, parse, render
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.reading import is_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.plain import JSON

    Node = Callable[[JSON], JSON]
    #: Gives the value of a reference in a mock, or `None`.
    ValueOf = Callable[[Any], Any]

_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


class Shape(NamedTuple):
    """How a decoded body becomes the value of a unit.

    Attributes:
        is_declared: The unit declares outputs; otherwise the body is passed on as it
            came.
        is_identity: The value is the decoded body, unchanged.
        apply: Decoded body → value; `None` when nothing was found.
    """

    is_declared: bool
    is_identity: bool
    apply: Node


def compile_shape(outputs: JSON) -> Shape:
    """Compile the `outputParameters` of a unit in simple mode.

    Raises:
        OutputError: A mapping is not a JSONPath; linking has noted that.
    """
    entries = [entry for entry in _entries(outputs) if isinstance(entry, dict)]
    if not entries:
        return Shape(False, True, _itself)
    nodes = [_compile(entry, top=True) for entry in entries]
    if len(entries) == 1:
        return Shape(True, nodes[0] is _itself, nodes[0])
    names = [entry.get("name") for entry in entries]
    if all(isinstance(name, str) and name for name in names):
        members = dict(zip(names, nodes, strict=True))
        return Shape(
            True,
            False,
            lambda root: {name: node(root) for name, node in members.items()},
        )
    return Shape(True, False, lambda root: _first(nodes, root))


def _entries(outputs: JSON) -> list[JSON]:
    if isinstance(outputs, list):
        return outputs
    return [outputs] if isinstance(outputs, dict) else []


def _itself(root: JSON) -> JSON:
    return root


def _first(nodes: list[Node], root: JSON) -> JSON:
    for node in nodes:
        value = node(root)
        if value is not None:
            return value
    return None


# --- one entry ----------------------------------------------------------------------


def _compile(entry: Mapping[str, JSON], *, top: bool = False) -> Node:
    kind, limit = entry.get("type"), entry.get("maxLength")
    mapping = _mapping(entry, top=top)
    if "value" in entry and mapping is not entry.get("value"):
        return _limited(_constant(convert(entry["value"], kind)), limit)
    if mapping is None and "const" in entry:
        return _limited(_constant(convert(entry["const"], kind)), limit)
    path = _itself if is_root(mapping) else compile_path(mapping) if mapping else None
    if kind == "object" or "properties" in entry:
        node = _object(entry, path, top=top)
    elif kind == "array" or "items" in entry:
        node = _array(entry, path, top=top)
    elif path is None:
        # Published files cut or forget the mapping of the whole output.
        node = _itself if top else _constant(None)
    else:
        node = path
    return _limited(node, limit)


def _mapping(entry: Mapping[str, JSON], *, top: bool) -> str | None:
    mapping = entry.get("mapping")
    if isinstance(mapping, str):
        return mapping
    value = entry.get("value")
    # A named entry may write its path as `value` (spec 2.7, parsing rules).
    named = top and "name" in entry and isinstance(value, str)
    return value if named and str(value).strip().startswith("$") else None


def _constant(value: JSON) -> Node:
    return lambda _root: value


def _object(entry: Mapping[str, JSON], path: Node | None, *, top: bool) -> Node:
    if isinstance(entry.get("values"), dict) and path is not None:
        return _values(path, _compile(entry["values"]))
    properties = entry.get("properties")
    if not isinstance(properties, dict) or not properties:
        if path is None:
            return _itself if top else _constant(None)
        return path
    members = {
        str(name): _compile(inner) if isinstance(inner, dict) else _constant(None)
        for name, inner in properties.items()
    }
    if path is None or path is _itself:
        return lambda root: {name: node(root) for name, node in members.items()}
    own = path

    def build(root: JSON) -> JSON:
        base = _MISSING
        built = {}
        for name, node in members.items():
            value = node(root)
            if value is None:
                if base is _MISSING:
                    base = own(root)
                value = node(base)
            built[name] = value
        return built

    return build


_MISSING: Any = object()


def _values(path: Node, node: Node) -> Node:
    def build(root: JSON) -> JSON:
        mapped = path(root)
        if not isinstance(mapped, dict):
            return None
        return {name: node(value) for name, value in mapped.items()}

    return build


def _array(entry: Mapping[str, JSON], path: Node | None, *, top: bool) -> Node:
    items = entry.get("items")
    if isinstance(items, list):
        items = items[0] if items else None
    if path is None:
        if not top:
            return _constant(None)
        path = _itself
    if not isinstance(items, dict) or not items or _is_bare_object(items):
        return path
    item = _itself if _is_bare(items) else _compile(items)
    own = path

    def build(root: JSON) -> JSON:
        elements = own(root)
        if not isinstance(elements, list):
            return None
        return [item(element) for element in elements]

    return build


_SAYING = frozenset(("mapping", "value", "const", "properties", "items", "values"))


def _is_bare(entry: Mapping[str, JSON]) -> bool:
    """Tell whether an entry says only of what type something is."""
    return not any(entry.get(key) for key in _SAYING)


def _is_bare_object(entry: Mapping[str, JSON]) -> bool:
    return entry.get("type") == "object" and _is_bare(entry)


def _limited(node: Node, limit: JSON) -> Node:
    text = str(limit)
    if limit is None or isinstance(limit, bool) or not text.isdecimal():
        return node
    most = int(text)

    def cut(root: JSON) -> JSON:
        value = node(root)
        return value[:most] if isinstance(value, str) else value

    return cut


# --- static values ------------------------------------------------------------------


def convert(value: JSON, kind: JSON) -> JSON:
    """Return a static value as its declared type, or unchanged where it is none."""
    if kind == "string":
        return _text(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if kind == "boolean":
        folded = text.lower()
        return True if folded in _TRUE else False if folded in _FALSE else value
    if kind in ("number", "integer"):
        return _number(text, value)
    if kind in ("object", "array"):
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            return value
        return (
            parsed if isinstance(parsed, dict if kind == "object" else list) else value
        )
    return value


def _text(value: JSON) -> JSON:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _number(text: str, value: JSON) -> JSON:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return value
    # JSON has neither infinity nor "not a number".
    return number if number - number == 0 else value


# --- mock mode ----------------------------------------------------------------------


class Mock(NamedTuple):
    """What a unit without a call answers (spec 3.6): `build(value_of)`."""

    build: Callable[[ValueOf], JSON]


def compile_mock(outputs: JSON, scope: Scope = Scope()) -> Mock:
    """Compile the outputs of a unit that calls nothing.

    The value has one member per output that gives a value: its name, or `value` for
    one without.
    """
    nodes = []
    for entry in _entries(outputs):
        if isinstance(entry, dict):
            name = entry.get("name")
            key = name if isinstance(name, str) and name else "value"
            nodes.append((key, _mock(entry, scope)))

    def build(value_of: ValueOf) -> JSON:
        built = {}
        for key, node in nodes:
            value = node(value_of)
            if value is not None:
                built[key] = value
        return built

    return Mock(build)


def _mock(entry: Mapping[str, JSON], scope: Scope) -> Callable[[ValueOf], JSON]:
    kind = entry.get("type")
    for key in ("value", "const"):
        if entry.get(key) is not None:
            return _mock_static(entry[key], kind, scope, entry.get("maxLength"))
    properties = entry.get("properties")
    if isinstance(properties, dict):
        members = [
            (str(name), _mock(inner, scope))
            for name, inner in properties.items()
            if isinstance(inner, dict)
        ]

        def build(value_of: ValueOf) -> JSON:
            built = {name: node(value_of) for name, node in members}
            kept = {name: value for name, value in built.items() if value is not None}
            return kept or None

        return build
    if kind == "array" or "items" in entry:
        items = entry.get("items")
        if isinstance(items, list):
            items = items[0] if items else None
        if not isinstance(items, dict):
            return lambda _value_of: []
        node = _mock(items, scope)

        def build_list(value_of: ValueOf) -> JSON:
            value = node(value_of)
            return [] if value is None else [value]

        return build_list
    return lambda _value_of: None


def _mock_static(
    value: JSON, kind: JSON, scope: Scope, limit: JSON
) -> Callable[[ValueOf], JSON]:
    constant = _limited(_constant(convert(value, kind)), limit)
    if not isinstance(value, str) or "{{" not in value:
        return lambda _value_of: constant(None)
    try:
        template = parse(value, scope)
    except TemplateError:
        return lambda _value_of: constant(None)

    def build(value_of: ValueOf) -> JSON:
        text = render(template, value_of)
        return _limited(_constant(convert(text, kind)), limit)(None)

    return build
