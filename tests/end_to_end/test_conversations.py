"""Conversations with MCP servers, byte by byte: the official SDK's server and ours.

`conversations/cases/` says what is sent, `conversations/recorded/` what the server of the
SDK answers, and `conversations/differences.yaml` where ours answers otherwise, and why.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from support.alike import Differences, compared
from support.conversing import (
    DOCUMENT,
    FOLDER,
    RESULTS,
    SDK_STDIO,
    case_file,
    over_http,
    over_stdio,
    read_record,
    revisions_of,
    transports_of,
)
from support.recorder import Received, Recorder, response
from support.sdk_server import serving_sdk
from support.serving_process import Server

FILES = sorted(path.stem for path in (FOLDER / "cases").glob("*.yaml"))
RECORD = {key: lines for name in FILES for key, lines in read_record(name).items()}
DIFFERENCES = Differences(YAML(typ="safe").load(FOLDER / "differences.yaml"))
#: Over stdio each conversation starts a process: the others are slow.
QUICK = ("2026-07-28",)
#: The revisions in which the server of the SDK is asked again over stdio.
ASKED = ("2025-11-25", "2026-07-28")
NAMES = {"7": "Ark", "8": "Bounty"}


def _held(*transports: str) -> list[Any]:
    return [
        pytest.param(
            case,
            transport,
            revision,
            id=f"{name}: {case['name']}, {transport}, {revision}",
            marks=[pytest.mark.slow]
            if transport == "stdio" and revision not in QUICK
            else [],
        )
        for name in FILES
        for case in case_file(name)
        for transport in transports_of(case)
        if transport in transports
        for revision in revisions_of(case)
    ]


def ships(request: Received) -> bytes:
    """Answer a request as the API of the harbour."""
    if request.target == "/slow":
        time.sleep(4)
        return response()
    number = request.target.removeprefix("/ships/")
    if number not in NAMES:
        return response('{"message": "no ship 0"}', "404 Not Found")
    ship = {"id": number, "name": NAMES[number], "next": "8"}
    return response(json.dumps(ship))


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    """Run the API of the harbour; yield its URL."""
    with Recorder(ships) as recorder:
        yield recorder.url


@pytest.fixture(scope="module")
def url(api: str) -> Iterator[str]:
    """Serve the harbour over HTTP; yield its URL."""
    words = (DOCUMENT, "--port", "harbour=0", "--base-uri", f"api={api}")
    with Server(*words) as server:
        yield server.urls["harbour"]
        assert "Traceback" not in server.text


@pytest.fixture(scope="module")
def sdk() -> Iterator[str]:
    """Serve the same results with the SDK; yield the URL."""
    with serving_sdk(RESULTS) as url:
        yield url


def ours(case: Any, transport: str, revision: str, url: str, api: str) -> list[str]:
    """Hold a conversation with `naftiko serve`."""
    if transport == "http":
        return over_http(url, case, revision)
    command = [sys.executable, "-m", "naftiko", "serve", str(DOCUMENT), "--stdio"]
    expected = RECORD[case["name"], transport, revision]
    return over_stdio([*command, "--base-uri", f"api={api}"], case, revision, expected)


@pytest.mark.parametrize(("case", "transport", "revision"), _held("http", "stdio"))
def test_both_servers_answer_alike(
    case: Any, transport: str, revision: str, url: str, api: str
) -> None:
    """`naftiko serve` answers as the SDK's server does, but for what is listed."""
    key = (case["name"], transport, revision)
    lines = ours(case, transport, revision, url, api)
    expected = compared(RECORD[key])
    wrong, stale = DIFFERENCES.unexpected(expected, compared(lines), key)
    assert wrong == [], "\n".join(wrong)
    assert stale == [], "listed as differences, but alike: remove them"


@pytest.fixture(scope="module")
def theirs() -> Iterator[str]:
    """Serve the harbour with the SDK over HTTP; yield its URL."""
    with serving_sdk(RESULTS) as url:
        yield url


@pytest.mark.parametrize(
    ("case", "transport", "revision"),
    [
        pytest.param(*found.values, id=found.id, marks=pytest.mark.slow)
        for found in _held("http", "stdio")
        if found.values[1] == "http" or found.values[2] in ASKED
    ],
)
def test_server_of_the_sdk_answers_as_recorded(
    case: Any, transport: str, revision: str, theirs: str
) -> None:
    """The recorded answers are those of the installed SDK; see `record.py`."""
    key = (case["name"], transport, revision)
    if transport == "stdio":
        lines = over_stdio(SDK_STDIO, case, revision, RECORD[key])
    elif case.get("resumes"):
        # The sessions of a server share the events that it keeps.
        with serving_sdk(RESULTS, resumes=True) as alone:
            lines = over_http(alone, case, revision)
    else:
        lines = over_http(theirs, case, revision)
    assert compared(lines) == compared(RECORD[key])


def test_every_difference_is_in_a_conversation() -> None:
    """A difference names a conversation and a step that exist, and says why."""
    for where, step in DIFFERENCES.places():
        keys = [key for key in RECORD if key[0] == where]
        assert keys, where
        assert any(0 < step <= sum(x[0] == ">" for x in RECORD[k]) for k in keys), where
