"""Answers that arrive in parts: each value shaped, and when they become a stream."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.errors import OutputError, ReportedError, TransportError
from naftiko.functions import arrivals
from naftiko.functions.arrivals import SETTLING, Settling, ShapedArrivals
from naftiko.functions.shapes import compile_shape
from naftiko.transport.messages import Request
from support.building import capability

IDS = [{"type": "integer", "mapping": "$.id"}]
LINES = "application/x-ndjson"


def arriving(kind: str = LINES, outputs: Any = IDS) -> ShapedArrivals:
    """Return the results of an answer of this type."""
    operation = capability({}).operations["api.op"]
    return ShapedArrivals(operation, _request(), kind, compile_shape(outputs))


def _request() -> Request:
    return Request("GET", "http://127.0.0.1:9/x")


def test_each_value_is_shaped_when_it_is_complete() -> None:
    """A value may come in several chunks; the end completes a number."""
    results = arriving(outputs=[{"type": "integer", "mapping": "$"}])
    assert [*results.feed(b"7\n1")] == [7]
    assert [*results.feed(b"8\n19")] == [18]
    assert [*results.end()] == [19]


def test_unreadable_value_names_its_operation() -> None:
    """What came before it is given."""
    results = arriving()
    found = results.feed(b'{"id": 7}\nno\n')
    assert next(found) == 7
    with pytest.raises(OutputError, match=r"^api\.op: "):
        next(found)


def test_last_value_that_reports_a_failure_is_an_error() -> None:
    """It is given as it came, because the outputs would lose its message."""
    results = arriving()
    lines = b'{"id": 7}\n{"error": "disk full", "errorDetail": {"message": "full"}}\n'
    assert [*results.feed(lines)] == [
        7,
        {"error": "disk full", "errorDetail": {"message": "full"}},
    ]
    with pytest.raises(ReportedError, match="full"):
        [*results.end()]


def test_answer_becomes_a_stream_when_it_has_not_ended_in_time() -> None:
    """Until then the next chunk is waited for; after that for any time."""
    settling = Settling(_request(), arriving(), now=10.0)
    assert settling.wait(10.5) == SETTLING - 0.5
    settling.add(b'{"id": 7}\n', 10.5)
    assert not settling.is_stream(10.5)
    assert settling.is_stream(10.0 + SETTLING)
    assert settling.wait(10.0 + SETTLING) is None
    assert (settling.ready, settling.body) == ([7], b'{"id": 7}\n')


def test_answer_that_cannot_be_read_is_never_a_stream() -> None:
    """Whoever decodes the whole body tells its fault."""
    settling = Settling(_request(), arriving(), now=0.0)
    for chunk in (b"no\n", b'{"id": 7}\n'):
        settling.add(chunk, 0.0)
    assert not settling.is_stream(100.0)
    assert settling.body == b'no\n{"id": 7}\n'


def test_answer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is that of a whole body."""
    monkeypatch.setattr(arrivals, "MAX_RESPONSE_BYTES", 8)
    settling = Settling(_request(), arriving(), now=0.0)
    with pytest.raises(TransportError, match="larger"):
        settling.add(b'{"id": 7}\n', 0.0)
