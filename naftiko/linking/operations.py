"""The consumed operations of a document, checked and addressed.

    records of adapters and operations   →  a `Registry`: ref → `Operation`

A finding about an operation is noted, and makes that operation alone refuse to run.
Dialect 4.1 and 5.3. This module must not know what a document exposes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

from naftiko.consumes.base_uri import compile_base_uri
from naftiko.consumes.layout import compile_layout
from naftiko.consumes.operation import Operation
from naftiko.consumes.registry import Registry
from naftiko.document import rules
from naftiko.document.findings import Mention
from naftiko.errors import OutputError, did_you_mean, names_of
from naftiko.expressions import Ref, Scope, TemplateError, is_upper, parse_base_uri
from naftiko.formats import decoding
from naftiko.hints import Hint
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.reading import is_plain, is_root, needs_length
from naftiko.linking.names import is_no_template, texts_of, variables_of
from naftiko.linking.unsupported import note_format
from naftiko.spec.model import OperationSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from naftiko.document.findings import Finding, Findings
    from naftiko.linking.names import DocumentNames
    from naftiko.plain import DocumentPath
    from naftiko.spec.model import CapabilitySpec, Consumes


class OperationLinker:
    """Checks the consumed operations of one document."""

    def __init__(
        self,
        names: DocumentNames,
        *,
        paths: Mapping[str, str] | None = None,
        append_unplaced: bool = False,
    ) -> None:
        self.names = names
        self.paths = paths or {}
        self.append_unplaced = append_unplaced
        #: Place of an adapter → the variables of its base URI.
        self._base_names: dict[DocumentPath, frozenset[str]] = {}
        #: Place of a part of the document → the findings that make it unusable.
        self._spoiled: Mapping[DocumentPath, list[Finding]] = {}

    def registry(self) -> Registry:
        """Return the operations by their refs, and note all that is wrong with them."""
        spec, findings = self.names.spec, self.names.findings
        for consumes in spec.consumes:
            self._adapter(consumes)
        self._spoiled = by_owner(findings.noted, spec)
        addresses, ambiguous = addresses_of(spec)
        operations = [
            self._operation(ref, operation)
            for ref, operation in zip(addresses, spec.operations, strict=True)
        ]
        by_name: dict[str, list[OperationSpec]] = defaultdict(list)
        for operation in spec.operations:
            by_name[f"{operation.consumes.namespace}.{operation.name}"].append(
                operation
            )
        for name, refs in ambiguous.items():
            first, second, *_ = by_name[name]
            findings.add(
                rules.OPERATION_AMBIGUOUS,
                second.path,
                f"{len(refs)} operations are called '{name}'",
                f"give each its own name; until then call {names_of(refs, 4)}",
                related=(Mention(first.path, f"first operation '{name}'"),),
            )
        return Registry(operations, ambiguous, self._forwarded())

    def _adapter(self, consumes: Consumes) -> None:
        """Check the base URI of an adapter, and note the variables that it uses."""
        names, at = self.names, consumes.path
        if consumes.is_foreign:
            self._base_names[at] = frozenset()
            return
        for name in note_templates(consumes.base_uri, names.scope, at, names.findings):
            names.use(name, (*at, "baseUri"))
        if consumes.authentication:
            fields = dict(consumes.authentication.fields)
            names.use_all(fields, consumes.authentication.path)
        base = compile_base_uri(consumes.base_uri, names.scope)
        self._base_names[at] = frozenset(base.names)

    def _operation(self, ref: str, spec: OperationSpec) -> Operation:
        """Return an operation with its layout and the findings that spoil it."""
        names = self.names
        layout = compile_layout(
            spec,
            names.scope,
            path=self.paths.get(ref),
            append_unplaced=self.append_unplaced,
        )
        # The resource of an operation stands two steps above it.
        owners = (spec.consumes.path, spec.path[:-2], spec.path)
        findings = [f for owner in owners for f in self._spoiled.get(owner, ())]
        for finding in () if spec.consumes.is_foreign else layout.findings:
            if finding.rule is rules.TEMPLATE:
                at = names.first_text(finding.path, is_no_template)
                finding = finding._replace(path=at or finding.path)
            names.findings.note(finding)
            if finding.spoils_unit:
                findings.append(finding)
        findings += () if spec.consumes.is_foreign else self._decoding(spec)
        new = [name for name in layout.variables if name not in names.used]
        places = self._places_of(new, spec)
        for name in new:
            names.use(name, places.get(name, spec.path))
        return Operation(
            spec,
            layout,
            ref=ref,
            findings=tuple(findings),
            document=names.findings.document,
            base_names=self._base_names[spec.consumes.path],
        )

    def _forwarded(self) -> dict[str, Operation]:
        """Return the adapters that requests are forwarded to, as operations."""
        spec = self.names.spec
        targets = {
            link.namespace
            for exposes in spec.exposes
            for link in exposes.links
            if link.kind == "forward"
        }
        adapters: dict[str, Operation] = {}
        for consumes in spec.consumes:
            if consumes.namespace in targets and consumes.namespace not in adapters:
                adapters[consumes.namespace] = self._as_operation(consumes)
        return adapters

    def _as_operation(self, consumes: Consumes) -> Operation:
        """Return an adapter as the operation that a forwarded request is built from."""
        # A forwarded request has no arguments: only parameters with a value are placed.
        placed = [
            parameter._replace(required=False)
            for parameter in consumes.parameters
            if parameter.in_ in ("query", "header", "cookie", "environment")
            and (
                parameter.value is not None
                or parameter.default
                or parameter.in_ == "environment"
            )
        ]
        at = (*consumes.path, "namespace")
        spec = OperationSpec(
            consumes, "", "", "GET", "", parameters=tuple(placed), path=at
        )
        layout = compile_layout(spec, self.names.scope)
        for name in layout.variables:
            self.names.use(name, consumes.path)
        return Operation(
            spec,
            layout,
            ref=consumes.namespace,
            findings=tuple(self._spoiled.get(consumes.path, ())),
            document=self.names.findings.document,
            base_names=self._base_names[consumes.path],
        )

    def _decoding(self, spec: OperationSpec) -> Iterator[Finding]:
        """Yield findings about the format and the outputs of a response."""
        written = spec.output_raw_format
        if written.lower() not in decoding.FORMATS:
            yield self.names.findings.add(
                rules.OUTPUT_FORMAT,
                (*spec.path, "outputRawFormat"),
                f'Unsupported "{written}" format specified',
                did_you_mean(written.rpartition("/")[2].lower(), decoding.FORMATS)
                or f"use one of {names_of(decoding.FORMATS)}",
            )
        else:
            # The operation stays usable: its bytes can be streamed.
            note_format(spec, self.names)
        for output in spec.outputs:
            if is_quiet(output.value):
                continue
            node = self.names.node(output.path) or {}
            key = "value" if "value" in node else "mapping"
            at = (*output.path, key)
            if finding := note_path(output.value, at, self.names.findings):
                yield finding

    def _places_of(
        self, variables: list[str], spec: OperationSpec
    ) -> dict[str, DocumentPath]:
        """Return variable → the first place in an operation that refers to it.

        Those that are bound are not looked for: nothing is reported about them.
        """
        scope = self.names.scope
        found: dict[str, DocumentPath] = {}
        if scope.variables.issuperset(variables):
            return found
        values = [(*parameter.path, "value") for parameter in spec.parameters]
        for place in (spec.url_path_at, *values, (*spec.path, "body")):
            for at, text in texts_of(self.names.node(place), place):
                for name in variables_of(text, scope):
                    found.setdefault(name, at)
        return found


def is_quiet(expression: str) -> bool:
    """Tell whether `note_path` has nothing to say about a JSONPath, without compiling.

    Most paths of published files are names and indexes only.
    """
    return is_root(expression) or (
        is_plain(expression) and not needs_length(expression)
    )


def note_path(
    expression: str, path: DocumentPath, findings: Findings
) -> Finding | None:
    """Check a JSONPath; return the finding of one that cannot be parsed."""
    if is_quiet(expression):
        return None
    if needs_length(expression):
        findings.add(
            rules.PATH_LENGTH,
            path,
            f"'{expression}' is read as the number of elements of a list",
            "JSONPath has no such member; name the list itself",
        )
    if not is_plain(expression):
        try:
            compile_path(expression)
        except OutputError as error:
            return findings.add(rules.OUTPUT_PATH, path, error.message, error.hint)
    return None


def note_templates(
    text: str, scope: Scope, at: DocumentPath, findings: Findings
) -> list[str]:
    """Note references in a base URI that are not plain `{{BOUND}}` variables.

    Returns:
        The variables that it uses.
    """
    path = (*at, "baseUri")
    try:
        template = parse_base_uri(text, scope)
    except TemplateError as error:
        findings.add(rules.TEMPLATE, path, str(error), "write `{{NAME}}`")
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
        findings.add(
            rules.BASE_URI_TEMPLATED,
            path,
            f"{names_of(names)} in the base URI need{'s' * (len(names) == 1)} a value"
            " for every call",
            f"write {names_of(dict.fromkeys(bound))}"
            if len(bound) == len(odd)
            else Hint(
                f"give variables={{'{odd[0].name}': …}}",
                f"give --base-uri, or set {odd[0].name.upper()} in the environment",
            ).after("bind variables and write `{{NAME}}`, or "),
        )
    return used


def _bound(name: str, scope: Scope) -> str:
    """Return the bound variable that a name in a base URI stands for, if any."""
    upper = name.upper().replace("-", "_")  # as `Variables.find` looks it up
    for known in (name, upper):
        if known in scope.variables:
            return known
    ends = _by_ending(scope.variables).get(upper, ())
    return ends[0] if len(ends) == 1 else ""


@lru_cache(maxsize=2)
def _by_ending(variables: frozenset[str]) -> dict[str, list[str]]:
    """Return what follows an underscore → variables: `AWS_REGION` is in `REGION`."""
    ends: dict[str, list[str]] = defaultdict(list)
    for known in variables:
        # No name is that long; the endings of a text take the square of its length.
        at = known.find("_") if len(known) < 256 else -1
        while at >= 0:
            ends[known[at + 1 :]].append(known)
            at = known.find("_", at + 1)
    return ends


def addresses_of(
    spec: CapabilitySpec,
) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return the ref of every operation, and the names that several share."""
    short = [f"{op.consumes.namespace}.{op.name}" for op in spec.operations]
    counts: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(short):
        counts[name].append(number)
    addresses = list(short)
    used = set(short)
    ambiguous = {}
    for name, numbers in counts.items():
        if len(numbers) == 1:
            continue
        longer = []
        for number in numbers:
            op = spec.operations[number]
            longer.append(f"{op.consumes.namespace}.{op.resource}.{op.name}")
        times = Counter(longer)
        for order, (number, long) in enumerate(zip(numbers, longer, strict=True), 1):
            # Resources of one name leave only the order to tell them apart.
            alone = spec.operations[number].resource and times[long] == 1
            # Names that hold dots may add up to the name of another operation.
            is_free = alone and long not in used
            addresses[number] = long if is_free else f"{name}#{order}"
            used.add(addresses[number])
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
