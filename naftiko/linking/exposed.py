"""The exposed functions of a document, checked.

    adapters, functions and aggregates   →  findings

Every `call`, `ref`, `from`, `with`, step and mapping is compared with what the document
declares. A function with an error is listed and does not run. Dialect 7.3 to 7.5; the
lint rules of spec 10 about names. This module must not know values or requests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from naftiko.consumes.registry import split_call
from naftiko.document import rules
from naftiko.document.findings import Mention
from naftiko.errors import names_of, shorten
from naftiko.expressions import (
    STEP_PATH_HINT,
    TemplateError,
    is_step_path,
    parse_credential,
    refs,
    source_of,
)
from naftiko.linking.inputs import note_hints, note_inputs, note_steps
from naftiko.linking.names import is_bare_variable, label_of
from naftiko.linking.operations import note_path
from naftiko.linking.placeholders import (
    aligned_function,
    note_astray,
    note_lacking,
    note_spelling,
)
from naftiko.linking.unsupported import note_script, script_settings
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from naftiko.consumes.operation import Operation
    from naftiko.consumes.registry import Registry
    from naftiko.linking.names import DocumentNames
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.adapters import ServerAuthentication
    from naftiko.spec.model import Exposes, Function, Link, Step

    _Call = tuple[Operation, Mapping[str, JSON]]

_PLACEHOLDER = re.compile(r"\{\{?[^{}]*\}\}?")
#: Other spellings of `call` in published files.
_OTHER_CALLS = ("calls", "operation")


class ExposedLinker:
    """Checks everything that one document exposes."""

    def __init__(self, names: DocumentNames, registry: Registry) -> None:
        self.names = names
        self.findings = names.findings
        self.registry = registry
        self.scripting = script_settings(names.spec.exposes)
        #: Place of a function → it as its path spells its inputs; see `placeholders`.
        self.spelled: dict[DocumentPath, Function] = {}
        #: `namespace.operation` → the operations that share this name.
        self._by_name: dict[str, list[Operation]] = defaultdict(list)
        for operation in registry.values():
            self._by_name[f"{operation.namespace}.{operation.name}"].append(operation)
        self._namespaces = sorted(filter(None, names.namespaces))
        #: Ref of an operation → its parameters; namespace of an import → its location.
        self._takes: dict[str, list[str]] = {}
        self._imported = {e.namespace: e.location for e in reversed(names.spec.imports)}
        #: Namespace of an adapter that skills can refer to → the names of its units.
        self._offered: dict[str, dict[str, None]] = {}
        for exposes in names.spec.exposes:
            if exposes.type in ("rest", "mcp") and exposes.namespace:
                offered = self._offered.setdefault(exposes.namespace, {})
                offered.update((function.name, None) for function in exposes.functions)

    def adapter(self, exposes: Exposes) -> None:
        """Check an exposing adapter and each function of it."""
        routes: dict[tuple[str, str], Function] = {}
        tools: dict[str, Function] = {}
        for function in exposes.functions:
            if function.kind == "rest":
                self._route(function, routes)
            elif function.kind == "tool":
                self._tool(function, tools)
            self._function(function, exposes.namespace)
        if exposes.authentication is not None:
            self._secrets(exposes, exposes.authentication)
        for link in exposes.links:
            self._link(link)

    def aggregates(self) -> None:
        """Check the functions of the aggregates, and that each has its own name."""
        first: dict[str, Function] = {}
        for namespace, functions in self.names.spec.aggregates:
            for function in functions:
                ref = f"{namespace}.{function.name}"
                if ref in first:
                    self.findings.add(
                        rules.OPERATION_AMBIGUOUS,
                        (*function.path, "name"),
                        f"the aggregate function '{shorten(ref)}' is declared twice",
                        "rename one of them",
                        related=(_first_mention(first[ref], "name"),),
                    )
                first.setdefault(ref, function)
                self._function(function, namespace)

    def _secrets(self, exposes: Exposes, asked: ServerAuthentication) -> None:
        """Note variables of exposed authentication that no bind declares.

        Such an adapter is not served: any variable of the environment would do.
        """
        for key, text in asked.texts.items():
            place = (*asked.path, key)
            for name in self._referred(text):
                if name in self.names.scope.variables:
                    self.names.use(name, place)
                elif self.findings.document.truncation is None:
                    self.findings.add(
                        rules.AUTH_VARIABLE,
                        place,
                        f"the {exposes.type} adapter '{shorten(exposes.namespace)}'"
                        f" cannot be served: its authentication: `{key}` needs"
                        f" '{shorten(name)}', which no bind declares",
                        self.names.how_to_bind(name),
                    )

    def _referred(self, text: str) -> list[str]:
        try:
            template = parse_credential(text, self.names.scope)
        except TemplateError:
            return []  # noted where it is read
        return [ref.name for ref in refs(template)]

    # --- adapters -------------------------------------------------------------------

    def _route(
        self, function: Function, routes: dict[tuple[str, str], Function]
    ) -> None:
        """Note a route that is declared before; two placeholders are one route."""
        shape = _PLACEHOLDER.sub("{}", function.url_path)
        method = function.method.upper() or "GET"  # as it will be served
        key = method, "/" + shape.removeprefix("/")
        if key in routes:
            self.findings.add(
                rules.ROUTE_DUPLICATE,
                function.path,
                f"{function.method} {shorten(function.url_path)} is declared twice; the"
                " first one wins",
                "remove one, or give it another path",
                related=(_first_mention(routes[key]),),
            )
        routes.setdefault(key, function)

    def _tool(self, function: Function, tools: dict[str, Function]) -> None:
        """Note a tool whose name is declared before."""
        if function.name and function.name in tools:
            self.findings.add(
                rules.TOOL_DUPLICATE,
                (*function.path, "name"),
                f"the tool '{function.name}' is declared twice; the first one wins",
                "rename one of them",
                related=(_first_mention(tools[function.name], "name"),),
            )
        tools.setdefault(function.name, function)

    def _link(self, link: Link) -> None:
        """Check that the adapter which a forward or a skill refers to is there."""
        known: Collection[str] = self._offered
        if link.kind == "forward":
            known = self._namespaces
        if link.namespace not in known:
            self.findings.add(
                rules.CALL_UNRESOLVED,
                link.path,
                f"no adapter has the namespace '{shorten(link.namespace)}'",
                self.names.suggest(link.namespace, known)
                or f"declared: {names_of(known)}",
            )
        elif link.kind == "from":
            names = self._offered[link.namespace]
            if link.action not in names:
                self.findings.add(
                    rules.CALL_UNRESOLVED,
                    link.path,
                    f"'{link.namespace}' has no tool or operation"
                    f" '{shorten(link.action)}'"
                    if link.action
                    else f"`from` names no `action` of '{link.namespace}'",
                    self.names.suggest(link.action, names)
                    or f"it has: {names_of(names)}",
                )

    # --- functions ------------------------------------------------------------------

    def _function(self, function: Function, namespace: str) -> None:
        """Check one route, tool, resource or aggregate function."""
        called = None
        if function.call:
            called = self._called(function.call, (*function.path, "call"))
        elif function.ref:
            self._ref(function)
        elif not function.steps and not function.is_mock:
            unit = self.names.node(function.path)
            other = next((key for key in _OTHER_CALLS if key in unit), "")
            self.findings.add(
                rules.UNIT_WITHOUT_CALL,
                function.path,
                f"{label_of(function)} calls nothing",
                f"write `call` instead of `{other}`: `call: namespace.operation`"
                if other
                else "add `call: namespace.operation`",
            )
        if called is not None:
            self._with(function, called, namespace)
        spelled = function
        if function.kind in ("rest", "resource"):
            spelled = self._placeholders(function, called, namespace)
        self._steps(function)
        if spelled.inputs:
            note_inputs(spelled, self._calls(spelled), self.names, namespace)
        if function.steps:
            note_steps(function, self.registry, self.names)
        if function.kind == "rest":
            for parameter in function.inputs:
                if parameter.in_ == "body" and parameter.value is not None:
                    at = (*parameter.path, "value")
                    note_path(str(parameter.value), at, self.findings)
        outputs_at = (*function.path, "outputParameters")
        if function.is_mock:
            self.names.use_all(function.outputs, outputs_at)
        self._mappings(function.outputs, outputs_at, is_top=not function.is_mock)
        if called is not None and function.kind == "tool":
            note_hints(function, called.method, self.findings)

    def _ref(self, function: Function) -> None:
        """Check that the aggregate function which a `ref` names is there."""
        if function.ref not in self.names.aggregates:
            self.findings.add(
                rules.CALL_UNRESOLVED,
                (*function.path, "ref"),
                f"no aggregate function is called '{shorten(function.ref)}'",
                f"it is a consumed operation; write `call: {function.ref}`"
                if self.registry.resolve(function.ref) is not None
                else self.names.suggest(function.ref, self.names.aggregates)
                or f"declared: {names_of(self.names.aggregates)}",
            )

    def _called(self, call: str, path: DocumentPath) -> Operation | None:
        """Return the operation that a `call` names; note it when there is none."""
        if (operation := self.registry.resolve(call)) is not None:
            return operation
        namespaces = self.names.namespaces
        namespace, name = split_call(call, namespaces)
        if named := self._by_name.get(f"{namespace}.{name}", []):
            self.findings.add(
                rules.OPERATION_AMBIGUOUS,
                path,
                f"'{shorten(call)}' names {len(named)} operations",
                "give each operation its own name",
                related=tuple(
                    Mention(operation.spec.path, f"operation '{operation.ref}'")
                    for operation in named[:4]
                ),
            )
            return None
        kind = "operation" if namespace in namespaces else "namespace"
        self.findings.add(
            rules.CALL_UNRESOLVED,
            path,
            f"'{shorten(call)}' names no declared {kind}",
            self._meant(namespace, name, call),
        )
        return None

    def _meant(self, namespace: str, name: str, call: str) -> str:
        """Return the hint for a call that names nothing: the nearest name, if any."""
        if call in self.names.aggregates:
            return f"it is an aggregate function; write `ref: {call}`"
        if self.registry.resolve(dotted := call.replace("/", ".")) is not None:
            return f"did you mean '{dotted}'?"
        namespaces = self.names.namespaces
        if namespace in namespaces:
            known = self.registry.refs_of(namespace)
            return self.names.suggest(call, known) or (
                f"'{shorten(namespace)}' has: {names_of(known, 8)}"
            )
        if (location := self._imported.get(namespace)) is not None:
            source = shorten(without_secrets(location))
            return f"'{namespace}' is imported from {source}, which is not available"
        if (operation := self.registry.first_named(name)) is not None:
            return f"did you mean '{operation.ref}'?"
        if near := self.names.nearest(namespace, namespaces):
            return f"did you mean the namespace '{near}'?"
        return f"declared: {names_of(self._namespaces)}"

    def _calls(self, function: Function) -> Iterator[_Call]:
        """Yield each operation that a function calls, with the `with` of the call."""
        simple = [(function.call, function.with_ or {})]
        for call, with_ in simple + [(s.call, s.with_) for s in function.steps]:
            if call and (operation := self.registry.resolve(call)) is not None:
                yield operation, with_

    # --- steps ----------------------------------------------------------------------

    def _steps(self, function: Function) -> None:
        """Check the steps of a function, in the order in which they run."""
        earlier: dict[str, None] = {}
        for step in function.steps:
            self._step(step, earlier)
            self.names.use_all(step.with_, (*step.path, "with"))
            if step.lookup_value.startswith("$."):
                self._step_path(step.lookup_value, (*step.path, "lookupValue"))
            earlier[step.name] = None
        for mapping in function.mappings:
            self._step_path(mapping.value, (*mapping.path, "value"))

    def _step(self, step: Step, earlier: Collection[str]) -> None:
        """Check one step.

        Args:
            step: The step.
            earlier: Names of the steps before it, which a lookup can search.
        """
        name = shorten(step.name)
        if step.type == "call" and not step.call:
            self.findings.add(
                rules.CALL_UNRESOLVED,
                step.path,
                f"the step '{name}' calls nothing",
                "add `call: namespace.operation`",
            )
        elif step.type == "call":
            called = self._called(step.call, (*step.path, "call"))
            if called is not None:
                for argument in step.with_:
                    self._target(argument, called, (*step.path, "with", argument))
        elif step.type == "lookup" and step.index not in earlier:
            self.findings.add(
                rules.CALL_UNRESOLVED,
                (*step.path, "index") if step.index else step.path,
                f"the lookup names no earlier step '{shorten(step.index)}'",
                self.names.suggest(step.index, earlier)
                or f"earlier: {names_of(earlier)}",
            )
        elif step.type not in ("lookup", "script"):
            self.findings.add(
                rules.STEP_TYPE,
                step.path,
                f"the step '{name}' has the unknown type '{shorten(step.type)}'",
                "a step is a call, a lookup or a script",
            )
        if step.type == "script":
            note_script(step, self.scripting, self.names)

    def _step_path(self, text: str, path: DocumentPath) -> None:
        """Check a reference to the output of a step: `$.step` or `$.step.field`."""
        if not is_step_path(text):
            self.findings.add(
                rules.STEP_PATH,
                path,
                f"'{shorten(text)}' is not a step path",
                STEP_PATH_HINT,
            )

    # --- arguments ------------------------------------------------------------------

    def _with(self, function: Function, called: Operation, namespace: str) -> None:
        """Check the `with` of a function against the operation that it calls."""
        if not function.with_:
            return
        declared = {parameter.name for parameter in function.inputs}
        for name, value in function.with_.items():
            path = (*function.path, "with", name)
            self._target(name, called, path)
            self._value(name, value, path)
            self.names.use_all(value, path)
            self._source(function, declared, source_of(value, namespace), path)

    def _value(self, name: str, value: JSON, path: DocumentPath) -> None:
        """Note a value of `with` that is no plain reference or text."""
        is_bare = is_bare_variable(value)
        if is_bare or isinstance(value, (dict, list)):
            self.findings.add(
                rules.WITH_VALUE,
                path,
                f"the value of '{shorten(name)}' is not a plain reference or text",
                f"write '{{{{{value.removeprefix('env.')}}}}}'"
                if is_bare
                else "its texts are resolved; describe it in the body of the operation"
                " instead",
            )

    def _source(
        self, function: Function, declared: set[str], source: str, path: DocumentPath
    ) -> None:
        """Note an argument that `with` refers to and its tool does not declare."""
        is_checked = function.kind == "tool" and bool(declared)
        is_known = source in declared or source.partition(".")[0] in declared
        if source and is_checked and not is_known:
            self.findings.add(
                rules.WITH_SOURCE,
                path,
                f"{label_of(function)} declares no argument '{shorten(source)}'",
                self.names.suggest(source, declared)
                or "add it to `inputParameters`; it is inferred",
            )

    def _target(self, name: str, called: Operation, path: DocumentPath) -> None:
        """Note a key of `with` that is no argument of the called operation."""
        if name in called.layout.takes or name in called.base_names:
            return
        body = called.spec.body
        if body and isinstance(body.data, dict) and name in body.data:
            message = f"'{shorten(name)}' overrides a fixed field of the body"
        elif called.takes_body:
            message = (
                f"'{called.ref}' declares no '{shorten(name)}'; it becomes a field"
                " of the body"
            )
        else:
            message = f"'{called.ref}' takes no argument '{shorten(name)}'"
        takes = self._takes.get(called.ref)
        if takes is None:
            takes = self._takes[called.ref] = [p.name for p in called.parameters]
        hint = self.names.suggest(name, takes) or f"It takes: {names_of(takes, 12)}."
        self.findings.add(rules.WITH_TARGET, path, message, hint, at_key=True)

    def _placeholders(
        self, function: Function, called: Operation | None, namespace: str
    ) -> Function:
        """Compare the placeholders of a route with the parameters that they fill.

        Returns:
            The function with its inputs and `with` as its path spells them.
        """
        if called is not None:
            takes, target = called.layout.takes, called.ref
        else:
            inner = self.names.aggregates.get(function.ref)
            takes = frozenset(p.name for p in inner.inputs) if inner else frozenset()
            target = function.ref
        spelled = aligned_function(function, takes, namespace)
        if spelled is not function:
            self.spelled[function.path] = spelled
            note_spelling(function, spelled, namespace, target, self.findings)
        # Declared inputs are compared as a whole, by `note_inputs`.
        is_inferred = not function.with_ and not function.inputs
        if called is not None:
            told = is_inferred and note_lacking(spelled, called, self.findings)
            if not told and not function.steps:
                note_astray(function, called, self.findings)
        return spelled

    def _mappings(
        self, data: JSON, path: DocumentPath, *, is_top: bool = False
    ) -> None:
        """Check every JSONPath of mapped outputs."""
        if isinstance(data, list):
            for index, entry in enumerate(data):
                self._mappings(entry, (*path, index), is_top=is_top)
        elif isinstance(data, dict):
            # A named output may write its path as `value` (spec 2.7).
            self._mapping(data, path, is_named=is_top and "name" in data)

    def _mapping(
        self, data: Mapping[str, JSON], path: DocumentPath, *, is_named: bool
    ) -> None:
        mapping, value = data.get("mapping"), data.get("value")
        if isinstance(mapping, str):
            note_path(mapping, (*path, "mapping"), self.findings)
        elif is_named and isinstance(value, str) and value.strip().startswith("$"):
            note_path(value, (*path, "value"), self.findings)
        properties = data.get("properties")
        if isinstance(properties, dict):
            for name, entry in properties.items():
                self._mappings(entry, (*path, "properties", name))
        for key in ("items", "values"):
            if data.get(key) is not None:
                self._mappings(data[key], (*path, key))


def _first_mention(function: Function, key: str = "") -> Mention:
    """Return the place where a function is declared for the first time."""
    at = (*function.path, key) if key else function.path
    return Mention(at, "first declared here")
