"""Write plain data as YAML text in block style.

    {"a": [1, "yes"], "b": {}}   →   a:
                                     - 1
                                     - 'yes'
                                     b: {}

Readers of YAML 1.1 and of YAML 1.2 read it back as the same data, so a text that either
of them takes for something else is quoted. Numbers that JSON has no form for are null,
as in every output of this program.

The text is that of `ruamel.yaml`, written without its events and nodes: in a hundredth
of the time, at any depth. This module must not know where a text goes.
"""

from __future__ import annotations

import re
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from naftiko.document.yaml import UNPRINTABLE
from naftiko.expressions import to_scalar
from naftiko.plain import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.plain import JSON

    #: The rest of a container, its indentation, whether it is a mapping.
    _Open = tuple[Iterator[Any], int, bool]

# Patterns are texts, which are compiled when the first value is written.
#: Texts that YAML 1.1 takes for a truth value, a number, a date or a sign of its own
#: (yaml.org/type), and those that YAML 1.2 takes for another value.
_MISREAD = r"""(?xi)y|n|yes|no|on|off|true|false|null|~|=|<<
    |[-+]?0b[01_]+ |[-+]?0o?[0-7_]+ |[-+]?0x[0-9a-f_]+ |[-+][0-9_]+
    |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?
    |[-+]?\.(?:[0-9_]+(?:e[-+]?[0-9]+)?|inf|nan)
    |[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:t|[ \t]++)[0-9:. \tz+-]*)?"""
#: Only double quotes hold control characters, and line breaks of other kinds.
_ODD = rf"[\r\x85\u2028\u2029\ufeff]|{UNPRINTABLE}"
#: Texts that need no second look, of which most texts and nearly all names are.
_EASY = r"(?a)[A-Za-z][\w./()+-]*(?: [\w./()+-]+)*"
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
#: What a text must not begin with to be written without quotes (YAML 1.2, 7.3.3).
_BEGIN = r"""[ \n#,\[\]{}&*!|>'"%@`]|---|\.\.\.|[?:-](?:[ \t\n]|\Z)"""
#: What it must not hold.
_INSIDE = r":(?:[ \t\n]|\Z)| \#|[\t\n]| \Z"
#: What double quotes escape.
_ESCAPED = (
    '["\\\\\x85\u2028\u2029\ufeff]|[^ -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]'
)
_ESCAPES = {
    "\0": "\\0", "\x07": "\\a", "\x08": "\\b", "\t": "\\t", "\n": "\\n",
    "\x0b": "\\v", "\x0c": "\\f", "\r": "\\r", "\x1b": "\\e", '"': '\\"',
    "\\": "\\\\", "\x85": "\\N", "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip
#: Characters of a key beyond which it has a line of its own, after a `?`; the tag
#: `!!str` counts, though it is not written.
_LONGEST_KEY = 128 - len("!!str")
_BREAKS = "\n\x85\u2028\u2029"
#: Texts that are remembered with their form: names occur again and again.
_MOST_KNOWN, _LONGEST_KNOWN = 2000, 40


def write_yaml(value: JSON) -> str:
    """Return plain data as block-style YAML: `{"a": [1]}` → `a:` and `- 1`.

    There is no line break at the end. Bytes are written in base64, as `!!binary`, and
    dates, decimals and the like as text.

    Raises:
        TypeError: There is something in it that is no data.
    """
    forms = _Forms(_last_text(value))
    if not (isinstance(value, (dict, list, tuple)) and value):
        return forms.of(value, 0)
    return "".join(_written(value, forms))[:-1]


def _written(value: JSON, forms: _Forms) -> list[str]:
    """Return the parts of a container that is not empty, at any depth."""
    parts: list[str] = []
    put = parts.append
    opened: list[_Open] = [_opened(value, 0)]
    # A container that begins on a line of another one is not indented there.
    is_begun = True
    while opened:
        rest, indent, is_mapping = opened[-1]
        blanks = " " * indent
        for item in rest:
            if not is_begun:
                put(blanks)
            is_begun = False
            is_compact = True
            if is_mapping:
                key, inner = item
                form = forms.of(key, indent + 2)
                is_compact = _is_long(key, form)
                put(f"? {form}\n{blanks}:" if is_compact else f"{form}:")
            else:
                inner = item
                put("-")
            if not (isinstance(inner, (dict, list, tuple)) and inner):
                put(f" {forms.of(inner, indent + 2)}\n")
                continue
            is_begun = is_compact
            put(" " if is_compact else "\n")
            is_level = not is_compact and not isinstance(inner, dict)
            opened.append(_opened(inner, indent if is_level else indent + 2))
            break
        else:
            opened.pop()
    return parts


def _opened(value: JSON, indent: int) -> _Open:
    is_mapping = isinstance(value, dict)
    return iter(value.items() if is_mapping else value), indent, is_mapping


def _is_long(key: JSON, form: str) -> bool:
    """Tell whether a key takes a line of its own: a long one, and one of many lines."""
    if len(form) < _LONGEST_KEY and "\n" not in form and form[:1] != '"':
        return False
    text = text_of(key) if isinstance(key, str) else form
    return len(text) >= _LONGEST_KEY or any(mark in text for mark in _BREAKS)


class _Forms:
    """How scalars and empty containers are written.

    Args:
        quoted: The text that is quoted, though it has several lines; see `_last_text`.
    """

    def __init__(self, quoted: str | None) -> None:
        self._quoted = quoted
        self._known: dict[str, str] = {}

    def of(self, value: JSON, indent: int) -> str:
        """Return a value as it is written; further lines of it are indented."""
        if isinstance(value, str):
            form = self._known.get(value)
            if form is None:
                form = self._text(value, indent)
                if len(value) <= _LONGEST_KNOWN and "\n" not in value:
                    if len(self._known) >= _MOST_KNOWN:
                        self._known.clear()
                    self._known[value] = form
            return form
        if value is None or (isinstance(value, float) and not isfinite(value)):
            return "null"
        if isinstance(value, float):
            # Without a point, YAML 1.1 takes 5e-324 for a text.
            text, sign, exponent = text_of(value).partition("e")
            return f"{text}{'' if '.' in text else '.0'}{sign}{exponent}"
        if isinstance(value, int):  # also true and false
            return text_of(value)
        if isinstance(value, (bytes, bytearray)):
            from base64 import encodebytes

            return f"!!binary {_block(encodebytes(value).decode(), indent)}"
        if isinstance(value, (dict, list, tuple)):
            return "{}" if isinstance(value, dict) else "[]"
        return self.of(to_scalar(value), indent)

    def _text(self, text: str, indent: int) -> str:
        easy, misread, begin, inside, odd, escaped = _patterns()
        if easy.fullmatch(text):
            return f"'{text}'" if text.lower() in _WORDS else text
        if text is self._quoted or odd.search(text):
            return f'"{escaped.sub(_escape, text)}"'
        is_misread = misread.fullmatch(text)
        if not is_misread:
            if "\n" in text.strip("\n"):
                return _block(text, indent)
            if text and not (begin.match(text) or inside.search(text)):
                return text
        if "\t" in text or "\n" in text or (not is_misread and "'" in text):
            return f'"{escaped.sub(_escape, text)}"'
        return f"'{text}'"


def _block(text: str, indent: int) -> str:
    """Return a text of several lines as it is (YAML 1.2, 8.1): `|`, and its lines."""
    if not text:
        return "|"
    begin = "2" if text[:1] in (" ", "\n") else ""
    end = "-"
    if text.endswith("\n"):
        end = "+" if text[-2:-1] in ("", "\n") else ""
        text = text[:-1]
    blanks = " " * indent
    lines = (f"{blanks}{line}" if line else "" for line in text.split("\n"))
    return "\n".join((f"|{begin}{end}", *lines))


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    if found in _ESCAPES:
        return _ESCAPES[found]
    code = ord(found)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(_EASY), re.compile(_MISREAD), re.compile(_BEGIN),
        re.compile(_INSIDE), re.compile(_ODD), re.compile(_ESCAPED),
    )  # fmt: skip


def _last_text(value: JSON) -> str | None:
    """Return the text of several lines that only quotes keep whole, or `None`.

    A block at the end needs the line break that is taken away, and one that is the
    whole document has no indentation, which tells its lines from comments and marks.
    """
    last = value
    while isinstance(last, (dict, list)) and last:
        last = last[-1] if isinstance(last, list) else last[next(reversed(last))]
    is_block = isinstance(last, str) and "\n" in last
    return last if is_block and (last is value or last.endswith("\n")) else None
