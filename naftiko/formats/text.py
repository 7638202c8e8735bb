"""Bytes -> text, by byte order mark or charset; plain text, binary and YAML."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from naftiko.formats.faults import offset_of, refuse
from naftiko.http import CHARSET

if TYPE_CHECKING:
    from naftiko.plain import JSON

UTF8_NAMES = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def declared_charset(body: bytes, content_type: str) -> str:
    """Return the character encoding: of the mark, else of the header, else empty."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    found = CHARSET.search(content_type)
    return found.group(1).lower() if found else ""


def text_of_body(body: bytes, charset: str) -> str:
    """Return the body as text, with U+FFFD where its bytes make no sense."""
    try:
        text = body.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        # The header names no encoding of text; nearly all bodies are UTF-8.
        text = body.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def decode_yaml(body: bytes, content_type: str, _schema: str = "") -> JSON:
    """Decode a YAML body."""
    return yaml_value(text_of_body(body, declared_charset(body, content_type)), "yaml")


def yaml_value(text: str, format: str) -> JSON:
    """Return the value of a YAML text."""
    from naftiko.document.yaml import parse_value
    from naftiko.errors import DocumentError

    try:
        return parse_value(text)
    except DocumentError as error:
        place = offset_of(text, *error.location[1:]) if error.location else 0
        refuse(format, error.message, text, place)


def decode_text(body: bytes, content_type: str, _schema: str = "") -> str:
    """Decode a body as plain text."""
    return text_of_body(body, declared_charset(body, content_type))


def decode_binary(body: bytes, _content_type: str, _schema: str = "") -> bytes:
    """Return a body as it came."""
    return body
