"""`AioTransport`: isolation of calls: cookies, logins, proxies and redirects."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.aio import SECRET, send, sending
from support.recorder import Received, Recorder, response


def test_cookie_is_kept_within_its_call(server: Recorder) -> None:
    """A cookie set by a redirect is sent within the same call and origin only."""
    with Recorder() as foreign:

        def answer(request: Received) -> bytes:
            if request.target == "/x":
                return response(
                    "", "302 Found", Location="/y/z?a=/b", Set_Cookie=f"sid={SECRET}"
                )
            if "a=/b" in request.target:
                return response("", "302 Found", Location="/end", Set_Cookie="b=2")
            return response("", "302 Found", Location=f"{foreign.url}/")

        server.answer = answer

        async def act(transport: AioTransport) -> None:
            for _ in range(2):
                headers = {"Cookie": "own=1"}
                request = Request("GET", f"{server.url}/x", headers)
                await transport.send(request, timeout=10)

        sending(act)
        cookies = [r.headers.get("cookie") for r in server.received]
        assert cookies == ["own=1", f"own=1; sid={SECRET}", f"own=1; sid={SECRET}"] * 2
        assert all("cookie" not in r.headers for r in foreign.received)


def test_redirect_without_location_is_the_response(server: Recorder) -> None:
    """A redirect without `Location` is the response.

    A redirect with a large body is followed on another connection.
    """
    server.answer = response("[1]", "302 Found")
    assert send(server.url).status == 302
    large = response("x" * 5_000_000, "302 Found", Location="/y")
    server.answer = lambda r: response("[2]") if r.target == "/y" else large
    assert send(server.url).body == b"[2]"
    assert server.received[-1].connection != server.received[-2].connection


def test_cookie_of_another_path_is_not_sent(server: Recorder) -> None:
    """A cookie whose `Path` does not match the redirect target is not sent."""
    server.answer = lambda r: (
        response("", "302 Found", Location="/y", Set_Cookie="a=1; Path=/other")
        if r.target == "/x"
        else response()
    )
    send(f"{server.url}/x")
    assert "cookie" not in server.last.headers


def test_redirect_behind_a_proxy_carries_no_credentials(server: Recorder) -> None:
    """A redirect to a host behind a proxy is followed without the first credentials."""
    with Recorder(response('"there"')) as proxy:
        server.answer = response("", "302 Found", Location="http://far.invalid/z")
        answer = send(
            f"{server.url}/x",
            headers={"Authorization": f"Bearer {SECRET}", "Accept": "a/b"},
            proxies={"http://far.invalid": proxy.url},
        )
    assert answer.body == b'"there"'
    assert proxy.last.target == "http://far.invalid/z"
    assert proxy.last.headers["accept"] == "a/b"
    assert SECRET.encode() not in proxy.last.head


def test_netrc_is_for_the_origin_that_the_user_chose(
    server: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.netrc` login is sent to the called origin, not to a redirect's origin."""
    file = tmp_path / "netrc"
    file.write_text("default login joe password fromnetrc\n")
    monkeypatch.setenv("NETRC", str(file))
    with Recorder() as foreign:
        server.answer = response("", "302 Found", Location=foreign.url)

        async def act(transport: AioTransport) -> None:
            await transport.send(Request("GET", server.url), timeout=10)
            await transport.send(Request("GET", foreign.url), timeout=10)
            request = Request("GET", foreign.url, is_identified=True)
            await transport.send(request, timeout=10)

        sending(act)
        logins = [r.headers.get("authorization") for r in foreign.received]
    login = "Basic " + base64.b64encode(b"joe:fromnetrc").decode()
    assert server.last.headers["authorization"] == login
    assert logins == [None, login, None]
