"""How plain data is looked at: mappings of a list, scalars as text, kinds in words.

This module must not know what any of it means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JSON = Any
Key = str | int
#: Where something stands in a document: its keys and indexes from the root.
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
    """Return a scalar as text; `None` gives an empty one."""
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def kind_of(value: JSON) -> str:
    """Return what kind of value it is, in one word."""
    names = {dict: "mapping", list: "list", str: "text", bool: "boolean"}
    return names.get(type(value), "number" if value is not None else "null")


def a_kind_of(value: JSON) -> str:
    """Return what kind of value it is, as the end of a sentence."""
    return "empty" if value is None else f"a {kind_of(value)}"


def join_path(path: str, more: str) -> str:
    """Return a path continued by another, with exactly one slash between them."""
    if not more:
        return path
    if more[0] in ":?#":
        return path + more
    return f"{path.rstrip('/')}/{more.removeprefix('/')}"
