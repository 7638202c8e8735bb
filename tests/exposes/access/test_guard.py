"""Who may call an exposed adapter; ids are those of the facts in spec 11.5 to 11.8."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from typing import Any

import pytest
from requests.auth import HTTPDigestAuth

import naftiko
from naftiko.bindings import Variables
from naftiko.exposes.access.digest import Digest
from naftiko.exposes.access.guard import Guard
from naftiko.spec.model import Binding, Exposes
from support.records import server_authentication

SECRET = "s3cr3t-t0ken"


class Nobody:
    """A transport that must not be used."""

    async def send(self, request: Any, *, timeout: Any) -> naftiko.Response:
        raise AssertionError(f"asked for {request}")

    async def close(self) -> None:
        """Do nothing."""


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """Answer everything that gets through."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


def guard(
    authentication: Any,
    *,
    given: Any = None,
    bound: tuple[str, ...] = ("TOKEN",),
    transport: Any = None,
    is_open: Any = None,
) -> Guard:
    """Return a guard with variables that have these values."""
    binds = [Binding("env", dict.fromkeys(bound, "NO_SUCH_NAME"))] if bound else []
    variables = Variables(binds, {"TOKEN": SECRET} if given is None else given)
    exposes = Exposes(
        "rest", "api", authentication=server_authentication(authentication)
    )
    return Guard(behind, exposes, variables, transport or Nobody(), is_open=is_open)


def ask(
    app: Any,
    path: str = "/x",
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    query: str = "",
) -> tuple[int, dict[str, list[str]], bytes]:
    """Send one request; return status, headers and body."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in (headers or {}).items()
        ],
    }

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    asyncio.run(app(scope, receive, send))
    found: dict[str, list[str]] = {}
    for name, value in sent[0]["headers"]:
        found.setdefault(name.decode(), []).append(value.decode())
    return sent[0]["status"], found, sent[1]["body"]


BEARER = {"type": "bearer", "token": "{{TOKEN}}"}
API_KEY = {"type": "apikey", "key": "X-Key", "value": "{{TOKEN}}"}


def test_without_authentication_everything_passes() -> None:
    """P26: an adapter that declares none is open."""
    assert ask(guard(None))[0] == 200


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
def test_bearer(text: str, status: int) -> None:
    """R12, P26; the engine differs (weakness 40): the scheme has to be `Bearer`."""
    headers = {"Authorization": text} if text else {}
    code, found, body = ask(guard(BEARER), headers=headers)
    assert code == status
    if status == 401:
        assert found["www-authenticate"][0].startswith("Bearer realm=")
        assert found["content-type"] == ["application/problem+json"]
        assert SECRET.encode() not in body


@pytest.mark.parametrize("given", [{}, {"X-Request-Id": "job-1"}])
def test_a_refusal_is_a_problem_like_any_other(given: Any) -> None:
    """It has a type of ours, the id of its request, and is neither kept nor guessed."""
    _, found, body = ask(guard(BEARER), headers=given)
    problem = json.loads(body)
    assert problem["type"] == "urn:naftiko:problem:unauthorized"
    assert problem["title"] == "The credentials are missing or wrong"
    assert problem["detail"] == "a bearer token is needed"
    (number,) = found["x-request-id"]
    assert problem["requestId"] == number
    assert number == given.get("X-Request-Id", number)
    assert found["x-content-type-options"] == ["nosniff"]
    assert found["cache-control"] == ["no-store"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "HEAD"])
def test_every_method_is_checked(method: str) -> None:
    """P26: GET and DELETE as well; HEAD gets no body."""
    code, _, body = ask(guard(BEARER), method=method)
    assert code == 401
    assert (body == b"") == (method == "HEAD")


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
def test_api_key(data: Any, headers: Any, query: str, status: int) -> None:
    """R12: in a header (any case), or the first value of the query."""
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
def test_basic(login: str, status: int) -> None:
    """R14: both parts count; the challenge names the realm."""
    text = base64.b64encode(login.encode()).decode()
    code, found, _ = ask(guard(BASIC), headers={"Authorization": f"Basic {text}"})
    assert code == status
    if status == 401:
        assert found["www-authenticate"] == ['Basic realm="naftiko", charset="UTF-8"']


def test_basic_with_odd_texts() -> None:
    """A password may hold colons and any letters; nonsense is refused."""
    odd = guard(BASIC, given={"TOKEN": "p:ä€"})
    text = base64.b64encode("ann:p:ä€".encode()).decode()
    assert ask(odd, headers={"Authorization": f"Basic {text}"})[0] == 200
    for nonsense in ("Basic", "Basic ###", "Basic /w==", "Basic YW5u"):
        assert ask(odd, headers={"Authorization": nonsense})[0] == 401


DIGEST = {"type": "digest", "username": "ann", "password": "{{TOKEN}}"}


def answered(
    challenge: str, password: str, *, method: str = "GET", uri: str = "/x?a=b"
) -> str:
    """Return what the client of `requests` answers a challenge with."""
    client = HTTPDigestAuth("ann", password)
    client.init_per_thread_state()
    parts = re.findall(r'(\w+)="?([^",]+)"?', challenge.partition(" ")[2])
    client._thread_local.chal = dict(parts)
    return str(client.build_digest_header(method, f"http://h{uri}"))


def test_digest() -> None:
    """R14: the answers of `requests` to both challenges pass, wrong ones do not."""
    app = guard(DIGEST)
    code, found, _ = ask(app)
    challenges = found["www-authenticate"]
    assert code == 401
    assert [c.split("algorithm=")[1].split(",")[0] for c in challenges] == [
        "SHA-256",
        "MD5",
    ]
    for challenge in challenges:
        good = answered(challenge, SECRET)
        assert ask(app, query="a=b", headers={"Authorization": good})[0] == 200
        # For another target, method or password it is worth nothing.
        assert ask(app, query="a=c", headers={"Authorization": good})[0] == 401
        again = {"Authorization": good}
        assert ask(app, query="a=b", method="POST", headers=again)[0] == 401
        bad = answered(challenge, "wrong")
        assert ask(app, query="a=b", headers={"Authorization": bad})[0] == 401
        # Another server that shares the document accepts it too.
        assert ask(guard(DIGEST), query="a=b", headers=again)[0] == 200


def test_digest_of_an_odd_path() -> None:
    """A path that is no UTF-8 is refused like any other, and nothing breaks."""
    app = guard(DIGEST)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    nonce = Digest("ann", SECRET)._nonce(str(int(time.time())), "salt")
    text = f'Digest username="ann", realm="naftiko", nonce="{nonce}", uri="/\xff",'
    text += ' qop=auth, nc=1, cnonce="c", response="0"'
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/\ufffd",
        "raw_path": b"/\xff",
        "query_string": b"",
        "headers": [(b"authorization", text.encode("latin-1"))],
    }
    asyncio.run(app(scope, send, send))
    assert sent[0]["status"] == 401


def test_an_old_or_forged_nonce() -> None:
    """An old nonce is stale, so that the client tries again; a forged one is wrong."""
    app = guard(DIGEST)
    digest = Digest("ann", SECRET)
    old = digest._nonce(str(int(time.time()) - 1000), "salt")
    challenge = f'Digest realm="naftiko", qop="auth", algorithm=MD5, nonce="{old}"'
    header = {"Authorization": answered(challenge, SECRET)}
    code, found, _ = ask(app, query="a=b", headers=header)
    assert code == 401
    assert "stale=true" in found["www-authenticate"][0]
    forged = challenge.replace(old, old[:-1] + ("0" if old[-1] != "0" else "1"))
    header = {"Authorization": answered(forged, SECRET)}
    code, found, _ = ask(app, query="a=b", headers=header)
    assert code == 401
    assert "stale" not in found["www-authenticate"][0]


@pytest.mark.parametrize(
    ("data", "given", "bound", "message"),
    [
        (BEARER, {}, ("TOKEN",), "'TOKEN', which has no value"),
        (BEARER, {"TOKEN": ""}, ("TOKEN",), "'TOKEN', which has no value"),
        (BEARER, {}, (), "'TOKEN', which no bind declares"),
        ({"type": "bearer", "token": "{{HOME}}"}, {}, (), "which no bind declares"),
        ({"type": "bearer"}, None, ("TOKEN",), "`token` is missing|`value` is missing"),
        ({"type": "bearer", "token": ""}, None, ("TOKEN",), "`token` is missing"),
        ({**API_KEY, "value": None}, None, ("TOKEN",), "`value` is missing"),
        ({**API_KEY, "placement": "body"}, None, ("TOKEN",), "cannot stand in 'body'"),
        ({"type": "basic", "username": "a"}, None, ("TOKEN",), "`password` is missing"),
        (BEARER, {"TOKEN": "  "}, ("TOKEN",), "`token` is blank"),
        ({"type": "bearer", "token": " "}, None, ("TOKEN",), "`token` is blank"),
        ({**API_KEY, "key": " "}, None, ("TOKEN",), "`key` is blank"),
        (BEARER, {"TOKEN": "abc\n"}, ("TOKEN",), "line break"),
        (BEARER, {"TOKEN": "{{OTHER}}"}, ("TOKEN",), "still a template"),
        (BEARER, {"TOKEN": "${OTHER}"}, ("TOKEN",), "still a template"),
        ({"type": "bearer", "token": "{{TOKEN"}, None, ("TOKEN",), "still a template"),
        ({"type": "bearer", "token": "{TOKEN}"}, None, ("TOKEN",), "still a template"),
        ({"type": "bearer", "token": "${TOKEN}"}, None, ("TOKEN",), "still a template"),
        ({"type": "bearer", "token": False}, None, ("TOKEN",), "`token` is no text"),
        ({"type": "bearer", "token": ["a"]}, None, ("TOKEN",), "`token` is no text"),
        ({"type": "hmac"}, None, ("TOKEN",), "'hmac' is not known"),
        ("text", None, ("TOKEN",), "'' is not known"),
    ],
)
def test_serving_does_not_start_without_secrets(
    data: Any, given: Any, bound: Any, message: str
) -> None:
    """R13, weakness 39: a template never becomes the secret, nor does any variable."""
    with pytest.raises(naftiko.ServeError, match=message) as caught:
        guard(data, given=given, bound=bound)
    assert "the rest adapter 'api'" in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 4


def test_a_preflight_passes() -> None:
    """A browser asks for leave without credentials; other OPTIONS need them."""
    preflight = {"Origin": "http://a", "Access-Control-Request-Method": "GET"}
    code, found, body = ask(guard(BEARER), method="OPTIONS", headers=preflight)
    assert (code, body) == (204, b"")
    assert not {"allow", "www-authenticate", "content-type"} & found.keys()
    assert ask(guard(BEARER), method="OPTIONS")[0] == 401
    assert ask(guard(BEARER), method="GET", headers=preflight)[0] == 401


def test_open_requests() -> None:
    """What is protected says which requests need no credentials."""
    app = guard(BEARER, is_open=lambda scope: scope["path"] == "/docs")
    assert ask(app, "/docs")[0] == 200
    assert ask(app, "/docs/x")[0] == 401
