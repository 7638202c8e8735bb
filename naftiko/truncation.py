"""Drop the half-written end of a document that its publisher cut off.

The publisher cuts a file after a number of bytes, so only the last element on every
level can be incomplete: a parameter without a place, an operation without a method, a
key without a value. This module must not know what the parts are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.errors import shorten

if TYPE_CHECKING:
    from naftiko.findings import Findings
    from naftiko.model import DocumentPath

    JSON = Any

#: The key that holds a list → what each of its elements cannot be without, when the
#: path to it begins with `capability`, `consumes` or `exposes` as given.
_NEEDED = {
    ("consumes", "operations"): ("method", "name"),
    ("consumes", "inputParameters"): ("in", "name"),
    ("consumes", "outputParameters"): ("value",),
    ("consumes", "resources"): ("operations",),
    ("exposes", "operations"): ("call", "method"),
    ("exposes", "tools"): ("call", "name"),
    ("exposes", "resources"): ("operations",),
    ("exposes", "inputParameters"): ("name",),
    ("exposes", "outputParameters"): ("type",),
}
#: What stands in for the needed key: other ways to say what an element does.
_INSTEAD = {
    "call": ("steps", "ref", "from", "outputParameters"),
    "operations": ("forward", "call", "location", "uri"),
    "value": ("mapping",),
    "name": ("id", "title"),
}


def note_truncation(found: Findings, *, severity: str = "") -> None:
    """Note that a document was cut off by its publisher."""
    cut = found.document.truncation
    if cut is None:
        return
    source = cut.source.removeprefix("Full source:").strip()
    found.add(
        "E-source-truncated" if severity == "reject" else "W-source-truncated",
        (),
        f"the publisher cut this file off at {cut.kept_kb} of {cut.total_kb} KB:"
        " what follows is missing",
        f"get the whole file: {source}" if source else "get the whole file",
        severity="error" if severity else "warning",
    )


def drop_incomplete(data: JSON, found: Findings) -> None:
    """Remove what the cut left half-written from the data, noting each removal."""
    _complete(data, (), found)


def _complete(node: JSON, path: DocumentPath, found: Findings) -> bool:
    """Complete the last element of a node; return whether the node can stay."""
    if isinstance(node, dict) and node:
        key = next(reversed(node))
        at = (*path, key)
        if node[key] is None or not _complete(node[key], at, found):
            _note(found, at, f"the key '{shorten(key)}' has no value")
            del node[key]
    elif isinstance(node, list) and node:
        at = (*path, len(node) - 1)
        last = node[-1]
        if isinstance(last, (dict, list)):
            _complete(last, at, found)
        if lacking := _lacking(last, path):
            _note(found, at, f"{_name(last, path)} has no {lacking}")
            node.pop()
        # An empty list says nothing that its absence does not.
        return bool(node)
    return True


def _lacking(element: JSON, path: DocumentPath) -> str:
    half = "consumes" if "consumes" in path else "exposes" if "exposes" in path else ""
    needed = _NEEDED.get((half, str(path[-1]) if path else ""), ())
    if not needed:
        return ""
    if not isinstance(element, dict):
        return "content"
    for key in needed:
        instead = _INSTEAD.get(key, ())
        if element.get(key) is None and not any(element.get(k) for k in instead):
            return f"`{key}`"
    return ""


def _name(element: JSON, path: DocumentPath) -> str:
    kind = str(path[-1]).removesuffix("s") if path else "element"
    name = element.get("name") if isinstance(element, dict) else None
    return f"the last {kind} ('{shorten(name)}')" if name else f"the last {kind}"


def _note(found: Findings, path: DocumentPath, what: str) -> None:
    found.add(
        "W-incomplete-dropped",
        path,
        f"{what} where the file was cut off, and is left out",
        "get the whole file",
    )
