"""OAuth2 resource server; ids are those of the facts in spec 11.7 and 11.8."""

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
    """Return the public half of a key as the authorization server publishes it."""
    kind = (
        jwt.algorithms.RSAAlgorithm if key is not CURVE else jwt.algorithms.ECAlgorithm
    )
    found = json.loads(kind.to_jwk(key.public_key()))
    return {**found, "use": "sig", **({"kid": key_id} if key_id else {})}


class Server:
    """An authorization server: answers requests, and counts them."""

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
        """Do nothing."""


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

    Every refusal has the kind of its status.
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


def test_no_token() -> None:
    """O01, P27: 401 with the scheme and where the metadata is."""
    status, challenge, _ = check("")
    assert status == 401
    assert challenge == (
        'Bearer resource_metadata="https://api.test'
        '/.well-known/oauth-protected-resource/v1"'
    )


def test_a_valid_token() -> None:
    """O02: passes, with RSA and with a curve."""
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
def test_claims(claims: Any, detail: str) -> None:
    """O03, O04, O05; the engine differs (weakness 43): a token must expire."""
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
def test_claims_that_pass(claims: Any) -> None:
    """O03, O04, O06: past `nbf`, slash of the issuer, several audiences, leeway, `scp`."""
    if "exp" in claims:  # seconds from now, within the leeway
        claims = {"exp": int(time.time()) + claims["exp"]}
    assert check(token(**claims))[0] == 200


def test_the_audience_overrides_the_resource() -> None:
    """O05."""
    assert check(token(aud="mine"), audience="mine")[0] == 200
    assert check(token(), audience="mine")[0] == 401


def test_scopes() -> None:
    """O06: 403 with the list; without configured scopes none are asked for."""
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
def test_bad_signatures(text: str) -> None:
    """O07, O08: another key, damaged, malformed, unsigned, signed with a public key."""
    status, challenge, _ = check(text)
    assert status == 401
    assert 'error="invalid_token"' in challenge


def test_a_token_that_names_no_key() -> None:
    """O08 differs (weakness 43): it passes only where there is one key."""
    assert check(token(key_id=None))[0] == 200
    two = Server([jwk(KEY, "k1"), jwk(OTHER, "k2")])
    assert check(token(key_id=None), server=two)[0] == 401


def test_keys_are_kept_and_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look-up serves many tokens; a new key is found, but not looked for each time."""
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


def test_an_outage_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine differs (weakness 15): 503, and the next request tries again."""
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


def test_an_outage_is_not_hammered(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the keys cannot be had, known ones serve and nobody waits for new ones."""
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
def test_an_answer_without_keys(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an outage too: the keys that are known stay, and 503 without any."""
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
def test_keys_that_are_withdrawn(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list without a key of use is believed, and not asked for each time."""
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


def test_keys_that_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure the metadata are asked again: they may name another place."""
    server = Server()
    app = guard(DECLARED, transport=server)
    server.metadata["jwks_uri"] = f"{ISSUER}/gone"
    assert check(token(), app)[0] == 503
    server.metadata["jwks_uri"] = f"{ISSUER}/keys"
    monkeypatch.setattr(oauth, "RETRY_PAUSE", 0)
    assert check(token(), app)[0] == 200


def test_one_bad_token_does_not_stop_introspection() -> None:
    """What the authorization server refuses to look at is not valid, and no outage."""
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
def test_headers_that_lie(header: Any) -> None:
    """No header of a token decides by which key or how it is checked."""

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


def test_a_critical_header() -> None:
    """RFC 7515, 4.1.11: a good signature does not help what is not understood."""
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


def test_both_places_of_the_metadata() -> None:
    """OpenID Connect's is asked for after OAuth's; a foreign issuer counts nothing."""
    server = Server()
    server.well_known = "openid-configuration"
    assert check(token(), server=server)[0] == 200
    foreign = Server(issuer="https://evil.test")
    assert check(token(), server=foreign)[0] == 503


INTROSPECTION = {"tokenValidation": "introspection", "scopes": ["read"]}


def test_introspection(monkeypatch: pytest.MonkeyPatch) -> None:
    """O09 differs: the authorization server is asked (RFC 7662), once for a while."""
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


def test_metadata_document() -> None:
    """P27: at its well-known path, without a token, for GET only."""
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


def test_incomplete_authentication_is_refused() -> None:
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
def test_unknown_value_is_refused(key: str, value: Any) -> None:
    """Otherwise a mistake would ask less of callers than the document means."""
    with pytest.raises(naftiko.ServeError, match=f"`{key}`"):
        guard({**DECLARED, key: value}, transport=Server())


def test_scopes_in_one_text() -> None:
    """They may be written as they stand in a token."""
    declared = {"scopes": "read  admin"}
    assert check(token(scope="read admin"), **declared)[0] == 200
    status, challenge, _ = check(token(scope="read"), **declared)
    assert status == 403
    assert 'scope="read admin"' in challenge


def test_texts_in_a_challenge_are_escaped() -> None:
    """Quotes, backslashes and line breaks cannot end a quoted string."""
    declared = {"scopes": ['a"b\\c\r\nd']}
    status, challenge, _ = check(token(), **declared)
    assert status == 403
    assert 'scope="a\\"b\\\\c  d"' in challenge
