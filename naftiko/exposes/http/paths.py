"""What a caller adds to a request of the adapter may not reach beyond its place.

    "a/%252e%252e/b"                      →  leaves: some server would go up
    b"x=1;key=mine", "key=own"            →  OwnName: `key` is the adapter's
    "key=own", "b=2; key=mine"            →  "key=own; b=2"

Servers decode a path once, twice, or in older ways than UTF-8. They split queries at
`&` or at `;`, and take the first or the last of two equal names. What any of them could
take for something else is refused. This module must not know how a request is sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Decodings of one path that are looked at; a path that needs more is refused.
_MOST_DECODINGS = 4
_QUERY_SAFE = "/?:@!$&'()*+,;=~%[]"
#: Bytes of no text: overlong forms (RFC 3629, 10) hide dots and slashes.
_OVERLONG = rb"[\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]"
#: Escapes of older servers: `%u002e`.
_UNICODE_ESCAPE = rb"%[uU]([0-9A-Fa-f]{4})"
#: Where some servers end a text, and what others leave out.
_CONTROL = r"[\x00-\x1f\x7f]"
#: A name and a value that each server reads in the same way (RFC 6265, 4.1.1).
_OCTETS = r"[!#-+\x2d-:<-\[\]-~]*"
_COOKIE = rf"([!#$&'*+.^_`|~0-9A-Za-z-]+)=(?:{_OCTETS}|\"{_OCTETS}\")"


class OwnName(ValueError):
    """A caller names what the adapter itself sets; the message is the name."""


def leaves(path: str) -> bool:
    """Tell whether a server might read a segment of a path as `.` or `..`.

    Encoded dots count, once or several times, and dots between encoded slashes or
    backslashes, before a path parameter, a blank or a control character, and in
    characters that become dots: `%2e%2e`, `%252e.`, `..%2f`, `..%5c`, `..;x`, `..%00`.
    """
    if "%" not in path and "." not in path and path.isprintable():
        return False
    text = path.encode("latin-1", "replace")
    for _ in range(_MOST_DECODINGS):
        if _is_climbing(text):
            return True
        if b"%" not in text:
            return False
        decoded = unquote_to_bytes(re.sub(_UNICODE_ESCAPE, _character, text))
        if decoded == text:
            return False
        text = decoded
    return True


def _character(match: re.Match[bytes]) -> bytes:
    return chr(int(match[1], 16)).encode("utf-8", "replace")


def _is_climbing(path: bytes) -> bool:
    if re.search(_OVERLONG, path):
        return True
    text = path.decode("utf-8", "replace")
    if not text.isascii():
        from unicodedata import normalize

        # Full-width dots and slashes, which some file systems take for plain ones.
        text = normalize("NFKC", text)
    if "." not in text:
        return False
    return any(map(_is_dots, re.split(r"[/\\]", text)))


def _is_dots(segment: str) -> bool:
    if "." not in segment:
        return False
    text = segment.partition(";")[0]
    begin = re.split(_CONTROL, text, maxsplit=1)[0]
    return any(
        part.strip() in (".", "..") for part in (begin, re.sub(_CONTROL, "", text))
    )


def check_parameters(path: str, own: Iterable[str]) -> None:
    """Refuse a path parameter that is called like something of the adapter.

    Servers read the `;name=` of a segment as a parameter, or as a session.

    Raises:
        OwnName: There is one.
    """
    if own and (";" in path or "%" in path):
        _check_separated(path, own)


def _check_separated(text: str, own: Iterable[str]) -> None:
    """Refuse an own name behind a `;`, encoded or not."""
    names = {name.casefold() for name in own}
    for piece in re.split(r"(?:;|%(?:25)*3[bB])", text)[1:]:
        # A value may be encoded; so may the sign before it.
        name = re.split(r"=|%(?:25)*3[dD]|[/&]", piece, maxsplit=1)[0]
        if unquote_plus(name).strip().casefold() in names:
            raise OwnName(unquote_plus(name))


def joined_query(given: bytes, own: str) -> str:
    """Return the query of the caller, overridden by that of the adapter.

    Raises:
        OwnName: The caller puts an own name of the adapter behind a `;`.
    """
    text = quote(given, safe=_QUERY_SAFE)
    if not own:
        return text
    taken = {name.casefold() for name in names_in(own)}
    kept = [
        pair
        for pair in filter(None, text.split("&"))
        if unquote_plus(pair.partition("=")[0]).strip().casefold() not in taken
    ]
    for pair in kept:
        _check_separated(pair, taken)
    return "&".join([*kept, own])


def names_in(query: str) -> set[str]:
    """Return the names in a query, decoded: `a%20b=1&c` → `{"a b", "c"}`."""
    return {unquote_plus(pair.partition("=")[0]) for pair in query.split("&") if pair}


def cookie_names(header: str) -> set[str]:
    """Return the names in a `Cookie` header: `a=1; b=2` → `{"a", "b"}`."""
    return {pair.partition("=")[0].strip() for pair in header.split(";")}


def joined_cookies(own: str, given: str) -> str:
    """Return the cookies of the adapter, and those of the caller with other names.

    Of the caller, only what each server reads as the same name and value is kept, and
    no name that differs from an own one only in case or punctuation: some servers take
    `a.b` for `a_b`.
    """
    taken = {_alike(name) for name in cookie_names(own)}
    kept = [own]
    for pair in given.split(";"):
        match = re.fullmatch(_COOKIE, pair.strip(" \t"))
        if match is not None and _alike(match[1]) not in taken:
            kept.append(match[0])
    return "; ".join(kept)


def _alike(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "_", name.casefold())
