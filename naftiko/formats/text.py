"""Bytes → text: `text`, `yaml` and `binary`, and the characters of the other formats.

    bytes          Content-Type                text
    -------------  --------------------------  -----------------------
    ef bb bf 61    any                         a  (byte order mark)
    e9             text/plain; charset=latin1  é
    c3 a9          any                         é  (UTF-8)
    e9             none                        U+FFFD

Bytes that are no characters are no fault: the rest of the text may be what counts.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from naftiko.formats.faults import offset_at, refuse_body
from naftiko.http import CHARSET, is_utf8, known_charset

if TYPE_CHECKING:
    from naftiko.plain import JSON

_UTF8_NAMES = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(
    body: bytes, content_type: str, _schema: str = "", *, most: int = 0
) -> str:
    """Return a body as text; bytes that are no characters become U+FFFD."""
    return text_in(body, declared_charset(body, content_type))


def decode_binary(
    body: bytes, _content_type: str, _schema: str = "", *, most: int = 0
) -> bytes:
    """Return a body as it came."""
    return body


def decode_yaml(
    body: bytes, content_type: str, _schema: str = "", *, most: int = 0
) -> JSON:
    """Return the value of a YAML document; `None` for an empty body.

    Raises:
        BodyError: The body is not YAML.
    """
    return parse_yaml(decode_text(body, content_type), "yaml")


def parse_yaml(text: str, format: str) -> JSON:
    """Return the value of a YAML text: `id: 7` is `{"id": 7}`.

    Args:
        text: The text.
        format: The declared format of the body that it comes from.

    Raises:
        BodyError: The text is not YAML.
    """
    from naftiko.document.yaml import parse_value
    from naftiko.errors import DocumentError

    try:
        return parse_value(text)
    except DocumentError as error:
        offset = offset_at(text, *error.location[1:]) if error.location else 0
        refuse_body(format, error.message, text, offset)


def declared_charset(body: bytes, content_type: str) -> str:
    """Return the charset that the byte order mark declares, or else the header.

    A body that is valid UTF-8 is UTF-8, whatever the header claims. The name is in
    lower case, and empty when neither declares one.
    """
    for mark, name in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return name
    found = re.search(CHARSET, content_type) if "=" in content_type else None
    charset = found.group(1).lower() if found else ""
    if charset in _UTF8_NAMES or (charset and is_utf8(body, charset)):
        return "utf-8"
    return charset


def text_in(body: bytes, charset: str) -> str:
    """Return a body as text in a charset; empty or unknown means UTF-8."""
    # Nearly all bodies with an unknown label are UTF-8.
    text = body.decode(known_charset(charset or "utf-8"), "replace")
    return text.removeprefix("\ufeff")
