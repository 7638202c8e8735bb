"""Credentials -> the headers and query of a request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from naftiko.consumes.placing import (
    CONTROL_CHARACTER,
    FIELD_NAME,
    NAME_SAFE,
    CallValues,
    PreviewValues,
    cookie_pair,
    field_value,
    has_header,
    set_header,
)
from naftiko.document import rules
from naftiko.errors import CallError, UnboundVariable, names_of
from naftiko.expressions import refs, render
from naftiko.masking import LOGIN, has_marker

if TYPE_CHECKING:
    from naftiko.consumes.layout import Layout
    from naftiko.expressions import Template


def sign_in(
    call: CallValues,
    layout: Layout,
    items: dict[str, str],
    query: list[str],
    cookies: list[str],
) -> Any:
    """Place the credentials; return a `SignIn` that answers a challenge, or `None`."""
    for in_, name, template in layout.credentials:
        # An argument of the caller wins.
        if in_ == "header":
            if _is_given(layout, items, name):
                continue
        else:
            # The constant query of a path is one text with all its pairs.
            given = "&".join(query).split("&") if in_ == "query" else cookies
            written = quote(name, safe=NAME_SAFE) if in_ == "query" else name
            if any(pair.partition("=")[0] == written for pair in given):
                continue
        text = render(template, call.value_of)
        if not text.removeprefix("Bearer ").strip():
            raise _empty(call, name, template)
        if in_ == "header":
            if not FIELD_NAME.fullmatch(name):
                raise _unnameable(call, name, "header")
            set_header(items, name, _secret_field(call, name, text))
        elif in_ == "query":
            query.append(f"{quote(name, safe=NAME_SAFE)}={quote_plus(text)}")
        elif not FIELD_NAME.fullmatch(name):
            raise _unnameable(call, name, "cookie")
        else:
            cookies.append(cookie_pair(name, text))
    if layout.login is None or has_header(items, "authorization"):
        return None
    username, password = (render(part, call.value_of) for part in layout.login)
    if not username.strip() and not password.strip():
        raise _empty(call, "Authorization", (*layout.login[0], *layout.login[1]))
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
    if isinstance(call, PreviewValues):
        items["Authorization"] = f"{LOGIN}{username}:{password}"
        return None
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    call.secrets["BASIC"] = login
    items["Authorization"] = f"Basic {login}"
    return None


def _empty(call: CallValues, name: str, template: Template) -> CallError:
    """Return the error for an empty credential, which names its variables."""
    variables = [ref.name for ref in refs(template) if ref.is_variable]
    told = f"{call.operation.ref}: the credential for '{name}' is empty"
    if not variables:
        return CallError(
            told,
            location=call.operation.location,
            hint="write it as a variable: '{{NAME}}'",
        )
    shown = names_of(f"'{variable}'" for variable in variables)
    verb = "variables {} are" if len(variables) > 1 else "variable {} is"
    return UnboundVariable(
        f"{told}: the {verb.format(shown)} empty",
        name=variables[0],
        code=rules.VARIABLE_UNBOUND.code,
        location=call.operation.location,
        hint="give its variable a value",
    )


def _unnameable(call: CallValues, name: str, place: str) -> CallError:
    return CallError(
        f"{call.operation.ref}: '{name}' is not a {place} name",
        location=call.operation.location,
    )


def _is_given(layout: Layout, items: Mapping[str, str], name: str) -> bool:
    """Tell whether the caller or the document gave a header; a default does not."""
    folded = name.lower()
    if folded == "content-type":
        return has_header(items, folded)
    return has_header(items, folded) and any(
        s.name.lower() == folded for s in layout.headers
    )


def _secret_field(call: CallValues, name: str, text: str) -> str:
    _check_secret(call, f"the credential for '{name}'", text)
    if text.isascii() or (isinstance(call, PreviewValues) and has_marker(text)):
        return text
    if name.lower() == "authorization":
        raise CallError(
            f"{call.operation.ref}: the credential for '{name}' holds characters"
            " outside ASCII, which that header cannot carry (RFC 9110, 11.4)",
            location=call.operation.location,
        )
    return field_value(call, name, text)


def _check_secret(call: CallValues, what: str, text: str) -> None:
    if CONTROL_CHARACTER.search(text):
        raise CallError(
            f"{call.operation.ref}: {what} holds a line break or another control"
            " character",
            location=call.operation.location,
            hint="check the value of its variable for a trailing line break",
        )
