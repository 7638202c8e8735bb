"""Read a document: plain data → records, every deviation of published files named.

    {naftiko: 1.0.0-alpha2, capability: {consumes: [...], exposes: [...]}}
        →  CapabilitySpec(operations=(...), exposes=(...))

Nothing here raises for odd content: an element that cannot be read is noted as a
finding and left out. `refusal` says whether the document is a capability at all; then
each noun of the specification is read by a module of its own. This module must not know
what another place of the document declares; that is linking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.document.findings import RENAME, SET
from naftiko.errors import Edit, names_of, shorten
from naftiko.plain import a_kind_of, kind_of, text_of
from naftiko.spec.consumes import ConsumesReader
from naftiko.spec.exposes import read_exposes
from naftiko.spec.functions import read_aggregates
from naftiko.spec.model import Binding, CapabilitySpec, Info

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from naftiko.document.findings import Findings
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.imports import Lack
    from naftiko.spec.model import Exposes

VERSION = "1.0.0-alpha2"
OLDER_VERSIONS = ("1.0.0-alpha1",)


# --- the document as a whole -----------------------------------------------------


def refusal(data: JSON, findings: Findings) -> bool:
    """Note why a document is no capability at all; return whether that is so.

    {openapi: 3.1.0}  →  True, noted: "it looks like an OpenAPI description"
    """
    if not isinstance(data, dict):
        kind = "empty" if data is None else f"a {kind_of(data)}"
        findings.add(
            rules.NOT_A_CAPABILITY,
            (),
            f"the document is {kind}, not a mapping",
            f"begin with `naftiko: {VERSION}` and `capability:`",
        )
        return True
    return _has_no_version(data, findings) or _has_nothing_to_run(data, findings)


def _has_no_version(data: Mapping[str, JSON], findings: Findings) -> bool:
    version = data.get("naftiko")
    if not isinstance(version, (str, int, float)) and "ikanos" not in data:
        findings.add(
            rules.NOT_A_CAPABILITY,
            (),
            _what_it_is(
                data,
                f"`naftiko` is {a_kind_of(version)}"
                if "naftiko" in data
                else "no `naftiko` version",
            ),
            _how_to_begin(data, version),
        )
        return True
    if "capability" not in data and "consumes" not in data:
        findings.add(
            rules.NOT_A_CAPABILITY,
            (),
            _what_it_is(data, "neither `capability` nor `consumes`"),
            "a capability has a `capability` mapping with `consumes` or `exposes`",
        )
        return True
    if version not in (VERSION, *OLDER_VERSIONS):
        key = "naftiko" if version is not None else "ikanos"
        findings.add(
            rules.VERSION_UNSUPPORTED,
            (key,),
            f"version '{shorten(data[key])}' ({key}) is not supported",
            f"supported: {', '.join((VERSION, *OLDER_VERSIONS))}",
        )
        return True
    return False


def _has_nothing_to_run(data: Mapping[str, JSON], findings: Findings) -> bool:
    capability = data.get("capability")
    holder: Any = capability if "capability" in data else data
    if "capability" in data and not isinstance(capability, dict):
        findings.add(
            rules.NOT_A_CAPABILITY,
            ("capability",),
            f"`capability` is {a_kind_of(capability)}, not a mapping",
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
        if data.get("consumes") is None and "tools" in holder and "exposes" in holder:
            return False
        findings.add(
            rules.NOTHING_TO_RUN,
            at,
            "the capability consumes and exposes nothing",
            hint,
        )
        return True
    return False


def _what_it_is(data: Mapping[str, JSON], lacking: str) -> str:
    keys = names_of([f"`{shorten(key, 40)}`" for key in data], 6)
    return f"not a capability document: {lacking}; it holds {keys}"


def _how_to_begin(data: Mapping[str, JSON], version: JSON) -> str:
    if "openapi" in data or "swagger" in data:
        return "it looks like an OpenAPI description"
    if "apiVersion" in data and "kind" in data:
        return "it looks like a Kubernetes-style manifest"
    reference = next(_references(data), "")
    refers = f" that refers to {shorten(reference, 60)}" if reference else ""
    if isinstance(version, dict):
        return f"write the version as a text: `naftiko: {VERSION}`"
    if "tools" in data and {"expose", "adapters"} & set(data):
        return f"it looks like a list of tools over imported names{refers}"
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


def read_capability(
    data: JSON,
    findings: Findings,
    *,
    imported_binds: Sequence[tuple[DocumentPath, Mapping[str, JSON]]] = (),
    unavailable: Mapping[DocumentPath, Lack] | None = None,
) -> CapabilitySpec:
    """Read a document that `refusal` let pass.

    Args:
        data: The data, imports in place.
        findings: Where findings go.
        imported_binds: Entries of `binds` of the files that adapters came from, with
            their places.
        unavailable: Place of an import that is not in place → why; by default every
            import is one.
    """
    version = str(data.get("naftiko"))
    if version in OLDER_VERSIONS:
        findings.add(
            rules.VERSION_OLDER,
            ("naftiko",),
            f"version '{version}' is read as {VERSION}",
            f"write `naftiko: {VERSION}`",
            fix=Edit(SET, "/naftiko", VERSION),
        )
    _note_merges(findings)
    at: DocumentPath = ("capability",) if "capability" in data else ()
    holder = data["capability"] if at else data
    reader = ConsumesReader(findings)
    reader.read(holder.get("consumes"), (*at, "consumes"))
    for key in ("import", "imports"):
        for where in ((), at) if at else ((),):
            reader.read_root_imports(
                (data if not where else holder).get(key), (*where, key)
            )
    strays = bool(at) and bool(holder.get("tools"))
    exposes = tuple(
        read_exposes(holder.get("exposes"), (*at, "exposes"), findings, strays=strays)
    )
    if strays:
        _note_strays(exposes, (*at, "tools"), findings)
    own_binds = holder.get("binds") if at else None
    return CapabilitySpec(
        version=version,
        info=_read_info(data.get("info"), findings),
        # Among binds of one variable the last wins: those of the document itself.
        binds=(
            *_read_binds(imported_binds, findings),
            *_read_binds(findings.mappings(data.get("binds"), ("binds",)), findings),
            *_read_binds(findings.mappings(own_binds, (*at, "binds")), findings),
        ),
        operations=tuple(reader.operations),
        consumes=tuple(reader.consumes),
        imports=tuple(
            entry._replace(**unavailable[entry.path]._asdict())
            if unavailable
            else entry
            for entry in reader.imports
            if unavailable is None or entry.path in unavailable
        ),
        exposes=exposes,
        aggregates=tuple(
            read_aggregates(holder.get("aggregates"), (*at, "aggregates"), findings)
        ),
    )


def _note_merges(findings: Findings) -> None:
    for place in findings.document.merges():
        findings.add(
            rules.YAML_MERGE,
            place,
            "`<<` merges nothing: YAML 1.2 has no merge keys",
            "write the keys out",
            at_key=True,
        )


def _note_strays(
    exposes: tuple[Exposes, ...], path: DocumentPath, findings: Findings
) -> None:
    """Note tools beside the adapters, unless an empty adapter says so already."""
    if not any(e.type == "mcp" and not e.functions for e in exposes):
        findings.add(
            rules.EXPOSE_EMPTY,
            path,
            "`tools` directly below `capability` is not served",
            "move it below an adapter of type mcp, with a `call` for each tool",
            at_key=True,
        )


def _read_info(data: JSON, findings: Findings) -> Info:
    if not isinstance(data, dict):
        return Info()
    label = data.get("label")
    if label is None and data.get("title") is None and data.get("name") is not None:
        findings.add(
            rules.INFO_LABEL,
            ("info", "name"),
            "`info.name` is read as the label",
            "write `label`",
            at_key=True,
            fix=None if "label" in data else Edit(RENAME, "/info/name", "label"),
        )
    for key in ("title", "name"):
        label = data.get(key) if label is None else label
    tags = data.get("tags")
    return Info(
        text_of(label),
        text_of(data.get("description")),
        tuple(map(str, tags)) if isinstance(tags, list) else (),
        text_of(data.get("created")),
        text_of(data.get("modified")),
        text_of(data.get("version")),
    )


def _read_binds(
    entries: Iterable[tuple[DocumentPath, Mapping[str, JSON]]], findings: Findings
) -> Iterator[Binding]:
    for at, entry in entries:
        keys = findings.mapping(entry, "keys", at, "write `keys: {NAME: key}`")
        if keys is not None:
            yield Binding(
                text_of(entry.get("namespace")),
                {str(name): text_of(value) or name for name, value in keys.items()},
                text_of(entry.get("location")),
                at,
            )
