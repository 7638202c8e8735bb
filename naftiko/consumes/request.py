"""A prepared operation turns arguments and variables into one `Request`.

    operation  ──►  prepare()  ──►  Prepared
    arguments, variables  ──►  Prepared.request()  ──►  Request

`layout` decided at load where each argument goes; a call walks tuples. Dialect 3–6 and
9; RFC 3986 for paths and queries, RFC 6265 for cookies, RFC 8187 for header values
outside ASCII, RFC 7617 for Basic. This module must not know any network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from naftiko.consumes.base_uri import (
    Origin,
    address_secrets,
    compile_base_uri,
    fill,
    override_of,
    quote_path,
    split_origin,
)
from naftiko.consumes.operation import arguments_for
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
from naftiko.consumes.signers import RegisteredSigner, find_signer
from naftiko.consumes.signing import sign_in
from naftiko.document import rules
from naftiko.document.findings import settled_by
from naftiko.errors import (
    CallError,
    UnusableOperation,
)
from naftiko.expressions import Ref
from naftiko.masking import Secret, marker
from naftiko.transport.messages import Headers, Request, shared_headers
from naftiko.transport.wire.request_heads import written_fields
from naftiko.version import __version__

if TYPE_CHECKING:
    from naftiko.bindings import Variables
    from naftiko.consumes.base_uri import BaseUri
    from naftiko.consumes.exchange import Decoder
    from naftiko.consumes.layout import Layout
    from naftiko.consumes.operation import Operation
    from naftiko.errors import Problem
    from naftiko.expressions import Scope


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


class Prepared:
    """One operation made ready for the calls of one view of a capability.

        arguments, variables  ->  request()  ->  Request
        Response  ->  decoder.read()  ->  Exchange

    Args:
        operation: The operation.
        base: The base URI of its adapter.
        decoder: Reads its responses.
        signer: Replaces the authentication that the document declares.
        headers: Sent with every request; they replace all other headers of their names.
        defaults: Headers that the document and arguments may replace; by default
            `User-Agent`, `Accept-Encoding` and `Accept`.

    Attributes:
        operation: The operation.
        decoder: Reads its responses.
    """

    __slots__ = (
        "_bare", "_base", "_defaults", "_headers", "_layout", "_may_identify",
        "_signer", "decoder", "operation",
    )  # fmt: skip

    def __init__(
        self,
        operation: Operation,
        base: BaseUri,
        decoder: Decoder,
        *,
        signer: Any = None,
        headers: Mapping[str, Any] = {},
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        self.operation = operation
        self.decoder = decoder
        self._layout = operation.layout
        self._base = base
        self._signer = signer
        self._headers = headers
        self._defaults = _defaults(operation) if defaults is None else defaults
        #: Whether a header of a request can be `Authorization`.
        self._may_identify = bool(
            self._layout.headers
            or headers
            or has_header(self._defaults, "authorization")
        )
        #: Makes the headers of requests that differ in their addresses only.
        self._bare = None if self._has_more else _shared(self._defaults)

    @property
    def _has_more(self) -> bool:
        """Whether requests have more than a path and the default headers."""
        layout = self._layout
        return bool(
            layout.query_head or layout.query or layout.headers or layout.cookies
            or layout.environment or layout.credentials or layout.login
            or layout.body is not None or layout.takes_body
            or self._headers or self._signer is not None or self._may_identify
        )  # fmt: skip

    def request(
        self,
        arguments: Mapping[str, Any],
        variables: Variables,
        *,
        secrets: Mapping[str, str] = {},
        overrides: Mapping[str, Any] = {},
        optional: Collection[str] = (),
    ) -> Request:
        """Return the request of one call.

        {"id": 7, "q": "a b"}  ->  GET http://h/items/7?q=a+b

        Args:
            arguments: Parameter name → value; `None` means not given.
            variables: Where variables get their values.
            secrets: Variables that went into the arguments → value.
            overrides: Fixed fields of the body → value that replaces it.
            optional: Required arguments that may be left out all the same.

        Raises:
            ArgumentError: Missing, unknown or unplaceable arguments.
            UnboundVariable: A variable has no value.
        """
        operation = self.operation
        given = arguments_for(operation, arguments, optional)
        call = CallValues(operation, given, variables, secrets, overrides)
        try:
            return self._build(call)
        except UnicodeEncodeError:
            raise _not_encodable(call) from None

    def preview(
        self,
        arguments: Mapping[str, Any],
        variables: Variables,
        *,
        overrides: Mapping[str, Any] = {},
    ) -> Request:
        """Return the request with a marker for every variable; see `request`."""
        given = arguments_for(self.operation, arguments)
        call = PreviewValues(self.operation, given, variables, {}, overrides)
        try:
            return self._build(call)
        except UnicodeEncodeError:
            raise _not_encodable(call) from None

    def _build(self, call: CallValues) -> Request:
        layout = self._layout
        url, socket = _address(call, layout, self._base)
        if self._bare is not None:
            return _only_addressed(call, url, socket, self._bare)
        # The variables so far are part of the address. Those that are used from here
        # on identify the caller: no other origin may get them.
        in_address, call.secrets = call.secrets, {}
        if layout.environment:
            _add_environment(call, layout)
        query = query_pairs(call, layout)
        headers = dict(self._defaults)
        for slot in layout.headers:
            place_header(call, slot, headers)
        cookies = [text for slot in layout.cookies for text in cookie_pairs(call, slot)]
        body = place_body(call, layout, headers)
        auth = self._signer
        if auth is not None and layout.filled and has_header(headers, "authorization"):
            auth = None  # the argument of the caller wins
        elif auth is None:
            auth = sign_in(call, layout, headers, query, cookies)
        elif isinstance(auth, RegisteredSigner):
            is_preview = isinstance(call, PreviewValues)
            auth = None if is_preview else auth.signer(call.value_of)
        is_identified = (
            auth is not None
            or bool(layout.credentials)
            or layout.login is not None
            or (self._may_identify and has_header(headers, "authorization"))
        )
        if cookies:
            if given := header_of(headers, "cookie"):
                cookies.insert(0, given)
            set_header(headers, "Cookie", "; ".join(cookies))
        if self._headers:
            _add_headers(call, headers, self._headers)
        if layout.headers or self._headers:
            check_framing(call, headers, body)
        if query:
            url += "?" + "&".join(query)
        credentials = tuple(Secret(name, value) for name, value in call.secrets.items())
        secrets = credentials
        if in_address:
            secrets += tuple(address_secrets(in_address, call.secrets))
        return Request(
            call.operation.method,
            url,
            Headers(headers, secrets),
            body,
            socket=socket,
            auth=auth,
            is_identified=is_identified,
            secrets=secrets,
            credentials=credentials,
        )


def _only_addressed(
    call: CallValues,
    url: str,
    socket: str,
    headers_of: Callable[[tuple[Secret, ...]], Headers],
) -> Request:
    """Return a request that has an address and the default headers."""
    secrets = tuple(address_secrets(call.secrets, {})) if call.secrets else ()
    return Request(
        call.operation.method,
        url,
        headers_of(secrets),
        socket=socket,
        secrets=secrets,
    )


def _shared(
    headers: Mapping[str, str],
) -> Callable[[tuple[Secret, ...]], Headers]:
    fields = None
    with suppress(ValueError):  # a sender tells what is wrong
        fields = written_fields(headers)
    return shared_headers(headers, fields)


def prepare(
    operation: Operation,
    decoder: Decoder,
    scope: Scope,
    *,
    base_uri: str | Mapping[str, str] | None = None,
    signer: Any = None,
    headers: Mapping[str, Any] = {},
    defaults: Mapping[str, str] | None = None,
    dry: bool = False,
) -> Prepared:
    """Make an operation ready for calls.

    Args:
        operation: The operation.
        decoder: Reads its responses.
        scope: The variables of the document.
        base_uri: Replaces the base URI of the document: one URI, or namespace → URI.
        signer: Replaces the authentication that the document declares.
        headers: Sent with every request; they replace all other headers of their names.
        defaults: See `Prepared`.
        dry: Whether requests are only shown: nothing has to sign them.

    Raises:
        UnusableOperation: The document describes it in a way that cannot be sent.
    """
    override = override_of(operation.namespace, base_uri)
    authentication = operation.spec.consumes.authentication
    problems = [
        problem
        for problem in operation.problems
        if not (override and settled_by(problem) == rules.BASE_URI)
        and not (signer and settled_by(problem) == rules.AUTH)
    ]
    unsigned = [p for p in problems if p.code == rules.AUTH_UNSUPPORTED.code]
    if unsigned and not dry and authentication is not None:
        signer = find_signer(authentication, scope)
    if signer or dry:
        # A dry run shows the request as it is before it is signed.
        problems = [p for p in problems if settled_by(p) != rules.AUTH]
    if problems:
        raise _unusable(operation, problems)
    text = override if override is not None else operation.base_uri
    return Prepared(
        operation,
        compile_base_uri(text, scope),
        decoder,
        signer=signer,
        headers=headers,
        defaults=defaults,
    )


def _unusable(operation: Operation, problems: list[Problem]) -> UnusableOperation:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return UnusableOperation(
        f"{operation.ref} cannot be called: {first.message}{more}",
        problems=problems,
        code=first.code,
        location=first.location,
        hint=first.hint,
    )


def _defaults(operation: Operation) -> dict[str, str]:
    return {
        "User-Agent": USER_AGENT,
        "Accept-Encoding": accept_encoding(),
        "Accept": _ACCEPT.get(operation.output_raw_format.lower(), "*/*"),
    }


def accept_encoding() -> str:
    """Return the `Accept-Encoding` header: the encodings that can be decoded here."""
    from importlib.util import find_spec

    encodings = ["gzip", "deflate"]
    if find_spec("brotli") or find_spec("brotlicffi"):
        encodings.append("br")
    return ", ".join(encodings)


def _not_encodable(call: CallValues) -> CallError:
    """Return the error for a lone surrogate: half a character, or a byte not UTF-8."""
    for name, value in call.arguments.items():
        if any("\ud800" <= char <= "\udfff" for char in all_text(value)):
            name = name.partition("\0")[0]
            return unplaceable(call, name, "is not text that UTF-8 can hold")
    return CallError(
        f"{call.operation.ref}: a text of the document or the value of a variable is"
        " not text that UTF-8 can hold",
        location=call.operation.location,
    )


# --- the address -------------------------------------------------------------------


def _address(call: CallValues, layout: Layout, base: BaseUri) -> tuple[str, str]:
    """Return the URL without its query, and the path of the Unix socket if any."""
    origin = _origin(call, base)
    path = path_text(call, layout.path)
    if origin.path or path[:1] != "/":
        # Exactly one slash between base and path.
        joined = f"/{path.removeprefix('/')}" if path else ""
        path = origin.path.removesuffix("/") + joined if path else origin.path
    return origin.url + (path or "/"), origin.socket


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


#: For base URIs without references only: values of variables are not kept.
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


# --- more than an address ----------------------------------------------------------


def _add_environment(call: CallValues, layout: Layout) -> None:
    """Add the `in: environment` arguments that the caller leaves to the environment."""
    for name in layout.environment:
        value = os.environ.get(name)
        if value is not None and name not in call.arguments:
            value = call.environment(name, value)
            call.arguments = {**call.arguments, name: value}


def _add_headers(
    call: CallValues, headers: dict[str, str], more: Mapping[str, Any]
) -> None:
    """Set the headers that go with every request of a view."""
    for name, value in more.items():
        if value is None:
            continue  # not given, like an argument that is `None`
        check_field_name(call, name)
        text = ", ".join(texts_for(call, name, value))
        set_header(headers, name, field_value(call, name, text))
