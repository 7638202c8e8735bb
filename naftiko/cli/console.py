"""What the commands share in a terminal: colour, messages, progress, data as text."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from naftiko.errors import NaftikoError

# All control characters but the line break and the tab.
_CONTROL = re.compile(
    r"[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_COLOURS = {"error": "31", "warning": "33", "info": "36", "hint": "2", "strong": "1"}


def has_colour(stream: TextIO) -> bool:
    """Tell whether colour may be written.

    `NO_COLOR` forbids it, `CLICOLOR_FORCE` asks for it everywhere; otherwise it takes a
    terminal that is not dumb, and no `CLICOLOR=0`.
    """
    setting = os.environ.get
    if setting("NO_COLOR"):
        return False
    if setting("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    if setting("TERM") == "dumb" or setting("CLICOLOR") == "0":
        return False
    return stream.isatty()


def paint(text: str, style: str, stream: TextIO) -> str:
    """Return the text in a colour where the stream shows colours."""
    if not text or not has_colour(stream):
        return text
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m"


def clean(text: str) -> str:
    """Return a text without characters that would steer a terminal.

    Names of files, words of a document and answers of a server stand in messages.
    """
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def show_error(error: NaftikoError) -> None:
    """Print an error of ours to standard error."""
    text, _, hint = str(error).partition("\n  hint: ")
    fail(text, hint)


def fail(text: str, hint: str = "") -> None:
    """Print an error message to standard error."""
    label = paint("error:", "error", sys.stderr)
    note(f"{label} {clean(text)}")
    if hint:
        note(paint(f"  hint: {clean(hint)}", "hint", sys.stderr))


def note(text: str) -> None:
    """Print a line to standard error."""
    print(text, file=sys.stderr)


def width(stream: TextIO | None = None) -> int | None:
    """Return the columns of the terminal that gets a stream, or `None`."""
    stream = stream or sys.stdout
    if not stream.isatty():
        return None
    try:
        columns = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(stream.fileno()).columns
        except OSError:
            columns = 0
    return columns or 80


def columns(rows: Sequence[Sequence[str]], limit: int | None = None) -> Iterator[str]:
    """Yield rows as lines with aligned columns, cut at `limit` places.

    The first column is never cut: it holds the name that the reader wants.
    """
    if not rows:
        return
    rows = [[clean(cell) for cell in row] for row in rows]
    sizes = [max(_size(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [
            cell + " " * (size - _size(cell))
            for cell, size in zip(row, sizes, strict=False)
        ]
        line = "  ".join([*cells, row[-1]]).rstrip()
        if limit is not None and _size(line) > limit:
            line = max(_cut(line, limit), row[0], key=len)
        yield line


def _size(text: str) -> int:
    """Return how many places of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_places, text))


def _places(character: str) -> int:
    from unicodedata import combining, east_asian_width

    if combining(character) or character in "\u200b\u200d\ufe0f":
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _cut(text: str, limit: int) -> str:
    """Return the beginning of a text that takes more places than there are."""
    room = limit - 1
    kept = 0
    for character in text:
        room -= _places(character)
        if room < 0:
            break
        kept += 1
    return text[:kept] + "…"


class Progress:
    """A progress bar on standard error, in a terminal, for what takes long."""

    def __init__(self, total: int, unit: str, *, shown: bool = True) -> None:
        self.total = total
        self.unit = unit
        self.done = 0
        self._shown = shown and sys.stderr.isatty()
        self._started = self._last = time.monotonic()
        self._drawn = False

    def add(self, count: int = 1) -> None:
        """Count what is done, and draw at most ten times a second."""
        self.done += count
        now = time.monotonic()
        if self._shown and now - self._started > 0.5 and now - self._last > 0.1:
            self._last = now
            self._draw(now)

    def _draw(self, now: float) -> None:
        room = (width(sys.stderr) or 80) - 1
        text = f"{self.done:,} {self.unit}"
        if self.total:
            rate = self.done / (now - self._started)
            left = f"{(self.total - self.done) / rate:.0f} s left" if rate else ""
            text = f"{self.done:,}/{self.total:,} {self.unit}  {left}"
            size = min(30, room - len(text) - 1)
            if size > 3:
                full, empty = "█░" if _is_unicode(sys.stderr) else "#-"
                filled = min(size, size * self.done // self.total)
                text = f"{full * filled}{empty * (size - filled)} {text}"
        sys.stderr.write(f"\r\x1b[K{text[:room]}")
        sys.stderr.flush()
        self._drawn = True

    def end(self) -> None:
        """Remove the bar."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


# --- data as text -----------------------------------------------------------------


def json_text(value: Any) -> str:
    """Return indented JSON; characters as they are where the output is UTF-8."""
    import json

    escaped = not _is_unicode(sys.stdout)
    return json.dumps(value, indent=2, ensure_ascii=escaped, default=_plain)


def _is_unicode(stream: TextIO) -> bool:
    """Tell whether a stream can carry every character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        import base64

        return base64.b64encode(value).decode()
    return str(value)


def table_rows(value: Any) -> tuple[list[str], list[list[Any]]]:
    """Return the header and the rows that a value is as a table.

    A list of objects has a row for each; an object of lists that are equally long, as
    outputs often are, a row for each index; any other object a row for each member.
    """
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list)]
        if (
            lists
            and len(lists) == len(value)
            and len({len(item) for item in lists}) == 1
        ):
            return [str(key) for key in value], [
                list(row) for row in zip(*lists, strict=True)
            ]
        return ["name", "value"], [[key, item] for key, item in value.items()]
    items = value if isinstance(value, list) else [value]
    if items and all(isinstance(item, dict) for item in items):
        header = list(dict.fromkeys(str(key) for item in items for key in item))
        return header, [[item.get(key) for key in header] for item in items]
    return ["value"], [[item] for item in items]


def cell(value: Any) -> str:
    """Return a value as the text of one cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return str(_plain(value))
    if isinstance(value, list) and all(isinstance(v, (str, int, float)) for v in value):
        return ", ".join(map(cell, value))
    if isinstance(value, (dict, list, bool)):
        import json

        return json.dumps(value, ensure_ascii=False, default=_plain)
    return str(value)


def table_text(value: Any) -> str:
    """Return a value as an aligned table."""
    header, rows = table_rows(value)
    lines = [[name.upper() for name in header]]
    lines += [[" ".join(cell(item).split()) for item in row] for row in rows]
    return "\n".join(columns(lines, width()))


def csv_text(value: Any) -> str:
    """Return a value as CSV (RFC 4180) with a header line."""
    import csv
    from io import StringIO

    header, rows = table_rows(value)
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([cell(item) for item in row] for row in rows)
    return out.getvalue().removesuffix("\n")
