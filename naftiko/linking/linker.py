"""Link a read document: every call, `with`, placeholder, variable and namespace.

Linking reports and never refuses: a unit with an error is listed and does not run, the
rest of the document works. Dialect 4.1, 5.3, 7.3 to 7.5; the lint rules of spec 10 that
name things which cannot work. This module must not know values or requests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from naftiko.consumes.base_uri import compile_base_uri
from naftiko.consumes.layout import compile_layout
from naftiko.consumes.operation import Operation
from naftiko.consumes.registry import Registry
from naftiko.document import rules
from naftiko.errors import OutputError, did_you_mean, names_of, shorten
from naftiko.expressions import (
    STEP_PATH_HINT,
    Scope,
    TemplateError,
    is_step_path,
    is_upper,
    parse,
    parse_path,
    refs,
    source_of,
)
from naftiko.formats import decoding
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.reading import is_plain, is_root, needs_length
from naftiko.linking.exposed import HINTS_BY_METHOD, label_of
from naftiko.linking.operations import addresses_of, by_owner, note_templates
from naftiko.spec.model import OperationSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from naftiko.document.findings import Finding, Findings
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.model import CapabilitySpec, Exposes, Function


_BARE_ENV = re.compile(r"env\.[A-Z][A-Z0-9_]*")


def link(
    spec: CapabilitySpec,
    scope: Scope,
    found: Findings,
    *,
    paths: Mapping[str, str] | None = None,
    append_unplaced: bool = False,
) -> Registry:
    """Return the operations of a document, and note everything that does not fit.

    Args:
        spec: The document, read.
        scope: The variables that it binds.
        found: Where findings go.
        paths: Ref → path that replaces the document's.
        append_unplaced: See `compile_layout`.
    """
    linker = _Linker(spec, scope, found)
    registry = linker.operations(paths or {}, append_unplaced)
    for entry in spec.imports:
        where = f" ({shorten(entry.location)})" if entry.location else ""
        name = f" '{shorten(entry.namespace)}'" if entry.namespace else ""
        why = f": {entry.reason}" if entry.reason else ""
        found.add(
            rules.IMPORT_UNRESOLVED,
            entry.path,
            f"the import{name}{where} is not available{why}",
            "put the file there, or copy the adapter into this document",
        )
    for exposes in spec.exposes:
        linker.exposes(exposes)
    linker.all_aggregates()
    linker.variables()
    return registry


class _Linker:
    """The names of one document, and the checks against them."""

    def __init__(self, spec: CapabilitySpec, scope: Scope, found: Findings) -> None:
        self.spec = spec
        self.scope = scope
        self.found = found
        self.by_name: dict[str, list[Operation]] = defaultdict(list)
        self.registry = Registry()
        self.used: dict[str, DocumentPath] = {}
        #: How many names may still be compared to find out what was meant.
        self.comparisons = 50_000
        self.namespaces = {consumes.namespace for consumes in spec.consumes}
        self.aggregates = {
            f"{namespace}.{function.name}": None
            for namespace, functions in spec.aggregates
            for function in functions
        }

    # --- operations -----------------------------------------------------------------

    def operations(self, paths: Mapping[str, str], append_unplaced: bool) -> Registry:
        spec, found = self.spec, self.found
        base_names: dict[DocumentPath, frozenset[str]] = {}
        for consumes in spec.consumes:
            where = consumes.path
            for name in note_templates(consumes.base_uri, self.scope, where, found):
                self._use(name, (*where, "baseUri"))
            if consumes.authentication:
                fields = dict(consumes.authentication.fields)
                self._uses(fields, consumes.authentication.path)
            base = compile_base_uri(consumes.base_uri, self.scope)
            base_names[where] = frozenset(base.names)
        noted = by_owner(found.noted, spec)
        addresses, ambiguous = addresses_of(spec)
        operations = []
        for ref, operation in zip(addresses, spec.operations, strict=True):
            layout = compile_layout(
                operation,
                self.scope,
                path=paths.get(ref),
                append_unplaced=append_unplaced,
            )
            at = operation.path
            owners = (operation.consumes.path, at[:-2], at) if noted else ()
            findings = [f for owner in owners for f in noted.get(owner, ())]
            for finding in layout.findings:
                if finding.rule is rules.TEMPLATE:
                    at = self._leaf(finding.path, _is_no_template) or finding.path
                    finding = finding._replace(path=at)
                found.note(finding)
                if finding.spoils_unit:
                    findings.append(finding)
            findings += self._decoding(operation)
            for name in layout.variables:
                if name not in self.used:
                    self._use(name, self._place(name, operation))
            linked = Operation(
                operation,
                layout,
                ref=ref,
                findings=tuple(findings),
                document=found.document,
                base_names=base_names[operation.consumes.path],
            )
            operations.append(linked)
            self.by_name[f"{linked.namespace}.{linked.name}"].append(linked)
        for name, candidates in ambiguous.items():
            found.add(
                rules.OPERATION_AMBIGUOUS,
                self.by_name[name][1].spec.path,
                f"{len(candidates)} operations are called '{name}'",
                f"give each its own name; until then call {names_of(candidates, 4)}",
            )
        adapters = self._forwarded(noted, base_names)
        self.registry = Registry(operations, ambiguous, adapters)
        return self.registry

    def _forwarded(
        self,
        noted: Mapping[DocumentPath, list[Finding]],
        base_names: Mapping[DocumentPath, frozenset[str]],
    ) -> dict[str, Operation]:
        """Return the adapters that requests are forwarded to, as operations."""
        targets = {
            entry.namespace
            for exposes in self.spec.exposes
            for entry in exposes.links
            if entry.kind == "forward"
        }
        adapters: dict[str, Operation] = {}
        for consumes in self.spec.consumes:
            namespace = consumes.namespace
            if namespace not in targets or namespace in adapters:
                continue
            # A forwarded request has no arguments: only what has a value is placed.
            placed = [
                parameter._replace(required=False)
                for parameter in consumes.parameters
                if parameter.in_ in ("query", "header", "cookie", "environment")
                and (
                    parameter.value is not None
                    or parameter.default
                    or parameter.in_ == "environment"
                )
            ]
            spec = OperationSpec(
                consumes, "", "", "GET", "", parameters=tuple(placed),
                path=(*consumes.path, "namespace"),
            )  # fmt: skip
            layout = compile_layout(spec, self.scope)
            adapters[namespace] = Operation(
                spec,
                layout,
                ref=namespace,
                findings=tuple(noted.get(consumes.path, ())),
                document=self.found.document,
                base_names=base_names[consumes.path],
            )
            for name in layout.variables:
                self._use(name, consumes.path)
        return adapters

    def _decoding(self, operation: OperationSpec) -> Iterator[Finding]:
        """Yield what makes the response of an operation unreadable."""
        name = operation.output_raw_format.lower()
        if name not in decoding.FORMATS:
            yield self.found.add(
                rules.OUTPUT_FORMAT,
                (*operation.path, "outputRawFormat"),
                f'Unsupported "{operation.output_raw_format}" format specified',
                f"use one of {names_of(decoding.FORMATS)}",
            )
        for output in operation.outputs:
            key = "value" if "value" in self._node(output.path) else "mapping"
            if finding := self._expression(output.value, (*output.path, key)):
                yield finding

    def _expression(self, expression: str, path: DocumentPath) -> Finding | None:
        if is_root(expression):
            return None
        if needs_length(expression):
            self.found.add(
                rules.PATH_LENGTH,
                path,
                f"'{expression}' is read as the number of elements of a list",
                "JSONPath has no such member; name the list itself",
            )
        if not is_plain(expression):
            try:
                compile_path(expression)
            except OutputError as error:
                return self.found.add(
                    rules.OUTPUT_PATH, path, error.message, error.hint
                )
        return None

    def _place(self, name: str, operation: OperationSpec) -> DocumentPath:
        """Return the text of an operation that refers to a variable."""
        if name in self.scope.variables:
            return operation.path  # it is not reported, so it is not looked for
        values = [(*parameter.path, "value") for parameter in operation.parameters]
        for place in (operation.url_path_at, *values, (*operation.path, "body")):
            found = self._leaf(place, lambda text: name in _names_in(text, self.scope))
            if found:
                return found
        return operation.path

    def _use(self, name: str, path: DocumentPath) -> None:
        self.used.setdefault(name, path)

    def _uses(self, data: JSON, path: DocumentPath) -> None:
        """Note the variables that the texts in a value refer to."""
        for place, text in _texts(data, path):
            for name in _names_in(text, self.scope):
                self._use(name, place)

    def _node(self, path: DocumentPath) -> JSON:
        """Return what stands at a place of the document, or `None`."""
        node = self.found.document.data
        for key in path:
            try:
                node = node[key]
            except (LookupError, TypeError):
                return None
        return node

    def _leaf(self, path: DocumentPath, is_it: Callable[[str], bool]) -> DocumentPath:
        """Return the place of the first such text at or below a place, if any."""
        texts = _texts(self._node(path), path)
        return next((place for place, text in texts if is_it(text)), ())

    def variables(self) -> None:
        """Note variables that no bind declares, and binds that nothing uses."""
        if self.found.document.truncation is None:
            for name, path in self.used.items():
                if name not in self.scope.variables:
                    self.found.add(
                        rules.VARIABLE_UNDECLARED,
                        path,
                        f"the variable '{shorten(name)}' is in no bind",
                        "the environment is asked all the same; add it: "
                        f"binds: [{{namespace: env, keys: {{{name}: {name}}}}}]",
                    )
        for bind in self.spec.binds:
            for name in bind.keys:
                if name not in self.used:
                    self.found.add(
                        rules.VARIABLE_UNUSED,
                        (*bind.path, "keys", name),
                        f"the variable '{name}' is used nowhere",
                        "remove it",
                    )

    # --- exposing adapters ----------------------------------------------------------

    def exposes(self, exposes: Exposes) -> None:
        routes: dict[tuple[str, str], Function] = {}
        tools: dict[str, Function] = {}
        for function in exposes.functions:
            if function.kind == "rest":
                shape = re.sub(r"\{\{?[^{}]*\}\}?", "{}", function.url_path)
                key = function.method, "/" + shape.removeprefix("/")
                if key in routes:
                    self.found.add(
                        rules.ROUTE_DUPLICATE,
                        function.path,
                        f"{function.method} {shorten(function.url_path)} is declared"
                        " twice; the first one wins",
                        "remove one, or give it another path",
                    )
                routes.setdefault(key, function)
            elif function.kind == "tool":
                if function.name and function.name in tools:
                    self.found.add(
                        rules.TOOL_DUPLICATE,
                        (*function.path, "name"),
                        f"the tool '{function.name}' is declared twice; the first one"
                        " wins",
                        "rename one of them",
                    )
                tools.setdefault(function.name, function)
            self.function(function, exposes.namespace)
        if exposes.authentication is not None:
            self._uses(dict(exposes.authentication.texts), exposes.authentication.path)
        for entry in exposes.links:
            self._adapter_link(entry.kind, entry.namespace, entry.action, entry.path)

    def _adapter_link(
        self, kind: str, namespace: str, action: str, path: DocumentPath
    ) -> None:
        if kind == "forward":
            known = sorted(self.namespaces)
        else:
            served = ("rest", "mcp")
            known = [e.namespace for e in self.spec.exposes if e.type in served]
        if namespace not in known:
            self.found.add(
                rules.CALL_UNRESOLVED,
                path,
                f"no adapter has the namespace '{shorten(namespace)}'",
                self._like(namespace, known) or f"declared: {names_of(known)}",
            )
        elif kind == "from":
            names = [
                function.name
                for exposes in self.spec.exposes
                if exposes.namespace == namespace
                for function in exposes.functions
            ]
            if action not in names:
                self.found.add(
                    rules.CALL_UNRESOLVED,
                    path,
                    f"'{namespace}' has no tool or operation '{shorten(action)}'",
                    self._like(action, names) or f"it has: {names_of(names)}",
                )

    def all_aggregates(self) -> None:
        """Check the functions of the aggregates, and that each has its own name."""
        refs: set[str] = set()
        for namespace, functions in self.spec.aggregates:
            for function in functions:
                ref = f"{namespace}.{function.name}"
                if ref in refs:
                    self.found.add(
                        rules.OPERATION_AMBIGUOUS,
                        (*function.path, "name"),
                        f"the aggregate function '{shorten(ref)}' is declared twice",
                        "rename one of them",
                    )
                refs.add(ref)
                self.function(function, namespace)

    def function(self, function: Function, namespace: str) -> None:
        """Check what stands behind one route, tool, resource or aggregate."""
        called = None
        if function.call:
            called = self._call(function.call, (*function.path, "call"))
        elif function.ref:
            if function.ref not in self.aggregates:
                self.found.add(
                    rules.CALL_UNRESOLVED,
                    (*function.path, "ref"),
                    f"no aggregate function is called '{shorten(function.ref)}'",
                    self._like(function.ref, self.aggregates)
                    or f"declared: {names_of(self.aggregates)}",
                )
        elif not function.steps and not function.is_mock:
            unit = self._node(function.path)
            others = [key for key in ("calls", "operation") if key in unit]
            self.found.add(
                rules.UNIT_WITHOUT_CALL,
                function.path,
                f"{label_of(function)} calls nothing",
                f"write `call` instead of `{others[0]}`: `call: namespace.operation`"
                if others
                else "add `call: namespace.operation`",
            )
        if called is not None:
            self._with(function, called, namespace)
        self._steps(function)
        self._mappings(function.outputs, (*function.path, "outputParameters"))
        hint = HINTS_BY_METHOD.get(called.method if called else "")
        if hint and function.kind == "tool" and function.hints.get(hint) is not True:
            self.found.add(
                rules.HINT,
                function.path,
                f"the tool '{shorten(function.name)}' deletes without a hint",
                f"add `hints: {{{hint}: true}}`",
            )

    def _call(self, call: str, path: DocumentPath) -> Operation | None:
        """Return the operation that a `call` names; note it when there is none."""
        if (operation := self.registry.resolve(call)) is not None:
            return operation
        namespace, _, name = call.rpartition(".")
        if namespace not in self.namespaces:
            prefixes = [n for n in self.namespaces if call.startswith(n + ".")]
            if prefixes:
                namespace = max(prefixes, key=len)
                name = call.removeprefix(namespace + ".")
        named = self.by_name.get(f"{namespace}.{name}", [])
        if named:
            self.found.add(
                rules.OPERATION_AMBIGUOUS,
                path,
                f"'{shorten(call)}' names {len(named)} operations",
                "give each operation its own name",
            )
            return None
        what = "operation" if namespace in self.namespaces else "namespace"
        self.found.add(
            rules.CALL_UNRESOLVED,
            path,
            f"'{shorten(call)}' names no declared {what}",
            self._meant(namespace, name, call),
        )
        return None

    def _meant(self, namespace: str, name: str, call: str) -> str:
        """Return what a call that names nothing was probably meant to name."""
        operations = self.registry.values()
        if namespace in self.namespaces:
            known = [op.ref for op in operations if op.namespace == namespace]
            return self._like(call, known) or (
                f"'{shorten(namespace)}' has: {names_of(known, 8)}"
            )
        for entry in self.spec.imports:
            if entry.namespace == namespace:
                source = shorten(entry.location)
                return (
                    f"'{namespace}' is imported from {source}, which is not available"
                )
        for op in operations:
            if op.name == name:
                return f"did you mean '{op.ref}'?"
        like = self._like(namespace, self.namespaces)
        return like.replace("mean", "mean the namespace") or (
            f"declared: {names_of(sorted(self.namespaces))}"
        )

    def _like(self, name: str, known: Collection[str]) -> str:
        """Return `did you mean …?`, as long as looking for it is worth the time."""
        self.comparisons -= len(known)
        return did_you_mean(name, known) if self.comparisons >= 0 else ""

    def _steps(self, function: Function) -> None:
        earlier: list[str] = []
        for step in function.steps:
            if step.type == "call" and not step.call:
                self.found.add(
                    rules.CALL_UNRESOLVED,
                    step.path,
                    f"the step '{shorten(step.name)}' calls nothing",
                    "add `call: namespace.operation`",
                )
            elif step.type == "call":
                called = self._call(step.call, (*step.path, "call"))
                if called is not None:
                    for name in step.with_:
                        self._target(name, called, (*step.path, "with", name))
            elif step.type == "lookup" and step.index not in earlier:
                self.found.add(
                    rules.CALL_UNRESOLVED,
                    (*step.path, "index") if step.index else step.path,
                    f"the lookup names no earlier step '{shorten(step.index)}'",
                    self._like(step.index, earlier) or f"earlier: {names_of(earlier)}",
                )
            elif step.type not in ("lookup", "script"):
                self.found.add(
                    rules.STEP_TYPE,
                    step.path,
                    f"the step '{shorten(step.name)}' has the unknown type"
                    f" '{shorten(step.type)}'",
                    "a step is a call, a lookup or a script",
                )
            language = step.script.get("language")
            if step.type == "script" and language in ("python", "groovy"):
                self.found.add(
                    rules.SCRIPT_LANGUAGE,
                    step.path,
                    f"the script of step '{shorten(step.name)}' is written in"
                    f" '{language}', which cannot be run safely here",
                    "write it in javascript",
                )
            if step.lookup_value.startswith("$."):
                self._step_path(step.lookup_value, (*step.path, "lookupValue"))
            earlier.append(step.name)
        for mapping in function.mappings:
            self._step_path(mapping.value, (*mapping.path, "value"))

    def _step_path(self, text: str, path: DocumentPath) -> None:
        if not is_step_path(text):
            self.found.add(
                rules.STEP_PATH,
                path,
                f"'{shorten(text)}' is not a step path",
                STEP_PATH_HINT,
            )

    def _with(self, function: Function, called: Operation, namespace: str) -> None:
        if not function.with_:
            if function.kind == "rest":
                self._rest_arguments(function, called)
            return
        declared = {parameter.name for parameter in function.inputs}
        for name, value in function.with_.items():
            path = (*function.path, "with", name)
            self._target(name, called, path)
            is_bare = isinstance(value, str) and _BARE_ENV.fullmatch(value)
            if is_bare or isinstance(value, (dict, list)):
                self.found.add(
                    rules.WITH_VALUE,
                    path,
                    f"the value of '{shorten(name)}' is not a plain reference or text",
                    f"write '{{{{{value.removeprefix('env.')}}}}}'"
                    if is_bare
                    else "its texts are resolved; describe it in the body of the"
                    " operation instead",
                )
            self._uses(value, path)
            source = source_of(value, namespace)
            if (
                source
                and function.kind == "tool"
                and declared
                and source not in declared
            ):
                self.found.add(
                    rules.WITH_SOURCE,
                    path,
                    f"{label_of(function)} declares no argument '{shorten(source)}'",
                    self._like(source, declared)
                    or "add it to `inputParameters`; it is inferred",
                )

    def _target(self, name: str, called: Operation, path: DocumentPath) -> None:
        if name in called.layout.takes or name in called.base_names:
            return
        body = called.spec.body
        if body and isinstance(body.data, dict) and name in body.data:
            message = f"'{shorten(name)}' overrides a fixed field of the body"
        elif called.takes_body:
            message = (
                f"'{called.ref}' declares no '{shorten(name)}'; it becomes a field"
            )
            message += " of the body"
        else:
            message = f"'{called.ref}' takes no argument '{shorten(name)}'"
        takes = [parameter.name for parameter in called.parameters]
        hint = self._like(name, takes) or f"it takes: {names_of(takes, 12)}"
        self.found.add(rules.WITH_TARGET, path, message, hint, at_key=True)

    def _rest_arguments(self, function: Function, called: Operation) -> None:
        offered = {parameter.name for parameter in function.inputs}
        try:
            offered |= {ref.name for ref in refs(parse_path(function.url_path))}
        except TemplateError as error:
            self.found.add(rules.TEMPLATE, function.path, str(error), "write `{name}`")
            return
        needed = {ref.name for ref in refs(called.layout.path) if not ref.is_variable}
        if lacking := sorted(needed - offered):
            self.found.add(
                rules.REST_ARGUMENTS,
                function.path,
                f"{function.method} {shorten(function.url_path)} does not offer"
                f" {names_of(lacking)}, which '{called.ref}' needs in its path",
                "add a placeholder to the path; it is taken from the query",
            )

    def _mappings(self, data: JSON, path: DocumentPath) -> None:
        """Check every JSONPath of mapped outputs."""
        if isinstance(data, list):
            for index, entry in enumerate(data):
                self._mappings(entry, (*path, index))
        elif isinstance(data, dict):
            mapping = data.get("mapping")
            if isinstance(mapping, str):
                self._expression(mapping, (*path, "mapping"))
            properties = data.get("properties")
            if isinstance(properties, dict):
                for name, entry in properties.items():
                    self._mappings(entry, (*path, "properties", name))
            for key in ("items", "values"):
                if isinstance(data.get(key), (dict, list)):
                    self._mappings(data[key], (*path, key))


def _texts(value: JSON, path: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the texts in a value with their places."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _texts(item, (*path, key))


def _is_no_template(text: str) -> bool:
    try:
        parse(text)
    except TemplateError:
        return True
    return False


def _names_in(text: str, scope: Scope) -> list[str]:
    """Return the variables that a text refers to."""
    if "{{" not in text:
        return [text.removeprefix("env.")] if _BARE_ENV.fullmatch(text) else []
    try:
        found = refs(parse(text, scope))
    except TemplateError:
        return []
    return [
        ref.name
        for ref in found
        if ref.is_variable and (is_upper(ref.name) or ref.name in scope.variables)
    ]
