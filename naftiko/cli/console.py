"""What the commands share in a terminal: colour, messages, progress, data as text."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from naftiko.errors import NaftikoError

_COLOURS = {"error": "31", "warning": "33", "info": "36", "hint": "2", "strong": "1"}


def has_colour(stream: TextIO) -> bool:
    """Tell whether colour may be written: a terminal, and no `NO_COLOR`."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def paint(text: str, style: str, stream: TextIO) -> str:
    """Return the text in a colour where the stream shows colours."""
    if not text or not has_colour(stream):
        return text
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m"


def show_error(error: NaftikoError) -> None:
    """Print an error of ours to standard error."""
    text, _, hint = str(error).partition("\n  hint: ")
    fail(text, hint)


def fail(text: str, hint: str = "") -> None:
    """Print an error message to standard error."""
    label = paint("error:", "error", sys.stderr)
    note(f"{label} {text}")
    if hint:
        note(paint(f"  hint: {hint}", "hint", sys.stderr))


def note(text: str) -> None:
    """Print a line to standard error."""
    print(text, file=sys.stderr)


def width() -> int | None:
    """Return the columns of the terminal that gets the output, or `None`."""
    if not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def columns(rows: Sequence[Sequence[str]], limit: int | None = None) -> Iterator[str]:
    """Yield rows as lines with aligned columns, cut at `limit` characters."""
    if not rows:
        return
    sizes = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(size) for cell, size in zip(row, sizes, strict=False)]
        line = "  ".join([*cells, row[-1]]).rstrip()
        yield line if limit is None or len(line) <= limit else line[: limit - 1] + "…"


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
        rate = self.done / (now - self._started)
        if self.total:
            filled = min(30, 30 * self.done // self.total)
            bar = "█" * filled + "░" * (30 - filled)
            left = (self.total - self.done) / rate if rate else 0
            text = f"{bar} {self.done:,}/{self.total:,} {self.unit} {left:.0f} s left"
        else:
            text = f"{self.done:,} {self.unit}"
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
        self._drawn = True

    def end(self) -> None:
        """Remove the bar."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


# --- data as text -----------------------------------------------------------------


def json_text(value: Any) -> str:
    """Return indented JSON, non-ASCII characters as they are."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


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
