"""Look at plain data: the mappings of a list, a scalar as text, a kind in words.

This module must not know what the data means.
"""

from __future__ import annotations

import re
from math import isfinite
from operator import is_
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Characters that move the cursor, change colours, begin a line or turn the direction of
# a text: C0, DEL, C1, marks and overrides of direction, separators of lines, invisible
# ones, halves of surrogate pairs, tags. A text, which is compiled when it is needed.
_HIDDEN = (
    "[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)

JSON = Any
Key = str | int
#: A place in a document: keys and list indexes from the root.
DocumentPath = tuple[Key, ...]


def mappings_of(
    data: JSON, path: DocumentPath
) -> Iterator[tuple[DocumentPath, Mapping[str, JSON]]]:
    """Yield the mappings of a list with their places; the schema names the others."""
    if isinstance(data, list):
        for index, entry in enumerate(data):
            if isinstance(entry, dict):
                yield (*path, index), entry


def text_of(value: JSON) -> str:
    """Return a scalar as text: `True` → `"true"`, `None` → `""`."""
    if value.__class__ is str:
        text: str = value
        return text
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def seconds_of(amount: float) -> str:
    """Return a duration in words: `1.0` → `"1 second"`, `0.5` → `"0.5 seconds"`."""
    number = f"{amount:g}"
    return f"{number} second" if number == "1" else f"{number} seconds"


def valid_text(text: str) -> str:
    """Return a text that UTF-8 can encode: half a surrogate pair becomes U+FFFD.

    JSON of others may hold halves, and Python reads them without complaint.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def visible(text: str, keep: str = "") -> str:
    r"""Return a text whose control characters are escaped: ESC becomes `\x1b`.

    A text of others cannot begin a line of its own with it, move the cursor of a
    terminal, or show its characters in another order.

    Args:
        text: The text.
        keep: Characters that stay as they are, such as the line break.
    """
    # What can be printed is none of them.
    if text.isprintable():
        return text
    return re.sub(_HIDDEN, lambda m: m[0] if m[0] in keep else _escaped(m[0]), text)


def visible_json(text: str) -> str:
    r"""Return a JSON text with escapes in place of what `visible` escapes: `\u0085`.

    The value stays the same, and the text is one line if JSON was written as one.
    """
    if text.isprintable():
        return text
    return re.sub(
        _HIDDEN, lambda m: m[0] if m[0] in "\n\r\t" else _json_escaped(m[0]), text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _json_escaped(character: str) -> str:
    pair = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{pair[at : at + 4]}" for at in range(0, len(pair), 4))


def types_of(value: JSON) -> list[str]:
    """Return the types that a `type` names but null: `[array, null]` → `["array"]`.

    A list of types is how OpenAPI 3.1 writes a value that may be null.
    """
    listed = value if isinstance(value, list) else [value]
    return [text_of(name) for name in listed if name not in (None, "null", "")]


def kind_of(value: JSON) -> str:
    """Return the kind of a value in one word: `{}` → `mapping`, `1` → `number`."""
    names = {dict: "mapping", list: "list", str: "text", bool: "boolean"}
    return names.get(type(value), "number" if value is not None else "null")


def a_kind_of(value: JSON) -> str:
    """Return the kind of a value with its article: `[]` → `a list`."""
    return "empty" if value is None else f"a {kind_of(value)}"


def join_path(path: str, more: str) -> str:
    """Return two paths joined by exactly one slash: `/a/`, `b` → `/a/b`.

    A continuation that begins with `:`, `?` or `#` is appended as it is.
    """
    if not more:
        return path
    if more[0] in ":?#":
        return path + more
    return f"{path.rstrip('/')}/{more.removeprefix('/')}"


def finite(value: JSON) -> JSON:
    """Return data with null in place of each number that JSON has no form for.

    `[1, inf]` → `[1, None]` (RFC 8259, 6). Data without such a number is returned
    itself, and parts without one are not copied.
    """
    if isinstance(value, dict):
        members = {key: finite(inner) for key, inner in value.items()}
        is_same = all(members[key] is inner for key, inner in value.items())
        return value if is_same else members
    if isinstance(value, list):
        items = [finite(inner) for inner in value]
        return value if all(map(is_, items, value)) else items
    return None if isinstance(value, float) and not isfinite(value) else value
