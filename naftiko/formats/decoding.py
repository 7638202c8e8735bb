"""Response bytes → JSON value, by `outputRawFormat`.

One function per format, behind `decode`. Formats other than the standard library's are
read by libraries that are imported only when such a body arrives. This module must not
know how the bytes came here.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from naftiko.errors import OutputError, did_you_mean, names_of, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    JSON = Any
    Decoder = Callable[[bytes, str, str], JSON]

#: Elements deeper than this are refused, before Python's own limit is met elsewhere.
MAX_DEPTH = 200

_UTF8 = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"',]+)", re.IGNORECASE)
#: Codecs of Python for names and literals, which are no encoding of a body.
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape")
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What is masked left and right of a fault before a few characters are quoted.
_AROUND = 64 * 1024
_EXCERPT = 200


def decode(
    format: str, body: bytes, *, content_type: str = "", schema: str = ""
) -> JSON:
    """Return the value that a response body stands for.

    Args:
        format: An `outputRawFormat` in any case; empty means `json`.
        body: The bytes as they came, content encoding undone.
        content_type: The value of that header. Only its charset counts, and whether
            it promises one JSON document or many; the format is never guessed from it.
        schema: The `outputSchema`: a CSS selector for `html`, the beginning of a
            heading for `markdown`.

    Raises:
        OutputError: The format is unknown, or the body is not in it.
    """
    decoder = _DECODERS.get(format) or _DECODERS.get((format or "json").strip().lower())
    if decoder is None:
        _refuse_format(format)
    return decoder(body, content_type, schema)


def check(format: str) -> None:
    """Raise what `decode` would raise for any body: it is asked before one is sent for.

    Raises:
        OutputError: The format is unknown, not built in, or needs a missing library.
    """
    name = (format or "json").strip().lower()
    if name not in _DECODERS:
        _refuse_format(format)
    for library in _LIBRARIES.get(name, ()):
        _library(library, name)


def is_supported(format: str) -> bool:
    """Tell whether `decode` reads a format; the case of letters does not count."""
    return (format or "json").strip().lower() in _DECODERS


def _refuse_format(format: str) -> NoReturn:
    if format.strip().lower() in FORMATS:
        raise OutputError(
            f"outputRawFormat '{format}' is not supported yet",
            hint="outputRawFormat: binary gives the bytes unchanged",
        )
    guess = did_you_mean(format, FORMATS)
    raise OutputError(
        f'Unsupported "{shorten(format)}" format specified',
        hint=f"{guess} Known formats: {names_of(FORMATS)}".strip(),
    )


# --- characters -------------------------------------------------------------------


def charset_of(content_type: str) -> str:
    """Return the character encoding that a `Content-Type` names, UTF-8 by default."""
    found = _CHARSET.search(content_type)
    try:
        name = codecs.lookup(found.group(1)).name if found else "utf-8"
        b"\xff".decode(name, "replace")  # not every codec is one of text
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NO_CHARSETS else name


def _charset(body: bytes, content_type: str) -> str:
    """Return the character encoding: of the mark, else of the header, else empty."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    found = _CHARSET.search(content_type)
    return found.group(1).lower() if found else ""


def _text(body: bytes, charset: str) -> str:
    """Return the body as text, with U+FFFD where its bytes make no sense."""
    try:
        text = body.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        # The header names no encoding of text; nearly all bodies are UTF-8.
        text = body.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def _excerpt(text: str) -> str:
    """Return a few printable characters of a text, in quotes."""
    clean = (c if c.isprintable() or c.isspace() else "�" for c in text[:_EXCERPT])
    return f"'{shorten(''.join(clean))}'"


_LOOKS = (
    (re.compile(r"\s*<(?:!doctype html|html)", re.IGNORECASE), "HTML", "html"),
    (re.compile(r"\s*<"), "XML", "xml"),
    (re.compile(r"\s*[{\[]"), "JSON", "json"),
)


def _refuse(format: str, wrong: str, text: str, place: int = 0) -> NoReturn:
    """Raise the error for a body that is not in its format.

    Args:
        format: The format it is not in.
        wrong: What is the matter.
        text: The body, or its beginning.
        place: Where in the text the fault is.
    """
    hint = f"declare the outputRawFormat that the body has; it is now '{format}'"
    for looks, called, name in _LOOKS:
        if name != format and looks.match(text):
            hint = f"the body looks like {called}; declare outputRawFormat: {name}"
            break
    line = text.count("\n", 0, place) + 1
    column = place - text.rfind("\n", 0, place)
    # Some of the standard library's messages go on with "at" as well.
    wrong = wrong.removesuffix(" at")
    told = f"the body is not {format}: {wrong} at line {line}, column {column}"
    raise BodyError(told, text, place, hint=hint) from None


class BodyError(OutputError):
    """A body that is not in its format; its message quotes the place of the fault."""

    def __init__(self, told: str, text: str, place: int, *, hint: str) -> None:
        begin = max(0, place - _AROUND)
        self._told = told
        self._text = text[begin : place + _AROUND]
        self._place = place - begin
        super().__init__(self.quoting(str), hint=hint)

    def quoting(self, mask: Callable[[str], str]) -> str:
        """Return the message with what is quoted masked first, and cut then."""
        shown = mask(self._text)
        begin = len(mask(self._text[: self._place])) - 30
        return f"{self._told}: {_excerpt(shown[max(0, begin) :])}"


def message_without(mask: Callable[[str], str], error: OutputError) -> str:
    """Return the message of an error of `decode` with the secrets in it masked."""
    if isinstance(error, BodyError):
        return error.quoting(mask)
    return mask(error.message)


def _place(text: str, line: int, column: int) -> int:
    """Return how far into a text a line and column are, which count from 1."""
    before = text.split("\n")[: line - 1]
    return min(sum(len(each) + 1 for each in before) + column - 1, len(text))


def _refuse_depth(format: str) -> NoReturn:
    raise OutputError(
        f"the body is not usable {format}: it is nested too deeply",
        hint="outputRawFormat: text gives it as it is",
    ) from None


# --- json -------------------------------------------------------------------------

_NDJSON = "application/x-ndjson"
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MANY = frozenset(
    (
        _NDJSON,
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-seq",
    )
)
# RFC 7464 puts a record separator before each document.
_GAP = re.compile("[ \t\r\n\x1e]*")
_BREAKS = frozenset("\r\n\x1e")
_scan = json.JSONDecoder().raw_decode


def _json(body: bytes, content_type: str, _schema: str = "") -> JSON:
    """Return the document in a body, `None` for an empty body, or a list of many."""
    many = bool(content_type) and _promises_many(content_type)
    charset = _charset(body, content_type) if "charset" in content_type.lower() else ""
    # json.loads tells the UTFs apart by itself; going by text first would cost a copy.
    if not many and (not charset or charset in _UTF8):
        try:
            return json.loads(body)
        except RecursionError:
            _refuse_depth("json")
        except ValueError:
            pass
    text = _json_text(body, charset)
    try:
        documents = list(_documents(text, promised=many))
    except RecursionError:
        _refuse_depth("json")
    except json.JSONDecodeError as error:
        _refuse("json", error.msg, text, error.pos)
    except ValueError as error:
        # A number of thousands of digits.
        _refuse("json", shorten(error), text)
    if many or len(documents) > 1:
        return documents
    return documents[0] if documents else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)


def strict_json(body: bytes, content_type: str = "") -> JSON:
    """Return the value of a body that is exactly one JSON document in UTF-8.

    Raises:
        ValueError: It is not, though `decode` may still read it.
    """
    if content_type and _promises_many(content_type):
        raise ValueError("promises several documents")
    try:
        return _STRICT.decode(body.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _promises_many(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in _MANY or kind.endswith("+json-seq")


def _json_text(body: bytes, charset: str) -> str:
    charset = charset or json.detect_encoding(body)
    try:
        return body.decode(charset).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start + 1} is not {charset}"
        _refuse(
            "json",
            wrong,
            _text(body, charset),
            len(_text(body[: error.start], charset)),
        )
    except (LookupError, ValueError):
        return _text(body, "")


def _documents(text: str, *, promised: bool) -> Iterator[JSON]:
    """Yield JSON documents that stand one after another."""
    at = _after_gap(text, 0)
    while at < len(text):
        value, end = _scan(text, at)
        yield value
        at = _after_gap(text, end)
        # Without this, '404 page' would be a number and a fault further on, and
        # '555 1234' a list.
        apart = promised or text[end - 1] in "}]" or _BREAKS & set(text[end:at])
        if at < len(text) and not apart:
            raise json.JSONDecodeError("Extra data", text, at)


def documents(lines: Iterable[str]) -> Iterator[JSON]:
    """Yield the JSON documents in lines of text, each as soon as it is complete.

    There may be one to a line, several on a line, or one on many lines.

    Raises:
        OutputError: A document is not JSON.
    """
    held: list[str] = []
    depth = 0
    for line in lines:
        if not held:
            try:
                yield from list(_documents(line, promised=True))
                continue
            except (ValueError, RecursionError):
                pass
        held.append(line)
        depth += _depth(line)
        if depth <= 0:
            yield from _held(held)
            held, depth = [], 0
    if held:
        yield from _held(held)


def _held(lines: list[str]) -> list[JSON]:
    found: list[JSON] = _json("\n".join(lines).encode("utf-8", "replace"), _NDJSON)
    return found


def _depth(line: str) -> int:
    """Return how many more brackets a line opens than it closes, outside of texts."""
    plain = _JSON_STRING.sub("", line)
    opened = plain.count("{") + plain.count("[")
    return opened - plain.count("}") - plain.count("]")


def _after_gap(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at


# --- xml --------------------------------------------------------------------------

_DECLARED = re.compile(
    rb"<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)


def _xml(body: bytes, content_type: str, _schema: str = "") -> JSON:
    """Return what the root element holds; `None` for an empty body.

    The root itself is dropped (spec 2.6). Attributes and child elements become
    members; what occurs several times becomes a list. An element with neither is its
    text. Text beside members goes under an empty name. All leaves are text. Namespace
    prefixes and declarations are dropped: `<a:b xmlns:a="…">` is `b`.
    """
    from xml.parsers import expat

    if not body.strip():
        return None
    text = _xml_text(body, content_type)
    reader = _XmlReader()
    parser = expat.ParserCreate("utf-8" if isinstance(text, str) else None)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.EntityDeclHandler = reader.entity
    parser.SkippedEntityHandler = reader.skipped
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        shown = text if isinstance(text, str) else _text(text, _charset(text, ""))
        place = _place(shown, error.lineno, error.offset + 1)
        _refuse("xml", expat.ErrorString(error.code), shown, place)
    except (LookupError, ValueError) as error:
        _refuse("xml", shorten(error), _text(body, ""))
    return reader.value


def _xml_text(body: bytes, content_type: str) -> bytes | str:
    """Return the body as text where its encoding is known, else as bytes."""
    charset = _charset(body, content_type)
    found = _DECLARED.match(body.removeprefix(codecs.BOM_UTF8))
    if found:
        declared = found.group(1).decode("ascii").lower()
        # A declaration that reads as ASCII cannot be of UTF-16, whatever it says:
        # some programs write it from a string and send UTF-8.
        charset = "utf-8" if declared.startswith(("utf-16", "utf-32")) else declared
    elif charset.startswith(("utf-16", "utf-32")) or not charset:
        return body
    try:
        return body.decode(charset).removeprefix("\ufeff")
    except (LookupError, ValueError):
        wrong = f"its bytes are not {shorten(charset)}"
        _refuse("xml", wrong, _text(body, ""))


class _XmlReader:
    """Build the value of one document from the parser's events."""

    def __init__(self) -> None:
        self.value: JSON = ""
        # Of each open element: its members, and its texts between them.
        self._open: list[tuple[dict[str, JSON], list[str]]] = []

    def start(self, _name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            _refuse_depth("xml")
        members: dict[str, JSON] = {}
        for name, value in attributes.items():
            if name != "xmlns" and not name.startswith("xmlns:"):
                _add(members, name, value)
        self._open.append((members, []))

    def characters(self, text: str) -> None:
        self._open[-1][1].append(text)

    def end(self, name: str) -> None:
        members, texts = self._open.pop()
        text = "".join(texts)
        value: JSON = text if text.strip() else ""
        if members:
            if value:
                _add(members, "", text.strip())
            value = members
        if self._open:
            _add(self._open[-1][0], name, value)
        else:
            self.value = value

    def entity(self, name: str, *_more: object) -> None:
        raise OutputError(
            f"the body is not usable xml: it declares the entity '{shorten(name)}'",
            hint="declared entities are refused: they can fill the memory",
        )

    def skipped(self, name: str, _parameter: bool) -> None:
        raise OutputError(
            f"the body is not usable xml: the entity '{shorten(name)}' is not defined",
            hint="outputRawFormat: text gives the body as it is",
        )


def _add(members: dict[str, JSON], name: str, value: JSON) -> None:
    """Add a member by its local name; a second of the same name makes a list."""
    name = name.rpartition(":")[2]
    if name not in members:
        members[name] = value
    elif isinstance(members[name], list):
        members[name].append(value)
    else:
        members[name] = [members[name], value]


# --- yaml, csv, text, binary ------------------------------------------------------


def _yaml(body: bytes, content_type: str, _schema: str = "") -> JSON:
    return _yaml_value(_text(body, _charset(body, content_type)), "yaml")


def _yaml_value(text: str, format: str) -> JSON:
    from naftiko.document.source import parse_value
    from naftiko.errors import DocumentError

    try:
        return parse_value(text)
    except DocumentError as error:
        place = _place(text, *error.location[1:]) if error.location else 0
        _refuse(format, error.message, text, place)


def _separated(delimiter: str, format: str) -> Decoder:
    """Return a decoder of rows: a list of objects, all values text.

    The first row names the columns. Missing cells are empty; cells beyond the last
    column are a list under an empty name. Lines without any cell are left out.
    """

    def decode_rows(body: bytes, content_type: str, _schema: str = "") -> JSON:
        import csv
        import io

        text = _text(body, _charset(body, content_type))
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


def _plain_text(body: bytes, content_type: str, _schema: str = "") -> str:
    return _text(body, _charset(body, content_type))


def _binary(body: bytes, _content_type: str, _schema: str = "") -> bytes:
    return body


# --- html -------------------------------------------------------------------------

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


def _html(body: bytes, content_type: str, schema: str = "") -> JSON:
    """Return the tables of a page (spec 2.6).

    Rows and cells of a table inside a table belong to the inner one only.
    """
    bs4 = _library("bs4", "html")
    charset = _charset(body, content_type)
    if not charset:
        found = _META.search(body, 0, 2048)
        charset = found.group(1).decode("ascii", "replace") if found else ""
    # bs4 warns about a declaration of XML, and about text without any tag.
    text = _XML_DECLARATION.sub("", _text(body, charset))
    if "<" not in text:
        return {"tables": []}
    try:
        soup = bs4.BeautifulSoup(text, "html.parser")
        tables = _html_tables(soup)
        if schema.strip():
            tables = _selected(soup, schema, tables)
    except RecursionError:
        _refuse_depth("html")
    except bs4.ParserRejectedMarkup as error:  # pragma: no cover - older Pythons only
        _refuse("html", shorten(error), text)
    shaped = (_html_table(rows) for rows in tables.values())
    return {"tables": [table for table in shaped if table is not None]}


def _selected(
    soup: Any, selector: str, tables: dict[int, list[_Row]]
) -> dict[int, list[_Row]]:
    """Return the tables a selector finds, and those inside other things it finds."""
    soupsieve = _library("soupsieve", "html")
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
        _named(names, [cell.text() for cell in row.cells])
        for row in bodies
        if not row.headers()
    ]


def _named(names: list[str], cells: list[str]) -> dict[str, str]:
    missing = [""] * (len(names) - len(cells))
    return dict(zip(names, cells + missing, strict=False))


# --- markdown ---------------------------------------------------------------------

_FRONT = re.compile(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n|\Z)", re.DOTALL)


def _markdown(body: bytes, content_type: str, schema: str = "") -> JSON:
    """Return front matter, tables and sections (spec 2.6).

    A section ends at the next heading; its content has one line per block. HTML blocks
    are left out. A section is kept when its heading starts with the `outputSchema`.
    """
    markdown_it = _library("markdown_it", "markdown")
    text = _text(body, _charset(body, content_type))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front: JSON = {}
    found = _FRONT.match(text)
    if found:
        front = _yaml_value(found.group(1) or "", "markdown")
        text = text[found.end() :]
    reader = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = reader.parse(text)
    prefix = schema.strip().lstrip("#").strip()
    return {
        "frontMatter": front if isinstance(front, dict) else {},
        "tables": _markdown_tables(tokens),
        "sections": [
            section
            for section in _sections(tokens)
            if section["heading"].startswith(prefix)
        ],
    }


def _markdown_tables(tokens: Iterable[Any]) -> list[list[dict[str, str]]]:
    tables: list[list[list[str]]] = []
    in_cell = False
    for token in tokens:
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type in ("th_open", "td_open"):
            in_cell = True
        elif token.type == "inline" and in_cell:
            tables[-1][-1].append(" ".join(_inline(token).split()))
            in_cell = False
    return [
        [_named(rows[0], row) for row in rows[1:]] for rows in tables if any(rows[0])
    ]


def _sections(tokens: Iterable[Any]) -> list[dict[str, JSON]]:
    sections: list[dict[str, JSON]] = []
    lines: list[str] = []
    in_table = in_heading = False
    for token in tokens:
        if token.type in ("table_open", "table_close"):
            in_table = token.type == "table_open"
        elif token.type == "heading_open" and token.level == 0:
            in_heading = True
            lines = []
            sections.append({"heading": "", "level": int(token.tag[1:]), "content": ""})
        elif token.type == "inline" and in_heading:
            sections[-1]["heading"] = _inline(token)
            in_heading = False
        elif sections and not in_table and (text := _block(token)):
            lines.append(text)
            sections[-1]["content"] = "\n".join(lines)
    return sections


def _block(token: Any) -> str:
    if token.type == "inline":
        return _inline(token)
    if token.type in ("fence", "code_block"):
        return str(token.content).rstrip("\n")
    return ""


_BREAKS_AS = {"softbreak": " ", "hardbreak": "\n"}
_WORDS = frozenset(("text", "code_inline", "text_special", "image"))


def _inline(token: Any) -> str:
    """Return the text of an inline token without its markup."""
    words = (
        _BREAKS_AS.get(child.type) or (child.content if child.type in _WORDS else "")
        for child in token.children or ()
    )
    return "".join(words).strip()


def _library(name: str, format: str) -> Any:
    """Import a library of the extra `formats`."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise OutputError(
            f"outputRawFormat '{format}' needs the library '{name}'",
            hint='pip install "naftiko[formats]"',
        ) from None


# --- the message in an error body -------------------------------------------------

# The more a key says to a person, the earlier it stands: OAuth's `error` is a code.
_MESSAGES = (
    "message",
    "error_description",
    "errormessage",
    "error_message",
    "detail",
    "error",
    "title",
    "description",
    "msg",
    "reason",
    "errors",
    "fault",
    "faultstring",
)
_MESSAGE = 300
_MESSAGE_DEPTH = 6


def message_of(value: JSON) -> str:
    """Return what a decoded error body says to a person, or an empty text."""
    return _message(value, _MESSAGE_DEPTH)


def _message(value: JSON, depth: int) -> str:
    if isinstance(value, str):
        # A page is no message.
        text = value[: 10 * _MESSAGE]
        return "" if text.lstrip().startswith("<") else shorten(text, _MESSAGE)
    if not depth:
        return ""
    if isinstance(value, list):
        found = (_message(item, depth - 1) for item in value[:_MESSAGE_DEPTH])
        return next(filter(None, found), "")
    if isinstance(value, dict):
        members = {str(key).lower(): member for key, member in value.items()}
        found = (_message(members.get(key), depth - 1) for key in _MESSAGES)
        return next(filter(None, found), "") or _field_message(members, depth)
    return ""


def _field_message(members: dict[str, JSON], depth: int) -> str:
    """Return the first of `{"errors": {"<field>": ["<message>"]}}`."""
    fields = members.get("errors")
    if not isinstance(fields, dict):
        return ""
    found = (
        f"{field}: {text}"
        for field, told in fields.items()
        if (text := _message(told, depth - 1))
    )
    return next(found, "")


# --- the table --------------------------------------------------------------------

_DECODERS: dict[str, Decoder] = {
    "json": _json,
    "xml": _xml,
    "yaml": _yaml,
    "csv": _separated(",", "csv"),
    "tsv": _separated("\t", "tsv"),
    "psv": _separated("|", "psv"),
    "html": _html,
    "markdown": _markdown,
    "text": _plain_text,
    "binary": _binary,
}
#: What `decode` needs for some of them.
_LIBRARIES = {"html": ("bs4", "soupsieve"), "markdown": ("markdown_it",)}
#: The formats `decode` reads.
SUPPORTED = frozenset(_DECODERS)
#: All formats a document may name.
FORMATS = (*_DECODERS, "avro", "protobuf")
