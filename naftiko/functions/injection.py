"""`with`: how the values of a unit become the arguments of an operation.

Spec 3.4 and 8; dialect 7.4. References are compiled once; a name that nothing was given
for leaves its entry out. This module must not know how a call is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.expressions import (
    ABSENT,
    Ref,
    TemplateError,
    is_upper,
    lone,
    parse,
    refs,
    render,
    source_of,
)
from naftiko.functions.runs import Call, Lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.consumes.exchange import Decoder
    from naftiko.consumes.operation import Operation
    from naftiko.expressions import Scope
    from naftiko.functions.runs import Values
    from naftiko.plain import JSON

    Node = Callable[[Values, Lookup], JSON]


def value_at(values: Mapping[str, JSON], name: str) -> JSON:
    """Return a value by its name, or a member of one by a dotted name (spec 8.1)."""
    if name in values:
        return values[name]
    head, dot, rest = name.partition(".")
    while dot:
        inner = values.get(head, ABSENT)
        if isinstance(inner, dict):
            return value_at(inner, rest)
        # A step may have a dot in its name, as arguments have.
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return ABSENT


class Injector:
    """Compile the values of one `with`, noting the names that they refer to.

    Attributes:
        names: The arguments and steps that the values refer to, in order.
        variables: The bind variables that the values refer to.
    """

    def __init__(self, namespace: str, scope: Scope, declared: frozenset[str]) -> None:
        self.namespace = namespace
        self.scope = scope
        self.declared = declared
        self.names: dict[str, None] = {}
        self.variables: set[str] = set()

    def compile(self, value: JSON) -> Node:
        """Return a function that gives the value, or `ABSENT`."""
        if isinstance(value, dict):
            members = [(str(key), self.compile(inner)) for key, inner in value.items()]
            return lambda values, look: {
                key: found
                for key, node in members
                if (found := node(values, look)) is not ABSENT
            }
        if isinstance(value, list):
            nodes = [self.compile(inner) for inner in value]
            return lambda values, look: [
                found for node in nodes if (found := node(values, look)) is not ABSENT
            ]
        if not isinstance(value, str):
            return lambda values, look: value
        if source := source_of(value, self.namespace):
            self.names[source] = None
            return _argument(source)
        if value.startswith("env.") and is_upper(value[4:]):
            self.variables.add(value[4:])
            return lambda values, look: look(value[4:])
        return self.text(value)

    def text(self, text: str) -> Node:
        """Compile a template; one that is a lone reference keeps the JSON type."""
        try:
            template = parse(text, self.scope, self.declared)
        except TemplateError:
            return lambda values, look: text
        for ref in refs(template):
            if ref.is_variable:
                self.variables.add(ref.name)
            else:
                self.names[ref.name] = None
        if only := lone(template):
            name = only.name
            if only.is_variable:
                return lambda values, look: look(name)
            return _argument(name)
        if not refs(template):
            return lambda values, look: text

        def build(values: Values, look: Lookup) -> JSON:
            def value_of(ref: Ref) -> JSON:
                found = (
                    look(ref.name) if ref.is_variable else value_at(values, ref.name)
                )
                if found is ABSENT or found is None:
                    raise _Absent
                return found

            try:
                return render(template, value_of)
            except _Absent:
                return ABSENT

        return build


class _Absent(Exception):
    """A text refers to something that was not given."""


def _argument(name: str) -> Node:
    def find(values: Values, look: Lookup) -> JSON:
        found = value_at(values, name)
        return ABSENT if found is None else found

    return find


# --- one upstream call --------------------------------------------------------------


class Target:
    """An operation and the `with` that feeds it, compiled."""

    def __init__(
        self,
        operation: Operation,
        decoder: Decoder,
        with_: Mapping[str, JSON],
        injector: Injector,
        sources: Mapping[str, str],
    ) -> None:
        self.operation = operation
        self.decoder = decoder
        self.nodes = [(name, injector.compile(value)) for name, value in with_.items()]
        self.sources = {
            name: source_of(value, injector.namespace) or _lone_name(value, injector)
            for name, value in with_.items()
        }
        for name, source in sources.items():
            if name not in self.sources:
                self.sources[name] = source
                self.nodes.append((name, _argument(source)))
        #: Names that the values refer to: arguments of the unit, or steps.
        self.named = frozenset(injector.names)
        takes = operation.layout.takes
        self.passed = tuple(
            sorted((takes | operation.base_names) - self.sources.keys())
        )
        body = operation.spec.body
        self.fixed = frozenset(
            body.data if body is not None and isinstance(body.data, dict) else ()
        )

    def call(
        self, values: Values, look: Lookup, *, step: str = "", progressive: bool = True
    ) -> Call:
        """Return the call for the values of a run."""
        operation = self.operation
        takes = operation.layout.takes
        seen = dict(values) if progressive else values
        arguments: Values = {}
        overrides: Values = {}
        fields: Values = {}
        for name, node in self.nodes:
            value = node(seen, look)
            if value is ABSENT or value is None:
                continue
            if progressive:
                seen[name] = value
            if name in takes or name in operation.base_names:
                arguments[name] = value
            elif name in self.fixed:
                overrides[name] = value
            elif operation.takes_body:
                fields[name] = value
        for name in self.passed:
            value = value_at(seen, name)
            if value is not ABSENT and value is not None:
                arguments[name] = value
        if fields:
            whole = arguments.get(OPEN_ARGUMENT)
            if whole is None or isinstance(whole, dict):
                arguments[OPEN_ARGUMENT] = {**(whole or {}), **fields}
        return Call(operation, arguments, overrides, step, dict(look.secrets))


def _lone_name(value: JSON, injector: Injector) -> str:
    """Return the argument that a value stands for when it is one `{{name}}`."""
    if not isinstance(value, str) or "{{" not in value:
        return ""
    try:
        ref = lone(parse(value, injector.scope, injector.declared))
    except TemplateError:
        return ""
    return ref.name if ref and not ref.is_variable else ""
