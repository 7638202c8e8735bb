r"""Values as tables, CSV and JSON for a terminal.

    table_text([{"a": 1}, {"a": 2}]) → "A\n1\n2"
    csv_text([{"a": 1}, {"a": 2}])   → "a\n1\n2"

East Asian characters count as two places of a terminal.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from naftiko.cli.console import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO


def width(stream: TextIO | None = None) -> int | None:
    """Return the columns of the terminal that shows a stream; elsewhere `None`."""
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
    """Yield rows as lines with aligned columns: `[["a", "x"], …]` → `a    x`, ….

    Lines are cut at `limit` places of a terminal, but never inside the first column: it
    holds the name that the reader wants.
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
    """Return the beginning of a text, and an ellipsis, in `limit` places."""
    room = limit - 1
    kept = 0
    for character in text:
        room -= _places(character)
        if room < 0:
            break
        kept += 1
    return text[:kept] + "…"


def json_text(value: Any) -> str:
    """Return indented JSON; characters as they are where the output is UTF-8."""
    import json

    escaped = not is_unicode(sys.stdout)
    return json.dumps(value, indent=2, ensure_ascii=escaped, default=_base64_or_text)


def line_text(value: Any) -> str:
    """Return JSON on one line: `{"a": 1}`."""
    import json

    escaped = not is_unicode(sys.stdout)
    return json.dumps(value, ensure_ascii=escaped, default=_base64_or_text)


def is_unicode(stream: TextIO) -> bool:
    """Tell whether a stream can carry every character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def _base64_or_text(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        import base64

        return base64.b64encode(value).decode()
    return str(value)


def table_rows(value: Any) -> tuple[list[str], list[list[Any]]]:
    """Return a value as the header and the rows of a table.

    A list of objects has a row for each object, an object of equally long lists (as
    outputs often are) a row for each index, any other object a row for each member.
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
        return str(_base64_or_text(value))
    if isinstance(value, list) and all(isinstance(v, (str, int, float)) for v in value):
        return ", ".join(map(cell, value))
    if isinstance(value, (dict, list, bool)):
        import json

        return json.dumps(value, ensure_ascii=False, default=_base64_or_text)
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
