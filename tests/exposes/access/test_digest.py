"""HTTP Digest (RFC 7616), tested with the client of `requests`."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest
from requests.auth import HTTPDigestAuth

from naftiko.consumes.digest import DigestLogin, user_in
from naftiko.exposes.access.digest import Digest
from naftiko.transport.messages import Request
from support.guarding import SECRET, ask, guard

DIGEST = {"type": "digest", "username": "ann", "password": "{{TOKEN}}"}


def answered(
    challenge: str, password: str, *, method: str = "GET", uri: str = "/x?a=b"
) -> str:
    """Return the `Authorization` header with which `requests` answers a challenge."""
    client = HTTPDigestAuth("ann", password)
    client.init_per_thread_state()
    parts = re.findall(r'(\w+)="?([^",]+)"?', challenge.partition(" ")[2])
    client._thread_local.chal = dict(parts)
    return str(client.build_digest_header(method, f"http://h{uri}"))


def test_digest_answers_of_requests_are_accepted() -> None:
    """R14: the answers of `requests` to both challenges pass, wrong answers do not."""
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
        # The answer is refused for another target, method or password.
        assert ask(app, query="a=c", headers={"Authorization": good})[0] == 401
        again = {"Authorization": good}
        assert ask(app, query="a=b", method="POST", headers=again)[0] == 401
        bad = answered(challenge, "wrong")
        assert ask(app, query="a=b", headers={"Authorization": bad})[0] == 401
        # Another server of the same document accepts the answer.
        assert ask(guard(DIGEST), query="a=b", headers=again)[0] == 200


def test_digest_for_a_path_that_is_no_utf8_is_refused() -> None:
    """A Digest answer for a path that is not UTF-8 gets 401, not an exception."""
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


def test_old_digest_nonce_is_stale_and_forged_nonce_is_wrong() -> None:
    """An expired nonce is `stale`, so that the client retries; a forged one is not."""
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


NAME, PASSWORD = "J\xe4s\xf8n D\u014de", "p\xe4ssw\xf6rd \u65e5"


@pytest.mark.parametrize("form", ["extended", "quoted", "hashed"])
def test_user_names_and_passwords_are_utf8(form: str) -> None:
    """RFC 7616, 3.4 and 4: `username*`, UTF-8 in quotes, and `userhash`."""
    declared = {"type": "digest", "username": NAME, "password": "{{TOKEN}}"}
    app = guard(declared, given={"TOKEN": PASSWORD})
    challenge = ask(app)[1]["www-authenticate"][0]
    assert "charset=UTF-8" in challenge
    if form == "hashed":
        challenge += ", userhash=true"
    for password, status in ((PASSWORD, 200), (PASSWORD + "x", 401)):
        login = DigestLogin(NAME, password)
        text = login.answer(Request("GET", "http://h/x"), challenge)
        assert text.isascii()
        if form == "quoted":
            quoted = NAME.encode().decode("latin-1")
            text = re.sub(r"username\*=[^,]+", f'username="{quoted}"', text)
        assert ask(app, headers={"Authorization": text})[0] == status


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"username*": "UTF-8''J%C3%A4s"}, "J\xe4s"),
        ({"username*": "utf-8'de'a"}, "a"),
        ({"username": "a"}, "a"),
        ({"username": "a", "username*": "UTF-8''a"}, ""),
        ({"username*": "iso-8859-1''a"}, ""),
        ({"username*": "UTF-8'a"}, ""),
        ({"username*": "UTF-8''%FF"}, ""),
        ({}, ""),
    ],
)
def test_user_name_is_read_in_each_form(parameters: Any, name: str) -> None:
    """Credentials with two names, or a malformed one, have none (RFC 8187)."""
    assert user_in(parameters) == name
