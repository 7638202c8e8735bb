"""The arguments of an exposed unit, and whether given ones fit.

Spec 3.3 and 4.2, dialect 7.2 to 7.5. A unit that declares inputs takes these and no
others, apart from the names that its path and its `with` refer to. Most published units
declare none. Their arguments are inferred from the operations that they call:

    unit                              operation               arguments
    --------------------------------  ----------------------  ----------------------
    tool {call: api.get,              GET /ships/{imo}?deep=  id (from the path, so
      with: {imo: tools.id}}                                   required), deep
    GET /ships/{id} {call: api.get}   GET /ships/{id}         id in the path
    tool {call: api.get, with: …,     GET /ships/{imo}?deep=  id
      inputParameters: [{name: id}]}

This module must not know protocols.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.document import rules
from naftiko.errors import did_you_mean, names_of, shorten
from naftiko.expressions import (
    ABSENT,
    TemplateError,
    is_part_of_any,
    parse_path,
    refs,
    to_text,
)
from naftiko.functions.schemas.inputs import input_schema
from naftiko.functions.types import type_of
from naftiko.http import BODY_METHODS
from naftiko.records.tuples import NamedTuple
from naftiko.spec.model import InputParameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from naftiko.consumes.operation import Operation
    from naftiko.plain import JSON
    from naftiko.spec.model import Function

#: First part of a `mapping` → the place that it names.
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

#: Kinds of units whose inputs have no key `required` (spec 3.3). The inputs of tools
#: and of aggregate functions are required unless they say otherwise (spec 4.2, 6).
_OPTIONAL_BY_DEFAULT = ("rest", "resource")
#: How many unknown arguments of one call are compared with the known ones.
_MOST_GUESSES = 8


class Feed(NamedTuple):
    """One call of a unit, and the arguments of the unit that feed it.

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
    """Return the place (may be empty) and the parameter that a `mapping` names.

    `$.path.id`, `path.id` and `pathParameters.id` are `("path", "id")`; `id` is
    `("", "id")`.
    """
    text = mapping.removeprefix("$").removeprefix(".")
    word, dot, rest = text.partition(".")
    if dot and word in _PLACES:
        return _PLACES[word], rest
    return "", text


def placeholders_of(url_path: str) -> list[str]:
    """Return the names of the placeholders of a REST path, in order.

    `/ships/{imo}/crew/{{id}}` has `["imo", "id"]`; a malformed path has none.
    """
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

    Parameters of the called operations are added only where the unit declares no
    inputs. An empty list of inputs is the default of the specification, so it counts as
    none.

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
    arguments: dict[str, InputParameter] = {}
    for declared in function.inputs:
        if is_constant(declared):
            continue
        arguments[declared.name] = _declared(declared, function, feeding, placeholders)
    inherited_by_name = {parameter.name: parameter for parameter in inherited}
    names = [*placeholders, *sources, *inherited_by_name]
    for feed in feeds:
        names += feed.sources.values()
    if not function.inputs:
        for feed in feeds:
            names += _uncovered(feed) if feed.is_open else ()
    declared_names = {parameter.name for parameter in function.inputs}
    for name in filter(None, names):
        # `filter.status` is a member of the declared input `filter`.
        if name not in arguments and not is_part_of_any(name, declared_names):
            known = inherited_by_name.get(name)
            arguments[name] = _inferred(name, function, feeding, placeholders, known)
    return tuple(arguments.values())


def is_constant(parameter: InputParameter) -> bool:
    """Tell whether an exposed input has a fixed text, which no request can change."""
    value = parameter.value
    return value is not None and not str(value).startswith("$")


def _feeding(feeds: list[Feed]) -> dict[str, InputParameter]:
    """Return argument → the parameter that it feeds; of several a required one."""
    feeding: dict[str, InputParameter] = {}
    for feed in feeds:
        by_name = _told(feed.operation)
        for target, source in feed.sources.items():
            if source and target in by_name:
                _add(feeding, source, by_name[target])
        for name, parameter in by_name.items():
            if name not in feed.sources:
                _add(feeding, name, parameter)
    return feeding


def _told(operation: Operation) -> dict[str, InputParameter]:
    """Return the parameters of an operation by name, as the whole document tells them.

    What other units require is no reason to refuse a call of this one.
    """
    told = zip(operation.parameters, operation.inputs, strict=True)
    return {p.name: known._replace(required=p.required) for p, known in told}


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
        # An argument without a placeholder in the route cannot come from its path.
        if not in_ or (in_ == "path" and name not in placeholders):
            in_ = _place(name, function, placeholders)
    if parameter.required or parameter.is_optional:
        required = parameter.required
    elif name in placeholders or function.kind not in _OPTIONAL_BY_DEFAULT:
        required = True
    else:
        required = fed is not None and fed.required
    return parameter._replace(
        in_=in_,
        required=required,
        type=parameter.type if type_of(parameter.type) else "",
        description=parameter.description or (fed.description if fed else ""),
        keywords=_keywords(parameter, fed),
        # No path holds JSON. The body of a REST request is JSON itself, so a member of
        # another type is a mistake there.
        is_json_text=function.kind != "rest" and not (fed and fed.in_ == "path"),
    )


def _keywords(
    parameter: InputParameter, fed: InputParameter | None
) -> Mapping[str, JSON]:
    """Return the keywords of an input, and those of the parameter that it feeds.

    Those of the parameter count where both have one type, or one of them has none.
    """
    own = parameter.keywords
    if fed is None or (parameter.type and fed.type not in ("", parameter.type)):
        return own
    return {**fed.keywords, **own}


def _inferred(
    name: str,
    function: Function,
    feeding: Mapping[str, InputParameter],
    placeholders: list[str],
    known: InputParameter | None,
) -> InputParameter:
    fed = known or feeding.get(name)
    is_rest = function.kind == "rest"
    in_ = _place(name, function, placeholders) if is_rest else ""
    # A tool says `string` of what nothing tells (dialect 7.5). A route tells its reader
    # no more than it knows; a segment of a path is always a text.
    is_segment = in_ == "path" or (fed is not None and fed.in_ == "path")
    unknown = "" if is_rest and not is_segment else "string"
    type_name, description = unknown, ""
    keywords: Mapping[str, JSON] = fed.keywords if fed is not None else {}
    if fed is not None:
        type_name = fed.type if type_of(fed.type) else unknown
        description = fed.description
    elif name == OPEN_ARGUMENT:
        in_ = "body" if is_rest else ""
        type_name, description = "", "The request body: any JSON value."
    return InputParameter(
        name,
        in_,
        type_name,
        name in placeholders or (fed is not None and fed.required),
        description,
        inferred=True,
        path=function.path,
        keywords=keywords,
        is_json_text=not is_rest and fed is not None and _is_lone_text(fed),
    )


def _is_lone_text(fed: InputParameter) -> bool:
    """Tell whether a list that is given for a parameter has to become one text.

    That is a declared `string` of a query or a cookie. In a body, published files call
    whole objects strings; in a header, a list is one text anyway; and `ids[]` is a name
    that is repeated.
    """
    is_text = fed.type == "string" and fed.in_ in ("query", "cookie")
    return is_text and not fed.name.endswith("[]")


def _place(name: str, function: Function, placeholders: list[str]) -> str:
    if name in placeholders:
        return "path"
    return "body" if function.method.upper() in BODY_METHODS else "query"


# --- JSON Schema --------------------------------------------------------------------


def json_schema(parameters: Iterable[InputParameter]) -> dict[str, JSON]:
    """Return the JSON Schema of the arguments, as one object.

    `id` (a required integer) gives `{"type": "object", "properties": {"id": {"type":
    "integer"}}, "required": ["id"], "additionalProperties": false}`: `fit` refuses an
    unknown argument.
    """
    schema: dict[str, JSON] = {"type": "object"}
    properties = {p.name: property_schema(p) for p in parameters}
    if properties:
        schema["properties"] = properties
    required = [p.name for p in parameters if p.required]
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    return schema


def property_schema(parameter: InputParameter) -> dict[str, JSON]:
    """Return the JSON Schema of one argument.

    The type of an inferred argument is only advice (dialect 5.1). It is given all the
    same: a caller has nothing better.
    """
    schema = input_schema(parameter.type, parameter.keywords)
    if parameter.type not in ("", "string"):
        schema.pop("pattern", None)
    elif parameter.pattern:
        schema["pattern"] = parameter.pattern
    description = " ".join(parameter.description.split())
    if description:
        schema["description"] = description
    return schema


# --- given arguments ----------------------------------------------------------------

MISSING, UNKNOWN, MISMATCH = "missing", "unknown", "mismatch"


class WrongArgument(NamedTuple):
    """One argument that does not fit, and why.

    Attributes:
        name: The argument; empty for the body or the query as a whole.
        in_: Where a request carries it; empty where that has no meaning.
        fault: The fault in words; its subject is the argument: "is not a number".
        kind: `MISSING`, `UNKNOWN`, or `MISMATCH` for a value that does not fit.
        guess: For an unknown argument, a question that names the nearest known one.
        known: For an unknown argument, the names of the known ones.
    """

    name: str
    in_: str
    fault: str
    kind: str = MISMATCH
    guess: str = ""
    known: tuple[str, ...] = ()

    @property
    def brief(self) -> str:
        """The fault and the guess, for readers who see the known arguments anyway."""
        return f"{self.fault}; {self.guess}" if self.guess else self.fault

    @property
    def reason(self) -> str:
        """The fault, and what to write instead where that is known."""
        if self.guess or self.kind != UNKNOWN:
            return self.brief
        return f"{self.fault}; it takes: {names_of(self.known)}"


def code_of(wrong: Iterable[WrongArgument]) -> str:
    """Return the code of the first kind of fault that has one, or an empty text."""
    kinds = {fault.kind for fault in wrong}
    if MISSING in kinds:
        return rules.ARGUMENT_MISSING.code
    return rules.ARGUMENT_UNKNOWN.code if UNKNOWN in kinds else ""


def fit(
    parameters: Iterable[InputParameter], given: Mapping[str, JSON]
) -> tuple[dict[str, JSON], list[WrongArgument]]:
    """Return the arguments in their declared types; see `fit_named`."""
    return fit_named({parameter.name: parameter for parameter in parameters}, given)


def fit_named(
    known: Mapping[str, InputParameter], given: Mapping[str, JSON]
) -> tuple[dict[str, JSON], list[WrongArgument]]:
    """Return the arguments in their declared types, and those that do not fit.

    `{"limit": "5"}` gives `{"limit": 5}` where `limit` is declared as an integer. A
    value of another type is wrong where the document declares the type, and is kept as
    it is where the type was inferred; only a text is never taken for an object.

    Args:
        known: The arguments that the unit takes, by name.
        given: Argument → value; `None` means not given.
    """
    values: dict[str, JSON] = {}
    wrong: list[WrongArgument] = []
    for name, parameter in known.items():
        value = given.get(name)
        if value is None:
            if parameter.required:
                fault = WrongArgument(
                    parameter.name, parameter.in_, "is missing", MISSING
                )
                wrong.append(fault)
            continue
        converted, mismatch = _converted(parameter, value)
        if mismatch and (
            not parameter.inferred or _is_text_of_no_object(parameter, value)
        ):
            wrong.append(WrongArgument(parameter.name, parameter.in_, mismatch))
        values[name] = value if mismatch else converted
    if given.keys() <= known.keys():
        return values, wrong
    unknown = [name for name in given if name not in known and given[name] is not None]
    names = tuple(known) if unknown else ()
    for number, name in enumerate(unknown):
        # A caller may send thousands.
        guess = did_you_mean(name, names) if number < _MOST_GUESSES else ""
        wrong.append(WrongArgument(name, "", "is not known", UNKNOWN, guess, names))
    return values, wrong


def _converted(parameter: InputParameter, value: JSON) -> tuple[JSON, str]:
    """Return a value in its declared type, and what is wrong with it."""
    if parameter.is_json_text and parameter.type == "string":
        value = _json_text(value)
    if not _stays(parameter, value) and (value_type := type_of(parameter.type)):
        converted = value_type.read(value)
        if converted is ABSENT and value_type.name == "array":
            converted = _listed(value)
        if converted is ABSENT:
            return value, value_type.mismatch
        value = converted
    return value, _unmatched(parameter.pattern, value) if parameter.pattern else ""


def _json_text(value: JSON) -> JSON:
    """Return an object or a list as compact JSON, and any other value as it is."""
    if not isinstance(value, (dict, list)):
        return value
    try:
        return to_text(value)
    except (TypeError, ValueError):
        return value


def _is_text_of_no_object(parameter: InputParameter, value: JSON) -> bool:
    """Tell whether a text is given for an inferred object.

    Other inferred types are only advice: published files declare numbers as texts, and
    texts as numbers. No API reads a text where it describes an object.
    """
    return parameter.type == "object" and isinstance(value, str)


def _stays(parameter: InputParameter, value: JSON) -> bool:
    """Tell whether a `string` argument keeps its value as it is.

    Published files call whole objects strings, so an inferred one does. So do the dates
    and bytes of Python callers: the request knows how to write them.
    """
    return parameter.type == "string" and (
        parameter.inferred or not isinstance(value, (bool, int, float, list, dict))
    )


def _listed(value: JSON) -> JSON:
    """Return a list that a query or a form writes as one text, or as its only item.

    `"a, b"` is `["a", "b"]`, as in OpenAPI (`style: form`, `explode: false`).
    """
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")] if value.strip() else []
    return [value] if isinstance(value, (int, float)) else ABSENT


def _unmatched(pattern: str, value: JSON) -> str:
    from naftiko.patterns.bounded import PatternLimit, bounded

    text = value if isinstance(value, str) else json.dumps(value, default=str)
    compiled = bounded(pattern)
    if compiled is None:
        # The schema lets any text through; a pattern that is none cannot be met.
        return f"cannot be checked: '{shorten(pattern, 40)}' is not a pattern"
    try:
        is_match = compiled.finds(text)
    except PatternLimit as error:
        return f"cannot be checked: {error.message}"
    return "" if is_match else f"does not match {shorten(pattern, 60)}"
