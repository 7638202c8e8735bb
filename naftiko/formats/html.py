"""HTML tables and selected elements -> plain data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.errors import OutputError, shorten
from naftiko.formats.faults import formats_library, refuse, refuse_depth
from naftiko.formats.rows import named_cells
from naftiko.formats.text import declared_charset, text_of_body

if TYPE_CHECKING:
    from naftiko.plain import JSON

_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
_XML_DECLARATION = re.compile(r"<\?xml\s[^>]{0,200}>", re.IGNORECASE)
# Elements that part words, as a browser shows them.
_APART = re.compile(
    "address|article|blockquote|br|d[dlt]|div|figure|h[1-6]|hr|li|[ou]l|p|pre|section"
).fullmatch


class _Cell(NamedTuple):
    """One `th` or `td`, and the cell that the table around it stands in."""

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
    """What an element stands in; `outer` is the cell around the table."""

    rows: list[_Row] | None = None
    section: str = ""
    row: _Row | None = None
    cell: _Cell | None = None
    outer: _Cell | None = None


def decode_html(body: bytes, content_type: str, schema: str = "") -> JSON:
    """Return the tables of a page (spec 2.6).

    Rows and cells of a table inside a table belong to the inner one only.
    """
    bs4 = formats_library("bs4", "html")
    charset = declared_charset(body, content_type)
    if not charset:
        found = _META.search(body, 0, 2048)
        charset = found.group(1).decode("ascii", "replace") if found else ""
    # bs4 warns about a declaration of XML, and about text without any tag.
    text = _XML_DECLARATION.sub("", text_of_body(body, charset))
    if "<" not in text:
        return {"tables": []}
    try:
        soup = bs4.BeautifulSoup(text, "html.parser")
        tables = _html_tables(soup)
        if schema.strip():
            tables = _selected(soup, schema, tables)
    except RecursionError:
        refuse_depth("html")
    except bs4.ParserRejectedMarkup as error:  # pragma: no cover - older Pythons only
        refuse("html", shorten(error), text)
    shaped = (_html_table(rows) for rows in tables.values())
    return {"tables": [table for table in shaped if table is not None]}


def _selected(
    soup: Any, selector: str, tables: dict[int, list[_Row]]
) -> dict[int, list[_Row]]:
    """Return the tables a selector finds, and those inside other things it finds."""
    soupsieve = formats_library("soupsieve", "html")
    try:
        found = soup.select(selector)
    except (soupsieve.SelectorSyntaxError, NotImplementedError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise OutputError(
            f"outputSchema '{shorten(selector)}' is not a CSS selector: {reason}",
            hint="write one such as 'table.products'",
        ) from None
    chosen: dict[int, list[_Row]] = {}
    for tag in found:
        for table in [tag] if tag.name == "table" else tag.find_all("table"):
            chosen[id(table)] = tables[id(table)]
    return chosen


def _html_tables(soup: Any) -> dict[int, list[_Row]]:
    """Return the rows of every table in document order, by the identity of its tag.

    One walk, because html.parser leaves an omitted `</td>` or `</tr>` open: what
    follows then stands inside it, and asking each cell for its text is quadratic.
    """
    tables: dict[int, list[_Row]] = {}
    places = {id(soup): _Place()}
    for node in soup.descendants:
        place = places[id(node.parent)]
        if node.name is None:
            _add_text(place, node)
            continue
        if _APART(node.name):
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
    # Comments, scripts and style sheets are strings too, of classes of their own.
    if type(text).__name__ not in ("str", "NavigableString", "CData"):
        return
    cell = place.cell or place.outer
    while cell:
        cell.texts.append(text)
        cell = cell.outer


def _html_table(rows: list[_Row]) -> list[dict[str, str]] | None:
    """Return the rows of a table as objects, or `None` where no header has a name."""
    rows = [row for row in rows if row.cells]
    heads = [row for row in rows if row.section == "thead"][:1] + rows[:1]
    names = next((row.headers() for row in heads if row.headers()), [])
    if not any(names):
        return None
    bodies = [row for row in rows if row.section == "tbody"] or rows
    return [
        named_cells(names, [cell.text() for cell in row.cells])
        for row in bodies
        if not row.headers()
    ]
