"""The consumed operations of a document, checked and addressed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import names_of
from naftiko.expressions import Ref, Scope, TemplateError, is_upper, parse_base_uri

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.document.findings import Finding, Findings
    from naftiko.plain import DocumentPath
    from naftiko.spec.model import CapabilitySpec


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
        found.add(rules.TEMPLATE, path, str(error), "write `{{NAME}}`")
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
            rules.BASE_URI_TEMPLATED,
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


def by_owner(
    findings: Iterable[Finding], spec: CapabilitySpec
) -> dict[DocumentPath, list[Finding]]:
    """Return the findings that make a part of the document unusable, by that part.

    A part is an adapter, a resource or an operation. A finding belongs to the smallest
    one around its place.

    Returns:
        Place of the part → its findings, in the order in which they were noted.
    """
    spoiling = [finding for finding in findings if finding.spoils_unit]
    if not spoiling:
        return {}
    parts = {consumes.path for consumes in spec.consumes}
    for operation in spec.operations:
        parts |= {operation.path, operation.path[:-2]}
    owners: dict[DocumentPath, list[Finding]] = defaultdict(list)
    for finding in spoiling:
        path = finding.path
        around = (path[:length] for length in range(len(path), 0, -1))
        part = next((place for place in around if place in parts), None)
        if part is not None:
            owners[part].append(finding)
    return owners
