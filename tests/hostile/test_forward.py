"""`forward`: nothing of a caller stands beside, or leaves, what the adapter sends."""

from __future__ import annotations

from typing import Any

import pytest

from support.asgi_client import ask
from support.serving import rest_app


def _proxy(**consumes: Any) -> Any:
    resources = [
        {
            "path": "/proxy/{path}",
            "forward": {"targetNamespace": "api", "trustedHeaders": ["Cookie"]},
        }
    ]
    return rest_app(resources, consumes=consumes)


@pytest.mark.parametrize(
    "rest",
    [
        "a/%252e%252e/b", "%252e%252e%252fadmin", "a/..%00/b", "..%00", ".%00./b",
        "a/..;/b", "a/..;x=1/b", "a/..%3b/b", "a/..%5cb", "a%5c..%5cb", "a%2f..%2fb",
        "%c0%ae%c0%ae/b", "a/%ef%bc%8e%ef%bc%8e/b", "..%0d%0aHost:%20evil", "a/%u002e%u002e",
    ],
)  # fmt: skip
def test_path_that_leaves_is_refused(rest: str) -> None:
    """400, and the API gets nothing."""
    app, upstream = _proxy()
    got = ask(app, "GET", f"/proxy/{rest}")
    assert (got.status, upstream.requests) == (400, [])
    assert got.json["type"] == "urn:naftiko:problem:malformed-request"


@pytest.mark.parametrize(
    "cookie",
    [
        "sid=mine", "b=1; sid=mine", "SID=mine", "sid =mine", 'b="1; sid=mine"',
        "b=1, sid=mine", "=sid=mine", "sid",
    ],
)  # fmt: skip
def test_cookie_of_a_caller_does_not_stand_beside_the_own_one(cookie: str) -> None:
    """The API sees one `sid`: that of the adapter."""
    app, upstream = _proxy(
        inputParameters=[{"name": "sid", "in": "cookie", "value": "own"}]
    )
    assert ask(app, "GET", "/proxy/a", {"Cookie": cookie}).status == 200
    sent = upstream.requests[0].headers["Cookie"]
    assert sent.replace("b=1; ", "").replace("; b=1", "") == "sid=own"


def test_other_cookies_of_a_caller_pass() -> None:
    """Where `Cookie` is trusted, those with other names go on."""
    app, upstream = _proxy(
        inputParameters=[{"name": "sid", "in": "cookie", "value": "own"}]
    )
    ask(app, "GET", "/proxy/a", {"Cookie": "lang=de; sid=x; theme=dark"})
    assert upstream.requests[0].headers["Cookie"] == "sid=own; lang=de; theme=dark"


@pytest.mark.parametrize(
    "target",
    [
        "a?x=1;key=mine",
        "a?;key=mine",
        "a?x=1%3bkey=mine",
        "a;key=mine",
        "a%3Bkey=mine/b",
    ],
)
def test_name_of_the_adapter_behind_a_semicolon_is_refused(target: str) -> None:
    """`;key=` is a parameter to some servers, beside the one of the adapter."""
    app, upstream = _proxy(
        inputParameters=[{"name": "key", "in": "query", "value": "own"}]
    )
    got = ask(app, "GET", f"/proxy/{target}")
    assert (got.status, upstream.requests) == (400, [])
    assert "';key='" in got.json["detail"]


@pytest.mark.parametrize("name", ["key", "KEY", "k%65y", "+key", "%20key"])
def test_query_of_a_caller_does_not_stand_beside_the_own_one(name: str) -> None:
    """The name compares decoded, and without case."""
    app, upstream = _proxy(
        inputParameters=[{"name": "key", "in": "query", "value": "own"}]
    )
    assert ask(app, "GET", f"/proxy/a?{name}=mine&b=1").status == 200
    assert upstream.requests[0].url == "http://upstream.test/a?b=1&key=own"
