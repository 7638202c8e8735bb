"""`HttpTransport` against real sockets: redirects, credentials, pools, limits, TLS."""

from __future__ import annotations

import base64
import contextlib
import gc
import gzip
import hashlib
import io
import re
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import brotli
import pytest
import requests
import trustme

import naftiko
from naftiko import HttpTransport
from support.building import capability
from support.recorder import Received, Recorder, response

SECRET = "s3cr3t-t0ken"
BEARER = {"authentication": {"type": "bearer", "token": "{{TOKEN}}"}}


def redirect(location: str, status: str = "302 Found") -> bytes:
    """Return a redirect."""
    return response("moved", status, Location=location)


def routes(answers: dict[str, bytes]) -> Callable[[Received], bytes]:
    """Answer by the target."""
    return lambda request: answers.get(request.target, response("{}", "404 Not Found"))


# --- redirects ----------------------------------------------------------------------


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
def test_redirect_to_what_is_no_http_address(location: str) -> None:
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


AUTHS: list[dict[str, Any]] = [
    {"type": "bearer", "token": "{{TOKEN}}"},
    {"type": "basic", "username": "ann", "password": "{{TOKEN}}"},
    {"type": "apikey", "key": "X-Key", "value": "{{TOKEN}}", "placement": "header"},
    {"type": "apikey", "key": "key", "value": "{{TOKEN}}", "placement": "query"},
    {"type": "apikey", "key": "sid", "value": "{{TOKEN}}", "placement": "cookie"},
]


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
    """What `auth=` gives stays at home as well."""
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


class _Reader(requests.auth.AuthBase):
    """A signer that looks at every response, as those that log or verify do."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.register_hook("response", self.look)
        return request

    def look(self, response: requests.Response, **_: object) -> requests.Response:
        self.seen.append(response.content)
        return response


def test_a_signer_may_read_the_response() -> None:
    """What a signer has read is still the result."""
    with Recorder(response("[1, 2]")) as server:
        signer = _Reader()
        with capability(base_uri=server.url, auth={"api": signer}) as api:
            assert api.call("api.op") == [1, 2]
            with api.stream("api.op") as stream:
                assert stream.read() == b"[1, 2]"
        assert signer.seen == [b"[1, 2]", b"[1, 2]"]


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


def test_a_variable_of_the_path_may_go_elsewhere() -> None:
    """What stands in host or path identifies no caller: such a redirect is followed."""
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


class Pipe(io.RawIOBase):
    """A stream that can be read once."""

    def __init__(self) -> None:
        self.parts = [b"one", b"two"]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.parts.pop(0) if self.parts else b""


@pytest.mark.parametrize("body", [Pipe, lambda: iter([b"one", b"", b"two"])])
def test_a_body_that_can_be_read_once(body: Callable[[], Any]) -> None:
    """It is sent in chunks; a redirect that needs it again is an error, not half."""
    with Recorder() as server:
        with capability({"method": "POST"}, base_uri=server.url) as api:
            api.call("api.op", body=body())
            assert server.last.body == b"onetwo"
            assert server.last.headers["transfer-encoding"] == "chunked"
            server.answer = redirect("/y", "307 Temporary Redirect")
            with pytest.raises(naftiko.TransportError, match="can be read once"):
                api.call("api.op", body=body())
            server.answer = routes(
                {"/x": redirect("/y", "303 See Other"), "/y": response()}
            )
            assert api.call("api.op", body=body()) == {}
        assert len(server.received) == 4


def test_a_body_that_can_be_read_once_is_not_sent_twice() -> None:
    """A connection that died in the pool cannot be made good with half a body."""
    with (
        Recorder() as server,
        capability({"method": "PUT"}, base_uri=server.url) as api,
    ):
        api.call("api.op", body=b"x")
        server.answer = lambda _: None
        with pytest.raises(naftiko.TransportError, match="closed the connection"):
            api.call("api.op", body=Pipe())
        assert len(server.received) == 2


def test_an_iterator_of_text_is_refused() -> None:
    """What gives text has no bytes that anybody agreed on."""
    with Recorder() as server:
        with capability({"method": "POST"}, base_uri=server.url) as api:
            with pytest.raises(naftiko.ArgumentError, match="gives a str"):
                api.call("api.op", body=iter(["text"]))


def test_parts_with_files_are_streamed(tmp_path: Path) -> None:
    """Files in a form are read while they are sent, with a length, and again."""
    content = bytes(range(256)) * 2000
    file = tmp_path / "a b.bin"
    file.write_bytes(content)
    data = {"note": "{{note}}", "file": "{{file}}", "open": "{{open}}"}
    operation = {"method": "POST", "body": {"type": "multipart", "data": data}}
    with Recorder() as server, file.open("rb") as stream:
        server.answer = routes(
            {"/x": redirect("/y", "307 Temporary Redirect"), "/y": response()}
        )
        stream.seek(len(content) - 3)
        with capability(operation, base_uri=server.url) as api:
            api.call("api.op", note="é", file=file, open=stream)
        assert not stream.closed
        first, second = server.received
        assert first.body == second.body
        assert first.headers["content-length"] == str(len(first.body))
        boundary = first.headers["content-type"].partition("boundary=")[2].encode()
        start, *parts, end = first.body.split(b"--" + boundary)
        assert (start, end) == (b"", b"--\r\n")
        assert parts == [
            '\r\nContent-Disposition: form-data; name="note"\r\n\r\né\r\n'.encode(),
            b'\r\nContent-Disposition: form-data; name="file"; filename="a b.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n",
            b'\r\nContent-Disposition: form-data; name="open"; filename="a b.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + content[-3:] + b"\r\n",
        ]


def test_a_large_file_is_not_read_into_memory(tmp_path: Path) -> None:
    """Sending 100 MB takes no more than a few of memory, alone or in a form."""
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(100_000_000)
    form = {
        "method": "POST",
        "body": {"type": "multipart", "data": {"body": "{{body}}"}},
    }
    with _Counter() as server:
        for operation in ({"method": "POST"}, form):
            with capability(operation, base_uri=server.url) as api:
                api.call("api.op", body=b"warm up")
                tracemalloc.start()
                api.call("api.op", body=file)
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            assert server.counted >= 100_000_000
            assert peak < 10_000_000


def test_a_file_is_closed_when_the_server_goes_away(tmp_path: Path) -> None:
    """A connection that breaks in the middle of a body leaves nothing open."""
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(50_000_000)
    form = {
        "method": "POST",
        "body": {"type": "multipart", "data": {"body": "{{body}}"}},
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def leave() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.recv(500_000, socket.MSG_WAITALL)
                    connection.close()

        threading.Thread(target=leave, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for operation in ({"method": "POST"}, form):
            with capability(operation, base_uri=url) as api:
                with pytest.raises(naftiko.TransportError):
                    api.call("api.op", body=file)
                gc.collect()  # an open file is a warning, and that an error
        listener.shutdown(socket.SHUT_RDWR)


class _Counter:
    """A server that counts the bytes of a request and keeps none."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.counted = 0

    def __enter__(self) -> _Counter:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._count(connection)

    def _count(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        head, _, rest = head.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: (\d+)", head)
        assert found
        self.counted = len(rest)
        while self.counted < int(found[1]):
            self.counted += len(connection.recv(1 << 20))
        connection.sendall(response(Connection="close"))


# --- signers --------------------------------------------------------------------------


def failing(request: Any) -> Any:
    """Fail as anybody's code may."""
    raise KeyError(SECRET)


def signing(request: Any) -> Any:
    """Sign in address, headers and body."""
    request.url += "?sig=a[1]"
    request.headers["X-Sig"] = "1"
    request.body += b" signed"
    return request


def watching(request: Any) -> Any:
    """Fail when the response comes."""
    request.register_hook("response", lambda response, **_: 1 / 0)
    return request


def test_what_a_signer_changes_is_sent() -> None:
    """Address, headers and a longer body are sent as the signer made them."""
    with Recorder() as server:
        with capability(
            {"method": "POST"}, base_uri=server.url, auth={"api": signing}
        ) as api:
            api.call("api.op", body=b"body")
        got = server.last
        assert (got.target, got.headers["x-sig"]) == ("/x?sig=a[1]", "1")
        assert (got.body, got.headers["content-length"]) == (b"body signed", "11")


@pytest.mark.parametrize("signer", [failing, watching, lambda request: None])
def test_a_signer_that_fails_is_named(signer: Any) -> None:
    """Its mistake is an error of ours that says where to look."""
    with (
        Recorder() as server,
        capability(base_uri=server.url, auth={"api": signer}) as api,
    ):
        with pytest.raises(
            naftiko.TransportError, match="the signer 'function' failed"
        ) as e:
            api.call("api.op")
    assert SECRET not in str(e.value)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "東"])
def test_a_signer_cannot_break_a_header(value: str) -> None:
    """What no header can hold is an error before anything is sent."""

    def signer(request: Any) -> Any:
        request.headers["X-Sig"] = value
        return request

    with (
        Recorder() as server,
        capability(base_uri=server.url, auth={"api": signer}) as api,
    ):
        with pytest.raises(naftiko.TransportError, match="cannot be written as HTTP"):
            api.call("api.op")
        assert server.received == []


def test_an_installed_signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point answers for a type of authentication, with its values filled in."""
    (tmp_path / "my_signer.py").write_text(
        "from requests.auth import HTTPBasicAuth\n"
        "def make(fields):\n"
        "    if fields['secret'] == 'wrong':\n"
        "        raise ValueError('wrong')\n"
        "    return HTTPBasicAuth(fields['id'], fields['secret'] + fields['more'][0])\n"
    )
    info = tmp_path / "my_signer-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: my-signer\nVersion: 1\n"
    )
    (info / "entry_points.txt").write_text(
        "[naftiko.signers]\nhmac = my_signer:make\nbroken = my_signer:none\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    auth = {"type": "HMAC", "id": "me", "secret": "{{TOKEN}}", "more": ["{{MORE}}"]}
    with Recorder() as server:
        with capability(
            consumes={"authentication": auth},
            base_uri=server.url,
            variables={"TOKEN": SECRET, "MORE": "!"},
        ) as api:
            api.call("api.op")
            login = base64.b64decode(server.last.headers["authorization"].split()[1])
            assert login == f"me:{SECRET}!".encode()
            request = api.request("api.op")
            assert request.auth is None
            with pytest.raises(naftiko.CallError, match="refuses what the document"):
                api.using(variables={"TOKEN": "wrong"}).call("api.op")
        with capability(
            consumes={"authentication": {"type": "broken"}}, base_uri=server.url
        ) as api:
            with pytest.raises(naftiko.CallError, match="'broken' cannot be loaded"):
                api.call("api.op")


# --- challenges and netrc -----------------------------------------------------------


def challenge(nonce: str = "n1") -> bytes:
    """Return a digest challenge."""
    text = f'Digest realm="r", nonce="{nonce}", qop="auth", algorithm=MD5'
    return response("{}", "401 Unauthorized", WWW_Authenticate=text)


DIGEST = {
    "authentication": {"type": "digest", "username": "ann", "password": "{{TOKEN}}"}
}


def test_digest_is_answered() -> None:
    """T28: the answer is what RFC 7616 computes for this URI."""
    with Recorder() as server:
        server.answer = lambda r: (
            response("[1]") if "authorization" in r.headers else challenge()
        )
        operation = {"inputParameters": [{"name": "q", "in": "query"}]}
        with capability(
            operation, consumes=DIGEST, base_uri=server.url, variables={"TOKEN": SECRET}
        ) as api:
            assert api.call("api.op", q="a b") == [1]
            assert api.call("api.op", q="c") == [1]
        text = server.received[1].headers["authorization"]
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', text))
        assert given["uri"] == "/x?q=a+b"
        md5 = lambda t: hashlib.md5(t.encode()).hexdigest()  # noqa: E731
        expected = md5(
            f"{md5(f'ann:r:{SECRET}')}:n1:{given['nc']}:{given['cnonce']}:auth:"
            f"{md5('GET:/x?q=a+b')}"
        )
        assert given["response"] == expected
        answered = [r for r in server.received if "authorization" in r.headers]
        assert 'uri="/x?q=c"' in answered[-1].headers["authorization"]


class _Fixed:
    """Random numbers of an example."""

    def __init__(self, text: str) -> None:
        self.text = text

    def hex(self) -> str:
        """Return the text."""
        return self.text


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_of_the_example(
    algorithm: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of RFC 7616, 3.9.1, gives the response printed there."""
    cnonce = _Fixed("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    monkeypatch.setattr("os.urandom", lambda _: cnonce)
    text = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm='
        f'{algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
        ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    with Recorder() as server:
        server.answer = lambda r: (
            response()
            if "authorization" in r.headers
            else response("", "401 Unauthorized", WWW_Authenticate=text)
        )
        auth = {"type": "digest", "username": "Mufasa", "password": "Circle of Life"}
        with capability(
            {"resourcePath": "/dir/index.html"},
            consumes={"authentication": auth},
            base_uri=server.url,
        ) as api:
            api.call("api.op")
        assert f'response="{expected}"' in server.last.headers["authorization"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Digest", ""),
        ('Digest nonce="n"', ""),
        ('Digest realm="r"', ""),
        ('Basic realm="r"', ""),
        ('Digest realm="r", nonce="n", algorithm=FOO', ""),
        ('Digest realm="r", nonce="n", qop="other"', ""),
        ('Basic realm="Digest ", Digest realm="r", nonce="n", qop="auth"', 'nonce="n"'),
        ('Digest realm="r", nonce="a", algorithm=MD5, Digest realm="r", nonce="b",'
         ' algorithm=SHA-256', 'nonce="b"'),
        ('Digest realm="a, \\"b", nonce="n"', 'realm="a, \\"b"'),
        ('DIGEST realm = "r" , nonce= "n", userhash=true', "userhash=true"),
        ('Digest realm="r", nonce="n", qop="auth-int"', "qop=auth-int"),
        ('Digest realm="r", nonce="n", algorithm=SHA-512-256-sess', "SHA-512-256-sess"),
    ],
)  # fmt: skip
def test_digest_challenges(text: str, answer: str) -> None:
    """The best challenge is answered, once; one that makes no sense is not."""
    with Recorder(response("{}", "401 Unauthorized", WWW_Authenticate=text)) as server:
        with capability(
            consumes=DIGEST, base_uri=server.url, variables={"TOKEN": SECRET}
        ) as api:
            with pytest.raises(naftiko.StatusError, match="401"):
                api.call("api.op")
        assert len(server.received) == (2 if answer else 1)
        assert answer in server.last.headers.get("authorization", "")


def test_digest_sends_a_body_again(tmp_path: Path) -> None:
    """A file is sent with the answer too; what can be read once is not half sent."""
    file = tmp_path / "f"
    file.write_bytes(b"0123456789")
    with Recorder() as server:
        server.answer = lambda r: (
            response("[1]") if "authorization" in r.headers else challenge()
        )
        with capability(
            {"method": "POST"},
            consumes=DIGEST,
            base_uri=server.url,
            variables={"TOKEN": SECRET},
        ) as api:
            assert api.call("api.op", body=file) == [1]
            with file.open("rb") as stream:
                stream.seek(4)
                assert api.call("api.op", body=stream) == [1]
            bodies = [b"0123456789", b"0123456789", b"456789", b"456789"]
            assert [r.body for r in server.received] == bodies
            with pytest.raises(naftiko.StatusError, match="401"):
                api.call("api.op", body=Pipe())


def test_digest_of_a_name_outside_ascii() -> None:
    """The name is sent as RFC 7616, 3.4, says."""
    auth = {"type": "digest", "username": "Jäsøn", "password": "x"}
    with Recorder(challenge()) as server:
        with capability(consumes={"authentication": auth}, base_uri=server.url) as api:
            with pytest.raises(naftiko.StatusError):
                api.call("api.op")
        sent = server.last.headers["authorization"]
        assert "username*=UTF-8''J%C3%A4s%C3%B8n, " in sent


def test_digest_is_not_answered_elsewhere() -> None:
    """A challenge of another origin gets no answer; at home each URI gets its own."""
    with Recorder(challenge("evil")) as foreign, Recorder() as home:

        def answer(request: Received) -> bytes:
            if request.target == "/x":
                return (
                    redirect("/y")
                    if "authorization" in request.headers
                    else challenge("n1")
                )
            if "authorization" not in request.headers:
                return challenge("n2")
            return redirect(f"{foreign.url}/z")

        home.answer = answer
        with capability(
            consumes=DIGEST, base_uri=home.url, variables={"TOKEN": SECRET}
        ) as api:
            with pytest.raises(naftiko.StatusError) as caught:
                api.call("api.op")
        assert caught.value.status == 401
        answered = [
            r.headers["authorization"]
            for r in home.received
            if "authorization" in r.headers
        ]
        assert ['uri="/x"' in answered[0], 'uri="/y"' in answered[-1]] == [True, True]
        assert all("authorization" not in r.headers for r in foreign.received)


def netrc(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Write a `.netrc` that has a login for this machine."""
    file = folder / "netrc"
    file.write_text("machine 127.0.0.1 login joe password fromnetrc\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


def test_netrc_fills_in_for_no_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A document without authentication uses `.netrc`, unless it is not trusted."""
    netrc(monkeypatch, tmp_path)
    with Recorder() as server:
        with capability(base_uri=server.url) as api:
            api.call("api.op")
        assert server.last.headers["authorization"].startswith("Basic ")
        transport = HttpTransport(trust_env=False)
        with capability(base_uri=server.url, transport=transport) as api:
            api.call("api.op")
        assert "authorization" not in server.last.headers


@pytest.mark.parametrize(
    "auth", AUTHS, ids=lambda a: f"{a['type']} {a.get('placement', '')}"
)
def test_netrc_never_replaces_declared_credentials(
    auth: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the document declares is what is sent."""
    netrc(monkeypatch, tmp_path)
    with Recorder() as server:
        with capability(
            consumes={"authentication": auth},
            base_uri=server.url,
            variables={"TOKEN": SECRET},
        ) as api:
            api.call("api.op")
        sent = server.last.headers.get("authorization", "")
        assert "am9lOmZyb21uZXRyYw" not in sent
        assert bool(sent) is (auth["type"] != "apikey")


# --- the pool -----------------------------------------------------------------------


def test_connections_are_reused() -> None:
    """Ten calls use one connection."""
    with Recorder() as server, capability(base_uri=server.url) as api:
        for _ in range(10):
            api.call("api.op")
        assert server.connections == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_connection_that_died_in_the_pool_is_replaced(method: str) -> None:
    """An idempotent request is sent again on a fresh connection."""
    with (
        Recorder() as server,
        capability({"method": method}, base_uri=server.url) as api,
    ):
        api.call("api.op")
        server.drop_connections()
        assert api.call("api.op") == {}
        assert server.connections == 2


def test_head_has_no_body_and_keeps_its_connection() -> None:
    """The length that HEAD tells is neither waited for nor a reason to refuse."""
    large = 1 << 40
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {large}\r\nX-Kind: big\r\n\r\n"
    with Recorder(head.encode()) as server:
        with capability({"method": "HEAD"}, base_uri=server.url) as api:
            for _ in range(3):
                exchange = api.exchange("api.op")
                assert exchange.response.headers["x-kind"] == "big"
                assert exchange.result is None
        assert len({r.connection for r in server.received}) == 1


def test_a_post_is_not_sent_twice() -> None:
    """When the server took a POST and closed, nobody knows: that is an error."""
    with (
        Recorder() as server,
        capability({"method": "POST"}, base_uri=server.url) as api,
    ):
        api.call("api.op")
        server.answer = lambda _: None
        with pytest.raises(naftiko.TransportError, match="closed the connection"):
            api.call("api.op")
        assert len(server.received) == 2


def test_a_get_is_retried_once_only() -> None:
    """A server that always closes gets two requests, not more."""
    with Recorder(lambda _: None) as server, capability(base_uri=server.url) as api:
        with pytest.raises(naftiko.TransportError, match="closed the connection"):
            api.call("api.op")
        assert len(server.received) == 2


def test_threads_share_a_capability() -> None:
    """Calls from eight threads give each its own answer."""
    with Recorder(lambda r: response(f'"{r.target}"')) as server:
        operation = {"resourcePath": "/n/{n}"}
        with capability(operation, base_uri=server.url) as api:
            with ThreadPoolExecutor(8) as pool:
                found = list(pool.map(lambda n: api.call("api.op", n=n), range(200)))
        assert found == [f"/n/{n}" for n in range(200)]
        assert server.connections <= 8


def test_views_share_connections_but_not_credentials_or_cookies() -> None:
    """`using` gives other values over the same pool."""
    with Recorder(response(Set_Cookie="sid=1; Path=/")) as server:
        with capability(
            consumes=BEARER, base_uri=server.url, variables={"TOKEN": "a"}
        ) as api:
            api.call("api.op")
            view = api.using(variables={"TOKEN": "b"})
            view.call("api.op")
            api.call("api.op")
        first, second, third = server.received
        tokens = [r.headers["authorization"] for r in server.received]
        assert tokens == ["Bearer a", "Bearer b", "Bearer a"]
        assert "cookie" not in first.headers
        assert "cookie" not in second.headers
        assert third.headers["cookie"] == "sid=1"
        assert server.connections == 1


def test_cookies_of_the_server_are_kept_for_it() -> None:
    """A cookie comes back to its origin, beside one that the caller gives."""
    operation = {"inputParameters": [{"name": "own", "in": "cookie"}]}
    with Recorder(response(Set_Cookie="sid=1; Path=/")) as server:
        with capability(operation, base_uri=server.url) as api:
            api.call("api.op", own="2")
            api.call("api.op", own="3")
        assert server.last.headers["cookie"] == "own=3; sid=1"


def test_close_and_go_on(tmp_path: Path) -> None:
    """After `close` a call opens another connection; a view closes nothing."""
    path = str(tmp_path / "s.sock")
    for server in (Recorder(), Recorder(path=path)):
        with server:
            api = capability(base_uri=server.url)
            api.call("api.op")
            with api.using(variables={"A": "b"}) as view:
                view.call("api.op")
            api.call("api.op")
            assert server.connections == 1
            api.close()
            assert api.call("api.op") == {}
            assert server.connections == 2
            api.close()


# --- limits, encodings, timeouts ----------------------------------------------------


@pytest.mark.parametrize("declared", [True, False])
def test_a_response_that_is_too_large(declared: bool) -> None:
    """Neither a declared nor a counted size passes the limit."""
    body = b'"' + b"x" * 200_000 + b'"'
    raw = response(body)
    if not declared:
        raw = raw.replace(b"Content-Length: 200002\r\n", b"Connection: close\r\n")
    with Recorder(raw) as server:
        transport = HttpTransport(max_response_bytes=100_000)
        with capability(base_uri=server.url, transport=transport) as api:
            with pytest.raises(
                naftiko.TransportError, match="larger than 100,000 bytes"
            ):
                api.call("api.op")


@pytest.mark.parametrize(
    "raw",
    [
        lambda body: chunked(body, content_type="application/json"),
        lambda body: response(gzip.compress(body), Content_Encoding="gzip"),
        lambda body: chunked(body, content_type="x/y\r\nContent-Length: 5"),
        lambda body: response(body).replace(b"5002", b"-1\r\nConnection: close"),
    ],
    ids=["chunked", "gzip", "two lengths", "no length"],
)
def test_a_limit_below_one_chunk(raw: Callable[[bytes], bytes]) -> None:
    """However the size is told, or not told, what is over the limit is refused."""
    with Recorder(raw(b'"' + b"x" * 5000 + b'"')) as server:
        transport = HttpTransport(max_response_bytes=1000)
        with capability(base_uri=server.url, transport=transport) as api:
            with pytest.raises(naftiko.TransportError, match="larger than 1,000 bytes"):
                api.call("api.op")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
@pytest.mark.parametrize("as_chunks", [False, True])
def test_a_compressed_response_that_ends_too_early(
    encoding: str, as_chunks: bool
) -> None:
    """What could be unpacked of it is not the result, neither whole nor streamed."""
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
    data = pack[encoding](bytes(range(256)) * 100)
    for cut, works in ((len(data), True), (len(data) - 2, False), (0, True)):
        raw = (
            chunked(
                *[data[:cut]] * (cut > 0),
                content_type="x/y\r\nContent-Encoding: " + encoding,
            )
            if as_chunks
            else response(data[:cut], Content_Encoding=encoding)
        )
        with Recorder(raw) as server:
            with capability({"outputRawFormat": "binary"}, base_uri=server.url) as api:
                if works:
                    assert api.call("api.op") in (bytes(range(256)) * 100, b"")
                    continue
                with pytest.raises(naftiko.TransportError, match="broke off"):
                    api.call("api.op")
                with api.stream("api.op") as stream:
                    with pytest.raises(naftiko.TransportError, match="broke off"):
                        list(stream.bytes())


def test_an_encoding_that_nobody_asked_for() -> None:
    """What cannot be unpacked is an error; a name that hides nothing is none."""
    with Recorder(response(b"[1]", Content_Encoding="zstd")) as server:
        with capability(base_uri=server.url) as api:
            with pytest.raises(naftiko.TransportError, match="damaged"):
                api.call("api.op")
            server.answer = response(b"[1]", Content_Encoding="identity")
            assert api.call("api.op") == [1]


def test_early_hints_are_no_response() -> None:
    """What comes before the response is skipped."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    going_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    with Recorder(going_on + hints + hints + response("[1]")) as server:
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == [1]
            assert api.call("api.op") == [1]
        assert server.connections == 1


def test_a_small_response_that_unpacks_large() -> None:
    """The unpacked size counts."""
    body = gzip.compress(b'"' + b"x" * 50_000_000 + b'"')
    with Recorder(response(body, Content_Encoding="gzip")) as server:
        transport = HttpTransport(max_response_bytes=1_000_000)
        with capability(base_uri=server.url, transport=transport) as api:
            with pytest.raises(naftiko.TransportError, match="larger than"):
                api.call("api.op")


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda b: zlib.compressobj(wbits=-15).compress(b) + b""),
        ("br", brotli.compress),
    ],
    ids=["gzip", "deflate", "raw deflate", "br"],
)
def test_encodings(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Compressed responses are unpacked."""
    if encoding == "deflate" and pack is not zlib.compress:
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(b"[1, 2]") + packer.flush()
    else:
        packed = pack(b"[1, 2]")
    with Recorder(response(packed, Content_Encoding=encoding)) as server:
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == [1, 2]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (response(b"no gzip", Content_Encoding="gzip"), "cannot be read|damaged"),
        (
            response(b"[1]").replace(b"Content-Length: 3", b"Content-Length: 9999"),
            "broke off|cannot be read|timeout",
        ),
        (b"this is not HTTP\r\n\r\n", "."),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "broke off|cannot be read",
        ),
    ],
    ids=["gzip", "short", "garbage", "chunk"],
)
def test_damaged_responses(raw: bytes, words: str) -> None:
    """A damaged response is a `TransportError`, never half a result."""

    def once(_: Received) -> bytes:
        return raw + b"" if b"\r\nConnection: close" in raw else raw

    with Recorder(once) as server, capability(base_uri=server.url, timeout=1) as api:
        with pytest.raises(naftiko.TransportError, match=words):
            api.call("api.op")


@pytest.mark.parametrize("timeout", [0.2, (5, 0.2)])
@pytest.mark.parametrize("signer", [None, lambda request: request])
def test_timeouts(timeout: Any, signer: Any) -> None:
    """A silent server is a `RequestTimeout` that names the address, in time."""
    gate = threading.Event()

    def silent(_: Received) -> bytes | None:
        gate.wait(10)
        return None

    auth = {"api": signer} if signer else {}
    started = time.monotonic()
    with Recorder(silent) as server:
        with capability(base_uri=server.url, timeout=timeout, auth=auth) as api:
            with pytest.raises(naftiko.RequestTimeout, match=r"GET http.*no response"):
                api.call("api.op")
        gate.set()
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("signer", [None, lambda request: request])
def test_a_connection_that_nobody_takes(signer: Any) -> None:
    """The first of two timeouts is for the connection alone."""
    # A backlog that is full: the kernel takes the connection, or lets it wait.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        auth = {"api": signer} if signer else {}
        with capability(base_uri=url, timeout=(0.2, 10), auth=auth) as api:
            with pytest.raises(naftiko.RequestTimeout, match="no connection within"):
                api.call("api.op")
        for each in waiting:
            each.close()
    assert time.monotonic() - started < 5


def test_nobody_listens() -> None:
    """A refused connection says so, and what to do."""
    with Recorder() as server:
        url = server.url
    with capability(base_uri=url) as api:
        with pytest.raises(naftiko.TransportError) as caught:
            api.call("api.op")
    assert "Connection refused" in str(caught.value)
    assert "is the server running there?" in str(caught.value)


def test_unknown_host() -> None:
    """A name that does not resolve is an error of ours."""
    with capability(base_uri="http://nowhere.invalid") as api:
        with pytest.raises(naftiko.TransportError, match=r"nowhere\.invalid"):
            api.call("api.op")


# --- TLS and proxies ----------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    """Give a certificate authority of this test."""
    return trustme.CA()


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return what a server for `localhost` needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_certificates_are_checked(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown CA is refused; `REQUESTS_CA_BUNDLE` and `verify=` name it."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Recorder(response("[1]"), tls=server_context(authority)) as server:
        with capability(base_uri=server.url) as api:
            with pytest.raises(naftiko.TransportError, match="TLS") as caught:
                api.call("api.op")
            assert "REQUESTS_CA_BUNDLE" in str(caught.value)
        transport = HttpTransport(verify=str(bundle))
        with capability(base_uri=server.url, transport=transport) as api:
            assert api.call("api.op") == [1]
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == [1]


@pytest.mark.parametrize("option", ["verify", "cert"])
def test_a_missing_certificate_file_is_named(option: str, tmp_path: Path) -> None:
    """A wrong path says so, not that nobody listens."""
    transport = HttpTransport(**{option: str(tmp_path / "nowhere.pem")})  # type: ignore[arg-type]
    with capability(base_uri="https://localhost:9", transport=transport) as api:
        with pytest.raises(naftiko.TransportError) as caught:
            api.call("api.op")
    assert "there is no file" in str(caught.value)
    assert "nowhere.pem" in str(caught.value)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_client_certificates(authority: trustme.CA, tmp_path: Path) -> None:
    """`cert=` identifies the client."""
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    bundle, own = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(str(bundle))
    authority.issue_cert(
        "client@test.invalid"
    ).private_key_and_cert_chain_pem.write_to_path(str(own))
    with Recorder(response("[1]"), tls=context) as server:
        transport = HttpTransport(verify=str(bundle), cert=str(own))
        with capability(base_uri=server.url, transport=transport) as api:
            assert api.call("api.op") == [1]
        with capability(
            base_uri=server.url, transport=HttpTransport(verify=str(bundle))
        ) as api:
            with pytest.raises(naftiko.TransportError):
                api.call("api.op")


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gets the absolute address, exact to the byte; `NO_PROXY` goes round it."""
    operation = {"inputParameters": [{"name": "page[size]", "in": "query"}]}
    with Recorder(response('"proxy"')) as proxy, Recorder(response('"own"')) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        with capability(operation, base_uri="http://api.invalid") as api:
            assert api.call("api.op", {"page[size]": 5}) == "proxy"
        assert proxy.last.target == "http://api.invalid/x?page[size]=5"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == "own"
        transport = HttpTransport(proxies={"http": proxy.url}, trust_env=False)
        with capability(base_uri=server.url, transport=transport) as api:
            assert api.call("api.op") == "proxy"


def test_a_dead_proxy_is_named() -> None:
    """The proxy is what is missing, not the server."""
    with Recorder() as gone:
        url = gone.url
    transport = HttpTransport(proxies={"http": url})
    with capability(base_uri="http://api.invalid", transport=transport) as api:
        with pytest.raises(naftiko.TransportError, match="proxy"):
            api.call("api.op")


# --- streams ------------------------------------------------------------------------


def chunked(*parts: bytes, content_type: str = "application/x-ndjson") -> bytes:
    """Return a chunked response."""
    head = (
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: {content_type}"
    )
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head.encode() + b"\r\n\r\n" + body + b"0\r\n\r\n"


def test_stream_of_values() -> None:
    """Values that lie across chunks are put together."""
    raw = chunked(b'{"a": 1}\n{"a"', b': 2}\r\n\n{"a": 3}')
    with Recorder(raw) as server, capability(base_uri=server.url) as api:
        with api.stream("api.op") as stream:
            assert list(stream) == [{"a": 1}, {"a": 2}, {"a": 3}]


@pytest.mark.parametrize(
    ("parts", "values"),
    [
        ([b'{\n "a": 1,\n "b": [1,\n2]\n}'], [{"a": 1, "b": [1, 2]}]),
        ([b'{\n"a":', b' "{\\"["\n}\n[', b"]\n3"], [{"a": '{"['}, [], 3]),
        ([b'{"a":1}{"b":2}\n[3]\n'], [{"a": 1}, {"b": 2}, [3]]),
        ([b'\x1e{"a":1}\n\x1e{"a":2}\n'], [{"a": 1}, {"a": 2}]),
        (["\ufeff[1]\n".encode(), b"\r\n\r\n"], [[1]]),
        (["é".encode()[:1].join([b'"', b""]), "é".encode()[1:] + b'"\n'], ["é"]),
    ],
    ids=[
        "over lines",
        "over chunks",
        "on one line",
        "sequence",
        "mark",
        "half a letter",
    ],
)
def test_stream_of_values_in_other_forms(parts: list[bytes], values: list[Any]) -> None:
    """Values may lie on many lines, or many on one."""
    with Recorder(chunked(*parts)) as server, capability(base_uri=server.url) as api:
        with api.stream("api.op") as stream:
            assert list(stream) == values


@pytest.mark.parametrize(
    "text", ['{"a": 1}\nno json\n', '{"a": 1}\n{"b":', '{"a": 1}\n}{\n']
)
def test_stream_of_what_is_no_json(text: str) -> None:
    """The values before it are given; the error says which request it was."""
    with Recorder(chunked(text.encode())) as server:
        with capability(base_uri=server.url) as api, api.stream("api.op") as stream:
            values = stream.values()
            assert next(values) == {"a": 1}
            with pytest.raises(naftiko.OutputError, match=r"GET http.*is not json"):
                next(values)


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf-16", "iso-8859-1", "nonsense", "base64"]
)
def test_lines_in_other_encodings(charset: str) -> None:
    """Lines are text by the charset of the response, letters in halves included."""
    text = "é ü\r\n\nö"
    known = charset if charset in ("utf-16", "iso-8859-1") else "utf-8"
    parts = [bytes([byte]) for byte in text.encode(known)]
    raw = chunked(*parts, content_type=f"text/plain; charset={charset}")
    with Recorder(raw) as server, capability(base_uri=server.url) as api:
        with api.stream("api.op") as stream:
            assert list(stream) == ["é ü", "", "ö"]


def test_stream_of_lines_and_bytes() -> None:
    """Text gives lines, anything else bytes, compressed or not."""
    with Recorder(chunked(b"a\nb", b"c\r\n", content_type="text/plain")) as server:
        with capability(base_uri=server.url) as api, api.stream("api.op") as stream:
            assert list(stream) == ["a", "bc"]
    packed = response(
        gzip.compress(b"x" * 100), content_type="", Content_Encoding="gzip"
    )
    with Recorder(packed) as server:
        with capability(base_uri=server.url) as api, api.stream("api.op") as stream:
            assert b"".join(stream) == b"x" * 100


def test_a_stream_gives_values_before_it_ends() -> None:
    """The first value is there while the server still holds the second back."""
    gate = threading.Event()
    with Recorder() as server:

        def slow(_: Received) -> bytes | None:
            connection = server._open[-1]
            whole = chunked(b"1\n", b"2\n")
            cut = whole.index(b"2\r\n2\n")
            connection.sendall(whole[:cut])
            gate.wait(5)
            return whole[cut:]

        server.answer = slow
        with capability(base_uri=server.url) as api, api.stream("api.op") as stream:
            values = stream.values()
            assert next(values) == 1
            gate.set()
            assert list(values) == [2]


def framed(kind: str) -> tuple[bytes, list[bytes]]:
    """Return a head, and the parts of a body of two values as they are sent."""
    values = [b'{"n":1}\n', b'{"n":2}\n']
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
    if kind.startswith("gzip"):
        packer = zlib.compressobj(wbits=31)
        values = [packer.compress(v) + packer.flush(zlib.Z_SYNC_FLUSH) for v in values]
        values.append(packer.flush())
        head += "Content-Encoding: gzip\r\n"
    if kind.endswith("one chunk"):
        size = sum(map(len, values))
        values = [b"%x\r\n" % size + values[0], *values[1:], b"\r\n0\r\n\r\n"]
    elif kind.endswith("chunks"):
        values = [b"%x\r\n%s\r\n" % (len(v), v) for v in values] + [b"0\r\n\r\n"]
    if kind.endswith(("chunk", "chunks")):
        head += "Transfer-Encoding: chunked\r\n"
    elif kind.endswith("length"):
        head += f"Content-Length: {sum(map(len, values))}\r\n"
    else:
        head += "Connection: close\r\n"
    return head.encode() + b"\r\n", values


@pytest.mark.parametrize("packed", ["", "gzip, "])
@pytest.mark.parametrize("frame", ["chunks", "one chunk", "length", "close"])
def test_values_come_as_they_arrive(packed: str, frame: str) -> None:
    """However a body is framed or packed, no value waits for the next one."""
    head, parts = framed(packed + frame)
    gate = threading.Event()
    with Recorder() as server:

        def slow(_: Received) -> bytes | None:
            server._open[-1].sendall(head + parts[0])
            gate.wait(5)
            server._open[-1].sendall(b"".join(parts[1:]))
            return b"" if frame != "close" else None

        server.answer = slow
        with capability(base_uri=server.url, timeout=5) as api:
            with api.stream("api.op") as stream:
                values = stream.values()
                assert next(values) == {"n": 1}
                gate.set()
                assert list(values) == [{"n": 2}]
            server.answer = response()
            api.call("api.op")
        assert server.connections == (2 if frame == "close" else 1)


def test_leaving_a_stream_closes_its_connection() -> None:
    """The server notices when the client has seen enough."""
    with Recorder() as server:

        def endless(_: Received) -> bytes | None:
            connection = server._open[-1]
            connection.sendall(chunked(b"1\n").removesuffix(b"0\r\n\r\n"))
            return None if connection.recv(1) == b"" else response()

        server.answer = endless
        with capability(base_uri=server.url) as api:
            with api.stream("api.op") as stream:
                assert next(iter(stream)) == 1
            assert server.closed.wait(5)


def test_a_failed_stream_raises_at_once() -> None:
    """A status outside 200 to 299 is a `StatusError` with its detail."""
    raw = response('{"message": "no such thing"}', "404 Not Found")
    with Recorder(raw) as server, capability(base_uri=server.url) as api:
        with pytest.raises(naftiko.StatusError, match="no such thing"):
            api.stream("api.op")


def test_a_stream_that_breaks_off() -> None:
    """What came before is given; then comes an error."""
    raw = chunked(b"1\n").removesuffix(b"0\r\n\r\n") + b"\r\nConnection: close"
    with Recorder(raw) as server, capability(base_uri=server.url) as api:
        with api.stream("api.op") as stream:
            values = stream.values()
            assert next(values) == 1
            with pytest.raises(naftiko.TransportError):
                list(values)
