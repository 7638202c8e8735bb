"""Redirects over real sockets: methods, bodies, credentials and cookies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

import naftiko
from naftiko import HttpTransport
from support.building import capability
from support.exchanges import AUTHS, SECRET, redirect, routes
from support.recorder import Recorder, response


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        ("301 Moved Permanently", "GET", "GET"),
        ("302 Found", "GET", "GET"),
        ("301 Moved Permanently", "POST", "GET"),
        ("302 Found", "POST", "GET"),
        ("303 See Other", "POST", "GET"),
        ("303 See Other", "PUT", "GET"),
        ("303 See Other", "DELETE", "GET"),
        ("302 Found", "PUT", "PUT"),
        ("307 Temporary Redirect", "POST", "POST"),
        ("308 Permanent Redirect", "PATCH", "PATCH"),
        ("307 Temporary Redirect", "DELETE", "DELETE"),
    ],
)
def test_redirect_changes_the_method_by_rfc_9110(
    status: str, method: str, then: str
) -> None:
    """A redirect changes the method by RFC 9110; the body is sent if it stays."""
    with Recorder() as server:
        server.answer = routes(
            {"/x": redirect("/y", status), "/y": response('"there"')}
        )
        with capability({"method": method}, base_uri=server.url) as api:
            body = {} if method in ("GET", "DELETE") else {"body": {"a": 1}}
            assert api.call("api.op", body) == "there"
        first, second = server.received
        assert (second.method, second.target) == (then, "/y")
        has_body = bool(body) and then == method
        assert second.body == (b'{"a":1}' if has_body else b"")
        assert ("content-type" in second.headers) is has_body
        assert first.connection == second.connection


def test_redirect_sends_a_file_again(tmp_path: Path) -> None:
    """A redirect sends a file again, an open file from its earlier position."""
    file = tmp_path / "f"
    file.write_bytes(b"0123456789")
    with Recorder() as server:
        server.answer = routes(
            {"/x": redirect("/y", "307 Temporary Redirect"), "/y": response()}
        )
        with capability({"method": "POST"}, base_uri=server.url) as api:
            api.call("api.op", body=file)
            with file.open("rb") as stream:
                stream.seek(4)
                api.call("api.op", body=stream)
        assert [r.body for r in server.received] == [
            b"0123456789", b"0123456789", b"456789", b"456789",
        ]  # fmt: skip


def test_redirects_can_be_refused() -> None:
    """`follow_redirects=False` raises `StatusError` for a redirect."""
    with Recorder(redirect("/y")) as server:
        transport = HttpTransport(follow_redirects=False)
        with capability(base_uri=server.url, transport=transport) as api:
            with pytest.raises(naftiko.StatusError) as caught:
                api.call("api.op")
        assert caught.value.status == 302
        assert len(server.received) == 1


def test_redirect_loop_ends() -> None:
    """Redirect loop: the twenty-first redirect raises `TransportError`."""
    with Recorder(redirect("/x")) as server, capability(base_uri=server.url) as api:
        with pytest.raises(naftiko.TransportError, match="over 20 redirects"):
            api.call("api.op")
        assert len(server.received) == 21


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("y?a=1", "/y?a=1"),
        ("//{host}/y", "/y"),
        ("http://{host}/a%2Fb", "/a%2Fb"),
        ("/a b", "/a%20b"),
        ("/\xc3\xa9", "/%C3%A9"),
        ("/y#fragment", "/y"),
        ("?q", "/x?q"),
        ("http://joe:secret@{host}/y", "/y"),
    ],
)
def test_location_is_resolved(location: str, target: str) -> None:
    """A relative or partly encoded `Location` is resolved."""
    with Recorder() as server:
        host = server.url.removeprefix("http://")
        answers = [response("[1]"), redirect(location.format(host=host))]
        server.answer = lambda _: answers.pop()
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == [1]
        assert server.last.target == target


@pytest.mark.parametrize(
    "location",
    ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://[bad/", "http://h:99999/"],
)
def test_redirect_to_another_scheme_is_refused(location: str) -> None:
    """A redirect to another scheme or a malformed URL raises `TransportError`."""
    with Recorder(redirect(location)) as server, capability(base_uri=server.url) as api:
        with pytest.raises(naftiko.TransportError, match="redirected to"):
            api.call("api.op")


def test_redirect_to_a_dead_server_names_both_urls() -> None:
    """The error of a redirect to a dead server names both URLs."""
    with Recorder() as gone:
        url = gone.url
    with (
        Recorder(redirect(f"{url}/y")) as server,
        capability(base_uri=server.url) as api,
    ):
        with pytest.raises(naftiko.TransportError) as caught:
            api.call("api.op")
    assert f"{server.url}/x, redirected to {url}/y: no connection" in str(caught.value)


@pytest.mark.parametrize(
    "auth", AUTHS, ids=lambda a: f"{a['type']} {a.get('placement', '')}"
)
def test_credentials_stay_with_their_origin(auth: dict[str, Any]) -> None:
    """A redirect to another origin carries no credentials, headers or cookies."""
    with Recorder(response('"foreign"')) as foreign, Recorder() as home:
        home.answer = routes(
            {
                "/x": redirect("/y"),
                "/x?key=" + SECRET: redirect("/y"),
                "/y": redirect(f"{foreign.url}/z"),
            }
        )
        operation = {
            "inputParameters": [
                {"name": "X-Session", "in": "header"},
                {"name": "c", "in": "cookie"},
            ]
        }
        with capability(
            operation,
            consumes={"authentication": auth},
            base_uri=home.url,
            variables={"TOKEN": SECRET},
        ) as api:
            result = api.call("api.op", {"X-Session": "mine", "c": "cookie"})
        assert result == "foreign"
        if auth.get("placement") != "query":
            assert any(
                SECRET in v or "Basic" in v for v in home.received[1].headers.values()
            )
        got = foreign.last
        assert set(got.headers) == {"host", "user-agent", "accept", "accept-encoding"}
        assert SECRET.encode() not in got.head


def test_signer_does_not_sign_for_another_origin() -> None:
    """A signer given as `auth=` does not sign a redirect to another origin."""
    with Recorder() as foreign, Recorder() as home:
        home.answer = redirect(f"{foreign.url}/z")
        signer = requests.auth.HTTPBasicAuth("ann", SECRET)
        with capability(base_uri=home.url, auth={"api": signer}) as api:
            api.call("api.op")
        assert "authorization" in home.last.headers
        assert "authorization" not in foreign.last.headers


def test_secret_in_the_body_is_not_sent_to_another_origin() -> None:
    """A redirect of a body with a secret to another origin raises `TransportError`."""
    with Recorder() as foreign, Recorder() as home:
        home.answer = redirect(f"{foreign.url}/z", "307 Temporary Redirect")
        data = {"key": "{{TOKEN}}"}
        operation = {"method": "POST", "body": {"type": "json", "data": data}}
        with capability(
            operation, base_uri=home.url, variables={"TOKEN": SECRET}
        ) as api:
            with pytest.raises(
                naftiko.TransportError, match="another origin"
            ) as caught:
                api.call("api.op")
        assert SECRET not in str(caught.value)
        assert foreign.received == []


def test_cookies_stay_with_their_origin() -> None:
    """A cookie is sent only to the origin, including the port, that set it."""
    with Recorder(response(Set_Cookie="theirs=2")) as foreign, Recorder() as home:
        home.answer = routes(
            {
                "/x": response(
                    "", "302 Found", Location="/y", Set_Cookie=f"sid={SECRET}; Path=/"
                ),
                "/y": redirect(f"{foreign.url}/z"),
            }
        )
        with capability(base_uri=home.url) as api:
            api.call("api.op")
            api.call("api.op")
        cookies = [r.headers.get("cookie", "") for r in home.received]
        assert cookies == ["", f"sid={SECRET}", f"sid={SECRET}", f"sid={SECRET}"]
        cookies = [r.headers.get("cookie", "") for r in foreign.received]
        assert cookies == ["", "theirs=2"]


def test_redirect_that_repeats_a_secret_query_is_refused() -> None:
    """A redirect that repeats a secret of the query in a foreign URL is refused."""
    key = {"type": "apikey", "key": "k", "value": "{{TOKEN}}", "placement": "query"}
    with Recorder() as foreign, Recorder() as home:
        home.answer = lambda request: redirect(foreign.url + request.target)
        with capability(
            consumes={"authentication": key},
            base_uri=home.url,
            variables={"TOKEN": "s3 cr&t"},
        ) as api:
            with pytest.raises(
                naftiko.TransportError, match="in the address"
            ) as caught:
                api.call("api.op")
        assert "give it as the base URI" in str(caught.value)
        assert "s3" not in str(caught.value)
        assert foreign.received == []


def test_variable_of_the_path_may_go_to_another_origin() -> None:
    """A redirect with a variable of the path to another origin is followed."""
    with Recorder() as foreign, Recorder() as home:
        home.answer = lambda request: redirect(foreign.url + request.target)
        operation = {"resourcePath": "/{{TENANT}}/x"}
        with capability(
            operation, base_uri=home.url, variables={"TENANT": "acme"}
        ) as api:
            assert api.call("api.op") == {}
        assert foreign.last.target == "/acme/x"


def test_secret_in_a_form_part_is_not_sent_to_another_origin(tmp_path: Path) -> None:
    """A redirect of a streamed form with a secret to another origin is refused."""
    file = tmp_path / "f"
    file.write_bytes(b"file")
    data = {"key": "{{TOKEN}}", "file": "{{file}}"}
    operation = {"method": "POST", "body": {"type": "multipart", "data": data}}
    with Recorder() as foreign, Recorder() as home:
        home.answer = redirect(f"{foreign.url}/z", "307 Temporary Redirect")
        with capability(
            operation, base_uri=home.url, variables={"TOKEN": SECRET}
        ) as api:
            with pytest.raises(naftiko.TransportError, match="in the body"):
                api.call("api.op", file=file)
        assert foreign.received == []
