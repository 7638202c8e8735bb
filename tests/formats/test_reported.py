"""Failures that the body of a successful response reports."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.formats.reported import reported_error, reported_in

DOCKER = b'{"errorDetail":{"message":"denied"},"error":"denied"}'


@pytest.mark.parametrize(
    ("body", "content_type", "found"),
    [
        (b'{"stream":"1"}\r\n{"error":"no"}\r\n', "application/json", "no"),
        (b'{"status":"a"}{"error":{"message":"no"}}', "", {"message": "no"}),
        (b'{"error":"no"}\n', "application/x-ndjson", "no"),
        (b'{"a":1}\n' + DOCKER, "application/json", "denied"),
        (DOCKER, "application/json", "denied"),
        # Ordinary data.
        (b'{"error":"no"}', "application/json", None),
        (b'[{"id":1},{"error":"no"}]', "application/json", None),
        (b'{"id":1,"error":null}\n{"id":2,"error":"no"}', "application/json", None),
        (b'{"id":1}\n{"id":2,"error":"no"}', "application/x-ndjson", None),
        (b'{"level":"info"}\n{"level":"error","error":"x","ts":1}', "", None),
        (b'{"error":"no"}\n{"id":1}', "application/x-ndjson", None),
        (b'{"a":1}\n{"error":true}', "application/x-ndjson", None),
        (b'{"a":1}\n{"error":"no"}', "text/plain", None),
        (b'{"error":', "application/json", None),
        (b"", "application/json", None),
    ],
)
def test_reported_in(body: bytes, content_type: str, found: Any) -> None:
    """Only the last of several values counts, when it is an error and nothing else."""
    value = reported_in(body, content_type)
    assert (value and value["error"]) == found


def test_watch_and_system_stream_report_failures() -> None:
    """A watch of Kubernetes ends with `ERROR`, a log of Docker with a stream of its own."""
    status = {"kind": "Status", "message": "too old"}
    assert reported_error([{"type": "ADDED"}, {"type": "ERROR", "object": status}]) == (
        status
    )
    assert reported_error([{"type": "ERROR"}]) is reported_error([]) is None
    frames = b"\x01\0\0\0\0\0\0\x01a\x03\0\0\0\0\0\0\x04gone"
    kind = "application/vnd.docker.multiplexed-stream"
    assert reported_in(frames, kind) == {"error": "gone"}
    assert reported_in(frames[:9], kind) is None
