"""The consumed operations of a document, checked and addressed."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from naftiko.errors import names_of
from naftiko.expressions import Ref, Scope, TemplateError, is_upper, parse_base_uri

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.errors import Problem
    from naftiko.plain import DocumentPath
    from naftiko.spec.model import CapabilitySpec

_OWNER = re.compile(
    r"((?:/capability)?/consumes/\d+)(/resources/\d+(?:/operations/\d+)?)?(/.*)?$"
)


def note_templates(
    text: str, scope: Scope, at: DocumentPath, found: Findings
) -> list[str]:
    """Note references in a base URI that are not plain `{{BOUND}}` variables.

    Returns:
        The variables that it uses.
    """
    path = (*at, "baseUri")
    try:
        template = parse_base_uri(text, scope)
    except TemplateError as error:
        found.add("U-template", path, str(error), "write `{{NAME}}`")
        return []
    used: list[str] = []
    odd: list[Ref] = []
    for ref in (part for part in template if isinstance(part, Ref)):
        variable = _bound(ref.name, scope)
        if ref.written.startswith("{{") and (ref.is_variable or is_upper(ref.name)):
            used.append(ref.name)
            continue
        used += [variable] if variable else []
        odd.append(ref)
    if odd:
        bound = [f"'{{{{{v}}}}}'" for ref in odd if (v := _bound(ref.name, scope))]
        names = list(dict.fromkeys(ref.written for ref in odd))
        found.add(
            "W-base-uri-templated",
            path,
            f"{names_of(names)} in the base URI need{'s' * (len(names) == 1)} a value"
            " for every call",
            f"write {names_of(dict.fromkeys(bound))}"
            if len(bound) == len(odd)
            else f"bind variables and write `{{{{NAME}}}}`, or give"
            f" variables={{'{odd[0].name}': …}}",
        )
    return used


def _bound(name: str, scope: Scope) -> str:
    """Return the bound variable that a name in a base URI stands for, if any."""
    upper = name.upper().replace("-", "_")  # as `Variables.find` looks it up
    for known in (name, upper):
        if known in scope.variables:
            return known
    ends = [known for known in scope.variables if known.endswith(f"_{upper}")]
    return ends[0] if len(ends) == 1 else ""


def addresses_of(
    spec: CapabilitySpec,
) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return the ref of every operation, and the names that several share."""
    short = [f"{op.consumes.namespace}.{op.name}" for op in spec.operations]
    counts: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(short):
        counts[name].append(number)
    addresses = list(short)
    ambiguous = {}
    for name, numbers in counts.items():
        if len(numbers) == 1:
            continue
        longer = []
        for number in numbers:
            op = spec.operations[number]
            longer.append(f"{op.consumes.namespace}.{op.resource}.{op.name}")
        for order, (number, long) in enumerate(zip(numbers, longer, strict=True), 1):
            # Resources of one name leave only the order to tell them apart.
            alone = spec.operations[number].resource and longer.count(long) == 1
            addresses[number] = long if alone else f"{name}#{order}"
        ambiguous[name] = tuple(addresses[number] for number in numbers)
    return addresses, ambiguous


def by_owner(problems: list[Problem]) -> dict[str, list[Problem]]:
    """Return the unit errors that were noted so far, by what they make unusable.

    That is an adapter, a resource or an operation, named by its JSON Pointer.
    """
    owners: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        found = _OWNER.match(problem.path)
        if found and problem.code[0] == "U" and problem.severity == "error":
            adapter, rest, detail = found.groups()
            # What concerns an adapter as a whole is only that it has no base URI.
            if rest or detail or problem.code.startswith("U-base-uri"):
                owners[adapter + (rest or "")].append(problem)
    return owners
