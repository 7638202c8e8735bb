"""The declared inputs of an exposed unit, compared with what the unit calls.

    {inputParameters: [{name: n}], call: api.get}, GET /ships/{imo}
        →  the route offers nothing for `imo`; `n` goes nowhere

A unit that declares inputs offers these and no others (dialect 7.5). So an input that
is missing makes the unit unusable, and an input that nothing takes is lost. This module
must not know values or requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import is_misspelt, names_of, shorten
from naftiko.expressions import (
    TemplateError,
    is_known,
    is_part_of_any,
    is_step_path,
    parse,
    parts_of,
    refs,
    source_of,
)
from naftiko.linking.names import label_of, texts_of
from naftiko.linking.placeholders import placeholders_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from naftiko.consumes.operation import Operation
    from naftiko.consumes.registry import Registry
    from naftiko.document.findings import Findings
    from naftiko.expressions import Ref
    from naftiko.linking.names import DocumentNames
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.model import Function

#: How many characters of the texts of a unit are searched for names of its inputs.
_MOST_SEARCHED = 10_000_000


def note_inputs(
    function: Function,
    calls: Iterable[tuple[Operation, Mapping[str, JSON]]],
    names: DocumentNames,
    namespace: str,
) -> None:
    """Note what the declared inputs of a unit leave out, and which go nowhere.

    Args:
        function: The unit.
        calls: Each operation that it calls, with the `with` of that call.
        names: The names of the document, and where findings go.
        namespace: The namespace of the adapter or aggregate around the unit.
    """
    if not function.inputs:
        return
    calls = list(calls)
    if function.ref:
        _note_reference(function, names)
    if function.ref or not calls:
        return
    placeholders = set(placeholders_of(function))
    targets = {_target(p.mapping) or p.name for p in function.inputs}
    offered = {p.name for p in function.inputs} | targets | placeholders
    offered |= {step.name for step in function.steps} | set(function.with_ or ())
    for operation, with_ in calls:
        lacking = [n for n in operation.lacking(offered) if n not in with_]
        if lacking and not operation.findings:
            names.findings.add(
                rules.INPUT_MISSING,
                function.path,
                f"{label_of(function)} declares inputs, and none of them gives"
                f" {names_of(map(shorten, lacking))}, which '{operation.ref}' requires",
                "add it to `inputParameters`, or give it a value in `with`",
            )
    sources = {source_of(v, namespace) for v in (function.with_ or {}).values()}
    if sources <= {"", *offered}:
        # Otherwise a name in `with` is misspelled, which is noted there.
        _note_unused(function, calls, names, placeholders)


def _note_reference(function: Function, names: DocumentNames) -> None:
    """Note the inputs that an aggregate function requires and a unit does not offer."""
    inner = names.aggregates.get(function.ref)
    if inner is None:
        return
    offered = {p.name for p in function.inputs} | set(placeholders_of(function))
    offered |= set(function.with_ or ())
    lacking = [
        shorten(p.name)
        for p in inner.inputs
        if p.value is None and not p.is_optional and p.name not in offered
    ]
    if lacking:
        names.findings.add(
            rules.INPUT_MISSING,
            function.path,
            f"{label_of(function)} declares inputs, and none of them gives"
            f" {names_of(lacking)}, which '{shorten(function.ref)}' requires",
            "add it to `inputParameters`, or give it a value in `with`",
        )


def note_hints(function: Function, method: str, findings: Findings) -> None:
    """Note the hints of a tool that its operation contradicts, or that it lacks."""
    hints = function.hints
    if method == "DELETE" and hints.get("destructive") is not True:
        findings.add(
            rules.HINT,
            function.path,
            f"{label_of(function)} deletes without a hint",
            "add `hints: {destructive: true}`",
        )
    # A POST or PUT may only read: APIs search and look up so.
    if method in ("PATCH", "DELETE") and hints.get("readOnly") is True:
        findings.add(
            rules.HINT_WRONG,
            (*function.path, "hints", "readOnly"),
            f"{label_of(function)} says that it only reads, and calls a {method}",
            "write `readOnly: false`: clients run what only reads without asking",
        )


def note_steps(
    function: Function,
    registry: Registry,
    names: DocumentNames,
) -> None:
    """Note each placeholder of a step that names no earlier step and no input.

    A unit that declares no inputs may have any argument without dots in its name. The
    `with` of the unit itself is filled before its steps.

    Args:
        function: The unit.
        registry: The operations of the document.
        names: The names of the document, and where findings go.
    """
    if not function.steps:
        return
    label = label_of(function)
    inputs = [p.name for p in function.inputs]
    known = dict.fromkeys((*inputs, *placeholders_of(function)))
    if not inputs:
        long = registry.long_names(step.call for step in function.steps)
        known.update(dict.fromkeys(long))
    entries = [
        ((*function.path, "with", name), name, value)
        for name, value in (function.with_ or {}).items()
    ]
    for path, name, value in entries:
        _note_names(value, path, known, label, names, is_closed=bool(inputs))
        known[name] = None
    steps: dict[str, None] = {}
    for step in function.steps:
        # The inputs, the steps so far, and the entries of this `with` so far.
        own = [name for name in step.with_ if name not in known]
        for name, value in step.with_.items():
            path = (*step.path, "with", name)
            _note_names(value, path, known, label, names, is_closed=bool(inputs))
            known[name] = None
        for name in own:
            del known[name]
        path = (*step.path, "lookupValue")
        if is_step_path(wanted := step.lookup_value):
            if not is_part_of_any(wanted.strip()[2:], steps):
                _note_name(wanted, path, steps, label, names)
        else:
            _note_names(wanted, path, known, label, names, is_closed=bool(inputs))
        if step.call and (operation := registry.resolve(step.call)) is not None:
            told = {p.name for p in operation.parameters if not p.inferred}
            for name in sorted(operation.layout.takes - told - step.with_.keys()):
                head, *inner = map(str, parts_of(name))
                # The template of an operation may have arguments with dots: only a
                # step's name with a mistake in it means that step.
                is_meant = inner and is_misspelt(head, names.nearest(head, steps))
                if is_meant and not is_part_of_any(name, known):
                    place = (*step.path, "call")
                    _note_name(f"{{{{{name}}}}}", place, steps, label, names)
        if step.name:
            steps[step.name] = known[step.name] = None


def _note_names(
    value: JSON,
    path: DocumentPath,
    known: Collection[str],
    label: str,
    names: DocumentNames,
    *,
    is_closed: bool,
) -> None:
    """Note each placeholder in the texts of a value that names nothing known."""
    for place, text in texts_of(value, path):
        for ref in _arguments_in(text, names):
            # `tools.id` says that it is an argument: that one is inferred.
            if not ref.is_said_argument and not is_known(
                ref.name, known, is_closed=is_closed
            ):
                _note_name(ref.written, place, known, label, names)


def _note_name(
    written: str,
    path: DocumentPath,
    known: Collection[str],
    label: str,
    names: DocumentNames,
) -> None:
    head = str(parts_of(written.strip("{}& ").removeprefix("$."))[0])
    names.findings.add(
        rules.STEP_RESULT,
        path,
        f"'{shorten(written)}' in {label} names no earlier step and no input",
        names.suggest(head, known) or (f"known: {names_of(known)}" if known else ""),
    )


def _arguments_in(text: str, names: DocumentNames) -> list[Ref]:
    """Return the placeholders of a text that are no variables."""
    try:
        found = refs(parse(text, names.scope))
    except TemplateError:
        return []
    return [ref for ref in found if not ref.is_variable]


def _note_unused(
    function: Function,
    calls: list[tuple[Operation, Mapping[str, JSON]]],
    names: DocumentNames,
    placeholders: set[str],
) -> None:
    """Note each declared input that no call takes and no text refers to."""
    if any(step.type == "script" for step in function.steps):
        return  # a script sees every input
    taken = {*placeholders}
    for operation, _ in calls:
        taken |= operation.layout.takes | operation.base_names
    if all(parameter.name in taken for parameter in function.inputs):
        return  # as in most units, whose inputs are called as parameters are
    texts = [text for _, text in texts_of(dict(function.with_ or {}), ())]
    for step in function.steps:
        texts += [step.lookup_value, *(t for _, t in texts_of(dict(step.with_), ()))]
    said = _Said(texts)
    for parameter in function.inputs:
        name = parameter.name
        is_used = (
            name in taken or _target(parameter.mapping) in taken or said.holds(name)
        )
        if not is_used:
            called = names_of(sorted({f"'{op.ref}'" for op, _ in calls}))
            names.findings.add(
                rules.INPUT_UNUSED,
                parameter.path,
                f"the input '{shorten(name)}' of {label_of(function)} goes nowhere:"
                f" {called} takes"
                " no argument of that name",
                "name it in `with`, or describe the parameter or the body of the"
                " operation",
            )


class _Said:
    """The texts of a unit, in which the names of its inputs are looked for."""

    def __init__(self, texts: list[str]) -> None:
        self._text = "\n".join(texts)
        self._left = _MOST_SEARCHED

    def holds(self, name: str) -> bool:
        """Tell whether a name stands in a text, or whether that takes too long."""
        self._left -= len(self._text)
        return self._left < 0 or name in self._text


def _target(mapping: str) -> str:
    """Return the parameter that a `mapping` names: `$.path.id` → `id`."""
    return mapping.rpartition(".")[2]
