"""`load()` and `validate()`: the order in which a document becomes a capability.

    document.read → refusal → schema.check → reader → linker → Capability

This module must not know what any of the stages does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from naftiko.bindings import Variables, scope_of
from naftiko.capability import Capability
from naftiko.consumes.base_uri import override_of
from naftiko.document import source as documents
from naftiko.document.findings import Findings, best_first, pointer
from naftiko.document.truncation import drop_incomplete, note_truncation
from naftiko.errors import (
    ArgumentError,
    DocumentSyntaxError,
    Location,
    Problem,
    ValidationError,
    did_you_mean,
)
from naftiko.linking.linker import link
from naftiko.settings import DEFAULT_TIMEOUT, checked_names
from naftiko.spec.capability import read_capability, refusal
from naftiko.spec.imports import resolve_imports

if TYPE_CHECKING:
    from pathlib import Path

    from requests.auth import AuthBase

    from naftiko.consumes.registry import Registry
    from naftiko.document.document import Document
    from naftiko.expressions import Scope
    from naftiko.spec.model import CapabilitySpec
    from naftiko.transport.base import Timeout, Transport

    Source = str | Path | bytes | Mapping[str, Any] | Document

SCHEMAS = ("observed", "published")
_TRUNCATED = ("accept", "reject")
_UNPLACED = ("refuse", "append")


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
    unplaced_path_parameters: str = "refuse",
    paths: Mapping[str, str] | None = None,
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
        transport: What sends requests; by default an `HttpTransport`.
        timeout: Seconds, or (seconds to connect, seconds between two parts).
        truncated: `"accept"` or `"reject"` a file that its publisher cut off.
        unplaced_path_parameters: `"refuse"` operations whose path has no placeholder
            for a path parameter, or `"append"` the argument as a path segment.
        paths: Ref → path template that replaces the document's.

    Raises:
        DocumentError: The file cannot be read.
        DocumentSyntaxError: It is not one well-formed YAML or JSON document.
        ValidationError: It breaks the rules; `.problems` holds every finding.
        ArgumentError: An option has a value that it does not take.
    """
    _choice("schema", schema, (*SCHEMAS, None))
    _choice("truncated", truncated, _TRUNCATED)
    _choice("unplaced_path_parameters", unplaced_path_parameters, _UNPLACED)
    variables = checked_names("variables", variables)
    paths = checked_names("paths", paths)
    for ref, path in paths.items():
        if not isinstance(path, str):
            raise ArgumentError(f"paths: the path of '{ref}' is no text")
    document = documents.read(source)
    stages = _Stages(document, schema)
    if truncated == "reject":
        note_truncation(stages.found, severity="reject")
    else:
        note_truncation(stages.found)
    stages.check()
    problems = stages.problems()
    if refused := [p for p in problems if p.severity == "error" and p.code[0] != "U"]:
        raise _refused(document, refused, problems)
    registry = stages.read_and_link(
        variables, paths, append_unplaced=unplaced_path_parameters == "append"
    )
    for ref in paths:
        if ref not in registry:
            raise ArgumentError(
                f"paths: no operation is called '{ref}'",
                hint=did_you_mean(ref, registry),
            )
    spec, scope = stages.spec, stages.scope
    return Capability(
        spec,
        registry,
        name=document.name,
        scope=scope,
        variables=Variables(spec.binds, variables, document.directory),
        transport=transport,
        timeout=timeout,
        base_uri=base_uri,
        auth=auth,
        problems=_unsettled(stages.problems(), spec, base_uri, auth),
        files=tuple(filter(None, (document.file, *stages.imported))),
    )


def validate(
    source: Source,
    *,
    schema: str | None = "observed",
    strict: bool = False,
    truncated: str = "report",
) -> tuple[Problem, ...]:
    """Return everything that is wrong with a document; never raises for its content.

    Args:
        source: As for `load()`.
        schema: As for `load()`. With `"published"` only the rules of that schema are
            errors; what linking finds are warnings.
        strict: Make every warning an error, and show what only a strict check shows.
        truncated: `"report"` a cut-off file as an error, or `"accept"` it.

    Returns:
        The problems, best first: errors before warnings, what makes the document
        useless before what concerns a part of it, in the order of the text.

    Raises:
        DocumentError: The file cannot be read.
    """
    _choice("schema", schema, (*SCHEMAS, None))
    _choice("truncated", truncated, ("report", *_TRUNCATED))
    try:
        document = documents.read(source)
    except DocumentSyntaxError as error:
        where = error.location or Location("<text>", 1, 1)
        return (
            Problem(
                error.code, "error", error.message, error.hint, "",
                where.line, where.column, where.file,
            ),
        )  # fmt: skip
    stages = _Stages(document, schema, strict=strict)
    if truncated == "reject":
        note_truncation(stages.found, severity="reject")
    elif truncated == "report" and schema != "published":
        note_truncation(stages.found, severity="error")
    else:
        note_truncation(stages.found)
    if stages.check():
        stages.read_and_link(None, None, append_unplaced=False)
    return stages.problems()


class _Stages:
    """One document on its way, and what is found on it."""

    spec: CapabilitySpec
    scope: Scope
    imported: tuple[Path, ...] = ()

    def __init__(
        self, document: Document, schema: str | None, *, strict: bool = False
    ) -> None:
        if document.truncation is not None:
            from copy import copy, deepcopy

            # What is left half-written gets dropped, but not for its next reader.
            document = copy(document)
            document.data = deepcopy(document.data)
        self.document = document
        self.schema = schema
        self.strict = strict
        self.found = Findings(document, strict=strict or schema == "published")
        self.broken: list[Problem] = []

    def check(self) -> bool:
        """Check the shape and the schema; return whether the document can be read."""
        document = self.document
        if refusal(document.data, self.found):
            return False
        if document.truncation is not None:
            drop_incomplete(document.data, self.found)
            if refusal(document.data, self.found):
                return False
        if self.schema is not None:
            from naftiko.document.schema import check

            self.broken = check(document, self.schema)
            if self.strict and self.schema != "published":
                # A strict check asks for the published rules as well.
                places = {problem.path for problem in self.broken}
                more = check(document, "published")
                self.broken += [
                    problem for problem in more if problem.path not in places
                ]
        return True

    def read_and_link(
        self,
        variables: Mapping[str, Any] | None,
        paths: Mapping[str, str] | None,
        *,
        append_unplaced: bool,
    ) -> Registry:
        resolved = resolve_imports(self.document)
        self.imported = resolved.files
        self.spec = read_capability(
            resolved.data,
            self.found,
            imported_binds=resolved.binds,
            unavailable=resolved.reasons,
        )
        self.scope = scope_of(self.spec.binds, variables)
        return link(
            self.spec,
            self.scope,
            self.found,
            paths=paths,
            append_unplaced=append_unplaced,
        )

    def problems(self) -> tuple[Problem, ...]:
        """Return all findings, best first, one per cause."""
        # What the schema says about a place explains what the other stages see there.
        places = {problem.path for problem in self.broken}
        noted = [p for p in self.found.problems if p.path not in places]
        return best_first([*self.broken, *map(self._weighed, noted)])

    def _weighed(self, problem: Problem) -> Problem:
        """Return a finding with the severity that it has under these rules."""
        if self.strict:
            return problem._replace(severity="error")
        if self.schema == "published" and problem.code[0] == "U":
            return problem._replace(severity="warning")
        return problem


def _refused(
    document: Document, refused: list[Problem], problems: tuple[Problem, ...]
) -> ValidationError:
    first = refused[0]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return ValidationError(
        f"{first.message}{more}",
        problems,
        hint=first.hint,
        code=first.code,
        location=first.location,
    )


def _unsettled(
    problems: tuple[Problem, ...],
    spec: CapabilitySpec,
    base_uri: str | Mapping[str, str] | None,
    auth: Mapping[str, AuthBase] | None,
) -> tuple[Problem, ...]:
    """Return the findings but those that the caller has made up for."""
    settled: list[tuple[str, str]] = []
    for consumes in spec.consumes:
        at = pointer(consumes.path)
        if override_of(consumes.namespace, base_uri) is not None:
            settled.append((at, "-base-uri-"))
        if isinstance(auth, Mapping) and consumes.namespace in auth:
            settled.append((at, "U-auth-"))
    return tuple(
        problem
        for problem in problems
        if not any(
            word in problem.code and f"{problem.path}/".startswith(f"{at}/")
            for at, word in settled
        )
    )


def _choice(name: str, value: str | None, known: tuple[str | None, ...]) -> None:
    if value not in known:
        shown = ", ".join("None" if word is None else f"'{word}'" for word in known)
        raise ArgumentError(
            f"{name}: '{value}' is not known", hint=f"use one of {shown}"
        )
