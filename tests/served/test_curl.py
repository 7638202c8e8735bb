"""`as_curl()` prints a command that a shell runs and that sends the same request."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from building import capability
from casefiles import cases
from served.recorder import Received, Recorder, response
from test_request import loaded

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is not installed"
)
SECRET = "se cr'et\"$HOME`&#é"


@pytest.fixture(scope="module")
def server() -> Iterator[Recorder]:
    """Give a server that answers `{}`."""
    with Recorder() as recorder:
        yield recorder


def run(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a POSIX shell, the variables in its environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done


def same(ours: Received, theirs: Received) -> None:
    """Compare two requests, but for what each client says about itself."""
    assert theirs.line == ours.line
    assert theirs.body == ours.body
    own = ("user-agent", "accept-encoding", "content-length")
    mine = {k: v for k, v in ours.headers.items() if k not in own}
    assert {k: v for k, v in theirs.headers.items() if k not in own} == mine


SENT = [
    case
    for case in cases("request")
    if "raises" not in case.values[0] and case.values[0].get("curl", True)
]


@pytest.mark.parametrize("case", SENT)
def test_curl_sends_the_same(case: dict[str, Any], server: Recorder) -> None:
    """The request of every case is the same when curl sends it."""
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
    """The command holds `$TOKEN`, whatever it holds; the shell fills it in."""
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


def test_files_sockets_and_binary_bodies(tmp_path: Path) -> None:
    """A body from disk is named, bytes that are no text go through a pipe."""
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


def test_a_digest_login(server: Recorder) -> None:
    """curl answers the challenge itself."""
    auth = {"type": "digest", "username": "ann", "password": "{{TOKEN}}"}
    api = capability(
        consumes={"authentication": auth},
        base_uri=server.url,
        variables={"TOKEN": SECRET},
    )
    command = api.request("api.op").as_curl()
    assert command.endswith('--digest --user "ann:${TOKEN}"')
