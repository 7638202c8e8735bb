"""Source lines with a caret below the place that a message is about.

    "cars.yaml", 12, 5   →     12 | baseUrl: https://cars.test
                                  | ^

Only a terminal shows them. A literal that may be a credential is masked, and a long
line is cut around its place.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from contextlib import suppress
from functools import lru_cache

_MOST_BYTES = 16 * 1024 * 1024
_MASKED = "…"
#: A key that may hold a credential, and its literal value.
_CREDENTIAL = re.compile(
    r"(?P<key>(?:token|password|value|default|secret|authorization|(?:api|secret|access"
    r"|signing|session|refresh|consumer|client)[-_]?(?:key|token|secret)[a-z]{0,20})"
    r"[\"']?\s*:\s*)(?P<value>\"[^\"]*\"?|'[^']*'?|[^\s,}\]#][^,}\]]*)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[A-Za-z0-9_+/=.-]{20,}")
#: Standard input can be read once; its lines are remembered under its name.
_remembered: dict[str, list[str]] = {}


def remember(name: str, raw: bytes) -> None:
    """Keep the lines of a text that cannot be read again."""
    _remembered[name] = raw.decode("utf-8", "replace").split("\n")


def excerpt(file: str, line: int, column: int, *, indent: str = "  ") -> str:
    """Return the lines to print below a message, or an empty text.

    Args:
        file: The file, or the name of a remembered text.
        line: The line, from 1.
        column: The column, from 1.
        indent: What begins each line.
    """
    lines = _remembered.get(file) or _lines(file)
    if not 0 < line <= len(lines):
        return ""
    text = lines[line - 1].rstrip("\r")
    shown, at = _window(_masked(text), min(column - 1, len(text)))
    number = str(line)
    gap = " " * len(number)
    pad = " " * _width(shown[:at])
    return f"{indent}{number} | {shown}\n{indent}{gap} | {pad}^"


@lru_cache(maxsize=4)
def _lines(file: str) -> list[str]:
    with suppress(OSError, ValueError), open(file, "rb") as opened:
        return opened.read(_MOST_BYTES).decode("utf-8", "replace").split("\n")
    return []


def _masked(text: str) -> str:
    """Return a line of the same length, its literal credentials masked."""

    def hide(match: re.Match[str]) -> str:
        value = match["value"]
        if "{{" in value or value.lstrip("\"'").startswith("$."):
            return match[0]
        return match["key"] + _MASKED * len(value)

    text = _CREDENTIAL.sub(hide, text)
    return _TOKEN.sub(lambda match: _hidden_token(match[0]), text)


def _hidden_token(word: str) -> str:
    """Mask a word that looks random: it has digits, and no `/` or dots of a path."""
    is_random = any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
    is_name = "/" in word or word.count(".") > 2 or word.islower()
    return _MASKED * len(word) if is_random and not is_name else word


def _window(text: str, at: int) -> tuple[str, int]:
    """Return the part of a line that fits the terminal, and the place in it."""
    width = max(40, shutil.get_terminal_size().columns - 12)
    # One column for each: nothing may move the cursor, and the caret stays right.
    text = "".join(
        c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in text
    )
    if len(text) <= width:
        return text, at
    begin = max(0, min(at - width // 3, len(text) - width))
    cut = text[begin : begin + width]
    if begin:
        cut = "…" + cut[1:]
    if begin + width < len(text):
        cut = cut[:-1] + "…"
    return cut, at - begin


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
