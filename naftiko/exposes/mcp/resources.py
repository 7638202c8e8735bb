"""The resources of an MCP adapter: files, and functions behind a URI or a URI template.

Spec 4.4::

    {uri: data://docs, location: file:///docs}  one resource for each file of the folder
    {uri: ships://all, call: fleet.list}        one resource, read by a call
    {uri: ships://{id}, call: fleet.get}        a template: ships://7 calls with id=7

The values of a template are percent-decoded; a `/` in them has to be encoded. Folders
are read for each request, so a list always shows the files that exist. This module must
not know how messages travel.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from naftiko.errors import CallError, StatusError, shorten
from naftiko.exposes import offload
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
from naftiko.exposes.http.routes import MixedSegment
from naftiko.exposes.mcp.results import (
    blob,
    body_text,
    explain,
    media_type_of,
    to_json,
    wrong_arguments,
)
from naftiko.exposes.options import MAX_SLOW_ANSWER
from naftiko.records.tuples import NamedTuple
from naftiko.spec.model import Function

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.callers import Caller, CallerVariables
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Outcome
    from naftiko.plain import JSON
    from naftiko.spec.adapters import StaticResource
    from naftiko.spec.model import Exposes

_JSON_TYPE = "application/json"
_PLACEHOLDER = re.compile(r"\{\{?([\w.-]+)\}\}?")
_MAX_COMPLETIONS = 1000


class ResourceError(Exception):
    """A resource that cannot be read.

    Attributes:
        is_callers: The caller can help it with another URI. Otherwise something failed
            in this server or in the upstream API.
    """

    def __init__(self, message: str, *, is_callers: bool = True) -> None:
        super().__init__(message)
        self.is_callers = is_callers


class UriTemplate:
    """A compiled URI template.

    `UriTemplate("ships://{id}").match("ships://a%20b")` -> `{"id": "a b"}`.

    Attributes:
        names: The names of the placeholders, in order.
    """

    def __init__(self, uri: str) -> None:
        parts = _PLACEHOLDER.split(uri)
        self.names = parts[1::2]
        # No placeholder takes a `/`, so each segment of a URI is matched alone.
        segments: list[list[str]] = [[]]
        for text in parts[::2]:
            first, *others = text.split("/")
            segments[-1].append(first)
            segments += [[other] for other in others]
        self._segments = [
            MixedSegment(texts[0], tuple(texts[1:-1]), texts[-1])
            if len(texts) > 1
            else texts[0]
            for texts in segments
        ]

    def match(self, uri: str) -> dict[str, str] | None:
        """Return placeholder → decoded value; `None` when the URI does not match."""
        pieces = uri.split("/")
        if len(pieces) != len(self._segments):
            return None
        found: list[str] = []
        for segment, piece in zip(self._segments, pieces, strict=True):
            if isinstance(segment, MixedSegment):
                if not (inner := segment.match(piece)):
                    return None
                found += inner
            elif segment != piece:
                return None
        values: dict[str, str] = {}
        for name, text in zip(self.names, found, strict=True):
            value = unquote(text)
            # A placeholder that occurs twice must have the same value in both places.
            if values.setdefault(name, value) != value:
                return None
        return values


class Backed(NamedTuple):
    """The function that reads one URI, and the values of its placeholders."""

    plan: Plan
    values: Mapping[str, str]


class _FunctionResource(NamedTuple):
    """A resource that a function reads: a call, steps, a reference or a mock."""

    uri: str
    entry: dict[str, JSON]
    template: UriTemplate
    plan: Plan


class _FileResource(NamedTuple):
    """A resource that is a file, or a folder of files."""

    uri: str
    spec: StaticResource
    directory: Path | None

    @property
    def folder(self) -> Folder:
        return Folder(local_path(self.spec.location, self.directory))

    @property
    def mime_type(self) -> str:
        return self.spec.mime_type


class Resources:
    """The resources of one adapter, in the order of the document."""

    def __init__(self, engine: Engine, exposes: Exposes) -> None:
        backed = [f for f in exposes.functions if f.kind == "resource" and f.uri]
        self._all: list[_FunctionResource | _FileResource] = []
        self._exact: dict[str, _FunctionResource] = {}
        declared: list[Function | StaticResource] = [*backed, *exposes.files]
        for spec in sorted(declared, key=lambda spec: spec.path):
            uri = spec.uri
            if not isinstance(spec, Function):
                base = uri if uri.endswith("://") else uri.rstrip("/")
                static = _FileResource(base, spec, engine.capability.directory)
                self._all.append(static)
                continue
            plan = engine.functions.plan(spec, exposes)
            _ = plan.fits_slowly  # compiles its patterns now
            template = UriTemplate(uri)
            entry = _entry(spec, uri)
            if spec.mime_type:
                entry["mimeType"] = spec.mime_type
            resource = _FunctionResource(uri, entry, template, plan)
            self._all.append(resource)
            if not template.names:
                self._exact.setdefault(uri, resource)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def reads_folders(self) -> bool:
        """Whether the list depends on the files of a folder."""
        return any(isinstance(resource, _FileResource) for resource in self._all)

    @property
    def declared(self) -> list[JSON]:
        """The declarations of the document; reads no folder."""
        return [
            resource.entry
            if isinstance(resource, _FunctionResource)
            else list(resource.spec)
            for resource in self._all
        ]

    @property
    def templates(self) -> list[dict[str, JSON]]:
        """The entries of a list of resource templates."""
        entries = []
        for resource in self._all:
            if isinstance(resource, _FunctionResource) and resource.template.names:
                entry = dict(resource.entry)
                entry["uriTemplate"] = entry.pop("uri")
                entries.append(entry)
        return entries

    def entries(self) -> list[dict[str, JSON]]:
        """Return the entries of a list of resources; reads folders."""
        entries: list[dict[str, JSON]] = []
        for resource in self._all:
            if isinstance(resource, _FileResource):
                entries.extend(_files(resource))
            elif not resource.template.names:
                entries.append(resource.entry)
        return entries

    # --- reading ----------------------------------------------------------------------

    def backed(self, uri: str) -> Backed | None:
        """Return the function that reads a URI, and the values of its placeholders.

        A resource without placeholders beats a template. `None` when no function reads
        the URI.
        """
        exact = self._exact.get(uri)
        if exact is not None:
            return Backed(exact.plan, {})
        for resource in self._all:
            if isinstance(resource, _FunctionResource) and resource.template.names:
                values = resource.template.match(uri)
                if values is not None:
                    return Backed(resource.plan, values)
        return None

    def read_file(self, uri: str) -> dict[str, JSON]:
        """Return the content of a file.

        Raises:
            ResourceError: No resource has the URI, or the file is not served.
        """
        found = self._file_of(uri)
        if found is None:
            raise ResourceError(f"Unknown resource URI: {shorten(uri)}")
        resource, path = found
        try:
            data = resource.folder.read(path)
        except FileRefused as refused:
            raise ResourceError(f"{_reason_words(refused)}: {shorten(uri)}") from None
        kind = resource.mime_type or media_type(path or str(resource.folder.root))
        text = as_text(data)
        if text is None:
            return blob(uri, data, kind)
        if kind == UNKNOWN_TYPE:
            kind = "text/plain"
        return {"uri": uri, "mimeType": kind, "text": text}

    # --- subscriptions ----------------------------------------------------------------

    def has(self, uri: str) -> bool:
        """Tell whether a URI is one of a resource; reads no folder."""
        return self.backed(uri) is not None or self._file_of(uri) is not None

    def stamp(self, uri: str) -> JSON:
        """Return what changes when the resource of a URI does; looks at its file."""
        backed = self.backed(uri)
        if backed is not None:
            return [str(backed.plan.function)]
        found = self._file_of(uri)
        if found is None:
            return None
        try:
            return found[0].folder.stamp(found[1])
        except FileRefused:
            return None

    def _file_of(self, uri: str) -> tuple[_FileResource, str] | None:
        """Return the resource of a file, and the path of the file in its folder."""
        for resource in self._all:
            if isinstance(resource, _FileResource) and (
                uri == resource.uri or uri.startswith(f"{resource.uri}/")
            ):
                return resource, unquote(uri[len(resource.uri) + 1 :])
        return None

    # --- completion -------------------------------------------------------------------

    def complete(self, uri: str, argument: str) -> list[str] | None:
        """Return known values for an argument of a template.

        They come from the URIs of listed resources, and from the type `boolean`.

        Returns:
            The values, or `None` when no template has this URI and argument.
        """
        template = UriTemplate(uri)
        if argument not in template.names:
            return None
        known = False
        values: dict[str, None] = {}
        for resource in self._all:
            if isinstance(resource, _FunctionResource) and resource.uri == uri:
                known = True
                values |= dict.fromkeys(_enumerated(resource.plan, argument))
            elif isinstance(resource, _FileResource) and uri.startswith(
                f"{resource.uri}/"
            ):
                known = True
        if not known:
            return None
        for entry in islice(self.entries(), _MAX_COMPLETIONS):
            matched = template.match(entry["uri"])
            if matched is not None:
                values[matched[argument]] = None
        return list(values)


def _reason_words(refused: FileRefused) -> str:
    """Return why a file is not read, in the words of the specification (spec 4.4)."""
    if isinstance(refused, FileOutside):
        return "Path traversal detected for resource URI"
    if isinstance(refused, FileIsFolder):
        return "Resource URI resolves to a directory, not a file"
    return str(refused)


def _enumerated(plan: Plan, argument: str) -> Iterator[str]:
    """Yield the values of an argument whose type has only a few."""
    for parameter in plan.arguments:
        if parameter.name == argument and parameter.type == "boolean":
            yield from ("true", "false")


def _entry(spec: Function | StaticResource, uri: str) -> dict[str, JSON]:
    name = spec.name or uri
    entry: dict[str, JSON] = {"uri": uri, "name": name}
    entry["title"] = spec.label or name
    if description := " ".join(spec.description.split()):
        entry["description"] = description
    return entry


def _files(resource: _FileResource) -> Iterator[dict[str, JSON]]:
    """Yield the entry of each file of a resource."""
    base = _entry(resource.spec, resource.uri)
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
    most: int = MAX_SLOW_ANSWER,
) -> dict[str, JSON]:
    """Return the content of a resource that a function reads.

    Args:
        engine: Runs the function.
        backed: The function and its values.
        uri: The URI of the resource.
        callers: The headers that fill variables.
        caller: Variables and trace of this request.
        most: Bytes of a value that is given.

    Raises:
        ResourceError: The values have wrong types, or the call failed.
    """
    plan = backed.plan
    if plan.problem is not None:
        message = explain(plan.problem, plan, callers)
        raise ResourceError(message, is_callers=False)
    try:
        given, wrong = (
            await offload.aside(plan.fit, backed.values)
            if plan.fits_slowly
            else plan.fit(backed.values)
        )
    except CallError as error:  # too much waits already
        message = explain(error, plan, callers)
        raise ResourceError(message, is_callers=False) from None
    if wrong:
        raise ResourceError(wrong_arguments(plan, wrong))
    try:
        outcome, note = await engine.run_excerpt(plan, given, caller)
        content = await offload.small_enough(
            outcome, most, _content, outcome, plan, uri
        )
    except CallError as error:
        # The upstream API does not have it, so another URI may help.
        absent = isinstance(error, StatusError) and error.status in (404, 410)
        message = explain(error, plan, callers)
        raise ResourceError(message, is_callers=absent) from None
    if note and content["mimeType"].startswith("text/"):
        content["text"] = f"{content['text']}\n{note}\n".lstrip()
    return content


def _content(outcome: Outcome, plan: Plan, uri: str) -> dict[str, JSON]:
    declared = plan.function.mime_type
    response = outcome.reply.response if outcome.reply is not None else None
    if outcome.is_shaped and not isinstance(outcome.value, bytes):
        if outcome.encoded and not outcome.encoded.startswith(b'"'):
            encoded = outcome.encoded.decode()
            return {"uri": uri, "mimeType": declared or _JSON_TYPE, "text": encoded}
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
