"""`Origins`: protection against CSRF by `Origin`, and DNS rebinding by `Host`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from naftiko.exposes.access.origins import Origins, is_loopback
from naftiko.exposes.observability.access_log import AccessLog
from naftiko.exposes.options import Options
from naftiko.spec.model import Exposes

HERE = "localhost:8081"


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request that passes `Origins`."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


def status(
    method: str,
    headers: dict[str, str],
    options: Options = Options(),
    *,
    server: Any = ("127.0.0.1", 8081),
    **declared: Any,
) -> int:
    """Send one request; return the status of the response."""
    found: int = answer(method, headers, options, server=server, **declared)[0]
    return found


def answer(
    method: str,
    headers: dict[str, str],
    options: Options = Options(),
    *,
    server: Any = ("127.0.0.1", 8081),
    **declared: Any,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request; return status, headers and body of the response."""
    exposes = Exposes("rest", "api", **declared)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "headers": [(n.lower().encode(), v.encode()) for n, v in headers.items()],
        "server": server,
    }
    front = AccessLog("api").around(behind, Origins(options, exposes).refusal)
    asyncio.run(front(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, sent[1]["body"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "ODD"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:8081"}, 200),
        ({"Origin": "http://localhost:8081", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://behind.proxy", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:8081.evil.test"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_csrf_from_another_origin_is_refused(
    method: str, headers: Any, expected: int
) -> None:
    """CSRF: unsafe methods of another origin get 403, authenticated or not."""
    given = {"Host": HERE, **headers}
    assert status(method, given) == expected
    assert status(method, given, authentication={"type": "basic"}) == expected


@pytest.mark.parametrize(
    ("method", "headers", "kind"),
    [
        ("POST", {"Host": HERE, "Origin": "http://evil.test"}, "other-origin"),
        ("GET", {"Host": "evil.test"}, "unknown-host"),
    ],
)
def test_refused_origin_or_host_is_a_problem_document(
    method: str, headers: Any, kind: str
) -> None:
    """The hint of the problem names the option that the operator can set."""
    _, found, body = answer(method, headers)
    problem = json.loads(body)
    assert found["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:naftiko:problem:{kind}"
    assert problem["requestId"] == found["x-request-id"]
    assert found["x-content-type-options"] == "nosniff"
    assert "--" in problem["hint"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_of_another_origin_pass(method: str) -> None:
    """GET, HEAD and OPTIONS pass: the browser hides their answer from the page."""
    headers = {"Host": HERE, "Origin": "http://evil.test"}
    assert status(method, headers) == 200


@pytest.mark.parametrize("cors", [("https://page.test",), ("*",)])
def test_page_of_a_cors_origin_may_send_any_method(cors: tuple[str, ...]) -> None:
    """An origin that `cors` allows may use unsafe methods."""
    headers = {"Host": HERE, "Origin": "https://page.test"}
    headers["Sec-Fetch-Site"] = "cross-site"
    assert status("POST", headers, Options(cors=cors)) == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8081", 200),
        ("LOCALHOST", 200),
        ("localhost.:8081", 200),
        ("api.localhost:8081", 200),
        ("127.0.0.1:8081", 200),
        ("127.1.2.3", 200),
        ("[::1]:8081", 200),
        ("[::1]", 200),
        ("", 200),
        ("evil.test:8081", 421),
        ("evil.test", 421),
        ("localhost.evil.test", 421),
        ("127.0.0.1.evil.test:8081", 421),
        ("[::2]:8081", 421),
        ("0.0.0.0:8081", 421),
        ("notlocalhost", 421),
        ("*", 421),
    ],
)
def test_dns_rebinding_is_refused_without_authentication(
    host: str, expected: int
) -> None:
    """DNS rebinding: an open server on loopback answers to loopback names only."""
    headers = {"Host": host} if host else {}
    for server in (("127.0.0.1", 8081), ("::1", 8081), ("::ffff:127.0.0.1", 8081)):
        assert status("GET", headers, server=server) == expected
    # `Host` is not checked with authentication, or if another machine connects.
    assert status("GET", headers, authentication={"type": "basic"}) == 200
    assert status("GET", headers, server=("192.0.2.7", 8081)) == 200
    assert status("GET", headers, server=None) == 200


def test_allowed_host_and_address_are_accepted_as_host() -> None:
    """`--allowed-host` and the `address` of the document are accepted in `Host`."""
    known = Options(allowed_hosts=("api.test:443", "[fd00::7]"))
    for host in ("api.test", "API.test:8081", "[fd00::7]:1", "desk.test"):
        assert status("GET", {"Host": host}, known, address="Desk.test") == 200
    for address in ("0.0.0.0", "::"):  # A wildcard address is no host name.
        assert status("GET", {"Host": "0.0.0.0:8081"}, address=address) == 421
    assert status("GET", {"Host": "other.test"}, known, address="desk.test") == 421
    assert status("GET", {"Host": "x.test"}, Options(allowed_hosts=("*",))) == 200
    german = Options(allowed_hosts=("B\xfccher.test", "\xfc..test"))
    assert status("GET", {"Host": "xn--bcher-kva.test"}, german) == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("127.0.0.1.evil.test", False),
        ("127.evil.test", False),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
    ],
)
def test_loopback_host_is_known(host: str, expected: bool) -> None:
    """A host name that only begins like a loopback address is not loopback."""
    assert is_loopback(host) is expected
