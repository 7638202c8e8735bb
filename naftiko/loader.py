"""`load()` and `validate()` run the stages that turn a document into a capability.

    source.read → refusal → schema.check → resolve_imports → read_capability → link
                                                               → Capability, problems

The stages note findings; their places are looked up once, at the end. This module must
not know what any of the stages does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from naftiko.bindings import Variables, scope_of
from naftiko.capability import Capability
from naftiko.consumes.base_uri import override_of
from naftiko.document import rules
from naftiko.document import source as documents
from naftiko.document.findings import Findings, best_first
from naftiko.document.truncation import drop_incomplete, note_truncation
from naftiko.errors import (
    ArgumentError,
    DocumentSyntaxError,
    Location,
    Problem,
    ValidationError,
    did_you_mean,
    shorten,
)
from naftiko.linking.linker import fitted, link
from naftiko.masking import forgetful
from naftiko.search.likeness import limited_comparisons
from naftiko.settings import DEFAULT_TIMEOUT, appends_path_parameters, checked_names
from naftiko.spec.capability import read_capability, refusal
from naftiko.spec.consumes import is_foreign
from naftiko.spec.imports import resolve_imports

if TYPE_CHECKING:
    from pathlib import Path

    from requests.auth import AuthBase

    from naftiko.consumes.operation import Operation
    from naftiko.consumes.registry import Registry
    from naftiko.document.document import Document
    from naftiko.document.findings import Finding
    from naftiko.expressions import Scope
    from naftiko.functions.callers import Callers
    from naftiko.linking.linker import Linked
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.imports import Resolved
    from naftiko.spec.model import CapabilitySpec, InputParameter
    from naftiko.transport.base import Timeout, Transport

    #: Place of an adapter → the options of `load()` that are given for it.
    _Settled = Mapping[DocumentPath, tuple[str, ...]]
    Source = str | Path | bytes | Mapping[str, Any] | Document

SCHEMAS = ("observed", "published")
_TRUNCATED = ("accept", "reject")
_UNPLACED = ("refuse", "append")


@forgetful
@limited_comparisons()
def load(
    source: Source,
    *,
    schema: str | None = "observed",
    variables: Mapping[str, Any] | None = None,
    base_uri: str | Mapping[str, str] | None = None,
    auth: Mapping[str, AuthBase] | None = None,
    transport: Transport | None = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    truncated: str = "accept",
    unplaced_path_parameters: str | None = None,
    paths: Mapping[str, str] | None = None,
    strict: bool = False,
) -> Capability:
    """Load a capability; neither a secret is read nor a connection opened.

    Args:
        source: A path, `-` for standard input, bytes, a text with a line break in it
            (the document itself), or plain data.
        schema: The rules: `"observed"` (what real documents do), `"published"` (the
            specification to the letter), or `None` (only its shape).
        variables: Name → value, or a function that returns it; stands before the
            `binds` of the document.
        base_uri: One URI for all, or namespace → URI; replaces the document's.
            `unix:///path.sock` names a Unix socket.
        auth: Namespace → `requests.auth.AuthBase` that signs requests to it.
        transport: Sends the requests; by default an `HttpTransport`.
        timeout: Seconds, or (seconds to connect, seconds between two parts).
        truncated: `"accept"` or `"reject"` a file that its publisher truncated.
        unplaced_path_parameters: `"refuse"` operations whose path has no placeholder
            for a path parameter, or `"append"` the argument as a path segment. By
            default the environment variable `NAFTIKO_APPEND_PATH_PARAMETERS` decides.
        paths: Ref → path template that replaces the document's.
        strict: Refuse a response that is not in its declared `outputRawFormat`, also
            where its `Content-Type` says which format it is in.

    Raises:
        DocumentError: The file cannot be read.
        DocumentSyntaxError: It is not one well-formed YAML or JSON document.
        ValidationError: It breaks the rules; `.problems` holds every finding.
        ArgumentError: An option has a value that it does not take.
    """
    _check_choice("schema", schema, (*SCHEMAS, None))
    _check_choice("truncated", truncated, _TRUNCATED)
    append_unplaced = _appends(unplaced_path_parameters)
    variables = checked_names("variables", variables)
    paths = _checked_paths(paths)
    document = documents.read(source)
    stages = _Stages(document, schema)
    is_refused = truncated == "reject"
    note_truncation(
        stages.findings, rules.SOURCE_REJECTED if is_refused else rules.SOURCE_TRUNCATED
    )
    stages.check()
    if stages.is_refused():
        raise _refused(stages.problems())
    linked = stages.read_and_link(variables, paths, append_unplaced=append_unplaced)
    registry, used = linked.registry, linked.variables
    spec = fitted(stages.spec, linked)
    if unknown := next((ref for ref in paths if ref not in registry), None):
        raise ArgumentError(
            f"paths: no operation is called '{unknown}'",
            hint=did_you_mean(unknown, registry),
        )
    scope = stages.scope
    callers = _Callers(spec, registry, scope)
    for operation in registry.values():
        operation.callers = callers
    return Capability(
        spec,
        registry,
        name=document.name,
        scope=scope,
        variables=Variables(spec.binds, variables, document.directory, used=used),
        transport=transport,
        timeout=timeout,
        base_uri=base_uri,
        auth=auth,
        problems=stages.problems(_settled(spec, base_uri, auth)),
        files=tuple(filter(None, (document.file, *stages.imported))),
        strict=strict,
    )


class _Callers:
    """What exposed functions tell about operations; collected when first asked for."""

    def __init__(self, spec: CapabilitySpec, registry: Registry, scope: Scope) -> None:
        self._document = (spec, registry, scope)

    @cached_property
    def _found(self) -> Callers:
        # Imported here: a call by reference needs nothing of it.
        from naftiko.functions.callers import Callers

        return Callers(*self._document)

    def inputs_of(self, operation: Operation) -> tuple[InputParameter, ...]:
        return self._found.inputs_of(operation)

    def words_of(self, operation: Operation) -> str:
        return self._found.words_of(operation)


@forgetful
@limited_comparisons()
def validate(
    source: Source,
    *,
    schema: str | None = "observed",
    strict: bool = False,
    truncated: str = "report",
    variables: Mapping[str, Any] | None = None,
    unplaced_path_parameters: str | None = None,
    read_files: bool = True,
) -> tuple[Problem, ...]:
    """Return all problems of a document; never raise for its content.

    Args:
        source: As for `load()`.
        schema: As for `load()`. With `"published"` only the rules of that schema are
            errors; findings of linking are warnings.
        strict: Make every warning an error, and show the notes of a strict check too.
        truncated: `"report"` a file that its publisher cut off as a warning, or
            `"reject"` it with an error; `"accept"` means `"report"`.
        unplaced_path_parameters: As for `load()`.
        variables: As for `load()`; a name in it counts as bound.
        read_files: Look at the files that the document names. Without, nothing is read
            but the source: for a document that others sent.

    Returns:
        The problems, best first: errors before warnings, problems of the whole document
        before those of a part of it, each group in the order of the text.

    Raises:
        DocumentError: The file cannot be read.
        ArgumentError: An option has a value that it does not take.
    """
    _check_choice("schema", schema, (*SCHEMAS, None))
    _check_choice("truncated", truncated, ("report", *_TRUNCATED))
    variables = checked_names("variables", variables)
    append_unplaced = _appends(unplaced_path_parameters)
    try:
        document = documents.read(source)
    except DocumentSyntaxError as error:
        where = error.location or Location("<text>", 1, 1)
        return (
            Problem(
                error.code, rules.ERROR, error.message, error.hint, "",
                where.line, where.column, where.file, error.related,
            ),
        )  # fmt: skip
    stages = _Stages(document, schema, strict=strict, reads_files=read_files)
    is_refused = truncated == "reject"
    note_truncation(
        stages.findings, rules.SOURCE_REJECTED if is_refused else rules.SOURCE_TRUNCATED
    )
    if is_capability := stages.check():
        stages.read_and_link(variables, None, append_unplaced=append_unplaced)
        stages.look_for_files()
    stages.look_for_mistakes(is_capability=is_capability)
    return stages.problems()


class _Stages:
    """One document on its way through the stages, and the findings about it.

    Attributes:
        spec: The document as records, once it is read.
        scope: The variables that it binds, once it is read.
        resolved: Its data with its imports in place, once it is checked.
        imported: The files that it imports from.
        document: The document; one that was cut off is a copy, which may be changed.
        findings: The findings of all stages but the schema.
        broken: The findings of the schema.
    """

    spec: CapabilitySpec
    scope: Scope
    resolved: Resolved
    imported: tuple[Path, ...] = ()

    def __init__(
        self,
        document: Document,
        schema: str | None,
        *,
        strict: bool = False,
        reads_files: bool = True,
    ) -> None:
        if document.truncation is not None:
            # The half-written end gets dropped, but not for the next reader of it.
            document = document.copied()
        self.document = document
        self.schema = schema
        self.strict = strict
        self.reads_files = reads_files
        self.findings = Findings(document, strict=strict or schema == "published")
        self.broken: list[Finding] = []

    def check(self) -> bool:
        """Check the shape and the schema; return whether the document can be read."""
        document = self.document
        if refusal(document.data, self.findings):
            return False
        if document.truncation is not None:
            drop_incomplete(document.data, self.findings)
            if refusal(document.data, self.findings):
                return False
        if self.schema is not None:
            from naftiko.document.checking.schema import check

            self.broken = check(document, self.schema)
            if self.strict and self.schema != "published":
                # A strict check asks for the published rules as well.
                places = {finding.path for finding in self.broken}
                more = check(document, "published")
                self.broken += [f for f in more if f.path not in places]
            self.broken = [f for f in self.broken if not self._is_foreign(f.path)]
        self._import()
        return True

    def _is_foreign(self, path: DocumentPath) -> bool:
        """Tell whether a place is in a consumed adapter whose type is not known here.

        The rules say nothing about such an adapter but that it cannot be used.
        """
        if "consumes" not in path[:2] or self.schema == "published":
            return False
        at = path[: path.index("consumes") + 2]
        return len(path) > len(at) and is_foreign(self.document.node_at(at))

    def _import(self) -> None:
        """Put imported adapters in place, and check them too."""
        self.resolved = resolved = resolve_imports(
            self.document, reads_files=self.reads_files
        )
        if not resolved.parts:
            return
        self.document = self.document.with_parts(resolved.parts)
        self.findings.document = self.document
        self.findings.noted += resolved.findings
        if self.schema == "observed":
            # The published rules are about one file, and the imported one has its own.
            from naftiko.document.checking.schema import check_adapter

            for place, part in resolved.parts.items():
                if "consumes" in place and place not in resolved.lacks:
                    adapter = self._adapter_at(place)
                    self.broken += check_adapter(adapter, self.schema, part.path, place)

    def _adapter_at(self, place: DocumentPath) -> JSON:
        node = self.resolved.data
        for key in place:
            node = node[key]
        return node

    def read_and_link(
        self,
        variables: Mapping[str, Any] | None,
        paths: Mapping[str, str] | None,
        *,
        append_unplaced: bool,
    ) -> Linked:
        """Read the document into records, and link its names."""
        resolved = self.resolved
        self.imported = resolved.files
        self.spec = read_capability(
            resolved.data,
            self.findings,
            imported_binds=resolved.binds,
            unavailable=resolved.lacks,
        )
        self.scope = scope_of(self.spec.binds, variables)
        return link(
            self.spec,
            self.scope,
            self.findings,
            paths=paths,
            append_unplaced=append_unplaced,
        )

    def look_for_files(self) -> None:
        """Note files that the document names beside it, and that are not there."""
        if self.reads_files and self.document.directory is not None:
            from naftiko.linking.files import note_missing_files

            note_missing_files(self.spec, self.document.directory, self.findings)

    def look_for_mistakes(self, *, is_capability: bool) -> None:
        """Note what the rules allow, and an author has hardly meant.

        Args:
            is_capability: The document is one; otherwise only misspelt keys are noted,
                which may be why it is none.
        """
        from naftiko.lint.checking import lint

        likely = Findings(self.document)
        lint(self.document.data, likely)
        if not is_capability:
            likely.noted = [f for f in likely.noted if f.rule is rules.KEY_UNKNOWN]
        places = {finding.path for finding in self.findings.noted}
        self.findings.noted += [f for f in likely.noted if f.path not in places]
        # The rules say that a key is unknown; a likely mistake says what it is instead.
        mends = {finding.path: finding for finding in likely.noted}
        self.broken = [
            finding._replace(hint=mend.hint, fix=finding.fix or mend.fix)
            if finding.rule is rules.UNKNOWN_KEY
            and (mend := mends.get(finding.path)) is not None
            else finding
            for finding in self.broken
        ]

    def is_refused(self) -> bool:
        """Tell whether a finding makes the whole document unusable."""
        return any(
            finding.weight == rules.ERROR and not finding.rule.is_of_unit
            for finding in self.all_findings()
        )

    def all_findings(self) -> list[Finding]:
        """Return the findings so far, one per cause."""
        # A finding of the schema explains those of other stages at its place.
        places = {finding.path for finding in self.broken}
        noted = [f for f in self.findings.noted if f.path not in places]
        return self.broken + noted

    def problems(self, settled: _Settled | None = None) -> tuple[Problem, ...]:
        """Return all findings, best first, with their places.

        Args:
            settled: Place of an adapter → the options given for it, which make up for
                missing parts.
        """
        findings = [
            self._weighed(finding)
            for finding in self.all_findings()
            if not _is_settled(finding, settled or {})
        ]
        return best_first(findings, self.document)

    def _weighed(self, finding: Finding) -> Finding:
        """Return a finding with the severity that it has under these rules."""
        if self.strict:
            return finding._replace(severity=rules.ERROR)
        if self.schema == "published" and finding.rule.is_of_unit:
            return finding._replace(severity=rules.WARNING)
        if not self.reads_files and finding.rule is rules.IMPORT_UNRESOLVED:
            # Whether it can be resolved is not known.
            return finding._replace(severity=rules.WARNING)
        return finding


def _refused(problems: tuple[Problem, ...]) -> ValidationError:
    refused = [p for p in problems if p.severity == rules.ERROR]
    first = refused[0]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return ValidationError(
        f"{first.message}{more}",
        problems,
        hint=first.hint,
        code=first.code,
        location=first.location,
    )


def _settled(
    spec: CapabilitySpec,
    base_uri: str | Mapping[str, str] | None,
    auth: Mapping[str, AuthBase] | None,
) -> dict[DocumentPath, tuple[str, ...]]:
    """Return place of an adapter → which of `BASE_URI` and `AUTH` is given for it."""
    settled: dict[DocumentPath, tuple[str, ...]] = {}
    for consumes in spec.consumes:
        given: tuple[str, ...] = ()
        if override_of(consumes.namespace, base_uri) is not None:
            given += (rules.BASE_URI,)
        if isinstance(auth, Mapping) and consumes.namespace in auth:
            given += (rules.AUTH,)
        if given:
            settled[consumes.path] = given
    return settled


def _is_settled(finding: Finding, settled: _Settled) -> bool:
    """Tell whether an option that is given makes up for a finding."""
    option, path = finding.rule.settled_by, finding.path
    return bool(option) and any(
        option in settled.get(path[:length], ()) for length in range(len(path) + 1)
    )


def _checked_paths(paths: Mapping[str, str] | None) -> dict[str, str]:
    """Return the option `paths`, ref → path template, with its types checked."""
    checked: dict[str, str] = checked_names("paths", paths)
    for ref, path in checked.items():
        if not isinstance(path, str):
            raise ArgumentError(f"paths: the path of '{ref}' is no text")
    return checked


def _appends(choice: str | None) -> bool:
    """Tell whether path parameters without a placeholder become path segments."""
    if choice is None:
        return appends_path_parameters()
    _check_choice("unplaced_path_parameters", choice, _UNPLACED)
    return choice == "append"


def _check_choice(name: str, value: str | None, known: tuple[str | None, ...]) -> None:
    """Refuse an option whose value is not one of those known."""
    if value not in known:
        shown = ", ".join("None" if word is None else f"'{word}'" for word in known)
        raise ArgumentError(
            f"{name}: '{shorten(value)}' is not known", hint=f"use one of {shown}"
        )
