"""HTTP as the standards have it: methods, media types, charsets."""

from __future__ import annotations

import codecs
import re
import sys
from functools import lru_cache

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
IDEMPOTENT_METHODS = SAFE_METHODS | {"PUT", "DELETE"}
BODY_METHODS = frozenset(("POST", "PUT", "PATCH"))
#: Methods for which a body means nothing (RFC 9110, 9.3).
BODILESS_METHODS = SAFE_METHODS | {"DELETE", "CONNECT"}
#: Characters of a host name (RFC 1035, 2.3.4); a longer one is not cached.
_LONGEST_NAME = 253
# A text, which is compiled for the first type that names one.
CHARSET = r"(?i)charset\s*=\s*[\"']?([^\s;\"',]+)"
#: Beginning of the name of a charset whose bytes may be valid UTF-8 → a mark of it.
_DISGUISED = (
    ("utf-16", b"\0"),
    ("utf16", b"\0"),
    ("utf-32", b"\0"),
    ("utf32", b"\0"),
    ("ucs-", b"\0"),
    ("iso-2022", b"\x1b"),
    ("iso2022", b"\x1b"),
    ("hz", b"~{"),
)
#: The charsets of texts, as Python names their codecs. The others it has are for names
#: and literals, or pack data; some of them take quadratic time, or grow.
_CHARSETS = (
    r"ascii|big5(?:hkscs)?|cp\d{3,4}|euc_(?:j\w{1,9}|kr)|gb(?:18030|2312|k)|hp_roman8|hz"
    r"|iso2022_(?:jp(?:_(?:1|2|2004|3|ext))?|kr)|iso8859_\d{1,2}|johab|koi8_[rtu]"
    r"|kz1048|latin_1|mac_[a-z]{5,8}2?|ptcp154|shift_jis(?:_2004|x0213)?|tis_620"
    r"|utf_(?:8(?:_sig)?|(?:16|32)(?:_[bl]e)?)"
)
#: Characters of the longest name of a charset.
_LONGEST_NAME = 40


def charset_of(content_type: str) -> str:
    """Return the character encoding that a `Content-Type` names, UTF-8 by default."""
    # Most types are a word, and name none.
    charset = re.search(CHARSET, content_type) if "=" in content_type else None
    return known_charset(charset[1]) if charset else "utf-8"


def known_charset(name: str) -> str:
    """Return the codec of a charset; that of an unknown one is UTF-8.

    "latin1"  →  "iso8859-1"
    """
    return codec_of(name) or "utf-8"


@lru_cache(maxsize=256)
def codec_of(name: str) -> str:
    """Return the codec of a charset of texts; an empty text for any other name.

    "latin1"  →  "iso8859-1"        "punycode", "zlib", "foo"  →  ""
    """
    from encodings import normalize_encoding
    from encodings.aliases import aliases

    if len(name) > _LONGEST_NAME:
        return ""
    # Python keeps each name that it was asked for, also an unknown one, for ever.
    folded = normalize_encoding(name).lower()
    folded = aliases.get(folded) or aliases.get(folded.replace(".", "_")) or folded
    if not re.fullmatch(_CHARSETS, folded):
        return ""
    try:
        return codecs.lookup(folded).name
    except LookupError:
        return ""


def is_utf8(body: bytes, charset: str = "") -> bool:
    """Tell whether a body is UTF-8, whatever charset its label claims.

    Other encodings hardly ever give valid UTF-8. Those that do are believed if the body
    has their marks: UTF-16 and UTF-32 their zeros, ISO 2022 its escapes.

    Args:
        body: The bytes.
        charset: The claimed charset, in lower case; may be empty or unknown.
    """
    for name, mark in _DISGUISED:
        if charset.startswith(name) and mark in body:
            return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def text_of(body: bytes, content_type: str) -> str:
    """Return a body as text: UTF-8 if it is valid, or else in its charset.

    Bytes that are no characters become U+FFFD.
    """
    charset = charset_of(content_type)
    if charset != "utf-8" and is_utf8(body, charset):
        charset = "utf-8"
    return body.decode(charset, "replace")


class ArrivingText:
    """Bytes of a body, in pieces → its text, by the rule of `text_of`.

    The text is UTF-8 up to the first piece that is not; from there on it is in the
    claimed charset. A byte order mark at the beginning is dropped.

    Args:
        content_type: The type of the body, which may claim a charset.
    """

    def __init__(self, content_type: str) -> None:
        self._charset = charset_of(content_type)
        self._is_decided = self._charset == "utf-8"
        errors = "replace" if self._is_decided else "strict"
        self._decoder: codecs.IncrementalDecoder
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors)

    def decode(self, piece: bytes, *, final: bool = False) -> str:
        """Return the text that a piece completes; `final` marks the last piece."""
        if self._is_decided:
            return self._decoded(piece, final=final)
        is_disguised = any(
            self._charset.startswith(name) and mark in piece
            for name, mark in _DISGUISED
        )
        if not is_disguised:
            try:
                return self._decoder.decode(piece, final)
            except UnicodeDecodeError:
                pass
        pending, _ = self._decoder.getstate()
        self._is_decided = True
        self._decoder = codecs.getincrementaldecoder(self._charset)("replace")
        return self._decoded(pending + piece, final=final)

    def _decoded(self, piece: bytes, *, final: bool) -> str:
        try:
            return self._decoder.decode(piece, final)
        except UnicodeError:
            # UTF-16 or UTF-32 without a byte order mark: in the order of this machine,
            # as `bytes.decode` reads it.
            piece = self._decoder.getstate()[0] + piece
            name = f"{codecs.lookup(self._charset).name}-{sys.byteorder[0]}e"
            self._decoder = codecs.getincrementaldecoder(name)("replace")
            return self._decoder.decode(piece, final)


def header_text(value: str) -> str:
    r"""Return the value of a header as text: its bytes are UTF-8, or else Latin-1.

    "\xc3\xa9" and "\xe9"  →  "é"

    Args:
        value: The bytes, read as Latin-1.
    """
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def media_type_of(content_type: str) -> str:
    """Return the media type of a `Content-Type`, in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def is_loopback(name: str) -> bool:
    """Tell whether a name or an address can only mean this machine."""
    name = name.lower()
    return len(name) <= _LONGEST_NAME and _names_loopback(name)


@lru_cache(256)
def _names_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    from ipaddress import ip_address

    try:
        address = ip_address(name)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
