"""Placeholders of exposed paths that differ from a parameter in spelling alone.

    /apps/{applicationuuid}, the operation takes applicationUuid
        →  with: {applicationUuid: rest.applicationuuid}

Published files write the same name in two spellings: generators fold the case of a
route, and turn `_` into `-`. Such a placeholder fills the one parameter that has its
name without case, `-` and `_`. A name that is the same in both wins, and a placeholder
that could stand for several parameters fills none. An input that feeds a credential is
optional, because the authentication fills it. This module must not know values.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import did_you_mean, names_of, nearest, shorten
from naftiko.expressions import (
    ARGUMENT_WORDS,
    TemplateError,
    folded,
    names_in_path,
    refs,
    source_of,
)
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from naftiko.consumes.operation import Operation
    from naftiko.consumes.registry import Registry
    from naftiko.document.findings import Findings
    from naftiko.plain import DocumentPath
    from naftiko.spec.model import CapabilitySpec, Function


class Spelling(NamedTuple):
    """How the placeholders of one route are spelled elsewhere.

    Attributes:
        meant: Other spelling → the placeholder that fills it.
        unclear: Placeholder → the names that it could stand for.
    """

    meant: Mapping[str, str] = {}
    unclear: Mapping[str, tuple[str, ...]] = {}


def spelling_of(placeholders: Iterable[str], names: Iterable[str]) -> Spelling:
    """Compare placeholders with the names that they could stand for.

    `["appid"], ["appId", "q"]` → `meant={"appId": "appid"}`
    """
    placeholders, names = list(placeholders), list(names)
    if not placeholders or not names:
        return Spelling()
    exact = set(placeholders) & set(names)
    by_fold: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        if name not in exact:
            by_fold[folded(name)].append(name)
    if not by_fold:
        return Spelling()
    asking: dict[str, list[str]] = defaultdict(list)
    for placeholder in dict.fromkeys(placeholders):
        if placeholder not in exact and folded(placeholder) in by_fold:
            asking[folded(placeholder)].append(placeholder)
    meant: dict[str, str] = {}
    unclear: dict[str, tuple[str, ...]] = {}
    for fold, asked in asking.items():
        if len(asked) == len(by_fold[fold]) == 1:
            meant[by_fold[fold][0]] = asked[0]
        else:
            unclear |= dict.fromkeys(asked, tuple(by_fold[fold]))
    return Spelling(meant, unclear)


def placeholders_of(function: Function) -> list[str]:
    """Return the placeholders of the path, or of the URI, of a function."""
    path = function.url_path or function.uri
    try:
        return list(names_in_path(path))
    except TemplateError:
        return []


def aligned(
    spec: CapabilitySpec, spelled: Mapping[DocumentPath, Function]
) -> CapabilitySpec:
    """Return a document in which each placeholder fills the parameter that it means.

    Args:
        spec: The document, read.
        spelled: Place of a route or a resource → it as `aligned_function` returned it,
            where that is another.
    """
    if not spelled:
        return spec
    return spec._replace(
        exposes=tuple(
            exposes._replace(
                functions=tuple(spelled.get(f.path, f) for f in exposes.functions)
            )
            for exposes in spec.exposes
        )
    )


def relaxed(spec: CapabilitySpec, registry: Registry) -> CapabilitySpec:
    """Return a document in which no caller must give what the authentication fills.

    {call: a.get, inputParameters: [{name: appid, required: true}]}, whose `appid` is
    the API key of `a`   →  the input is optional

    Args:
        spec: The document, read.
        registry: Its operations.
    """
    if not any(operation.layout.filled for operation in registry.values()):
        return spec

    def without(function: Function, namespace: str) -> Function:
        called = registry.resolve(function.call) if function.call else None
        if called is None or not called.layout.filled:
            return function
        sources = {
            source_of(value, namespace): name
            for name, value in (function.with_ or {}).items()
        }
        return function._replace(
            inputs=tuple(
                p._replace(required=False, is_optional=True)
                if sources.get(p.name, p.name) in called.layout.filled
                else p
                for p in function.inputs
            )
        )

    return spec._replace(
        exposes=tuple(
            exposes._replace(
                functions=tuple(
                    without(f, exposes.namespace) for f in exposes.functions
                )
            )
            for exposes in spec.exposes
        )
    )


def aligned_function(
    function: Function, takes: Iterable[str], namespace: str
) -> Function:
    """Return a function whose inputs and `with` name its placeholders as its path does.

    Args:
        function: A route or an MCP resource.
        takes: The arguments of what it calls.
        namespace: That of its adapter.
    """
    placeholders = placeholders_of(function)
    if not placeholders:
        return function
    with_ = dict(function.with_ or {})
    # A declared input in the path is its placeholder, however it is spelled.
    in_path = [p.name for p in function.inputs if p.in_ == "path"]
    given = {source_of(value, namespace) for value in with_.values()}
    if (
        all(name in placeholders for name in in_path)
        and given <= {"", *placeholders}
        and all(name in given or name in takes for name in placeholders)
    ):
        return function  # as most are: each name is spelled in one way
    declared = spelling_of(placeholders, in_path).meant
    inputs = tuple(
        p._replace(name=declared[p.name]) if p.name in declared else p
        for p in function.inputs
    )
    offered = {p.name for p in inputs} | set(placeholders)
    sources = {name: source_of(value, namespace) for name, value in with_.items()}
    referred = [name for name in sources.values() if name and name not in offered]
    meant = spelling_of(placeholders, referred).meant
    for name, source in sources.items():
        if source in meant:
            with_[name] = ARGUMENT_WORDS[0] + meant[source]
    used = {meant.get(source, source) for source in sources.values()}
    used |= {p.name for p in inputs if p.mapping}
    filled = offered | {p.mapping.rpartition(".")[2] for p in inputs if p.mapping}
    free = [name for name in takes if name not in with_ and name not in filled]
    asking = [name for name in placeholders if name not in used and name not in takes]
    for name, placeholder in spelling_of(asking, free).meant.items():
        with_[name] = ARGUMENT_WORDS[0] + placeholder
    if inputs == function.inputs and with_ == (function.with_ or {}):
        return function
    return function._replace(inputs=inputs, with_=with_ or function.with_)


def note_spelling(
    function: Function,
    spelled: Function,
    namespace: str,
    target: str,
    findings: Findings,
) -> None:
    """Note the placeholders of a function that are spelled in another way.

    Args:
        function: The function as the document has it.
        spelled: The same function, see `aligned_function`.
        namespace: That of its adapter.
        target: What it calls.
        findings: Where findings go.
    """
    was = function.with_ or {}
    names = [
        f"'{{{source_of(value, namespace)}}}' fills '{shorten(name)}'"
        for name, value in (spelled.with_ or {}).items()
        if was.get(name) != value
    ]
    names += [
        f"'{{{new.name}}}' is the input '{shorten(old.name)}'"
        for new, old in zip(spelled.inputs, function.inputs, strict=True)
        if new is not old
    ]
    shown = shorten(f"{function.method} {function.url_path or function.uri}".strip())
    findings.add(
        rules.REST_PLACEHOLDER_SPELLING,
        function.path,
        f"{shown}: {names_of(names)}, though the spelling differs",
        f"spell names in the path as '{shorten(target)}' does",
    )


def note_lacking(function: Function, called: Operation, findings: Findings) -> bool:
    """Note path arguments of an operation that a path or URI does not offer, if any."""
    is_route = function.kind == "rest"
    offered = {parameter.name for parameter in function.inputs}
    offered |= (function.with_ or {}).keys()
    try:
        written = function.url_path if is_route else function.uri
        placeholders = names_in_path(written)
    except TemplateError as error:
        if not is_route:
            return False  # `validate` tells what is no URI
        findings.add(rules.TEMPLATE, function.path, str(error), "write `{name}`")
        return True
    needed = {ref.name for ref in refs(called.layout.path) if not ref.is_variable}
    lacking = sorted(needed - offered - set(placeholders))
    if not lacking or not written:
        return False
    asking = [name for name in placeholders if name not in needed]
    unclear = spelling_of(asking, lacking).unclear
    hints = [f"'{{{name}}}' could be {names_of(of)}" for name, of in unclear.items()]
    for name in lacking[:4] if asking and not hints else ():
        hints += [
            f"did you mean '{{{name}}}' by '{{{near}}}'?"
            for near in nearest(name, asking, 1)
        ]
    hint = next(
        iter(hints), f"add a placeholder to the {'path' if is_route else 'URI'}"
    )
    findings.add(
        rules.REST_ARGUMENTS,
        function.path,
        f"{function.method} {shorten(written)}".lstrip()
        + f" does not offer {names_of(lacking)}, which '{called.ref}' needs in its"
        " path",
        hint
        if hint.endswith("?") or not is_route
        else f"{hint}; it is taken from the query",
    )
    return True


def note_astray(function: Function, called: Operation, findings: Findings) -> None:
    """Note the placeholders of a path or URI that go to nothing which is called."""
    if called.takes_body or not called.layout.takes:
        return  # it takes any argument, or its parameters are not described
    written = function.url_path or function.uri
    names = placeholders_of(function)
    if called.layout.takes.issuperset(names):
        return
    takes = [*called.layout.takes, *called.base_names]
    known = {folded(name) for name in takes}
    told = folded(" ".join(map(str, (function.with_ or {}).values())))
    for name in names:
        if folded(name) not in known and folded(name) not in told:
            key = "path" if function.url_path else "uri"
            findings.add(
                rules.INPUT_UNUSED,
                function.path if key == "path" else (*function.path, key),
                f"the placeholder '{{{shorten(name)}}}' of {shorten(written)} goes"
                f" nowhere: '{called.ref}' takes no argument of that name",
                did_you_mean(name, takes) or "name it in `with`, or remove it",
            )
