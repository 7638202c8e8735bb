"""`SilentTelemetry` has the methods of `Telemetry` and records nothing."""

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
    """Callers use `Telemetry` and `SilentTelemetry` in the same way."""
    assert _public(SilentTelemetry) == _public(Telemetry)
    assert (SILENT.is_on, Telemetry.is_on) == (False, True)


def test_silent_telemetry_keeps_nothing() -> None:
    """`SilentTelemetry` has no metrics and no traces, and `close` does nothing."""
    SILENT.serving("Shop", 1)
    assert SILENT.families() is None
    assert SILENT.traces is None
    SILENT.close()


@pytest.mark.parametrize("method", ["request", "inside", "tool", "function", "step"])
def test_silent_telemetry_lets_exceptions_pass(method: str) -> None:
    """Each method that observes is a context manager that passes exceptions on."""
    given: Any = [None] * len(_public(SilentTelemetry)[method][1:])
    with pytest.raises(KeyError), getattr(SILENT, method)(*given):
        raise KeyError("x")


def test_silent_telemetry_forgets_the_notes_of_a_call() -> None:
    """The notes of one call are not seen by the next call."""
    request = Request("GET", "http://upstream.test")
    with SILENT.call(request) as noted:
        noted["status"] = 200
    with SILENT.call(request) as noted:
        assert noted == {}


def test_silent_telemetry_passes_the_trace_of_the_caller_upstream() -> None:
    """Trace headers go upstream unchanged, unless the document sets them."""
    request = Request("GET", "http://upstream.test", {"tracestate": "of=document"})
    with SILENT.call(request, {"traceparent": "00-1-2-01", "tracestate": "a=b"}):
        assert request.headers["traceparent"] == "00-1-2-01"
        assert request.headers["tracestate"] == "of=document"
