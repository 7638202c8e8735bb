"""Workers that die: an exit code that supervisors restart on, and no second death.

The hostile upstream answers with a text at which the JSON decoder of the worker dies,
as it would in a native crash or when the system kills a process for its memory.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from naftiko.exposes.processes.quarantine import FIRST, Quarantine
from naftiko.exposes.processes.workers import supervise
from support.recorder import Received, Recorder, response
from support.serving_process import Server, write
from support.shop import UPSTREAM, document

#: Kills the process whose JSON decoder reads the text of the hostile upstream.
DYING_DECODER = """
import json, os

def killing(read):
    def loads(text, *more, **options):
        if b"worker-killer" in (text if isinstance(text, bytes) else str(text).encode()):
            os.kill(os.getpid(), 9)
        return read(text, *more, **options)
    return loads

json.loads = killing(json.loads)
try:
    import msgspec.json
except ImportError:
    pass
else:
    quick = msgspec.json.Decoder().decode
    msgspec.json.Decoder = lambda *_: type("Decoder", (), {"decode": staticmethod(killing(quick))})
"""


def answer(request: Received) -> bytes:
    """Return a deadly body where the caller asks for it."""
    if "slow" in request.target:
        time.sleep(0.4)
    return response('["worker-killer"]' if "deadly" in request.target else '["fine"]')


def shop() -> Any:
    """Return a document with one route that passes a name on."""
    operation = {
        "name": "thing",
        "method": "GET",
        "inputParameters": [{"name": "name", "in": "path"}],
    }
    upstream = {
        **UPSTREAM,
        "resources": [
            {"name": "things", "path": "/{{name}}", "operations": [operation]}
        ],
    }
    exposed = {
        "method": "GET",
        "name": "thing",
        "call": "api.thing",
        "with": {"name": "{{name}}"},
        "inputParameters": [{"name": "name", "in": "path", "type": "string"}],
        "outputParameters": [{"type": "string", "mapping": "$[0]"}],
    }
    adapter = {
        "type": "rest",
        "namespace": "shop",
        "port": 0,
        "resources": [{"path": "/{{name}}", "operations": [exposed]}],
    }
    data = document(adapter)
    data["capability"]["consumes"] = [upstream]
    return data


@pytest.fixture
def url(tmp_path: Path) -> Iterator[tuple[str, Server]]:
    """Yield the URL of two workers whose decoder dies at a text, and the server."""
    (tmp_path / "sitecustomize.py").write_text(DYING_DECODER)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    file = write(tmp_path / "shop.yaml", shop())
    with Recorder(answer) as upstream:
        words = ("--base-uri", upstream.url, "--workers", "2")
        with Server(file, *words, PYTHONPATH=path) as server:
            yield server.urls["shop"], server


def status(url: str) -> int:
    """Return the status of an answer; 0 if the connection broke off."""
    try:
        return requests.get(url, timeout=10).status_code
    except requests.ConnectionError:
        return 0


def deaths(server: Server) -> int:
    """Return the number of workers that died."""
    return server.text.count("it is replaced")


def test_request_that_killed_a_worker_kills_no_second_one(
    url: tuple[str, Server],
) -> None:
    """Its repetitions get 503 with `Retry-After`, and other requests their answer."""
    base, server = url
    assert status(f"{base}/fine") == 200
    assert status(f"{base}/deadly") == 0
    server.wait_for("it is replaced")
    for _ in range(6):
        refused = requests.get(f"{base}/deadly", timeout=10)
        assert refused.status_code == 503
        assert 0 < int(refused.headers["Retry-After"]) <= FIRST + 1
        assert refused.json()["type"] == "urn:naftiko:problem:quarantined"
        assert status(f"{base}/fine") == 200
    assert deaths(server) == 1


@pytest.mark.slow
def test_request_beside_a_deadly_one_is_answered_again(
    url: tuple[str, Server],
) -> None:
    """A request that a worker has completed before is not suspected of a death."""
    base, server = url
    assert {status(f"{base}/slow") for _ in range(4)} == {200}
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(status(f"{base}/slow")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.15)
    assert status(f"{base}/deadly") == 0
    for thread in threads:
        thread.join()
    assert set(found) <= {0, 200}
    server.wait_for("it is replaced")
    assert status(f"{base}/slow") == 200
    assert status(f"{base}/deadly") == 503
    assert deaths(server) == 1


def test_workers_that_keep_dying_end_with_a_failure() -> None:
    """The exit code is not 0: systemd, Docker and Kubernetes start the process anew."""

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    before = {
        n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    child = os.fork()
    if child == 0:
        code = 99
        try:
            time.sleep = lambda seconds: None  # type: ignore[assignment]
            code = supervise(2, die, [])
        finally:
            os._exit(code)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == 1
    assert {n: signal.getsignal(n) for n in before} == before


# --- the quarantine alone -------------------------------------------------------------


def died_with(quarantine: Quarantine, *fingerprints: int) -> int:
    """Let worker 0 die with requests under way; return how many are refused."""
    for slot, fingerprint in enumerate(fingerprints):
        quarantine._slots[0][slot] = fingerprint
    return quarantine.died(0)


def test_each_death_makes_the_wait_ten_times_as_long() -> None:
    """One minute, ten minutes, an hour; completing once in between clears a request."""
    quarantine = Quarantine(2)
    for expected in (FIRST, 10 * FIRST, 3600, 3600):
        assert died_with(quarantine, 7) == 1
        assert expected - 5 < quarantine.refused_for(7) <= expected
    quarantine.completed(7)
    assert died_with(quarantine, 7) == 1
    assert 0 < quarantine.refused_for(7) <= 10
    assert died_with(quarantine, 7) == 1
    assert quarantine.refused_for(7) > FIRST


def test_common_request_is_not_suspected_of_one_death() -> None:
    """Many times under way is not alone: a server may be asked for little else."""
    quarantine = Quarantine(1)
    quarantine.completed(5)
    assert died_with(quarantine, 5, 5, 5) == 0
    assert quarantine.refused_for(5) == 0
    assert died_with(quarantine, 5, 5, 5) == 1
    assert quarantine.refused_for(5) > 0


def test_request_is_forgotten_before_its_answer_is_whole() -> None:
    """A worker that dies after that was not killed by it."""
    quarantine = Quarantine(1)
    under_way: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    async def send(message: Any) -> None:
        under_way.append(any(quarantine._slots[0]))

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    asyncio.run(quarantine.around(app, 0)(scope, app, send))
    assert under_way == [True, True, False]


def test_request_that_never_completes_is_found_among_others() -> None:
    """A request that completed before is refused from the second death on only."""
    quarantine = Quarantine(1)
    quarantine.completed(1)
    quarantine.completed(2)
    assert died_with(quarantine, 1, 2) == 0
    quarantine.completed(2)
    assert died_with(quarantine, 1, 2) == 1
    assert quarantine.refused_for(1) > 0
    assert quarantine.refused_for(2) == 0


def test_quarantine_is_bounded() -> None:
    """Any number of suspects takes the same memory; the latest are refused."""
    quarantine = Quarantine(1)
    for number in range(1, 1001):
        died_with(quarantine, number)
    assert sum(quarantine.refused_for(n) > 0 for n in range(1, 1001)) == 256
    assert quarantine.refused_for(1000) > 0
    assert len(quarantine._deaths) == 256


def flown(quarantine: Quarantine, body: bytes, path: str = "/mcp") -> tuple[int, int]:
    """Return the status of a request, and its fingerprint while it is under way."""
    seen: list[int] = []
    statuses: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if (await receive())["type"] == "http.disconnect":
            return
        seen.extend(fingerprint for fingerprint in quarantine._slots[0] if fingerprint)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}  # fmt: skip
    asyncio.run(quarantine.around(app, 0)(scope, receive, send))
    assert not any(quarantine._slots[0])
    return statuses[0], (seen or [0])[0]


def test_repeated_call_has_another_id_and_is_refused_all_the_same() -> None:
    """A JSON-RPC client counts its requests; other arguments are another request."""
    call = (
        '{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": {"name": "%s"}}'
    )
    quarantine = Quarantine(1)
    status, first = flown(quarantine, (call % (1, "deadly")).encode())
    _, repeated = flown(quarantine, (call % (22, "deadly")).encode())
    _, other = flown(quarantine, (call % (1, "fine")).encode())
    assert status == 200
    assert first == repeated != other
    died_with(quarantine, first)
    assert flown(quarantine, (call % (333, "deadly")).encode())[0] == 503
    assert flown(quarantine, (call % (1, "fine")).encode())[0] == 200
    # An id of any other body is part of what is asked.
    _, seven = flown(quarantine, b'{"id": 7}')
    _, eight = flown(quarantine, b'{"id": 8}')
    assert seven != eight
