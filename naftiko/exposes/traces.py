"""The latest traces of this process, for the control port.

Spans come as they end; the root, which ends last, completes a trace. This module must
not know who makes spans.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    JSON = Any
    Span = dict[str, JSON]

#: Traces without a root yet that are watched at most: one may never end.
_MOST_OPEN = 2000
#: Spans kept of one trace at most. A caller may use one trace for all its requests.
MOST_SPANS = 500


class _Trace:
    __slots__ = ("root", "spans")

    def __init__(self, root: Span, spans: deque[Span]) -> None:
        self.root = root
        self.spans = spans


class TraceBuffer:
    """The latest finished traces, newest first; the oldest is forgotten.

    Args:
        capacity: How many are kept.

    Raises:
        ValueError: The capacity is below one.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a trace buffer holds at least one trace")
        self.capacity = capacity
        self._done: OrderedDict[str, _Trace] = OrderedDict()
        self._open: OrderedDict[str, deque[Span]] = OrderedDict()

    def add(self, trace_id: str, span: Span, *, is_root: bool) -> None:
        """Keep a finished span.

        Args:
            trace_id: Its trace.
            span: Its id, the id of its parent, `name`, `kind`, `durationMs`, `status`,
                `operation`, and `start` in seconds since the epoch.
            is_root: It completes the trace. Several may: of each request of a caller
                that has put them into one trace.
        """
        known = self._done.get(trace_id)
        if known is not None:
            # A span that was left over, or another request in the same trace.
            known.spans.append(span)
            if is_root:
                known.root = span
                self._done.move_to_end(trace_id)
            return
        if is_root:
            spans = self._open.pop(trace_id, None) or deque(maxlen=MOST_SPANS)
            spans.append(span)
            self._done[trace_id] = _Trace(span, spans)
            if len(self._done) > self.capacity:
                self._done.popitem(last=False)
            return
        spans = self._open.get(trace_id)
        if spans is None:
            spans = self._open[trace_id] = deque(maxlen=MOST_SPANS)
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        spans.append(span)

    def __len__(self) -> int:
        return len(self._done)

    def find(self, trace_id: str) -> dict[str, JSON] | None:
        """Return one trace with its spans in the order of their beginning, or `None`."""
        trace = self._done.get(trace_id.lower())
        if trace is None:
            return None
        shown = _summary(trace_id.lower(), trace)
        del shown["spanCount"]
        ordered = sorted(trace.spans, key=lambda span: span["start"])
        return {**shown, "spans": [_shown(span) for span in ordered]}

    def latest(self, operation: str = "", status: str = "") -> list[dict[str, JSON]]:
        """Return what the traces are, newest first.

        Args:
            operation: Part of the name or of the operation of the root.
            status: `OK` or `ERROR`, in any case; empty for both.
        """
        found = []
        for trace_id, trace in reversed(self._done.items()):
            shown = _summary(trace_id, trace)
            names = f"{trace.root['name']} {shown['operation']}"
            if operation in names and status.upper() in ("", shown["status"]):
                found.append(shown)
        return found


def _summary(trace_id: str, trace: _Trace) -> dict[str, JSON]:
    root = trace.root
    failed = any(span["status"] == "ERROR" for span in trace.spans)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(root["start"]))
    milliseconds = int(root["start"] % 1 * 1000)
    return {
        "traceId": trace_id,
        "operation": root["operation"] or root["name"],
        "durationMs": root["durationMs"],
        "status": "ERROR" if failed else "OK",
        "spanCount": len(trace.spans),
        "timestamp": f"{moment}.{milliseconds:03d}Z",
    }


def _shown(span: Mapping[str, JSON]) -> dict[str, JSON]:
    keys = ("spanId", "parentSpanId", "name", "kind", "durationMs", "status")
    return {key: span[key] for key in keys if span.get(key) is not None}
