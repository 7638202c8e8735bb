"""Authentication schemes: bearer tokens, API keys and HTTP Basic."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from support.guarding import SECRET, ask, guard

BEARER = {"type": "bearer", "token": "{{TOKEN}}"}


API_KEY = {"type": "apikey", "key": "X-Key", "value": "{{TOKEN}}"}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (f"Bearer {SECRET}", 200),
        (f"bearer   {SECRET}", 200),
        ("", 401),
        ("Bearer", 401),
        ("Bearer wrong", 401),
        (f"Bearer {SECRET}x", 401),
        (f"Basic {SECRET}", 401),
        (SECRET, 401),
        ("Bearer {{TOKEN}}", 401),
    ],
)
def test_bearer_token_must_match(text: str, status: int) -> None:
    """R12, P26; unlike the engine (weakness 40), the scheme must be `Bearer`."""
    headers = {"Authorization": text} if text else {}
    code, found, body = ask(guard(BEARER), headers=headers)
    assert code == status
    if status == 401:
        assert found["www-authenticate"][0].startswith("Bearer realm=")
        assert found["content-type"] == ["application/problem+json"]
        assert SECRET.encode() not in body


@pytest.mark.parametrize(
    ("data", "headers", "query", "status"),
    [
        (API_KEY, {"X-Key": SECRET}, "", 200),
        (API_KEY, {"x-key": SECRET}, "", 200),
        (API_KEY, {"X-Key": "no"}, "", 401),
        (API_KEY, {}, f"X-Key={SECRET}", 401),
        ({**API_KEY, "placement": "query"}, {}, f"a=1&X-Key={SECRET}", 200),
        ({**API_KEY, "placement": "query"}, {}, f"X-Key=no&X-Key={SECRET}", 401),
        ({**API_KEY, "placement": "query"}, {}, "X-Key=", 401),
        ({**API_KEY, "placement": "query"}, {"X-Key": SECRET}, "", 401),
        (
            {**API_KEY, "placement": "cookie"},
            {"Cookie": f"a=b; X-Key={SECRET}"},
            "",
            200,
        ),
        (
            {"type": "apikey", "name": "k", "in": "query", "value": "{{TOKEN}}"},
            {},
            f"k={SECRET}",
            200,
        ),
    ],
)
def test_api_key_must_match_in_its_placement(
    data: Any, headers: Any, query: str, status: int
) -> None:
    """R12: a header name has any case; of repeated query values the first counts."""
    assert ask(guard(data), headers=headers, query=query)[0] == status


BASIC = {"type": "basic", "username": "ann", "password": "{{TOKEN}}"}


@pytest.mark.parametrize(
    ("login", "status"),
    [
        (f"ann:{SECRET}", 200),
        ("ann:wrong", 401),
        (f"bob:{SECRET}", 401),
        ("ann", 401),
        (f"ann:{SECRET}:x", 401),
    ],
)
def test_basic_user_and_password_must_match(login: str, status: int) -> None:
    """R14: both user and password count; the challenge names the realm."""
    text = base64.b64encode(login.encode()).decode()
    code, found, _ = ask(guard(BASIC), headers={"Authorization": f"Basic {text}"})
    assert code == status
    if status == 401:
        assert found["www-authenticate"] == ['Basic realm="naftiko", charset="UTF-8"']


def test_basic_password_may_have_colons_and_non_ascii_letters() -> None:
    """Malformed HTTP Basic credentials are refused."""
    odd = guard(BASIC, given={"TOKEN": "p:ä€"})
    text = base64.b64encode("ann:p:ä€".encode()).decode()
    assert ask(odd, headers={"Authorization": f"Basic {text}"})[0] == 200
    for nonsense in ("Basic", "Basic ###", "Basic /w==", "Basic YW5u"):
        assert ask(odd, headers={"Authorization": nonsense})[0] == 401


@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_credentials_outside_ascii_match_in_each_encoding(coding: str) -> None:
    """Header bytes are UTF-8, or else Latin-1; `requests` and curl send either."""
    secret = "schl\xfcssel"
    sent = secret.encode(coding).decode("latin-1")
    given = {"TOKEN": secret}
    login = base64.b64encode(f"ann:{secret}".encode(coding)).decode()
    for declared, headers in (
        (API_KEY, {"X-Key": sent}),
        (BEARER, {"Authorization": f"Bearer {sent}"}),
        (
            {"type": "basic", "username": "ann", "password": "{{TOKEN}}"},
            {"Authorization": f"Basic {login}"},
        ),
    ):
        assert ask(guard(declared, given=given), headers=headers)[0] == 200
