"""Mask the secrets of a request wherever it is shown.

    "?key=s%2Bx", Secret("KEY", "s+x")   →  "?key=$KEY"

A request that was sent is masked by the values of its secrets, in every encoding. A
preview never holds a value: it has a marker with the name of the variable instead. This
module must not know requests.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

_MASK = "$"


class Secret(NamedTuple):
    """One value that must never be shown, and the variable that it came from."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"


def mask(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a text with every secret replaced by `$NAME`, however it is encoded.

    Mask before cutting: a part of a secret is not recognised.
    """
    return _replaced(text, secrets, lambda name: _MASK + name)


def mark(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a text with a marker for every secret; see `mask`."""
    return _replaced(text, secrets, marker)


def _replaced(
    text: str, secrets: tuple[Secret, ...], shown: Callable[[str], str]
) -> str:
    if not secrets or not text:
        return text
    pattern, names = _pattern(secrets)
    if pattern is None:
        return text
    # In one pass: the value of a secret may be the name of another one.
    return pattern.sub(lambda match: shown(names[(match.lastindex or 1) - 1]), text)


@lru_cache(maxsize=256)
def _pattern(
    secrets: tuple[Secret, ...],
) -> tuple[re.Pattern[str] | None, tuple[str, ...]]:
    """Return the pattern that finds the secrets, and the names of its groups."""
    # Blanks around a value are not sent. The longest first: one secret may be a part
    # of another.
    known = {secret.value.strip(): secret.name for secret in reversed(secrets)}
    known.pop("", None)
    values = sorted(known, key=len, reverse=True)
    if not values:
        return None, ()
    groups = (f"({''.join(map(_written, _CHARS.findall(value)))})" for value in values)
    return re.compile("|".join(groups)), tuple(known[value] for value in values)


def without_secrets(url: str) -> str:
    """Return a URL without its user, query and fragment, which may hold secrets.

    The user ends at the last `@`, because a password may hold any character:
    `https://u:p@a.test/x?k=v` → `https://…@a.test/x?…`.
    """
    if "@" in url:
        user, sign, rest = url.rpartition("@")
        scheme = re.match(r"[a-z][a-z0-9+.-]*:/+", user, re.IGNORECASE)
        url = f"{scheme[0] if scheme else ''}…{sign}{rest}"
    end = min((at for mark in "?#" if (at := url.find(mark)) >= 0), default=-1)
    return url if end < 0 else f"{url[: end + 1]}…"


_PLAIN = re.compile(r"[A-Za-z0-9_.-]")
_CHARS = re.compile(r"\\+|[^\\]")
#: Character → the letter that a backslash stands before, in JSON and in a `repr`.
_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def _written(char: str) -> str:
    """Return a pattern for one character, as URLs, JSON, Python and HTML write it."""
    if _PLAIN.fullmatch(char):
        return re.escape(char)
    if char[0] == "\\":
        # One pattern for a run of backslashes: each is written as one, two or four. A
        # choice for each would backtrack exponentially in a text with many of them.
        count = len(char)
        return rf"(?:\\{{{count},{4 * count}}}|(?:%(?:25)*5[cC]){{{count}}})"
    code = ord(char)
    bytes_ = char.encode("utf-8", "surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass")
    forms = [
        re.escape(char),
        # A text that is encoded twice has `%25` for each `%`.
        "".join(f"%(?:25)*{_hexadecimal(byte, 2)}" for byte in bytes_),
        "".join(
            rf"\\{{1,4}}u{_hexadecimal(units[at] << 8 | units[at + 1], 4)}"
            for at in range(0, len(units), 2)
        ),
        rf"\\{{1,4}}{re.escape(_ESCAPES.get(char, char))}",
        rf"\\{{0,4}}&(?:amp;)*(?:#0*{code}|#[xX]0*{_hexadecimal(code, 1)}"
        + (f"|{_ENTITIES[char]}" if char in _ENTITIES else "")
        + ");",
    ]
    if code < 0x100:
        forms.append(rf"\\{{1,4}}x{_hexadecimal(code, 2)}")
    elif code > 0xFFFF:
        forms.append(rf"\\{{1,4}}U{_hexadecimal(code, 8)}")
    if char == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


def _hexadecimal(number: int, digits: int) -> str:
    return "".join(
        digit if digit.isdigit() else f"[{digit}{digit.upper()}]"
        for digit in f"{number:0{digits}x}"
    )


#: Begins the `Authorization` of a preview, where base64 would hide the variables.
LOGIN = "Basic:"
# A preview carries every variable as its name between two private characters, which
# survive percent-encoding recognisably and cannot stand in a document by accident.
_OPEN, _CLOSE = "\ue000", "\ue001"
# Texts, which are compiled when a preview is made.
_MARKER = (
    f"(?:{_OPEN}|{quote(_OPEN)}|\\\\ue000)([^{_OPEN}{_CLOSE}%\\\\]+)"
    f"(?:{_CLOSE}|{quote(_CLOSE)}|\\\\ue001)"
)
_ALONE = f"{_OPEN}[^{_OPEN}{_CLOSE}/?#@:\\\\]+{_CLOSE}"


def marker(name: str) -> str:
    """Return the marker that stands for a variable in a preview."""
    return f"{_OPEN}{name}{_CLOSE}"


def plain(text: str) -> str:
    """Return a text of a preview with `$NAME` for every marker."""
    return re.sub(_MARKER, rf"{_MASK}\1", text) if has_marker(text) else text


def split_markers(text: str) -> list[tuple[str, bool]]:
    """Return the parts of a text of a preview, and whether each is a variable."""
    parts = re.split(_MARKER, text)
    return [(part, index % 2 == 1) for index, part in enumerate(parts) if part]


def is_marker(text: str) -> bool:
    """Tell whether a text is one marker, with nothing around it.

    No marker holds a separator of URLs: such a text was made to look like one.
    """
    return re.fullmatch(_ALONE, text) is not None


def has_marker(text: str) -> bool:
    """Tell whether a text of a preview holds a marker."""
    return _OPEN in text or "%EE%80%80" in text or "\\ue000" in text
