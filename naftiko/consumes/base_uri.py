"""Base URIs: how they are read from a document, overridden, and filled in.

A base URI may be a template, be a variable as a whole, lack its scheme, or stand for a
Unix socket. Values put into it are checked so that they cannot change the host that
a document names. This module must not know operations or requests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from naftiko.document import rules
from naftiko.errors import ArgumentError, CallError, UnboundVariable, names_of, shorten
from naftiko.expressions import (
    Ref,
    Scope,
    TemplateError,
    parse_base_uri,
    to_text,
)
from naftiko.hints import Hint
from naftiko.masking import Secret, is_marker, without_secrets
from naftiko.records.tuples import NamedTuple
from naftiko.settings import checked_namespaces
from naftiko.spec.base_uri import is_web

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.expressions import Template


# Texts, which are compiled for a URI with references, or one that is given.
_REFERENCE = r"\$?\{\{?[^{}]*\}\}?"


#: A host label, a port or a whole host (RFC 3986, 3.2).
_HOST_VALUE = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
#: Dot segments name another resource; encoded ones too, as some servers decode.
_DOTS = r"(?i)(?:^|/)(?:\.|%2e){1,2}(?=/|$)"
_SAFE_PATH = "/:@!$&'()*+,;=~%"


ENVIRONMENT = "NAFTIKO_BASE_URI_"


class BaseUri(NamedTuple):
    """One base URI ready for calls.

    Attributes:
        text: The URI, or its template as written.
        template: Its parts; empty when it holds no reference.
        names: The references that an argument of the call may fill.
    """

    text: str
    template: Template = ()
    names: tuple[str, ...] = ()


def compile_base_uri(text: str, scope: Scope) -> BaseUri:
    """Prepare a base URI that `read_base_uri` returned.

    "https://{region}.h"  ->  BaseUri(…, ("https://", Ref region, ".h"), ("region",))
    """
    try:
        template = parse_base_uri(text, scope)
    except TemplateError:
        return BaseUri("")
    references = [part for part in template if isinstance(part, Ref)]
    # A variable of the document is never taken from the arguments of a call.
    names = tuple(ref.name for ref in references if not ref.is_variable)
    return BaseUri(text, template if references else (), names)


def override_of(namespace: str, given: str | Mapping[str, str] | None) -> str | None:
    """Return the URI that replaces the document's base URI of an adapter, or `None`.

    Args:
        namespace: The adapter.
        given: One URI, or namespace → URI; the environment variable
            `NAFTIKO_BASE_URI_<NAMESPACE>` stands behind it.

    Raises:
        ArgumentError: It is not an `http`, `https`, `unix` or `http+unix` URI.
    """
    uri = given.get(namespace) if isinstance(given, Mapping) else given
    if uri is not None:
        return checked_uri(uri)
    variable = ENVIRONMENT + _upper(namespace)
    uri = os.environ.get(variable)
    if not uri:
        return None
    try:
        return checked_uri(uri)
    except ArgumentError as error:
        raise ArgumentError(f"{variable}: {error.message}", hint=error.hint) from None


def checked_base_uri(
    given: str | Mapping[str, str] | None, namespaces: Sequence[str]
) -> str | Mapping[str, str] | None:
    """Return the `base_uri` that a user gives: one URI, or namespace → URI.

    Raises:
        ArgumentError: A namespace is not consumed, or a URI is not valid.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        checked_uri(given)
        return given
    known = checked_namespaces("base_uri", given, namespaces)
    for namespace in known:
        override_of(namespace, known)
    return known


def merged_base_uri(
    known: str | Mapping[str, str] | None,
    given: str | Mapping[str, str] | None,
    namespaces: Sequence[str],
) -> str | Mapping[str, str] | None:
    """Return the `base_uri` of a view: the given one, before the known one.

    "http://a", {"x": "http://b"}, ["x", "y"]  ->  {"x": "http://b", "y": "http://a"}
    """
    if isinstance(given, str) or given is None:
        return given
    if isinstance(known, str):
        known = dict.fromkeys(namespaces, known)
    return {**(known or {}), **given}


def checked_uri(uri: Any) -> str:
    """Return a base URI given by a user without its trailing slash.

    It may be a template, as in a document: `https://{region}.example.com`.
    """
    text = uri.strip() if isinstance(uri, str) else ""
    scheme, _, rest = text.partition(":")
    if scheme.lower() in ("unix", "http+unix"):
        if rest.strip("/"):
            return text.removesuffix("/")
    elif re.match(r"https?://[^/?#]*@", text, re.IGNORECASE):
        raise ArgumentError(
            "a base URI may not hold credentials",
            hint="declare `authentication`, or pass `auth`",
        )
    elif is_web(re.sub(_REFERENCE, "1", text)):
        return text.removesuffix("/")
    raise ArgumentError(
        f"'{shorten(without_secrets(str(uri)))}' is not a base URI",
        hint="write http://…, https://… or unix:///path/of.sock, without ? and #",
    )


def fill(
    base: BaseUri, lookup: Callable[[str], str | None], arguments: Mapping[str, Any]
) -> str:
    """Return the base URI with every reference replaced and checked.

    Args:
        base: The compiled base URI.
        lookup: Variable name → value, or `None`.
        arguments: The arguments of the call, the last resort.

    Raises:
        CallError: A reference has no value (rule `BASE_URI_UNRESOLVED`).
        ArgumentError: A value would change more than its place in the URI.
    """
    written: list[str] = []
    for part in base.template:
        if isinstance(part, str):
            written.append(part)
            continue
        value = lookup(part.name)
        if value and is_marker(value):
            written.append(value)
            continue
        if value is None and part.name in base.names and part.name in arguments:
            value = _argument_text(part, arguments[part.name])
        if not value:
            raise _without(base, part)
        written.append(_placed(part, value, "".join(written), base))
    text = "".join(written)
    if re.search(_DOTS, _behind_scheme(text).partition("/")[2]):
        names = names_of(f"'{p.name}'" for p in base.template if isinstance(p, Ref))
        raise ArgumentError(
            f"the base URI would hold a dot segment (argument {names})",
            hint="it would name another resource",
            code=rules.BASE_URI_UNRESOLVED.code,
        )
    return text.removesuffix("/")


def _behind_scheme(uri: str) -> str:
    # A socket has one slash or three: `unix:/run/x.sock`, `unix:///run/x.sock`.
    return uri.partition(":")[2].removeprefix("//")


def _argument_text(ref: Ref, value: Any) -> str:
    try:
        return to_text(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"argument '{ref.name}' cannot stand in the base URI: {error}",
            code=rules.BASE_URI_UNRESOLVED.code,
        ) from None


def _without(base: BaseUri, ref: Ref) -> CallError:
    text = f"the base URI '{base.text}' needs a value for '{ref.name}'"
    code = rules.BASE_URI_UNRESOLVED.code
    hint = Hint(f"give variables={{'{ref.name}': …}} or base_uri=", "give --base-uri")
    if ref.is_variable:
        hint = hint.after(f"set {ref.name} in the environment, or ")
    if ref.is_variable:
        return UnboundVariable(text, name=ref.name, code=code, hint=hint)
    return CallError(text, code=code, hint=hint)


def _placed(ref: Ref, value: str, before: str, base: BaseUri) -> str:
    # A value may be a secret: no message shows it.
    if not before:
        if base.text.startswith(ref.written + ":") and value in ("http", "https"):
            return value
        if not is_web(value) and not value.startswith(("unix:", "http+unix:")):
            raise ArgumentError(
                f"'{ref.name}' stands for a whole origin, but is no http(s) URL",
                hint="write it with its scheme, without a user, ? and #: https://…",
                code=rules.BASE_URI_UNRESOLVED.code,
            )
        value = value.removesuffix("/")
        if value.startswith("unix:") and ":/" not in value.removeprefix("unix:"):
            # The next part is the path on the server, not that of the socket.
            value += "" if base.text == ref.written else ":"
        return value
    host_ended = "/" in _behind_scheme(before)
    if host_ended:
        return quote(value, safe="")
    if not re.fullmatch(_HOST_VALUE, value):
        raise ArgumentError(
            f"the value of '{ref.name}' is no host name or port",
            hint="it may hold letters, digits, '.', '-' and '_'",
            code=rules.BASE_URI_UNRESOLVED.code,
        )
    return value


class Origin(NamedTuple):
    """A base URI taken apart: origin, path prefix and Unix socket."""

    url: str
    path: str
    socket: str = ""


def split_origin(uri: str) -> Origin:
    """Split a filled-in base URI.

    `unix:///run/x.sock` names a socket; `:/prefix` after it a base path;
    `http+unix://%2Frun%2Fx.sock/prefix` is the form other tools use.
    """
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    if scheme == "unix":
        socket, colon, path = rest.removeprefix("//").partition(":/")
        return Origin("http://localhost", quote_path(colon[1:] + path), socket)
    rest = rest.removeprefix("//")
    host, slash, path = rest.partition("/")
    if scheme == "http+unix":
        if not host:
            return Origin("http://localhost", "", "/" + path)
        return Origin("http://localhost", quote_path(slash + path), unquote(host))
    return Origin(f"{scheme}://{host}", quote_path(slash + path))


def quote_path(path: str) -> str:
    """Percent-encode characters that a path may not hold (RFC 3986, 3.3)."""
    return quote(path, safe=_SAFE_PATH)


def _upper(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def address_secrets(
    in_address: Mapping[str, str], credentials: Mapping[str, str]
) -> Iterator[Secret]:
    """Yield the secrets of the address that are not credentials."""
    for name, value in in_address.items():
        if name not in credentials:
            for part in _parts(value):
                yield Secret(name, part)


def _parts(value: str) -> Iterator[str]:
    """Yield a value of the base URI, and its path, which may be shown alone."""
    yield value
    scheme, sign, rest = value.partition("://")
    path = rest if "unix" in scheme else "/" + rest.partition("/")[2]
    # The path of a web hook is a secret; a short one such as `/api/v1` is not.
    if sign and len(path) > 8:
        yield path
