"""Graceful shutdown of `naftiko serve`: requests in flight, streams and signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from support.recorder import Received, Recorder, response
from support.serving_process import Server, write
from support.shop import CONTROL, document, mcp, rest

# Each starts a process and waits for its end.
pytestmark = pytest.mark.slow


def test_requests_in_flight_are_finished(tmp_path: Path, upstream: Recorder) -> None:
    """Graceful shutdown: SIGTERM refuses new requests and finishes those in flight."""
    arrived = threading.Event()

    def slow(_: Received) -> bytes:
        arrived.set()
        time.sleep(1.0)
        return response('"late"')

    upstream.answer = slow
    file = write(tmp_path / "shop.yaml", document(rest(), CONTROL))
    with Server(file, "--base-uri", upstream.url, ready=2) as server:
        url = f"{server.urls['shop']}/things"
        answers: list[Any] = []
        thread = threading.Thread(
            target=lambda: answers.append(requests.get(url, timeout=10))
        )
        thread.start()
        assert arrived.wait(5)
        started = time.monotonic()
        assert server.stop() == 0
        thread.join(10)
        assert answers[0].json() == "late"
        assert time.monotonic() - started < 10
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=2)


@pytest.mark.slow
def test_upstream_that_never_answers_does_not_delay_the_exit(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Drain timeout: a hanging upstream delays the exit by ten seconds at most."""
    arrived, release = threading.Event(), threading.Event()

    def never(_: Received) -> bytes | None:
        arrived.set()
        release.wait(30)
        return None

    upstream.answer = never
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, "--base-uri", upstream.url) as server:
        url = f"{server.urls['shop']}/things"

        def ask() -> None:
            with suppress(requests.RequestException):
                requests.get(url, timeout=20)

        thread = threading.Thread(target=ask)
        thread.start()
        assert arrived.wait(5)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10
        release.set()
        thread.join(10)


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--workers", "2")])
def test_second_interrupt_answers_open_requests_with_503(
    tmp_path: Path, upstream: Recorder, words: tuple[str, ...]
) -> None:
    """A second Ctrl-C ends the drain: requests in flight get 503 at once."""
    arrived, release = threading.Event(), threading.Event()

    def never(_: Received) -> bytes | None:
        arrived.set()
        release.wait(30)
        return None

    upstream.answer = never
    file = write(tmp_path / "shop.yaml", document(rest()))
    answers: list[requests.Response] = []
    with Server(file, "--base-uri", upstream.url, *words) as server:
        url = f"{server.urls['shop']}/things"
        thread = threading.Thread(
            target=lambda: answers.append(requests.get(url, timeout=20))
        )
        thread.start()
        assert arrived.wait(5)
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert server.stop(signal.SIGINT) == 0
        assert time.monotonic() - started < 10
        assert "requests under way are cut off" in server.text
        assert "cut off after" not in server.text
        release.set()
        thread.join(10)
        assert "Traceback" not in server.text
    (answer,) = answers
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:naftiko:problem:stopping"
    assert answer.json()["requestId"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_the_process_group_counts_once(
    tmp_path: Path, upstream: Recorder, number: int
) -> None:
    """A signal to parent and workers at once is one signal; requests are finished.

    Terminals and some supervisors send signals to the whole process group.
    """
    arrived, release = threading.Event(), threading.Event()

    def late(_: Received) -> bytes:
        arrived.set()
        release.wait(30)
        return response('"late"')

    upstream.answer = late
    file = write(tmp_path / "shop.yaml", document(rest()))
    answers: list[requests.Response] = []
    with Server(
        file, "--workers", "2", "--base-uri", upstream.url, own_group=True
    ) as server:
        url = f"{server.urls['shop']}/things"
        thread = threading.Thread(
            target=lambda: answers.append(requests.get(url, timeout=20))
        )
        thread.start()
        assert arrived.wait(5)
        os.killpg(server.process.pid, number)
        time.sleep(1)
        release.set()
        thread.join(10)
        assert server.process.wait(10) == 0
    assert [answer.text for answer in answers] == ['"late"']


def test_open_mcp_session_does_not_delay_the_exit(
    tmp_path: Path, upstream: Recorder
) -> None:
    """An open event stream of an MCP session ends when the server shuts down."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    call = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }}  # fmt: skip
    accept = {"Accept": "application/json, text/event-stream"}
    with Server(file, "--base-uri", upstream.url) as server:
        url = f"{server.urls['shop-mcp']}/mcp"
        answer = requests.post(url, json=call, headers=accept, timeout=5)
        session = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"], **accept}
        done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        requests.post(url, json=done, headers=session, timeout=5)
        with requests.get(url, headers=session, stream=True, timeout=20) as stream:
            assert stream.status_code == 200
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < 10
