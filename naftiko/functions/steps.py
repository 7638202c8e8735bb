"""The steps of an orchestrated function: calls, lookups and scripts (spec 3.5).

    step                                      output
    ----------------------------------------  -----------------------------------------
    {type: call, name: crew, call: api.crew}  the outputs of the operation
    {type: lookup, name: cook, index: crew,   the first object in the output of `crew`
      match: role, lookupValue: cook,          whose `role` is `cook`, as {name: …}
      outputParameters: [name]}
    {type: script, name: sum, file: sum.js}   the `result` of the script

Later steps refer to an output by the name of its step. Steps are compiled once. In a
run each asks for its work (`ask`) and keeps its output (`keep`). Calls that change
nothing upstream and refer to nothing of each other form one stage, and may be made at
the same time. This module must not know what a function is exposed as.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from naftiko.document import rules
from naftiko.errors import CallError, OutputError, shorten
from naftiko.expressions import ABSENT, STEP_PATH_HINT, is_step_path, to_text
from naftiko.functions.injection import inject
from naftiko.functions.outcomes import checked, is_large, read_apart, simple_outcome
from naftiko.functions.runs import Outcome, Reading, Work, in_step
from naftiko.functions.values import is_step, nothing_in_step, value_at
from naftiko.http import SAFE_METHODS
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from naftiko.consumes.exchange import Decoder, Received
    from naftiko.functions.injection import Injector, Node, Nodes, Target
    from naftiko.functions.runs import Call, Lookup, Reply, Run, Values
    from naftiko.functions.scripting.scripts import Script
    from naftiko.functions.shapes import Shape
    from naftiko.plain import JSON
    from naftiko.spec.model import Step

AnyStep: TypeAlias = "CallStep | LookupStep | ScriptStep"


class StepPath(NamedTuple):
    """A path into the results of steps: step → output, and from these one value.

    Attributes:
        name: The step and the names below it, with dots between them.
    """

    name: str

    def __call__(self, outputs: Mapping[str, JSON]) -> JSON:
        """Return the value, or `ABSENT`."""
        return value_at(outputs, self.name)


def step_path(text: str) -> StepPath:
    """Return the path of `$.step` or `$.step.field`, plain names only (spec 3.5).

    `step_path("$.crew.name")` turns `{"crew": {"name": "Bo"}}` into `"Bo"`.

    Raises:
        CallError: The text is anything else.
    """
    path = text.strip()
    if not is_step_path(path):
        raise CallError(
            f"'{shorten(text)}' is not a step path",
            code=rules.STEP_PATH.code,
            hint=STEP_PATH_HINT,
        )
    return StepPath(path.removeprefix("$."))


class Earlier(Collection[str]):
    """The steps of a unit that are known so far, though more of them come later.

    Args:
        order: Step → its number; it may grow.
    """

    __slots__ = ("_count", "_order")

    def __init__(self, order: Mapping[str, int]) -> None:
        self._order = order
        self._count = len(order)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (
            self._order.get(name, self._count) < self._count
        )

    def __iter__(self) -> Iterator[str]:
        return islice(self._order, self._count)

    def __len__(self) -> int:
        return self._count


class State:
    """The values and outputs of a run of steps so far.

    Attributes:
        values: Name → value for templates and `with`: arguments, and outputs of steps.
        outputs: Step → its output; a step without one is not there.
        last: The last call in the order of the document, or `None`.
        steps: The names of all steps.
        warnings: Why responses are not what the document declares.
        is_large: One of the outputs is that of a large reply.
    """

    def __init__(self, values: Values, steps: Collection[str] = ()) -> None:
        self.steps = steps
        self.values = values
        self.outputs: Values = {}
        self.last: tuple[Decoder, Reply] | None = None
        self.warnings: tuple[str, ...] = ()
        self.is_large = False

    def keep(self, name: str, value: JSON) -> None:
        """Keep the output of a step."""
        self.outputs[name] = value
        self.values[name] = value

    def outcome(
        self, mappings: Sequence[tuple[str, StepPath]], shape: Shape
    ) -> Outcome:
        """Return the result of the mappings, or else that of the last call.

        A function of lookups and scripts only, without mappings, gives the output of
        its last step.

        Args:
            mappings: Target, and the path of its value.
            shape: How the response of the last call becomes the value.
        """
        mapped = self._mapped(mappings)
        if mapped is not None or self.last is None:
            return mapped or self._last_output()
        return self._with_warnings(simple_outcome(*self.last, shape))

    def ended(
        self, mappings: Sequence[tuple[str, StepPath]], shape: Shape, outputs: JSON
    ) -> Run:
        """Do the same; a large reply of the last call is read as work.

        Args:
            mappings: See `outcome`.
            shape: See `outcome`.
            outputs: The `outputParameters` that the shape was compiled from.
        """
        if self.last is None or not is_large(self.last[0], self.last[1].response):
            return self.outcome(mappings, shape)
        mapped = self._mapped(mappings)
        if mapped is not None:
            return mapped
        return self._with_warnings((yield from read_apart(*self.last, shape, outputs)))

    def _mapped(self, mappings: Sequence[tuple[str, StepPath]]) -> Outcome | None:
        """Return the result of the mappings, if they find anything."""
        result: dict[str, JSON] = {}
        for target, path in mappings:
            value = path(self.outputs)
            if value is not ABSENT:
                _put(result, target, value)
            elif is_step(path.name, self.outputs) or not is_step(path.name, self.steps):
                # A step without an output, such as a lookup without a match, is none
                # of these: its mapping is skipped (spec 3.5).
                self._warn(target, path.name)
        if not result:
            return None
        reply = self.last[1] if self.last else None
        outcome = Outcome(result, reply=reply, warnings=self.warnings)
        outcome.is_large = self.is_large
        return outcome

    def _last_output(self) -> Outcome:
        value = next(reversed(self.outputs.values()), None)
        return Outcome(value, warnings=self.warnings)

    def _with_warnings(self, outcome: Outcome) -> Outcome:
        # The last response was looked at by its step, too.
        outcome.warnings = tuple(dict.fromkeys((*self.warnings, *outcome.warnings)))
        return outcome

    def _warn(self, target: str, name: str) -> None:
        """Note a mapping that finds nothing, so that its target is left out."""
        error = nothing_in_step(name, self.steps, self.outputs, written=f"$.{name}")
        hint = f" ({error.hint})" if error.hint else ""
        said = f"'{shorten(target)}' is left out: {error.message}{hint}"
        self.warnings = (*self.warnings, said)


def _put(result: dict[str, JSON], target: str, value: JSON) -> None:
    """Put a value at `a.b`, making the objects on the way."""
    *groups, last = target.split(".")
    for group in groups:
        inner = result.get(group)
        if not isinstance(inner, dict):
            inner = result[group] = {}
        result = inner
    result[last] = value


class CallStep:
    """A step that makes one upstream call.

    Attributes:
        refers: Names that its arguments refer to, other steps included.
        target: The operation, and the values that feed it.
    """

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self.refers = (*target.named, *target.passed)
        self.target = target

    def ask(self, state: State, look: Lookup) -> Call:
        """Return the call that it makes.

        Raises:
            OutputError: Its response could not be decoded; nothing is sent then.
        """
        self.target.decoder.check()
        return self.target.call(state.values, look, step=self.name)

    def read(self, reply: Reply) -> Received:
        """Return the output of its call, as the operation declares it (spec 2.9).

        Raises:
            StatusError: The response has a status outside 200 to 299.
            OutputError: The body is not in its declared format.
        """
        decoder = self.target.decoder
        checked(decoder, reply, step=self.name)
        try:
            return decoder.projected(reply)
        except OutputError as error:
            raise in_step(error, self.name) from None

    def is_large(self, reply: Reply) -> bool:
        """Tell whether reading a reply takes long."""
        return is_large(self.target.decoder, reply.response)

    def reading(self, reply: Reply) -> Work:
        """Return the reading of a large reply."""
        decoder = self.target.decoder
        reading = Reading(decoder, reply, step=self.name)
        return Work(partial(self.read, reply), kind="reading", reading=reading)

    def keep(
        self, state: State, reply: Reply, received: Received | None = None
    ) -> None:
        """Keep the output of its call; see `read`.

        Args:
            state: Where it is kept.
            reply: The reply.
            received: What `read` returned for it, if it was asked already.
        """
        decoder = self.target.decoder
        if received is None:
            if not reply.response.body:
                checked(decoder, reply, step=self.name)
                state.last = (decoder, reply)
                return
            received = self.read(reply)
        state.last = (decoder, reply)
        if received.warning:
            state.warnings += (received.warning,)
        state.keep(self.name, received.value)


class LookupStep:
    """A step that finds one object, or several, in the output of an earlier step.

    Attributes:
        refers: The earlier step, and the names that the wanted value refers to.
    """

    def __init__(self, name: str, step: Step, injector: Injector) -> None:
        """Compile a lookup.

        Args:
            name: The name of the step.
            step: The step; its `lookup_value` is `$.step.field`, a template, or a
                reference such as `tools.id`.
            injector: Compiles templates and references, and knows the earlier steps.

        Raises:
            CallError: `lookup_value` starts with `$.` and is no step path, or it names
                no earlier step.
        """
        self.name = name
        self._step = step
        self._is_known = step.index in injector.steps
        self.refers: tuple[str, ...]
        if step.lookup_value.startswith("$."):
            step_path(step.lookup_value)
            self._wanted: Node = _node_of(step.lookup_value, injector.steps, name)
            self._is_path = True
            self.refers = (step.index, step.lookup_value.removeprefix("$."))
        else:
            self._wanted = injector.compile(step.lookup_value)
            injector.check(name)
            self._is_path = False
            self.refers = (step.index, *injector.names)

    def ask(self, state: State, look: Lookup) -> Work:
        """Return the search, which takes no time worth waiting for."""
        seen = state.outputs if self._is_path else state.values
        wanted = self._wanted(seen, look)
        return Work(
            lambda: self._search(state, wanted),
            self.name,
            kind="lookup",
            about={
                "naftiko.step.index": self._step.index,
                "naftiko.step.match": self._step.match,
            },
        )

    def keep(self, state: State, value: JSON) -> None:
        """Keep the objects that were found, if any."""
        if value is not ABSENT:
            state.keep(self.name, value)

    def _search(self, state: State, wanted: JSON) -> JSON:
        index = self._step.index
        if index not in state.outputs:
            message = (
                f"the step '{shorten(index)}' gave nothing to look in"
                if self._is_known
                else f"Lookup step references non-existent step: {index}"
            )
            raise in_step(CallError(message), self.name)
        output = state.outputs[index]
        items = output if isinstance(output, list) else [output]
        objects = [item for item in items if isinstance(item, dict)]
        if isinstance(wanted, list):
            each = [self._first_match(objects, one) for one in wanted]
            return [match for match in each if match is not ABSENT] or ABSENT
        return self._first_match(objects, wanted)

    def _first_match(self, objects: list[dict[str, JSON]], wanted: JSON) -> JSON:
        """Return the listed fields of the first object that matches as text."""
        if wanted is ABSENT or wanted is None:
            return ABSENT
        text = self._text(wanted)
        for item in objects:
            field = item.get(self._step.match)
            if field is not None and self._text(field) == text:
                return {name: item.get(name) for name in self._step.fields}
        return ABSENT

    def _text(self, value: JSON) -> str:
        try:
            return to_text(value)
        except (TypeError, ValueError) as error:
            message = f"a value of '{self._step.match}' cannot be compared: {error}"
            raise in_step(CallError(message), self.name) from None


def _node_of(path: str, earlier: Collection[str], step: str) -> Node:
    """Return a function for the value at a step path, which must be there."""
    name = path.strip().removeprefix("$.")
    if not is_step(name, earlier):
        raise in_step(nothing_in_step(name, earlier, {}, written=path), step)

    def at_path(outputs: Values, look: Lookup) -> JSON:
        value = value_at(outputs, name)
        if value is ABSENT:
            raise nothing_in_step(name, earlier, outputs, written=path)
        return value

    return at_path


class ScriptStep:
    """A step that runs a script over the values and outputs so far (spec 8.5).

    Attributes:
        refers: Names that its `with` refers to.
    """

    def __init__(
        self, name: str, script: Script, nodes: Nodes, refers: tuple[str, ...]
    ) -> None:
        self.name = name
        self.script = script
        self.nodes = nodes
        self.refers = refers

    def ask(self, state: State, look: Lookup) -> Work:
        """Return the execution, which may take as long as the script is allowed to."""
        context = {**state.values, **state.outputs}
        inject(self.nodes, context, look)
        return Work(
            lambda: self.script.run(context),
            self.name,
            lambda aside: self.script.run_async(context, aside),
            kind="script",
            about=self.script.about,
        )

    def keep(self, state: State, value: JSON) -> None:
        """Keep its `result`, if it set one."""
        if value is not ABSENT:
            state.keep(self.name, value)


def asked(step: AnyStep, state: State, look: Lookup) -> Call | Work:
    """Return the work of a step; an error names the step.

    Raises:
        CallError: A placeholder finds nothing, or the response could not be decoded.
    """
    try:
        return step.ask(state, look)
    except CallError as error:
        raise in_step(error, step.name) from None


def keep(
    group: Sequence[AnyStep], replies: Sequence[Any], state: State
) -> Generator[tuple[Work, ...], Sequence[Any], None]:
    """Keep the outputs of one stage; large replies are read as work that it asks for.

    Args:
        group: The steps.
        replies: The reply of each call, and the result of each other work.
        state: Where they are kept.
    """
    pairs = list(zip(group, replies, strict=True))
    large = [
        (step, reply)
        for step, reply in pairs
        if isinstance(step, CallStep) and step.is_large(reply)
    ]
    if not large:
        for step, reply in pairs:
            # Calls keep replies, and the others the results of their work.
            step.keep(state, reply)
        return
    state.is_large = True
    results = yield tuple(step.reading(reply) for step, reply in large)
    read = dict(zip((step.name for step, _ in large), results, strict=True))
    for step, reply in pairs:
        if isinstance(step, CallStep):
            step.keep(state, reply, read.get(step.name))
        else:
            step.keep(state, reply)


def stages(steps: Sequence[AnyStep]) -> Iterator[tuple[AnyStep, ...]]:
    """Yield the steps in groups that may run at the same time.

    Two reads, a read that needs the first one, and a change are three groups. Only
    calls of safe methods (RFC 9110, 9.2.1) share a group: the order of changes is part
    of what a document says.
    """
    group: list[AnyStep] = []
    for step in steps:
        names = {other.name for other in group}
        alone = not _is_safe_call(step) or any(
            is_step(name, names) for name in step.refers
        )
        if group and (alone or not _is_safe_call(group[-1])):
            yield tuple(group)
            group = []
        group.append(step)
    if group:
        yield tuple(group)


def _is_safe_call(step: AnyStep) -> bool:
    return isinstance(step, CallStep) and step.target.operation.method in SAFE_METHODS
