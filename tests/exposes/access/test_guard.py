"""`Guard`: which requests need credentials, and how they are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.guarding import ask, guard

BEARER = {"type": "bearer", "token": "{{TOKEN}}"}


def test_adapter_without_authentication_is_open() -> None:
    """P26: an adapter that declares none is open."""
    assert ask(guard(None))[0] == 200


@pytest.mark.parametrize("given", [{}, {"X-Request-Id": "job-1"}])
def test_refusal_is_a_problem_document(given: Any) -> None:
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


def test_preflight_needs_no_credentials() -> None:
    """A browser asks for leave without credentials; other OPTIONS need them."""
    preflight = {"Origin": "http://a", "Access-Control-Request-Method": "GET"}
    code, found, body = ask(guard(BEARER), method="OPTIONS", headers=preflight)
    assert (code, body) == (204, b"")
    assert not {"allow", "www-authenticate", "content-type"} & found.keys()
    assert ask(guard(BEARER), method="OPTIONS")[0] == 401
    assert ask(guard(BEARER), method="GET", headers=preflight)[0] == 401


def test_open_requests_need_no_credentials() -> None:
    """What is protected says which requests need no credentials."""
    app = guard(BEARER, is_open=lambda scope: scope["path"] == "/docs")
    assert ask(app, "/docs")[0] == 200
    assert ask(app, "/docs/x")[0] == 401
