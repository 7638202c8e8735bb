"""Operation + arguments + variables → one `Request`: placing, encoding, signing in.

What goes where was decided at load (`layout`); a call walks tuples. Dialect 3–6 and 9;
RFC 3986 for paths and queries, RFC 6265 for cookies, RFC 8187 for header values
outside ASCII, RFC 7617 for Basic. This module must not know any network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from naftiko.consumes.base_uri import Origin, fill, quote_path, split_origin
from naftiko.consumes.placing import (
    CallValues,
    PreviewValues,
    all_text,
    check_field_name,
    check_framing,
    cookie_pairs,
    field_value,
    has_header,
    header_of,
    path_text,
    place_body,
    place_header,
    query_pairs,
    set_header,
    texts_for,
    unplaceable,
)
from naftiko.consumes.signers import RegisteredSigner
from naftiko.consumes.signing import sign_in
from naftiko.document import rules
from naftiko.errors import (
    ArgumentError,
    CallError,
    did_you_mean,
    names_of,
    shorten,
)
from naftiko.expressions import Ref
from naftiko.masking import Secret, marker
from naftiko.transport.messages import Headers, Request
from naftiko.version import __version__

if TYPE_CHECKING:
    from naftiko.bindings import Variables
    from naftiko.consumes.base_uri import BaseUri
    from naftiko.consumes.layout import Layout
    from naftiko.consumes.operation import Operation


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
    call = CallValues(blueprint.operation, given, variables, secrets, overrides)
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
    call = PreviewValues(blueprint.operation, given, variables)
    return _checked(call, blueprint, base, signer, headers)


def _checked(
    call: CallValues,
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
            if any("\ud800" <= char <= "\udfff" for char in all_text(value)):
                raise unplaceable(
                    call, name.partition("\0")[0], "is not text that UTF-8 can hold"
                ) from None
        raise CallError(
            f"{call.operation.ref}: a text of the document or the value of a variable"
            " is not text that UTF-8 can hold",
            location=call.operation.location,
        ) from None


def _request(
    call: CallValues,
    blueprint: Blueprint,
    base: BaseUri,
    signer: Any,
    extra: Mapping[str, str] | None,
) -> Request:
    layout = blueprint.layout
    origin = _origin(call, base)
    path = path_text(call, layout.path)
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
    query = query_pairs(call, layout)
    items = dict(blueprint.fixed)
    for slot in layout.headers:
        place_header(call, slot, items)
    cookies = [text for slot in layout.cookies for text in cookie_pairs(call, slot)]
    body = place_body(call, layout, items)
    auth = signer
    if auth is None:
        auth = sign_in(call, layout, items, query, cookies)
    elif isinstance(signer, RegisteredSigner):
        auth = None if isinstance(call, PreviewValues) else signer.signer(call.value_of)
    is_identified = (
        auth is not None
        or bool(layout.credentials)
        or layout.login is not None
        or has_header(items, "authorization")
    )
    if cookies:
        if given := header_of(items, "cookie"):
            cookies.insert(0, given)
        set_header(items, "Cookie", "; ".join(cookies))
    for name, value in (extra or {}).items():
        if value is None:
            continue  # not given, as everywhere
        check_field_name(call, name)
        text = ", ".join(texts_for(call, name, value))
        set_header(items, name, field_value(call, name, text))
    if layout.headers or extra:
        check_framing(call, items, body)
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


def _origin(call: CallValues, base: BaseUri) -> Origin:
    if not base.template:
        return _fixed_origin(base.text)
    try:
        if isinstance(call, PreviewValues):
            return _previewed(call, base)
        return split_origin(fill(base, call.find, call.arguments))
    except CallError as error:
        error.location = error.location or call.operation.location
        raise


#: For what the document has as it is; a value of a variable is not kept.
_fixed_origin = lru_cache(256)(split_origin)


def _previewed(call: PreviewValues, base: BaseUri) -> Origin:
    """Return the origin with `$NAME` wherever a variable stands."""
    unbound = {
        part.name
        for part in base.template
        if isinstance(part, Ref) and part.is_variable and call.find(part.name) is None
    }
    if not unbound:
        # The values are checked, and may name a socket.
        origin = split_origin(
            fill(base, partial(CallValues.find, call), call.arguments)
        )
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
        code=rules.ARGUMENT_MISSING.code if missing else "",
        location=operation.location,
        hint=f"{near} It takes: {names_of(takes)}.".strip(),
    )


# --- path and query ----------------------------------------------------------------


# --- headers and cookies -----------------------------------------------------------


# --- body --------------------------------------------------------------------------


# --- authentication ----------------------------------------------------------------
