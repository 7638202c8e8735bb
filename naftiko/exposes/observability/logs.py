"""Log lines of a server: as text or JSON, and the latest of them for the control port.

A record is one line, whatever a path, an error or a document holds: control characters
are escaped, so that none of them begins a line of its own. Only a traceback has further
lines, which are indented. A line never holds a query string or a header: both may hold
credentials. This module must not know what is served.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any

from naftiko.plain import visible, visible_json

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
        text = json.dumps(as_dict(record), ensure_ascii=False, default=str)
        return visible_json(text)


class TextLines(logging.Formatter):
    """Formats a record for people: time, level, logger and message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line without a traceback."""
        return visible(super().formatMessage(record).rstrip("\n"))

    def formatException(self, ei: Any) -> str:
        """Return a traceback, each of its lines indented."""
        return _indented(traceback_of(ei[1]))

    def formatStack(self, stack_info: str) -> str:
        """Return a stack, each of its lines indented."""
        return _indented(stack_info)


#: Exceptions of one traceback: causes, and members of groups.
_MOST_EXCEPTIONS = 20


def traceback_of(error: BaseException | None) -> str:
    """Return the traceback of an exception and of its causes, the cause first.

    The text of an exception may come from outside, so its control characters are
    escaped: it is one line.
    """
    parts: list[str] = []
    _note_traceback(error, parts, set())
    return "\n".join(parts)


def _note_traceback(
    error: BaseException | None, parts: list[str], seen: set[int]
) -> None:
    if error is None or id(error) in seen or len(seen) >= _MOST_EXCEPTIONS:
        return
    seen.add(id(error))
    earlier = error.__cause__
    if earlier is None and not error.__suppress_context__:
        earlier = error.__context__
    if earlier is not None and id(earlier) not in seen:
        _note_traceback(earlier, parts, seen)
        parts.append("which led to:")
    if error.__traceback__ is not None:
        parts.append("Traceback (most recent call last):")
        frames = traceback.format_tb(error.__traceback__)
        parts += [visible(frame.rstrip("\n"), keep="\n") for frame in frames]
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the text of a broken exception
        text = "(no text)"
    notes = [str(note) for note in getattr(error, "__notes__", ())]
    told = visible("; ".join([text, *notes]))
    name = visible(type(error).__qualname__)
    parts.append(f"{name}: {told}" if told else name)
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            _note_traceback(member, parts, seen)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


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
        line["error"] = traceback_of(record.exc_info[1])
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
