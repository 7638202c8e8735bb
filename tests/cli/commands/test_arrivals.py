"""Chunks of a response as they arrive, and the end of a body as it came."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import naftiko
from naftiko.cli.commands.arrivals import Arrivals, RawTail
from naftiko.transport.streams import StreamedResponse
from support.building import capability


def stream(*parts: Any, kind: str = "application/json") -> StreamedResponse:
    """Return a response whose parts are bytes, or events to wait for."""

    def chunks(_: int) -> Iterator[bytes]:
        for part in parts:
            if isinstance(part, bytes):
                yield part
            else:
                part.wait(20)

    request = naftiko.Request("GET", "http://h.test/x")
    return StreamedResponse(request, 200, {"Content-Type": kind}, chunks)


def test_chunks_end_once_and_for_all() -> None:
    """After the last chunk there is nothing to wait for."""
    arrivals = Arrivals(lambda: stream(b"a", b"b"), None)
    assert arrivals.head().status == 200
    assert [arrivals.chunk() for _ in range(4)] == [b"a", b"b", b"", b""]


def test_silence_is_told_from_the_end() -> None:
    """A wait that is over gives `None`; the time for the whole ends the call."""
    gate = threading.Event()
    arrivals = Arrivals(lambda: stream(b"a", gate), 0.1)
    arrivals.head()
    assert arrivals.chunk() == b"a"
    assert arrivals.chunk(0.001) is None
    with pytest.raises(naftiko.RequestTimeout, match="no end of the response"):
        arrivals.chunk()
    gate.set()


def test_limited_wait_goes_on_where_the_others_ended() -> None:
    """A thread takes over when a wait is limited, and nothing is lost."""
    before = threading.active_count()
    arrivals = Arrivals(lambda: stream(b"a", b"b", b"c"), None)
    assert arrivals.head().status == 200
    assert arrivals.chunk() == b"a"
    assert threading.active_count() == before
    assert [arrivals.chunk(20), arrivals.chunk(), arrivals.chunk()] == [b"b", b"c", b""]


@pytest.mark.parametrize("max_time", [None, 20])
def test_error_of_the_sender_is_raised(max_time: float | None) -> None:
    """An error is raised where the response is waited for."""

    def fail() -> StreamedResponse:
        raise naftiko.TransportError("no connection")

    with pytest.raises(naftiko.TransportError, match="no connection"):
        Arrivals(fail, max_time).head()


@pytest.mark.parametrize("before", [b"", b'{"n": 1}\n', b'{"n": 1}\n' * 40_000])
def test_failure_is_found_at_the_end_of_a_long_body(before: bytes) -> None:
    """Only the end of a body is kept; a value that is cut is left out."""
    operation = capability().operations.find("api.op")
    tail = RawTail(operation, stream(kind="application/x-ndjson"))
    body = before + b'{"error": "full"}\n'
    for begin in range(0, len(body), 50_000):
        tail.add(body[begin : begin + 50_000])
    with pytest.raises(naftiko.ReportedError, match="full"):
        tail.check()
    tail.add(b'{"n": 2}\n')
    tail.check()
