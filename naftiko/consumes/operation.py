"""`Operation`: one callable operation, as users see it, and the arguments it takes.

This module must not know how an operation is placed, sent or decoded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from naftiko.consumes.body import OPEN_ARGUMENT, describe
from naftiko.consumes.content import Content
from naftiko.document import rules
from naftiko.document.document import Document
from naftiko.document.findings import located
from naftiko.errors import ArgumentError, did_you_mean, names_of, shorten
from naftiko.expressions import refs
from naftiko.http import IDEMPOTENT_METHODS, SAFE_METHODS

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator

    from naftiko.consumes.layout import Layout
    from naftiko.document.findings import Finding
    from naftiko.errors import Location, Problem
    from naftiko.spec.model import InputParameter, OperationSpec, OutputParameter


#: Arguments that ask for an answer without end.
_FOLLOWING = frozenset(("follow", "stream", "watch", "live", "continuous"))
#: The last word of a path whose answer has no end unless an argument says otherwise.
_ENDLESS = frozenset(("events", "stats", "stream", "watch", "subscribe"))
_NO = frozenset(("", "0", "false", "no", "off", "none"))


class InputTeller(Protocol):
    """What the document tells about an operation where it calls it."""

    def inputs_of(self, operation: Operation) -> tuple[InputParameter, ...]:
        """Return its parameters with all that the document tells about them."""

    def words_of(self, operation: Operation) -> str:
        """Return names and descriptions of the units that call it, as one text."""


class Operation:
    """One operation of a consumed adapter.

    Attributes:
        ref: The name that `call` takes: `namespace.operation`, or a longer form when
            that is ambiguous.
        resource: The name of its resource; a label, nothing refers to it.
        path: The path template, without the base URI.
        parameters: Every argument that it takes, declared or inferred.
        body: One line on the request body; empty when there is none.
        auth: The type of authentication, or an empty text.
        output_raw_format: The format of the response, `json` by default.
        declared_format: The same, but empty where the document declares none: then the
            `Content-Type` decides.
        callers: What else the document tells about it, or `None`.
        findings: Its unit errors before their places are looked up, see `problems`.
    """

    __slots__ = (
        "_document", "_inputs", "_is_endless", "_problems", "auth", "base_names",
        "base_uri", "body", "callers", "declared_format", "description", "findings",
        "layout", "method", "name", "namespace",
        "output_parameters", "output_raw_format", "output_schema", "parameters",
        "path", "ref", "resource", "spec", "takes_body",
    )  # fmt: skip

    def __init__(
        self,
        spec: OperationSpec,
        layout: Layout,
        *,
        ref: str,
        findings: tuple[Finding, ...] = (),
        document: Document | None = None,
        base_names: frozenset[str] = frozenset(),
    ) -> None:
        self.spec = spec
        self.layout = layout
        self.ref = ref
        self.namespace = spec.consumes.namespace
        self.name = spec.name
        self.resource = spec.resource
        self.method = spec.method
        self.path = spec.url_path
        if layout.appended:
            head, mark, query = spec.url_path.partition("?")
            self.path = head.rstrip("/") + layout.appended + mark + query
        self.description = spec.description
        self.parameters: tuple[InputParameter, ...] = layout.arguments
        self.body = describe(spec.body)
        self.takes_body = layout.takes_body
        authentication = spec.consumes.authentication
        self.auth = authentication.type if authentication else ""
        self.base_uri = spec.consumes.base_uri
        self.base_names = base_names
        self.output_parameters: tuple[OutputParameter, ...] = spec.outputs
        self.output_raw_format = spec.output_raw_format
        self.declared_format = spec.output_raw_format if spec.declares_format else ""
        self.output_schema = spec.output_schema
        self.findings = findings
        self._problems: tuple[Problem, ...] | None = None
        self._inputs: tuple[InputParameter, ...] | None = None
        self.callers: InputTeller | None = None
        self._document = document
        last = self.path.lower().rstrip("/").rpartition("/")[2]
        self._is_endless = self.method == "GET" and last in _ENDLESS

    @property
    def inputs(self) -> tuple[InputParameter, ...]:
        """`parameters` with all that the document tells about them.

        Type, description and `required` come from the exposed tools and routes that
        call the operation, where the operation itself does not tell them. The type is
        empty where no part of the document tells it. A call is checked against
        `parameters` alone.
        """
        if self._inputs is None:
            callers = self.callers
            self._inputs = callers.inputs_of(self) if callers else self.parameters
        return self._inputs

    @property
    def credential_variables(self) -> tuple[str, ...]:
        """The variables that its authentication is made of."""
        layout = self.layout
        templates = (*(c[2] for c in layout.credentials), *(layout.login or ()))
        names = (ref.name for t in templates for ref in refs(t) if ref.is_variable)
        return tuple(dict.fromkeys(names))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Unit errors; an operation that has any refuses to run."""
        if self._problems is None:
            document = self._document or Document(None)
            self._problems = tuple(located(f, document) for f in self.findings)
        return self._problems

    @property
    def location(self) -> Location | None:
        """Where it stands in its document."""
        return self._document.locate(self.spec.path) if self._document else None

    @property
    def is_safe(self) -> bool:
        """Whether the method asks for no change (RFC 9110, 9.2.1)."""
        return self.method in SAFE_METHODS

    @property
    def is_idempotent(self) -> bool:
        """Whether repeating the method changes nothing more (RFC 9110, 9.2.2)."""
        return self.method in IDEMPOTENT_METHODS

    def lacking(self, offered: Container[str]) -> list[str]:
        """Return the arguments that it requires and that are not among given names."""
        required = self.layout.required - {*self.layout.environment}
        return [
            p.name
            for p in self.parameters
            if p.name in required and p.name not in offered
        ]

    def follows(self, given: Mapping[str, Any]) -> bool:
        """Tell whether a call asks for an answer that does not end.

        `containerlogs` with `follow=true` does; `containerstats` does, by its path,
        unless `stream` is `false`.

        Args:
            given: Parameter name → value.
        """
        if not _FOLLOWING.isdisjoint(map(str.lower, given)):
            said = [
                str(value).strip().lower() not in _NO
                for name, value in given.items()
                if value is not None and name.lower() in _FOLLOWING
            ]
            if said:
                return any(said)
        return self._is_endless

    @property
    def may_follow(self) -> bool:
        """Whether a call can ask for an answer that does not end; see `follows`."""
        names = {p.name.lower() for p in self.parameters}
        return bool(names & _FOLLOWING) or self.follows({})

    def refusal(self, unknown: list[str], missing: list[str]) -> ArgumentError:
        """Return the error for arguments that are unknown or missing.

        Args:
            unknown: Names that were given and are not taken.
            missing: Names that are required and were not given.
        """
        layout = self.layout
        order = [parameter.name for parameter in self.parameters]
        takes = [*order, *sorted((layout.takes | self.base_names) - set(order))]
        missing = [name for name in takes if name in missing]
        texts = []
        if missing:
            many = "arguments" if len(missing) > 1 else "argument"
            texts.append(f"missing {many} " + ", ".join(f"'{n}'" for n in missing))
        if unknown:
            many = "arguments" if len(unknown) > 1 else "argument"
            named = ", ".join(f"'{shorten(n)}'" for n in unknown)
            texts.append(f"unknown {many} {named}")
        near = did_you_mean(unknown[0], takes) if unknown else ""
        return ArgumentError(
            f"{self.ref}: {'; '.join(texts)}",
            missing=missing,
            unknown=unknown,
            takes=takes,
            code=(rules.ARGUMENT_MISSING if missing else rules.ARGUMENT_UNKNOWN).code,
            location=self.location,
            hint=f"{near} It takes: {names_of(takes)}.".strip(),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the operation as plain data, the shape `list --format json` prints."""
        return {
            "ref": self.ref,
            "namespace": self.namespace,
            "resource": self.resource,
            "name": self.name,
            "method": self.method,
            "path": self.path,
            "description": self.description,
            "parameters": [
                {
                    "name": p.name,
                    "in": p.in_,
                    "type": p.type or "any",
                    "required": p.required,
                    "description": p.description,
                }
                for p in self.inputs
            ],
        }

    def _notes(self) -> Iterator[str]:
        """Yield further facts, for people."""
        if self.is_safe:
            yield "safe"
        elif self.is_idempotent:
            yield "can be repeated"
        if self.auth:
            yield f"authentication: {self.auth}"
        if self.body:
            yield f"body: {self.body}"
        if self.output_parameters:
            outputs = (
                f"{o.name or 'result'} ({o.value})" for o in self.output_parameters
            )
            yield f"outputs: {', '.join(outputs)}"
        if self.problems:
            yield f"cannot be called: {self.problems[0].message}"

    def __repr__(self) -> str:
        return f"<Operation {self.ref}: {self.method} {self.path}>"

    def _repr_html_(self) -> str:
        from html import escape  # only notebooks need it

        rows = "".join(
            f"<tr><td><code>{escape(p.name)}</code></td><td>{escape(p.in_)}</td>"
            f"<td>{escape(p.type or 'any')}</td>"
            f"<td>{'yes' if p.required else ''}</td>"
            f"<td>{escape(p.description)}</td></tr>"
            for p in self.inputs
        )
        return (
            f"<p><b>{escape(self.ref)}</b> <code>{escape(self.method)}"
            f" {escape(self.path)}</code><br>{escape(self.description)}<br>"
            f"{'; '.join(map(escape, self._notes()))}</p>"
            "<table><tr><th>argument</th><th>in</th><th>type</th><th>required</th>"
            f"<th>description</th></tr>{rows}</table>"
        )


# --- arguments ---------------------------------------------------------------------


def arguments_for(
    operation: Operation,
    arguments: Mapping[str, Any],
    optional: Collection[str] = (),
) -> dict[str, Any]:
    """Return the arguments that have a value, checked against those that are taken.

    {"id": 7, "limit": None}  ->  {"id": 7}

    Raises:
        ArgumentError: Arguments are missing or unknown.
    """
    layout = operation.layout
    given = {name: value for name, value in arguments.items() if value is not None}
    names = given.keys()
    if names <= layout.takes and names >= layout.required:
        return given  # nearly every call
    unknown = names - layout.takes
    if unknown:
        given = _unfold({str(name): value for name, value in given.items()}, layout)
        known = layout.takes | operation.base_names
        unknown = {name for name in given if name.partition("\0")[0] not in known}
    missing = [
        name
        for name in layout.required
        if name not in given
        and name not in optional
        and not any(known.startswith(name + "\0") for known in given)
        and not (name in layout.environment and name in os.environ)
    ]
    if (unknown or missing) and isinstance(given.get(OPEN_ARGUMENT), Content):
        unknown, missing = _beside_whole_body(layout, set(unknown), missing)
    if unknown or missing:
        raise operation.refusal(sorted(unknown), missing)
    return given


def _beside_whole_body(
    layout: Layout, unknown: set[str], missing: list[str]
) -> tuple[set[str], list[str]]:
    """Return the unknown and the missing arguments beside a `Content` as the body.

    It takes the place of a body that the document describes, so that no argument of
    the body is missing.
    """
    if layout.body is None or OPEN_ARGUMENT not in unknown:
        return unknown, missing
    elsewhere = {name for name, place in places_of(layout) if place != "body"}
    return unknown - {OPEN_ARGUMENT}, [n for n in missing if n in elsewhere]


def places_of(layout: Layout) -> set[tuple[str, str]]:
    """Return name and place of all arguments of a layout, for those given by place."""
    references = refs((*layout.path, *layout.query_head))
    places = {(ref.name, "path") for ref in references}
    for place, slots in (
        ("query", layout.query), ("header", layout.headers), ("cookie", layout.cookies)
    ):  # fmt: skip
        places |= {(slot.argument, place) for slot in slots if slot.argument}
    if layout.body:
        places |= {(name, "body") for name in layout.body.arguments}
    return places


def _unfold(given: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Return qualified arguments, `{"path": {"id": 1}}`, as `id`, NUL, `path`.

    Two parameters of one name in two places can only be told apart this way.
    """
    unfolded: dict[str, Any] = {}
    places = places_of(layout)
    filled = {place for _, place in places}
    for name, value in given.items():
        is_place = name in filled and name not in layout.takes
        if is_place and isinstance(value, Mapping):
            for inner, item in value.items():
                if item is not None:
                    # A name that is not taken there is unknown: `path.id`.
                    taken = (inner, name) in places
                    unfolded[f"{inner}\0{name}" if taken else f"{name}.{inner}"] = item
        else:
            unfolded[name] = value
    return unfolded
