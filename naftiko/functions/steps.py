"""The steps of an orchestrated function: calls, lookups, scripts, and their results.

Spec 3.5. Steps are compiled once; call steps that change nothing upstream and refer to
nothing of each other form one stage, whose calls may be made at the same time. This
module must not know what a function is exposed as.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from naftiko.document import rules
from naftiko.errors import CallError, OutputError, shorten
from naftiko.expressions import ABSENT, STEP_PATH_HINT, is_step_path, to_text
from naftiko.functions.injection import value_at
from naftiko.functions.runs import Outcome, Work, checked, in_step, simple_outcome
from naftiko.http import SAFE_METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from naftiko.consumes.exchange import Decoder
    from naftiko.functions.injection import Injector, Node, Target
    from naftiko.functions.runs import Call, Lookup, Reply, Values
    from naftiko.functions.scripts import Script
    from naftiko.functions.shapes import Shape
    from naftiko.plain import JSON

    #: Step name → output; gives a value, or `ABSENT`.
    StepPath = Callable[[Mapping[str, JSON]], JSON]

AnyStep: TypeAlias = "CallStep | LookupStep | ScriptStep"


def step_path(text: str) -> StepPath:
    """Return a function for `$.step` or `$.step.field`, plain names only (spec 3.5).

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
    name = path.removeprefix("$.")
    return lambda outputs: value_at(outputs, name)


class State:
    """What a run of steps knows so far.

    Attributes:
        values: What templates and `with` see: arguments, then outputs of steps.
        outputs: Step → what it gave; a step that gave nothing is not there.
        last: The last call in the order of the document, or `None`.
    """

    def __init__(self, values: Values) -> None:
        self.values = values
        self.outputs: Values = {}
        self.last: tuple[Decoder, Reply] | None = None

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
        """
        result: dict[str, JSON] = {}
        found = False
        for target, path in mappings:
            value = path(self.outputs)
            if value is not ABSENT:
                found = True
                _put(result, target, value)
        if found:
            return Outcome(result, reply=self.last[1] if self.last else None)
        if self.last is not None:
            return simple_outcome(*self.last, shape)
        return Outcome(next(reversed(self.outputs.values()), None))


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
    """

    def __init__(self, name: str, refers: set[str], target: Target) -> None:
        self.name = name
        self.refers = refers
        self.target = target

    def ask(self, state: State, look: Lookup) -> Call:
        """Return the call that it makes.

        Raises:
            OutputError: What it gives could not be kept.
        """
        try:
            self.target.decoder.check()
        except OutputError as error:
            raise in_step(error, self.name) from None
        return self.target.call(state.values, look, step=self.name)

    def keep(self, state: State, reply: Reply) -> None:
        """Keep what its call gave, as the operation declares its outputs (spec 2.9).

        Raises:
            StatusError: The response has a status outside 200 to 299.
            OutputError: The body is not what the document says it is.
        """
        decoder = self.target.decoder
        checked(decoder, reply, step=self.name)
        state.last = (decoder, reply)
        if reply.response.body:
            try:
                state.keep(self.name, decoder.projected(reply))
            except OutputError as error:
                raise in_step(error, self.name) from None


class LookupStep:
    """A step that finds one object, or several, in the output of an earlier step."""

    def __init__(
        self,
        name: str,
        index: str,
        match: str,
        value: Node | StepPath,
        fields: tuple[str, ...],
        *,
        refers: set[str],
        is_path: bool,
        is_known: bool,
    ) -> None:
        self.name = name
        self.index = index
        self.match = match
        self.value = value
        self.fields = fields
        self.refers = refers
        self.is_path = is_path
        self.is_known = is_known

    def ask(self, state: State, look: Lookup) -> Work:
        """Return the search; it needs nobody else."""
        find: Any = self.value
        value = find(state.outputs) if self.is_path else find(state.values, look)
        return Work(
            lambda: self._search(state, value),
            self.name,
            is_quick=True,
            kind="lookup",
            about={"naftiko.step.index": self.index, "naftiko.step.match": self.match},
        )

    def _search(self, state: State, value: JSON) -> JSON:
        if self.index not in state.outputs:
            message = (
                f"the step '{shorten(self.index)}' gave nothing to look in"
                if self.is_known
                else f"Lookup step references non-existent step: {self.index}"
            )
            raise in_step(CallError(message), self.name)
        found = state.outputs[self.index]
        candidates = found if isinstance(found, list) else [found]
        objects = [item for item in candidates if isinstance(item, dict)]
        if isinstance(value, list):
            each = [self._first(objects, item) for item in value]
            return [item for item in each if item is not ABSENT] or ABSENT
        return self._first(objects, value)

    def _first(self, objects: list[dict[str, JSON]], value: JSON) -> JSON:
        if value is ABSENT or value is None:
            return ABSENT
        wanted = to_text(value)
        for item in objects:
            field = item.get(self.match)
            if field is not None and to_text(field) == wanted:
                return {name: item.get(name) for name in self.fields}
        return ABSENT

    def keep(self, state: State, value: JSON) -> None:
        """Keep what was found; nothing when nothing was."""
        if value is not ABSENT:
            state.keep(self.name, value)


def lookup_step(
    name: str,
    index: str,
    match: str,
    lookup_value: str,
    fields: tuple[str, ...],
    injector: Injector,
    *,
    is_known: bool,
) -> LookupStep:
    """Compile a lookup: its value is `$.step.field`, a template or a reference.

    `is_known` tells whether `index` is an earlier step.
    """
    path: Node | StepPath
    if is_path := lookup_value.startswith("$."):
        path = step_path(lookup_value)
        refers = {index, lookup_value.removeprefix("$.")}
    else:
        path = injector.compile(lookup_value)
        refers = {index, *injector.names}
    return LookupStep(
        name,
        index,
        match,
        path,
        fields,
        refers=refers,
        is_path=is_path,
        is_known=is_known,
    )


class ScriptStep:
    """A step that runs a script over what is known so far (spec 8.5)."""

    def __init__(
        self, name: str, script: Script, nodes: list[tuple[str, Node]], refers: set[str]
    ) -> None:
        self.name = name
        self.script = script
        self.nodes = nodes
        self.refers = refers

    def ask(self, state: State, look: Lookup) -> Work:
        """Return the execution, which may take as long as the script is allowed."""
        context = {**state.values, **state.outputs}
        for name, node in self.nodes:
            value = node(context, look)
            if value is not ABSENT:
                context[name] = value
        return Work(
            lambda: self.script.run(context),
            self.name,
            kind="script",
            about=self.script.about,
        )

    def keep(self, state: State, value: JSON) -> None:
        """Keep its `result`; nothing when it set none."""
        if value is not ABSENT:
            state.keep(self.name, value)


def is_step(name: str, earlier: set[str]) -> bool:
    """Tell whether a name in a template means an earlier step, or a member of one."""
    return name in earlier or any(name.startswith(f"{step}.") for step in earlier)


def stages(steps: Sequence[AnyStep]) -> Iterator[tuple[AnyStep, ...]]:
    """Yield the steps in the groups that may run at the same time.

    Only calls of safe methods (RFC 9110, 9.2.1) share a stage: the order of changes is
    part of what a document says.
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
