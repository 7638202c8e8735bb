"""Read exposed functions: REST operations, tools, resources and aggregates.

    {name: find, call: shop.find, with: {id: tool.id}}
        →  Function("tool", "find", call="shop.find", with_={"id": "tool.id"})

Spec 3.3 to 3.5 and 6. This module must not know what a function calls; that is linking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten
from naftiko.plain import a_kind_of, text_of
from naftiko.spec.model import (
    Function,
    InputParameter,
    Step,
    StepMapping,
    keywords_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Findings
    from naftiko.plain import JSON, DocumentPath


def read_function(
    kind: str,
    unit: Mapping[str, JSON],
    at: DocumentPath,
    findings: Findings,
    *,
    shared: tuple[InputParameter, ...] = (),
    url_path: str = "",
    resource: str = "",
) -> Function:
    """Read one function.

    Args:
        kind: `rest`, `tool`, `resource`, `skill` or `aggregate`.
        unit: The mapping that declares it.
        at: The place of the mapping.
        findings: Where findings go.
        shared: The inputs of what is around it, which its own replace.
        url_path: The whole path of a route.
        resource: The name of the resource of a route.
    """
    outputs = unit.get("outputParameters")
    if outputs is not None:
        places = findings.mappings(outputs, (*at, "outputParameters"))
        outputs = [_with_plain_types(entry, where, findings) for where, entry in places]
    steps, mappings = unit.get("steps"), unit.get("mappings")
    return Function(
        kind,
        text_of(unit.get("name")),
        description=text_of(unit.get("description")),
        call=text_of(unit.get("call")),
        ref=text_of(unit.get("ref")),
        with_=_with(unit, at, findings),
        steps=()
        if steps is None
        else tuple(_read_steps(steps, (*at, "steps"), findings)),
        inputs=overridden((*shared, *read_inputs(unit, at, findings)))
        if kind == "rest"
        else tuple(read_inputs(unit, at, findings)),
        outputs=outputs,
        method=text_of(unit.get("method")) if kind == "rest" else "",
        url_path=url_path,
        resource=resource,
        hints={} if kind == "rest" else _flags(unit, "hints", at, findings),
        is_mock=outputs is not None and _has_static(outputs),
        path=at,
        label=text_of(unit.get("label")),
        uri=text_of(unit.get("uri")),
        mime_type=text_of(unit.get("mimeType")),
        mappings=()
        if mappings is None
        else tuple(_read_mappings(mappings, (*at, "mappings"), findings)),
        semantics=_flags(unit, "semantics", at, findings),
    )


def _with_plain_types(data: JSON, at: DocumentPath, findings: Findings) -> JSON:
    """Return an output in which every `type` is one type; see `Findings.type_of`."""
    if isinstance(data, list):
        return [
            _with_plain_types(entry, (*at, index), findings)
            for index, entry in enumerate(data)
        ]
    if not isinstance(data, dict):
        return data
    changed: dict[str, JSON] = {}
    if isinstance(data.get("type"), list):
        changed["type"] = findings.type_of(data, at)
    properties = data.get("properties")
    if isinstance(properties, dict):
        changed["properties"] = {
            name: _with_plain_types(entry, (*at, "properties", name), findings)
            for name, entry in properties.items()
        }
    for key in ("items", "values"):
        if isinstance(data.get(key), (dict, list)):
            changed[key] = _with_plain_types(data[key], (*at, key), findings)
    return {**data, **changed} if changed else data


def overridden(inputs: tuple[InputParameter, ...]) -> tuple[InputParameter, ...]:
    """Return inputs of which a later one replaces an earlier one of its name."""
    if len(inputs) < 2:
        return inputs
    return tuple({parameter.name: parameter for parameter in inputs}.values())


def _with(
    unit: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> dict[str, JSON] | None:
    if "with" not in unit:
        return None
    hint = "write a mapping: parameter → value, or remove it"
    with_ = findings.mapping(unit, "with", at, hint)
    if with_ is None:
        return None
    for name in [name for name, value in with_.items() if value is None]:
        findings.dropped(
            (*at, "with", name),
            f"the `with` entry '{shorten(name)}' has no value and is left out",
            "give it a value, or remove it",
        )
    return {name: value for name, value in with_.items() if value is not None}


def _flags(
    unit: Mapping[str, JSON], key: str, at: DocumentPath, findings: Findings
) -> dict[str, JSON]:
    """Return the `hints` or the `semantics` of a unit, each true or false."""
    if key not in unit:
        return {}
    kind, one = ("hint", "readOnly") if key == "hints" else ("semantic", "safe")
    hint = f"write `{key}: {{{one}: true}}`, or remove it"
    hints = findings.mapping(unit, key, at, hint)
    if not hints:
        return {}
    for name, value in hints.items():
        if not isinstance(value, bool):
            findings.dropped(
                (*at, key, name),
                f"the {kind} '{shorten(name)}' is {a_kind_of(value)}, not true or"
                " false, and is left out",
                "write true or false",
            )
    return {name: value for name, value in hints.items() if isinstance(value, bool)}


def read_inputs(
    holder: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[InputParameter]:
    """Yield the `inputParameters` of an adapter, a resource or a function.

    {name: id, in: path, required: true}  →  InputParameter("id", "path", required=True)
    """
    data = holder.get("inputParameters")
    if data is None:
        return
    for where, entry in findings.mappings(data, (*at, "inputParameters")):
        name = text_of(entry.get("name"))
        if not name:
            findings.add(
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
            findings.type_of(entry, where),
            entry.get("required") is True,
            text_of(entry.get("description")),
            entry.get("value"),
            path=where,
            pattern=text_of(entry.get("pattern")),
            mapping=text_of(entry.get("mapping")),
            is_optional=entry.get("required") is False,
            keywords=keywords_of(entry),
        )


def _read_steps(data: JSON, path: DocumentPath, findings: Findings) -> Iterator[Step]:
    for at, entry in findings.mappings(data, path):
        yield Step(
            text_of(entry.get("type")) or ("call" if "call" in entry else ""),
            text_of(entry.get("name")),
            text_of(entry.get("call")),
            _with(entry, at, findings) or {},
            text_of(entry.get("index")),
            text_of(entry.get("match")),
            text_of(entry.get("lookupValue")),
            tuple(_fields(entry, at, findings)),
            {key: entry[key] for key in _SCRIPT_KEYS if key in entry},
            at,
        )


def _fields(
    step: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[str]:
    """Yield the names of the fields that a lookup keeps."""
    path = (*at, "outputParameters")
    fields = step.get("outputParameters")
    if step.get("type") != "lookup" or fields is None:
        return
    if not isinstance(fields, list):
        findings.misplaced(fields, path, "list", hint="list the names of the fields")
        return
    for index, name in enumerate(fields):
        if isinstance(name, (dict, list)) or name is None:
            findings.misplaced(name, (*path, index), "text", prefix="an entry of ")
        else:
            yield text_of(name)


_SCRIPT_KEYS = ("file", "language", "location", "dependencies")


def _read_mappings(
    data: JSON, path: DocumentPath, findings: Findings
) -> Iterator[StepMapping]:
    for at, entry in findings.mappings(data, path):
        target = text_of(entry.get("targetName"))
        if target:
            yield StepMapping(target, text_of(entry.get("value")), at)
        else:
            findings.dropped(
                at,
                "a mapping without a `targetName` is left out",
                "add `targetName:`, the name of what it gives",
            )


def read_aggregates(
    data: JSON, path: DocumentPath, findings: Findings
) -> Iterator[tuple[str, tuple[Function, ...]]]:
    """Read aggregates: namespace and functions of each."""
    for at, entry in findings.mappings(data, path):
        functions = [*findings.mappings(entry.get("functions"), (*at, "functions"))]
        namespace = text_of(entry.get("namespace"))
        if functions and not namespace:
            findings.dropped(
                at,
                "an aggregate has no `namespace`, so no `ref` can name its functions",
                "add `namespace:`",
            )
        for where, unit in functions:
            if not text_of(unit.get("name")):
                message = "a function of an aggregate has no name, so none can use it"
                findings.dropped(where, message, "add `name:`")
        yield (
            namespace,
            tuple(
                read_function("aggregate", unit, where, findings)
                for where, unit in functions
            ),
        )


def _has_static(outputs: JSON) -> bool:
    if isinstance(outputs, list):
        return any(map(_has_static, outputs))
    if not isinstance(outputs, dict):
        return False
    value = outputs.get("value")
    if value is not None:
        # A named value that begins with `$` is a mapping (spec 2.7).
        is_path = isinstance(value, str) and value.lstrip().startswith("$")
        return not (is_path and "name" in outputs)
    properties, items = outputs.get("properties"), outputs.get("items")
    return (
        isinstance(properties, dict) and any(map(_has_static, properties.values()))
    ) or (items is not None and _has_static(items))
