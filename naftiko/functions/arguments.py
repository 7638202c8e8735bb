"""Which arguments an exposed unit takes, and whether given ones fit.

Dialect 7.2 to 7.5, spec 3.3 and 4.2: published units declare few of their arguments,
so the rest is inferred from what they call. This module must not know protocols.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.errors import did_you_mean, names_of, shorten
from naftiko.expressions import TemplateError, parse_path, refs, to_text
from naftiko.http import BODY_METHODS
from naftiko.spec.model import InputParameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from naftiko.consumes.operation import Operation
    from naftiko.plain import JSON
    from naftiko.spec.model import Function

_TYPES = ("string", "number", "integer", "boolean", "array", "object")
#: `$.path.id`, `path.id`, `pathParameters.id`, `body.id`: the last part is the target.
_PLACES = {
    "path": "path",
    "pathParameters": "path",
    "query": "query",
    "queryParameters": "query",
    "header": "header",
    "headers": "header",
    "cookie": "cookie",
    "body": "body",
}
_TRUE, _FALSE = frozenset(("true", "1")), frozenset(("false", "0"))


class Feed(NamedTuple):
    """One call of a unit and where its arguments come from.

    Attributes:
        operation: What is called.
        sources: Parameter of the operation → argument of the unit that fills it, or an
            empty text when something else does (a constant, a variable, a step).
        is_open: Parameters that no source covers are arguments of the unit too.
    """

    operation: Operation
    sources: Mapping[str, str]
    is_open: bool = True


def target_of(mapping: str) -> tuple[str, str]:
    """Return the place (may be empty) and the parameter that a `mapping` names."""
    text = mapping.removeprefix("$").removeprefix(".")
    word, dot, rest = text.partition(".")
    if dot and word in _PLACES:
        return _PLACES[word], rest
    return "", text


def placeholders_of(url_path: str) -> list[str]:
    """Return the names of the placeholders of a REST path, in order."""
    try:
        return [ref.name for ref in refs(parse_path(url_path))]
    except TemplateError:
        return []


def arguments_of(
    function: Function,
    feeds: Iterable[Feed],
    *,
    sources: Iterable[str] = (),
    inherited: Iterable[InputParameter] = (),
) -> tuple[InputParameter, ...]:
    """Return the arguments of a unit, in the order of dialect 7.5.

    Args:
        function: The unit.
        feeds: What it calls.
        sources: Names that `with` values and templates of the unit refer to.
        inherited: The arguments of the aggregate function that it stands for.
    """
    feeds = list(feeds)
    placeholders = (
        placeholders_of(function.url_path)
        if function.kind == "rest"
        else placeholders_of(function.uri)
    )
    feeding = _feeding(feeds)
    found: dict[str, InputParameter] = {}
    for declared in function.inputs:
        if is_constant(declared):
            continue
        found[declared.name] = _declared(declared, function, feeding, placeholders)
    inherited_by_name = {parameter.name: parameter for parameter in inherited}
    names = [*placeholders, *sources, *inherited_by_name]
    for feed in feeds:
        names += feed.sources.values()
    for feed in feeds:
        if feed.is_open:
            names += _uncovered(feed)
    for name in filter(None, names):
        if name not in found:
            known = inherited_by_name.get(name)
            found[name] = _inferred(name, function, feeding, placeholders, known)
    return tuple(found.values())


def is_constant(parameter: InputParameter) -> bool:
    """Tell whether an exposed input has a text that no request can change."""
    value = parameter.value
    return value is not None and not str(value).startswith("$")


def _feeding(feeds: list[Feed]) -> dict[str, InputParameter]:
    """Return argument → the parameter of an operation that it feeds."""
    feeding: dict[str, InputParameter] = {}
    for feed in feeds:
        by_name = {p.name: p for p in feed.operation.parameters}
        for target, source in feed.sources.items():
            if source and target in by_name:
                _add(feeding, source, by_name[target])
        for name, parameter in by_name.items():
            if name not in feed.sources:
                _add(feeding, name, parameter)
    return feeding


def _add(feeding: dict[str, InputParameter], name: str, fed: InputParameter) -> None:
    known = feeding.get(name)
    if known is None or (fed.required and not known.required):
        feeding[name] = fed


def _uncovered(feed: Feed) -> Iterator[str]:
    operation = feed.operation
    for parameter in operation.parameters:
        if parameter.name not in feed.sources:
            yield parameter.name
    if operation.takes_body and OPEN_ARGUMENT not in feed.sources:
        yield OPEN_ARGUMENT


def _declared(
    parameter: InputParameter,
    function: Function,
    feeding: Mapping[str, InputParameter],
    placeholders: list[str],
) -> InputParameter:
    name = parameter.name
    place, target = target_of(parameter.mapping) if parameter.mapping else ("", name)
    fed = feeding.get(name) or (feeding.get(target) if target else None)
    in_ = parameter.in_
    if function.kind == "rest":
        in_ = in_ or place
        # What the route has no placeholder for cannot come from its path.
        if not in_ or (in_ == "path" and name not in placeholders):
            in_ = _place(name, function, placeholders)
    if parameter.required or parameter.is_optional:
        required = parameter.required
    elif name in placeholders:
        required = True
    elif function.call:
        required = fed.required if fed else False
    else:
        # The schema's default, for what has no operation to ask (spec 4.2).
        required = function.kind != "rest"
    return parameter._replace(
        in_=in_,
        required=required,
        type=parameter.type if parameter.type in _TYPES else "",
        description=parameter.description or (fed.description if fed else ""),
    )


def _inferred(
    name: str,
    function: Function,
    feeding: Mapping[str, InputParameter],
    placeholders: list[str],
    known: InputParameter | None,
) -> InputParameter:
    fed = known or feeding.get(name)
    in_ = _place(name, function, placeholders) if function.kind == "rest" else ""
    is_body = name == OPEN_ARGUMENT and fed is None
    kind = fed.type if fed and fed.type in _TYPES else ""
    return InputParameter(
        name,
        "body" if is_body and function.kind == "rest" else in_,
        kind or ("" if is_body else "string"),
        name in placeholders or bool(fed and fed.required),
        fed.description
        if fed
        else "The request body: any JSON value."
        if is_body
        else "",
        inferred=True,
        path=function.path,
    )


def _place(name: str, function: Function, placeholders: list[str]) -> str:
    if name in placeholders:
        return "path"
    return "body" if function.method.upper() in BODY_METHODS else "query"


# --- JSON Schema --------------------------------------------------------------------


def json_schema(parameters: Iterable[InputParameter]) -> dict[str, JSON]:
    """Return the JSON Schema of the arguments, as one object."""
    schema: dict[str, JSON] = {"type": "object"}
    properties = {p.name: property_schema(p) for p in parameters}
    if properties:
        schema["properties"] = properties
    required = [p.name for p in parameters if p.required]
    if required:
        schema["required"] = required
    return schema


def property_schema(parameter: InputParameter) -> dict[str, JSON]:
    """Return the JSON Schema of one argument.

    The type of an inferred argument is only advice (dialect 5.1), but the best there
    is for a caller.
    """
    schema: dict[str, JSON] = {}
    if parameter.type:
        schema["type"] = parameter.type
    if parameter.pattern and parameter.type in ("", "string"):
        schema["pattern"] = parameter.pattern
    description = " ".join(parameter.description.split())
    if description:
        schema["description"] = description
    return schema


# --- given arguments ----------------------------------------------------------------


MISSING = "is missing"


class WrongArgument(NamedTuple):
    """One argument that does not fit, and why."""

    name: str
    in_: str
    reason: str


def fit(
    parameters: Iterable[InputParameter], given: Mapping[str, JSON]
) -> tuple[dict[str, JSON], list[WrongArgument]]:
    """Return the arguments in their declared types, and those that do not fit.

    A text is read as the declared type. What cannot be is wrong when the unit declares
    the type, and stays as it is when the type was inferred.

    Args:
        parameters: What the unit takes.
        given: Argument → value; `None` means not given.
    """
    values: dict[str, JSON] = {}
    wrong: list[WrongArgument] = []
    known = {parameter.name: parameter for parameter in parameters}
    for parameter in known.values():
        value = given.get(parameter.name)
        if value is None:
            if parameter.required:
                wrong.append(WrongArgument(parameter.name, parameter.in_, MISSING))
            continue
        converted, reason = _converted(parameter, value)
        if reason and not parameter.inferred:
            wrong.append(WrongArgument(parameter.name, parameter.in_, reason))
        values[parameter.name] = value if reason else converted
    for name in given:
        if name not in known and given[name] is not None:
            guess = did_you_mean(name, known)
            takes = guess or f"it takes: {names_of(known)}"
            wrong.append(WrongArgument(name, "", f"is not known; {takes}"))
    return values, wrong


def _converted(parameter: InputParameter, value: JSON) -> tuple[JSON, str]:
    """Return a value in its declared type, and what is wrong with it."""
    kind = parameter.type
    if kind in ("integer", "number"):
        value, reason = _number(value, whole=kind == "integer")
    elif kind == "boolean":
        value, reason = _boolean(value)
    elif kind in ("array", "object"):
        value, reason = _structured(value, kind)
    elif kind == "string" and isinstance(value, (dict, list)):
        # Published files call whole objects strings; only a pattern needs a text.
        reason = "is not a text" if not parameter.inferred else ""
    elif (
        kind == "string" and isinstance(value, (int, float)) and not parameter.inferred
    ):
        # Callers write `5` for "5": what is declared is what the upstream API gets.
        value, reason = to_text(value), ""
    else:
        reason = ""
    if not reason and parameter.pattern:
        reason = _unmatched(parameter.pattern, value)
    return value, reason


def _number(value: JSON, *, whole: bool) -> tuple[JSON, str]:
    reason = "is not a whole number" if whole else "is not a number"
    if isinstance(value, bool):
        return value, reason
    if isinstance(value, str):
        text = value.strip()
        if not re.fullmatch(r"[-+]?(\d{1,400}(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?", text):
            return value, reason
        number = float(text)
        if re.fullmatch(r"[-+]?\d+", text):
            return int(text), ""
        value = number
    if not isinstance(value, (int, float)) or value - value != 0:
        return value, reason
    if whole and isinstance(value, float):
        return (int(value), "") if value.is_integer() else (value, reason)
    return value, ""


def _boolean(value: JSON) -> tuple[JSON, str]:
    if isinstance(value, bool):
        return value, ""
    text = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if text in _TRUE:
        return True, ""
    return (False, "") if text in _FALSE else (value, "is neither true nor false")


def _structured(value: JSON, kind: str) -> tuple[JSON, str]:
    wanted = list if kind == "array" else dict
    if isinstance(value, wanted):
        return value, ""
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in "[{" and text:
            try:
                parsed = json.loads(text)
            except (ValueError, RecursionError):
                parsed = None
            if isinstance(parsed, wanted):
                return parsed, ""
        if kind == "array":
            return [item.strip() for item in value.split(",")] if text else [], ""
    elif kind == "array" and isinstance(value, (int, float, bool)):
        return [value], ""
    return value, f"is not {'a list' if kind == 'array' else 'an object'}"


def _unmatched(pattern: str, value: JSON) -> str:
    try:
        found = re.search(pattern, value if isinstance(value, str) else str(value))
    except re.error:
        # The schema lets any text through; a pattern that is none cannot be met.
        return f"cannot be checked: '{shorten(pattern, 40)}' is not a pattern"
    return "" if found else f"does not match {shorten(pattern, 60)}"
