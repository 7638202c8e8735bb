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
    from collections.abc import Callable, Iterable, Mapping

    from naftiko.plain import JSON

    #: A finished span; only `describe` looks into it.
    Span = Any
    #: The summary of a trace, and its spans.
    FoundTrace = list[Any]

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

    def find(self, trace_id: str) -> FoundTrace | None:
        """Return one trace with its spans, or `None`; `whole` makes it readable."""
        number = int(trace_id, 16) if _TRACE_ID.fullmatch(trace_id) else 0
        trace = self._done.get(number)
        if trace is None:
            return None
        spans = [self._describe(span) for span in trace.spans]
        return [_summary(number, self._describe(trace.root), spans), spans]

    def latest(self) -> list[dict[str, JSON]]:
        """Return a summary of each trace, newest first; `newest` makes it readable."""
        return [
            _summary(
                number, self._describe(trace.root), [*map(self._describe, trace.spans)]
            )
            for number, trace in reversed(self._done.items())
        ]


def newest(
    several: Iterable[list[dict[str, JSON]]],
    most: int,
    operation: str = "",
    status: str = "",
) -> list[dict[str, JSON]]:
    """Return the summaries of the traces of several processes, newest first.

    Args:
        several: What `TraceBuffer.latest` of each process returns.
        most: Traces that are kept.
        operation: A part of the name, or of the operation, of the root span.
        status: `OK` or `ERROR`, in upper or lower case; empty for both.
    """
    found: dict[str, dict[str, JSON]] = {}
    for summaries in several:
        for one in summaries:
            known = found.get(one["traceId"])
            found[one["traceId"]] = one if known is None else _together(known, one)
    # Those of one process are in order: a sort leaves equals where they are.
    ordered = sorted(found.values(), key=lambda one: one["ended"], reverse=True)[:most]
    return [
        _without(one, "root", "ended")
        for one in ordered
        if operation in f"{one['root']} {one['operation']}"
        and status.upper() in ("", one["status"])
    ]


def whole(several: Iterable[FoundTrace | None]) -> dict[str, JSON] | None:
    """Return one trace with its spans in the order they began, or `None`.

    Args:
        several: What `TraceBuffer.find` of each process returns: a caller may use one
            trace for requests that several processes answer.
    """
    found = [one for one in several if one is not None]
    if not found:
        return None
    summary, _ = found[0]
    for another, _ in found[1:]:
        summary = _together(summary, another)
    spans = sorted((s for _, spans in found for s in spans), key=lambda s: s["start"])
    shown = _without(summary, "root", "ended", "spanCount")
    return {**shown, "spans": [_shown(span) for span in spans]}


def _together(one: dict[str, JSON], other: dict[str, JSON]) -> dict[str, JSON]:
    """Return the summary of a trace that two processes have a part of."""
    later = max(one, other, key=lambda part: part["ended"])
    failed = "ERROR" in (one["status"], other["status"])
    return {
        **later,
        "status": "ERROR" if failed else "OK",
        "spanCount": one["spanCount"] + other["spanCount"],
    }


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
        "root": root["name"],
        "ended": root["start"] + root["durationMs"] / 1000,
    }


def _without(summary: Mapping[str, JSON], *names: str) -> dict[str, JSON]:
    return {name: value for name, value in summary.items() if name not in names}


def _shown(span: Mapping[str, JSON]) -> dict[str, JSON]:
    keys = ("spanId", "parentSpanId", "name", "kind", "durationMs", "status")
    return {key: span[key] for key in keys if span.get(key) is not None}
