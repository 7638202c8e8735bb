"""Bearer tokens, API keys and HTTP Basic, as a server checks them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus

from naftiko.exposes.access.secrets import bearer_token, equal
from naftiko.exposes.http.problems import HttpProblem, unauthorized
from naftiko.exposes.http.scope import header
from naftiko.http import header_text

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIScope

REALM = "naftiko"
#: Scope of a request → the problem it is refused with, or `None` to let it pass.
Check = Callable[["ASGIScope"], Awaitable[HttpProblem | None]]


def bearer_check(expected: str) -> Check:
    """Return the check of a bearer token (RFC 6750)."""

    async def check(scope: ASGIScope) -> HttpProblem | None:
        token = bearer_token(scope)
        if not token:
            return unauthorized("a bearer token is needed", f'Bearer realm="{REALM}"')
        if equal(token, expected):
            return None
        challenge = f'Bearer realm="{REALM}", error="invalid_token"'
        return unauthorized("the bearer token is not valid", challenge)

    return check


def api_key_check(place: str, name: str, expected: str) -> Check:
    """Return the check of an API key in a `header`, the `query` or a `cookie`."""

    async def check(scope: ASGIScope) -> HttpProblem | None:
        given = _key_in(scope, place, name)
        if given is not None and equal(given, expected):
            if place == "query":
                # The key is for this adapter: it must not be forwarded upstream.
                scope["query_string"] = _without(scope["query_string"], name)
            return None
        what = "is not valid" if given is not None else f"is needed: {place} '{name}'"
        return unauthorized(f"the API key {what}", f'ApiKey realm="{REALM}"')

    return check


def _key_in(scope: ASGIScope, place: str, name: str) -> str | None:
    if place == "header":
        key = header(scope, name.lower().encode("latin-1", "replace"))
        return header_text(key) or None
    if place == "query":
        query = scope.get("query_string", b"").decode("latin-1")
        pairs = parse_qsl(query, keep_blank_values=True)
        return next((value for known, value in pairs if known == name), None)
    for pair in header_text(header(scope, b"cookie")).split(";"):
        known, _, value = pair.strip().partition("=")
        if known == name:
            return value
    return None


def _without(query: bytes, name: str) -> bytes:
    """Return a query without one parameter; the others stay as they were written."""
    pairs = query.decode("latin-1").split("&")
    kept = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) != name]
    return "&".join(kept).encode("latin-1")


def basic_check(username: str, password: str) -> Check:
    """Return the check of a username and password (RFC 7617)."""
    challenge = f'Basic realm="{REALM}", charset="UTF-8"'

    async def check(scope: ASGIScope) -> HttpProblem | None:
        scheme, _, text = header(scope, b"authorization").partition(" ")
        if scheme.lower() != "basic":
            return unauthorized("a user name and a password are needed", challenge)
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        # UTF-8, as the challenge asks for; some clients send Latin-1 nevertheless.
        login = header_text(raw.decode("latin-1"))
        name, _, secret = login.partition(":")
        # `&` compares both, so the time does not tell which of them is wrong.
        if equal(name, username) & equal(secret, password):
            return None
        return unauthorized("the user name or the password is wrong", challenge)

    return check
