"""The exposed functions of a capability → plans that can be run.

Spec 3.3 to 3.6 and 6, dialect 7.3 to 8.1.

    the unit has  mode          its run asks for            its outcome
    ------------  ------------  --------------------------  ---------------------------
    `ref`         aggregate     the calls of that function  that of the function
    `call`        simple        one call                    the shaped response
    `steps`       orchestrated  calls, lookups and scripts  mappings, or the last call
    outputs only  mock          nothing                     the static values

Runs are generators of upstream calls (see `runs`), so that the synchronous and the
asynchronous way share everything but the sending. A unit that cannot be compiled
becomes a plan with a problem. This module must not know protocols.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from naftiko.consumes.exchange import Decoders
from naftiko.document import rules
from naftiko.errors import (
    CallError,
    UnresolvedCall,
    did_you_mean,
    names_of,
    shorten,
)
from naftiko.expressions import ABSENT, Ref, TemplateError
from naftiko.formats.rewriting import rewriter_of
from naftiko.functions.arguments import (
    Feed,
    arguments_of,
    placeholders_of,
    target_of,
)
from naftiko.functions.injection import Injector, Target, inject
from naftiko.functions.mocks import compile_mock
from naftiko.functions.outcomes import (
    checked,
    is_large,
    read_apart,
    rewritten,
    shaped,
    simple_outcome,
)
from naftiko.functions.plan import (
    Plan,
    check_offered,
    does_the_same,
    full_name,
    name_of,
    not_offered,
    route_of,
    unknown_function,
)
from naftiko.functions.runs import Lookup, Outcome, Run, Values
from naftiko.functions.scripting.scripts import scripting_of
from naftiko.functions.shapes import compile_shape, members_of
from naftiko.functions.steps import (
    AnyStep,
    CallStep,
    Earlier,
    LookupStep,
    ScriptStep,
    State,
    asked,
    keep,
    stages,
    step_path,
)
from naftiko.functions.values import is_step, value_at
from naftiko.search.likeness import limited_comparisons

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from naftiko.consumes.operation import Operation
    from naftiko.consumes.registry import Registry
    from naftiko.expressions import Scope
    from naftiko.plain import JSON
    from naftiko.spec.model import (
        CapabilitySpec,
        Exposes,
        Function,
        Step,
    )


class Functions:
    """The exposed functions of a capability, compiled as they are asked for.

    Args:
        spec: The document, read.
        operations: Its operations.
        scope: The names of the variables that it binds.
        directory: Where relative locations of scripts start.
        decoders: Read the responses of its operations.

    Attributes:
        scripting: Prepares and runs script steps.
    """

    def __init__(
        self,
        spec: CapabilitySpec,
        operations: Registry,
        scope: Scope,
        *,
        directory: Path | None = None,
        decoders: Decoders | None = None,
    ) -> None:
        self._spec = spec
        self._operations = operations
        self._scope = scope
        self.scripting = scripting_of(spec.exposes, directory)
        self._decoders = Decoders() if decoders is None else decoders
        self._aggregates: dict[str, tuple[str, Function]] = {}
        self._ambiguous: set[str] = set()
        for namespace, functions in spec.aggregates:
            for function in functions:
                ref = f"{namespace}.{function.name}"
                if ref in self._aggregates:
                    self._ambiguous.add(ref)
                self._aggregates.setdefault(ref, (namespace, function))
        self._aggregate_plans: dict[str, Plan] = {}
        self._plans: dict[tuple[object, ...], Plan] = {}

    @limited_comparisons()
    def of(self, exposes: Exposes) -> tuple[Plan, ...]:
        """Return the functions of an adapter, in the order of the document."""
        return tuple(self.plan(function, exposes) for function in exposes.functions)

    def plan(self, function: Function, exposes: Exposes | None = None) -> Plan:
        """Return the plan of one function, compiled when it is first asked for."""
        plan = self._plans.get(function.path)
        if plan is None:
            namespace = exposes.namespace if exposes else ""
            plan = self._plans[function.path] = self._compile(
                function, namespace, exposes
            )
        return plan

    def names(self) -> list[str]:
        """Return the full names that `find` takes, as `adapter.function`."""
        return [name for name, _ in self.listed()]

    def listed(self) -> list[tuple[str, Function]]:
        """Return full name and function of all that is exposed, aggregates last.

        A route without a name is called by method and path, such as `GET /ships`.
        """
        units = [
            (name, function)
            for exposes in self._spec.exposes
            for function in exposes.functions
            if (name := full_name(function, exposes))
        ]
        units += [(ref, function) for ref, (_, function) in self._aggregates.items()]
        return units

    def find(self, name: str) -> Plan:
        """Return a function by `adapter.function`, or by its name where that is clear.

        `docks.list-ships` is the function `list-ships` of the adapter `docks`. An
        aggregate function is found by `aggregate.function`, and a route by its method
        and path, too: `GET /ships/{imo}`.

        Raises:
            UnknownFunction: No function has that name, or several different ones have.
        """
        namespace, _, short = name.rpartition(".")
        namesakes = []
        for exposes in self._spec.exposes:
            for function in exposes.functions:
                known_as = name_of(function)
                if known_as == short and exposes.namespace == namespace:
                    return self.plan(function, exposes)
                if name in (known_as, route_of(function)):
                    namesakes.append((function, exposes))
        # Units that do the same are one function, whatever adapter exposes them.
        first = namesakes[0][0] if namesakes else None
        if first and all(does_the_same(first, other) for other, _ in namesakes[1:]):
            return self.plan(*namesakes[0])
        refs = [ref for ref in self._aggregates if ref.endswith(f".{name}")]
        if name in self._aggregates or (len(refs) == 1 and not namesakes):
            return self._aggregate(name if name in self._aggregates else refs[0])
        candidates = [full_name(*unit) for unit in namesakes] or refs
        raise unknown_function(name, self.names(), candidates)

    def operations_of(self, plan: Plan) -> list[Operation]:
        """Return the operations that a function calls, directly or by a reference."""
        inner = self.operations_of(plan.inner) if plan.inner is not None else []
        calls = (plan.function.call, *(step.call for step in plan.function.steps))
        called = [self._operations.resolve(call) for call in calls if call]
        return [operation for operation in called if operation is not None] + inner

    def variables_of(self, plan: Plan) -> set[str]:
        """Return the bind variables that a function uses.

        They are those of the operations that it calls, and those in its `with` values.
        """
        used: set[str] = set()
        for operation in self.operations_of(plan):
            used |= {*operation.layout.variables, *operation.base_names}
        at: Plan | None = plan
        while at is not None:
            function = at.function
            injector = self._injector(function, "")
            for with_ in (function.with_, *(step.with_ for step in function.steps)):
                injector.compile(with_)
            used |= injector.variables
            at = at.inner
        return used

    # --- compiling --------------------------------------------------------------------

    def _compile(
        self, function: Function, namespace: str, exposes: Exposes | None
    ) -> Plan:
        try:
            if function.ref:
                return self._compile_ref(function, namespace, exposes)
            if function.call:
                return self._compile_simple(function, namespace, exposes)
            if function.steps:
                return self._compile_steps(function, namespace, exposes)
            if function.is_mock:
                return self._compile_mock(function, exposes)
            raise UnresolvedCall(
                f"the {function.kind} '{shorten(function.name)}' calls nothing",
                code=rules.UNIT_WITHOUT_CALL.code,
                hint="add `call: namespace.operation`",
            )
        except (CallError, TemplateError) as error:
            problem = error if isinstance(error, CallError) else CallError(str(error))
            arguments = arguments_of(function, ())
            return Plan(function, exposes, arguments, None, problem=problem)

    def _resolve(self, call: str) -> Operation:
        operation = self._operations.resolve(call)
        if operation is None:
            explained = self._operations.explain(call)
            many = explained.code == rules.OPERATION_AMBIGUOUS.code
            found = "several operations" if many else "no operation"
            raise UnresolvedCall(
                f"'{shorten(call)}' names {found}",
                code=explained.code or rules.CALL_UNRESOLVED.code,
                hint=explained.hint,
            )
        return operation

    def _injector(
        self,
        function: Function,
        namespace: str,
        steps: Collection[str] | None = None,
        given: Iterable[str] = (),
    ) -> Injector:
        declared = frozenset(p.name for p in function.inputs)
        placeholders = placeholders_of(function.url_path or function.uri)
        known = dict.fromkeys((*placeholders, *given))
        return Injector(namespace, self._scope, declared, steps, known)

    def _compile_simple(
        self, function: Function, namespace: str, exposes: Exposes | None
    ) -> Plan:
        operation = self._resolve(function.call)
        mapped = {
            target_of(p.mapping)[1] or p.name: p.name
            for p in function.inputs
            if p.mapping
        }
        injector = self._injector(function, namespace)
        decoder = self._decoders[operation]
        target = Target(operation, decoder, function.with_ or {}, injector, mapped)
        feed = Feed(operation, target.sources)
        arguments = arguments_of(function, (feed,), sources=injector.names)
        check_offered(function, operation, {p.name for p in arguments}, target.sources)
        shape = compile_shape(function.outputs)
        progressive = function.kind != "tool"
        rewriter = cache(lambda: rewriter_of(members_of(function.outputs)))

        def run(values: Values, look: Lookup) -> Run:
            if shape.is_declared:
                target.decoder.check()
            call = target.call(values, look, progressive=progressive)
            (reply,) = yield (call,)
            if is_large(decoder, reply.response):
                return (yield from read_apart(decoder, reply, shape, function.outputs))
            checked(decoder, reply, shape=shape)
            if look.takes_json and (rewrite := rewriter()) is not None:
                outcome = rewritten(decoder, reply, rewrite)
                if outcome is not None:
                    return outcome
            return simple_outcome(decoder, reply, shape)

        return Plan(function, exposes, arguments, run, operation=operation, shape=shape)

    def _compile_mock(self, function: Function, exposes: Exposes | None) -> Plan:
        mock = compile_mock(function.outputs, self._scope)

        def run(values: Values, look: Lookup) -> Run:
            def value_of(ref: Ref) -> JSON:
                if ref.is_variable:
                    return look(ref.name)
                value = value_at(values, ref.name)
                return "" if value is ABSENT else value

            return Outcome(mock.build(value_of))
            yield ()  # never reached; it makes `run` a generator, as every run is

        return Plan(function, exposes, arguments_of(function, ()), run)

    def _aggregate(self, ref: str) -> Plan:
        if ref not in self._aggregates:
            hint = did_you_mean(ref, self._aggregates)
            raise UnresolvedCall(
                f"no aggregate function is called '{shorten(ref)}'",
                code=rules.CALL_UNRESOLVED.code,
                hint=hint or f"declared: {names_of(self._aggregates)}",
            )
        if ref in self._ambiguous:
            raise UnresolvedCall(
                f"several aggregate functions are called '{shorten(ref)}'",
                code=rules.OPERATION_AMBIGUOUS.code,
                hint="rename one of them",
            )
        if ref not in self._aggregate_plans:
            namespace, function = self._aggregates[ref]
            self._aggregate_plans[ref] = self._compile(function, namespace, None)
        return self._aggregate_plans[ref]

    def _compile_ref(
        self, function: Function, namespace: str, exposes: Exposes | None
    ) -> Plan:
        inner = self._aggregate(function.ref)
        if inner.problem is not None:
            raise inner.problem
        injector = self._injector(function, namespace)
        nodes = injector.entries(function.with_)
        given = function.with_ or {}
        # Declared inputs stand for all of them.
        inherited = () if function.inputs else inner.arguments
        arguments = arguments_of(
            function,
            (),
            sources=injector.names,
            inherited=[p for p in inherited if p.name not in given],
        )
        required = {p.name for p in inner.arguments if p.required}
        lacking = sorted(required - given.keys() - {p.name for p in arguments})
        if function.inputs and lacking:
            raise not_offered(function, lacking, function.ref)
        # The inputs of a route have no key `required`; those of the function do.
        arguments = tuple(
            p._replace(
                required=p.required or (p.name in required and not p.is_optional)
            )
            for p in arguments
        )
        own = compile_shape(function.outputs)
        function = function._replace(
            name=function.name or inner.function.name,
            description=function.description or inner.function.description,
        )

        def run(values: Values, look: Lookup) -> Run:
            seen = dict(values)
            inject(nodes, seen, look)
            outcome = yield from inner.run(seen, look, takes_json=look.takes_json)
            if outcome.is_shaped or not own.is_declared:
                return outcome
            value = outcome.value
            if inner.operation is None or outcome.reply is None:
                value = own.apply(value)
            else:
                value = shaped(inner.operation, outcome.reply.response, own, value)
            if value is None:
                return outcome
            return Outcome(value, reply=outcome.reply, status=outcome.status)

        return Plan(
            function, exposes, arguments, run, operation=inner.operation, inner=inner,
            shape=own if own.is_declared else inner.shape, stages=inner.stages,
        )  # fmt: skip

    # --- steps ------------------------------------------------------------------------

    def _compile_steps(
        self, function: Function, namespace: str, exposes: Exposes | None
    ) -> Plan:
        calls = () if function.inputs else [step.call for step in function.steps]
        long = self._operations.long_names(calls)
        injector = self._injector(function, namespace, (), long)
        nodes = injector.entries(function.with_)
        injector.check()
        given = function.with_ or {}
        steps: list[AnyStep] = []
        feeds: list[Feed] = []
        order: dict[str, int] = {}
        earlier = Earlier(order)
        names = dict(injector.names)
        base = self._injector(function, namespace, (), [*given, *long])
        for number, step in enumerate(function.steps):
            name = step.name or f"step-{number + 1}"
            earlier = Earlier(order)
            injector = base.for_step(earlier)
            compiled = self._compile_step(step, name, injector)
            needed = compiled.refers
            if isinstance(compiled, CallStep):
                feed = compiled.target.feed(earlier)
                feeds.append(feed)
                needed = (*compiled.target.named, *_open_parameters(feed, function))
            # Outputs of earlier steps are no arguments of the unit.
            names |= dict.fromkeys(n for n in needed if not is_step(n, earlier))
            steps.append(compiled)
            order.setdefault(name, len(order))
        earlier = Earlier(order)
        arguments = arguments_of(
            function, feeds, sources=[n for n in names if n not in given]
        )
        offered = {*given, *earlier, *(p.name for p in arguments)}
        for compiled in steps:
            if isinstance(compiled, CallStep):
                target = compiled.target
                check_offered(function, target.operation, offered, target.sources)
        shape = compile_shape(function.outputs)
        groups = list(stages(steps))
        mappings = [(m.target_name, step_path(m.value)) for m in function.mappings]

        def run(values: Values, look: Lookup) -> Run:
            state = State(dict(values), earlier)
            inject(nodes, state.values, look)
            for group in groups:
                replies = yield tuple(asked(step, state, look) for step in group)
                yield from keep(group, replies, state)
            return (yield from state.ended(mappings, shape, function.outputs))

        count = len(groups)
        return Plan(function, exposes, arguments, run, shape=shape, stages=count)

    def _compile_step(self, step: Step, name: str, injector: Injector) -> AnyStep:
        if step.type == "call" and not step.call:
            raise UnresolvedCall(
                f"the step '{shorten(name)}' calls nothing",
                code=rules.CALL_UNRESOLVED.code,
                hint="add `call: namespace.operation`",
            )
        if step.type == "call":
            operation = self._resolve(step.call)
            decoder = self._decoders[operation]
            target = Target(operation, decoder, step.with_, injector, {})
            injector.check(name)
            return CallStep(name, target)
        if step.type == "lookup":
            return LookupStep(name, step, injector)
        if step.type == "script":
            nodes = injector.entries(step.with_)
            injector.check(name)
            script = self.scripting.prepare(step.script, step=name)
            return ScriptStep(name, script, nodes, tuple(injector.names))
        raise CallError(
            f"step '{name}' has the unknown type '{shorten(step.type)}'",
            code=rules.STEP_TYPE.code,
            hint="a step is a call, a lookup or a script",
        )


def _open_parameters(feed: Feed, function: Function) -> Iterator[str]:
    """Yield the parameters of a step's operation that are arguments of the unit.

    A unit that declares inputs has no others.
    """
    if function.inputs:
        return
    for parameter in feed.operation.parameters:
        if parameter.name not in feed.sources:
            yield parameter.name
