"""OAuth 2.0 resource server; codes are those of the facts in spec 11.7 and 11.8."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import naftiko
from naftiko.exposes.access import oauth
from support.guarding import ask, guard

ISSUER = "https://auth.test"
RESOURCE = "https://api.test/v1"
DECLARED = {
    "type": "oauth2",
    "authorizationServerUri": ISSUER + "/",
    "resource": RESOURCE,
    "scopes": ["read", "write"],
}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, key_id: str | None) -> dict[str, Any]:
    """Return the public JWK of a key, as the authorization server publishes it."""
    kind = (
        jwt.algorithms.RSAAlgorithm if key is not CURVE else jwt.algorithms.ECAlgorithm
    )
    found = json.loads(kind.to_jwk(key.public_key()))
    return {**found, "use": "sig", **({"kid": key_id} if key_id else {})}


class Server:
    """An authorization server that answers requests and records them."""

    def __init__(self, keys: Any = None, **metadata: Any) -> None:
        self.keys = [jwk(KEY, "k1")] if keys is None else keys
        self.metadata = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys", **metadata}
        self.asked: list[str] = []
        self.is_down = False
        self.active: Any = {"active": True}
        self.well_known = "oauth-authorization-server"
        self.status = 200

    async def send(self, request: Any, *, timeout: Any) -> naftiko.Response:
        self.asked.append(request.url)
        if self.is_down:
            raise naftiko.TransportError("no connection")
        if request.url == f"{ISSUER}/.well-known/{self.well_known}":
            found: Any = self.metadata
        elif request.url == f"{ISSUER}/keys":
            found = {"keys": self.keys}
        elif request.url == f"{ISSUER}/introspect":
            self.body = request.body
            found = self.active
            if self.status != 200:
                return naftiko.Response(self.status, {}, b"{}")
        else:
            return naftiko.Response(404)
        return naftiko.Response(200, {}, json.dumps(found).encode())

    async def close(self) -> None:
        """Close nothing: the server has no connection."""


def token(
    key: Any = KEY,
    key_id: str | None = "k1",
    *,
    algorithm: str = "RS256",
    **claims: Any,
) -> str:
    """Return a signed token; a claim that is `None` is left out."""
    now = int(time.time())
    held = {
        "iss": ISSUER,
        "aud": RESOURCE,
        "exp": now + 600,
        "scope": "read write",
        **claims,
    }
    payload = {name: value for name, value in held.items() if value is not None}
    headers = {"kid": key_id} if key_id else {}
    return jwt.encode(payload, key, algorithm, headers=headers)


def check(text: str, app: Any = None, server: Any = None, **declared: Any) -> Any:
    """Send a token; return status, challenge and detail.

    The type of each problem must match its status.
    """
    app = app or guard({**DECLARED, **declared}, transport=server or Server())
    headers = {"Authorization": f"Bearer {text}"} if text else {}
    status, found, body = ask(app, headers=headers)
    challenge = found.get("www-authenticate", [""])[0]
    detail = ""
    if status != 200:
        problem = json.loads(body)
        detail = problem["detail"]
        kinds = {401: "unauthorized", 403: "forbidden", 503: "unverified"}
        assert problem["type"] == f"urn:naftiko:problem:{kinds[status]}"
        assert [problem["requestId"]] == found["x-request-id"]
        assert ("retry-after" in found) == (status == 503)
    return status, challenge, detail


def test_request_without_a_token_gets_401() -> None:
    """O01, P27: the challenge has the scheme and the URL of the metadata."""
    status, challenge, _ = check("")
    assert status == 401
    assert challenge == (
        'Bearer resource_metadata="https://api.test'
        '/.well-known/oauth-protected-resource/v1"'
    )


def test_valid_token_passes() -> None:
    """O02: a token signed with RSA or an elliptic curve passes."""
    assert check(token())[0] == 200
    server = Server([jwk(KEY, "k1"), jwk(CURVE, "c")])
    assert check(token(CURVE, "c", algorithm="ES256"), server=server)[0] == 200


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "detail"),
    [
        ({"exp": NOW - 3600}, "Token expired"),
        ({"nbf": NOW + 3600}, "Token not yet valid"),
        ({"exp": None}, "Token without expiry"),
        ({"iss": "https://evil.test"}, "Invalid issuer"),
        ({"iss": None}, "Invalid issuer"),
        ({"aud": "https://other.test"}, "Invalid audience"),
        ({"aud": None}, "Invalid audience"),
        ({"exp": "soon"}, "Malformed|Invalid|expir"),
    ],
)
def test_token_with_wrong_claims_is_refused(claims: Any, detail: str) -> None:
    """O03, O04, O05; unlike the engine (weakness 43), a token must expire."""
    import re

    status, challenge, said = check(token(**claims))
    assert status == 401
    assert 'error="invalid_token"' in challenge
    assert re.search(detail, said)


@pytest.mark.parametrize(
    "claims",
    [
        {"nbf": NOW - 60},
        {"iss": ISSUER + "/"},
        {"aud": ["x", RESOURCE]},
        {"exp": -5},
        {"scope": None, "scp": ["read", "write"]},
        {"scope": ["read", "write"]},
        {"scope": "read", "scp": "write"},
    ],
)
def test_token_with_valid_claims_passes(claims: Any) -> None:
    """O03, O04, O06: past `nbf`, issuer with a slash, audiences, leeway, `scp`."""
    if "exp" in claims:  # `exp` is given in seconds from now, within the leeway
        claims = {"exp": int(time.time()) + claims["exp"]}
    assert check(token(**claims))[0] == 200


def test_declared_audience_overrides_the_resource() -> None:
    """O05: `audience` is the expected `aud`; without `audience`, `resource` is."""
    assert check(token(aud="mine"), audience="mine")[0] == 200
    assert check(token(), audience="mine")[0] == 401


def test_token_without_a_scope_gets_403() -> None:
    """O06: the 403 lists the needed scopes; no scope is needed if none is declared."""
    for claims in ({"scope": "read"}, {"scope": None}, {"scope": 5}):
        status, challenge, detail = check(token(**claims))
        assert status == 403
        assert 'error="insufficient_scope"' in challenge
        assert 'scope="read write"' in challenge
        assert "resource_metadata=" in challenge
        assert "not present in token" in detail
    assert check(token(scope=None), scopes=None)[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        token(OTHER),
        token()[:-4] + "AAAA",
        "x",
        "a.b.c",
        jwt.encode({"iss": ISSUER}, None, "none"),
        jwt.encode({"iss": ISSUER}, "k" * 32, "HS256", headers={"kid": "k1"}),
        token(key_id="unknown"),
    ],
)
def test_token_with_a_bad_signature_is_refused(text: str) -> None:
    """O07, O08: wrong key, damaged, malformed, unsigned, HMAC instead of RSA."""
    status, challenge, _ = check(text)
    assert status == 401
    assert 'error="invalid_token"' in challenge


def test_token_without_a_key_id_needs_a_single_key() -> None:
    """O08; unlike the engine (weakness 43), `kid` may be missing only for one key."""
    assert check(token(key_id=None))[0] == 200
    two = Server([jwk(KEY, "k1"), jwk(OTHER, "k2")])
    assert check(token(key_id=None), server=two)[0] == 401


def test_jwks_is_cached_and_refreshed(monkeypatch: pytest.MonkeyPatch) -> None:
    """JWKS: one request serves many tokens; an unknown `kid` causes rare refreshes."""
    server = Server()
    app = guard(DECLARED, transport=server)
    for _ in range(5):
        assert check(token(), app)[0] == 200
    assert server.asked.count(f"{ISSUER}/keys") == 1
    server.keys = [jwk(OTHER, "k2")]
    assert check(token(OTHER, "k2"), app)[0] == 401
    assert server.asked.count(f"{ISSUER}/keys") == 1
    monkeypatch.setattr(oauth, "REFRESH_PAUSE", -1)
    assert check(token(OTHER, "k2"), app)[0] == 200
    assert check(token(), app)[0] == 401


def test_outage_of_the_authorization_server_gets_503(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unlike the engine (weakness 15), an outage is 503, and is retried later."""
    server = Server()
    server.is_down = True
    app = guard(DECLARED, transport=server)
    status, _, detail = check(token(), app)
    assert status == 503
    assert "cannot be reached" in detail
    asked = len(server.asked)
    assert check(token(), app)[0] == 503
    assert len(server.asked) == asked, "asked again at once"
    server.is_down = False
    monkeypatch.setattr(oauth, "RETRY_PAUSE", 0)
    assert check(token(), app)[0] == 200
    server.is_down = True
    assert check(token(), app)[0] == 200, "its keys are known"


def test_outage_of_the_authorization_server_is_retried_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rate limit: cached keys serve while requests for new keys fail."""
    server = Server()
    app = guard(DECLARED, transport=server)
    assert check(token(), app)[0] == 200
    server.is_down = True
    monkeypatch.setattr(oauth, "KEYS_AGE", 60)
    monkeypatch.setattr(oauth, "REFRESH_PAUSE", -1)
    asked = len(server.asked)
    for number in range(20):
        assert check(token(OTHER, f"made-up-{number}"), app)[0] == 401
    assert len(server.asked) - asked <= 3
    later = time.monotonic() + 100
    monkeypatch.setattr(oauth.time, "monotonic", lambda: later)
    asked = len(server.asked)
    for _ in range(20):
        assert check(token(), app)[0] == 200
    assert 1 <= len(server.asked) - asked <= 3


@pytest.mark.parametrize("keys", [{}, None, "k1"])
def test_malformed_jwks_keeps_the_cached_keys(
    keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A malformed JWKS counts as an outage: cached keys serve, else 503."""
    server = Server()
    app = guard(DECLARED, transport=server)
    assert check(token(), app)[0] == 200
    server.keys = keys
    monkeypatch.setattr(oauth, "REFRESH_PAUSE", -1)
    assert check(token(OTHER, "k2"), app)[0] == 401
    assert check(token(), app)[0] == 200
    empty = Server()
    empty.keys = keys
    assert check(token(), server=empty)[0] == 503


@pytest.mark.parametrize("keys", [[], [{"kty": "oct", "kid": "k1", "k": "AAAA"}], [1]])
def test_withdrawn_keys_are_not_used_any_more(
    keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty JWKS, or one without a usable key, replaces the cached keys."""
    server = Server()
    app = guard(DECLARED, transport=server)
    assert check(token(), app)[0] == 200
    server.keys = keys
    monkeypatch.setattr(oauth, "KEYS_AGE", -1)
    assert check(token(), app)[0] == 401
    monkeypatch.setattr(oauth, "KEYS_AGE", 300)
    asked = len(server.asked)
    for _ in range(5):
        assert check(token(), app)[0] == 401
    assert len(server.asked) == asked


def test_metadata_is_read_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`jwks_uri` may have changed, so metadata is requested again after a failure."""
    server = Server()
    app = guard(DECLARED, transport=server)
    server.metadata["jwks_uri"] = f"{ISSUER}/gone"
    assert check(token(), app)[0] == 503
    server.metadata["jwks_uri"] = f"{ISSUER}/keys"
    monkeypatch.setattr(oauth, "RETRY_PAUSE", 0)
    assert check(token(), app)[0] == 200


def test_malformed_token_is_not_sent_to_introspection() -> None:
    """Introspection refused with 400 means an invalid token, not an outage."""
    server = Server(introspection_endpoint=f"{ISSUER}/introspect")
    app = guard({**DECLARED, "tokenValidation": "introspection"}, transport=server)
    server.active = {"active": True, "scope": "read write"}
    assert check("opaque", app)[0] == 200
    for odd in ("a b", "a\u00e9", "<script>", "%zz", "x" * 20_000):
        asked = len(server.asked)
        assert check(odd, app)[:1] == (401,)
        assert len(server.asked) == asked
    server.status = 400
    assert check("refused", app)[0] == 401
    server.status = 200
    assert check("another", app)[0] == 200


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None", "kid": "k1"},
        {"alg": "HS256", "kid": "k1"},
        {"alg": "ES256", "kid": "k1"},
        {"alg": "RS256", "kid": ["k1"]},
        {"alg": "RS256", "kid": "../k1"},
        {"alg": "RS256", "kid": "k1", "crit": ["exp"]},
        {"alg": "RS256", "kid": "k1", "crit": ["b64"], "b64": False},
        {"alg": ["RS256"], "kid": "k1"},
        {"alg": "RS256", "kid": "own", "jwk": "own"},
        {"alg": "RS256", "jku": "https://evil.test/keys", "kid": "own"},
    ],
)
def test_header_of_a_token_does_not_choose_key_or_algorithm(header: Any) -> None:
    """Algorithm confusion: `alg`, `kid`, `jwk` and `jku` of a token are not trusted."""

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    if header.get("jwk"):
        header = {**header, "jwk": jwk(OTHER, "own")}
    payload = token().split(".")[1].encode()
    signed = part(json.dumps(header).encode()) + b"." + payload
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    server = Server()
    for signature in (
        b"",
        hmac.new(pem, signed, hashlib.sha256).digest(),
        hmac.new(json.dumps(jwk(KEY, "k1")).encode(), signed, hashlib.sha256).digest(),
        b"\0" * 256,
    ):
        text = (signed + b"." + part(signature)).decode()
        assert check(text, server=server)[0] == 401
    assert not any("evil" in url for url in server.asked)


def test_token_with_an_unknown_critical_header_is_refused() -> None:
    """RFC 7515, 4.1.11: an unknown `crit` header outweighs a good signature."""
    text = jwt.encode(
        {
            "iss": ISSUER,
            "aud": RESOURCE,
            "exp": time.time() + 60,
            "scope": "read write",
        },
        KEY,
        "RS256",
        headers={"kid": "k1", "crit": ["odd"], "odd": 1},
    )
    assert check(text)[0] == 401


def test_metadata_is_found_at_the_openid_connect_path() -> None:
    """The OpenID Connect path is tried second; a foreign issuer is refused."""
    server = Server()
    server.well_known = "openid-configuration"
    assert check(token(), server=server)[0] == 200
    foreign = Server(issuer="https://evil.test")
    assert check(token(), server=foreign)[0] == 503


INTROSPECTION = {"tokenValidation": "introspection", "scopes": ["read"]}


def test_introspection_decides_and_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """O09; unlike the engine, RFC 7662 is followed, and its answer is cached."""
    monkeypatch.setenv(oauth.CLIENT_ID, "me")
    monkeypatch.setenv(oauth.CLIENT_SECRET, "pw")
    server = Server(introspection_endpoint=f"{ISSUER}/introspect")
    server.active = {"active": True, "scope": "read", "aud": RESOURCE}
    app = guard({**DECLARED, **INTROSPECTION}, transport=server)
    assert check("opaque", app)[0] == 200
    assert check("opaque", app)[0] == 200
    assert server.asked.count(f"{ISSUER}/introspect") == 1
    assert b"token=opaque" in server.body
    for active, detail in (
        ({"active": False}, "not active"),
        ({"active": True, "exp": NOW - 999, "scope": "read"}, "expired"),
        ({"active": True, "aud": "x", "scope": "read"}, "audience"),
        ({"active": True, "iss": "x", "scope": "read"}, "issuer"),
    ):
        server.active = active
        status, _, said = check(f"t-{len(detail)}", app)
        assert (status, detail in said) == (401, True)
    server.active = {"active": True, "scope": "other"}
    assert check("t3", app)[0] == 403


def test_protected_resource_metadata_is_public() -> None:
    """P27: metadata at its well-known path needs no token, for GET only."""
    app = guard(DECLARED, transport=Server())
    path = "/.well-known/oauth-protected-resource/v1"
    status, _, body = ask(app, path)
    assert status == 200
    assert json.loads(body) == {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER + "/"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["read", "write"],
    }
    assert ask(app, path, method="POST")[0] == 401
    root = guard({**DECLARED, "resource": "https://api.test/"}, transport=Server())
    assert ask(root, "/.well-known/oauth-protected-resource")[0] == 200


def test_oauth2_without_server_or_resource_is_refused() -> None:
    """Serving does not start without an authorization server and a resource."""
    for key in ("authorizationServerUri", "resource"):
        with pytest.raises(naftiko.ServeError, match=key):
            guard({**DECLARED, key: ""}, transport=Server())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scopes", 7),
        ("scopes", {"read": True}),
        ("scopes", ["read", None]),
        ("scopes", ["{{NO_SUCH_NAME}}"]),
        ("tokenValidation", "introspecton"),
        ("authorizationServerUri", "auth.test"),
        ("authorizationServerUri", "ftp://auth.test"),
        ("resource", "v1"),
    ],
)
def test_wrong_value_in_oauth2_is_refused(key: str, value: Any) -> None:
    """Ignoring a wrong value would ask less of callers than the document means."""
    with pytest.raises(naftiko.ServeError, match=f"`{key}`"):
        guard({**DECLARED, key: value}, transport=Server())


def test_declared_scopes_may_be_one_text() -> None:
    """`scopes` may be a list or one text, separated by spaces as in a token."""
    declared = {"scopes": "read  admin"}
    assert check(token(scope="read admin"), **declared)[0] == 200
    status, challenge, _ = check(token(scope="read"), **declared)
    assert status == 403
    assert 'scope="read admin"' in challenge


def test_challenge_escapes_quotes_and_line_breaks() -> None:
    """Header injection: a scope cannot end the quoted string of a challenge."""
    declared = {"scopes": ['a"b\\c\r\nd']}
    status, challenge, _ = check(token(), **declared)
    assert status == 403
    assert 'scope="a\\"b\\\\c  d"' in challenge
