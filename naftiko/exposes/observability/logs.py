"""Log lines of a server: their format, one line for each request, the latest kept.

A line never holds a query or a header: credentials may stand there. This module must
not know who serves.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

#: Lines that the control port can show.
KEPT = 500


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
