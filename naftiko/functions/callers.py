"""What the exposed functions of a document tell about the inputs of its operations.

Published operations rarely say the types of their parameters; the tools and routes that
call them often do:

    consumes  get-books: {inputParameters: [{name: limit, in: query}]}
    exposes   {name: find, call: shop.get-books, with: {limit: tools.most},
               inputParameters: [{name: most, type: integer, description: At most.}]}
    →         InputParameter("limit", "query", "integer", description="At most.")

What the operation itself declares comes first. This module must not know how a function
runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.expressions import TemplateError, lone, parse, source_of
from naftiko.functions.arguments import is_constant, target_of
from naftiko.functions.types import type_of
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.consumes.operation import Operation
    from naftiko.consumes.registry import Registry
    from naftiko.expressions import Scope
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.model import CapabilitySpec, Function, InputParameter


class _Call(NamedTuple):
    """One call of an operation or of an aggregate function.

    Attributes:
        function: The unit that calls.
        namespace: The adapter or aggregate of the unit.
        with_: The values that the call gives.
    """

    function: Function
    namespace: str
    with_: Mapping[str, JSON]


class Callers:
    """The calls of a document, by what they call; collected when first asked for."""

    def __init__(
        self, spec: CapabilitySpec, operations: Registry, scope: Scope
    ) -> None:
        self._spec = spec
        self._operations = operations
        self._scope = scope
        self._known: dict[str, list[_Call]] | None = None
        #: The text of a `ref` → the calls by that reference.
        self._referring: dict[str, list[_Call]] = {}

    def inputs_of(self, operation: Operation) -> tuple[InputParameter, ...]:
        """Return the parameters of an operation with all that the document tells.

        A parameter whose type no part of the document tells has an empty one. It is
        `required` where the operation says so, or where each unit that calls the
        operation and tells whether it needs the parameter requires it.
        """
        calls = self._calls(operation)
        return tuple(self._told(parameter, calls) for parameter in operation.parameters)

    def words_of(self, operation: Operation) -> str:
        """Return names and descriptions of the units that call it, as one text."""
        units = [call.function for call in self._calls(operation)]
        return " ".join(
            text for unit in units for text in (unit.name, unit.description) if text
        )

    def _told(self, parameter: InputParameter, calls: list[_Call]) -> InputParameter:
        inputs: list[InputParameter] = []
        is_required: list[bool] = []
        for call in calls:
            for caller, fed in self._feeding(parameter.name, call, set()):
                if fed is None:
                    is_required.append(False)
                    continue
                inputs.append(fed)
                # A tool requires an input that does not say otherwise (spec 4.2). The
                # inputs of a route that do not say tell nothing.
                if fed.required or fed.is_optional or caller.kind == "tool":
                    is_required.append(not fed.is_optional)
        own = "" if parameter.inferred else parameter.type
        types = (own, *(fed.type for fed in inputs))
        descriptions = (parameter.description, *(fed.description for fed in inputs))
        return parameter._replace(
            type=next((name for name in types if type_of(name)), ""),
            description=next(filter(None, descriptions), ""),
            keywords=_first_of(parameter.keywords, *(fed.keywords for fed in inputs)),
            required=parameter.required or (bool(is_required) and all(is_required)),
        )

    def _feeding(
        self, name: str, call: _Call, seen: set[DocumentPath]
    ) -> Iterator[tuple[Function, InputParameter | None]]:
        """Yield the units that take inputs, each with the input that feeds a parameter.

        Nothing comes for a unit that fills the parameter by itself, or that declares no
        inputs. `None` stands for a unit that never gives the parameter.
        """
        function = call.function
        fills = name in call.with_
        source = self._source(call, name) if fills else name
        if not source:
            return
        if function.inputs:
            declared = _input_of(function, source, is_mapped=not fills)
            if declared is None or not is_constant(declared):
                yield function, declared
        for referring in self._referring.get(f"{call.namespace}.{function.name}", ()):
            # A function may refer to its own name.
            if referring.function.path not in seen:
                seen.add(referring.function.path)
                yield from self._feeding(source, referring, seen)

    def _source(self, call: _Call, name: str) -> str:
        """Return the input of a unit that a value of its `with` stands for."""
        value = call.with_[name]
        if source := source_of(value, call.namespace):
            return source
        if not isinstance(value, str):
            return ""
        declared = frozenset(p.name for p in call.function.inputs)
        try:
            ref = lone(parse(value, self._scope, declared))
        except TemplateError:
            return ""
        return ref.name if ref and not ref.is_variable else ""

    # --- collecting -------------------------------------------------------------------

    def _calls(self, operation: Operation) -> list[_Call]:
        if self._known is None:
            # Another thread sees nothing before everything is collected.
            self._known = self._collected()
        calls = self._known.get(operation.ref, [])
        # The inputs of a tool are described for a reader, those of a route seldom.
        return sorted(calls, key=lambda call: call.function.kind != "tool")

    def _collected(self) -> dict[str, list[_Call]]:
        """Return ref of an operation → its calls; note the references as well."""
        known: dict[str, list[_Call]] = {}
        referring: dict[str, list[_Call]] = {}
        for namespace, function in self._units():
            with_ = function.with_ or {}
            calls = [(step.call, step.with_) for step in function.steps]
            if function.ref and not function.call:
                call = _Call(function, namespace, with_)
                referring.setdefault(function.ref, []).append(call)
            for text, given in ((function.call, with_), *calls):
                called = self._operations.resolve(text) if text else None
                if called is not None:
                    call = _Call(function, namespace, given)
                    known.setdefault(called.ref, []).append(call)
        self._referring = referring
        return known

    def _units(self) -> Iterator[tuple[str, Function]]:
        """Yield everything that may call an operation, behind its namespace."""
        for exposes in self._spec.exposes:
            for function in exposes.functions:
                yield exposes.namespace, function
        for namespace, functions in self._spec.aggregates:
            for function in functions:
                yield namespace, function


def _first_of(*told: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return keywords of several declarations; of one keyword the first counts."""
    merged: dict[str, JSON] = {}
    for keywords in reversed(told):
        merged |= keywords
    return merged


def _input_of(
    function: Function, name: str, *, is_mapped: bool
) -> InputParameter | None:
    """Return the input of a unit by its name, or by the parameter that it maps to."""
    named = None
    for parameter in function.inputs:
        if is_mapped and parameter.mapping and target_of(parameter.mapping)[1] == name:
            return parameter
        if parameter.name == name:
            named = parameter
    return named or next(
        (p for p in function.inputs if _folded(p.name) == _folded(name)), None
    )


def _folded(name: str) -> str:
    """Return a name without what spellings differ in: `App-Id` → `appid`."""
    return name.replace("-", "").replace("_", "").lower()
