"""HTML text → its tags and texts, in one walk that takes linear time.

    <p class=a>1 &lt; 2<br>   →   open p, text "1 < 2", open br

The tokens are those of the standard (HTML, 13.2.5), but for what no page needs to be
read: a tag that never ends is text, and so is all behind it. `html.parser` of Python
takes quadratic time for comments, tags and declarations that are not closed. This
module must not know tables.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    r"[\s/]*+([^\s/>][^\s/>=]*+)"
    r"(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>]*+)))?+"
)
#: Elements whose content is no markup → their end.
_RAW_ENDS = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style")
}
_LONG_NUMBER = re.compile(r"&#[0-9]{9,};?")


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
