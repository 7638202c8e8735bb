"""Declarations that contradict themselves: what no value can be, or what is left out.

{type: integer, default: many}          →  W-value: the `default` is no integer
{enum: [open, closed], default: opened}   →  W-value: did you mean 'open'?
{pattern: "^([0-9]+$"}                  →  W-pattern: missing ), unterminated subpattern

A text that writes a value of the type is one: `default: "5"` of an integer. No message
holds a default or an example, which may be a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import did_you_mean, names_of, shorten
from naftiko.lint.keys import distance
from naftiko.plain import a_kind_of, text_of, types_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON, DocumentPath

_VALUES = ("const", "default", "example")
_LEAST_AND_MOST = (("minimum", "maximum"), ("minLength", "maxLength"))
_LIMITS = frozenset(name for pair in _LEAST_AND_MOST for name in pair)
#: A declaration without any of these keys says nothing that could be wrong.
TELLING = frozenset(
    (*_VALUES, *_LIMITS, "enum", "pattern", "format", "properties", "items")
)
_INTEGER = re.compile(r"[-+]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_BOOLEAN = re.compile(r"true|false|1|0", re.IGNORECASE)
#: Type → the text of a value of it, and how messages call such a value.
_TYPES = {
    "integer": (_INTEGER, "whole number"),
    "number": (_NUMBER, "number"),
    "boolean": (_BOOLEAN, "true or false"),
    "array": (re.compile(r"(?s).*"), "list"),  # a query sends many in one text
    "object": (re.compile(r"(?s)\s*\{.*"), "mapping"),
}
_CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str, int, float, bool),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, int, float, bool),
    "object": (dict,),
}
#: What other dialects of regular expressions have, and Python's has not.
_OTHER_DIALECT = re.compile(r"\\[A-Za-z]|\(\?<(?![=!])|\[\^?\]|\(\?[#&|+A-Z0-9']|\[\[")
#: Formats of JSON Schema and OpenAPI, and those that tools agree upon.
_FORMATS = (
    "date-time", "date", "time", "duration", "email", "idn-email", "hostname",
    "idn-hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference",
    "uuid", "uri-template", "json-pointer", "relative-json-pointer", "regex", "int32",
    "int64", "float", "double", "byte", "binary", "password",
)  # fmt: skip
_OTHER_FORMATS = frozenset(
    (
        "int", "int8", "int16", "uint8", "uint16", "uint32", "uint64", "integer",
        "long", "decimal", "decimal128", "number", "url", "urn", "guid", "cidr", "mac",
        "phone",
        "html", "json", "base64", "base64url", "string", "text", "char", "timestamp",
        "unix-time", "unixtime", "currency", "country", "locale", "language", "ip",
        "ip-address", "host", "file", "path", "country-code", "money", "bytes", "year",
        "month", "double-int", "float32", "float64", "time-zone", "timezone",
    )
)  # fmt: skip


def note_limits(placed: Placed, findings: Findings) -> None:
    """Note what the declaration of an input or an output contradicts."""
    data = placed.data
    if not TELLING.isdisjoint(data):
        is_input = placed.part.name.endswith("input")
        _note_declaration(data, placed.path, findings, is_input=is_input)


def _note_declaration(
    data: Mapping[str, JSON], at: DocumentPath, findings: Findings, *, is_input: bool
) -> None:
    types = types_of(data.get("type"))
    kind = types[0] if len(types) == 1 else ""
    if "pattern" in data:
        _note_pattern(data["pattern"], (*at, "pattern"), findings)
    if "format" in data:
        _note_format(data["format"], (*at, "format"), findings)
    if not _LIMITS.isdisjoint(data):
        _note_bounds(data, kind, at, findings)
    if "enum" in data:
        _note_enum(data["enum"], kind, (*at, "enum"), findings)
    for key in _VALUES:
        if key in data:
            _note_value(data, key, kind, at, findings)
    if data.get("required").__class__ is list:
        _note_required(data, at, findings)
    if is_input:  # the members of an output are parts of their own
        for place, inner in _members(data):
            _note_declaration(inner, (*at, *place), findings, is_input=True)


def _members(
    data: Mapping[str, JSON],
) -> Iterator[tuple[DocumentPath, Mapping[str, JSON]]]:
    """Yield the declarations inside one: of its items, and of its properties."""
    items, properties = data.get("items"), data.get("properties")
    if items.__class__ is dict:
        yield ("items",), items
    if properties.__class__ is dict:
        for name, inner in properties.items():
            if inner.__class__ is dict:
                yield ("properties", name), inner


def _note_pattern(pattern: JSON, at: DocumentPath, findings: Findings) -> None:
    if not isinstance(pattern, str) or "{{" in pattern:
        return
    if len(pattern) > 2 and pattern[0] == pattern[-1] == "/":
        findings.add(
            rules.PATTERN,
            at,
            "the slashes around the pattern are part of it, so it fits no usual text",
            "remove both slashes",
        )
        return
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        if not _OTHER_DIALECT.search(pattern):
            reason = getattr(error, "msg", "it is too large")
            place = getattr(error, "pos", None)
            where = "" if place is None else f" (character {place + 1})"
            findings.add(
                rules.PATTERN,
                at,
                f"'{shorten(pattern)}' is no regular expression: {reason}{where}",
                "close what is open, or write a backslash before a character that"
                " stands for itself",
            )


def _note_format(written: JSON, at: DocumentPath, findings: Findings) -> None:
    if not isinstance(written, str) or written in _FORMATS or len(written) < 5:
        return
    folded = written.lower().replace("_", "-")
    if folded in _OTHER_FORMATS:
        return
    near = min((distance(folded, name), name) for name in _FORMATS)
    if near[0] <= 2:
        findings.add(
            rules.FORMAT,
            at,
            f"the format '{shorten(written)}' is not known, and says nothing to a"
            " client",
            f"did you mean '{near[1]}'?",
        )


def _note_bounds(
    data: Mapping[str, JSON], kind: str, at: DocumentPath, findings: Findings
) -> None:
    """Note limits that are no numbers, leave nothing, or exclude the default."""
    for names in _LEAST_AND_MOST:
        least, most = (data.get(name) for name in names)
        for name, limit in zip(names, (least, most), strict=True):
            if limit is not None and not _is_number(limit) and "{{" not in str(limit):
                quoted = isinstance(limit, str) and _NUMBER.fullmatch(limit.strip())
                _note(
                    (*at, name),
                    f"`{name}` is {a_kind_of(limit)}, not a number, and is left out",
                    "remove the quotes" if quoted else "write a number",
                    findings,
                )
        if _is_above(least, most):
            _note(
                (*at, names[0]),
                f"`{names[0]}` is above `{names[1]}`, so no value fits",
                f"exchange them, or raise `{names[1]}`",
                findings,
            )
            return
    for key in _VALUES:
        given = data.get(key)
        if kind not in ("integer", "number") or not _is_number(given):
            continue
        word = (
            "below `minimum`"
            if _is_above(data.get("minimum"), given)
            else "above `maximum`"
            if _is_above(given, data.get("maximum"))
            else ""
        )
        if word:
            message = f"the `{key}` is {word}"
            _note((*at, key), message, "change one of them", findings)


def _is_above(one: JSON, other: JSON) -> bool:
    """Tell whether both are numbers, the first the greater one."""
    return _is_number(one) and _is_number(other) and bool(one > other)


def _is_number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _note_enum(values: JSON, kind: str, at: DocumentPath, findings: Findings) -> None:
    if not isinstance(values, list):
        if values is not None and "{{" not in str(values):
            _note(
                at,
                f"`enum` is {a_kind_of(values)}, not a list, and is left out",
                "write a list: `enum: [one, other]`",
                findings,
            )
        return
    if not values:
        _note(
            at,
            "`enum` is empty, and is left out",
            "list the values, or remove it",
            findings,
        )
    seen: set[str] = set()
    for index, value in enumerate(values):
        text = f"{value.__class__.__name__} {value}"
        if text in seen:
            _note(
                (*at, index),
                f"`enum` has '{shorten(text_of(value))}' twice",
                "remove one",
                findings,
            )
        elif not _is_of(kind, value) and kind != "array":
            _note(
                (*at, index),
                f"an entry of `enum` is {a_kind_of(value)}, and the type is '{kind}'",
                f"write a {_TYPES[kind][1]}, or change the type"
                if kind in _TYPES
                else "write a text, or change the type",
                findings,
            )
            return
        seen.add(text)


def _note_value(
    data: Mapping[str, JSON],
    key: str,
    kind: str,
    at: DocumentPath,
    findings: Findings,
) -> None:
    """Note a value of another type than the declared one, or outside the `enum`."""
    value, allowed = data[key], data.get("enum")
    if value is None or (isinstance(value, str) and "{{" in value):
        return
    if not _is_of(kind, value):
        wanted = _TYPES[kind][1] if kind in _TYPES else "text"
        article = "" if kind == "boolean" else "a "
        _note(
            (*at, key),
            f"the `{key}` is {a_kind_of(value)}, and the type is '{kind}'",
            f"write {article}{wanted}, or change the type",
            findings,
        )
    elif isinstance(allowed, list) and allowed and kind != "array":
        texts = [text_of(entry) for entry in allowed]
        written = text_of(value)
        if not isinstance(value, (list, dict)) and written not in texts:
            _note(
                (*at, key),
                f"the `{key}` is none of the values in `enum`",
                did_you_mean(written, texts) or f"use one of {names_of(texts, 8)}",
                findings,
            )


def _is_of(kind: str, value: JSON) -> bool:
    """Tell whether a value is of a type, or a text that writes one."""
    classes = _CLASSES.get(kind)
    if classes is None or value is None:
        return True
    if isinstance(value, str) and kind in _TYPES:
        return "{{" in value or bool(_TYPES[kind][0].fullmatch(value.strip()))
    if isinstance(value, bool):
        return bool in classes
    is_whole = kind == "integer" and isinstance(value, float) and value.is_integer()
    return isinstance(value, classes) or is_whole


def _note_required(
    data: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> None:
    """Note the names in `required` that no property has."""
    properties = data.get("properties")
    if not isinstance(properties, dict) or not properties:
        return
    for index, name in enumerate(data["required"]):
        if isinstance(name, str) and name not in properties:
            findings.add(
                rules.REQUIRED_UNKNOWN,
                (*at, "required", index),
                f"`required` names '{shorten(name)}', which is no property",
                did_you_mean(name, properties)
                or f"the properties are: {names_of(properties, 8)}",
            )


def _note(at: DocumentPath, message: str, hint: str, findings: Findings) -> None:
    findings.add(rules.VALUE_CONTRADICTS, at, message, hint)
