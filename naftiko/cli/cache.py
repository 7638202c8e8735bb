"""A cache of read documents between runs of the command line.

    bytes of a file → their hash → an entry of the cache → `Document`

Parsing YAML takes most of the time of `naftiko list`. A changed file has another hash,
so it is read again; so is one whose entry is damaged or of another version. What is
read back is data alone, JSON and numbers, and each part is checked.
"""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naftiko.cli.entries import LARGEST, CacheEntry
from naftiko.document.document import Document, Truncation
from naftiko.document.source import MAX_BYTES, read

if TYPE_CHECKING:
    from naftiko.plain import JSON

#: Bytes; a smaller file is parsed about as fast as its entry is found.
_SMALLEST = 8 * 1024


def read_cached(source: str) -> Document:
    """Read a document, from the cache if the same bytes were read before.

    Raises:
        DocumentError: The file cannot be read, or is no document.
    """
    if source == "-":
        return read(source)
    try:
        with open(source, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        return read(Path(source), name=source)  # raises the `DocumentError`
    return cached(raw, source)


def cached(raw: bytes, source: str) -> Document:
    """Return the document in the bytes of a file, from the cache if they are known.

    Raises:
        DocumentError: It is no document.
    """
    entry = CacheEntry.of(raw, "document") if len(raw) >= _SMALLEST else None
    if entry is None:
        document = read(raw, name=source)
    else:
        with entry:
            document = _read_through(entry, raw, source)
    document.directory = Path(source).parent
    return document


def _read_through(entry: CacheEntry, raw: bytes, name: str) -> Document:
    """Return the document of an entry; without a sound one, read it and keep it."""
    kept = entry.read()
    document = None if kept is None else _decoded(kept, name)
    if document is None:
        document = read(raw, name=name)
        body = _encoded(document)
        if body is not None:
            entry.write(body)
    return document


def _encoded(document: Document) -> bytes | None:
    """Return the entry of a document; `None` when it is too large for one."""
    data, marks, aliases, truncation = document.stored()
    # JSON writes an aliased node as often as an alias names it.
    if aliases and _characters(data) > LARGEST:
        return None
    head = json.dumps([data, aliases, truncation], separators=(",", ":")).encode()
    return len(head).to_bytes(8, "big") + head + marks


def _characters(data: JSON) -> int:
    """Return about how long the JSON of data is; counting ends above the limit."""
    count, stack = 0, [data]
    while stack and count <= LARGEST:
        node = stack.pop()
        if isinstance(node, dict):
            count += sum(map(len, node))
            stack += node.values()
        elif isinstance(node, list):
            stack += node
        count += len(node) if isinstance(node, str) else 4
    return count


def _decoded(body: bytes, name: str) -> Document | None:
    """Return the document of an entry; `None` for an entry that is not sound."""
    length = int.from_bytes(body[:8], "big")
    try:
        data, aliases, truncation = json.loads(body[8 : 8 + length])
        marks = array("I", body[8 + length :])
        if not _are_numbers(aliases) or len(marks) % 2:
            return None
        return Document(
            data,
            name,
            marks=marks,
            aliases=aliases,
            truncation=_truncation(truncation),
        )
    except (ValueError, TypeError, RecursionError):
        return None


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int for number in value)


def _truncation(value: Any) -> Truncation | None:
    """Return a stored notice; raises `ValueError` or `TypeError` for none."""
    if value is None:
        return None
    kept, total, source = value
    if not _are_numbers([kept, total]) or not isinstance(source, str):
        raise TypeError("no notice of a truncated text")
    return Truncation(kept, total, source)
