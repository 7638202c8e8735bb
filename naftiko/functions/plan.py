"""One exposed function, compiled: its arguments, its shape, and how it runs.

This module must not know how a plan is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from naftiko.document import rules
from naftiko.errors import (
    ArgumentError,
    CallError,
    UnknownFunction,
    UnusableOperation,
    names_of,
    nearest,
    shorten,
)
from naftiko.functions.arguments import (
    MISSING,
    UNKNOWN,
    code_of,
    fit_named,
    is_constant,
)
from naftiko.functions.runs import Call, Lookup, Run, Values, VariableOf
from naftiko.functions.shapes import Shape
from naftiko.masking import marker

if TYPE_CHECKING:
    from naftiko.consumes.operation import Operation
    from naftiko.errors import UnknownOperation
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
        self._parameters = {parameter.name: parameter for parameter in arguments}

    @cached_property
    def fits_slowly(self) -> bool:
        """Whether arguments may have to wait for a process that matches a pattern.

        A server asks for it when it loads a document: that compiles the patterns.
        """
        patterns = [argument.pattern for argument in self.arguments if argument.pattern]
        if not patterns:
            return False
        from naftiko.patterns.bounded import bounded

        compiled = map(bounded, patterns)
        return any([one.may_wait for one in compiled if one])  # noqa: C419 - each

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
        return fit_named(self._parameters, given)

    def run(
        self,
        values: Mapping[str, JSON],
        variable_of: VariableOf,
        *,
        takes_json: bool = False,
    ) -> Run:
        """Return a run of the function, as `naftiko.functions.runs` describes it.

        Args:
            values: Argument → value, as `fit` returned them.
            variable_of: Name of a variable → its value.
            takes_json: The value is wanted as JSON, and its parts are not looked at.

        Raises:
            CallError: The function cannot run. The run itself raises the same when a
                call fails.
        """
        if self._runner is None:
            raise self.problem or CallError(f"{self.name} cannot run")
        look = Lookup(variable_of, takes_json=takes_json)
        return self._runner({**values, **self._constants}, look)

    @property
    def passes_on(self) -> bool:
        """Whether the response of its only call is its result, unchanged."""
        if self.operation is None or self.shape is None:
            return False
        return not self.shape.is_declared

    @property
    def arriving_shape(self) -> Shape | None:
        """How each value of an answer without end becomes a result.

        It is `None` for a function that does not make exactly one call, or whose
        outputs do not count because it passes the response on.
        """
        if self.operation is None or self.shape is None or not self.shape.is_declared:
            return None
        inner = self.inner.arriving_shape if self.inner is not None else None
        return inner or self.shape

    def only_call(
        self, given: Mapping[str, JSON], variable_of: VariableOf = marker
    ) -> Call:
        """Return the upstream call of a function that makes exactly one.

        Args:
            given: Argument → value.
            variable_of: Name of a variable in its `with` → its value; a marker in a
                preview.

        Raises:
            ArgumentError: Arguments are missing, unknown or wrong.
            CallError: The function cannot run, or makes no call or several.
        """
        if self.problem is not None:
            raise self.problem
        values = checked_arguments(self, given)
        if self.operation is None:
            steps = [step.call for step in self._called.steps if step.call]
            told = f"calls {names_of(steps)}" if steps else "sends no request"
            raise CallError(
                f"'{self.name}' {told}: there is no single request",
                hint="name an operation" if steps else "",
            )
        (call,) = next(self.run(values, variable_of))
        assert isinstance(call, Call)  # in simple mode
        return call

    @property
    def _called(self) -> Function:
        """The function whose steps are run."""
        return self.inner._called if self.inner is not None else self.function

    def __repr__(self) -> str:
        return f"<Plan {self.function.kind} {self.name}>"


def does_the_same(one: Function, other: Function) -> bool:
    """Tell whether two units give one result for the same arguments.

    A tool and a route are often two doors to one operation.
    """
    does = _behaviour(one)
    return does[0] != "" and does == _behaviour(other)


def _behaviour(function: Function) -> tuple[object, ...]:
    inputs = {parameter.name for parameter in function.inputs}
    called = function.call or function.ref
    return called, function.with_ or {}, function.outputs or [], inputs


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
        said = "; ".join(f"'{w.name}' {w.brief}" for w in wrong)
        names = [p.name for p in plan.arguments]
        missing = [w.name for w in wrong if w.kind == MISSING]
        raise ArgumentError(
            f"{plan.name}: {said}",
            missing=missing,
            unknown=[w.name for w in wrong if w.kind == UNKNOWN],
            takes=names,
            code=code_of(wrong),
            hint=f"It takes: {names_of(names)}.",
        )
    return values


def route_of(function: Function) -> str:
    """Return the method and the path of a route, `GET /ships`; empty for others."""
    return f"{function.method} {function.url_path}" if function.kind == "rest" else ""


def full_name(function: Function, exposes: Exposes) -> str:
    """Return the name of a unit with that of its adapter: `docks.list-ships`.

    A route without a name has its method and path.
    """
    name = name_of(function)
    if not name:
        return route_of(function)
    return f"{exposes.namespace}.{name}" if exposes.namespace else name


def unknown_function(
    name: str, names: Iterable[str], candidates: list[str]
) -> UnknownFunction:
    """Return the error for a name that no function, or more than one, has.

    Args:
        name: The name that was asked for.
        names: The full names of all functions.
        candidates: The full names of those that have it.
    """
    if candidates:
        return UnknownFunction(
            f"several exposed functions are called '{shorten(name)}'",
            hint=f"use one of: {names_of(candidates)}",
            candidates=candidates,
        )
    near = nearest(name, names)
    return UnknownFunction(
        f"no exposed function is called '{shorten(name)}'",
        hint=f"nearest: {', '.join(near)}" if near else f"exposed: {names_of(names)}",
    )


def find_exposed(
    find: Callable[[str], Plan],
    operations: Iterable[str],
    exposed: Iterable[str],
    unknown: UnknownOperation,
    name: str,
) -> Plan:
    """Return the function of a name that names no single operation.

    Args:
        find: Finds a function, as `Functions.find` does.
        operations: The refs of all operations, for a guess.
        exposed: The full names of all functions, for a guess.
        unknown: The error for the name of an operation.
        name: The name.

    Raises:
        UnknownOperation: Several operations have the name, or nothing has it.
        UnknownFunction: Several different functions have it.
    """
    if unknown.code:  # several operations have it, and they come first
        same = [known for known in exposed if known.rpartition(".")[2] == name]
        unknown.hint = ", ".join([unknown.hint, *same])
        raise unknown
    try:
        return find(name)
    except UnknownFunction as error:
        if error.candidates:
            raise
        near = nearest(name, [*operations, *exposed])
        if near:
            unknown.near = tuple(near)
            unknown.hint = f"nearest: {', '.join(near)}"
        raise unknown from None


def check_offered(
    function: Function,
    operation: Operation,
    offered: set[str],
    given: Collection[str],
) -> None:
    """Refuse a unit whose declared inputs leave out what an operation requires.

    Args:
        function: The unit.
        operation: An operation that it calls.
        offered: The arguments of the unit, and its steps.
        given: Parameters of the operation that its `with` gives.

    Raises:
        UnusableOperation: No call of the unit could succeed.
    """
    if not function.inputs:
        return
    lacking = [name for name in operation.lacking(offered) if name not in given]
    if lacking:
        raise not_offered(function, lacking, operation.ref)


def not_offered(
    function: Function, lacking: list[str], called: str
) -> UnusableOperation:
    """Return the error of a unit whose declared inputs lack what a call requires."""
    names = names_of(f"'{shorten(name)}'" for name in lacking)
    return UnusableOperation(
        f"'{shorten(name_of(function))}' declares inputs, and none of them gives"
        f" {names}, which '{shorten(called)}' requires",
        code=rules.INPUT_MISSING.code,
        hint="add it to `inputParameters`, or give it a value in `with`",
    )
