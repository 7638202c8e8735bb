"""CSV, TSV and PSV → a list of objects.

    id,name         [{id: "7", name: Ada},
    7,Ada            {id: "8", name: ""},
    8                {id: "9", name: Bob, "": [x]}]
    9,Bob,x

    tag,tag         [{tag: [a, b]}]
    a,b

The first row names the columns. All values are text. A name that several columns have
gives a list of their cells, as an element that repeats does in XML.
"""

from __future__ import annotations

from itertools import chain, islice
from threading import Lock
from typing import TYPE_CHECKING, NoReturn

from naftiko.errors import OutputError
from naftiko.formats.budget import MAX_RESPONSE_BYTES, Growth
from naftiko.formats.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.plain import JSON

#: Delimiters of bodies that call themselves CSV, by preference.
_DELIMITERS = (",", ";", "\t")
#: How much of a body tells its delimiter: characters, and rows.
_SAMPLE, _SAMPLE_ROWS = 65_536, 10
#: Characters that a cell counts for, beside the name of its column, and a row.
_CELL, _ROW = 32, 96
#: A line of our own behind the last row; a quote that is not closed swallows it.
_END = "\ue000end of the body\ue000"
_limit_lock = Lock()


def decode_rows(
    body: bytes,
    content_type: str,
    _schema: str = "",
    *,
    delimiter: str,
    format: str,
    most: int = MAX_RESPONSE_BYTES,
) -> JSON:
    """Return the rows of a body, each an object with the column names of the first.

    Missing cells are empty texts. Cells beyond the last column are a list under an
    empty name. Lines without any cell are left out. CSV with semicolons or tabs, as
    spreadsheets write it in many countries, is noticed by its first rows.

    Raises:
        OutputError: The body is not in the format.
        OverBudget: The names of its columns make far more of its rows.
    """
    import csv

    growth = Growth(format, len(body), most)
    text = decode_text(body, content_type)
    if delimiter == ",":
        text, delimiter = _delimited(text)
    if len(text) <= csv.field_size_limit():
        return _objects(text, delimiter, format, growth)
    # RFC 4180 has no limit for a cell. That of Python's module is one for the process,
    # so it is raised for as long as this body is read.
    with _limit_lock:
        limit = csv.field_size_limit(min(len(text), 2**31 - 1))
        try:
            return _objects(text, delimiter, format, growth)
        finally:
            csv.field_size_limit(limit)


def _objects(text: str, delimiter: str, format: str, growth: Growth) -> JSON:
    import csv

    rows = filter(None, _rows(text, delimiter, _END))
    try:
        names, *cells_of_rows = rows
    except csv.Error as error:
        _refuse(format, str(error))
    if not cells_of_rows:
        if names != [_END]:
            _refuse(format, "a quote is not closed")
        return []
    if cells_of_rows.pop() != [_END]:
        _refuse(format, "a quote is not closed")
    count_rows(growth, names, len(cells_of_rows))
    size = len(names)
    is_plain = len(set(names)) == size
    return [
        dict(zip(names, cells, strict=True))
        if is_plain and len(cells) == size
        else _row(names, cells)
        for cells in cells_of_rows
    ]


def _refuse(format: str, fault: str) -> NoReturn:
    raise OutputError(
        f"the body is not {format}: {fault}",
        hint="outputRawFormat: text gives the body as it is",
    )


def _rows(text: str, delimiter: str, *more: str) -> Iterator[list[str]]:
    """Return the cells of each row of a text, and of further lines."""
    import csv
    import io

    lines = io.StringIO(text, newline="")
    return csv.reader(chain(lines, more), delimiter=delimiter)


def _delimited(text: str) -> tuple[str, str]:
    """Return a CSV text, and its delimiter: the one that makes its rows equally long.

    `a;b` and `1,5;2` have two cells each between semicolons. A first line `sep=;`, as
    spreadsheets write it, is taken for what it says.
    """
    first, _, rest = text.partition("\n")
    if first[:4].lower() == "sep=" and len(first.rstrip("\r")) == 5:
        return rest, first[4]
    counts = {sign: _cell_counts(text[:_SAMPLE], sign) for sign in _DELIMITERS}
    several = [sign for sign, found in counts.items() if found and found[0] > 1]
    even = [sign for sign in several if len(set(counts[sign])) == 1]
    return text, (even or several or [","])[0]


def _cell_counts(text: str, delimiter: str) -> list[int]:
    """Return the number of cells of each of the first rows."""
    import csv

    rows = islice(filter(None, _rows(text, delimiter)), _SAMPLE_ROWS)
    try:
        counts = [len(row) for row in rows]
    except csv.Error:
        return []  # told when the whole body is read
    # The sample may have cut its last row.
    return counts if len(text) < _SAMPLE or len(counts) < 2 else counts[:-1]


def _row(names: list[str], cells: list[str]) -> dict[str, JSON]:
    row = by_column(names, cells)
    extra: list[JSON] = [*cells[len(names) :]]
    if extra:
        known = row.get("", [])
        row[""] = [*(known if isinstance(known, list) else [known]), *extra]
    return row


def count_rows(growth: Growth, names: list[str], rows: int) -> None:
    """Take note of the objects that rows make: each repeats the names of the columns.

    Raises:
        OverBudget: They are too large, all together.
    """
    row = sum(map(len, names)) + _CELL * len(names) + _ROW
    growth.spend(rows * row, "the names of the columns, repeated by each row,")


def by_column(names: list[str], cells: list[str]) -> dict[str, JSON]:
    """Return column name → cell, and a list of cells for a name that repeats.

    `by_column(["id", "tag", "tag"], ["7", "a"])` is `{"id": "7", "tag": ["a", ""]}`.
    Missing cells are empty, further ones are left out.
    """
    row: dict[str, JSON] = {}
    missing = [""] * (len(names) - len(cells))
    for name, cell in zip(names, cells + missing, strict=False):
        if name not in row:
            row[name] = cell
        elif isinstance(row[name], list):
            row[name].append(cell)
        else:
            row[name] = [row[name], cell]
    return row
