"""`exposes` and `aggregates`: plain data → records, deviations read and named.

This module must not know what a unit calls; that is linking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten
from naftiko.plain import a_kind_of, join_path, mappings_of, text_of
from naftiko.spec.model import (
    Exposes,
    Function,
    InputParameter,
    Link,
    Step,
    StepMapping,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Findings
    from naftiko.plain import JSON, DocumentPath


#: What an adapter of a type cannot be without; the first is what it usually has.
_CONTENT = {
    "rest": ("resources",),
    "mcp": ("tools", "resources", "prompts"),
    "skill": ("skills", "tools"),
}


def read_exposes(
    data: JSON, path: DocumentPath, found: Findings, *, strays: bool = False
) -> Iterator[Exposes]:
    """Read the exposing adapters that have a type which can be served.

    Args:
        data: The list of adapters.
        path: Its place.
        found: Where findings go.
        strays: Whether tools stand beside the adapters instead of in one.
    """
    readers = {
        "rest": _rest_functions,
        "mcp": _mcp_functions,
        "skill": _skill_functions,
        "control": _no_functions,
    }
    for at, entry in found.mappings(data, path):
        kind = text_of(entry.get("type"))
        if kind not in readers:
            found.unknown(
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
        _note_empty(kind, namespace, entry, at, found, strays)
        port = entry.get("port")
        transport = text_of(entry.get("transport"))
        if port is None and transport != "stdio":
            found.add(
                rules.PORT_MISSING,
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


def _note_empty(
    kind: str,
    namespace: str,
    entry: Mapping[str, JSON],
    at: DocumentPath,
    found: Findings,
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
    found.add(rules.EXPOSE_EMPTY, at, f"the {kind} adapter has no {lacking}", hint)


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


def _no_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    yield from ()


def _rest_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    shared = tuple(_inputs(entry, at, found))
    for where, resource in found.mappings(entry.get("resources"), (*at, "resources")):
        path = text_of(resource.get("path"))
        inputs = (*shared, *_inputs(resource, where, found))
        if not resource.get("operations") and "forward" not in resource:
            found.dropped(
                where,
                f"the resource '{shorten(path)}' has no operations",
                "add `operations:` or `forward:`, or remove the resource",
            )
        for here, unit in found.mappings(
            resource.get("operations"), (*where, "operations")
        ):
            own = text_of(unit.get("path"))
            if own:
                found.add(
                    rules.OPERATION_PATH,
                    (*here, "path"),
                    "the `path` of a REST operation continues the resource's",
                    "make it a resource of its own",
                )
            function = _function("rest", unit, here, found)
            yield function._replace(
                method=text_of(unit.get("method")),
                url_path=join_path(path, own),
                inputs=_overridden((*inputs, *function.inputs)),
                resource=text_of(resource.get("name")),
            )


def _mcp_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    for key, kind in (("tools", "tool"), ("resources", "resource")):
        for where, unit in found.mappings(entry.get(key), (*at, key)):
            if kind == "resource" and "location" in unit:
                continue
            yield _function(kind, unit, where, found)


def _skill_functions(
    entry: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[Function]:
    skills = found.mappings(entry.get("skills"), (*at, "skills"))
    for where, holder in [(at, entry), *skills]:
        if holder is not entry and "call" in holder:
            _note_shape("the skill", holder, where, found)
            yield _function("skill", holder, where, found)
        for here, unit in found.mappings(holder.get("tools"), (*where, "tools")):
            if holder is entry or "call" in unit:
                _note_shape("the skill tool", unit, here, found)
            if not isinstance(unit.get("from"), dict) and "instruction" not in unit:
                yield _function("skill", unit, here, found)


def _note_shape(
    what: str, unit: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> None:
    has = "has a `call` of its own" if "call" in unit else "belongs to no skill"
    found.add(
        rules.SKILL_SHAPE,
        at,
        f"{what} '{shorten(text_of(unit.get('name')))}' {has}",
        "declare an MCP tool, and refer to it with `from` in the tools of a skill",
    )


def _function(
    kind: str, unit: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Function:
    outputs = unit.get("outputParameters")
    if outputs is not None:
        places = found.mappings(outputs, (*at, "outputParameters"))
        outputs = [entry for _, entry in places]
    return Function(
        kind,
        text_of(unit.get("name")),
        description=text_of(unit.get("description")),
        call=text_of(unit.get("call")),
        ref=text_of(unit.get("ref")),
        with_=_with(unit, at, found),
        steps=tuple(_read_steps(unit.get("steps"), (*at, "steps"), found)),
        inputs=tuple(_inputs(unit, at, found)),
        outputs=outputs,
        hints={} if kind == "rest" else _hints(unit, at, found),
        is_mock=_has_static(outputs),
        path=at,
        label=text_of(unit.get("label")),
        uri=text_of(unit.get("uri")),
        mime_type=text_of(unit.get("mimeType")),
        mappings=tuple(_read_mappings(unit.get("mappings"), (*at, "mappings"), found)),
        semantics=found.mapping(unit, "semantics", at) or {},
    )


def _overridden(inputs: tuple[InputParameter, ...]) -> tuple[InputParameter, ...]:
    """Return inputs of which a later one replaces an earlier one of its name."""
    return tuple({parameter.name: parameter for parameter in inputs}.values())


def _with(
    unit: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> dict[str, JSON] | None:
    hint = "write a mapping: parameter → value, or remove it"
    with_ = found.mapping(unit, "with", at, hint)
    if with_ is None:
        return None
    for name in [name for name, value in with_.items() if value is None]:
        found.dropped(
            (*at, "with", name),
            f"the `with` entry '{shorten(name)}' has no value and is left out",
            "give it a value, or remove it",
        )
    return {name: value for name, value in with_.items() if value is not None}


def _hints(
    unit: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> dict[str, JSON]:
    hint = "write `hints: {readOnly: true}`, or remove it"
    hints = found.mapping(unit, "hints", at, hint) or {}
    for name, value in hints.items():
        if not isinstance(value, bool):
            found.dropped(
                (*at, "hints", name),
                f"the hint '{shorten(name)}' is {a_kind_of(value)}, not true or false,"
                " and is left out",
                "write true or false",
            )
    return {name: value for name, value in hints.items() if isinstance(value, bool)}


def _inputs(
    holder: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[InputParameter]:
    data = holder.get("inputParameters")
    for where, entry in found.mappings(data, (*at, "inputParameters")):
        name = text_of(entry.get("name"))
        if not name:
            found.add(
                rules.PARAMETER_NAMELESS,
                where,
                "a parameter without a name is left out",
                "add `name:`",
                severity="warning",
            )
            continue
        yield InputParameter(
            name,
            text_of(entry.get("in")),
            text_of(entry.get("type")),
            entry.get("required") is True,
            text_of(entry.get("description")),
            entry.get("value"),
            path=where,
            pattern=text_of(entry.get("pattern")),
            mapping=text_of(entry.get("mapping")),
            is_optional=entry.get("required") is False,
        )


def _read_steps(data: JSON, path: DocumentPath, found: Findings) -> Iterator[Step]:
    for at, entry in found.mappings(data, path):
        yield Step(
            text_of(entry.get("type")) or ("call" if "call" in entry else ""),
            text_of(entry.get("name")),
            text_of(entry.get("call")),
            _with(entry, at, found) or {},
            text_of(entry.get("index")),
            text_of(entry.get("match")),
            text_of(entry.get("lookupValue")),
            tuple(_fields(entry, at, found)),
            {key: entry[key] for key in _SCRIPT_KEYS if key in entry},
            at,
        )


def _fields(
    step: Mapping[str, JSON], at: DocumentPath, found: Findings
) -> Iterator[str]:
    """Yield the names of the fields that a lookup keeps."""
    path = (*at, "outputParameters")
    fields = step.get("outputParameters")
    if step.get("type") != "lookup" or fields is None:
        return
    if not isinstance(fields, list):
        found.misplaced(fields, path, "list", hint="list the names of the fields")
        return
    for index, name in enumerate(fields):
        if isinstance(name, (dict, list)) or name is None:
            found.misplaced(name, (*path, index), "text", prefix="an entry of ")
        else:
            yield text_of(name)


_SCRIPT_KEYS = ("file", "language", "location", "dependencies")


def _read_mappings(
    data: JSON, path: DocumentPath, found: Findings
) -> Iterator[StepMapping]:
    for at, entry in found.mappings(data, path):
        target = text_of(entry.get("targetName"))
        if target:
            yield StepMapping(target, text_of(entry.get("value")), at)
        else:
            found.dropped(
                at,
                "a mapping without a `targetName` is left out",
                "add `targetName:`, the name of what it gives",
            )


def read_aggregates(
    data: JSON, path: DocumentPath, found: Findings
) -> Iterator[tuple[str, tuple[Function, ...]]]:
    """Read aggregates: namespace and functions of each."""
    for at, entry in found.mappings(data, path):
        functions = found.mappings(entry.get("functions"), (*at, "functions"))
        yield (
            text_of(entry.get("namespace")),
            tuple(
                _function("aggregate", unit, where, found) for where, unit in functions
            ),
        )


def _has_static(outputs: JSON) -> bool:
    if isinstance(outputs, list):
        return any(_has_static(entry) for entry in outputs)
    if not isinstance(outputs, dict):
        return False
    value = outputs.get("value")
    if value is not None:
        # A named value that begins with `$` is a mapping (spec 2.7).
        is_path = isinstance(value, str) and value.lstrip().startswith("$")
        return not (is_path and "name" in outputs)
    properties = outputs.get("properties")
    inner = list(properties.values()) if isinstance(properties, dict) else []
    return _has_static([*inner, outputs.get("items")])
