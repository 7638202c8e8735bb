"""The answers of exposed functions that call nothing (mock mode, spec 3.6).

A mock is compiled once, and built for each call:

    outputParameters                                  arguments   value
    ------------------------------------------------  ----------  ---------------------
    - {name: text, type: string, value: Hi {{who}}!}  {who: Ada}  {text: Hi Ada!, n: 2}
    - {name: n, type: number, value: "2"}
    - {name: none, type: string}

An output without a value is left out. This module must not know where arguments come
from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.expressions import Scope, TemplateError, parse, render
from naftiko.functions.shapes import compile_static, entries_of, first_item
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.plain import JSON

    #: Reference in a template → its value.
    ValueOf = Callable[[Any], Any]
    #: Builds the value of one output; `None` when it has none.
    Builder = Callable[[ValueOf], JSON]


class Mock(NamedTuple):
    """The answer of a function that calls nothing.

    Attributes:
        build: Takes a function that gives the value of a reference; returns an object
            with one member per output that has a value.
    """

    build: Callable[[ValueOf], dict[str, JSON]]


def compile_mock(outputs: JSON, scope: Scope = Scope()) -> Mock:
    """Compile the outputs of a function that calls nothing.

    `[{"name": "text", "value": "Hi {{who}}!"}]` gives a mock that builds
    `{"text": "Hi Ada!"}` when `who` is `Ada`. An output without a name is the member
    `value`.
    """
    builders = []
    for entry in entries_of(outputs):
        name = entry.get("name")
        key = name if isinstance(name, str) and name else "value"
        builders.append((key, _compile(entry, scope)))

    def build(value_of: ValueOf) -> dict[str, JSON]:
        values = ((key, builder(value_of)) for key, builder in builders)
        return {key: value for key, value in values if value is not None}

    return Mock(build)


def _compile(entry: Mapping[str, JSON], scope: Scope) -> Builder:
    for key in ("value", "const"):
        if entry.get(key) is not None:
            return _static(entry[key], entry, scope)
    if isinstance(entry.get("properties"), dict):
        return _object(entry["properties"], scope)
    if entry.get("type") == "array" or "items" in entry:
        return _array(first_item(entry), scope)
    return lambda _value_of: None


def _static(value: JSON, entry: Mapping[str, JSON], scope: Scope) -> Builder:
    node = compile_static(value, entry)
    if not isinstance(value, str) or "{{" not in value:
        return lambda _value_of: node(None)
    try:
        template = parse(value, scope)
    except TemplateError:
        return lambda _value_of: node(None)
    # The type is read out of the text that the template becomes.
    return lambda value_of: compile_static(render(template, value_of), entry)(None)


def _object(properties: Mapping[str, JSON], scope: Scope) -> Builder:
    members = [
        (str(name), _compile(inner, scope))
        for name, inner in properties.items()
        if isinstance(inner, dict)
    ]

    def build(value_of: ValueOf) -> JSON:
        values = ((name, builder(value_of)) for name, builder in members)
        return {name: value for name, value in values if value is not None} or None

    return build


def _array(items: JSON, scope: Scope) -> Builder:
    """Return a list of one item; spec 3.6 repeats nothing."""
    if not isinstance(items, dict):
        return lambda _value_of: []
    builder = _compile(items, scope)

    def build(value_of: ValueOf) -> JSON:
        value = builder(value_of)
        return [] if value is None else [value]

    return build
