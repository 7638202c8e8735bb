"""`Guard`: requests that need credentials, and the answers that refuse them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.guarding import ask, guard

BEARER = {"type": "bearer", "token": "{{TOKEN}}"}


def test_adapter_without_authentication_is_open() -> None:
    """P26: an adapter that declares no authentication needs no credentials."""
    assert ask(guard(None))[0] == 200


@pytest.mark.parametrize("given", [{}, {"X-Request-Id": "job-1"}])
def test_missing_credentials_are_a_problem_document(given: Any) -> None:
    """The 401 has a problem type and the request id, and is not cached or sniffed."""
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
def test_every_method_needs_credentials(method: str) -> None:
    """P26: GET and DELETE need credentials as well; a refused HEAD has no body."""
    code, _, body = ask(guard(BEARER), method=method)
    assert code == 401
    assert (body == b"") == (method == "HEAD")


def test_cors_preflight_needs_no_credentials() -> None:
    """A browser sends a CORS preflight without credentials; other OPTIONS need them."""
    preflight = {"Origin": "http://a", "Access-Control-Request-Method": "GET"}
    code, found, body = ask(guard(BEARER), method="OPTIONS", headers=preflight)
    assert (code, body) == (204, b"")
    assert not {"allow", "www-authenticate", "content-type"} & found.keys()
    assert ask(guard(BEARER), method="OPTIONS")[0] == 401
    assert ask(guard(BEARER), method="GET", headers=preflight)[0] == 401


def test_open_requests_need_no_credentials() -> None:
    """`is_open` of an adapter tells which requests need no credentials."""
    app = guard(BEARER, is_open=lambda scope: scope["path"] == "/docs")
    assert ask(app, "/docs")[0] == 200
    assert ask(app, "/docs/x")[0] == 401
