"""`Request.as_curl()`: a shell command that sends the same request as `naftiko`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumes.test_request import loaded
from support.building import capability
from support.casefiles import cases
from support.recorder import Received, Recorder, response

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is not installed"
)
SECRET = "se cr'et\"$HOME`&#é"


@pytest.fixture(scope="module")
def server() -> Iterator[Recorder]:
    """Run a server that answers `{}`."""
    with Recorder() as recorder:
        yield recorder


def run(
    command: str, shell: str = "sh", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a POSIX shell with environment variables."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    done = subprocess.run(
        [shell, "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return done


def same(ours: Received, theirs: Received) -> None:
    """Compare two requests, except for `User-Agent` and `Accept-Encoding`."""
    assert theirs.line == ours.line
    assert theirs.body == ours.body
    own = ("user-agent", "accept-encoding")
    mine = {k: v for k, v in ours.headers.items() if k not in own}
    assert {k: v for k, v in theirs.headers.items() if k not in own} == mine


SENT = [
    case
    for case in cases("consumes/cases/requests")
    if "raises" not in case.values[0] and case.values[0].get("curl", True)
]


@pytest.mark.parametrize("case", SENT)
def test_curl_sends_the_same_request(case: dict[str, Any], server: Recorder) -> None:
    """`curl` sends the same request as `naftiko`, for each case of request tests."""
    base = case.get("consumes", {}).get("baseUri", "http://127.0.0.1:9")
    uri = server.url + base.removeprefix("http://127.0.0.1:9")
    with loaded(case, base_uri=uri) as api:
        arguments = case.get("arguments", {})
        with api.stream("api.op", arguments) as stream:
            stream.read()
        ours = server.last
        command = api.request("api.op", arguments).as_curl()
    run(f"{command} --silent", **case.get("variables", {}))
    same(ours, server.last)


AUTHS = [
    {"type": "bearer", "token": "{{TOKEN}}"},
    {"type": "basic", "username": "{{TOKEN}}", "password": "{{TOKEN}}"},
    {"type": "apikey", "key": "X-Key", "value": "k {{TOKEN}}", "placement": "header"},
    {"type": "apikey", "key": "key", "value": "{{TOKEN}}", "placement": "query"},
]


@pytest.mark.parametrize("auth", AUTHS, ids=["bearer", "basic", "header", "query"])
def test_secrets_stay_variables_of_the_shell(
    auth: dict[str, str], server: Recorder
) -> None:
    """The command contains `${TOKEN}`, which the shell replaces with the secret."""
    secret = SECRET if auth.get("placement") == "query" else SECRET.replace("é", "e")
    with capability(
        consumes={"authentication": auth},
        base_uri=server.url,
        variables={"TOKEN": secret},
    ) as api:
        api.call("api.op")
        ours = server.last
        command = api.request("api.op").as_curl()
    assert secret not in command
    assert "${TOKEN}" in command
    run(f"{command} --silent", TOKEN=secret)
    theirs = server.last
    if auth.get("placement") == "query":
        from urllib.parse import parse_qsl, urlsplit

        pairs = [parse_qsl(urlsplit(r.target).query) for r in (ours, theirs)]
        assert pairs[0] == pairs[1] == [("key", secret)]
    else:
        same(ours, theirs)


HOSTILE = [
    "'", '"', "\\", "$HOME", "`id`", "!x!", "*?[a]{b}", "@/etc/passwd", "-d", "#", "%41",
    "a\nb\r\n", "\t", " lead and trail ", ";&|<>", "${TOKEN}", "$(id)", "é東🎉", "~", "\\n",
    "'\\''", "a=b&c=d", "\x01\x7f",
]  # fmt: skip


@pytest.mark.parametrize("shell", [s for s in ("sh", "bash") if shutil.which(s)])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_quoted(text: str, shell: str, server: Recorder) -> None:
    """Shell quoting: no character of a value is special to the shell or to `curl`."""
    operation = {
        "method": "POST",
        "resourcePath": "/a/{p}",
        "inputParameters": [
            {"name": "q", "in": "query"},
            {"name": "X-H", "in": "header"},
            {"name": "c", "in": "cookie"},
        ],
    }
    line = "".join(char for char in text if char.isprintable())
    for body in (text, {text: [text]}, text.encode() + b"\0\xff"):
        arguments = {"p": text, "q": text, "X-H": line, "c": text, "body": body}
        with capability(operation, base_uri=server.url) as api:
            api.call("api.op", arguments)
            ours = server.last
            run(api.request("api.op", arguments).as_curl() + " --silent", shell)
        same(ours, server.last)


@pytest.mark.parametrize("shell", [s for s in ("sh", "bash") if shutil.which(s)])
def test_variables_beside_hostile_text_are_quoted(shell: str, server: Recorder) -> None:
    """A shell variable and the hostile text around it arrive unchanged."""
    around = "!$HOME \\ `id` \" ' {{my.key-1}} %"
    operation = {
        "method": "POST",
        "inputParameters": [
            {"name": "X-H", "in": "header", "value": around},
            {"name": "c[]", "in": "query", "value": around},
        ],
        "body": {"type": "text", "data": "{{my.key-1}}" + around},
    }
    secret = "@/etc/passwd ${HOME} \\ ! \" '"
    with capability(
        operation, base_uri=server.url, variables={"my.key-1": secret}
    ) as api:
        api.call("api.op")
        ours = server.last
        command = api.request("api.op").as_curl()
    assert "/etc/passwd" not in command
    run(f"{command} --silent", shell, my_key_1=secret)
    theirs = server.last
    assert theirs.headers["x-h"] == ours.headers["x-h"]
    assert theirs.body == ours.body
    from urllib.parse import parse_qsl, urlsplit

    pairs = [parse_qsl(urlsplit(r.target).query) for r in (ours, theirs)]
    assert pairs[0] == pairs[1] == [("c[]", around.replace("{{my.key-1}}", secret))]


def test_sent_request_gives_the_same_command_as_its_dry_run(server: Recorder) -> None:
    """A sent request gives the same command as its dry run, without the secret."""
    with capability(
        consumes={"authentication": AUTHS[0]},
        base_uri=server.url,
        variables={"TOKEN": "s3cr3t-t0ken"},
    ) as api:
        exchange = api.exchange("api.op")
        command = exchange.request.as_curl()
        assert command == api.request("api.op").as_curl()
    assert "s3cr3t" not in command
    ours = server.last
    run(f"{command} --silent", TOKEN="s3cr3t-t0ken")
    same(ours, server.last)


def test_form_with_files_is_sent_the_same(tmp_path: Path, server: Recorder) -> None:
    """A multipart form with text, bytes and a file becomes the same body by `curl`."""
    file = tmp_path / "a 'b'.bin"
    file.write_bytes(bytes(range(256)))
    data = {"note": "{{note}} {{TOKEN}}", "raw": "{{raw}}", "file": "{{file}}"}
    operation = {"method": "POST", "body": {"type": "multipart", "data": data}}
    with capability(operation, base_uri=server.url, variables={"TOKEN": SECRET}) as api:
        arguments = {"note": "it's %s \\ é", "raw": b"\0\xff'%d\\", "file": file}
        command = api.request("api.op", arguments).as_curl()
        api.call("api.op", arguments)
    ours = server.last
    run(f"{command} --silent", TOKEN=SECRET)
    boundaries = [
        r.headers["content-type"].partition("boundary=")[2].encode()
        for r in (ours, server.last)
    ]
    assert server.last.body.replace(boundaries[1], boundaries[0]) == ours.body


def test_method_is_quoted(server: Recorder) -> None:
    """A method with shell characters is quoted."""
    with capability({"method": "X`id`|Y&Z"}, base_uri=server.url) as api:
        api.call("api.op")
        ours = server.last
        run(api.request("api.op").as_curl() + " --silent")
    same(ours, server.last)


def test_files_sockets_and_binary_bodies_are_sent_the_same(tmp_path: Path) -> None:
    """A file, binary bytes and a Unix socket give the same request by `curl`."""
    file = tmp_path / "a b.bin"
    file.write_bytes(b"\x00\x01file")
    path = tmp_path / "s.sock"
    with Recorder(response(), path=str(path)) as server:
        with capability({"method": "POST"}, base_uri=f"unix://{path}") as api:
            for body in (file, b"\x00\xff'%s\\"):
                api.call("api.op", body=body)
                ours = server.last
                run(api.request("api.op", body=body).as_curl() + " --silent")
                same(ours, server.last)


def test_digest_login_becomes_curl_options() -> None:
    """A Digest login becomes `--digest --user`, and `curl` logs in as `naftiko` does.

    The password is a variable of the shell.
    """
    auth = {"type": "digest", "username": "ann", "password": "{{TOKEN}}"}
    challenge = response(
        "{}", "401 Unauthorized", WWW_Authenticate='Digest realm="r", nonce="n"'
    )

    def answer(request: Received) -> bytes:
        return response() if "authorization" in request.headers else challenge

    with Recorder(answer) as server:
        with capability(
            consumes={"authentication": auth},
            base_uri=server.url,
            variables={"TOKEN": SECRET},
        ) as api:
            command = api.request("api.op").as_curl()
            api.call("api.op")
        assert command.endswith('--digest --user "ann:${TOKEN}"')
        run(f"{command} --silent --fail", TOKEN=SECRET)
        logins = [r.headers.get("authorization", "") for r in server.received]
    # RFC 2617, 3.2.2.1: without `qop` the response depends on nothing random.
    parts = [f"ann:r:{SECRET}", "GET:/x"]
    user, target = (hashlib.md5(part.encode()).hexdigest() for part in parts)
    digest = hashlib.md5(f"{user}:n:{target}".encode()).hexdigest()
    assert [f'response="{digest}"' in login for login in logins] == [False, True] * 2
