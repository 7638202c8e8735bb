"""Memory of a served process: each hostile body comes ten times at once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from support.mcp_http import modern
from support.recorder import Received, Recorder, response
from support.serving_process import Server, write
from support.soak_upstream import ANSWERS, HOSTILE
from support.soaking import Gauge, document

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc"),
]
#: MiB of resident memory, and how often a body comes at once.
MOST, TIMES = 256.0, 10
MAKERS: dict[str, Callable[[], bytes]] = {
    **ANSWERS,
    # Just below the largest response, packed and as it is.
    "packed": lambda: response(
        gzip.compress(b'"' + b"x" * 60_000_000 + b'"', 1), Content_Encoding="gzip"
    ),
    "plain": lambda: response(b'"' + b"x" * 60_000_000 + b'"'),
    "cells": lambda: response(
        b"a,b,c\n" + b"1,2,3\n" * 1_000_000, content_type="text/csv"
    ),
    "links": lambda: response(b"[x](y) " * 36_000, content_type="text/markdown"),
    "keys": lambda: response(b"[" + b'{"a":0},' * 400_000 + b"0]"),
}
KINDS = sorted({*MAKERS, *HOSTILE} - {"dribble", "silent", "good"})
#: Name → what makes the body, and its `Content-Encoding`.
BODIES: dict[str, tuple[Callable[[], bytes], str]] = {
    "packed-twice": (
        lambda: gzip.compress(gzip.compress(b" " * 10**9, 1)),
        "gzip, gzip",
    ),
    "packed": (lambda: gzip.compress(b'"' + b"x" * 9_000_000 + b'"'), "gzip"),
    "deep": (lambda: b"[" * 9_000_000, ""),
    "keys": (lambda: b"[" + b'{"a":0},' * 1_000_000 + b"0]", ""),
}


@contextmanager
def _served(folder: Path) -> Iterator[tuple[Server, Gauge]]:
    made = {kind: make() for kind, make in MAKERS.items()}

    def answer(request: Received) -> bytes:
        return made.get(request.target.strip("/"), made["good"])

    with Recorder(answer) as upstream:
        file = write(folder / "soak.yaml", document(upstream.url, folder))
        with Server(file, "--timeout", "2", "--workers", "1", ready=5) as server:
            yield server, Gauge(server.process.pid)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Gauge]]:
    """Serve the document of the soak for all cases: memory that stays adds up."""
    with _served(tmp_path_factory.mktemp("soak")) as pair:
        yield pair


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["shaped", "raw", "mcp"])
def test_answer_of_an_api_ten_times(
    served: tuple[Server, Gauge], way: str, kind: str
) -> None:
    """Whatever an API answers, the process stays small and goes on."""
    server, gauge = served
    call = {"name": "hostile", "arguments": {"kind": kind}}
    headers, message = modern("tools/call", call)
    del headers["host"]

    def ask(_: int) -> int:
        if way == "mcp":
            url = server.urls["mcp"]
            return requests.post(url, message, headers=headers, timeout=90).status_code
        return requests.get(
            f"{server.urls['rest']}/{way}/{kind}", timeout=90
        ).status_code

    _ten_times(ask, gauge, server)


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("adapter", ["rest", "mcp"])
def test_body_of_a_caller_ten_times(
    served: tuple[Server, Gauge], adapter: str, kind: str
) -> None:
    """Whatever callers send, the process stays small and goes on."""
    server, gauge = served
    make, encoding = BODIES[kind]
    body = make()
    # The newest revision of MCP: no session has to be opened first.
    headers, _ = modern("tools/call", {"name": "hostile"})
    del headers["host"]
    if encoding:
        headers["Content-Encoding"] = encoding
    url = server.urls[adapter] + ("/posted" if adapter == "rest" else "")

    def ask(_: int) -> int:
        try:
            return requests.post(url, body, headers=headers, timeout=90).status_code
        except requests.ConnectionError:  # it was refused before it was sent whole
            return 0

    _ten_times(ask, gauge, server)


def _ten_times(ask: Callable[[int], int], gauge: Gauge, server: Server) -> None:
    gauge.begin()
    with ThreadPoolExecutor(TIMES) as pool:
        told = list(pool.map(ask, range(TIMES)))
    assert gauge.peak() < MOST, json.dumps(told)
    ready = requests.get(f"{server.urls['control']}/health/ready", timeout=10)
    assert ready.status_code == 200, json.dumps(told)
