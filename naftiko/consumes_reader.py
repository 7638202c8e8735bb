"""`consumes`: plain data → records, every deviation of published files named.

Nothing here raises for odd content: what cannot be read is noted as a finding and left
out. This module must not know what another place of the document declares; that is
linking.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.authentication import SUPPORTED, read_authentication
from naftiko.base_uri import read_base_uri
from naftiko.data import a_kind_of, join_path, mappings_of, text_of
from naftiko.errors import shorten
from naftiko.model import (
    BODY_METHODS,
    Body,
    Consumes,
    Import,
    InputParameter,
    OperationSpec,
    OutputParameter,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.findings import Findings
    from naftiko.model import DocumentPath

    JSON = Any

_KEBAB = re.compile(r"[a-zA-Z0-9-]+")
_PLACES = ("query", "header", "path", "cookie", "body", "environment")
_BODY_KINDS = {
    # type as written → (kind, content type, is a published spelling)
    "json": ("json", "application/json", True),
    "text": ("text", "text/plain; charset=utf-8", True),
    "xml": ("text", "application/xml", True),
    "sparql": ("text", "application/sparql-query", True),
    "yaml": ("text", "application/yaml", False),
    "formurlencoded": ("formUrlEncoded", "application/x-www-form-urlencoded", True),
    "form": ("formUrlEncoded", "application/x-www-form-urlencoded", False),
    "multipartform": ("multipartForm", "multipart/form-data", True),
    "multipart": ("multipartForm", "multipart/form-data", False),
    "binary": ("binary", "application/octet-stream", False),
    "octet-stream": ("binary", "application/octet-stream", False),
}


class ConsumesReader:
    """Read the consumed adapters of one document, in order."""

    def __init__(self, found: Findings) -> None:
        self.found = found
        self.consumes: list[Consumes] = []
        self.operations: list[OperationSpec] = []
        self.imports: list[Import] = []
        self._seen: dict[str, JSON] = {}

    def read(self, data: JSON, path: DocumentPath) -> None:
        """Read the entries of `consumes`: adapters and imports."""
        for at, entry in mappings_of(data, path):
            is_import = entry.keys() & {"location", "import", "ref", "openapi"}
            if is_import and not entry.keys() & {"resources", "baseUri"}:
                self._import(entry, at)
            else:
                self._adapter(entry, at)

    def read_root_imports(self, data: JSON, path: DocumentPath) -> None:
        """Read imports written outside `consumes`, as some published files do."""
        if isinstance(data, list):
            for index, entry in enumerate(data):
                at = (*path, index)
                self._import(
                    entry if isinstance(entry, dict) else {"location": entry}, at
                )

    def _import(self, entry: JSON, at: DocumentPath) -> None:
        location = entry.get("location") or entry.get("ref") or entry.get("url")
        name = entry.get("import") or entry.get("name") or entry.get("namespace")
        local = entry.get("as") or entry.get("namespace") or name
        if "openapi" in entry:
            location, name = f"{location} (an OpenAPI description)", entry["openapi"]
        self.imports.append(
            Import(text_of(local or name), text_of(location), text_of(name), at)
        )

    def _adapter(self, entry: Mapping[str, JSON], at: DocumentPath) -> None:
        found = self.found
        namespace = text_of(entry.get("namespace")) or f"consumes-{at[-1]}"
        if not _KEBAB.fullmatch(namespace):
            found.add(
                "W-namespace-name",
                (*at, "namespace"),
                f"the namespace '{shorten(namespace)}' is not letters, digits and '-'",
                "rename it, here and in every `call`",
            )
        if namespace in self._seen:
            identical = self._seen[namespace] == entry
            found.add(
                "W-namespace-duplicate",
                (*at, "namespace") if "namespace" in entry else at,
                f"the namespace '{shorten(namespace)}' is declared twice"
                + ("; the adapters are identical" if identical else ""),
                "keep one of them" if identical else "give each adapter its own name",
            )
            if identical:
                return
        self._seen.setdefault(namespace, entry)
        key = "authentication" if "authentication" in entry else "auth"
        authentication = read_authentication(entry.get(key), (*at, key), found)
        if authentication and authentication.type not in SUPPORTED:
            found.add(
                "U-auth-unsupported",
                (*at, key, "type"),
                f"authentication of type '{authentication.type}' is not built in",
                f"pass a signer: load(..., auth={{'{namespace}': signer}})",
            )
        consumes = Consumes(
            namespace,
            read_base_uri(entry.get("baseUri"), at, found),
            text_of(entry.get("description")),
            authentication,
            tuple(
                _read_inputs(
                    entry.get("inputParameters"), (*at, "inputParameters"), found
                )
            ),
            at,
        )
        self.consumes.append(consumes)
        self._resources(entry.get("resources"), (*at, "resources"), consumes)

    def _resources(self, data: JSON, path: DocumentPath, consumes: Consumes) -> None:
        resources = list(mappings_of(data, path))
        absolute = _is_absolute(resources)
        noted_path = noted_base = False
        for at, entry in resources:
            name = entry.get("name")
            if not isinstance(name, str) or not _KEBAB.fullmatch(name):
                self.found.add(
                    "W-resource-name",
                    (*at, "name"),
                    f"the resource name '{shorten(name or '')}' is not letters, digits"
                    " and '-'",
                    "rename it; nothing refers to it",
                )
            path_text = text_of(entry.get("path"))
            inputs = tuple(
                _read_inputs(
                    entry.get("inputParameters"), (*at, "inputParameters"), self.found
                )
            )
            base_path = re.sub(r"^[a-z]+://[^/]*", "", consumes.base_uri).rstrip("/")
            if base_path and not noted_base and _begins(path_text, base_path):
                noted_base = True
                self.found.add(
                    "W-path-repeats-base",
                    (*at, "path"),
                    f"the path repeats '{shorten(base_path)}' of the base URI",
                    "remove it from one of them; it is sent twice",
                )
            if not isinstance(entry.get("operations"), list):
                self.found.add(
                    "W-incomplete-dropped",
                    at,
                    f"the resource '{shorten(name or '')}' has no operations",
                    "add `operations:` or remove the resource",
                )
            for where, operation in mappings_of(
                entry.get("operations"), (*at, "operations")
            ):
                own = text_of(operation.get("path"))
                if own and not noted_path:
                    noted_path = True
                    self.found.add(
                        "W-operation-path",
                        (*where, "path"),
                        "operations carry a `path`, read here as "
                        + (
                            "the whole path"
                            if absolute
                            else "a continuation of the resource's"
                        ),
                        "make each path a resource of its own",
                    )
                full = own if own and absolute else join_path(path_text, own)
                self._operation(operation, where, consumes, text_of(name), full, inputs)

    def _operation(
        self,
        entry: Mapping[str, JSON],
        at: DocumentPath,
        consumes: Consumes,
        resource: str,
        url_path: str,
        inherited: tuple[InputParameter, ...],
    ) -> None:
        found = self.found
        named = entry.get("name")
        name = text_of(entry.get("id") if named is None else named)
        if not name:
            found.add(
                "W-incomplete-dropped",
                at,
                "an operation without a name is left out",
                "add `name:`",
            )
            return
        if not _KEBAB.fullmatch(name):
            found.add("S-name", at, f"the operation name '{name}' is not kebab-case")
        method = text_of(entry.get("method"))
        if not method:
            found.add(
                "W-incomplete-dropped",
                at,
                f"the operation '{name}' has no method and is left out",
                "add `method: GET` or another",
            )
            return
        if method == "HEAD":
            found.add("S-method", (*at, "method"), "HEAD is not in the published rules")
        own = tuple(
            _read_inputs(entry.get("inputParameters"), (*at, "inputParameters"), found)
        )
        parameters = _merge((consumes.parameters, inherited, own))
        raw_format = text_of(entry.get("outputRawFormat")) or "json"
        if raw_format.lower() in ("text", "binary"):
            found.add(
                "W-output-format",
                (*at, "outputRawFormat"),
                f"`outputRawFormat: {raw_format}` is not in the published rules",
                "it is read as meant; remove it to pass the published rules",
            )
        url_path, _, fragment = url_path.partition("#")
        if fragment:
            parameters = self._fragment(fragment, parameters, at)
        self.operations.append(
            OperationSpec(
                consumes,
                name,
                resource,
                method.upper(),
                url_path,
                text_of(entry.get("description")),
                parameters,
                self._body(entry, at, method.upper(), parameters),
                raw_format,
                text_of(entry.get("outputSchema")),
                tuple(
                    _read_outputs(
                        entry.get("outputParameters"), (*at, "outputParameters")
                    )
                ),
                at,
            )
        )

    def _fragment(
        self, fragment: str, parameters: tuple[InputParameter, ...], at: DocumentPath
    ) -> tuple[InputParameter, ...]:
        """Note a fragment; `#X-Amz-Target=Service.Op` stands for a header."""
        self.found.add(
            "W-path-fragment",
            at,
            f"'#{shorten(fragment)}' in the path is not part of a URL and is not sent",
            "declare what tells the operation apart as a header or query parameter",
        )
        name, sign, value = fragment.partition("=")
        if not sign or name.lower() != "x-amz-target":
            return parameters
        rest = tuple(
            p for p in parameters if (p.in_, p.name.lower()) != ("header", name.lower())
        )
        return (
            *rest,
            InputParameter(name, "header", "string", default=value, path=at),
        )

    def _body(
        self,
        entry: Mapping[str, JSON],
        at: DocumentPath,
        method: str,
        parameters: tuple[InputParameter, ...],
    ) -> Body | None:
        where = (*at, "body")
        data = entry.get("body")
        if data is None:
            fields = tuple(p for p in parameters if p.in_ == "body")
            if fields:
                return Body("json", "application/json", fields=fields, path=where)
            if method in BODY_METHODS:
                # Not even its type is known: the value that is given decides.
                return Body("json", "", is_open=True, path=where)
            return None
        if not isinstance(data, dict):
            # The fifth published shape: the text itself, sent as JSON.
            return Body("json", "application/json", data, path=where)
        written = text_of(data.get("type")) or "json"
        kind, content_type, published = _BODY_KINDS.get(
            written.lower(),
            ("binary", written, False) if "/" in written else ("", "", False),
        )
        if not kind:
            self.found.add(
                "U-body-type",
                (*where, "type"),
                f"a body of type '{shorten(written)}' is not known",
                "use json, text, xml, sparql, formUrlEncoded or multipartForm",
            )
            return Body("unknown", "", None, path=where)
        if not published:
            self.found.add(
                "W-body-type",
                (*where, "type"),
                f"the body type '{shorten(written)}' is read as {content_type}",
                "use json, text, xml, sparql, formUrlEncoded or multipartForm",
            )
        template = data.get("data")
        if kind in ("text", "binary") and isinstance(template, dict):
            if published:
                self.found.add(
                    "W-body-data",
                    (*where, "data"),
                    f"a {written} body is a text; its one value is taken",
                    "write `data` as a text",
                )
            template = next(iter(template.values()), None)
        undescribed = template is None or (kind == "json" and template == {})
        fields = tuple(p for p in parameters if p.in_ == "body")
        if undescribed and fields and kind != "binary":
            return Body(kind, content_type, fields=fields, path=where)
        return Body(kind, content_type, template, is_open=undescribed, path=where)


def _is_absolute(resources: list[tuple[DocumentPath, Mapping[str, JSON]]]) -> bool:
    """Decide for a whole adapter whether operation paths repeat the resource's."""
    for _, resource in resources:
        own = text_of(resource.get("path")).rstrip("/")
        if not own:
            continue
        for _, operation in mappings_of(resource.get("operations"), ()):
            if _begins(text_of(operation.get("path")), own):
                return True
    return False


def _begins(path: str, prefix: str) -> bool:
    rest = path.removeprefix(prefix)
    return path.startswith(prefix) and (not rest or rest[0] in "/:")


def _merge(
    levels: tuple[tuple[InputParameter, ...], ...],
) -> tuple[InputParameter, ...]:
    """Return the parameters of all levels; a lower level replaces a higher one's."""
    merged: dict[tuple[str, str], InputParameter] = {}
    for level in levels:
        for parameter in level:
            name = parameter.name
            if parameter.in_ == "header":
                name = name.lower()
            merged[parameter.in_, name] = parameter
    return tuple(merged.values())


def _read_inputs(
    data: JSON, path: DocumentPath, found: Findings
) -> Iterator[InputParameter]:
    for at, entry in mappings_of(data, path):
        name = text_of(entry.get("name"))
        in_ = text_of(entry.get("in"))
        required = entry.get("required") is True or in_ == "path"
        if not name:
            found.add(
                "U-parameter-nameless",
                at,
                "a parameter without a name is left out",
                "add `name:`",
                severity="error" if in_ == "path" else "warning",
            )
            continue
        if in_ and in_ not in _PLACES:
            found.add(
                "U-parameter-place",
                (*at, "in"),
                f"the parameter '{shorten(name)}' has no place '{shorten(in_)}'",
                f"use one of {', '.join(_PLACES)}",
            )
        value = entry.get("value")
        if isinstance(value, (dict, list)):
            found.add(
                "W-parameter-value",
                (*at, "value"),
                f"the value of '{shorten(name)}' is {a_kind_of(value)}; its texts are"
                " rendered",
                "describe it under `body.data`",
            )
        yield InputParameter(
            name,
            in_,
            text_of(entry.get("type")),
            required,
            text_of(entry.get("description")),
            value,
            path=at,
        )


def _read_outputs(data: JSON, path: DocumentPath) -> Iterator[OutputParameter]:
    for at, entry in mappings_of(data, path):
        value = entry.get("value", entry.get("mapping"))
        yield OutputParameter(
            text_of(entry.get("name")),
            text_of(entry.get("type")),
            text_of(value) if value is not None else "$",
            at,
        )
