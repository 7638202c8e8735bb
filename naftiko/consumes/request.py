"""Operation + arguments + variables → one `Request`: placing, encoding, signing in.

What goes where was decided at load (`layout`); a call walks tuples. Dialect 3–6 and 9;
RFC 3986 for paths and queries, RFC 6265 for cookies, RFC 8187 for header values
outside ASCII, RFC 7617 for Basic. This module must not know any network.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from naftiko.consumes.base_uri import Origin, fill, quote_path, split_origin
from naftiko.consumes.body import ABSENT, OPEN_ARGUMENT, encode, texts_of
from naftiko.consumes.signers import RegisteredSigner
from naftiko.errors import (
    ArgumentError,
    CallError,
    UnboundVariable,
    did_you_mean,
    names_of,
    shorten,
)
from naftiko.expressions import Ref, render, to_text
from naftiko.masking import LOGIN, Secret, has_marker, marker
from naftiko.transport.messages import Headers, Request
from naftiko.version import __version__

if TYPE_CHECKING:
    from naftiko.bindings import Variables
    from naftiko.consumes.base_uri import BaseUri
    from naftiko.consumes.body import Encoded
    from naftiko.consumes.layout import Layout, Slot
    from naftiko.consumes.operation import Operation
    from naftiko.expressions import Template

#: Kept as they are in names: `$filter`, `filter[x]`, `a:b`.
_NAME_SAFE = "$[]:@!*'(),;/?~"
_COOKIE_SAFE = "!#$&'()*+-./:<=>?@[]^_`{|}~%"
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
#: urllib3, proxies and servers resolve such segments, the encoded ones too.
_DOTS = re.compile(r"(?:^|/)((?:\.|%2e){1,2})(?=/|$)", re.IGNORECASE)
#: What may stand unencoded in an extended value (RFC 8187, 3.2.1).
_ATTR_SAFE = "!#$&+-.^_`|~"

USER_AGENT = f"naftiko/{__version__}"
_ACCEPT = {
    "json": "application/json, */*;q=0.5",
    "xml": "application/xml, text/xml;q=0.9, */*;q=0.5",
    "yaml": "application/yaml, */*;q=0.5",
    "csv": "text/csv, */*;q=0.5",
    "html": "text/html, */*;q=0.5",
    "markdown": "text/markdown, */*;q=0.5",
    "text": "text/plain, */*;q=0.5",
}


class RawPath(str):
    """A path argument that may hold `/`: it is placed as it is, and stays a path.

    Characters that cannot stand in a path are still encoded; `.`, `..`, `?` and `#`
    are still refused or encoded, so it cannot leave its place.
    """

    __slots__ = ()


class Blueprint:
    """Everything about one operation that no call changes."""

    __slots__ = (
        "fixed",
        "layout",
        "operation",
    )

    def __init__(self, operation: Operation, layout: Layout) -> None:
        self.operation = operation
        self.layout = layout
        accept = _ACCEPT.get(operation.output_raw_format.lower(), "*/*")
        self.fixed = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": accept_encoding(),
            "Accept": accept,
        }


def accept_encoding() -> str:
    """Return the encodings that can be decoded here, as `Accept-Encoding` wants it."""
    from importlib.util import find_spec

    found = ["gzip", "deflate"]
    if find_spec("brotli") or find_spec("brotlicffi"):
        found.append("br")
    return ", ".join(found)


class _Call:
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
        try:
            value = self.variables.get(name)
        except UnboundVariable as error:
            error.location = error.location or self.operation.location
            raise
        self.secrets[name] = value
        return value

    def environment(self, name: str, value: str) -> str:
        """Note what the environment gives for a parameter."""
        self.secrets[name] = value
        return value

    def find(self, name: str) -> str | None:
        """Return what a name in the base URI stands for, or `None`."""
        found = self.variables.find(name)
        if found is None:
            return None
        self.secrets[found[0]] = found[1]
        return found[1]

    def value_of(self, ref: Ref) -> Any:
        """Return the value of a reference, or `ABSENT` for an argument not given."""
        if ref.is_variable:
            return self.variable(ref.name)
        return self.arguments.get(ref.name, ABSENT)


class _Preview(_Call):
    """The same call with `$NAME` for every variable, whether it has a value or not."""

    __slots__ = ()

    def variable(self, name: str) -> str:
        return marker(name)

    def find(self, name: str) -> str | None:
        # A preview holds no value, so that nothing in it has to be masked.
        found = self.variables.find(name)
        return None if found is None else marker(found[0])

    def environment(self, name: str, value: str) -> str:
        return marker(name)


def build(
    blueprint: Blueprint,
    arguments: Mapping[str, Any],
    variables: Variables,
    base: BaseUri,
    *,
    signer: Any = None,
    headers: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] = {},
    overrides: Mapping[str, Any] = {},
) -> Request:
    """Return the request of one call.

    Args:
        blueprint: The compiled operation.
        arguments: Parameter name → value; `None` means not given.
        variables: Where variables get their values.
        base: The base URI of the adapter.
        signer: Replaces the authentication that the document declares.
        headers: Sent as well; they win over everything else.
        secrets: Variables that went into the arguments → value.
        overrides: Fixed fields of the body → value that replaces it.

    Raises:
        ArgumentError: Missing, unknown or unplaceable arguments.
        UnboundVariable: A variable has no value.
    """
    given = _given(blueprint, arguments)
    call = _Call(blueprint.operation, given, variables, secrets, overrides)
    return _checked(call, blueprint, base, signer, headers)


def preview(
    blueprint: Blueprint,
    arguments: Mapping[str, Any],
    variables: Variables,
    base: BaseUri,
    *,
    signer: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Return the request with a marker for every variable; see `build`."""
    given = _given(blueprint, arguments)
    call = _Preview(blueprint.operation, given, variables)
    return _checked(call, blueprint, base, signer, headers)


def _checked(
    call: _Call,
    blueprint: Blueprint,
    base: BaseUri,
    signer: Any,
    extra: Mapping[str, str] | None,
) -> Request:
    try:
        return _request(call, blueprint, base, signer, extra)
    except UnicodeEncodeError:
        # A lone surrogate: half a character, or a byte that was no UTF-8.
        for name, value in call.arguments.items():
            if any("\ud800" <= char <= "\udfff" for char in _all_text(value)):
                raise _unplaceable(
                    call, name.partition("\0")[0], "is not text that UTF-8 can hold"
                ) from None
        raise CallError(
            f"{call.operation.ref}: a text of the document or the value of a variable"
            " is not text that UTF-8 can hold",
            location=call.operation.location,
        ) from None


def _request(
    call: _Call,
    blueprint: Blueprint,
    base: BaseUri,
    signer: Any,
    extra: Mapping[str, str] | None,
) -> Request:
    layout = blueprint.layout
    origin = _origin(call, base)
    path = _path(call, layout.path)
    # What follows identifies the caller, and stays with the origin.
    beside, call.secrets = call.secrets, {}
    for name in layout.environment:
        value = os.environ.get(name)
        if value is not None and name not in call.arguments:
            value = call.environment(name, value)
            call.arguments = {**call.arguments, name: value}
    if origin.path or path[:1] != "/":
        # Exactly one slash between base and path.
        joined = f"/{path.removeprefix('/')}" if path else ""
        path = origin.path.removesuffix("/") + joined if path else origin.path
    url = origin.url + (path or "/")
    query = _query(call, layout)
    items = dict(blueprint.fixed)
    for slot in layout.headers:
        _header(call, slot, items)
    cookies = [text for slot in layout.cookies for text in _cookie(call, slot)]
    body = _body(call, layout, items)
    auth = signer
    if auth is None:
        auth = _sign_in(call, layout, items, query, cookies)
    elif isinstance(signer, RegisteredSigner):
        auth = None if isinstance(call, _Preview) else signer.signer(call.value_of)
    is_identified = (
        auth is not None
        or bool(layout.credentials)
        or layout.login is not None
        or _has(items, "authorization")
    )
    if cookies:
        if given := _get(items, "cookie"):
            cookies.insert(0, given)
        _set(items, "Cookie", "; ".join(cookies))
    for name, value in (extra or {}).items():
        if value is None:
            continue  # not given, as everywhere
        _check_field_name(call, name)
        text = ", ".join(_texts(call, name, value))
        _set(items, name, _field_value(call, name, text))
    if layout.headers or extra:
        _check_framing(call, items, body)
    if query:
        url += "?" + "&".join(query)
    credentials = tuple(Secret(name, value) for name, value in call.secrets.items())
    secrets = credentials
    if beside:
        secrets += tuple(
            Secret(name, part)
            for name, value in beside.items()
            if name not in call.secrets
            for part in _parts(value)
        )
    return Request(
        call.operation.method,
        url,
        Headers(items, secrets),
        body,
        socket=origin.socket,
        auth=auth,
        is_identified=is_identified,
        secrets=secrets,
        credentials=credentials,
    )


def _parts(value: str) -> Iterator[str]:
    """Yield a value of the base URI, and what of it goes its own way."""
    yield value
    scheme, sign, rest = value.partition("://")
    path = rest if "unix" in scheme else "/" + rest.partition("/")[2]
    # A path may be a secret, as that of a web hook is; `/api/v1` is none.
    if sign and len(path) > 8:
        yield path


def _origin(call: _Call, base: BaseUri) -> Origin:
    if not base.template:
        return _fixed_origin(base.text)
    try:
        if isinstance(call, _Preview):
            return _previewed(call, base)
        return split_origin(fill(base, call.find, call.arguments))
    except CallError as error:
        error.location = error.location or call.operation.location
        raise


#: For what the document has as it is; a value of a variable is not kept.
_fixed_origin = lru_cache(256)(split_origin)


def _previewed(call: _Preview, base: BaseUri) -> Origin:
    """Return the origin with `$NAME` wherever a variable stands."""
    unbound = {
        part.name
        for part in base.template
        if isinstance(part, Ref) and part.is_variable and call.find(part.name) is None
    }
    if not unbound:
        # The values are checked, and may name a socket.
        origin = split_origin(fill(base, partial(_Call.find, call), call.arguments))
        if origin.socket:
            return origin
        call.secrets.clear()

    def place(name: str) -> str | None:
        return marker(name) if name in unbound else call.find(name)

    text = fill(base, place, call.arguments)
    scheme, sign, rest = text.partition("://")
    host, slash, path = (rest if sign else text).partition("/")
    return Origin(scheme + sign + host if sign else host, quote_path(slash + path))


# --- arguments ---------------------------------------------------------------------


def _given(blueprint: Blueprint, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that have a value, checked against what is taken."""
    layout = blueprint.layout
    given = {name: value for name, value in arguments.items() if value is not None}
    unknown = given.keys() - layout.takes
    if unknown:
        given = _unfold({str(name): value for name, value in given.items()}, layout)
        known = layout.takes | blueprint.operation.base_names
        unknown = {name for name in given if name.partition("\0")[0] not in known}
    missing = [
        name
        for name in layout.required
        if name not in given
        and not any(known.startswith(name + "\0") for known in given)
        and not (name in layout.environment and name in os.environ)
    ]
    if unknown or missing:
        _refuse(blueprint, layout, sorted(unknown), missing)
    return given


def _unfold(given: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Return qualified arguments, `{"path": {"id": 1}}`, as `id`, NUL, `path`.

    Two parameters of one name in two places can only be told apart this way.
    """
    unfolded: dict[str, Any] = {}
    filled = {place for _, place in layout.places}
    for name, value in given.items():
        is_place = name in filled and name not in layout.takes
        if is_place and isinstance(value, Mapping):
            for inner, item in value.items():
                if item is not None:
                    # What is not taken there is unknown, and named with its place.
                    taken = (inner, name) in layout.places
                    unfolded[f"{inner}\0{name}" if taken else f"{name}.{inner}"] = item
        else:
            unfolded[name] = value
    return unfolded


def _refuse(
    blueprint: Blueprint, layout: Layout, unknown: list[str], missing: list[str]
) -> None:
    operation = blueprint.operation
    order = [parameter.name for parameter in operation.parameters]
    takes = [*order, *sorted((layout.takes | operation.base_names) - set(order))]
    missing = [name for name in takes if name in missing]
    texts = []
    if missing:
        many = "arguments" if len(missing) > 1 else "argument"
        texts.append(f"missing {many} " + ", ".join(f"'{n}'" for n in missing))
    if unknown:
        many = "arguments" if len(unknown) > 1 else "argument"
        texts.append(f"unknown {many} " + ", ".join(f"'{shorten(n)}'" for n in unknown))
    near = did_you_mean(unknown[0], takes) if unknown else ""
    raise ArgumentError(
        f"{operation.ref}: {'; '.join(texts)}",
        missing=missing,
        unknown=unknown,
        takes=takes,
        code="U-argument-missing" if missing else "",
        location=operation.location,
        hint=f"{near} It takes: {names_of(takes)}.".strip(),
    )


def _argument(call: _Call, name: str, place: str) -> Any:
    """Return an argument for a place, or `ABSENT`."""
    qualified = call.arguments.get(f"{name}\0{place}", ABSENT)
    return call.arguments.get(name, ABSENT) if qualified is ABSENT else qualified


def _slot_value(call: _Call, slot: Slot, place: str) -> Any:
    """Return what fills a slot: an argument, a constant, a template, or `ABSENT`."""
    if slot.argument:
        value = _argument(call, slot.argument, place)
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


def _unplaceable(call: _Call, name: str, why: str, hint: str = "") -> ArgumentError:
    return ArgumentError(
        f"{call.operation.ref}: argument '{name}' {why}",
        location=call.operation.location,
        hint=hint,
    )


def _unwritable(call: _Call, name: str, error: Exception) -> Exception:
    if isinstance(error, (CallError, UnicodeEncodeError)):
        return error  # said already, or said better by `_checked`
    return _unplaceable(call, name, f"cannot be written: {error}")


def _all_text(value: Any) -> str:
    """Return all texts in a value in one."""
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return "".join(map(_all_text, value))
    return str(value)


def _texts(call: _Call, name: str, value: Any) -> list[str]:
    try:
        return list(texts_of(value))
    except (TypeError, ValueError) as error:
        raise _unwritable(call, name, error) from None


# --- path and query ----------------------------------------------------------------


def _path(call: _Call, template: Template) -> str:
    written: list[str] = []
    has_values = False
    for part in template:
        if isinstance(part, str):
            written.append(quote_path(part))
        else:
            written.append(_path_value(call, part))
            has_values = True
    path = "".join(written)
    if has_values and (found := _DOTS.search(path)):
        names = names_of(f"'{p.name}'" for p in template if isinstance(p, Ref))
        raise ArgumentError(
            f"{call.operation.ref}: '{found[1]}' cannot be a path segment"
            f" (argument {names})",
            location=call.operation.location,
            hint="it would name another resource",
        )
    return path


def _path_value(call: _Call, ref: Ref) -> str:
    value = _argument(call, ref.name, "path")
    if value is ABSENT and ref.is_variable:
        value = call.variable(ref.name)
    if value is ABSENT:
        raise _unplaceable(call, ref.name, "is missing")
    if value.__class__ is str:
        text = quote(value, safe="")
    elif isinstance(value, (bytes, bytearray)):
        text = quote(bytes(value), safe="")
    elif isinstance(value, RawPath):
        text = quote(value, safe="/:@!$&'()*+,;=~")
    elif isinstance(value, Mapping):
        raise _unplaceable(call, ref.name, "is a mapping and cannot stand in a path")
    else:
        text = ",".join(quote(item, safe="") for item in _texts(call, ref.name, value))
    if not text:
        raise _unplaceable(
            call,
            ref.name,
            "is empty",
            "an empty path value would name another resource",
        )
    return text


def _query(call: _Call, layout: Layout) -> list[str]:
    pairs: list[str] = []
    if layout.query_head:
        pairs.append(_query_head(call, layout.query_head))
    for slot in layout.query:
        value = _slot_value(call, slot, "query")
        if value is ABSENT:
            continue
        name = quote(slot.name, safe=_NAME_SAFE)
        if value.__class__ is str or isinstance(value, bytes):
            pairs.append(f"{name}={quote_plus(value)}")
        else:
            pairs += [
                f"{name}={quote_plus(text)}" for text in _texts(call, slot.name, value)
            ]
    return pairs


def _query_head(call: _Call, template: Template) -> str:
    return "".join(
        quote(part, safe=_NAME_SAFE + "=&+%")
        if isinstance(part, str)
        else quote_plus(_path_query_text(call, part))
        for part in template
    )


def _path_query_text(call: _Call, ref: Ref) -> str:
    value = _argument(call, ref.name, "path")
    if value is ABSENT and ref.is_variable:
        value = call.variable(ref.name)
    try:
        return to_text(value)
    except (TypeError, ValueError) as error:
        raise _unwritable(call, ref.name, error) from None


# --- headers and cookies -----------------------------------------------------------


def _set(items: dict[str, str], name: str, value: str) -> None:
    """Set a header, replacing one of the same name in another spelling."""
    folded = name.lower()
    for known in items:
        if known.lower() == folded:
            del items[known]
            break
    items[name] = value


def _header(call: _Call, slot: Slot, items: dict[str, str]) -> None:
    value = _slot_value(call, slot, "header")
    if value is ABSENT:
        return
    _check_field_name(call, slot.name)
    texts = _texts(call, slot.name, value)
    if texts:  # an empty list is nothing, as in a query
        _set(items, slot.name, _field_value(call, slot.name, ", ".join(texts)))


def _check_field_name(call: _Call, name: str) -> None:
    if not _FIELD_NAME.fullmatch(name):
        raise _unplaceable(call, name, "is not a header name (RFC 9110, 5.1)")


def _check_framing(call: _Call, items: Mapping[str, str], body: Any) -> None:
    """Refuse headers that would tell the server another end of the request."""
    if _get(items, "transfer-encoding"):
        raise _unplaceable(
            call,
            "Transfer-Encoding",
            "cannot be given",
            "a stream without a length is sent in chunks by itself",
        )
    length = _get(items, "content-length")
    known = len(body or b"") if body is None or isinstance(body, bytes) else None
    if length and (not length.isdecimal() or known not in (None, int(length))):
        raise _unplaceable(
            call,
            "Content-Length",
            f"is {shorten(length, 20)}, and the body has {known or 0} bytes",
            "leave it out: it is counted",
        )


def _field_value(call: _Call, name: str, text: str) -> str:
    if _CONTROL.search(text):
        raise _unplaceable(
            call,
            name,
            "holds a line break or another control character",
            "a header value is one line (RFC 9110, 5.5)",
        )
    text = text.strip(" \t")
    # The value of a variable in a preview is not known yet.
    if text.isascii() or (isinstance(call, _Preview) and has_marker(text)):
        return text
    return "UTF-8''" + quote(text, safe=_ATTR_SAFE)


def _cookie(call: _Call, slot: Slot) -> list[str]:
    value = _slot_value(call, slot, "cookie")
    if value is ABSENT:
        return []
    if not _FIELD_NAME.fullmatch(slot.name):
        raise _unplaceable(call, slot.name, "is not a cookie name (RFC 6265, 4.1.1)")
    return [_cookie_pair(slot.name, text) for text in _texts(call, slot.name, value)]


def _cookie_pair(name: str, text: str) -> str:
    return f"{name}={quote(text, safe=_COOKIE_SAFE)}"


# --- body --------------------------------------------------------------------------


def _body(call: _Call, layout: Layout, items: dict[str, str]) -> Any:
    plan = layout.body
    if plan is None:
        return None
    whole = _argument(call, OPEN_ARGUMENT, "body") if layout.takes_body else ABSENT

    def value_of(ref: Ref) -> Any:
        if ref.is_variable:
            return call.variable(ref.name)
        return _argument(call, ref.name, "body")

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
        and (given := _argument(call, "Content-Type", "header")) is not ABSENT
    ):
        _set(items, "Content-Type", _field_value(call, "Content-Type", str(given)))
    if encoded.data is None:
        return None
    kind, said = encoded.content_type, _get(items, "content-type")
    if kind and not said:
        _set(items, "Content-Type", _field_value(call, "Content-Type", kind))
    elif said.startswith("multipart/") and "boundary=" not in said:
        # Documents declare the type alone; without the boundary nobody can read it.
        _, boundary, text = kind.partition("; boundary=")
        _set(items, "Content-Type", said + boundary + text)
    return encoded.data


def _has(items: Mapping[str, str], folded: str) -> bool:
    return any(name.lower() == folded for name in items)


def _get(items: Mapping[str, str], folded: str) -> str:
    """Return the value of a header, or an empty text."""
    return next((v for name, v in items.items() if name.lower() == folded), "")


# --- authentication ----------------------------------------------------------------


def _sign_in(
    call: _Call,
    layout: Layout,
    items: dict[str, str],
    query: list[str],
    cookies: list[str],
) -> Any:
    """Place the credentials; return what answers a challenge, or `None`."""
    for in_, name, template in layout.credentials:
        # An argument of the caller wins.
        if in_ == "header":
            if _is_given(layout, items, name):
                continue
        else:
            given = query if in_ == "query" else cookies
            written = quote(name, safe=_NAME_SAFE) if in_ == "query" else name
            if any(pair.partition("=")[0] == written for pair in given):
                continue
        text = render(template, call.value_of)
        if not text.removeprefix("Bearer ").strip():
            raise CallError(
                f"{call.operation.ref}: the credential for '{name}' is empty",
                location=call.operation.location,
                hint="give its variable a value",
            )
        if in_ == "header":
            if not _FIELD_NAME.fullmatch(name):
                raise CallError(f"{call.operation.ref}: '{name}' is not a header name")
            _set(items, name, _secret_field(call, name, text))
        elif in_ == "query":
            query.append(f"{quote(name, safe=_NAME_SAFE)}={quote_plus(text)}")
        elif not _FIELD_NAME.fullmatch(name):
            raise CallError(f"{call.operation.ref}: '{name}' is not a cookie name")
        else:
            cookies.append(_cookie_pair(name, text))
    if layout.login is None or _has(items, "authorization"):
        return None
    username, password = (render(part, call.value_of) for part in layout.login)
    _check_secret(call, "the user name", username)
    _check_secret(call, "the password", password)
    if call.operation.auth == "digest":
        from naftiko.consumes.digest import DigestLogin

        return DigestLogin(username, password)
    if ":" in username:
        raise CallError(
            f"{call.operation.ref}: the user name holds a ':', which Basic"
            " authentication cannot carry (RFC 7617, 2)",
            location=call.operation.location,
        )
    if isinstance(call, _Preview):
        items["Authorization"] = f"{LOGIN}{username}:{password}"
        return None
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    call.secrets["BASIC"] = login
    items["Authorization"] = f"Basic {login}"
    return None


def _is_given(layout: Layout, items: Mapping[str, str], name: str) -> bool:
    """Tell whether the caller or the document gave a header; a default does not."""
    folded = name.lower()
    if folded == "content-type":
        return _has(items, folded)
    return _has(items, folded) and any(s.name.lower() == folded for s in layout.headers)


def _secret_field(call: _Call, name: str, text: str) -> str:
    _check_secret(call, f"the credential for '{name}'", text)
    if text.isascii() or (isinstance(call, _Preview) and has_marker(text)):
        return text
    if name.lower() == "authorization":
        raise CallError(
            f"{call.operation.ref}: the credential for '{name}' holds characters"
            " outside ASCII, which that header cannot carry (RFC 9110, 11.4)",
            location=call.operation.location,
        )
    return _field_value(call, name, text)


def _check_secret(call: _Call, what: str, text: str) -> None:
    if _CONTROL.search(text):
        raise CallError(
            f"{call.operation.ref}: {what} holds a line break or another control"
            " character",
            location=call.operation.location,
            hint="check the value of its variable for a trailing line break",
        )
