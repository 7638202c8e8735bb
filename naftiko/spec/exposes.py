"""Read exposed adapters: `exposes` of a document (spec 3, 4 and 5).

    {type: rest, namespace: shop, port: 8080, resources: [...]}
        →  Exposes("rest", "shop", port=8080, functions=(Function(...), ...))

Each part of an adapter is read by a module of its own: `functions` and `access` for
every type, `prompts`, `skills` and `control` for one. This module must not know what a
function calls; that is linking.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.findings import Mention
from naftiko.errors import shorten
from naftiko.locations import path_of
from naftiko.plain import a_kind_of, join_path, mappings_of, text_of
from naftiko.spec.authentication import is_none
from naftiko.spec.functions import read_function, read_inputs
from naftiko.spec.model import Exposes, Function, Link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Findings
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.adapters import (
        ForwardSpec,
        ServerAuthentication,
        StaticResource,
    )


#: Type → the keys of which an adapter needs one; the first is the usual one.
_CONTENT = {
    "rest": ("resources",),
    "mcp": ("tools", "resources", "prompts"),
    "skill": ("skills", "tools"),
}
_CACHE_SCOPES = ("public", "private")


def read_exposes(
    data: JSON, path: DocumentPath, findings: Findings, *, strays: bool = False
) -> Iterator[Exposes]:
    """Yield the exposing adapters that have a type which can be served.

    Args:
        data: The list of adapters.
        path: Its place.
        findings: Where findings go.
        strays: Whether tools stand beside the adapters instead of in one.
    """
    readers = {"rest": _rest, "mcp": _mcp, "skill": _skill, "control": _control}
    ports: dict[int, Exposes] = {}
    for at, entry in findings.mappings(data, path):
        kind = text_of(entry.get("type"))
        if kind not in readers:
            findings.unknown(
                rules.EXPOSE_TYPE,
                (*at, "type") if "type" in entry else at,
                f"an adapter of type '{shorten(kind)}' cannot be served"
                if kind
                else "an adapter without a type cannot be served",
                kind,
                readers,
            )
            continue
        namespace = text_of(entry.get("namespace"))
        _note_empty(kind, namespace, entry, at, findings, strays)
        port = entry.get("port")
        exposes = Exposes(
            kind,
            namespace,
            text_of(entry.get("address")),
            port if type(port) is int else None,  # `true` is no port
            text_of(entry.get("transport")),
            text_of(entry.get("description")),
            links=tuple(_links(entry, at)),
            authentication=_authentication(kind, namespace, entry, at, findings),
            path=at,
        )
        _check_port(exposes, port, ports, findings)
        yield readers[kind](exposes, entry, findings)


def _note_empty(
    kind: str,
    namespace: str,
    entry: Mapping[str, JSON],
    at: DocumentPath,
    findings: Findings,
    strays: bool,
) -> None:
    content = _CONTENT.get(kind)
    if content is None:
        return
    empty = not any(entry.get(key) for key in content)
    if not empty and namespace:
        return
    lacking = f"`{content[0]}`" if empty else "`namespace`"
    hint = f"add {lacking}, or remove the adapter"
    if empty and strays and kind == "mcp":
        hint = "move `capability.tools` below it, with a `call` for each tool"
    findings.add(rules.EXPOSE_EMPTY, at, f"the {kind} adapter has no {lacking}", hint)


def _check_port(
    exposes: Exposes, port: JSON, ports: dict[int, Exposes], findings: Findings
) -> None:
    """Note an adapter without a port, or with that of an earlier one."""
    if exposes.transport == "stdio":
        return
    if port is None:
        findings.add(
            rules.PORT_MISSING,
            exposes.path,
            f"the {exposes.type} adapter '{shorten(exposes.namespace)}' has no port",
            "add `port:`",
        )
    elif exposes.port:  # 0 stands for any free port
        first = ports.setdefault(exposes.port, exposes)
        if first is not exposes:
            findings.add(
                rules.PORT_DUPLICATE,
                (*exposes.path, "port"),
                f"'{_name_of(exposes)}' and '{_name_of(first)}' both want port"
                f" {exposes.port}",
                "give each a port of its own, or serve them with --single-port",
                related=(Mention((*first.path, "port"), "first wanted here"),),
            )


def _name_of(exposes: Exposes) -> str:
    return shorten(exposes.namespace or exposes.type)


def _authentication(
    kind: str,
    namespace: str,
    entry: Mapping[str, JSON],
    at: DocumentPath,
    findings: Findings,
) -> ServerAuthentication | None:
    data = entry.get("authentication")
    if data is None:
        return None
    if is_none(data):
        findings.add(
            rules.AUTH_SHAPE,
            (*at, "authentication"),
            "authentication of type 'none' is no authentication: everybody may call",
            "remove it, or add one",
        )
        return None
    # Imported here, as below: few documents need it, and all pay for imports above.
    from naftiko.spec.access import read_server_authentication

    adapter = f"the {kind} adapter '{shorten(namespace)}'"
    return read_server_authentication(data, adapter, (*at, "authentication"), findings)


def _links(entry: Mapping[str, JSON], at: DocumentPath) -> Iterator[Link]:
    for where, resource in mappings_of(entry.get("resources"), (*at, "resources")):
        forward = resource.get("forward")
        if isinstance(forward, dict):
            target = text_of(forward.get("targetNamespace"))
            yield Link("forward", target, path=(*where, "forward"))
    holders = [*mappings_of(entry.get("skills"), (*at, "skills"))]
    if entry.get("type") == "skill":
        holders.insert(0, (at, entry))
    for where, holder in holders:
        for here, tool in mappings_of(holder.get("tools"), (*where, "tools")):
            source = tool.get("from")
            if isinstance(source, dict):
                yield Link(
                    "from",
                    text_of(source.get("sourceNamespace")),
                    text_of(source.get("action")),
                    (*here, "from"),
                )


# --- rest -------------------------------------------------------------------------


def _rest(exposes: Exposes, entry: Mapping[str, JSON], findings: Findings) -> Exposes:
    at = exposes.path
    return exposes._replace(
        functions=tuple(_rest_functions(entry, at, findings)),
        forwards=tuple(_forwards(entry, at, findings)),
    )


def _rest_functions(
    entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[Function]:
    shared = tuple(read_inputs(entry, at, findings))
    for where, resource in findings.mappings(
        entry.get("resources"), (*at, "resources")
    ):
        path = text_of(resource.get("path"))
        inputs = (*shared, *read_inputs(resource, where, findings))
        if not resource.get("operations") and "forward" not in resource:
            findings.dropped(
                where,
                f"the resource '{shorten(path)}' has no operations",
                "add `operations:` or `forward:`, or remove the resource",
            )
        for here, unit in findings.mappings(
            resource.get("operations"), (*where, "operations")
        ):
            own = text_of(unit.get("path"))
            if own:
                findings.add(
                    rules.OPERATION_PATH,
                    (*here, "path"),
                    "the `path` of a REST operation continues the resource's",
                    "make it a resource of its own",
                )
            yield read_function(
                "rest", unit, here, findings, shared=inputs,
                url_path=join_path(path, own), resource=text_of(resource.get("name")),
            )  # fmt: skip


def _forwards(
    entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[ForwardSpec]:
    for where, resource in mappings_of(entry.get("resources"), (*at, "resources")):
        if "forward" not in resource:
            continue
        forward = findings.mapping(resource, "forward", where)
        if forward is None:
            continue
        from naftiko.spec.adapters import ForwardSpec

        listed = forward.get("trustedHeaders")
        if listed is not None and not isinstance(listed, list):
            path = (*where, "forward", "trustedHeaders")
            findings.misplaced(listed, path, "list", hint="list the names of headers")
        yield ForwardSpec(
            text_of(resource.get("path")),
            text_of(forward.get("targetNamespace")),
            tuple(map(text_of, listed)) if isinstance(listed, list) else (),
            (*where, "forward"),
        )


# --- mcp --------------------------------------------------------------------------


def _mcp(exposes: Exposes, entry: Mapping[str, JSON], findings: Findings) -> Exposes:
    at = exposes.path
    exposes = exposes._replace(
        functions=tuple(_mcp_functions(entry, at, findings)),
        files=tuple(_static_resources(entry, at, findings)),
        cache_ttl=_cache_ttl(entry, at, findings),
        cache_scope=_cache_scope(entry, at, findings),
    )
    if "prompts" in entry:
        from naftiko.spec.prompts import read_prompts

        prompts = read_prompts(entry["prompts"], (*at, "prompts"), findings)
        exposes = exposes._replace(prompts=tuple(prompts))
    return exposes


def _mcp_functions(
    entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[Function]:
    for where, unit in findings.mappings(entry.get("tools"), (*at, "tools")):
        if not text_of(unit.get("name")):
            findings.dropped(where, "a tool without a name is left out", "add `name:`")
        yield read_function("tool", unit, where, findings)
    for where, unit in findings.mappings(entry.get("resources"), (*at, "resources")):
        if not text_of(unit.get("uri")):
            findings.dropped(
                where,
                f"the resource '{shorten(text_of(unit.get('name')))}' has no `uri` and"
                " is left out",
                "add `uri:`, the name that clients ask for",
            )
        if "location" not in unit:
            yield read_function("resource", unit, where, findings)


def _static_resources(
    entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[StaticResource]:
    for where, unit in mappings_of(entry.get("resources"), (*at, "resources")):
        uri = text_of(unit.get("uri"))
        if "location" not in unit or not uri:
            continue
        from naftiko.spec.adapters import StaticResource

        location = text_of(unit["location"])
        if path_of(location, Path()) is None:
            findings.add(
                rules.LOCATION,
                (*where, "location"),
                f"the resource '{shorten(uri)}': the location '{shorten(location)}' is"
                " no file: URI",
                "write `location: file:///…`, or a `call`",
            )
        yield StaticResource(
            text_of(unit.get("name")),
            uri,
            location,
            text_of(unit.get("label")),
            text_of(unit.get("description")),
            text_of(unit.get("mimeType")),
            where,
        )


def _cache_ttl(entry: Mapping[str, JSON], at: DocumentPath, findings: Findings) -> int:
    ttl = entry.get("ttlMs")
    if ttl is None:
        return 0
    if isinstance(ttl, int) and not isinstance(ttl, bool) and ttl >= 0:
        return ttl
    findings.dropped(
        (*at, "ttlMs"),
        f"`ttlMs` is {a_kind_of(ttl)} that is no time in milliseconds, and is left out",
        "write a whole number, from 0",
    )
    return 0


def _cache_scope(
    entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> str:
    scope = text_of(entry.get("cacheScope"))
    if scope in _CACHE_SCOPES:
        return scope
    if scope:
        findings.dropped(
            (*at, "cacheScope"),
            f"`cacheScope` is '{shorten(scope)}', which is not known, and is left out",
            "write `public` or `private`",
        )
    return "private"


# --- skill ------------------------------------------------------------------------


def _skill(exposes: Exposes, entry: Mapping[str, JSON], findings: Findings) -> Exposes:
    from naftiko.spec.skills import read_skills

    at = exposes.path
    return exposes._replace(
        functions=tuple(_skill_functions(entry, at, findings)),
        skills=tuple(read_skills(entry, at, findings)),
    )


def _skill_functions(
    entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[Function]:
    skills = findings.mappings(entry.get("skills"), (*at, "skills"))
    for where, holder in [(at, entry), *skills]:
        if holder is not entry and "call" in holder:
            _note_shape("the skill", holder, where, findings)
            yield read_function("skill", holder, where, findings)
        for here, unit in findings.mappings(holder.get("tools"), (*where, "tools")):
            if holder is entry or "call" in unit:
                _note_shape("the skill tool", unit, here, findings)
            if isinstance(unit.get("from"), dict) or "instruction" in unit:
                continue
            function = read_function("skill", unit, here, findings)
            # A tool that does nothing is noted where the skill is read.
            if function.call or function.ref or function.steps or function.is_mock:
                yield function


def _note_shape(
    what: str, unit: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> None:
    has = "has a `call` of its own" if "call" in unit else "belongs to no skill"
    findings.add(
        rules.SKILL_SHAPE,
        at,
        f"{what} '{shorten(text_of(unit.get('name')))}' {has}",
        "declare an MCP tool, and refer to it with `from` in the tools of a skill",
    )


# --- control ----------------------------------------------------------------------


def _control(
    exposes: Exposes, entry: Mapping[str, JSON], findings: Findings
) -> Exposes:
    from naftiko.http import is_loopback
    from naftiko.spec.control import (
        read_management,
        read_observability,
        read_scripting,
    )

    given, at = entry.get("management"), (*exposes.path, "management")
    scripting = given.get("scripting") if isinstance(given, dict) else None
    observed_at = (*exposes.path, "observability")
    is_public = bool(exposes.address) and not is_loopback(exposes.address)
    return exposes._replace(
        management=read_management(given, at, findings),
        scripting=read_scripting(scripting, (*at, "scripting"), findings),
        observability=read_observability(
            entry.get("observability"),
            observed_at,
            findings,
            is_open=is_public and exposes.authentication is None,
        ),
    )
