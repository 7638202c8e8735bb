"""Redirects over real sockets, with both senders: methods, bodies, credentials."""

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
def test_method_after_a_redirect(status: str, method: str, then: str) -> None:
    """The method rules of RFC 9110 decide; a body goes where the method stays."""
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


def test_a_body_from_disk_is_sent_again(tmp_path: Path) -> None:
    """A file is read from its beginning once more, a stream from where it stood."""
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
    """With `follow_redirects=False` the redirect is the response."""
    with Recorder(redirect("/y")) as server:
        transport = HttpTransport(follow_redirects=False)
        with capability(base_uri=server.url, transport=transport) as api:
            with pytest.raises(naftiko.StatusError) as caught:
                api.call("api.op")
        assert caught.value.status == 302
        assert len(server.received) == 1


def test_a_loop_of_redirects_ends() -> None:
    """The twenty-first redirect is an error."""
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
def test_forms_of_location(location: str, target: str) -> None:
    """Relative and half-encoded addresses are resolved."""
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
def test_a_redirect_to_another_scheme_is_refused(location: str) -> None:
    """Another scheme and a malformed address are errors, not tracebacks."""
    with Recorder(redirect(location)) as server, capability(base_uri=server.url) as api:
        with pytest.raises(naftiko.TransportError, match="redirected to"):
            api.call("api.op")


def test_a_redirect_to_nowhere_names_both_addresses() -> None:
    """It is not the first server that is not there."""
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
    """Another port is another origin: nothing that identifies the caller goes there."""
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


def test_a_signer_does_not_sign_for_another_origin() -> None:
    """A signer given as `auth=` does not sign for another origin."""
    with Recorder() as foreign, Recorder() as home:
        home.answer = redirect(f"{foreign.url}/z")
        signer = requests.auth.HTTPBasicAuth("ann", SECRET)
        with capability(base_uri=home.url, auth={"api": signer}) as api:
            api.call("api.op")
        assert "authorization" in home.last.headers
        assert "authorization" not in foreign.last.headers


def test_a_secret_in_the_body_is_not_carried_over() -> None:
    """A body that holds a secret is refused to another origin; others are sent."""
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
    """Cookies know no port; ours go to the origin that set them, and to no other."""
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


def test_a_key_in_the_query_is_not_carried_over_by_the_server() -> None:
    """A server that repeats our query in another origin's address is not followed."""
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


def test_a_variable_of_the_path_may_go_to_another_origin() -> None:
    """A variable in host or path is no credential: the redirect is followed."""
    with Recorder() as foreign, Recorder() as home:
        home.answer = lambda request: redirect(foreign.url + request.target)
        operation = {"resourcePath": "/{{TENANT}}/x"}
        with capability(
            operation, base_uri=home.url, variables={"TENANT": "acme"}
        ) as api:
            assert api.call("api.op") == {}
        assert foreign.last.target == "/acme/x"


def test_a_secret_in_a_part_beside_a_file_is_not_carried_over(tmp_path: Path) -> None:
    """Also a body that is put together while it is sent is looked through."""
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
