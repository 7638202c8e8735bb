"""Log lines of a server: as text or JSON, and the latest of them for the control port.

A record is one line, whatever a path, an error or a document holds: control characters
are escaped, so that none of them begins a line of its own. Only a traceback has further
lines, which are indented. A line never holds a query string or a header: both may hold
credentials.

The lines of requests wait until some can be written together, at most `WAIT` seconds.
Every other record writes them first, so all lines are in the order in which they were
made. This module must not know what is served.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, TextIO

from naftiko.plain import visible, visible_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from naftiko.exposes.observability.request_lines import RequestLine

#: Lines that the control port can show.
KEPT = 500
#: Seconds, and lines, for which lines of requests wait.
WAIT = 0.05
_MOST_WAITING = 256
#: Bytes that are written to a pipe as a whole, also beside other processes (POSIX).
_ATOMIC = 4096
#: Bytes of a character at most, in UTF-8 or escaped.
_WIDEST = 10
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


class StreamLines(logging.StreamHandler[TextIO]):
    """Writes the lines of a server to a stream.

    Attributes:
        before: Called before each record, to write what is older.
    """

    before: Callable[[], None] = staticmethod(lambda: None)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, and before it what is older."""
        self.before()
        super().emit(record)

    def flush(self) -> None:
        """Write what waits, at the end of the process too."""
        self.before()
        super().flush()

    def write_all(self, lines: list[RequestLine]) -> None:
        """Write the lines of requests; a line is written as a whole."""
        is_json = isinstance(self.formatter, JsonLines)
        texts = [line.as_json() if is_json else line.as_text() for line in lines]
        try:
            for part in _parts(texts):
                self.stream.write(part)
                self.stream.flush()
        except Exception:  # noqa: BLE001 - as `logging` does
            self.handleError(logging.makeLogRecord({"msg": texts[0]}))


def _parts(lines: list[str]) -> list[str]:
    """Return texts of several lines, none longer than what is written as a whole."""
    parts: list[str] = []
    part: list[str] = []
    size = 0
    for line in lines:
        more = (len(line) if line.isascii() else len(line) * _WIDEST) + 1
        if part and size + more > _ATOMIC:
            parts.append("\n".join(part) + "\n")
            part, size = [], 0
        part.append(line)
        size += more
    return [*parts, "\n".join(part) + "\n"] if part else parts


class LatestLines(logging.Handler):
    """Keeps the latest records, and calls each listener with every new one.

    Args:
        size: Records that are kept.
        *beside: Other handlers of the process; `enrich` applies to them too. One that
            is a `StreamLines` writes the lines of requests.

    Attributes:
        listeners: Called with each new record as plain data.
        more: Returns further fields for the request that is under way, or `None`.
    """

    def __init__(self, size: int = KEPT, *beside: logging.Handler) -> None:
        super().__init__()
        self._beside = beside
        self._kept: deque[dict[str, Any] | RequestLine] = deque(maxlen=size)
        self.listeners: set[Callable[[dict[str, Any]], None]] = set()
        self.more: Callable[[], Mapping[str, Any] | None] | None = None
        self._waiting: deque[RequestLine] = deque()
        self._is_due = False
        self._streams = [one for one in beside if isinstance(one, StreamLines)]
        # The lock of the stream, where there is one: a record locks it before it
        # writes what is older, so a second lock could be taken in the other order.
        lock = self._streams[0].lock if self._streams else None
        self._writing: AbstractContextManager[Any] = lock or threading.RLock()
        for stream in self._streams:
            stream.before = self.settle

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The latest records as plain data, oldest first."""
        self.settle()
        return [x if isinstance(x, dict) else x.as_dict() for x in tuple(self._kept)]

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.settle()
        self._keep(as_dict(record))

    def _keep(self, line: dict[str, Any] | RequestLine) -> None:
        self._kept.append(line)
        if self.listeners:
            told = line if isinstance(line, dict) else line.as_dict()
            for tell in tuple(self.listeners):
                tell(told)

    def add(self, line: RequestLine) -> None:
        """Take the line of a request; it is written soon, in order."""
        self._waiting.append(line)
        if len(self._waiting) >= _MOST_WAITING:
            self.settle()
        elif not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(WAIT, self._write_due)

    def _write_due(self) -> None:
        self._is_due = False
        self.settle()

    def settle(self) -> None:
        """Write the lines that wait."""
        if not self._waiting:
            return
        with self._writing:
            waiting = self._waiting
            lines = [waiting.popleft() for _ in range(len(waiting))]
            if not lines:  # another thread has written them meanwhile
                return
            for stream in self._streams:
                stream.write_all(lines)
            for line in lines:
                self._keep(line)

    def close(self) -> None:
        """Write the lines that wait; no event loop will."""
        self._is_due = False
        self.settle()
        super().close()

    def enrich(self, filter: logging.Filter) -> None:
        """Add a filter that enriches the records of all handlers of the process.

        The filter may have a method `fields`, which returns what it adds.
        """
        for handler in (*self._beside, self):
            handler.addFilter(filter)
        self.more = getattr(filter, "fields", None)


def configure(kind: str, level: str) -> LatestLines:
    """Send the log lines of this process to standard error.

    Args:
        kind: `text` or `json`.
        level: Level of the loggers of this package. Other loggers log warnings and
            errors.

    Returns:
        The handler that keeps the latest lines.
    """
    handler = StreamLines(sys.stderr)
    handler.setFormatter(JsonLines() if kind == "json" else TextLines())
    latest = LatestLines(KEPT, handler)
    root = logging.getLogger()
    root.handlers = [handler, latest]
    root.setLevel(logging.WARNING)
    logging.getLogger("naftiko").setLevel(level.upper())
    return latest
