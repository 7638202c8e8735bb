"""Steps of one name, lookups that find nothing, and mappings that fit nothing.

steps: [{type: call, name: ships, …}], mappings: [{targetName: n, value: $.ship.n}]
→  W-step-reference: did you mean 'ships'?

The placeholders of steps are checked where links are resolved, in `linking/inputs.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import did_you_mean, names_of, shorten
from naftiko.plain import mappings_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON, DocumentPath

#: The keys by which an output gets its value without a mapping of steps.
_OWN = frozenset(("mapping", "value", "const", "properties", "items"))
#: Type of a step → the keys that only steps of another type have.
_OTHERS = {
    "call": ("index", "match", "lookupValue"),
    "lookup": ("call", "with"),
}
_OF_LOOKUP = ("match", "lookupValue")
#: The beginning of a step path: `$.ships.imo` → `ships`.
_STEP = re.compile(r"\$\.([^\s.$\[\]{}*?()]+)")


def note_steps(placed: Placed, findings: Findings) -> None:
    """Note the steps and mappings of one unit that fit nothing."""
    data = placed.data
    steps = data.get("steps")
    if not isinstance(steps, list):
        return
    earlier: list[str] = []
    for at, step in mappings_of(steps, (*placed.path, "steps")):
        if step.get("type") == "lookup":
            for key in _OF_LOOKUP:
                if step.get(key) is None:
                    findings.add(
                        rules.STEP_INCOMPLETE,
                        at,
                        f"the lookup '{shorten(text_of(step.get('name')))}' has no"
                        f" `{key}`, so it finds nothing",
                        f"add `{key}:`",
                    )
        for key in _OTHERS.get(text_of(step.get("type")), ()):
            if step.get(key) is not None:
                findings.add(
                    rules.KEY_MISPLACED,
                    (*at, key),
                    f"the key '{key}' does nothing in a step of type"
                    f" '{step.get('type')}'",
                    "remove it, or make it a step of its own",
                    at_key=True,
                )
        _note_paths(step.get("with"), (*at, "with"), earlier, findings)
        if name := text_of(step.get("name")):
            if name in earlier:
                findings.add(
                    rules.STEP_REFERENCE,
                    (*at, "name"),
                    f"an earlier step is called '{shorten(name)}', too",
                    "give each step a name of its own",
                )
            earlier.append(name)
    _note_mappings(placed, earlier, findings)


def _note_paths(
    value: JSON, at: DocumentPath, earlier: list[str], findings: Findings
) -> None:
    """Note step paths in `with`, where only references are filled (spec 3.5)."""
    for path, text in _texts(value, at):
        found = _STEP.match(text)
        if found and found[1] in earlier:
            findings.add(
                rules.STEP_REFERENCE,
                path,
                f"'{shorten(text)}' is sent as a text: a step path stands in `mappings`"
                " and `lookupValue` only",
                f"write `{{{{{shorten(text.removeprefix('$.'))}}}}}`",
            )


def _texts(value: JSON, at: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _texts(entry, (*at, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, (*at, index))


def _note_mappings(placed: Placed, steps: list[str], findings: Findings) -> None:
    data = placed.data
    outputs = [
        text_of(entry.get("name"))
        for _, entry in mappings_of(data.get("outputParameters"), ())
    ]
    mappings = [*mappings_of(data.get("mappings"), (*placed.path, "mappings"))]
    are_known = True
    for at, entry in mappings:
        step = _STEP.match(text_of(entry.get("value")))
        if step and step[1] not in steps:
            findings.add(
                rules.STEP_REFERENCE,
                (*at, "value"),
                f"'{shorten(step[0])}' names no step",
                did_you_mean(step[1], steps) or f"the steps are: {names_of(steps)}",
            )
        target = text_of(entry.get("targetName"))
        # `ship.name` is the member `name` of the output `ship`.
        known = target in outputs or target.partition(".")[0] in outputs
        if target and any(outputs) and not known:
            are_known = False
            findings.add(
                rules.MAPPING_TARGET,
                (*at, "targetName"),
                f"the unit has no output '{shorten(target)}'",
                did_you_mean(target.partition(".")[0], outputs)
                or f"it has: {names_of(outputs)}",
            )
    if are_known:
        _note_unfilled(placed, mappings, findings)


def _note_unfilled(
    placed: Placed,
    mappings: list[tuple[DocumentPath, Mapping[str, JSON]]],
    findings: Findings,
) -> None:
    """Note each output that no mapping fills, and that has no value of its own."""
    targets = {text_of(e.get("targetName")).partition(".")[0] for _, e in mappings}
    at = (*placed.path, "outputParameters")
    for where, entry in mappings_of(placed.data.get("outputParameters"), at):
        name = text_of(entry.get("name"))
        if mappings and name and name not in targets and _OWN.isdisjoint(entry):
            findings.add(
                rules.MAPPING_TARGET,
                (*where, "name"),
                f"no mapping fills the output '{shorten(name)}', which stays empty",
                f"add `{{targetName: {name}, value: $.<step>.<field>}}` to `mappings`",
            )
