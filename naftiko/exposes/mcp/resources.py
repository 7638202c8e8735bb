"""The resources of an MCP adapter: static, templated, backed by a call or by steps.

Spec 4.4. Values of a URI template are percent-decoded and never hold a `/` that is not
encoded. Folders are read when they are asked for, so what is listed is what is there.
This module must not know how messages travel.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from naftiko.errors import CallError, StatusError, shorten
from naftiko.exposes.files import (
    UNKNOWN_TYPE,
    FileIsFolder,
    FileOutside,
    FileRefused,
    Folder,
    as_text,
    local_path,
    media_type,
)
from naftiko.exposes.http.callers import ANONYMOUS
from naftiko.exposes.mcp.results import (
    blob,
    body_text,
    explain,
    media_type_of,
    to_json,
    wrong_arguments,
)
from naftiko.plain import mappings_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.callers import Caller, CallerVariables
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Outcome
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

_JSON_TYPE = "application/json"
_PLACEHOLDER = re.compile(r"\{\{?([\w.-]+)\}\}?")
_MAX_COMPLETIONS = 1000


class ResourceError(Exception):
    """A resource that cannot be read.

    Attributes:
        is_callers: Another URI would help; otherwise something failed here or upstream.
    """

    def __init__(self, message: str, *, is_callers: bool = True) -> None:
        super().__init__(message)
        self.is_callers = is_callers


class Template:
    """A URI with placeholders, compiled.

    Attributes:
        names: The names of the placeholders, in order.
    """

    def __init__(self, uri: str) -> None:
        parts = _PLACEHOLDER.split(uri)
        self.names = parts[1::2]
        pattern = "([^/]+)".join(re.escape(part) for part in parts[::2])
        self._pattern = re.compile(pattern)

    def match(self, uri: str) -> dict[str, str] | None:
        """Return placeholder → decoded value, or `None` when the URI is another."""
        found = self._pattern.fullmatch(uri)
        if found is None:
            return None
        values: dict[str, str] = {}
        for name, text in zip(self.names, found.groups(), strict=True):
            value = unquote(text)
            # One name in two places has to have one value.
            if values.setdefault(name, value) != value:
                return None
        return values


class Backed(NamedTuple):
    """What stands behind one URI: a function, and the values of its placeholders."""

    plan: Plan
    values: Mapping[str, str]


class _Backed(NamedTuple):
    """A resource behind a call, steps, a reference or a mock."""

    uri: str
    entry: dict[str, JSON]
    template: Template
    plan: Plan


class _Static(NamedTuple):
    """A resource whose content is in files."""

    uri: str
    data: Mapping[str, JSON]
    directory: Path | None

    @property
    def folder(self) -> Folder:
        return Folder(local_path(text_of(self.data.get("location")), self.directory))

    @property
    def mime_type(self) -> str:
        return text_of(self.data.get("mimeType"))


class Resources:
    """The resources of one adapter, in the order of the document."""

    def __init__(self, engine: Engine, exposes: Exposes) -> None:
        backed = {
            function.path: function
            for function in exposes.functions
            if function.kind == "resource"
        }
        self._all: list[_Backed | _Static] = []
        self._exact: dict[str, _Backed] = {}
        at = (*exposes.path, "resources")
        for path, data in mappings_of(exposes.data.get("resources"), at):
            uri = text_of(data.get("uri"))
            if not uri:
                continue
            if "location" in data:
                base = uri if uri.endswith("://") else uri.rstrip("/")
                static = _Static(base, data, engine.capability.directory)
                self._all.append(static)
            elif (function := backed.get(path)) is not None:
                plan = engine.functions.plan(function, exposes)
                template = Template(uri)
                entry = _entry(data, uri)
                if function.mime_type:
                    entry["mimeType"] = function.mime_type
                resource = _Backed(uri, entry, template, plan)
                self._all.append(resource)
                if not template.names:
                    self._exact.setdefault(uri, resource)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def changes_by_itself(self) -> bool:
        """Whether the list depends on what is in folders."""
        return any(isinstance(resource, _Static) for resource in self._all)

    @property
    def said(self) -> list[JSON]:
        """What the document says of them; folders are not looked into."""
        return [
            resource.entry if isinstance(resource, _Backed) else dict(resource.data)
            for resource in self._all
        ]

    @property
    def templates(self) -> list[dict[str, JSON]]:
        """What a list of resource templates says."""
        found = []
        for resource in self._all:
            if isinstance(resource, _Backed) and resource.template.names:
                entry = dict(resource.entry)
                entry["uriTemplate"] = entry.pop("uri")
                found.append(entry)
        return found

    def entries(self) -> list[dict[str, JSON]]:
        """Return what a list of resources says; reads folders."""
        found: list[dict[str, JSON]] = []
        for resource in self._all:
            if isinstance(resource, _Static):
                found.extend(_files(resource))
            elif not resource.template.names:
                found.append(resource.entry)
        return found

    # --- reading ----------------------------------------------------------------------

    def backed(self, uri: str) -> Backed | None:
        """Return the resource behind a call that a URI names, and its values."""
        exact = self._exact.get(uri)
        if exact is not None:
            return Backed(exact.plan, {})
        for resource in self._all:
            if isinstance(resource, _Backed) and resource.template.names:
                values = resource.template.match(uri)
                if values is not None:
                    return Backed(resource.plan, values)
        return None

    def read_file(self, uri: str) -> dict[str, JSON]:
        """Return the content of a static resource.

        Raises:
            ResourceError: No resource has that URI, or it is not served.
        """
        for resource in self._all:
            if not isinstance(resource, _Static):
                continue
            if uri != resource.uri and not uri.startswith(f"{resource.uri}/"):
                continue
            path = unquote(uri[len(resource.uri) + 1 :])
            try:
                data = resource.folder.read(path)
            except FileRefused as refused:
                raise ResourceError(f"{_refusal(refused)}: {shorten(uri)}") from None
            kind = resource.mime_type or media_type(path or str(resource.folder.root))
            text = as_text(data)
            if text is None:
                return blob(uri, data, kind)
            if kind == UNKNOWN_TYPE:
                kind = "text/plain"
            return {"uri": uri, "mimeType": kind, "text": text}
        raise ResourceError(f"Unknown resource URI: {shorten(uri)}")

    # --- completion -------------------------------------------------------------------

    def complete(self, uri: str, argument: str) -> list[str] | None:
        """Return the values that an argument of a template may have, where known.

        They come from the resources that are listed, from inputs that enumerate their
        values, and from what is boolean.

        Returns:
            The values, or `None` when no template has that URI and argument.
        """
        template = Template(uri)
        if argument not in template.names:
            return None
        known = False
        values: dict[str, None] = {}
        for resource in self._all:
            if isinstance(resource, _Backed) and resource.uri == uri:
                known = True
                values |= dict.fromkeys(_enumerated(resource.plan, argument))
            elif isinstance(resource, _Static) and uri.startswith(f"{resource.uri}/"):
                known = True
        if not known:
            return None
        for entry in islice(self.entries(), _MAX_COMPLETIONS):
            found = template.match(entry["uri"])
            if found is not None:
                values[found[argument]] = None
        return list(values)


def _refusal(refused: FileRefused) -> str:
    """Return why a file is not read, in the words of the specification (spec 4.4)."""
    if isinstance(refused, FileOutside):
        return "Path traversal detected for resource URI"
    if isinstance(refused, FileIsFolder):
        return "Resource URI resolves to a directory, not a file"
    return str(refused)


def _enumerated(plan: Plan, argument: str) -> Iterator[str]:
    for parameter in plan.arguments:
        if parameter.name == argument and parameter.type == "boolean":
            yield from ("true", "false")


def _entry(data: Mapping[str, JSON], uri: str) -> dict[str, JSON]:
    name = text_of(data.get("name")) or uri
    entry: dict[str, JSON] = {"uri": uri, "name": name}
    entry["title"] = text_of(data.get("label")) or name
    if description := " ".join(text_of(data.get("description")).split()):
        entry["description"] = description
    return entry


def _files(resource: _Static) -> Iterator[dict[str, JSON]]:
    base = _entry(resource.data, resource.uri)
    try:
        folder = resource.folder
    except FileRefused:
        return
    if folder.is_file:
        kind = resource.mime_type or media_type(folder.root.name)
        yield {**base, "mimeType": kind}
        return
    for path, size in folder.files():
        entry = {
            **base,
            "uri": f"{resource.uri}/{quote(path)}",
            "name": path,
            "title": f"{base['title']}: {path}",
            "mimeType": resource.mime_type or media_type(path),
            "size": size,
        }
        yield entry


async def read_backed(
    engine: Engine,
    backed: Backed,
    uri: str,
    callers: CallerVariables,
    caller: Caller = ANONYMOUS,
) -> dict[str, JSON]:
    """Return the content of a resource behind a call.

    Raises:
        ResourceError: The values do not fit, or the call failed.
    """
    plan = backed.plan
    if plan.problem is not None:
        message = explain(plan.problem, plan, callers)
        raise ResourceError(message, is_callers=False)
    given, wrong = plan.fit(backed.values)
    if wrong:
        raise ResourceError(wrong_arguments(plan, wrong))
    try:
        outcome = await engine.run(plan, given, caller)
        return _content(outcome, plan, uri)
    except CallError as error:
        # What the upstream does not have is not to be read here either.
        absent = isinstance(error, StatusError) and error.status in (404, 410)
        message = explain(error, plan, callers)
        raise ResourceError(message, is_callers=absent) from None


def _content(outcome: Outcome, plan: Plan, uri: str) -> dict[str, JSON]:
    declared = plan.function.mime_type
    response = outcome.reply.response if outcome.reply is not None else None
    if outcome.is_shaped and not isinstance(outcome.value, bytes):
        is_text = isinstance(outcome.value, str) and bool(
            plan.shape is not None and plan.shape.is_identity
        )
        text = outcome.value if is_text else to_json(outcome.value)
        return {"uri": uri, "mimeType": declared or _JSON_TYPE, "text": text}
    assert response is not None  # only a response is passed on
    text = body_text(response)
    if text is None:
        kind = declared or media_type_of(response)
        return blob(uri, response.body, kind)
    came = media_type_of(response)
    kind = declared or (_JSON_TYPE if came == UNKNOWN_TYPE else came)
    return {"uri": uri, "mimeType": kind, "text": text}
