"""XML -> plain data."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from naftiko.errors import OutputError, shorten
from naftiko.formats.faults import offset_of, refuse, refuse_depth
from naftiko.formats.text import declared_charset, text_of_body

if TYPE_CHECKING:
    from naftiko.plain import JSON

#: Elements deeper than this are refused, before Python's own limit is met elsewhere.
MAX_DEPTH = 200
_DECLARED = re.compile(
    rb"<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)


def decode_xml(body: bytes, content_type: str, _schema: str = "") -> JSON:
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
        shown = (
            text
            if isinstance(text, str)
            else text_of_body(text, declared_charset(text, ""))
        )
        place = offset_of(shown, error.lineno, error.offset + 1)
        refuse("xml", expat.ErrorString(error.code), shown, place)
    except (LookupError, ValueError) as error:
        refuse("xml", shorten(error), text_of_body(body, ""))
    return reader.value


def _xml_text(body: bytes, content_type: str) -> bytes | str:
    """Return the body as text where its encoding is known, else as bytes."""
    charset = declared_charset(body, content_type)
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
        refuse("xml", wrong, text_of_body(body, ""))


class _XmlReader:
    """Build the value of one document from the parser's events."""

    def __init__(self) -> None:
        self.value: JSON = ""
        # Of each open element: its members, and its texts between them.
        self._open: list[tuple[dict[str, JSON], list[str]]] = []

    def start(self, _name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            refuse_depth("xml")
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
