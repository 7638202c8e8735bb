r"""Values as tables, CSV, JSON and YAML for a terminal.

    table_text([{"a": 1}, {"a": 2}]) → "A\n1\n2"
    csv_text([{"a": 1}, {"a": 2}])   → "a\n1\n2"

What becomes a row is decided here as well. East Asian characters count as two places
of a terminal.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from naftiko.cli.console import line_of, note
from naftiko.errors import CallError, did_you_mean, names_of
from naftiko.plain import finite, visible_json
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from naftiko.consumes.operation import Operation
    from naftiko.jsonpath.columns import Columns
    from naftiko.transport.messages import Response

#: A cell is not made narrower than this to fit a line into a terminal.
_LEAST = 8
#: Digits of a long identifier that are enough to tell it from others, as Docker has it.
_SHORT_ID = 12
_LONG_ID = r"(?:sha256:)?([0-9a-f]{64})"
#: Ends of names of columns that hold a time, as a number of seconds or as in ISO 8601,
#: and how much of a name is looked at.
_TIME_NAME = (
    r"(?i)(?:created|updated|modified|started|finished|published|timestamp|time)"
    r"(?:_?at|_?time)?\Z"
)
_TIME_NAME_REACH = 20
_TIME_TEXT = (
    r"(?i)([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)
#: Seconds of each unit of an age, the longest first.
_UNITS = {
    "year": 31_536_000,
    "month": 2_592_000,
    "day": 86_400,
    "hour": 3600,
    "minute": 60,
    "second": 1,
}
_REPLACED = (
    "a number of the result has no form in JSON (NaN, Infinity): it is null here"
)


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
    rows = [[line_of(cell) for cell in row] for row in rows]
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


# --- JSON and YAML ------------------------------------------------------------------


def json_text(value: Any) -> str:
    """Return indented JSON; characters as they are where the output is UTF-8.

    A number that JSON has no form for, as an infinity, is null, and a note says so.
    """
    return _json(value, indent=2)


def line_text(value: Any) -> str:
    """Return JSON on one line: `{"a": 1}`."""
    return _json(value)


def _json(value: Any, **form: Any) -> str:
    import json

    form["ensure_ascii"] = not is_unicode(sys.stdout)
    form["default"] = _base64_or_text
    try:
        text = json.dumps(value, allow_nan=False, **form)
    except ValueError:
        text = json.dumps(_finite(value), **form)
    return visible_json(text)


def yaml_text(value: Any) -> str:
    """Return block-style YAML; numbers that JSON has no form for are null."""
    # Imported here: hardly any command writes YAML.
    from naftiko.document.writing import write_yaml

    return write_yaml(_finite(value))


def _finite(value: Any) -> Any:
    """Return a value without infinities, and note that there were some."""
    written = finite(value)
    if written is not value:
        note(f"warning: {_REPLACED}")
    return written


def is_unicode(stream: TextIO) -> bool:
    """Tell whether a stream can carry every character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def _base64_or_text(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        import base64

        return base64.b64encode(value).decode()
    return str(value)


# --- rows ---------------------------------------------------------------------------


class Table(NamedTuple):
    """A value as rows.

    Attributes:
        header: The names of the columns.
        rows: The cells of each row.
        beside: What stands beside the rows: name → value.
    """

    header: list[str]
    rows: list[list[Any]]
    beside: dict[str, Any]


def table_of(value: Any, columns: Columns | None = None, source: Any = None) -> Table:
    """Return a value as a table.

    - Outputs that come from the same nodes are columns; the others stand beside.
    - A list of objects has a row for each object, with their members as columns.
    - So has an object whose only structure is such a list, or a list of names beside
      rows of as many cells.
    - Any other object has a row for each member. Lists are never paired.

    Args:
        value: The result of a call.
        columns: Those of the outputs of the operation.
        source: The decoded body, in which `columns` finds the rows.
    """
    if columns is not None and isinstance(value, dict):
        beside = {k: v for k, v in value.items() if k not in columns.names}
        return Table(list(columns.names), columns.rows(source), beside)
    if isinstance(value, dict):
        return _within(value) or Table(
            ["name", "value"], [*map(list, value.items())], {}
        )
    items = value if isinstance(value, list) else [value]
    if items and all(isinstance(item, dict) for item in items):
        header = list(dict.fromkeys(str(key) for item in items for key in item))
        rows = [[item.get(key) for key in header] for item in items]
        return Table(header, rows, {})
    return Table(["value"], [[item] for item in items], {})


def output_columns(
    paths: Iterable[tuple[str, str]], operation: Operation, response: Response
) -> Columns | None:
    """Return the outputs of one response that make the rows of a table, or `None`.

    Args:
        paths: Name of an output and its JSONPath.
        operation: The operation that was called.
        response: Its response.
    """
    from naftiko.formats.xml import is_xml
    from naftiko.jsonpath.columns import columns_of

    kind = response.content_type
    is_of_xml = is_xml(operation.output_raw_format, kind)
    return columns_of(paths, lone_is_list=is_of_xml)


def _within(value: dict[str, Any]) -> Table | None:
    """Return the table that an object holds, or `None` for an object like others."""
    parts = {k: v for k, v in value.items() if isinstance(v, (dict, list))}
    beside = {k: v for k, v in value.items() if k not in parts}
    lists = [part for part in parts.values() if isinstance(part, list)]
    if len(lists) != len(parts) or not lists or not lists[-1]:
        return None
    if len(lists) == 1:
        ((name, items),) = parts.items()
        if all(isinstance(item, dict) for item in items):
            return table_of(items)._replace(beside=beside)
        return None if beside else Table([name], [[item] for item in items], {})
    names, *others = lists
    if len(others) == 1 and all(isinstance(name, str) for name in names):
        (rows,) = others
        if all(isinstance(row, list) and len(row) == len(names) for row in rows):
            return Table(names, rows, beside)
    return None


def picked(table: Table, names: str) -> Table:
    """Return the columns of a table whose names are listed with commas between them.

    Raises:
        CallError: The table has no such column.
    """
    wanted = [name.strip() for name in names.split(",")]
    if table.header == ["name", "value"] and wanted != table.header:
        # The members of one object are columns too, of one row.
        members = {str(name): value for name, value in table.rows}
        table = Table(list(members), [list(members.values())], table.beside)
    folded = {name.lower(): at for at, name in reversed([*enumerate(table.header)])}
    places = []
    for name in wanted:
        if name.lower() not in folded:
            guess = did_you_mean(name, table.header)
            raise CallError(
                f"the result has no column '{name}'",
                hint=f"{guess} Columns: {names_of(table.header)}".strip(),
            )
        places.append(folded[name.lower()])
    header = [table.header[place] for place in places]
    return Table(header, [[row[place] for place in places] for row in table.rows], {})


def cell(value: Any) -> str:
    """Return a value as the text of one cell; a list or an object as compact JSON."""
    if value is None or (isinstance(value, float) and finite(value) is None):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return str(_base64_or_text(value))
    if isinstance(value, (dict, list, bool)):
        import json

        return json.dumps(
            finite(value),
            ensure_ascii=False,
            separators=(",", ":"),
            default=_base64_or_text,
        )
    return str(value)


def table_text(value: Any, *, header: bool = True, full: bool = False) -> str:
    """Return a value as an aligned table, and below it what stands beside its rows.

    Args:
        value: A result, or a `Table`.
        header: The names of the columns are the first line.
        full: Long identifiers and times are not shortened, and lines are not cut.
    """
    names, rows, beside = value if isinstance(value, Table) else table_of(value)
    lines = [[name.upper() for name in names]] if header else []
    for row in rows:
        cells = zip(names, row, strict=True)
        lines.append([_shown(name, item, full=full) for name, item in cells])
    limit = None if full else width()
    text = "\n".join(columns(_fitted(lines, limit), limit))
    if not beside:
        return text
    pairs = [[f"{name}:", _one_line(cell(item))] for name, item in beside.items()]
    return "\n".join([text, "", *columns(pairs, limit)])


def csv_text(value: Any, *, header: bool = True) -> str:
    """Return a value as CSV (RFC 4180), with a header line if wanted.

    What stands beside the rows has no place in CSV, so a note tells it.
    """
    import csv
    from io import StringIO

    names, rows, beside = value if isinstance(value, Table) else table_of(value)
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(names)
    writer.writerows([cell(item) for item in row] for row in rows)
    _note_beside(beside)
    return out.getvalue().removesuffix("\n")


def _note_beside(beside: dict[str, Any]) -> None:
    """Tell on standard error what stands beside the rows: they have no place for it."""
    for name, item in beside.items():
        note(line_of(f"{name}: {_one_line(cell(item))}"))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shown(name: str, value: Any, *, full: bool) -> str:
    """Return a cell for people: a long identifier is cut, a time becomes an age."""
    if not full:
        if isinstance(value, str) and (match := re.fullmatch(_LONG_ID, value)):
            return match[1][:_SHORT_ID]
        if re.search(_TIME_NAME, name[-_TIME_NAME_REACH:]) and (age := _age(value)):
            return age
    return _one_line(cell(value))


def _age(value: Any) -> str:
    """Return how long ago a time was, or an empty text for what is no time."""
    from datetime import datetime
    from time import time

    if isinstance(value, str) and (match := re.fullmatch(_TIME_TEXT, value)):
        offset = match[2].upper().replace("Z", "+00:00")
        try:
            value = datetime.fromisoformat(match[1] + offset).timestamp()
        except (ValueError, OverflowError):
            return ""
    # Seconds since 1970, from 2001 to 2100: another number is no time.
    if type(value) not in (int, float) or not 1e9 <= value < 4.1e9:
        return ""
    seconds = int(time() - value)
    if seconds < 0:
        return ""
    for unit, length in _UNITS.items():
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "now"


def _fitted(lines: list[list[str]], limit: int | None) -> list[list[str]]:
    """Return lines whose widest cells are cut so that every column can be seen.

    The first column is kept whole: it holds the name that the reader wants.
    """
    if limit is None or not lines:
        return lines
    sizes = [max(map(_size, column)) for column in zip(*lines, strict=True)]
    room = limit - 2 * (len(sizes) - 1)
    while sum(sizes) > room:
        widest = max(range(1, len(sizes)), key=sizes.__getitem__, default=0)
        if not widest or sizes[widest] <= _LEAST:
            return lines  # too many columns; the lines are cut at their ends
        sizes[widest] -= 1
    return [
        [c if _size(c) <= s else _cut(c, s) for c, s in zip(line, sizes, strict=True)]
        for line in lines
    ]


def tsv_text(value: Any, *, header: bool = True) -> str:
    """Return a value as tab-separated values, with a header line if wanted.

    A tab, a line break or a backslash in a cell is written with a backslash.
    """
    names, rows, beside = value if isinstance(value, Table) else table_of(value)
    lines: list[list[Any]] = [list(names)] if header else []
    lines += rows
    _note_beside(beside)
    return "\n".join("\t".join(map(_tsv_cell, line)) for line in lines)


def _tsv_cell(value: Any) -> str:
    text = cell(value).replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\r", "\\r").replace("\n", "\\n")


def ndjson_text(value: Any) -> str:
    """Return JSON on one line; a list as one line for each item."""
    items = value if isinstance(value, list) else [value]
    return "\n".join(map(_compact, items))


def lines_text(value: Any) -> str:
    """Return a value as plain lines: texts as they are, a list as a line for each item.

    `["a", {"b": 1}, null]` becomes the lines `a`, `{"b":1}` and `null`.
    """
    items = value if isinstance(value, list) else [value]
    return "\n".join(
        item if isinstance(item, str) else _compact(item) for item in items
    )


def _compact(value: Any) -> str:
    """Return JSON on one line; bytes are written in base64, without quotation marks."""
    if isinstance(value, (bytes, bytearray)):
        return str(_base64_or_text(value))
    return _json(value, separators=(",", ":"))
