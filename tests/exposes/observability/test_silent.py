"""`SilentTelemetry`: the methods of `Telemetry`, and nothing recorded."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from naftiko.exposes.observability.silent import SILENT, SilentTelemetry
from naftiko.exposes.observability.telemetry import Telemetry
from naftiko.transport.messages import Request


def _public(kind: type[Any]) -> dict[str, list[str]]:
    """Return name → parameters of the public methods of a class."""
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_silent_telemetry_has_the_methods_of_telemetry() -> None:
    """Callers need not know which of the two they have."""
    assert _public(SilentTelemetry) == _public(Telemetry)
    assert (SILENT.is_on, Telemetry.is_on) == (False, True)


def test_silent_telemetry_keeps_nothing() -> None:
    """There are no metrics and no traces to show, and nothing to close."""
    SILENT.serving("Shop", 1)
    assert SILENT.metrics_text() is None
    assert SILENT.traces is None
    SILENT.close()


@pytest.mark.parametrize("method", ["request", "inside", "tool", "function", "step"])
def test_contexts_let_errors_pass(method: str) -> None:
    """Each method that observes is a context that swallows no exception."""
    given: Any = [None] * len(_public(SilentTelemetry)[method][1:])
    with pytest.raises(KeyError), getattr(SILENT, method)(*given):
        raise KeyError("x")


def test_notes_of_one_call_are_not_seen_by_another() -> None:
    """What is noted about a call is forgotten with it."""
    request = Request("GET", "http://upstream.test")
    with SILENT.call(request) as noted:
        noted["status"] = 200
    with SILENT.call(request) as noted:
        assert noted == {}


def test_trace_of_the_caller_is_sent_on_behind_the_headers_of_the_document() -> None:
    """Without a span of its own, a server passes the trace on as it came."""
    request = Request("GET", "http://upstream.test", {"tracestate": "of=document"})
    with SILENT.call(request, {"traceparent": "00-1-2-01", "tracestate": "a=b"}):
        assert request.headers["traceparent"] == "00-1-2-01"
        assert request.headers["tracestate"] == "of=document"
