"""Names of exposed units that fit nothing: path parameters, sources, namespaces.

path: /cars/{id}, inputParameters: [{name: plate, in: path}]
→  W-path-parameter
namespace: cars, with: {plate: car.plate}
→  W-with-source: did you mean 'cars.plate'?
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.findings import Mention
from naftiko.errors import did_you_mean, names_of, shorten
from naftiko.expressions import is_upper, source_of
from naftiko.plain import mappings_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON, DocumentPath

#: The placeholders of a route: `{id}`, and `{{id}}` as the reference writes it.
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

#: Other ways to write a name: `$.id`, `$id`, `:id`, `<id>`.
_OTHER_SPELLING = re.compile(r"(?:\$\.?|:|<)([A-Za-z_][\w-]*)>?")
#: A reference to a plain name: `{{id}}`.
_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)\s*\}\}")


def note_namespaces(placed: Placed, findings: Findings) -> None:
    """Note an exposed adapter that has the namespace of another adapter (spec 10)."""
    first: dict[str, DocumentPath] = {}
    consumed = mappings_of(placed.data.get("consumes"), (*placed.path, "consumes"))
    for at, adapter in consumed:
        key = "namespace" if "namespace" in adapter else "as"
        if namespace := text_of(adapter.get(key)):
            first.setdefault(namespace, (*at, key))
    adapters = mappings_of(placed.data.get("exposes"), (*placed.path, "exposes"))
    for at, adapter in adapters:
        namespace = text_of(adapter.get("namespace"))
        path = (*at, "namespace")
        if namespace in first:
            findings.add(
                rules.NAMESPACE_DUPLICATE,
                path,
                f"two adapters have the namespace '{shorten(namespace)}'",
                "give each adapter its own name",
                related=(Mention(first[namespace], "first declared here"),),
            )
        elif namespace:
            first[namespace] = path


def note_path_inputs(placed: Placed, findings: Findings) -> None:
    """Note the path parameters of routes that no placeholder of their path names."""
    path = placed.data.get("path")
    if not isinstance(path, str):
        return
    _note_path_inputs(placed, (), placed.data, path, findings)
    for at, entry in mappings_of(placed.data.get("operations"), ("operations",)):
        whole = f"{path}/{text_of(entry.get('path'))}"
        _note_path_inputs(placed, at, entry, whole, findings)


def _names_in(path: str) -> list[str]:
    return [name.strip() for name in _PLACEHOLDER.findall(path)]


def _note_path_inputs(
    placed: Placed,
    at: DocumentPath,
    data: Mapping[str, JSON],
    path: str,
    findings: Findings,
) -> None:
    inputs = data.get("inputParameters")
    if not inputs:
        return
    names = _names_in(path)
    for where, given in mappings_of(inputs, (*at, "inputParameters")):
        name = text_of(given.get("name"))
        if name and given.get("in") == "path" and name not in names:
            shown = shorten(path.rstrip("/"))
            findings.add(
                rules.EXPOSED_PATH_PARAMETER,
                (*placed.path, *where, "name"),
                f"the path '{shown}' has no placeholder for the path parameter"
                f" '{shorten(name)}', so no caller can give it",
                did_you_mean(name, names)
                or f"write `{{{name}}}` in the path, or `in: query`",
            )


def note_sources(placed: Placed, findings: Findings) -> None:
    """Note the values of `with` that refer to an input which is not there.

    Linking notes those of tools; what is left are the routes, and a wrong namespace.
    """
    with_ = placed.data.get("with")
    if not isinstance(with_, dict):
        return
    is_route = placed.part.name == "exposed-operation"
    # The adapter of a unit, or the aggregate of a function.
    around = placed.around
    namespace = text_of(around[2].data.get("namespace"))
    declared = set(_declared(placed.data))
    offered = declared
    if is_route:
        route = around[-1].data
        path = f"{text_of(route.get('path'))}/{text_of(placed.data.get('path'))}"
        declared |= set(_declared(route))
        offered = declared | set(_names_in(path))
    for key, value in with_.items():
        if not isinstance(value, str):
            continue
        if is_route and declared and not placed.data.get("steps"):
            _note_templates(placed, key, value, offered, findings)
        source = source_of(value, namespace)
        if source:
            if is_route and declared and source not in offered:
                _note(
                    placed,
                    key,
                    f"the route declares no input '{shorten(source)}'",
                    did_you_mean(source, offered)
                    or f"it has: {names_of(sorted(offered))}",
                    findings,
                )
            continue
        spelled = _OTHER_SPELLING.fullmatch(value)
        called = spelled[1] if spelled else value
        if called in (offered if spelled else declared):
            _note(
                placed,
                key,
                f"'{shorten(value)}' is sent as a text; an input "
                + (f"is called '{called}'" if spelled else "has that name"),
                f"write `{namespace}.{called}` for its value",
                findings,
            )
            continue
        word, dot, name = value.removeprefix("$this.").partition(".")
        is_near = name in offered and (
            did_you_mean(word, [namespace]) or word in _namespaces(placed)
        )
        if dot and is_near:
            _note(
                placed,
                key,
                f"'{shorten(value)}' is sent as a text: no adapter around it has the"
                f" namespace '{shorten(word)}'",
                f"did you mean '{namespace}.{name}'?",
                findings,
            )


def _note_templates(
    placed: Placed, key: str, value: str, offered: set[str], findings: Findings
) -> None:
    """Note each `{{name}}` that is no input of the route and no variable."""
    bound = {
        name
        for holder in placed.around
        for _, bind in mappings_of(holder.data.get("binds"), ())
        for name in (bind["keys"] if isinstance(bind.get("keys"), dict) else ())
    }
    for name in _TEMPLATE.findall(value):
        if name not in offered and name not in bound and not is_upper(name):
            _note(
                placed,
                key,
                f"'{{{{{shorten(name)}}}}}' names no input of the route",
                did_you_mean(name, offered) or f"it has: {names_of(sorted(offered))}",
                findings,
            )


def _note(
    placed: Placed, key: str, message: str, hint: str, findings: Findings
) -> None:
    """Note a value of `with` that fits nothing."""
    findings.add(rules.WITH_SOURCE, (*placed.path, "with", key), message, hint)


def _namespaces(placed: Placed) -> list[str]:
    """Return the namespaces of the exposed adapters beside that of a unit."""
    if placed.part.name == "function":
        return []  # it takes the inputs of whatever refers to it
    adapters = placed.around[1].data.get("exposes")
    return [
        text_of(adapter.get("namespace")) for _, adapter in mappings_of(adapters, ())
    ]


def _declared(data: Mapping[str, JSON]) -> Iterator[str]:
    for _, given in mappings_of(data.get("inputParameters"), ()):
        if name := text_of(given.get("name")):
            yield name
