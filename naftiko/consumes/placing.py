"""Arguments become the path, query, headers, cookies and body of a request.

    Slot("q"), q=["a b", "c"]  ->  query "q=a+b&q=c"

This module must not know credentials or how a request is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from naftiko.consumes.base_uri import quote_path
from naftiko.consumes.body import OPEN_ARGUMENT, encode
from naftiko.consumes.content import texts_of
from naftiko.consumes.markup import is_xml_type
from naftiko.errors import ArgumentError, CallError, UnboundVariable, names_of, shorten
from naftiko.expressions import ABSENT, Ref, render, to_text
from naftiko.masking import has_marker, marker

if TYPE_CHECKING:
    from naftiko.bindings import Variables
    from naftiko.consumes.body import BodyPlan
    from naftiko.consumes.content import Encoded
    from naftiko.consumes.layout import Layout, Slot
    from naftiko.consumes.operation import Operation
    from naftiko.expressions import Template

#: Kept as they are in names: `$filter`, `filter[x]`, `a:b`.
NAME_SAFE = "$[]:@!*'(),;/?~"
_COOKIE_SAFE = "!#$&'()*+-./:<=>?@[]^_`{|}~%"
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROL_CHARACTER = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
#: Dot segments: urllib3, proxies and servers resolve them, encoded ones too.
_DOTS = re.compile(r"(?:^|/)((?:\.|%2e){1,2})(?=/|$)", re.IGNORECASE)
#: Characters that are not encoded in an extended value (RFC 8187, 3.2.1).
_ATTR_SAFE = "!#$&+-.^_`|~"


class RawPath(str):
    """A path argument that may hold `/`: it is placed as it is, and stays a path.

    Characters that cannot stand in a path are still encoded; `.`, `..`, `?` and `#`
    are still refused or encoded, so it cannot leave its place.
    """

    __slots__ = ()


class CallValues:
    """The values of one call, and the secrets that it used."""

    __slots__ = ("arguments", "operation", "overrides", "secrets", "variables")

    def __init__(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        variables: Variables,
        secrets: Mapping[str, str] = {},
        overrides: Mapping[str, Any] = {},
    ) -> None:
        self.operation = operation
        self.arguments = arguments
        self.variables = variables
        self.secrets = dict(secrets)
        self.overrides = overrides

    def variable(self, name: str) -> str:
        """Return the value of a variable."""
        try:
            value = self.variables.get(name)
        except UnboundVariable as error:
            error.location = error.location or self.operation.location
            raise
        self.secrets[name] = value
        return value

    def environment(self, name: str, value: str) -> str:
        """Note the value that the environment gives for a parameter."""
        self.secrets[name] = value
        return value

    def find(self, name: str) -> str | None:
        """Return the value of a name in the base URI, or `None`."""
        variable = self.variables.find(name)
        if variable is None:
            return None
        self.secrets[variable[0]] = variable[1]
        return variable[1]

    def value_of(self, ref: Ref) -> Any:
        """Return the value of a reference, or `ABSENT` for an argument not given."""
        if ref.is_variable:
            return self.variable(ref.name)
        return self.arguments.get(ref.name, ABSENT)


class PreviewValues(CallValues):
    """The same call with `$NAME` for every variable, whether it has a value or not."""

    __slots__ = ()

    def variable(self, name: str) -> str:
        """Return the value of a variable."""
        return marker(name)

    def find(self, name: str) -> str | None:
        """Return the value of a variable, or `None`."""
        # A preview holds no value, so nothing in it has to be masked.
        variable = self.variables.find(name)
        return None if variable is None else marker(variable[0])

    def environment(self, name: str, value: str) -> str:
        """Return the value of an `in: environment` parameter."""
        return marker(name)


def _argument_for(call: CallValues, name: str, place: str) -> Any:
    """Return an argument for a place, or `ABSENT`."""
    qualified = call.arguments.get(f"{name}\0{place}", ABSENT)
    return call.arguments.get(name, ABSENT) if qualified is ABSENT else qualified


def _slot_value(call: CallValues, slot: Slot, place: str) -> Any:
    """Return the value of a slot: an argument, a constant, a template, or `ABSENT`."""
    if slot.argument:
        value = _argument_for(call, slot.argument, place)
        return slot.default if value is ABSENT and slot.default else value
    if len(slot.template) == 1:
        part = slot.template[0]
        return part if isinstance(part, str) else call.value_of(part)
    if any(
        isinstance(part, Ref) and call.value_of(part) is ABSENT
        for part in slot.template
    ):
        return ABSENT
    try:
        return render(slot.template, call.value_of)
    except (TypeError, ValueError) as error:
        raise _unwritable(call, slot.name, error) from None


def unplaceable(call: CallValues, name: str, why: str, hint: str = "") -> ArgumentError:
    """Return the error for an argument that cannot stand where it goes."""
    return ArgumentError(
        f"{call.operation.ref}: argument '{name}' {why}",
        location=call.operation.location,
        hint=hint,
    )


def _unwritable(call: CallValues, name: str, error: Exception) -> Exception:
    if isinstance(error, (CallError, UnicodeEncodeError)):
        return error  # it is told already, or better by `Prepared`
    return unplaceable(call, name, f"cannot be written: {error}")


def all_text(value: Any) -> str:
    """Return all texts in a value in one, however deep it is."""
    texts: list[str] = []
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            value = [*value, *value.values()]
        if isinstance(value, (list, tuple, set, frozenset)):
            pending += reversed([*value])
        else:
            with suppress(ValueError, RecursionError):  # a number of very many digits
                texts.append(str(value))
    return "".join(texts)


def texts_for(call: CallValues, name: str, value: Any) -> list[str]:
    """Return the texts of an argument, one for each entry of a list."""
    try:
        return list(texts_of(value))
    except (TypeError, ValueError) as error:
        raise _unwritable(call, name, error) from None


@lru_cache(maxsize=1024)
def _literal_path(text: str) -> str:
    """Return a part of a path that the document writes, percent-encoded."""
    return quote_path(text)


def path_text(call: CallValues, template: Template) -> str:
    """Return the path of the request, its placeholders filled and percent-encoded."""
    written: list[str] = []
    has_values = False
    for part in template:
        if isinstance(part, str):
            written.append(_literal_path(part))
        else:
            written.append(_path_value(call, part))
            has_values = True
    path = "".join(written)
    if has_values and ("." in path or "%" in path) and (dots := _DOTS.search(path)):
        names = names_of(f"'{p.name}'" for p in template if isinstance(p, Ref))
        raise ArgumentError(
            f"{call.operation.ref}: '{dots[1]}' cannot be a path segment"
            f" (argument {names})",
            location=call.operation.location,
            hint="it would name another resource",
        )
    return path


def _path_value(call: CallValues, ref: Ref) -> str:
    value = _argument_for(call, ref.name, "path")
    if value is ABSENT and ref.is_variable:
        value = call.variable(ref.name)
    if value is ABSENT:
        raise unplaceable(call, ref.name, "is missing")
    if value.__class__ is str:
        # Most values are a word or a number, which `quote` would leave as it is.
        is_plain = value.isascii() and value.isalnum()
        text = value if is_plain else quote(value, safe="")
    elif isinstance(value, (bytes, bytearray)):
        text = quote(bytes(value), safe="")
    elif isinstance(value, RawPath):
        text = quote(value, safe="/:@!$&'()*+,;=~")
    elif isinstance(value, Mapping):
        raise unplaceable(call, ref.name, "is a mapping and cannot stand in a path")
    else:
        text = ",".join(
            quote(item, safe="") for item in texts_for(call, ref.name, value)
        )
    if not text:
        raise unplaceable(
            call,
            ref.name,
            "is empty",
            "an empty path value would name another resource",
        )
    return text


def query_pairs(call: CallValues, layout: Layout) -> list[str]:
    """Return the `name=value` pairs of the query, percent-encoded."""
    pairs: list[str] = []
    if layout.query_head:
        pairs.append(_query_head(call, layout.query_head))
    for slot in layout.query:
        value = _slot_value(call, slot, "query")
        if value is ABSENT:
            continue
        name = quote(slot.name, safe=NAME_SAFE)
        if value.__class__ is str:
            pairs.append(f"{name}={quote_plus(value)}")
        elif isinstance(value, (bytes, bytearray)):
            pairs.append(f"{name}={quote_plus(bytes(value))}")
        else:
            pairs += [
                f"{name}={quote_plus(text)}"
                for text in texts_for(call, slot.name, value)
            ]
    return pairs


def _query_head(call: CallValues, template: Template) -> str:
    return "".join(
        quote(part, safe=NAME_SAFE + "=&+%")
        if isinstance(part, str)
        else quote_plus(_path_query_text(call, part))
        for part in template
    )


def _path_query_text(call: CallValues, ref: Ref) -> str:
    value = _argument_for(call, ref.name, "path")
    if value is ABSENT and ref.is_variable:
        value = call.variable(ref.name)
    if value is ABSENT:
        raise unplaceable(call, ref.name, "is missing")
    try:
        return to_text(value)
    except (TypeError, ValueError) as error:
        raise _unwritable(call, ref.name, error) from None


def set_header(items: dict[str, str], name: str, value: str) -> None:
    """Set a header, replacing one of the same name in another spelling."""
    folded = name.lower()
    for known in items:
        if known.lower() == folded:
            del items[known]
            break
    items[name] = value


def place_header(call: CallValues, slot: Slot, items: dict[str, str]) -> None:
    """Put an argument into the headers; an empty list adds none."""
    value = _slot_value(call, slot, "header")
    if value is ABSENT:
        return
    check_field_name(call, slot.name)
    texts = texts_for(call, slot.name, value)
    if texts:  # an empty list adds no header, as in a query
        set_header(items, slot.name, field_value(call, slot.name, ", ".join(texts)))


def check_field_name(call: CallValues, name: str) -> None:
    """Refuse a header name that is no token (RFC 9110, 5.1)."""
    if not FIELD_NAME.fullmatch(name):
        raise unplaceable(call, name, "is not a header name (RFC 9110, 5.1)")


def check_framing(call: CallValues, items: Mapping[str, str], body: Any) -> None:
    """Refuse headers that would tell the server another end of the request."""
    if header_of(items, "transfer-encoding"):
        raise unplaceable(
            call,
            "Transfer-Encoding",
            "cannot be given",
            "a stream without a length is sent in chunks by itself",
        )
    length = header_of(items, "content-length")
    if not length:
        return
    if body is None or isinstance(body, bytes):
        known = len(body or b"")
        # Compared as text: Python reads no number of thousands of digits.
        is_right = (length.lstrip("0") or "0") == str(known)
        actual = f"and the body has {known} bytes"
    else:
        is_right = length.isdecimal()
        actual = "which is no number of bytes"
    if not is_right:
        raise unplaceable(
            call,
            "Content-Length",
            f"is {shorten(length, 20)}, {actual}",
            "leave it out: it is counted",
        )


def field_value(call: CallValues, name: str, text: str) -> str:
    """Return a header value, which is one line (RFC 9110, 5.5)."""
    if CONTROL_CHARACTER.search(text):
        raise unplaceable(
            call,
            name,
            "holds a line break or another control character",
            "a header value is one line (RFC 9110, 5.5)",
        )
    text = text.strip(" \t")
    # The value of a variable in a preview is not known yet.
    if text.isascii() or (isinstance(call, PreviewValues) and has_marker(text)):
        return text
    return "UTF-8''" + quote(text, safe=_ATTR_SAFE)


def cookie_pairs(call: CallValues, slot: Slot) -> list[str]:
    """Return the `name=value` pairs of a cookie parameter."""
    value = _slot_value(call, slot, "cookie")
    if value is ABSENT:
        return []
    if not FIELD_NAME.fullmatch(slot.name):
        raise unplaceable(call, slot.name, "is not a cookie name (RFC 6265, 4.1.1)")
    return [cookie_pair(slot.name, text) for text in texts_for(call, slot.name, value)]


def cookie_pair(name: str, text: str) -> str:
    """Return one cookie as `name=value` (RFC 6265, 4.1.1)."""
    return f"{name}={quote(text, safe=_COOKIE_SAFE)}"


def place_body(call: CallValues, layout: Layout, items: dict[str, str]) -> Any:
    """Return the body of the request, and put its `Content-Type` into the headers."""
    plan = layout.body
    if plan is None:
        return None
    whole = ABSENT
    if layout.takes_body:
        whole = _argument_for(call, OPEN_ARGUMENT, "body")
    elif OPEN_ARGUMENT in call.arguments and OPEN_ARGUMENT not in layout.takes:
        whole = _instead(call, plan)

    if plan.as_xml is not None and is_xml_type(header_of(items, "content-type")):
        plan = plan._replace(build=plan.as_xml)

    def value_of(ref: Ref) -> Any:
        if ref.is_variable:
            return call.variable(ref.name)
        return _argument_for(call, ref.name, "body")

    try:
        encoded: Encoded = encode(plan, whole, value_of, call.overrides)
    except ArgumentError as error:
        raise ArgumentError(
            f"{call.operation.ref}: {error.message}",
            hint=error.hint,
            location=call.operation.location,
        ) from None
    if (
        layout.takes_body
        and (given := _argument_for(call, "Content-Type", "header")) is not ABSENT
    ):
        set_header(items, "Content-Type", field_value(call, "Content-Type", str(given)))
    if encoded.data is None:
        return None
    kind, said = encoded.content_type, header_of(items, "content-type")
    if kind and not said:
        set_header(items, "Content-Type", field_value(call, "Content-Type", kind))
    elif (folded := said.lower()).startswith("multipart/") and (
        "boundary=" not in folded
    ):
        # Documents declare the type alone; without the boundary it cannot be parsed.
        _, boundary, text = kind.partition("; boundary=")
        set_header(items, "Content-Type", said + boundary + text)
    return encoded.data


def _instead(call: CallValues, plan: BodyPlan) -> Any:
    """Return the `Content` that takes the place of a body that the document describes.

    Raises:
        ArgumentError: An argument of the described body is given too.
    """
    for name in plan.arguments:
        if name in call.arguments:
            raise unplaceable(
                call,
                name,
                f"is a part of the body, and `{OPEN_ARGUMENT}` gives the whole",
                "leave out one of them",
            )
    return call.arguments[OPEN_ARGUMENT]


def has_header(items: Mapping[str, str], folded: str) -> bool:
    """Tell whether a header is there; `folded` is its name in lower case."""
    return any(name.lower() == folded for name in items)


def header_of(items: Mapping[str, str], folded: str) -> str:
    """Return the value of a header, or an empty text."""
    return next((v for name, v in items.items() if name.lower() == folded), "")
