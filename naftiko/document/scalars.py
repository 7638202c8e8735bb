"""A plain YAML scalar -> its value, by the core schema of YAML 1.2 (10.3.2).

    "0x1F" → 31        "1e3" → 1000.0      "~" → None
    "yes"  → "yes"     "1_000" → "1_000"   "2026-01-01" → "2026-01-01"

ruamel's own resolver turns dates into objects, reads `1_000` as a number and refuses
`=` as a value. This module must not know where a scalar stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document.document import MAX_DIGITS

if TYPE_CHECKING:
    from naftiko.plain import JSON

CORE_TAG = "tag:yaml.org,2002:"
CONSTANTS: dict[str, JSON] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
#: The characters that a number can begin with.
NUMERIC_START = frozenset("+-.0123456789")
_SCALAR_TAGS = {"null": type(None), "bool": bool, "int": int, "float": float}
#: Tags of texts, and the texts that they fit (https://yaml.org/type/).
_TEXT_TAGS = {
    "timestamp": r"\d{4}-\d\d?-\d\d?(?:[Tt ]\d\d?:\d\d:\d\d(?:\.\d*)?"
    r"(?: ?(?:Z|[-+]\d\d?(?::?\d\d)?))?)?",
    "binary": "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))


def resolve_plain(text: str) -> JSON:
    """Return the value of a plain scalar: `true` → `True`, `1.50` → `1.5`."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] in NUMERIC_START:
        return resolve_number(text)
    return text


def resolve_number(text: str) -> JSON:
    """Return the number that a text is, or the text itself: `0o17` → `15`."""
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            return text
        if text.startswith("0x"):
            return int(text[2:], 16)
        if text.startswith("0o"):
            return int(text[2:], 8)
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if infinite := _INFINITE.fullmatch(text):
        return float(f"{infinite[1]}inf")
    return float("nan") if text in _NAN else text


def is_scalar_tag(tag: str) -> bool:
    """Tell whether YAML has a standard scalar tag other than `!!str` of that name."""
    name = tag.removeprefix(CORE_TAG)
    return tag.startswith(CORE_TAG) and (name in _SCALAR_TAGS or name in _TEXT_TAGS)


def resolve_tagged(text: str, tag: str) -> tuple[bool, JSON]:
    """Return whether a text fits a standard tag of scalars, and its value.

    `("12", "tag:yaml.org,2002:float")` → `(True, 12.0)`. A time and Base64 stay the
    texts that JSON has for them.
    """
    if not tag.startswith(CORE_TAG):
        return False, None
    name = tag.removeprefix(CORE_TAG)
    if name == "str":
        return True, text
    if name in _TEXT_TAGS:
        plain = " ".join(text.split())
        if name == "binary":
            plain = plain.replace(" ", "")
        return re.fullmatch(_TEXT_TAGS[name], plain) is not None, plain
    value = resolve_plain(text)
    if name == "float" and type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            value = float("-inf") if value < 0 else float("inf")
    return type(value) is _SCALAR_TAGS.get(name), value
