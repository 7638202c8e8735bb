"""HTML → the tables of a page (spec 2.6).

    <table>                              {tables: [
      <tr><th>id</th><th>name</th></tr>    [{id: "7", name: Ada},
      <tr><td>7<td>Ada                      {id: "8", name: ""}]]}
      <tr><td>8
    </table>

The header cells of the first row of `thead`, or else of the table, name the columns; a
table without such a name is left out. The `outputSchema` is a CSS selector: only the
tables that it finds, or that stand inside other elements that it finds, are given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.errors import OutputError, shorten
from naftiko.formats.faults import import_library, refuse_body, refuse_depth
from naftiko.formats.rows import by_column
from naftiko.formats.text import declared_charset, text_in
from naftiko.http import is_utf8

if TYPE_CHECKING:
    from naftiko.plain import JSON

_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I
)
_XML_DECLARATION = re.compile(r"<\?xml\s[^>]{0,200}>", re.IGNORECASE)
#: Elements between whose texts a browser shows a gap.
_PARTS_WORDS = re.compile(
    "address|article|blockquote|br|d[dlt]|div|figure|h[1-6]|hr|li|[ou]l|p|pre|section"
).fullmatch


def decode_html(body: bytes, content_type: str, schema: str = "") -> JSON:
    """Return the tables of a page.

    Rows and cells of a table inside a table belong to the inner one only.

    Raises:
        OutputError: `schema` is not a CSS selector, the page is nested too deeply, or a
            library is not installed.
    """
    bs4 = import_library("bs4", "html")
    # bs4 warns about a declaration of XML, and about text without any tag.
    text = _XML_DECLARATION.sub("", text_in(body, _charset(body, content_type)))
    if "<" not in text:
        return {"tables": []}
    try:
        soup = bs4.BeautifulSoup(text, "html.parser")
        tables = _tables(soup)
        if schema.strip():
            tables = _selected(soup, schema, tables)
    except RecursionError:
        refuse_depth("html")
    except bs4.ParserRejectedMarkup as error:  # pragma: no cover - older Pythons only
        refuse_body("html", shorten(error), text)
    shaped = map(_objects, tables.values())
    return {"tables": [table for table in shaped if table is not None]}


def _charset(body: bytes, content_type: str) -> str:
    """Return the charset of the byte order mark, the header or a `meta` element."""
    charset = declared_charset(body, content_type)
    if charset:
        return charset
    meta = _META_CHARSET.search(body, 0, 2048)
    if meta is None or is_utf8(body):
        return ""
    return meta.group(1).decode("ascii", "replace")


def _selected(
    soup: Any, selector: str, tables: dict[int, list[_Row]]
) -> dict[int, list[_Row]]:
    """Return the tables that a selector finds, and those in other elements it finds."""
    soupsieve = import_library("soupsieve", "html")
    try:
        tags = soup.select(selector)
    except (soupsieve.SelectorSyntaxError, NotImplementedError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise OutputError(
            f"outputSchema '{shorten(selector)}' is not a CSS selector: {reason}",
            hint="write one such as 'table.products'",
        ) from None
    chosen: dict[int, list[_Row]] = {}
    for tag in tags:
        for table in [tag] if tag.name == "table" else tag.find_all("table"):
            chosen[id(table)] = tables[id(table)]
    return chosen


# --- the tables of a page, in one walk -----------------------------------------------


class _Cell(NamedTuple):
    """One `th` or `td`; `outer` is the cell that its table stands in."""

    header: bool
    texts: list[str]
    outer: _Cell | None

    def text(self) -> str:
        return " ".join("".join(self.texts).split())


class _Row(NamedTuple):
    """One `tr`; its section is `thead`, `tbody`, `tfoot` or empty."""

    section: str
    cells: list[_Cell]

    def headers(self) -> list[str]:
        return [cell.text() for cell in self.cells if cell.header]


class _Place(NamedTuple):
    """The table, row and cell that an element stands in.

    Attributes:
        rows: The rows of the table; `None` outside of tables.
        outer: The cell of another table that this table stands in.
    """

    rows: list[_Row] | None = None
    section: str = ""
    row: _Row | None = None
    cell: _Cell | None = None
    outer: _Cell | None = None


def _tables(soup: Any) -> dict[int, list[_Row]]:
    """Return the rows of every table in document order, by the identity of its tag.

    One walk does, because html.parser leaves an omitted `</td>` or `</tr>` open: the
    rest of the table then stands inside it, and asking each cell for its text would
    take quadratic time.
    """
    tables: dict[int, list[_Row]] = {}
    places = {id(soup): _Place()}
    for node in soup.descendants:
        place = places[id(node.parent)]
        if node.name is None:
            _add_text(place, node)
            continue
        if _PARTS_WORDS(node.name):
            _add_text(place, " ")
        places[id(node)] = place = _entered(node.name, place)
        if node.name == "table" and place.rows is not None:
            tables[id(node)] = place.rows
    return tables


def _entered(name: str, place: _Place) -> _Place:
    """Return the place inside an element."""
    if name == "table":
        return _Place(rows=[], outer=place.cell or place.outer)
    if place.rows is None:
        return place
    if name in ("thead", "tbody", "tfoot"):
        return place._replace(section=name, row=None, cell=None)
    if name == "tr":
        row = _Row(place.section, [])
        place.rows.append(row)
        return place._replace(row=row, cell=None)
    if name in ("th", "td") and place.row:
        cell = _Cell(name == "th", [], place.outer)
        place.row.cells.append(cell)
        return place._replace(cell=cell)
    return place


def _add_text(place: _Place, text: str) -> None:
    # bs4 has classes of their own for comments, scripts and style sheets.
    if type(text).__name__ not in ("str", "NavigableString", "CData"):
        return
    cell = place.cell or place.outer
    while cell:
        cell.texts.append(text)
        cell = cell.outer


def _objects(rows: list[_Row]) -> list[dict[str, JSON]] | None:
    """Return the rows of a table as objects, or `None` where no header has a name."""
    rows = [row for row in rows if row.cells]
    heads = [row for row in rows if row.section == "thead"][:1] + rows[:1]
    names = next((row.headers() for row in heads if row.headers()), [])
    if not any(names):
        return None
    bodies = [row for row in rows if row.section == "tbody"] or rows
    return [
        by_column(names, [cell.text() for cell in row.cells])
        for row in bodies
        if not row.headers()
    ]
