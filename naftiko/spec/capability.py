"""Plain data → records, with every deviation of published files read and named.

Nothing here raises for odd content: what cannot be read is noted as a finding and left
out. Whole-document refusals come first (`refusal`), then one function per noun of the
specification. This module must not know what another place of the document declares;
that is linking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.errors import names_of, shorten
from naftiko.plain import a_kind_of, kind_of, text_of
from naftiko.spec.consumes import ConsumesReader
from naftiko.spec.exposes import read_aggregates, read_exposes
from naftiko.spec.model import Binding, CapabilitySpec, Info

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from naftiko.document.findings import Findings
    from naftiko.plain import JSON, DocumentPath

VERSION = "1.0.0-alpha2"
OLDER_VERSIONS = ("1.0.0-alpha1",)


# --- the document as a whole -----------------------------------------------------


def refusal(data: JSON, found: Findings) -> bool:
    """Note why a document is no capability at all; return whether that is so."""
    if not isinstance(data, dict):
        kind = "empty" if data is None else f"a {kind_of(data)}"
        found.add(
            rules.NOT_A_CAPABILITY,
            (),
            f"the document is {kind}, not a mapping",
            f"begin with `naftiko: {VERSION}` and `capability:`",
        )
        return True
    version = data.get("naftiko")
    capability, shared = data.get("capability"), data.get("consumes")
    if not isinstance(version, (str, int, float)) and "ikanos" not in data:
        found.add(
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
        found.add(
            rules.NOT_A_CAPABILITY,
            (),
            _what_it_is(data, "neither `capability` nor `consumes`"),
            "a capability has a `capability` mapping with `consumes` or `exposes`",
        )
        return True
    if version not in (VERSION, *OLDER_VERSIONS):
        key = "naftiko" if version is not None else "ikanos"
        found.add(
            rules.VERSION_UNSUPPORTED,
            (key,),
            f"version '{shorten(data[key])}' ({key}) is not supported",
            f"supported: {', '.join((VERSION, *OLDER_VERSIONS))}",
        )
        return True
    holder: Any = capability if "capability" in data else data
    if "capability" in data and not isinstance(capability, dict):
        found.add(
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
        if shared is None and "tools" in holder and "exposes" in holder:
            return False
        found.add(
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
    found: Findings,
    *,
    imported_binds: Sequence[JSON] = (),
    unavailable: Mapping[DocumentPath, str] | None = None,
) -> CapabilitySpec:
    """Read a document that `refusal` let pass.

    Args:
        data: The data, imports in place.
        found: Where findings go.
        imported_binds: Entries of `binds` of the files that adapters came from.
        unavailable: Place of an import that is not in place → why; by default every
            import is one.
    """
    version = str(data.get("naftiko"))
    if version in OLDER_VERSIONS:
        found.add(
            rules.VERSION_OLDER,
            ("naftiko",),
            f"version '{version}' is read as {VERSION}",
            f"write `naftiko: {VERSION}`",
        )
    for place in found.document.merges():
        found.add(
            rules.YAML_MERGE,
            place,
            "`<<` merges nothing: YAML 1.2 has no merge keys",
            "write the keys out",
            at_key=True,
        )
    at: DocumentPath = ("capability",) if "capability" in data else ()
    holder = data["capability"] if at else data
    reader = ConsumesReader(found)
    reader.read(holder.get("consumes"), (*at, "consumes"))
    for key in ("import", "imports"):
        for where in ((), at) if at else ((),):
            reader.read_root_imports(
                (data if not where else holder).get(key), (*where, key)
            )
    strays = bool(at) and bool(holder.get("tools"))
    exposes = tuple(
        read_exposes(holder.get("exposes"), (*at, "exposes"), found, strays=strays)
    )
    empty = [e for e in exposes if e.type == "mcp" and not e.functions]
    if strays and not empty:
        found.add(
            rules.EXPOSE_EMPTY,
            (*at, "tools"),
            "`tools` directly below `capability` is not served",
            "move it below an adapter of type mcp, with a `call` for each tool",
            at_key=True,
        )
    return CapabilitySpec(
        version=version,
        info=_read_info(data.get("info"), found),
        # Among binds of one variable the last wins: those of the document itself.
        binds=(
            *_read_binds(list(imported_binds), at, found),
            *_read_binds(data.get("binds"), ("binds",), found),
            *_read_binds(holder.get("binds") if at else None, (*at, "binds"), found),
        ),
        operations=tuple(reader.operations),
        consumes=tuple(reader.consumes),
        imports=tuple(
            entry._replace(reason=unavailable[entry.path]) if unavailable else entry
            for entry in reader.imports
            if unavailable is None or entry.path in unavailable
        ),
        exposes=exposes,
        aggregates=tuple(
            read_aggregates(holder.get("aggregates"), (*at, "aggregates"), found)
        ),
    )


def _read_info(data: JSON, found: Findings) -> Info:
    if not isinstance(data, dict):
        return Info()
    label = data.get("label")
    if label is None and data.get("title") is None and data.get("name") is not None:
        found.add(
            rules.INFO_LABEL,
            ("info", "name"),
            "`info.name` is read as the label",
            "write `label`",
            at_key=True,
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
    )


def _read_binds(data: JSON, path: DocumentPath, found: Findings) -> Iterator[Binding]:
    for at, entry in found.mappings(data, path):
        keys = found.mapping(entry, "keys", at, "write `keys: {NAME: key}`")
        if keys is not None:
            yield Binding(
                text_of(entry.get("namespace")),
                {str(name): text_of(value) or name for name, value in keys.items()},
                text_of(entry.get("location")),
                at,
            )
