"""Acceptance of authentication of callers: bearer, key, Basic, Digest, OAuth 2.1."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
)
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from support.acceptance import (
    FOLDER,
    House,
    curl,
    get,
    modes,
    names_of,
    needs_curl,
    words_of,
)
from support.agents import call
from support.authority import CLIENT, SECRET, Authority
from support.serving_process import Server


class Gates(House):
    """The served protected adapters with their OAuth authorization server."""

    def __init__(self, server: Server, authority: Authority, resource: str) -> None:
        self.server = server
        self.authority = authority
        self.resource = resource

    def token(self, scope: str = "huts.read", **claims: Any) -> dict[str, str]:
        """Return an `Authorization` header with a new access token."""
        token = self.authority.token(self.resource, scope, **claims)
        return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def gates() -> Iterator[Gates]:
    """Serve the protected adapters and an authorization server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    resource = f"http://127.0.0.1:{port}/mcp"
    with Authority() as authority:
        settings = {
            "NAFTIKO_TEST_GATE_SECRET": "op3n s3same",
            "NAFTIKO_TEST_ISSUER": authority.url,
            "NAFTIKO_TEST_RESOURCE": resource,
        }
        words = words_of("gates", token_gate=port)
        with Server(*words, ready=len(names_of("gates")), **settings) as server:
            yield Gates(server, authority, resource)
            assert server.stop() == 0
            assert "s3same" not in server.text
            assert "eyJ" not in server.text, "a token was logged"


@pytest.mark.parametrize(
    ("gate", "good", "bad"),
    [
        ("bearer-gate", {"headers": {"Authorization": "Bearer op3n s3same"}}, {"headers": {"Authorization": "Basic op3n s3same"}}),
        ("key-gate", {"headers": {"X-Gate": "op3n s3same"}}, {"params": {"X-Gate": "op3n s3same"}}),
        ("basic-gate", {"auth": HTTPBasicAuth("warden", "op3n s3same")}, {"auth": ("warden", "x")}),
        ("digest-gate", {"auth": HTTPDigestAuth("warden", "op3n s3same")}, {"auth": HTTPDigestAuth("x", "op3n s3same")}),
    ],
)  # fmt: skip
def test_only_the_right_credential_opens_a_route(
    gates: Gates, gate: str, good: Any, bad: Any
) -> None:
    """R12: a route answers 401 without the right credential."""
    answer = get(gates[gate], "/enter", **good)
    assert (answer.status_code, answer.json()) == (200, {"said": "welcome"})
    for tried in (bad, {}):
        answer = get(gates[gate], "/enter", **tried)
        assert answer.status_code == 401
        assert "welcome" not in answer.text
        assert answer.headers["WWW-Authenticate"]
    assert get(gates[gate], "/openapi.json").status_code == 401


@needs_curl
def test_curl_opens_a_route_with_digest_and_bearer(gates: Gates) -> None:
    """`curl` opens a route by Digest and another route by bearer token."""
    url = f"{gates['digest-gate']}/enter"
    assert curl("--digest", "-u", "warden:op3n s3same", url)[0] == 200
    assert curl("--digest", "-u", "warden:no", url)[0] == 401
    url = f"{gates['bearer-gate']}/enter"
    assert curl("--oauth2-bearer", "op3n s3same", url)[0] == 200


@modes
def test_every_method_of_a_locked_mcp_adapter_needs_a_token(
    gates: Gates, mode: Any
) -> None:
    """P26: each method of a protected MCP adapter gets 401 without the token."""
    headers = {"Authorization": "Bearer op3n s3same"}
    result = call(gates["bearer-mcp"], "enter", mode=mode, headers=headers)
    assert result.structured_content == {"said": "welcome"}
    for method in ("POST", "GET", "DELETE"):
        for path in ("/mcp", "/"):
            answer = requests.request(method, gates["bearer-mcp"] + path, timeout=10)
            assert answer.status_code == 401


def test_challenge_leads_to_the_authorization_server(gates: Gates) -> None:
    """P27, O01: the 401 challenge links metadata that name the authorization server."""
    answer = requests.post(gates.resource, json={}, timeout=10)
    assert answer.status_code == 401
    where = re.search(
        r'resource_metadata="([^"]*)"', answer.headers["WWW-Authenticate"]
    )
    assert where
    assert urlsplit(where[1]).path == "/.well-known/oauth-protected-resource/mcp"
    assert requests.get(where[1], timeout=10).json() == {
        "resource": gates.resource,
        "authorization_servers": [gates.authority.url],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["huts.read"],
    }
    assert requests.post(where[1], json={}, timeout=10).status_code == 401


class _Kept:
    """A storage of OAuth tokens and client registration, in memory."""

    tokens: Any = None
    client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client: Any) -> None:
        self.client = client


@modes
def test_official_client_signs_in(gates: Gates, mode: Any) -> None:
    """The official MCP client gets a token by OAuth discovery and calls a tool."""
    gates.authority.grants.clear()
    provider = ClientCredentialsOAuthProvider(
        gates.resource,
        _Kept(),
        CLIENT,
        SECRET,
        scope="huts.read",
        issuer=gates.authority.url,
    )
    result = call(gates["token-gate"], "enter", mode=mode, auth=provider)
    assert result.structured_content == {"said": "welcome"}
    (grant,) = gates.authority.grants
    assert grant["grant_type"] == "client_credentials"
    assert grant["resource"] == gates.resource


def test_invalid_access_tokens_are_refused(gates: Gates) -> None:
    """O02 to O07: tokens expired, forged or for another issuer or audience get 401.

    A token without the required scope gets 403.
    """
    url = gates["token-rest"]
    assert get(url, "/enter", headers=gates.token()).json() == {"said": "welcome"}
    for status, headers in (
        (401, {}),
        (401, gates.token(exp=int(time.time()) - 3600)),
        (401, gates.token(exp=None)),
        (401, gates.token(aud="http://127.0.0.1:1/mcp")),
        (401, gates.token(iss="http://127.0.0.1:1")),
        (403, gates.token("huts.write")),
        (401, {"Authorization": gates.token()["Authorization"][:-5] + "AAAAA"}),
    ):
        answer = get(url, "/enter", headers=headers)
        assert answer.status_code == status
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
        assert "welcome" not in answer.text
    keys = gates.authority.asked.count("/keys")
    for _ in range(5):
        assert get(url, "/enter", headers=gates.token()).status_code == 200
    assert gates.authority.asked.count("/keys") == keys, "keys are kept"


def test_oauth_metadata_is_at_the_root_of_a_shared_port() -> None:
    """OAuth metadata are at the root of a shared port, where clients look for them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    with Authority() as authority:
        settings = {
            "NAFTIKO_TEST_GATE_SECRET": "x",
            "NAFTIKO_TEST_ISSUER": authority.url,
            "NAFTIKO_TEST_RESOURCE": f"{base}/token-gate/mcp",
        }
        words = [str(FOLDER / "gates.yaml"), "--single-port", str(port)]
        with Server(*words, ready=len(names_of("gates")), **settings):
            provider = ClientCredentialsOAuthProvider(
                f"{base}/token-gate/mcp", _Kept(), CLIENT, SECRET,
                scope="huts.read", issuer=authority.url,
            )  # fmt: skip
            result = call(f"{base}/token-gate", "enter", auth=provider)
            assert result.structured_content == {"said": "welcome"}
            assert get(base, "/.well-known/other").status_code == 404
