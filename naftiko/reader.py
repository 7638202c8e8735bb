"""Plain data → records, with every deviation of published files read and named.

Nothing here raises for odd content: what cannot be read is noted as a finding and left
out. Whole-document refusals come first (`refusal`), then one function per noun of the
specification. This module must not know what another place of the document declares;
that is linking.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.authentication import SUPPORTED, read_authentication
from naftiko.base_uri import read_base_uri
from naftiko.errors import names_of, shorten
from naftiko.model import (
    BODY_METHODS,
    Binding,
    Body,
    CapabilitySpec,
    Consumes,
    Exposes,
    Function,
    Import,
    Info,
    InputParameter,
    Link,
    OperationSpec,
    OutputParameter,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.findings import Findings
    from naftiko.model import DocumentPath

    JSON = Any

VERSION = "1.0.0-alpha2"
OLDER_VERSIONS = ("1.0.0-alpha1",)

_KEBAB = re.compile(r"[a-zA-Z0-9-]+")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
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


# --- the document as a whole -----------------------------------------------------


def refusal(data: JSON, found: Findings) -> bool:
    """Note why a document is no capability at all; return whether that is so."""
    if not isinstance(data, dict):
        kind = "empty" if data is None else f"a {_kind(data)}"
        found.add(
            "E-not-a-capability",
            (),
            f"the document is {kind}, not a mapping",
            f"begin with `naftiko: {VERSION}` and `capability:`",
        )
        return True
    version = data.get("naftiko")
    capability, shared = data.get("capability"), data.get("consumes")
    if not isinstance(version, (str, int, float)) and "ikanos" not in data:
        found.add(
            "E-not-a-capability", (), _what_it_is(data), _how_to_begin(data, version)
        )
        return True
    if "capability" not in data and "consumes" not in data:
        found.add(
            "E-not-a-capability",
            (),
            _what_it_is(data),
            "a capability has a `capability` mapping with `consumes` or `exposes`",
        )
        return True
    if version not in (VERSION, *OLDER_VERSIONS):
        key = "naftiko" if version is not None else "ikanos"
        found.add(
            "E-version-unsupported",
            (key,),
            f"version '{shorten(data[key])}' ({key}) is not supported",
            f"supported: {', '.join((VERSION, *OLDER_VERSIONS))}",
        )
        return True
    holder = capability if "capability" in data else data
    if "capability" in data and not isinstance(capability, dict):
        found.add(
            "E-not-a-capability",
            ("capability",),
            f"`capability` is {_a_kind(capability)}, not a mapping",
            "write `consumes:` or `exposes:` below it",
        )
        return True
    if not holder.get("consumes") and not holder.get("exposes"):
        others = [key for key in holder if key not in ("consumes", "exposes")]
        if others and not {"imports", "tools"}.isdisjoint(others):
            hint = f"it holds {names_of(others)}, which name things in other files"
        else:
            hint = "add `consumes:` with at least one adapter"
        at = ("capability",) if holder is capability else ("consumes",)
        # Adapters written as `capability.tools` or imports still load: their units
        # are listed as unusable. Nothing at all, or a workflow, cannot be run.
        if shared is None and "tools" in holder and "exposes" in holder:
            return False
        found.add(
            "E-nothing-to-run", at, "the capability consumes and exposes nothing", hint
        )
        return True
    return False


def _what_it_is(data: Mapping[str, JSON]) -> str:
    keys = names_of([f"`{key}`" for key in data], 6)
    return f"not a capability document: it holds {keys}"


def _how_to_begin(data: Mapping[str, JSON], version: JSON) -> str:
    if "openapi" in data or "swagger" in data:
        return "it looks like an OpenAPI description"
    if "apiVersion" in data and "kind" in data:
        return "it looks like a Kubernetes-style manifest"
    reference = next(_references(data), "")
    refers = f" that refers to {shorten(reference, 60)}" if reference else ""
    if isinstance(version, dict):
        return f"write the version as a text: `naftiko: {VERSION}`"
    if {"workflow", "workflows", "operations", "imports"} & set(data):
        return f"it looks like a workflow description{refers}"
    if {"tools", "mcp_tools", "actions"} & set(data):
        return f"it looks like a list of tools{refers}"
    if "capabilities" in data:
        return f"it looks like a list of capabilities{refers}"
    if "consumes" in data:
        return f"it looks like a stub{refers}"
    return f"begin with `naftiko: {VERSION}`"


def _references(data: JSON, depth: int = 0) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key in ("ref", "$ref", "location", "path", "url") and isinstance(
                value, str
            ):
                if value.endswith((".yaml", ".yml", ".json")):
                    yield value
            elif depth < 8:
                yield from _references(value, depth + 1)
    elif isinstance(data, list) and depth < 8:
        for item in data:
            yield from _references(item, depth + 1)


def read_capability(data: JSON, found: Findings) -> CapabilitySpec:
    """Read a document that `refusal` let pass."""
    version = str(data.get("naftiko"))
    if version in OLDER_VERSIONS:
        found.add(
            "W-version-older",
            ("naftiko",),
            f"version '{version}' is read as {VERSION}",
            f"write `naftiko: {VERSION}`",
        )
    at: DocumentPath = ("capability",) if "capability" in data else ()
    holder = data["capability"] if at else data
    reader = _ConsumesReader(found)
    reader.read(holder.get("consumes"), (*at, "consumes"))
    for key in ("import", "imports"):
        for where in ((), at) if at else ((),):
            reader.read_root_imports((data if not where else holder).get(key), (*where, key))
    if at and "tools" in holder:
        found.add(
            "W-expose-empty",
            (*at, "tools"),
            "`tools` directly below `capability` is not served",
            "move it below an adapter of type mcp, with a `call` for each tool",
            key=True,
        )
    return CapabilitySpec(
        version=version,
        info=_read_info(data.get("info"), found),
        binds=tuple(_read_binds(data.get("binds"), ("binds",)))
        + tuple(_read_binds(holder.get("binds") if at else None, (*at, "binds"))),
        operations=tuple(reader.operations),
        consumes=tuple(reader.consumes),
        imports=tuple(reader.imports),
        exposes=tuple(_read_exposes(holder.get("exposes"), (*at, "exposes"), found)),
        aggregates=tuple(_read_aggregates(holder.get("aggregates"), (*at, "aggregates"))),
    )


def _read_info(data: JSON, found: Findings) -> Info:
    if not isinstance(data, dict):
        return Info()
    label = data.get("label")
    if label is None and data.get("title") is None and data.get("name") is not None:
        found.add(
            "W-info-label", ("info",), "`info.name` is read as the label", "write `label`"
        )
    for key in ("title", "name"):
        label = data.get(key) if label is None else label
    tags = data.get("tags")
    return Info(
        _text(label),
        _text(data.get("description")),
        tuple(map(str, tags)) if isinstance(tags, list) else (),
        _text(data.get("created")),
        _text(data.get("modified")),
    )


def _read_binds(data: JSON, path: DocumentPath) -> Iterator[Binding]:
    for at, entry in _mappings(data, path):
        keys = entry.get("keys")
        if isinstance(keys, dict):
            yield Binding(
                _text(entry.get("namespace")),
                {str(name): _text(value) for name, value in keys.items()},
                _text(entry.get("location")),
                at,
            )


# --- consumes --------------------------------------------------------------------


class _ConsumesReader:
    """Read the consumed adapters of one document, in order."""

    def __init__(self, found: Findings) -> None:
        self.found = found
        self.consumes: list[Consumes] = []
        self.operations: list[OperationSpec] = []
        self.imports: list[Import] = []
        self._seen: dict[str, JSON] = {}

    def read(self, data: JSON, path: DocumentPath) -> None:
        for at, entry in _mappings(data, path):
            if "resources" not in entry and "baseUri" not in entry:
                if entry.keys() & {"location", "import", "ref", "openapi"}:
                    self._import(entry, at)
                    continue
            self._adapter(entry, at)

    def read_root_imports(self, data: JSON, path: DocumentPath) -> None:
        """Read imports written outside `consumes`, as some published files do."""
        if isinstance(data, list):
            for index, entry in enumerate(data):
                at = (*path, index)
                self._import(entry if isinstance(entry, dict) else {"location": entry}, at)

    def _import(self, entry: JSON, at: DocumentPath) -> None:
        location = entry.get("location") or entry.get("ref") or entry.get("url")
        name = entry.get("import") or entry.get("name") or entry.get("namespace")
        local = entry.get("as") or entry.get("namespace") or name
        if "openapi" in entry:
            location, name = f"{location} (an OpenAPI description)", entry["openapi"]
        self.imports.append(
            Import(_text(local or name), _text(location), _text(name), at)
        )

    def _adapter(self, entry: Mapping[str, JSON], at: DocumentPath) -> None:
        found = self.found
        namespace = _text(entry.get("namespace")) or f"consumes-{at[-1]}"
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
            _text(entry.get("description")),
            authentication,
            tuple(_read_inputs(entry.get("inputParameters"), (*at, "inputParameters"), found)),
            at,
        )
        self.consumes.append(consumes)
        self._resources(entry.get("resources"), (*at, "resources"), consumes)

    def _resources(self, data: JSON, path: DocumentPath, consumes: Consumes) -> None:
        resources = list(_mappings(data, path))
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
            path_text = _text(entry.get("path"))
            inputs = tuple(
                _read_inputs(entry.get("inputParameters"), (*at, "inputParameters"), self.found)
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
            for where, operation in _mappings(entry.get("operations"), (*at, "operations")):
                own = _text(operation.get("path"))
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
                full = own if own and absolute else _join_path(path_text, own)
                self._operation(operation, where, consumes, _text(name), full, inputs)

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
        name = _text(entry.get("id") if named is None else named)
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
        method = _text(entry.get("method"))
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
        raw_format = _text(entry.get("outputRawFormat")) or "json"
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
                _text(entry.get("description")),
                parameters,
                self._body(entry, at, method.upper(), parameters),
                raw_format,
                _text(entry.get("outputSchema")),
                tuple(_read_outputs(entry.get("outputParameters"), (*at, "outputParameters"))),
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
                return Body("json", "application/json", is_open=True, path=where)
            return None
        if not isinstance(data, dict):
            # The fifth published shape: the text itself, sent as JSON.
            return Body("json", "application/json", data, path=where)
        written = _text(data.get("type")) or "json"
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
        own = _text(resource.get("path")).rstrip("/")
        if not own:
            continue
        for _, operation in _mappings(resource.get("operations"), ()):
            if _begins(_text(operation.get("path")), own):
                return True
    return False


def _begins(path: str, prefix: str) -> bool:
    rest = path.removeprefix(prefix)
    return path.startswith(prefix) and (not rest or rest[0] in "/:")


def _join_path(path: str, more: str) -> str:
    if not more:
        return path
    if more[0] in ":?#":
        return path + more
    return f"{path.rstrip('/')}/{more.removeprefix('/')}"


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
    for at, entry in _mappings(data, path):
        name = _text(entry.get("name"))
        in_ = _text(entry.get("in"))
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
                f"the value of '{shorten(name)}' is {_a_kind(value)}; its texts are"
                " rendered",
                "describe it under `body.data`",
            )
        yield InputParameter(
            name,
            in_,
            _text(entry.get("type")),
            required,
            _text(entry.get("description")),
            value,
            path=at,
        )


def _read_outputs(data: JSON, path: DocumentPath) -> Iterator[OutputParameter]:
    for at, entry in _mappings(data, path):
        value = entry.get("value", entry.get("mapping"))
        yield OutputParameter(
            _text(entry.get("name")),
            _text(entry.get("type")),
            _text(value) if value is not None else "$",
            at,
        )


# --- exposes ---------------------------------------------------------------------


def _read_exposes(data: JSON, path: DocumentPath, found: Findings) -> Iterator[Exposes]:
    for at, entry in _mappings(data, path):
        kind = _text(entry.get("type"))
        readers = {
            "rest": _rest_functions,
            "mcp": _mcp_functions,
            "skill": _skill_functions,
            "control": _no_functions,
        }
        if kind not in readers:
            found.add(
                "U-expose-type",
                (*at, "type") if "type" in entry else at,
                f"an adapter of type '{shorten(kind)}' cannot be served",
                f"use one of {', '.join(readers)}",
            )
            continue
        namespace = _text(entry.get("namespace"))
        content = {"rest": "resources", "mcp": "tools", "skill": "skills"}.get(kind)
        holds = entry.get(content) if content else True
        offered = holds or entry.get("prompts") or (kind == "mcp" and entry.get("resources"))
        if content and (not offered or not namespace):
            what = f"no `{content}`" if not offered else "no `namespace`"
            found.add(
                "W-expose-empty",
                at,
                f"the {kind} adapter has {what}",
                "add it, or remove the adapter",
            )
        port = entry.get("port")
        transport = _text(entry.get("transport"))
        if port is None and transport != "stdio":
            found.add(
                "W-port-missing",
                at,
                f"the {kind} adapter '{shorten(namespace)}' has no port",
                "add `port:`",
            )
        yield Exposes(
            kind,
            namespace,
            _text(entry.get("address")),
            port if isinstance(port, int) else None,
            transport,
            _text(entry.get("description")),
            tuple(readers[kind](entry, at, found)),
            tuple(_links(entry, at)),
            entry.get("authentication"),
            at,
        )


def _links(entry: Mapping[str, JSON], at: DocumentPath) -> Iterator[Link]:
    for where, resource in _mappings(entry.get("resources"), (*at, "resources")):
        forward = resource.get("forward")
        if isinstance(forward, dict):
            target = _text(forward.get("targetNamespace"))
            yield Link("forward", target, path=(*where, "forward"))
    for where, skill in _mappings(entry.get("skills"), (*at, "skills")):
        for here, tool in _mappings(skill.get("tools"), (*where, "tools")):
            source = tool.get("from")
            if isinstance(source, dict):
                yield Link(
                    "from",
                    _text(source.get("sourceNamespace")),
                    _text(source.get("action")),
                    (*here, "from"),
                )


def _no_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    yield from ()


def _rest_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    shared = tuple(_exposed_inputs(entry.get("inputParameters"), (*at, "inputParameters")))
    for where, resource in _mappings(entry.get("resources"), (*at, "resources")):
        path = _text(resource.get("path"))
        inputs = shared + tuple(
            _exposed_inputs(resource.get("inputParameters"), (*where, "inputParameters"))
        )
        if "operations" not in resource and "forward" not in resource:
            found.add(
                "W-incomplete-dropped",
                where,
                f"the resource '{shorten(path)}' has no operations",
                "add `operations:` or `forward:`, or remove the resource",
            )
        for here, unit in _mappings(resource.get("operations"), (*where, "operations")):
            own = _text(unit.get("path"))
            if own:
                found.add(
                    "W-operation-path",
                    (*here, "path"),
                    "the `path` of a REST operation continues the resource's",
                    "make it a resource of its own",
                )
            function = _function("rest", unit, here)
            yield function._replace(
                method=_text(unit.get("method")),
                url_path=_join_path(path, own),
                inputs=inputs + function.inputs,
            )


def _mcp_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    for key, kind in (("tools", "tool"), ("resources", "resource")):
        for where, unit in _mappings(entry.get(key), (*at, key)):
            if kind == "resource" and "location" in unit:
                continue
            yield _function(kind, unit, where)


def _skill_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    skills = list(_mappings(entry.get("skills"), (*at, "skills")))
    holders = [(at, entry), *skills]
    for where, holder in holders:
        units = list(_mappings(holder.get("tools"), (*where, "tools")))
        called = [(here, unit) for here, unit in units if "call" in unit]
        if holder is not entry and "call" in holder:
            called.insert(0, (where, holder))
        for here, unit in called:
            found.add(
                "W-skill-shape",
                here,
                f"the skill tool '{shorten(_text(unit.get('name')))}' has a `call` of"
                " its own",
                "declare an MCP tool and refer to it with `from`",
            )
            yield _function("skill", unit, here)


def _function(kind: str, unit: Mapping[str, JSON], at: DocumentPath) -> Function:
    with_ = unit.get("with")
    return Function(
        kind,
        _text(unit.get("name")),
        description=_text(unit.get("description")),
        call=_text(unit.get("call")),
        ref=_text(unit.get("ref")),
        with_=with_ if isinstance(with_, dict) else None,
        steps=tuple(_read_steps(unit.get("steps"), (*at, "steps"))),
        inputs=tuple(
            _exposed_inputs(unit.get("inputParameters"), (*at, "inputParameters"))
        ),
        outputs=unit.get("outputParameters"),
        hints=unit["hints"] if isinstance(unit.get("hints"), dict) else {},
        is_mock=_has_static(unit.get("outputParameters")),
        path=at,
    )


def _exposed_inputs(data: JSON, path: DocumentPath) -> Iterator[InputParameter]:
    for at, entry in _mappings(data, path):
        if name := _text(entry.get("name")):
            yield InputParameter(
                name,
                _text(entry.get("in")),
                _text(entry.get("type")),
                entry.get("required") is True,
                _text(entry.get("description")),
                entry.get("mapping", entry.get("value")),
                path=at,
            )


def _read_steps(data: JSON, path: DocumentPath) -> Iterator[Step]:
    for at, entry in _mappings(data, path):
        with_ = entry.get("with")
        yield Step(
            _text(entry.get("type")),
            _text(entry.get("name")),
            _text(entry.get("call")),
            with_ if isinstance(with_, dict) else {},
            _text(entry.get("index")),
            at,
        )


def _read_aggregates(
    data: JSON, path: DocumentPath
) -> Iterator[tuple[str, tuple[Function, ...]]]:
    for at, entry in _mappings(data, path):
        functions = _mappings(entry.get("functions"), (*at, "functions"))
        yield (
            _text(entry.get("namespace")),
            tuple(_function("aggregate", unit, where) for where, unit in functions),
        )


def _has_static(outputs: JSON) -> bool:
    if isinstance(outputs, list):
        return any(_has_static(entry) for entry in outputs)
    if not isinstance(outputs, dict):
        return False
    if "value" in outputs or "const" in outputs:
        return True
    properties = outputs.get("properties")
    inner = list(properties.values()) if isinstance(properties, dict) else []
    return _has_static([*inner, outputs.get("items")])


# --- small readers ---------------------------------------------------------------


def _mappings(
    data: JSON, path: DocumentPath
) -> Iterator[tuple[DocumentPath, Mapping[str, JSON]]]:
    """Yield the mappings of a list with their places; the schema names the others."""
    if isinstance(data, list):
        for index, entry in enumerate(data):
            if isinstance(entry, dict):
                yield (*path, index), entry


def _text(value: JSON) -> str:
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _kind(value: JSON) -> str:
    names = {dict: "mapping", list: "list", str: "text", bool: "boolean"}
    return names.get(type(value), "number" if value is not None else "null")


def _a_kind(value: JSON) -> str:
    return "empty" if value is None else f"a {_kind(value)}"
