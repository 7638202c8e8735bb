"""`TraceBuffer`: the latest traces of this process, for the control port.

Spans are added when they end. The root span of a trace ends last, and so completes the
trace. This module must not know how spans are made.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.plain import JSON

    #: A finished span; only `describe` looks into it.
    Span = Any

#: Incomplete traces that are kept: the root of some may never end.
_MOST_OPEN = 2000
#: Spans that are kept of one trace: a caller may use one trace for all its requests.
MOST_SPANS = 500
_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")


class _Trace:
    __slots__ = ("root", "spans")

    def __init__(self, root: Span, spans: deque[Span]) -> None:
        self.root = root
        self.spans = spans


class TraceBuffer:
    """The latest finished traces, newest first; the oldest is forgotten.

    Args:
        capacity: Number of traces that are kept.
        describe: Span → its `spanId`, `parentSpanId`, `name`, `kind`, `durationMs` and
            `status`, `operation` or `None`, and `start` in seconds since the epoch.
            It is only called when traces are shown.

    Raises:
        ValueError: The capacity is below one.
    """

    def __init__(
        self, capacity: int, describe: Callable[[Span], dict[str, JSON]]
    ) -> None:
        if capacity < 1:
            raise ValueError("a trace buffer holds at least one trace")
        self.capacity = capacity
        self._describe = describe
        self._done: OrderedDict[int, _Trace] = OrderedDict()
        self._open: OrderedDict[int, deque[Span]] = OrderedDict()

    def add(self, trace_id: int, span: Span, *, is_root: bool) -> None:
        """Add a finished span.

        Args:
            trace_id: The trace of the span.
            span: The span.
            is_root: The span completes the trace. A trace may have several such spans:
                one for each request that a caller sends in the same trace.
        """
        known = self._done.get(trace_id)
        if known is not None:
            # A span that ended after its root, or another request of the same trace.
            known.spans.append(span)
            if is_root:
                known.root = span
                self._done.move_to_end(trace_id)
            return
        if is_root:
            ended = self._open.pop(trace_id, None) or deque(maxlen=MOST_SPANS)
            ended.append(span)
            self._done[trace_id] = _Trace(span, ended)
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
        """Return one trace with its spans in the order they began, or `None`."""
        number = int(trace_id, 16) if _TRACE_ID.fullmatch(trace_id) else 0
        trace = self._done.get(number)
        if trace is None:
            return None
        spans = [self._describe(span) for span in trace.spans]
        shown = _summary(number, self._describe(trace.root), spans)
        del shown["spanCount"]
        spans.sort(key=lambda span: span["start"])
        return {**shown, "spans": [_shown(span) for span in spans]}

    def latest(self, operation: str = "", status: str = "") -> list[dict[str, JSON]]:
        """Return a summary of each trace, newest first.

        Args:
            operation: A part of the name, or of the operation, of the root span.
            status: `OK` or `ERROR`, in upper or lower case; empty for both.
        """
        summaries = []
        for trace_id, trace in reversed(self._done.items()):
            root = self._describe(trace.root)
            shown = _summary(trace_id, root, [*map(self._describe, trace.spans)])
            names = f"{root['name']} {shown['operation']}"
            if operation in names and status.upper() in ("", shown["status"]):
                summaries.append(shown)
        return summaries


def _summary(
    trace_id: int, root: Mapping[str, JSON], spans: list[dict[str, JSON]]
) -> dict[str, JSON]:
    failed = any(span["status"] == "ERROR" for span in spans)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(root["start"]))
    milliseconds = int(root["start"] % 1 * 1000)
    return {
        "traceId": f"{trace_id:032x}",
        "operation": root["operation"] or root["name"],
        "durationMs": root["durationMs"],
        "status": "ERROR" if failed else "OK",
        "spanCount": len(spans),
        "timestamp": f"{moment}.{milliseconds:03d}Z",
    }


def _shown(span: Mapping[str, JSON]) -> dict[str, JSON]:
    keys = ("spanId", "parentSpanId", "name", "kind", "durationMs", "status")
    return {key: span[key] for key in keys if span.get(key) is not None}
