"""CSV, TSV and PSV -> a list of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import OutputError
from naftiko.formats.text import declared_charset, text_of_body

if TYPE_CHECKING:
    from naftiko.formats.faults import Decoder
    from naftiko.plain import JSON


def rows_decoder(delimiter: str, format: str) -> Decoder:
    """Return a decoder of rows: a list of objects, all values text.

    The first row names the columns. Missing cells are empty; cells beyond the last
    column are a list under an empty name. Lines without any cell are left out.
    """

    def decode_rows(body: bytes, content_type: str, _schema: str = "") -> JSON:
        import csv
        import io

        text = text_of_body(body, declared_charset(body, content_type))
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

    return decode_rows


def _row(names: list[str], cells: list[str]) -> dict[str, JSON]:
    more = len(names) - len(cells)
    row: dict[str, JSON] = dict(zip(names, cells + [""] * more, strict=False))
    if more < 0:
        extra = cells[len(names) :]
        row[""] = [row[""], *extra] if "" in row else extra
    return row


def named_cells(names: list[str], cells: list[str]) -> dict[str, str]:
    """Return cells under the names of their columns; missing cells are empty."""
    missing = [""] * (len(names) - len(cells))
    return dict(zip(names, cells + missing, strict=False))
