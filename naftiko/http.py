"""HTTP as the standards have it: methods, media types, charsets."""

from __future__ import annotations

import codecs
import re

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
IDEMPOTENT_METHODS = SAFE_METHODS | {"PUT", "DELETE"}
BODY_METHODS = frozenset(("POST", "PUT", "PATCH"))
CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"',]+)", re.IGNORECASE)
#: Codecs of Python for names and literals, which are no encoding of a body.
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape")
)


def charset_of(content_type: str) -> str:
    """Return the character encoding that a `Content-Type` names, UTF-8 by default."""
    charset = CHARSET.search(content_type)
    try:
        name = codecs.lookup(charset.group(1)).name if charset else "utf-8"
        b"\xff".decode(name, "replace")  # not every codec is one of text
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NO_CHARSETS else name


def media_type_of(content_type: str) -> str:
    """Return the media type of a `Content-Type`, in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()
