"""`TraceBuffer`: the latest traces, shown by the control port."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.exposes.observability.traces import MOST_SPANS, TraceBuffer, newest, whole


def buffer(capacity: int) -> TraceBuffer:
    """Return a trace buffer whose spans are already described as mappings."""
    return TraceBuffer(capacity, dict)


def latest(kept: TraceBuffer, **wanted: str) -> list[dict[str, Any]]:
    """Return the traces as the control port shows them."""
    return newest([kept.latest()], kept.capacity, **wanted)


def span(name: str, start: float = 0.0, status: str = "OK") -> dict[str, Any]:
    """Return a span as a mapping, as `TraceBuffer` describes spans."""
    about = {"spanId": name, "parentSpanId": None, "kind": "SERVER", "durationMs": 1.5}
    return {**about, "name": name, "status": status, "operation": None, "start": start}


def test_trace_buffer_keeps_the_newest_traces() -> None:
    """C09: traces are listed newest first; the oldest is dropped; an id finds one."""
    for capacity in (0, -1):
        with pytest.raises(ValueError, match="at least one"):
            buffer(capacity)
    kept = buffer(2)
    for number in (1, 2, 3):
        kept.add(number, span(f"child{number}", 0.5), is_root=False)
        kept.add(number, span(f"rest.request{number}", 0.25), is_root=True)
    assert len(kept) == 2
    assert [t["operation"] for t in latest(kept)] == ["rest.request3", "rest.request2"]
    found = whole([None, kept.find(f"{3:032X}")])
    assert found is not None
    assert found["timestamp"] == "1970-01-01T00:00:00.250Z"
    assert [s["name"] for s in found["spans"]] == ["rest.request3", "child3"]
    assert "parentSpanId" not in found["spans"][0]
    for unknown in (f"{1:032x}", "3", "", "zz"):
        assert kept.find(unknown) is None
    assert latest(kept, operation="request2") == latest(kept)[1:]
    assert latest(kept, status="error") == []


def test_trace_has_an_error_if_any_of_its_spans_has() -> None:
    """A failed MCP tool marks its trace, although its HTTP response has status 200."""
    kept = buffer(5)
    kept.add(1, span("mcp.tool", status="ERROR"), is_root=False)
    kept.add(1, span("mcp.request"), is_root=True)
    kept.add(2, span("mcp.request"), is_root=True)
    assert [t["status"] for t in latest(kept)] == ["OK", "ERROR"]
    assert [t["traceId"] for t in latest(kept, status="Error")] == [f"{1:032x}"]


def test_endless_trace_keeps_a_limited_number_of_spans() -> None:
    """A caller that puts every request into one trace cannot fill the memory."""
    kept = buffer(5)
    for number in range(3 * MOST_SPANS):
        kept.add(1, span(f"child{number}"), is_root=False)
        kept.add(1, span(f"root{number}"), is_root=True)
        kept.add(2 + number % 3, span("other"), is_root=True)
    (newest, *_) = latest(kept, operation="root")
    assert newest["spanCount"] == MOST_SPANS
    assert newest["operation"] == f"root{3 * MOST_SPANS - 1}"
    assert len(kept) == 4


def test_trace_without_a_finished_root_is_dropped() -> None:
    """Incomplete traces are dropped, oldest first; a late span is kept."""
    kept = buffer(5)
    for number in range(1, 4000):
        kept.add(number, span("child"), is_root=False)
    kept.add(1, span("root"), is_root=True)
    kept.add(3999, span("root"), is_root=True)
    kept.add(3999, span("late"), is_root=False)
    assert [t["spanCount"] for t in latest(kept)] == [3, 1]
