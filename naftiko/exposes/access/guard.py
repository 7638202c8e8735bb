"""Who may call an exposed adapter: bearer, API key, Basic, Digest; OAuth2 in `oauth`.

Spec 3.7; RFC 6750, 7617, 7616. Secrets are resolved when serving starts, and serving
does not start when one is missing: a template never becomes the secret itself. They are
compared in constant time. This module must not know what it protects.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

from naftiko.errors import ServeError, shorten
from naftiko.exposes.access.secrets import (
    Secrets,
    bearer_token,
    equal,
    header,
    path_of,
)
from naftiko.exposes.http.answers import JSON_TYPE, Answer
from naftiko.exposes.http.inbound import Exchange
from naftiko.exposes.http.problems import HttpProblem, unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.bindings import Variables
    from naftiko.spec.model import Exposes
    from naftiko.transport.base import AsyncTransport

    JSON = Any
    ASGIScope = Any
    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    App = Callable[[ASGIScope, Receive, Send], Awaitable[None]]

REALM = "naftiko"
#: Seconds that a digest nonce is good for.
NONCE_AGE = 300


#: Looks at the scope of a request; `None` lets it pass.
Check = Callable[["ASGIScope"], Awaitable[HttpProblem | None]]


class Guard:
    """An ASGI application that lets pass what the document lets pass.

    Args:
        app: What is protected.
        exposes: The adapter; one without `authentication` is open.
        variables: Where secrets come from: the binds of the document.
        transport: Asks the authorization server.
        is_open: Tells of a request, given its scope, whether it needs no credentials.

    Attributes:
        documents: Path → what everybody may read there.

    Raises:
        ServeError: A secret is missing, or the type is not known.
    """

    def __init__(
        self,
        app: App,
        exposes: Exposes,
        variables: Variables,
        transport: AsyncTransport,
        *,
        is_open: Callable[[ASGIScope], bool] | None = None,
    ) -> None:
        self._app = app
        self._is_open = is_open
        self.documents: Mapping[str, bytes] = {}
        self._check: Check | None = None
        data = exposes.authentication
        if data is not None:
            self._check, self.documents = _checker(data, exposes, variables, transport)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if self._check is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = path_of(scope)
        if path in self.documents and scope["method"] in ("GET", "HEAD"):
            told = Answer(200, JSON_TYPE, self.documents[path])
            await _exchange(scope, receive, send).answer(told)
            return
        if _is_preflight(scope):
            # Answered here: without credentials nothing is told of what is inside.
            await _exchange(scope, receive, send).answer(Answer(204))
            return
        if self._is_open is None or not self._is_open(scope):
            refusal = await self._check(scope)
            if refusal is not None:
                await _exchange(scope, receive, send).refuse(refusal)
                return
        await self._app(scope, receive, send)


def _exchange(scope: ASGIScope, receive: Receive, send: Send) -> Exchange:
    """Return a request that is answered here; no such answer is to be kept."""
    exchange = Exchange(scope, receive, send)
    exchange.more.append((b"cache-control", b"no-store"))
    return exchange


def _is_preflight(scope: ASGIScope) -> bool:
    """Tell whether a browser asks for leave, which it does without credentials."""
    return (
        scope["method"] == "OPTIONS"
        and header(scope, b"origin") != ""
        and header(scope, b"access-control-request-method") != ""
    )


# --- what the document declares ------------------------------------------------------


def _checker(
    data: JSON, exposes: Exposes, variables: Variables, transport: AsyncTransport
) -> tuple[Check, Mapping[str, bytes]]:
    """Return the check, and documents that are served without one."""
    given = data if isinstance(data, dict) else {}
    values = Secrets(given, exposes, variables)
    kind = str(given.get("type") or "").lower()
    if kind == "bearer":
        return _bearer(values.get("token" if "token" in given else "value")), {}
    if kind == "apikey":
        return _api_key(given, values), {}
    if kind in ("basic", "digest"):
        username = values.get("username", empty=True)
        password = values.get("password")
        if kind == "basic":
            return _basic(username, password), {}
        return Digest(username, password).check, {}
    if kind == "oauth2":
        from naftiko.exposes.access.oauth import ResourceServer

        server = ResourceServer(given, values, transport)
        return server.check, server.documents
    raise ServeError(
        f"{values.where} cannot be served: authentication of type"
        f" '{shorten(kind)}' is not known",
        hint="use bearer, apikey, basic, digest or oauth2",
    )


def _bearer(expected: str) -> Check:
    async def check(scope: ASGIScope) -> HttpProblem | None:
        token = bearer_token(scope)
        if not token:
            return unauthorized("a bearer token is needed", f'Bearer realm="{REALM}"')
        if equal(token, expected):
            return None
        challenge = f'Bearer realm="{REALM}", error="invalid_token"'
        return unauthorized("the bearer token is not valid", challenge)

    return check


def _api_key(data: Mapping[str, JSON], values: Secrets) -> Check:
    # The published spelling, and that of OpenAPI: `name` and `in` (dialect 3.3).
    name = values.get("key" if "key" in data else "name")
    expected = values.get("value")
    place = str(data.get("placement") or data.get("in") or "header").lower()
    if place not in ("header", "query", "cookie"):
        raise ServeError(
            f"{values.where} cannot be served: an API key cannot stand in '{place}'",
            hint="use placement: header, or query",
        )

    async def check(scope: ASGIScope) -> HttpProblem | None:
        given = _key_in(scope, place, name)
        if given is not None and equal(given, expected):
            if place == "query":
                # It is for this adapter: what is forwarded goes on without it.
                scope["query_string"] = _without(scope["query_string"], name)
            return None
        what = "is not valid" if given is not None else f"is needed: {place} '{name}'"
        return unauthorized(f"the API key {what}", f'ApiKey realm="{REALM}"')

    return check


def _key_in(scope: ASGIScope, place: str, name: str) -> str | None:
    if place == "header":
        return header(scope, name.lower().encode("latin-1", "replace")) or None
    if place == "query":
        query = scope.get("query_string", b"").decode("latin-1")
        pairs = parse_qsl(query, keep_blank_values=True)
        return next((value for known, value in pairs if known == name), None)
    for pair in header(scope, b"cookie").split(";"):
        known, _, value = pair.strip().partition("=")
        if known == name:
            return value
    return None


def _without(query: bytes, name: str) -> bytes:
    """Return a query without one parameter; the others stay as they were written."""
    pairs = query.decode("latin-1").split("&")
    kept = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) != name]
    return "&".join(kept).encode("latin-1")


def _basic(username: str, password: str) -> Check:
    challenge = f'Basic realm="{REALM}", charset="UTF-8"'

    async def check(scope: ASGIScope) -> HttpProblem | None:
        scheme, _, text = header(scope, b"authorization").partition(" ")
        if scheme.lower() != "basic":
            return unauthorized("a user name and a password are needed", challenge)
        try:
            login = base64.b64decode(text.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            login = ""
        name, _, secret = login.partition(":")
        # Both are compared, whatever the first comparison says.
        if equal(name, username) & equal(secret, password):
            return None
        return unauthorized("the user name or the password is wrong", challenge)

    return check


_HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}


class Digest:
    """Digest authentication of one user (RFC 7616): SHA-256, and MD5 for old clients.

    The key of the nonces comes from the password, so that servers which share the
    document accept each other's nonces without a store. A nonce is good for
    `NONCE_AGE` seconds; within them a recorded request could be sent again, which is
    why Digest belongs behind TLS too.
    """

    _PART = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._key = hashlib.sha256(f"nonce\0{username}\0{password}".encode()).digest()

    async def check(self, scope: ASGIScope) -> HttpProblem | None:
        """Check one request."""
        scheme, _, text = header(scope, b"authorization").partition(" ")
        if scheme.lower() != "digest":
            return self._refusal("a user name and a password are needed")
        given = {
            found[1].lower(): re.sub(r"\\(.)", r"\1", found[2])
            if found[2] is not None
            else found[3]
            for found in self._PART.finditer(text)
        }
        if not self._is_answer(scope, given):
            return self._refusal("the user name or the password is wrong")
        if not self._is_fresh(given["nonce"]):
            return self._refusal("the nonce is too old", stale=True)
        return None

    def _is_answer(self, scope: ASGIScope, given: Mapping[str, str]) -> bool:
        algorithm = given.get("algorithm", "MD5").upper()
        needed = ("username", "realm", "nonce", "uri", "response", "nc", "cnonce")
        if algorithm not in _HASHES or any(key not in given for key in needed):
            return False
        if given.get("qop") != "auth" or given["realm"] != REALM:
            return False
        # The target as it came: a proxy in front may have changed the prefix only.
        query = scope.get("query_string", b"")
        raw = scope.get("raw_path") or scope["path"].encode()
        target = raw.partition(b"?")[0] + (b"?" + query if query else b"")
        if given["uri"] != target.decode("latin-1") or not self._is_ours(
            given["nonce"]
        ):
            return False

        def digest(*parts: str) -> str:
            return _HASHES[algorithm](":".join(parts).encode()).hexdigest()

        expected = digest(
            digest(self._username, REALM, self._password),
            given["nonce"],
            given["nc"],
            given["cnonce"],
            "auth",
            digest(scope["method"], given["uri"]),
        )
        is_user = equal(given["username"], self._username)
        return is_user & equal(given["response"].lower(), expected)

    def _nonce(self, moment: str, salt: str) -> str:
        sign = hmac.new(self._key, f"{moment}.{salt}".encode(), "sha256").hexdigest()
        return f"{moment}.{salt}.{sign[:32]}"

    def _is_ours(self, nonce: str) -> bool:
        moment, _, rest = nonce.partition(".")
        return equal(nonce, self._nonce(moment, rest.partition(".")[0]))

    def _is_fresh(self, nonce: str) -> bool:
        moment = nonce.partition(".")[0]
        return moment.isdecimal() and -5 <= time.time() - int(moment) <= NONCE_AGE

    def _refusal(self, detail: str, *, stale: bool = False) -> HttpProblem:
        nonce = self._nonce(str(int(time.time())), secrets.token_hex(8))
        more = ", stale=true" if stale else ""
        challenges = [
            f'Digest realm="{REALM}", qop="auth", algorithm={name},'
            f' nonce="{nonce}"{more}'
            for name in _HASHES
        ]
        return unauthorized(detail, *challenges)
