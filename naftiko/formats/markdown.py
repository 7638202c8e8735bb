"""Markdown → front matter, tables and sections (spec 2.6).

    ---                    {frontMatter: {by: Ada},
    by: Ada                 tables: [[{id: "7"}]],
    ---                     sections: [{heading: Ships, level: 1,
    # Ships                             content: Two of them.}]}
    Two *of* them.

    | id |
    | -- |
    | 7  |

A section ends at the next heading; its content has one line per block, without tables
and without HTML blocks. The `outputSchema` is the beginning of the headings to keep.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.formats.budget import MAX_RESPONSE_BYTES, Growth
from naftiko.formats.faults import import_library
from naftiko.formats.rows import by_column, count_rows
from naftiko.formats.text import decode_text, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.plain import JSON

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n|\Z)", re.DOTALL)
_LINE_BREAKS = {"softbreak": " ", "hardbreak": "\n"}
#: Beginning of a piece of HTML that is no tag → its end (CommonMark, 6.6).
_HTML_ENDS = {"<!--": "-->", "<?": "?>", "<![CDATA[": "]]>", "<!": ">"}
_TEXT_TOKENS = frozenset(("text", "code_inline", "text_special", "image"))


def decode_markdown(
    body: bytes,
    content_type: str,
    schema: str = "",
    *,
    most: int = MAX_RESPONSE_BYTES,
) -> JSON:
    """Return front matter, tables, and the sections whose heading begins with `schema`.

    Raises:
        BodyError: The front matter is not YAML.
        OutputError: A library is not installed.
        OverBudget: The names of the columns make far more of the rows of its tables.
    """
    markdown_it = import_library("markdown_it", "markdown")
    text = decode_text(body, content_type).replace("\r\n", "\n").replace("\r", "\n")
    front: JSON = {}
    if matter := _FRONT_MATTER.match(text):
        # Behind a line break in place of the first `---`: a fault has its true line.
        front = parse_yaml("\n" + (matter.group(1) or ""), "markdown")
        text = text[matter.end() :]
    reader = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    _skip_unclosed(reader)
    tokens = reader.parse(text)
    # Published files write the marks of the heading too (spec 13, row 32).
    beginning = schema.strip().lstrip("#").strip()
    return {
        "frontMatter": front if isinstance(front, dict) else {},
        "tables": _tables(tokens, Growth("markdown", len(body), most)),
        "sections": [
            section
            for section in _sections(tokens)
            if section["heading"].startswith(beginning)
        ],
    }


def _skip_unclosed(reader: Any) -> None:
    """Let a reader not look again for the end of HTML that has none in its paragraph.

    Each `<![CDATA[` or `<!--` of a long paragraph would search it to its end.
    """
    rules = import_library("markdown_it.rules_inline", "markdown")
    missing: dict[str, bool] = {}
    searched = ""

    def read(state: Any, silent: bool) -> bool:
        nonlocal searched
        if state.src is not searched:
            searched = state.src
            missing.clear()
        for begin, end in _HTML_ENDS.items():
            if state.src.startswith(begin, state.pos):
                if end not in missing and state.src.find(end, state.pos) < 0:
                    missing[end] = True
                if end in missing:
                    return False
                break
        return bool(rules.html_inline(state, silent))

    reader.inline.ruler.at("html_inline", read)


def _tables(tokens: Iterable[Any], growth: Growth) -> list[list[dict[str, JSON]]]:
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
    found = []
    for names, *rows in tables:
        if any(names):
            count_rows(growth, names, len(rows))
            found.append([by_column(names, row) for row in rows])
    return found


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


def _inline(token: Any) -> str:
    """Return the text of an inline token without its markup."""
    words = (
        _LINE_BREAKS.get(child.type)
        or (child.content if child.type in _TEXT_TOKENS else "")
        for child in token.children or ()
    )
    return "".join(words).strip()
