"""Log lines of a server: their format, one line for each request, the latest kept.

A line never holds a query or a header: credentials may stand there. This module must
not know who serves.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naftiko.capability import Capability

#: Lines that the control port can show.
KEPT = 500
#: What cannot be called is told up to this number; published files have hundreds.
_MOST_UNUSABLE = 10

_log = logging.getLogger("naftiko.access")
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object for each record, extra fields as members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(as_dict(record), ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """Time, level, logger and message, for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")


def as_dict(record: logging.LogRecord) -> dict[str, Any]:
    """Return a record as plain data."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    found: dict[str, Any] = {
        "time": f"{moment}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    found |= {
        name: value
        for name, value in vars(record).items()
        if name not in _OWN and not name.startswith("_")
    }
    if record.exc_info and record.exc_info[1] is not None:
        found["error"] = logging.Formatter().formatException(record.exc_info)
    return found


class LatestLines(logging.Handler):
    """Keep the latest records, and tell those who listen about new ones."""

    def __init__(self, size: int = KEPT, *beside: logging.Handler) -> None:
        super().__init__()
        self._beside = beside
        self.lines: deque[dict[str, Any]] = deque(maxlen=size)
        self.listeners: set[Callable[[dict[str, Any]], None]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        line = as_dict(record)
        self.lines.append(line)
        for tell in tuple(self.listeners):
            tell(line)

    def enrich(self, filter: logging.Filter) -> None:
        """Let a filter add to every record, here and where else the process logs."""
        for handler in (*self._beside, self):
            handler.addFilter(filter)


def configure(kind: str, level: str) -> LatestLines:
    """Send the log lines of this process to standard error.

    Args:
        kind: `text` or `json`.
        level: Of the loggers of this package; what others say counts from warnings on.

    Returns:
        What keeps the latest lines.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if kind == "json" else TextLines())
    latest = LatestLines(KEPT, handler)
    root = logging.getLogger()
    root.handlers = [handler, latest]
    root.setLevel(logging.WARNING)
    logging.getLogger("naftiko").setLevel(level.upper())
    return latest


def tell_unusable(capability: Capability, file: str) -> None:
    """Warn of what a document describes, but nobody can call."""
    unusable = [p for p in capability.problems if p.code.startswith("U-")]
    serve = logging.getLogger("naftiko.serve")
    for problem in unusable[:_MOST_UNUSABLE]:
        serve.warning(
            "%s: %s [%s]",
            problem.location,
            problem.message,
            problem.code,
            extra={"hint": problem.hint},
        )
    more = len(unusable) - _MOST_UNUSABLE
    if more > 0:
        serve.warning("%d more of these; see: naftiko validate %s", more, file)


class AccessLog:
    """An ASGI application that logs each request of another, and counts open ones.

    A request that is cancelled, which happens only where a server stops, has an answer
    all the same, unless it had begun already.

    Attributes:
        open_requests: Requests that have no end yet. Event streams that a GET opened
            stand aside: those end when the server does. What a POST answers as a
            stream, as MCP does, has an end of its own.
    """

    def __init__(self, app: Any, name: str) -> None:
        self._app = app
        self._name = name
        self.open_requests = 0

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        counted = 1
        self.open_requests += 1

        async def noting(message: Any) -> None:
            nonlocal status, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                if counted and scope["method"] == "GET" and _is_stream(message):
                    self.open_requests -= counted
                    counted = 0
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            if not status:
                from naftiko.exposes.http.inbound import Exchange
                from naftiko.exposes.http.problems import CUT_OFF

                await Exchange(scope, receive, noting).refuse(CUT_OFF)
        finally:
            self.open_requests -= counted
            if _log.isEnabledFor(logging.INFO):
                took = (time.perf_counter() - started) * 1000
                _log.info(
                    "%s %s %s %s %.1f ms",
                    self._name,
                    scope["method"],
                    scope["path"],
                    status or "-",
                    took,
                    extra={
                        "adapter": self._name,
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": status,
                        "duration_ms": round(took, 1),
                    },
                )


def _is_stream(message: Any) -> bool:
    for name, value in message.get("headers", ()):
        if name == b"content-type":
            return bool(value.startswith(b"text/event-stream"))
    return False
