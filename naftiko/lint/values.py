"""Values that no engine knows: methods, types; and bodies that no server expects.

method: FETCH   →  W-method: did you mean 'PATCH'?
type: int       →  W-type: did you mean 'integer'?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.findings import SET, Mention, pointer
from naftiko.errors import Edit, did_you_mean, names_of, shorten
from naftiko.plain import text_of

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.document.rules import Rule
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON, DocumentPath

#: The methods that standards register (RFC 9110, WebDAV and its kin, QUERY), and those
#: that servers of caches understand.
_METHODS = frozenset(
    (
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
        "QUERY", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
        "REPORT", "SEARCH", "BIND", "REBIND", "UNBIND", "ACL", "MKCALENDAR", "CHECKIN",
        "CHECKOUT", "VERSION-CONTROL", "MERGE", "LINK", "UNLINK", "PURGE", "BAN",
        "LIST",
    )
)  # fmt: skip
_TYPES = ("string", "number", "integer", "boolean", "array", "object")
#: Spelling of other formats → type of the specification.
_TYPE_SPELLINGS = {
    "int": "integer", "int32": "integer", "int64": "integer", "long": "integer",
    "short": "integer", "float": "number", "double": "number", "decimal": "number",
    "bool": "boolean", "str": "string", "text": "string", "char": "string",
    "date": "string", "datetime": "string", "date-time": "string", "uuid": "string",
    "uri": "string", "url": "string", "enum": "string", "list": "array",
    "tuple": "array", "set": "array", "dict": "object", "map": "object",
    "json": "object", "hash": "object", "struct": "object",
}  # fmt: skip
#: Types that published files have, and that mean something else than a JSON type.
_OTHER_TYPES = frozenset(("null", "any", "file", "binary"))
_PLACES = ("query", "header", "path", "cookie", "body", "environment")
_USUAL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_WITHOUT_BODY = frozenset(("GET", "HEAD", "TRACE"))


def note_method(placed: Placed, findings: Findings) -> None:
    """Note a method that no standard registers, or that has a body and must not."""
    data = placed.data
    method = data.get("method")
    if not isinstance(method, str) or not method:
        return
    if method.upper() not in _METHODS:
        near = did_you_mean(method, _USUAL_METHODS)
        hint = near or f"use one of {names_of(_USUAL_METHODS)}"
        message = f"the method '{shorten(method)}' is not registered for HTTP"
        findings.add(rules.METHOD_UNKNOWN, (*placed.path, "method"), message, hint)
    if method.upper() in _WITHOUT_BODY and _has_body(data):
        is_route = placed.part.name == "exposed-operation"
        fate = "few clients send" if is_route else "servers ignore or refuse"
        findings.add(
            rules.BODY_OF_METHOD,
            (*placed.path, "body" if data.get("body") else "method"),
            f"a {method.upper()} request has a body, which {fate}",
            "use another method, or send it in the query: `in: query`",
        )


def _has_body(data: JSON) -> bool:
    inputs = data.get("inputParameters")
    listed = inputs if isinstance(inputs, list) else ()
    return bool(data.get("body")) or any(
        isinstance(entry, dict) and entry.get("in") == "body" for entry in listed
    )


def note_type(placed: Placed, findings: Findings) -> None:
    """Note a type that is not known."""
    written = placed.data.get("type")
    if not isinstance(written, str) or written in _TYPES or "{{" in written:
        return
    folded = written.strip().lower()
    if folded in _OTHER_TYPES:
        return
    same = folded if folded in _TYPES else _TYPE_SPELLINGS.get(folded)
    hint = f"did you mean '{same}'?" if same else did_you_mean(written, _TYPES)
    at = (*placed.path, "type")
    findings.add(
        rules.TYPE_UNKNOWN,
        at,
        f"the type '{shorten(written)}' is not known, and is taken for any",
        hint or f"use one of {names_of(_TYPES)}",
        fix=Edit(SET, pointer(at), same) if same else None,
    )


def note_mapping(placed: Placed, findings: Findings) -> None:
    """Note `mapping` in a consumed output, which only exposed ones have."""
    data = placed.data
    if data.get("mapping") is None:
        return
    at = (*placed.path, "mapping")
    is_free = data.get("value") is None
    _misnamed(
        rules.KEY_MISPLACED,
        at,
        "`mapping` belongs to the outputs of exposed functions; a consumed output has"
        " `value`",
        "rename it to `value`" if is_free else "remove it; `value` stands beside it",
        Edit("rename", pointer(at), "value") if is_free else None,
        findings,
    )


def note_value(placed: Placed, findings: Findings) -> None:
    """Note a JSONPath as the `value` of an exposed output, which is sent as it is."""
    data = placed.data
    if data.get("const") is not None and data.get("mapping"):
        findings.add(
            rules.KEY_MISPLACED,
            (*placed.path, "const"),
            "`const` does nothing beside `mapping`",
            "keep one of them",
            at_key=True,
        )
    value = data.get("value")
    if not isinstance(value, str) or not value.startswith(("$.", "$[")):
        return
    at = (*placed.path, "value")
    is_free = data.get("mapping") is None
    _misnamed(
        rules.KEY_MISPLACED,
        at,
        "the `value` of an exposed output is sent as it is; `mapping` takes a JSONPath",
        "rename it to `mapping`"
        if is_free
        else "remove it; `mapping` stands beside it",
        Edit("rename", pointer(at), "mapping") if is_free else None,
        findings,
    )


def note_empty_path(placed: Placed, findings: Findings) -> None:
    """Note a `value` or `mapping` without a text, which selects nothing."""
    data = placed.data
    key = "value" if placed.part.name == "consumed-output" else "mapping"
    written = data.get(key, "$")
    if written is None or (isinstance(written, str) and not written.strip()):
        findings.add(
            rules.OUTPUT_EMPTY,
            (*placed.path, key),
            f"the `{key}` of the output is empty, and selects nothing",
            f"write a JSONPath, such as `{key}: $.name`, or remove it",
        )


def note_place(placed: Placed, findings: Findings) -> None:
    """Note a place of an exposed input that no request has."""
    place = placed.data.get("in")
    if isinstance(place, str) and place and place.lower() not in _PLACES:
        findings.add(
            rules.PARAMETER_PLACE_MISSING,
            (*placed.path, "in"),
            f"an exposed input has an unknown place, '{shorten(place)}'",
            did_you_mean(place, _PLACES) or f"use one of {names_of(_PLACES)}",
        )


def _misnamed(
    rule: Rule,
    at: DocumentPath,
    message: str,
    hint: str,
    fix: Edit | None,
    findings: Findings,
) -> None:
    findings.add(rule, at, message, hint, at_key=True, fix=fix)


def note_duplicates(placed: Placed, findings: Findings) -> None:
    """Note the parameters of one list that have one name and one place."""
    inputs = placed.data.get("inputParameters")
    if not isinstance(inputs, list) or len(inputs) < 2:
        return
    first: dict[tuple[str, str], int] = {}
    for index, given in enumerate(inputs):
        if given.__class__ is not dict:
            continue
        place, name = text_of(given.get("in")), text_of(given.get("name"))
        if name and first.setdefault((place, name), index) != index:
            at = (*placed.path, "inputParameters")
            path, other = (*at, index, "name"), (*at, first[place, name], "name")
            findings.add(
                rules.PARAMETER_DUPLICATE,
                path,
                f"the parameter '{shorten(name)}' is declared twice",
                "keep one of them",
                related=(Mention(other, "first declared here"),),
            )
