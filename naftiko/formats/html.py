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
from html import unescape
from typing import TYPE_CHECKING, Any

from naftiko.errors import OutputError, shorten
from naftiko.formats.budget import (
    MAX_RESPONSE_BYTES,
    Growth,
    OverBudget,
    check_size,
)
from naftiko.formats.faults import import_library, refuse_depth
from naftiko.formats.rows import by_column, count_rows
from naftiko.formats.text import declared_charset, text_in
from naftiko.http import is_utf8
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.plain import JSON

_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I
)
#: Tables inside each other: each repeats the texts of those that it holds.
MAX_TABLES = 50
#: Elements of a page that a selector is tried on, each counted with those around it;
#: and elements, where the selector looks at the ones beside or inside each.
_MOST_STEPS, _MOST_COMPARED = 4_000_000, 10_000
#: Elements between whose texts a browser shows a gap.
_PARTS_WORDS = re.compile(
    "address|article|blockquote|br|d[dlt]|div|figure|h[1-6]|hr|li|[ou]l|p|pre|section"
).fullmatch

#: Elements that have no content (HTML, 13.1.2), older ones included.
VOID = frozenset(
    (
        "area", "base", "basefont", "bgsound", "br", "col", "command", "embed", "frame",
        "hr", "image", "img", "input", "isindex", "keygen", "link", "menuitem", "meta",
        "nextid", "param", "source", "spacer", "track", "wbr",
    )
)  # fmt: skip
#: A start tag: its name, and the text of its attributes. Nothing is tried twice.
_START = re.compile(
    r"<([a-zA-Z][^\s/>]*+)((?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+)*+)>"
)
_END = re.compile(r"</([a-zA-Z][^\s/>]*+)[^>]*+>")
_ATTRIBUTE = re.compile(
    r"([^\s/>][^\s/>=]*+)"
    r"(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>]*+)))?+"
)
#: Elements whose content is no markup → their end.
_RAW_ENDS = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style")
}
_LONG_NUMBER = re.compile(r"&#[0-9]{9,};?")


def decode_html(
    body: bytes,
    content_type: str,
    schema: str = "",
    *,
    most: int = MAX_RESPONSE_BYTES,
) -> JSON:
    """Return the tables of a page.

    Rows and cells of a table inside a table belong to the inner one only.

    Raises:
        OutputError: `schema` is not a CSS selector, the page is nested too deeply, or a
            library is not installed.
        OverBudget: Nested tables, or the names of columns, make far more of the page.
    """
    bs4 = import_library("bs4", "html")
    text = text_in(body, _charset(body, content_type))
    if "<" not in text:
        return {"tables": []}
    growth = Growth("html", len(body), most)
    if schema.strip():
        check_size("html by selector", len(body), most)
        soup = bs4.BeautifulSoup("", "html.parser")
        try:
            tables = _selected(soup, schema, _tables(text, growth, soup))
        except RecursionError:
            refuse_depth("html")
    else:
        tables = _tables(text, growth)
    shaped = [_objects(rows, growth) for rows in tables.values()]
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
    _check_steps(soup, selector)
    try:
        tags = soup.select(selector)
    except (soupsieve.SelectorSyntaxError, NotImplementedError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise OutputError(
            f"outputSchema '{shorten(selector)}' is not a CSS selector: {reason}",
            hint="write one such as 'table.products'",
        ) from None
    chosen = {id(tag) for tag in tags}
    for node in soup.descendants:
        if node.name is not None and id(node.parent) in chosen:
            chosen.add(id(node))
    return {tag: rows for tag, rows in tables.items() if tag in chosen}


def _check_steps(soup: Any, selector: str) -> None:
    """Refuse a page that a selector would take too long for.

    Raises:
        OverBudget: It has too many elements inside or beside each other.
    """
    depths = {id(soup): 0}
    steps = 0
    for node in soup.descendants:
        if node.name is not None:
            depths[id(node)] = depth = depths[id(node.parent)] + 1
            steps += depth
    compares = "~" in selector or ":" in selector
    if steps > _MOST_STEPS or (compares and len(depths) > _MOST_COMPARED):
        raise OverBudget(
            f"the body is not usable html: its {len(depths):,} elements are too many,"
            f" or too deeply nested, for the selector '{shorten(selector)}'",
            hint="a selector without `~` and `:` takes less; without an outputSchema"
            " every table is given",
        )


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
        depth: The number of tables around it, its own included.
    """

    rows: list[_Row] | None = None
    section: str = ""
    row: _Row | None = None
    cell: _Cell | None = None
    outer: _Cell | None = None
    depth: int = 0


def _tables(text: str, growth: Growth, soup: Any = None) -> dict[int, list[_Row]]:
    """Return the rows of every table in document order.

    An omitted `</td>` or `</tr>` leaves its element open: the rest of the table then
    stands inside it, which changes nothing for the rows.

    Args:
        text: The page.
        growth: Counts the texts of nested tables.
        soup: A soup to put every element into, or `None`. Tables then have the identity
            of their tag as the key, and otherwise their number.
    """
    tables: dict[int, list[_Row]] = {}
    opened: list[tuple[str, _Place]] = []
    counts: dict[str, int] = {}
    place = _Place()
    for kind, name, attributes, is_closed in pieces_of(text):
        if kind == "text":
            _add_text(place, name, growth)
            if soup is not None:
                soup.handle_data(name)
        elif kind == "open":
            if _PARTS_WORDS(name):
                _add_text(place, " ", growth)
            inside = _entered(name, place)
            key = len(tables)
            if soup is not None:
                given = attributes_of(attributes)
                key = id(soup.handle_starttag(name, None, None, given))
            if name == "table" and inside.rows is not None:
                tables[key] = inside.rows
            if not is_closed:
                opened.append((name, place))
                counts[name] = counts.get(name, 0) + 1
                place = inside
            elif soup is not None:
                soup.handle_endtag(name)
        elif counts.get(name):
            last = ""
            while last != name:
                last, place = opened.pop()
                counts[last] -= 1
            if soup is not None:
                soup.handle_endtag(name)
    if soup is not None:
        soup.endData()
    return tables


def _entered(name: str, place: _Place) -> _Place:
    """Return the place inside an element."""
    if name == "table":
        if place.depth >= MAX_TABLES:
            refuse_depth("html")
        outer = place.cell or place.outer
        return _Place(rows=[], outer=outer, depth=place.depth + 1)
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


def _add_text(place: _Place, text: str, growth: Growth) -> None:
    if place.depth > 1:
        # It is joined once for each of them, and stands in the value as often.
        growth.spend(4 * place.depth * len(text), "tables inside each other")
    cell = place.cell or place.outer
    while cell:
        cell.texts.append(text)
        cell = cell.outer


def _objects(rows: list[_Row], growth: Growth) -> list[dict[str, JSON]] | None:
    """Return the rows of a table as objects, or `None` where no header has a name."""
    rows = [row for row in rows if row.cells]
    heads = [row for row in rows if row.section == "thead"][:1] + rows[:1]
    names = next((row.headers() for row in heads if row.headers()), [])
    if not any(names):
        return None
    bodies = [row for row in rows if row.section == "tbody"] or rows
    count_rows(growth, names, len(bodies))
    return [
        by_column(names, [cell.text() for cell in row.cells])
        for row in bodies
        if not row.headers()
    ]


# --- tags and texts -------------------------------------------------------------------
#
# The tokens are those of the standard (HTML, 13.2.5), but for what no page needs to be
# read: a tag that never ends is text, and so is all behind it. `html.parser` of Python
# takes quadratic time for comments, tags and declarations that are not closed.


class Piece(NamedTuple):
    """A tag or a text.

    Attributes:
        kind: `open`, `close` or `text`.
        text: The name of the tag in lower case, or the text.
        attributes: The attributes of a tag that opens, as they are written.
        is_closed: Whether a tag that opens has no content.
    """

    kind: str
    text: str
    attributes: str = ""
    is_closed: bool = False


def pieces_of(text: str) -> Iterator[Piece]:
    """Yield the tags and texts of a page; comments and scripts are left out."""
    at = 0
    # A search that found nothing is not made again.
    has_data_end = True
    while (begin := text.find("<", at)) >= 0:
        if begin > at:
            yield Piece("text", _plain(text[at:begin]))
        sign = text[begin + 1 : begin + 2]
        if sign.isascii() and sign.isalpha():
            tag = _START.match(text, begin)
            if tag is None:
                yield Piece("text", _plain(text[begin:]))
                return
            name, attributes = tag[1].lower(), tag[2]
            is_closed = name in VOID or attributes.endswith("/")
            yield Piece("open", name, attributes, is_closed)
            at = tag.end()
            if name in _RAW_ENDS and not is_closed:
                end = _RAW_ENDS[name].search(text, at)
                at = end.start() if end else len(text)
        elif sign == "/":
            ended = _END.match(text, begin)
            if ended:
                yield Piece("close", ended[1].lower())
                at = ended.end()
            else:
                at = _behind(text, ">", begin + 2)
        elif sign == "!":
            if text.startswith("<!--", begin):
                at = _behind(text, "-->", begin + 2)
            elif has_data_end and text.startswith("<![CDATA[", begin):
                end_of_data = text.find("]]>", begin)
                has_data_end = end_of_data >= 0
                if has_data_end:
                    yield Piece("text", text[begin + 9 : end_of_data])
                    at = end_of_data + 3
                else:
                    at = _behind(text, ">", begin)
            else:
                at = _behind(text, ">", begin)
        elif sign == "?":
            at = _behind(text, ">", begin)
        else:
            yield Piece("text", "<")
            at = begin + 1
    if at < len(text):
        yield Piece("text", _plain(text[at:]))


def attributes_of(written: str) -> dict[str, str]:
    """Return name → value of written attributes: `a=1 b` is `{"a": "1", "b": ""}`."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(written):
        name, *values = match.groups("")
        found.setdefault(name.lower(), _plain("".join(values)))
    return found


def _behind(text: str, end: str, at: int) -> int:
    """Return the offset behind the next end, or that of the end of the text."""
    found = text.find(end, at)
    return len(text) if found < 0 else found + len(end)


def _plain(text: str) -> str:
    """Return a text with its character references replaced: `&lt;` is `<`."""
    if "&" not in text:
        return text
    # No character has such a number, and Python does not convert the longest ones.
    return unescape(_LONG_NUMBER.sub("\ufffd", text))
