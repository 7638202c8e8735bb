"""Read consumed adapters: `consumes` of a document (spec 2).

    {namespace: shop, baseUri: https://shop.test, resources: [...]}
        →  Consumes("shop", "https://shop.test"), OperationSpec(..., "find"), ...

Nothing here raises for odd content: an element that cannot be read is noted as a
finding and left out. This module must not know what another place of the document
declares; that is linking.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.findings import Findings, Mention
from naftiko.errors import did_you_mean, names_of, shorten
from naftiko.plain import a_kind_of, join_path, mappings_of, text_of
from naftiko.records.tuples import NamedTuple
from naftiko.spec.authentication import is_none, read_authentication
from naftiko.spec.base_uri import read_base_uri
from naftiko.spec.bodies import read_body
from naftiko.spec.imports import is_import, read_import
from naftiko.spec.model import (
    PUBLISHED_METHODS,
    Consumes,
    Import,
    InputParameter,
    OperationSpec,
    OutputParameter,
    keywords_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.rules import Rule
    from naftiko.plain import JSON, DocumentPath

    _Placed = tuple[DocumentPath, Mapping[str, JSON]]

_KEBAB = re.compile(r"[a-zA-Z0-9-]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
#: The beginning of a base URI: an origin, or a template that stands for one. A scheme
#: is read from its first character only.
_ORIGIN = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://[^/]*|[{$\[][^/]*")
_PLACES = ("query", "header", "path", "cookie", "body", "environment")


class _Resource(NamedTuple):
    """The part of a resource that its operations share."""

    name: str
    path: str
    inputs: tuple[InputParameter, ...]


class ConsumesReader:
    """Read the consumed adapters of one document, in order."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        #: Whether adapters are read that are not of the type `http`.
        self.is_foreign = False
        self.consumes: list[Consumes] = []
        self.operations: list[OperationSpec] = []
        self.imports: list[Import] = []

    def read(self, data: JSON, path: DocumentPath) -> None:
        """Read the entries of `consumes`: adapters and imports."""
        adapters: list[_Placed] = []
        for at, entry in self.findings.mappings(data, path):
            if is_import(entry):
                self.imports.append(read_import(entry, at))
            else:
                adapters.append((at, entry))
        copies = self._copies(adapters)
        for at, entry in adapters:
            if at not in copies:
                self._adapter(entry, at)

    def _copies(self, adapters: list[_Placed]) -> set[DocumentPath]:
        """Note namespaces that are declared twice; return the places of mere copies."""
        by_name: dict[str, list[_Placed]] = {}
        for at, entry in adapters:
            by_name.setdefault(text_of(entry.get("namespace")), []).append((at, entry))
        copies: set[DocumentPath] = set()
        for namespace, group in by_name.items():
            if len(group) == 1 or not namespace:
                continue
            seen: set[str] = set()
            for at, entry in group:
                content = json.dumps(entry, sort_keys=True)
                if content in seen:
                    copies.add(at)
                seen.add(content)
            alike = " identical" if len(seen) == 1 else ""
            shown = shorten(namespace)
            self.findings.add(
                rules.NAMESPACE_DUPLICATE,
                (*group[1][0], "namespace"),
                f"{len(group)}{alike} adapters have the namespace '{shown}'",
                "keep one of them" if alike else "give each adapter its own name",
                related=(Mention((*group[0][0], "namespace"), "first declared here"),),
            )
        return copies

    def read_root_imports(self, data: JSON, path: DocumentPath) -> None:
        """Read imports written outside `consumes`, as some published files do."""
        if data is None:
            return
        entries = data if isinstance(data, list) else [data]
        for index, entry in enumerate(entries):
            at = (*path, index) if entries is data else path
            given = entry if isinstance(entry, dict) else {"location": entry}
            self.imports.append(read_import(given, at))

    def _adapter(self, entry: Mapping[str, JSON], at: DocumentPath) -> None:
        if is_foreign(entry):
            self._foreign(entry, at)
        else:
            self._http(entry, at)

    def _foreign(self, entry: Mapping[str, JSON], at: DocumentPath) -> None:
        """Read an adapter of another type: its operations are known, and unusable."""
        kind = text_of(entry.get("type"))
        self.findings.add(
            rules.CONSUMES_TYPE,
            (*at, "type"),
            f"a consumed adapter of type '{shorten(kind)}' cannot be called",
            did_you_mean(kind, ("http",)) or "only `type: http` can be called",
        )
        # What else it says follows rules of its own, so nothing of it is noted.
        reader = ConsumesReader(Findings(self.findings.document))
        reader.is_foreign = True
        reader._http(entry, at)
        self.consumes += reader.consumes
        # Nothing is decoded, so that a call is refused for the type of the adapter.
        self.operations += [
            operation._replace(output_raw_format="json", outputs=())
            for operation in reader.operations
        ]

    def _http(self, entry: Mapping[str, JSON], at: DocumentPath) -> None:
        namespace = text_of(entry.get("namespace")) or f"consumes-{at[-1]}"
        if not _KEBAB.fullmatch(namespace):
            self.findings.add(
                rules.NAMESPACE_NAME,
                (*at, "namespace"),
                f"the namespace '{shorten(namespace)}' is not letters, digits and '-'",
                "rename it, here and in every `call`",
            )
        key = "auth" if entry.get("authentication") is None else "authentication"
        is_written = "baseUri" in entry
        consumes = Consumes(
            namespace,
            read_base_uri(entry.get("baseUri"), at, self.findings, written=is_written),
            text_of(entry.get("description")),
            read_authentication(entry.get(key), namespace, (*at, key), self.findings),
            tuple(_read_inputs(entry, at, self.findings)),
            at,
            self.is_foreign,
        )
        self.consumes.append(consumes)
        self._resources(entry.get("resources"), (*at, "resources"), consumes)

    def _resources(self, data: JSON, path: DocumentPath, consumes: Consumes) -> None:
        findings = self.findings
        resources = list(findings.mappings(data, path))
        absolute = _is_absolute(resources)
        base_path = _ORIGIN.sub("", consumes.base_uri, count=1).rstrip("/")
        noted: set[Rule] = set()
        for at, entry in resources:
            resource = self._resource(entry, at)
            for where, operation in findings.mappings(
                entry.get("operations"), (*at, "operations")
            ):
                own = text_of(operation.get("path"))
                path_at = (*where, "path") if own else (*at, "path")
                if own and rules.OPERATION_PATH not in noted:
                    noted.add(rules.OPERATION_PATH)
                    how = (
                        "the whole" if absolute else "a continuation of the resource's"
                    )
                    findings.add(
                        rules.OPERATION_PATH,
                        path_at,
                        f"operations carry a `path`, read here as {how} path",
                        "make each path a resource of its own",
                    )
                full = own if own and absolute else join_path(resource.path, own)
                repeats = base_path and _begins("/" + full.lstrip("/"), base_path)
                if repeats and rules.PATH_REPEATS_BASE not in noted:
                    noted.add(rules.PATH_REPEATS_BASE)
                    findings.add(
                        rules.PATH_REPEATS_BASE,
                        path_at,
                        f"the path repeats '{shorten(base_path)}' of the base URI",
                        "remove it from one of them; it is sent twice",
                    )
                self._operation(operation, where, consumes, resource, full, path_at)

    def _resource(self, entry: Mapping[str, JSON], at: DocumentPath) -> _Resource:
        name = text_of(entry.get("name"))
        if not _KEBAB.fullmatch(name) or _DATE.fullmatch(name):
            what = "is not letters, digits and '-'"
            if _DATE.fullmatch(name):
                what = "is a date"
            self.findings.add(
                rules.RESOURCE_NAME,
                (*at, "name") if "name" in entry else at,
                f"the resource name '{shorten(name)}' {what}"
                if name
                else "a resource without a name",
                "rename it; nothing refers to it" if name else "add `name:`",
            )
        if not entry.get("operations"):
            self.findings.dropped(
                at,
                f"the resource '{shorten(name)}' has no operations",
                "add `operations:` or remove the resource",
            )
        inputs = tuple(_read_inputs(entry, at, self.findings))
        return _Resource(name, text_of(entry.get("path")), inputs)

    def _operation(
        self,
        entry: Mapping[str, JSON],
        at: DocumentPath,
        consumes: Consumes,
        resource: _Resource,
        url_path: str,
        path_at: DocumentPath,
    ) -> None:
        findings = self.findings
        name_key = "name" if text_of(entry.get("name")) else "id"
        name = text_of(entry.get(name_key))
        if not name:
            findings.dropped(
                at, "an operation without a name is left out", "add `name:`"
            )
            return
        if not _KEBAB.fullmatch(name):
            findings.add(
                rules.NAME,
                (*at, name_key),
                f"the operation name '{shorten(name)}' is not letters, digits and '-'",
                "rename it, here and in every `call`",
            )
        method = self._method(entry, at, name)
        if not method:
            return
        if is_none(entry.get("authentication")) and consumes.authentication:
            # The operation alone is open: nothing identifies the caller.
            consumes = consumes._replace(authentication=None)
        own = tuple(_read_inputs(entry, at, findings))
        parameters = _merge((consumes.parameters, resource.inputs, own))
        url_path, _, fragment = url_path.partition("#")
        if fragment:
            parameters = self._fragment(fragment, parameters, path_at)
        self._note_objects(parameters, url_path)
        outputs = entry.get("outputParameters")
        self.operations.append(
            OperationSpec(
                consumes,
                name,
                resource.name,
                method.upper(),
                url_path,
                text_of(entry.get("description")),
                parameters,
                read_body(
                    entry, at, method.upper(), parameters, consumes, self.findings
                ),
                self._raw_format(entry, at),
                text_of(entry.get("outputSchema")),
                tuple(_read_outputs(outputs, (*at, "outputParameters"), findings)),
                at,
                path_at,
                declares_format=bool(text_of(entry.get("outputRawFormat"))),
            )
        )

    def _method(self, entry: Mapping[str, JSON], at: DocumentPath, name: str) -> str:
        """Return the method of an operation; empty for one that is left out."""
        findings = self.findings
        method = text_of(entry.get("method"))
        if self.is_foreign:
            method = method or "-"
        if not method:
            findings.dropped(
                at,
                f"the operation '{shorten(name)}' has no method and is left out",
                "add `method: GET` or another",
            )
            return ""
        if method not in PUBLISHED_METHODS:
            findings.add(
                rules.METHOD_UNPUBLISHED,
                (*at, "method"),
                f"the method '{shorten(method)}' is not in the published rules",
                did_you_mean(method, PUBLISHED_METHODS)
                or f"use one of {names_of(PUBLISHED_METHODS)}",
            )
        return method

    def _raw_format(self, entry: Mapping[str, JSON], at: DocumentPath) -> str:
        raw_format = text_of(entry.get("outputRawFormat")) or "json"
        if raw_format.lower() in ("text", "binary"):
            self.findings.add(
                rules.OUTPUT_FORMAT_UNPUBLISHED,
                (*at, "outputRawFormat"),
                f"`outputRawFormat: {raw_format}` is not in the published rules",
                "it is read as meant; remove it to pass the published rules",
            )
        return raw_format

    def _note_objects(
        self, parameters: tuple[InputParameter, ...], url_path: str
    ) -> None:
        """Note objects in the query: there is no convention for them."""
        for parameter in parameters:
            placed = f"{{{parameter.name}}}" in url_path
            if (parameter.in_, parameter.type) == ("query", "object") and not placed:
                self.findings.add(
                    rules.PARAMETER_VALUE,
                    (*parameter.path, "type"),
                    f"'{shorten(parameter.name)}' is an object in the query; it is sent"
                    " as compact JSON",
                    "give what the API expects as a text: `type: string`",
                )

    def _fragment(
        self, fragment: str, parameters: tuple[InputParameter, ...], at: DocumentPath
    ) -> tuple[InputParameter, ...]:
        """Note a fragment; `#X-Amz-Target=Service.Op` stands for a header."""
        name, sign, value = fragment.partition("=")
        is_header = bool(sign) and name.lower() == "x-amz-target"
        self.findings.add(
            rules.PATH_FRAGMENT,
            at,
            f"'#{shorten(fragment)}' in the path is no part of a URL and "
            + (f"sent as the header {name}: {value}" if is_header else "not sent"),
            "declare it as a header or query parameter, so that it is sent",
        )
        if not is_header:
            return parameters
        rest = tuple(
            p for p in parameters if (p.in_, p.name.lower()) != ("header", name.lower())
        )
        return (
            *rest,
            InputParameter(name, "header", "string", default=value, path=at),
        )


def is_foreign(entry: JSON) -> bool:
    """Tell whether an entry of `consumes` is an adapter of a type other than `http`."""
    kind = entry.get("type") if isinstance(entry, dict) else None
    return isinstance(kind, str) and kind.lower() not in ("", "http")


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
    if not any(levels):
        return ()
    merged: dict[tuple[str | int, ...], InputParameter] = {}
    for level in levels:
        own: dict[tuple[str | int, ...], InputParameter] = {}
        for parameter in level:
            name = parameter.name
            if parameter.in_ == "header":
                name = name.lower()
            key: tuple[str | int, ...] = (parameter.in_, name)
            if key in own and parameter.value is not None:
                key = (*key, len(own))  # constants of one name are all sent
            own[key] = parameter
        merged |= own
    return tuple(merged.values())


def _read_inputs(
    holder: Mapping[str, JSON], where: DocumentPath, findings: Findings
) -> Iterator[InputParameter]:
    """Yield the `inputParameters` of an adapter, a resource or an operation."""
    data = holder.get("inputParameters")
    if data is None:
        return
    for at, entry in findings.mappings(data, (*where, "inputParameters")):
        name, in_ = text_of(entry.get("name")), text_of(entry.get("in"))
        required = entry.get("required") is True or in_ == "path"
        if not name:
            findings.add(
                rules.PARAMETER_NAMELESS,
                at,
                "a parameter without a name is left out",
                "add `name:`",
                severity=rules.ERROR if in_ == "path" else rules.WARNING,
            )
            continue
        if in_ and in_ not in _PLACES:
            findings.unknown(
                rules.PARAMETER_PLACE,
                (*at, "in"),
                f"the parameter '{shorten(name)}' has an unknown place,"
                f" '{shorten(in_)}'",
                in_,
                _PLACES,
            )
        # `template` is the older word (spec 2.3).
        value_key = "template" if entry.get("value") is None else "value"
        value = entry.get(value_key)
        if isinstance(value, (dict, list)):
            findings.add(
                rules.PARAMETER_VALUE,
                (*at, value_key),
                f"the value of '{shorten(name)}' is {a_kind_of(value)}; its texts are"
                " rendered",
                "describe it under `body.data`",
            )
        yield InputParameter(
            name,
            in_,
            findings.type_of(entry, at),
            required,
            text_of(entry.get("description")),
            value,
            path=at,
            keywords=keywords_of(entry),
            is_optional=entry.get("required") is False and not required,
        )


def _read_outputs(
    data: JSON, path: DocumentPath, findings: Findings
) -> Iterator[OutputParameter]:
    for at, entry in findings.mappings(data, path):
        name, type_ = text_of(entry.get("name")), findings.type_of(entry, at)
        value = entry.get("value", entry.get("mapping"))
        if value is None or not type_:
            lacking = "type" if value is not None else "value"
            findings.dropped(
                at,
                f"the output '{shorten(name)}' has no `{lacking}` and is left out",
                f"add `{lacking}:`, such as "
                + ("`type: object`" if lacking == "type" else "`value: $`"),
            )
            continue
        yield OutputParameter(name, type_, text_of(value), at)
