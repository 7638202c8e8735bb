"""`with`: the values of a unit → the arguments of the operation that it calls.

Spec 3.4 and 8, dialect 7.4.

    with                                    values       arguments
    --------------------------------------  -----------  ---------------------
    {imo: tools.id, q: "{{id}}!", n: 5}     {id: 7}      {imo: 7, q: "7!", n: 5}
    {imo: tools.id}                         {}           {}
    {imo: "{{find.0.imo}}"}                 {find: []}   an error: step `find` has no 0
    {imo: "{{fnd.0.imo}}"}                  {find: []}   an error: no step `fnd`

References are compiled once. An entry that refers to an argument that was not given is
left out. One that finds nothing in the result of a step is an error, unless it fills a
parameter that the document calls optional. One that names no step is always an error,
before anything is sent. This module must not know how a call is made.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.errors import CallError, is_misspelt, shorten
from naftiko.expressions import (
    ABSENT,
    Ref,
    TemplateError,
    is_known,
    is_upper,
    lone,
    parse,
    parts_of,
    refs,
    render,
    source_of,
)
from naftiko.functions.arguments import Feed
from naftiko.functions.runs import Call, Lookup, in_step
from naftiko.functions.values import is_step, nothing_in_step, value_at

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Container,
        Mapping,
        Sequence,
    )

    from naftiko.consumes.exchange import Decoder
    from naftiko.consumes.operation import Operation
    from naftiko.expressions import Scope
    from naftiko.functions.runs import Values
    from naftiko.plain import JSON

    #: Values of a run and its variables → one value, or `ABSENT`.
    Node = Callable[[Values, Lookup], JSON]
    Nodes = Sequence[tuple[str, Node]]


class Injector:
    """Compile the values of one `with`.

    Args:
        namespace: The namespace of the unit, which stands before its arguments.
        scope: The variables of the document.
        declared: Names of the arguments that the unit declares.
        steps: The steps whose results can be referred to; `None` outside of steps.
        given: Further names that have a value before these steps: placeholders of a
            route, and the `with` of the unit.

    Attributes:
        names: The arguments and steps that the values refer to, in order.
        variables: The bind variables that the values refer to.
        mistake: The error for a placeholder that names no step and no argument, or
            `None`.
    """

    def __init__(
        self,
        namespace: str,
        scope: Scope,
        declared: frozenset[str],
        steps: Collection[str] | None = None,
        given: Collection[str] = (),
    ) -> None:
        self.namespace = namespace
        self.scope = scope
        self.declared = declared
        #: Not copied: a unit may have thousands of steps.
        self.steps: Collection[str] = () if steps is None else steps
        self._is_in_steps = steps is not None
        #: Names that are no steps. Each entry of a `with` sees the ones before it.
        self._own: dict[str, None] = {}
        self._given = given
        self._names = (declared, given, self._own)
        #: Whether the value that is compiled may find nothing in the result of a step.
        self._is_lenient = False
        self.names: dict[str, None] = {}
        self.variables: set[str] = set()
        self.mistake: CallError | None = None

    def for_step(self, earlier: Collection[str]) -> Injector:
        """Return one for the `with` of a step, which knows the same names."""
        return Injector(self.namespace, self.scope, self.declared, earlier, self._given)

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
            return self._reference(source)
        if value.startswith("env.") and is_upper(value[4:]):
            self.variables.add(value[4:])
            return lambda values, look: look(value[4:])
        return self.text(value)

    def entries(
        self, with_: Mapping[str, JSON] | None, optional: Collection[str] = ()
    ) -> Nodes:
        """Return name → function that gives its value, for each entry of a `with`.

        Args:
            with_: Name → value as written.
            optional: Names that are left out where a step has no value for them.
        """
        nodes = []
        for name, value in (with_ or {}).items():
            self._is_lenient = name in optional
            nodes.append((name, self.compile(value)))
            self._own[name] = None
        self._is_lenient = False
        return nodes

    def check(self, step: str = "") -> None:
        """Refuse a placeholder that names no step and no argument.

        Args:
            step: The step whose `with` was compiled.

        Raises:
            CallError: There is one.
        """
        if self.mistake is not None:
            raise in_step(self.mistake, step)

    def is_unknown(self, name: str) -> bool:
        """Tell whether a placeholder in a step names no step and no argument.

        Where a unit declares no inputs, a name without dots is an argument of its own.
        """
        return self._is_in_steps and not is_known(
            name, self.steps, *self._names, is_closed=bool(self.declared)
        )

    def _reference(self, name: str) -> Node:
        """Return a function for an argument, or for the result of a step."""
        if self._is_lenient or not is_step(name, self.steps):
            return _argument_node(name)
        steps = self.steps

        def result(values: Values, look: Lookup) -> JSON:
            value = value_at(values, name)
            if value is ABSENT:
                raise nothing_in_step(name, steps, values)
            return ABSENT if value is None else value

        return result

    def text(self, text: str) -> Node:
        """Compile a template; one that is a lone reference keeps the JSON type."""
        try:
            template = parse(text, self.scope, self.declared)
        except TemplateError:
            return lambda values, look: text
        for ref in refs(template):
            if ref.is_variable:
                self.variables.add(ref.name)
            elif self.is_unknown(ref.name) and not ref.is_said_argument:
                if self.mistake is not None:
                    continue  # the unit is refused for the first one
                known = list(dict.fromkeys(chain(*self._names)))
                self.mistake = nothing_in_step(ref.name, self.steps, {}, known)
            else:
                self.names[ref.name] = None
        if only := lone(template):
            name = only.name
            if only.is_variable:
                return lambda values, look: look(name)
            return self._reference(name)
        if not refs(template):
            return lambda values, look: text
        steps: Collection[str] = () if self._is_lenient else self.steps

        def build(values: Values, look: Lookup) -> JSON:
            def value_of(ref: Ref) -> JSON:
                value = (
                    look(ref.name) if ref.is_variable else value_at(values, ref.name)
                )
                if value is ABSENT or value is None:
                    if not ref.is_variable and is_step(ref.name, steps):
                        raise nothing_in_step(ref.name, steps, values)
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
        optional: Arguments that an argument of the unit fills, so that the unit decides
            whether they may be left out; a path cannot do without them.
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
        lenient = {p.name for p in operation.parameters if p.is_optional}
        self.nodes = [*injector.entries(with_, lenient)]
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
        steps = self._steps = injector.steps
        #: What the templates of the operation itself name of a step.
        self._named_of_steps = {n for n in self.passed if is_step(n, steps)} - lenient
        own = {p.name for p in operation.parameters if not p.inferred}
        #: Declared parameters such as `filter[id]`: no input `filter` fills them.
        self._whole = {n for n in own if "[" in n and not is_step(n, steps)}
        for name in self.passed:
            if (
                name not in own
                and injector.is_unknown(name)
                and _is_nearly(name, steps)
            ):
                injector.mistake = nothing_in_step(name, steps, {})
        filled = {n for n, source in self.sources.items() if not is_step(source, steps)}
        filled |= {name for name in self.passed if not is_step(name, steps)}
        self.optional = filled - {ref.name for ref in refs(operation.layout.path)}
        body = operation.spec.body
        self.fixed = frozenset(
            body.data if body is not None and isinstance(body.data, dict) else ()
        )

    def feed(self, earlier: Container[str]) -> Feed:
        """Return what the arguments of a unit give to it, without earlier steps."""
        sources = {
            name: "" if is_step(source, earlier) else source
            for name, source in self.sources.items()
        }
        passed = {name: "" for name in self.passed if is_step(name, earlier)}
        return Feed(self.operation, {**sources, **passed}, is_open=False)

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
            is_whole = name in self._whole
            value = seen.get(name, ABSENT) if is_whole else value_at(seen, name)
            if value is not ABSENT and value is not None:
                arguments[name] = value
            elif value is ABSENT and name in self._named_of_steps:
                raise nothing_in_step(name, self._steps, values)
        if fields:
            whole = arguments.get(OPEN_ARGUMENT)
            if whole is None or isinstance(whole, dict):
                arguments[OPEN_ARGUMENT] = {**(whole or {}), **fields}
        return Call(
            operation, arguments, overrides, step, dict(look.secrets), self.optional
        )


def _is_nearly(name: str, steps: Collection[str]) -> bool:
    """Tell whether a name means a member of a step whose name is misspelt."""
    head, *inner = map(str, parts_of(name))
    return bool(inner) and any(is_misspelt(head, step) for step in steps)


def _lone_name(value: JSON, injector: Injector) -> str:
    """Return the argument that a value stands for when it is one `{{name}}`."""
    if not isinstance(value, str) or "{{" not in value:
        return ""
    try:
        ref = lone(parse(value, injector.scope, injector.declared))
    except TemplateError:
        return ""
    if ref is None or ref.is_variable:
        return ""
    if injector.is_unknown(ref.name) and not ref.is_said_argument:
        return ""
    return ref.name
