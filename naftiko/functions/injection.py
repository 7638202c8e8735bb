"""`with`: the values of a unit → the arguments of the operation that it calls.

Spec 3.4 and 8, dialect 7.4.

    with                                    values       arguments
    --------------------------------------  -----------  ---------------------
    {imo: tools.id, q: "{{id}}!", n: 5}     {id: 7}      {imo: 7, q: "7!", n: 5}
    {imo: tools.id}                         {}           {}

References are compiled once. An entry that refers to a missing value is left out. This
module must not know how a call is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.errors import CallError, shorten
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
    from collections.abc import Callable, Mapping, Sequence

    from naftiko.consumes.exchange import Decoder
    from naftiko.consumes.operation import Operation
    from naftiko.expressions import Scope
    from naftiko.functions.runs import Values
    from naftiko.plain import JSON

    #: Values of a run and its variables → one value, or `ABSENT`.
    Node = Callable[[Values, Lookup], JSON]
    Nodes = Sequence[tuple[str, Node]]


def value_at(values: Mapping[str, JSON], name: str) -> JSON:
    """Return a value by its name, or a member of one by a dotted name (spec 8.1).

    `value_at({"ship": {"imo": 7}}, "ship.imo")` is `7`; a missing value is `ABSENT`.
    """
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
    """Compile the values of one `with`.

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
        """Return a function that gives the value, or `ABSENT`.

        `tools.id` gives the value `id` of the run as it is, and `env.KEY` a variable.
        """
        if isinstance(value, dict):
            members = [(str(key), self.compile(inner)) for key, inner in value.items()]
            return lambda values, look: {
                key: given
                for key, node in members
                if (given := node(values, look)) is not ABSENT
            }
        if isinstance(value, list):
            nodes = [self.compile(inner) for inner in value]
            return lambda values, look: [
                given for node in nodes if (given := node(values, look)) is not ABSENT
            ]
        if not isinstance(value, str):
            return lambda values, look: value
        if source := source_of(value, self.namespace):
            self.names[source] = None
            return _argument_node(source)
        if value.startswith("env.") and is_upper(value[4:]):
            self.variables.add(value[4:])
            return lambda values, look: look(value[4:])
        return self.text(value)

    def entries(self, with_: Mapping[str, JSON] | None) -> Nodes:
        """Return name → function that gives its value, for each entry of a `with`."""
        return [(name, self.compile(value)) for name, value in (with_ or {}).items()]

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
            return _argument_node(name)
        if not refs(template):
            return lambda values, look: text

        def build(values: Values, look: Lookup) -> JSON:
            def value_of(ref: Ref) -> JSON:
                value = (
                    look(ref.name) if ref.is_variable else value_at(values, ref.name)
                )
                if value is ABSENT or value is None:
                    raise _MissingValue
                return value

            try:
                return render(template, value_of)
            except _MissingValue:
                return ABSENT
            except (TypeError, ValueError) as error:
                raise CallError(
                    f"'{shorten(text)}' cannot be filled in: {error}"
                ) from None

        return build


class _MissingValue(Exception):
    """A template refers to a value that was not given."""


def _argument_node(name: str) -> Node:
    def argument(values: Values, look: Lookup) -> JSON:
        value = value_at(values, name)
        return ABSENT if value is None else value

    return argument


def inject(nodes: Nodes, values: Values, look: Lookup) -> None:
    """Add the values of a `with` to those of a run, each seeing the ones before it.

    Args:
        nodes: Name → function that gives its value, in the order of the document.
        values: The values of the run, which are changed.
        look: The variables of the run.
    """
    for name, node in nodes:
        value = node(values, look)
        if value is not ABSENT:
            values[name] = value


# --- one upstream call --------------------------------------------------------------


class Target:
    """An operation and the `with` that feeds it, compiled.

    Attributes:
        decoder: Reads the response of the operation.
        nodes: Argument of the operation → function that gives its value.
        sources: Argument of the operation → argument of the unit, or an empty text.
        named: Names that the values refer to: arguments of the unit, or steps.
        passed: Arguments of the operation that the unit passes on under their names.
        fixed: Fixed fields of the body, which a value of `with` replaces.
    """

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
        self.nodes = [*injector.entries(with_)]
        self.sources = {
            name: source_of(value, injector.namespace) or _lone_name(value, injector)
            for name, value in with_.items()
        }
        for name, source in sources.items():
            if name not in self.sources:
                self.sources[name] = source
                self.nodes.append((name, _argument_node(source)))
        self.named = tuple(injector.names)
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
        """Return the call for the values of a run.

        Args:
            values: Name → value: the arguments, and the outputs of earlier steps.
            look: The variables of the run.
            step: The step that makes the call.
            progressive: Each entry of `with` sees the ones before it (spec 3.4).
        """
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
