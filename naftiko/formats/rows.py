"""CSV, TSV and PSV → a list of objects.

    id,name         [{id: "7", name: Ada},
    7,Ada            {id: "8", name: ""},
    8                {id: "9", name: Bob, "": [x]}]
    9,Bob,x

The first row names the columns. All values are text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import OutputError
from naftiko.formats.text import decode_text

if TYPE_CHECKING:
    from naftiko.plain import JSON


def decode_rows(
    body: bytes, content_type: str, _schema: str = "", *, delimiter: str, format: str
) -> JSON:
    """Return the rows of a body, each an object with the column names of the first.

    Missing cells are empty texts. Cells beyond the last column are a list under an
    empty name. Lines without any cell are left out.

    Raises:
        OutputError: The body is not in the format, as one with a cell without an end.
    """
    import csv
    import io

    text = decode_text(body, content_type)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        filled = filter(None, rows)
        names = next(filled, [])
        return [_row(names, cells) for cells in filled]
    except csv.Error as error:
        raise OutputError(
            f"the body is not {format}: {error} in line {rows.line_num}",
            hint="outputRawFormat: text gives the body as it is",
        ) from None


def _row(names: list[str], cells: list[str]) -> dict[str, JSON]:
    row: dict[str, JSON] = {**by_column(names, cells)}
    if len(cells) > len(names):
        extra = cells[len(names) :]
        row[""] = [row[""], *extra] if "" in row else extra
    return row


def by_column(names: list[str], cells: list[str]) -> dict[str, str]:
    """Return column name → cell; missing cells are empty, further ones are left out.

    `by_column(["id", "name"], ["7"])` is `{"id": "7", "name": ""}`.
    """
    missing = [""] * (len(names) - len(cells))
    return dict(zip(names, cells + missing, strict=False))
