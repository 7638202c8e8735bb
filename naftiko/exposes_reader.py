"""`exposes` and `aggregates`: plain data → records, deviations read and named.

This module must not know what a unit calls; that is linking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.data import join_path, mappings_of, text_of
from naftiko.errors import shorten
from naftiko.model import Exposes, Function, InputParameter, Link, Step, StepMapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.findings import Findings
    from naftiko.model import DocumentPath

    JSON = Any


def read_exposes(data: JSON, path: DocumentPath, found: Findings) -> Iterator[Exposes]:
    """Read the exposing adapters that have a type which can be served."""
    for at, entry in mappings_of(data, path):
        kind = text_of(entry.get("type"))
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
        namespace = text_of(entry.get("namespace"))
        content = {"rest": "resources", "mcp": "tools", "skill": "skills"}.get(kind)
        holds = entry.get(content) if content else True
        offered = (
            holds or entry.get("prompts") or (kind == "mcp" and entry.get("resources"))
        )
        if content and (not offered or not namespace):
            what = f"no `{content}`" if not offered else "no `namespace`"
            found.add(
                "W-expose-empty",
                at,
                f"the {kind} adapter has {what}",
                "add it, or remove the adapter",
            )
        port = entry.get("port")
        transport = text_of(entry.get("transport"))
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
            text_of(entry.get("address")),
            port if isinstance(port, int) else None,
            transport,
            text_of(entry.get("description")),
            tuple(readers[kind](entry, at, found)),
            tuple(_links(entry, at)),
            entry.get("authentication"),
            at,
            entry,
        )


def _links(entry: Mapping[str, JSON], at: DocumentPath) -> Iterator[Link]:
    for where, resource in mappings_of(entry.get("resources"), (*at, "resources")):
        forward = resource.get("forward")
        if isinstance(forward, dict):
            target = text_of(forward.get("targetNamespace"))
            yield Link("forward", target, path=(*where, "forward"))
    for where, skill in mappings_of(entry.get("skills"), (*at, "skills")):
        for here, tool in mappings_of(skill.get("tools"), (*where, "tools")):
            source = tool.get("from")
            if isinstance(source, dict):
                yield Link(
                    "from",
                    text_of(source.get("sourceNamespace")),
                    text_of(source.get("action")),
                    (*here, "from"),
                )


def _no_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    yield from ()


def _rest_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    shared = tuple(
        _exposed_inputs(entry.get("inputParameters"), (*at, "inputParameters"))
    )
    for where, resource in mappings_of(entry.get("resources"), (*at, "resources")):
        path = text_of(resource.get("path"))
        inputs = shared + tuple(
            _exposed_inputs(
                resource.get("inputParameters"), (*where, "inputParameters")
            )
        )
        if "operations" not in resource and "forward" not in resource:
            found.add(
                "W-incomplete-dropped",
                where,
                f"the resource '{shorten(path)}' has no operations",
                "add `operations:` or `forward:`, or remove the resource",
            )
        for here, unit in mappings_of(
            resource.get("operations"), (*where, "operations")
        ):
            own = text_of(unit.get("path"))
            if own:
                found.add(
                    "W-operation-path",
                    (*here, "path"),
                    "the `path` of a REST operation continues the resource's",
                    "make it a resource of its own",
                )
            function = _function("rest", unit, here)
            yield function._replace(
                method=text_of(unit.get("method")),
                url_path=join_path(path, own),
                inputs=_overridden(inputs + function.inputs),
                resource=text_of(resource.get("name")),
            )


def _mcp_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    for key, kind in (("tools", "tool"), ("resources", "resource")):
        for where, unit in mappings_of(entry.get(key), (*at, key)):
            if kind == "resource" and "location" in unit:
                continue
            yield _function(kind, unit, where)


def _skill_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    skills = list(mappings_of(entry.get("skills"), (*at, "skills")))
    holders = [(at, entry), *skills]
    for where, holder in holders:
        units = list(mappings_of(holder.get("tools"), (*where, "tools")))
        called = [(here, unit) for here, unit in units if "call" in unit]
        if holder is not entry and "call" in holder:
            called.insert(0, (where, holder))
        for here, unit in called:
            found.add(
                "W-skill-shape",
                here,
                f"the skill tool '{shorten(text_of(unit.get('name')))}' has a `call` of"
                " its own",
                "declare an MCP tool and refer to it with `from`",
            )
            yield _function("skill", unit, here)


def _function(kind: str, unit: Mapping[str, JSON], at: DocumentPath) -> Function:
    with_ = unit.get("with")
    return Function(
        kind,
        text_of(unit.get("name")),
        description=text_of(unit.get("description")),
        call=text_of(unit.get("call")),
        ref=text_of(unit.get("ref")),
        with_=with_ if isinstance(with_, dict) else None,
        steps=tuple(_read_steps(unit.get("steps"), (*at, "steps"))),
        inputs=tuple(
            _exposed_inputs(unit.get("inputParameters"), (*at, "inputParameters"))
        ),
        outputs=unit.get("outputParameters"),
        hints=unit["hints"] if isinstance(unit.get("hints"), dict) else {},
        is_mock=_has_static(unit.get("outputParameters")),
        path=at,
        label=text_of(unit.get("label")),
        uri=text_of(unit.get("uri")),
        mime_type=text_of(unit.get("mimeType")),
        mappings=tuple(_read_mappings(unit.get("mappings"), (*at, "mappings"))),
        semantics=(
            unit["semantics"] if isinstance(unit.get("semantics"), dict) else {}
        ),
    )


def _overridden(inputs: tuple[InputParameter, ...]) -> tuple[InputParameter, ...]:
    """Return inputs of which a later one replaces an earlier one of its name."""
    return tuple({parameter.name: parameter for parameter in inputs}.values())


def _exposed_inputs(data: JSON, path: DocumentPath) -> Iterator[InputParameter]:
    for at, entry in mappings_of(data, path):
        if name := text_of(entry.get("name")):
            yield InputParameter(
                name,
                text_of(entry.get("in")),
                text_of(entry.get("type")),
                entry.get("required") is True,
                text_of(entry.get("description")),
                entry.get("value"),
                path=at,
                pattern=text_of(entry.get("pattern")),
                mapping=text_of(entry.get("mapping")),
                is_optional=entry.get("required") is False,
            )


def _read_steps(data: JSON, path: DocumentPath) -> Iterator[Step]:
    for at, entry in mappings_of(data, path):
        with_ = entry.get("with")
        fields = entry.get("outputParameters")
        yield Step(
            text_of(entry.get("type")) or ("call" if "call" in entry else ""),
            text_of(entry.get("name")),
            text_of(entry.get("call")),
            with_ if isinstance(with_, dict) else {},
            text_of(entry.get("index")),
            text_of(entry.get("match")),
            text_of(entry.get("lookupValue")),
            tuple(map(text_of, fields)) if isinstance(fields, list) else (),
            {key: entry[key] for key in _SCRIPT_KEYS if key in entry},
            at,
        )


_SCRIPT_KEYS = ("file", "language", "location", "dependencies")


def _read_mappings(data: JSON, path: DocumentPath) -> Iterator[StepMapping]:
    for at, entry in mappings_of(data, path):
        target = text_of(entry.get("targetName"))
        if target:
            yield StepMapping(target, text_of(entry.get("value")), at)


def read_aggregates(
    data: JSON, path: DocumentPath
) -> Iterator[tuple[str, tuple[Function, ...]]]:
    """Read aggregates: namespace and functions of each."""
    for at, entry in mappings_of(data, path):
        functions = mappings_of(entry.get("functions"), (*at, "functions"))
        yield (
            text_of(entry.get("namespace")),
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
