"""Markdown -> front matter, sections and tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.formats.faults import formats_library
from naftiko.formats.rows import named_cells
from naftiko.formats.text import declared_charset, text_of_body, yaml_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.plain import JSON

_FRONT = re.compile(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n|\Z)", re.DOTALL)
_BREAKS_AS = {"softbreak": " ", "hardbreak": "\n"}
_WORDS = frozenset(("text", "code_inline", "text_special", "image"))


def decode_markdown(body: bytes, content_type: str, schema: str = "") -> JSON:
    """Return front matter, tables and sections (spec 2.6).

    A section ends at the next heading; its content has one line per block. HTML blocks
    are left out. A section is kept when its heading starts with the `outputSchema`.
    """
    markdown_it = formats_library("markdown_it", "markdown")
    text = text_of_body(body, declared_charset(body, content_type))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front: JSON = {}
    found = _FRONT.match(text)
    if found:
        front = yaml_value(found.group(1) or "", "markdown")
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
        [named_cells(rows[0], row) for row in rows[1:]]
        for rows in tables
        if any(rows[0])
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


def _inline(token: Any) -> str:
    """Return the text of an inline token without its markup."""
    words = (
        _BREAKS_AS.get(child.type) or (child.content if child.type in _WORDS else "")
        for child in token.children or ()
    )
    return "".join(words).strip()
