"""`ResourceServer`: OAuth2 access tokens, checked by signature or by introspection.

    Authorization: Bearer eyJ…  →  check  →  None, or a problem with a challenge

Spec 3.7; RFC 6750, 7519, 7662, 8414, 9728. The metadata and the keys of the
authorization server are fetched when they are first needed, cached for a while, and
fetched again after a failure. This module must not know which adapter it protects.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from naftiko.errors import CallError, ServeError, shorten
from naftiko.exposes.access.secrets import Secrets, bearer_token
from naftiko.exposes.http.problems import HttpProblem, unauthorized
from naftiko.spec.access import is_http_uri
from naftiko.transport.messages import Request

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.plain import JSON
    from naftiko.spec.adapters import ServerAuthentication
    from naftiko.transport.base import AsyncTransport

    Claims = Mapping[str, JSON]

#: Seconds that the clocks of two machines may differ.
LEEWAY = 30
#: Seconds that keys are cached.
KEYS_AGE = 300
#: Seconds between two fetches of the keys because of an unknown key id.
REFRESH_PAUSE = 30
#: Seconds after a failure until the authorization server is asked again.
RETRY_PAUSE = 2
#: Seconds that the result of an introspection is cached.
INTROSPECTION_AGE = 30
#: While the keys cannot be fetched, cached ones are used for this many `KEYS_AGE`.
_MOST_AGES = 10
#: Results of introspections that are cached.
_MOST_TOKENS = 10_000
#: RFC 6750, 2.1, and no longer than a header can be.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
#: Seconds for each request to the authorization server.
_TIMEOUT = 10.0
_ALGORITHMS = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "EdDSA",
]  # fmt: skip
CLIENT_ID, CLIENT_SECRET = "NAFTIKO_OAUTH_CLIENT_ID", "NAFTIKO_OAUTH_CLIENT_SECRET"


class _Invalid(Exception):
    """The access token is not valid; the text says why."""


class _Unreachable(Exception):
    """The authorization server gave no usable answer.

    Attributes:
        status: Status of the answer; 0 if there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ResourceServer:
    """Check access tokens for one protected resource.

    Attributes:
        documents: Path → metadata of the resource, served without a token (RFC 9728).

    Raises:
        ServeError: The `authentication` is incomplete, or the library is missing.
    """

    def __init__(
        self, asked: ServerAuthentication, values: Secrets, transport: AsyncTransport
    ) -> None:
        try:
            import jwt  # noqa: F401 - a missing library is reported at the start
        except ImportError:
            raise ServeError(
                f"{values.where}: oauth2 needs a library that is not installed",
                hint="pip install 'naftiko[serve]'",
            ) from None
        self._issuer = values.get("authorizationServerUri").rstrip("/")
        self._resource = values.get("resource")
        self._audience = values.get("audience", empty=True) or self._resource
        for key in ("authorizationServerUri", "resource"):
            if not is_http_uri(values.get(key)):
                raise values.error(f"`{key}` is no http or https URI")
        self._scopes = asked.scopes
        self._introspects = asked.introspects
        self._server = _AuthorizationServer(self._issuer, transport)
        parts = urlsplit(self._resource)
        path = parts.path.rstrip("/")
        self._metadata_path = "/.well-known/oauth-protected-resource" + path
        self._metadata_uri = f"{parts.scheme}://{parts.netloc}{self._metadata_path}"
        about: dict[str, JSON] = {
            "resource": self._resource,
            "authorization_servers": [values.get("authorizationServerUri")],
            "bearer_methods_supported": ["header"],
        }
        if self._scopes:
            about["scopes_supported"] = list(self._scopes)
        self.documents = {self._metadata_path: json.dumps(about).encode()}
        self._known: dict[bytes, tuple[float, Claims]] = {}

    async def check(self, scope: ASGIScope) -> HttpProblem | None:
        """Return why a request is refused, or `None` if its token is valid."""
        token = bearer_token(scope)
        if not token:
            return unauthorized("an access token is needed", self._challenge())
        try:
            if not _TOKEN.fullmatch(token):
                raise _Invalid("Malformed token")
            if self._introspects:
                claims = await self._introspected(token)
            else:
                claims = await self._decoded(token)
        except _Invalid as error:
            reason = str(error)
            return unauthorized(reason, self._challenge("invalid_token", reason))
        except _Unreachable as error:
            later = (("Retry-After", str(RETRY_PAUSE)),)
            return HttpProblem("unverified", str(error), headers=later)
        held = _scopes_of(claims)
        for wanted in self._scopes:
            if wanted not in held:
                reason = f"Required scope '{wanted}' not present in token"
                challenge = self._challenge("insufficient_scope", reason)
                challenge += f', scope="{_escaped(" ".join(self._scopes))}"'
                headers = (("WWW-Authenticate", challenge),)
                return HttpProblem("forbidden", reason, headers=headers)
        return None

    def _challenge(self, error: str = "", detail: str = "") -> str:
        parts = [f'resource_metadata="{_escaped(self._metadata_uri)}"']
        if error:
            parts.insert(0, f'error="{error}"')
            parts.insert(1, f'error_description="{_escaped(detail)}"')
        return "Bearer " + ", ".join(parts)

    # --- signed tokens ----------------------------------------------------------------

    async def _decoded(self, token: str) -> Claims:
        import jwt

        try:
            head = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise _Invalid("Malformed token") from None
        key = await self._server.key(head.get("kid"), str(head.get("alg")))
        try:
            claims: Claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                leeway=LEEWAY,
                audience=self._audience,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.MissingRequiredClaimError as error:
            raise _Invalid(_MISSING.get(error.claim, "Malformed token")) from None
        except jwt.ExpiredSignatureError:
            raise _Invalid("Token expired") from None
        except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
            raise _Invalid("Token not yet valid") from None
        except jwt.InvalidAudienceError:
            raise _Invalid("Invalid audience") from None
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError, TypeError):
            raise _Invalid("Invalid signature") from None
        self._check_issuer(claims.get("iss"))
        return claims

    def _check_issuer(self, issuer: JSON) -> None:
        if not isinstance(issuer, str) or issuer.rstrip("/") != self._issuer:
            raise _Invalid("Invalid issuer")

    # --- introspection ----------------------------------------------------------------

    async def _introspected(self, token: str) -> Claims:
        """Return the claims of a token from introspection (RFC 7662), or the cache."""
        digest = hashlib.sha256(token.encode()).digest()
        now = time.time()
        kept = self._known.get(digest)
        if kept is None or kept[0] < now:
            claims = await self._server.introspect(token)
            if claims.get("active") is not True:
                raise _Invalid("Token is not active")
            if len(self._known) >= _MOST_TOKENS:
                self._known.clear()
            kept = (now + INTROSPECTION_AGE, claims)
            self._known[digest] = kept
        claims = kept[1]
        expires, begins = claims.get("exp"), claims.get("nbf")
        if isinstance(expires, (int, float)) and expires + LEEWAY < now:
            raise _Invalid("Token expired")
        if isinstance(begins, (int, float)) and begins - LEEWAY > now:
            raise _Invalid("Token not yet valid")
        if "iss" in claims:
            self._check_issuer(claims["iss"])
        audience = claims.get("aud")
        if audience is not None:
            held = audience if isinstance(audience, list) else [audience]
            if self._audience not in held:
                raise _Invalid("Invalid audience")
        return claims


_MISSING = {
    "exp": "Token without expiry",
    "iss": "Invalid issuer",
    "aud": "Invalid audience",
}


def _scopes_of(claims: Claims) -> frozenset[str]:
    """Return the scopes of a token: `scope` or `scp`, a text or a list."""
    held: set[str] = set()
    for key in ("scope", "scp"):
        value = claims.get(key)
        if isinstance(value, str):
            held.update(value.split())
        elif isinstance(value, list):
            held.update(item for item in value if isinstance(item, str))
    return frozenset(held)


def _escaped(text: str) -> str:
    """Return a text escaped for a quoted string of a header (RFC 9110, 5.6.4)."""
    one_line = text.replace("\r", " ").replace("\n", " ")
    return one_line.replace("\\", "\\\\").replace('"', '\\"')


class _AuthorizationServer:
    """The metadata, the keys and the introspection of an authorization server.

    Args:
        issuer: The URI of the authorization server.
        transport: Sends the requests to it.
    """

    def __init__(self, issuer: str, transport: AsyncTransport) -> None:
        self._issuer = issuer
        self._transport = transport
        self._lock = asyncio.Lock()
        self._metadata: Mapping[str, JSON] = {}
        self._keys: dict[str, Any] = {}
        self._read_at: float | None = None
        self._failed_at: float | None = None

    async def key(self, key_id: JSON, algorithm: str) -> Any:
        """Return the key that signs a token.

        A token without a key id is checked with the only key, if there is just one.

        Args:
            key_id: The `kid` of the token; `None` if it has none.
            algorithm: The `alg` of the token.

        Raises:
            _Invalid: There is no such key, or the algorithm is not allowed.
            _Unreachable: The keys cannot be fetched.
        """
        if algorithm not in _ALGORITHMS:
            raise _Invalid("Invalid signature")
        key = self._find(key_id)
        # A request whose key is cached and recent enough does not wait while another
        # request fetches the keys.
        if self._is_due(key) and not (
            key is not None
            and self._lock.locked()
            and self._age() < _MOST_AGES * KEYS_AGE
        ):
            async with self._lock:
                # Another request may have fetched the keys meanwhile.
                key = self._find(key_id)
                if self._is_due(key):
                    await self._read_keys()
                    key = self._find(key_id)
        if key is None:
            raise _Invalid("Unknown signing key")
        return key

    def _age(self) -> float:
        """Return how many seconds ago the keys were read."""
        if self._read_at is None:
            return math.inf
        return time.monotonic() - self._read_at

    def _is_due(self, key: Any) -> bool:
        """Tell whether the keys have to be fetched, given the cached key of a token."""
        age = self._age()
        return age > KEYS_AGE or (key is None and age > REFRESH_PAUSE)

    def _find(self, key_id: JSON) -> Any:
        if key_id is None:
            only = list(self._keys.values())
            return only[0] if len(only) == 1 else None
        return self._keys.get(str(key_id))

    async def _read_keys(self) -> None:
        # Keys that were valid recently are better than none.
        is_good = self._age() < _MOST_AGES * KEYS_AGE
        if is_good and self._is_paused():
            return
        self._check_pause()
        try:
            uri = (await self._described()).get("jwks_uri")
            if not isinstance(uri, str):
                raise _Unreachable("the authorization server names no keys")
            listed = (await self._get(uri)).get("keys")
            if not isinstance(listed, list):
                raise _Unreachable("the authorization server names no keys")
        except _Unreachable:
            self._failed_at = time.monotonic()
            # The keys may have moved, so the metadata is fetched again too.
            self._metadata = {}
            if is_good:
                return
            raise
        self._keys, self._read_at = _signing_keys(listed), time.monotonic()

    def _is_paused(self) -> bool:
        """Tell whether it is too early to ask again after a failure."""
        if self._failed_at is None:
            return False
        return time.monotonic() - self._failed_at < RETRY_PAUSE

    def _check_pause(self) -> None:
        if self._is_paused():
            raise _Unreachable("the authorization server cannot be reached")

    async def introspect(self, token: str) -> Claims:
        """Return the claims of a token, as the authorization server tells them.

        Raises:
            _Invalid: The authorization server refuses the request for this token.
            _Unreachable: It cannot be asked.
        """
        self._check_pause()
        try:
            uri = (await self._described()).get("introspection_endpoint")
            if not isinstance(uri, str):
                raise _Unreachable("the authorization server has no introspection")
            body = urlencode({"token": token, "token_type_hint": "access_token"})
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            }
            client = os.environ.get(CLIENT_ID), os.environ.get(CLIENT_SECRET)
            if client[0]:
                from base64 import b64encode

                login = f"{client[0]}:{client[1] or ''}".encode()
                headers["Authorization"] = f"Basic {b64encode(login).decode()}"
            request = Request("POST", uri, headers, body.encode(), is_identified=True)
            return await self._ask(request)
        except _Unreachable as error:
            # Status 400 is about this token; any other failure is about the server.
            if error.status != 400:
                self._failed_at = time.monotonic()
                self._metadata = {}
                raise
            raise _Invalid("Token is not active") from None

    async def _described(self) -> Mapping[str, JSON]:
        """Return the metadata (RFC 8414), from either of its two places."""
        if self._metadata:
            return self._metadata
        for name in ("oauth-authorization-server", "openid-configuration"):
            for uri in _metadata_uris(self._issuer, name):
                try:
                    metadata = await self._get(uri)
                except _Unreachable:
                    continue
                issuer = metadata.get("issuer")
                if isinstance(issuer, str) and issuer.rstrip("/") != self._issuer:
                    continue
                self._metadata = metadata
                return metadata
        raise _Unreachable("the authorization server cannot be reached")

    async def _get(self, uri: str) -> Mapping[str, JSON]:
        headers = {"Accept": "application/json"}
        return await self._ask(Request("GET", uri, headers, is_identified=True))

    async def _ask(self, request: Request) -> Mapping[str, JSON]:
        status = 0
        try:
            response = await self._transport.send(request, timeout=_TIMEOUT)
            status = response.status
            data = response.json() if response.status == 200 else None
        except (CallError, ValueError):
            data = None
        if not isinstance(data, dict):
            host = urlsplit(request.url).netloc
            raise _Unreachable(
                f"the authorization server {shorten(host)} gave no usable answer",
                status,
            )
        return data


def _signing_keys(listed: list[JSON]) -> dict[str, Any]:
    """Return key id → public key of a JSON Web Key Set, unsupported keys left out.

    Symmetric keys (`oct`) are left out too: a public document cannot hold a secret.
    """
    import jwt

    keys: dict[str, Any] = {}
    for number, entry in enumerate(listed):
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        try:
            known = jwt.PyJWK(entry)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if entry.get("kty") != "oct":
            keys[str(entry.get("kid", f"#{number}"))] = known.key
    return keys


def _metadata_uris(issuer: str, name: str) -> list[str]:
    """Return the URIs at which the metadata of an issuer may be.

        "https://a.test/x", "openid-configuration"  →
            ["https://a.test/x/.well-known/openid-configuration",
             "https://a.test/.well-known/openid-configuration/x"]

    The path of the issuer stands before or after the well-known part (RFC 8414, 5).
    """
    parts = urlsplit(issuer)
    appended = f"{issuer}/.well-known/{name}"
    if not parts.path.strip("/"):
        return [appended]
    origin = f"{parts.scheme}://{parts.netloc}"
    return [appended, f"{origin}/.well-known/{name}{parts.path}"]
