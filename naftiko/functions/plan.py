"""One exposed function, compiled: its arguments, its shape, and how it runs.

This module must not know how a plan is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from naftiko.document import rules
from naftiko.errors import ArgumentError, CallError, names_of
from naftiko.functions.arguments import MISSING, UNKNOWN, fit, is_constant
from naftiko.functions.runs import Lookup, Run, Values, VariableOf
from naftiko.functions.shapes import Shape

if TYPE_CHECKING:
    from naftiko.consumes.operation import Operation
    from naftiko.functions.arguments import WrongArgument
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes, Function, InputParameter

_Runner: TypeAlias = Callable[[Values, Lookup], Run]


class Plan:
    """One exposed function, ready to run.

    Attributes:
        function: The function as the document declares it.
        exposes: The adapter that exposes it, or `None` for an aggregate function.
        name: The name of the tool, or of the REST operation.
        arguments: Its arguments, declared and inferred.
        problem: The reason why it cannot run, or `None`.
        operation: The operation that it calls in simple mode, or `None`.
        inner: The aggregate function that it refers to, or `None`.
        shape: How a response becomes its value, or `None` for a mock.
        stages: Number of groups of calls that it makes one after the other.
    """

    def __init__(
        self,
        function: Function,
        exposes: Exposes | None,
        arguments: tuple[InputParameter, ...],
        runner: _Runner | None,
        *,
        problem: CallError | None = None,
        operation: Operation | None = None,
        inner: Plan | None = None,
        shape: Shape | None = None,
        stages: int = 1,
    ) -> None:
        self.function = function
        self.exposes = exposes
        self.name = function.name
        self.arguments = arguments
        self.problem = problem
        self.operation = operation
        self.inner = inner
        self.shape = shape
        self.stages = stages
        self._runner = runner
        self._constants = {p.name: p.value for p in function.inputs if is_constant(p)}

    @property
    def description(self) -> str:
        """Its own description, or that of the function or operation behind it."""
        for text in (
            self.function.description,
            self.inner.description if self.inner else "",
            self.operation.description if self.operation else "",
        ):
            if text:
                return text
        return ""

    def fit(
        self, given: Mapping[str, JSON]
    ) -> tuple[dict[str, JSON], list[WrongArgument]]:
        """Return the arguments in their declared types, and those that do not fit."""
        return fit(self.arguments, given)

    def run(self, values: Mapping[str, JSON], variable_of: VariableOf) -> Run:
        """Return a run of the function, as `naftiko.functions.runs` describes it.

        Args:
            values: Argument → value, as `fit` returned them.
            variable_of: Name of a variable → its value.

        Raises:
            CallError: The function cannot run. The run itself raises the same when a
                call fails.
        """
        if self._runner is None:
            raise self.problem or CallError(f"{self.name} cannot run")
        return self._runner({**values, **self._constants}, Lookup(variable_of))

    def __repr__(self) -> str:
        return f"<Plan {self.function.kind} {self.name}>"


def name_of(function: Function) -> str:
    """Return the name of a unit; a reference without one inherits it (fact A03)."""
    return function.name or function.ref.rpartition(".")[2]


def checked_arguments(plan: Plan, given: Mapping[str, JSON]) -> Values:
    """Return arguments in their declared types.

    Raises:
        ArgumentError: Some are missing, unknown or wrong; it names all of them.
    """
    values, wrong = plan.fit(given)
    if wrong:
        said = "; ".join(f"'{w.name}' {w.reason}" for w in wrong)
        names = [p.name for p in plan.arguments]
        missing = [w.name for w in wrong if w.kind == MISSING]
        raise ArgumentError(
            f"{plan.name}: {said}",
            missing=missing,
            unknown=[w.name for w in wrong if w.kind == UNKNOWN],
            takes=names,
            code=rules.ARGUMENT_MISSING.code if missing else "",
            hint=f"It takes: {names_of(names)}.",
        )
    return values
