"""Authentication over real sockets: signers, Digest and `.netrc`."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import requests

import naftiko
from naftiko import HttpTransport
from support.building import capability
from support.exchanges import AUTHS, DIGEST, SECRET, Pipe, challenge, redirect
from support.recorder import Received, Recorder, response


class _Reader(requests.auth.AuthBase):
    """A signer that reads each response, as signers that log or verify do."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.register_hook("response", self.look)
        return request

    def look(self, response: requests.Response, **_: object) -> requests.Response:
        self.seen.append(response.content)
        return response


def test_signer_may_read_the_response() -> None:
    """A response body that a signer has read is still the result of the call."""
    with Recorder(response("[1, 2]")) as server:
        signer = _Reader()
        with capability(base_uri=server.url, auth={"api": signer}) as api:
            assert api.call("api.op") == [1, 2]
            with api.stream("api.op") as stream:
                assert stream.read() == b"[1, 2]"
        assert signer.seen == [b"[1, 2]", b"[1, 2]"]


def failing(request: Any) -> Any:
    """Raise an error when a request is signed."""
    raise KeyError(SECRET)


def signing(request: Any) -> Any:
    """Change URL, headers and body of a request."""
    request.url += "?sig=a[1]"
    request.headers["X-Sig"] = "1"
    request.body += b" signed"
    return request


def watching(request: Any) -> Any:
    """Raise an error when the response arrives."""
    request.register_hook("response", lambda response, **_: 1 / 0)
    return request


def test_changes_of_a_signer_are_sent() -> None:
    """A signer's changes of URL, headers and body are sent."""
    with Recorder() as server:
        with capability(
            {"method": "POST"}, base_uri=server.url, auth={"api": signing}
        ) as api:
            api.call("api.op", body=b"body")
        got = server.last
        assert (got.target, got.headers["x-sig"]) == ("/x?sig=a[1]", "1")
        assert (got.body, got.headers["content-length"]) == (b"body signed", "11")


@pytest.mark.parametrize("signer", [failing, watching, lambda request: None])
def test_signer_that_fails_is_named(signer: Any) -> None:
    """A failing signer raises `TransportError` that names the signer, no secret."""
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
def test_signer_cannot_break_a_header(value: str) -> None:
    """Header injection: a signer's header with a line break is refused."""

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


def test_installed_signer_signs_its_authentication_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry point `naftiko.signers` signs for its own authentication type."""
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


def test_digest_is_answered() -> None:
    """T28: a Digest challenge is answered as RFC 7616 defines."""
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
    """Random bytes that are replaced by the fixed value of an example."""

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
def test_digest_matches_the_example_of_rfc_7616(
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
def test_strongest_digest_challenge_is_answered(text: str, answer: str) -> None:
    """The strongest Digest challenge is answered once; invalid ones are not."""
    with Recorder(response("{}", "401 Unauthorized", WWW_Authenticate=text)) as server:
        with capability(
            consumes=DIGEST, base_uri=server.url, variables={"TOKEN": SECRET}
        ) as api:
            with pytest.raises(naftiko.StatusError, match="401"):
                api.call("api.op")
        assert len(server.received) == (2 if answer else 1)
        assert answer in server.last.headers.get("authorization", "")


def test_digest_sends_a_body_again(tmp_path: Path) -> None:
    """A Digest answer sends a file again; a pipe is not sent a second time."""
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


def test_digest_user_name_outside_ascii_is_encoded() -> None:
    """A Digest user name outside ASCII is sent as `username*`, by RFC 7616, 3.4."""
    auth = {"type": "digest", "username": "Jäsøn", "password": "x"}
    with Recorder(challenge()) as server:
        with capability(consumes={"authentication": auth}, base_uri=server.url) as api:
            with pytest.raises(naftiko.StatusError):
                api.call("api.op")
        sent = server.last.headers["authorization"]
        assert "username*=UTF-8''J%C3%A4s%C3%B8n, " in sent


def test_digest_challenge_of_another_origin_is_not_answered() -> None:
    """A Digest challenge of another origin after a redirect gets no answer."""
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
    """Write a `.netrc` with a login for 127.0.0.1."""
    file = folder / "netrc"
    file.write_text("machine 127.0.0.1 login joe password fromnetrc\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


def test_netrc_is_used_without_declared_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`.netrc` is used if the document has no credentials and `trust_env` is on."""
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
    """Credentials of the document are sent instead of those in `.netrc`."""
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
