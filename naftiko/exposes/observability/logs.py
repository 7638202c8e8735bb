"""Log lines of a server: as text or JSON, and the latest of them for the control port.

A line never holds a query string or a header: both may hold credentials. This module
must not know what is served.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Lines that the control port can show.
KEPT = 500
#: Attributes of every record; all others were given as `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; extra fields become members of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(as_dict(record), ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """Formats a record for people: time, level, logger and message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")


def as_dict(record: logging.LogRecord) -> dict[str, Any]:
    """Return a record as plain data.

    {"time": "2026-01-31T12:00:00.000Z", "level": "info", "logger": …, "message": …}
    """
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    line: dict[str, Any] = {
        "time": f"{moment}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    line |= {
        name: value
        for name, value in vars(record).items()
        if name not in _OWN and not name.startswith("_")
    }
    if record.exc_info and record.exc_info[1] is not None:
        line["error"] = logging.Formatter().formatException(record.exc_info)
    return line


class LatestLines(logging.Handler):
    """Keeps the latest records, and calls each listener with every new one.

    Args:
        size: Records that are kept.
        *beside: Other handlers of the process; `enrich` applies to them too.

    Attributes:
        lines: The latest records as plain data, oldest first.
        listeners: Called with each new record as plain data.
    """

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
        """Add a filter that enriches the records of all handlers of the process."""
        for handler in (*self._beside, self):
            handler.addFilter(filter)


def configure(kind: str, level: str) -> LatestLines:
    """Send the log lines of this process to standard error.

    Args:
        kind: `text` or `json`.
        level: Level of the loggers of this package. Other loggers log warnings and
            errors.

    Returns:
        The handler that keeps the latest lines.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if kind == "json" else TextLines())
    latest = LatestLines(KEPT, handler)
    root = logging.getLogger()
    root.handlers = [handler, latest]
    root.setLevel(logging.WARNING)
    logging.getLogger("naftiko").setLevel(level.upper())
    return latest
