"""Drop the half-written end of a truncated document.

The publisher cuts a file after a number of bytes, so only the last element on every
level can be incomplete: a parameter without a place, an operation without a method, a
key without a value. This module must not know what the parts are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.document.rules import Rule
    from naftiko.plain import JSON, DocumentPath

    _Dropped = tuple[DocumentPath, str]

#: Half of the document and key of a list → the keys that its elements must have.
_NEEDED = {
    ("consumes", "consumes"): ("namespace", "baseUri"),
    ("consumes", "operations"): ("method", "name"),
    ("consumes", "inputParameters"): ("in", "name"),
    ("consumes", "outputParameters"): ("value",),
    ("consumes", "resources"): ("operations",),
    ("exposes", "exposes"): ("type", "resources"),
    ("exposes", "operations"): ("call", "method"),
    ("exposes", "tools"): ("call", "name"),
    ("exposes", "resources"): ("operations",),
    ("exposes", "inputParameters"): ("name",),
    ("exposes", "outputParameters"): ("type",),
}
#: Needed key → other keys that stand in for it.
_INSTEAD = {
    "call": ("steps", "ref", "from", "outputParameters"),
    "baseUri": ("location", "ref", "openapi"),
    "namespace": ("import", "openapi"),
    "operations": ("forward", "call", "location", "uri"),
    "resources": ("tools", "skills", "prompts", "management"),
    "value": ("mapping",),
    "name": ("id", "title"),
}
_WORDS = {
    "consumes": "adapter",
    "exposes": "adapter",
    "inputParameters": "parameter",
    "outputParameters": "output",
}


def note_truncation(findings: Findings, rule: Rule = rules.SOURCE_TRUNCATED) -> None:
    """Note that the publisher of a document cut it off.

    Args:
        findings: Where it is noted; nothing is for a whole document.
        rule: `SOURCE_TRUNCATED` or `SOURCE_REJECTED`.
    """
    cut = findings.document.truncation
    if cut is None:
        return
    source = cut.source.removeprefix("Full source:").strip()
    findings.add(
        rule,
        (),
        f"the publisher cut this file off at {cut.kept_kb} of {cut.total_kb} KB:"
        " what follows is missing",
        f"get the whole file: {source}" if source else "get the whole file",
    )


def drop_incomplete(data: JSON, findings: Findings) -> None:
    """Remove half-written elements from the data, and note each of them."""
    _, dropped = _complete(data, ())
    for path, text in dropped:
        findings.dropped(
            path,
            f"{text} where the file was cut off, and is left out",
            "get the whole file",
        )


def _complete(node: JSON, path: DocumentPath) -> tuple[bool, list[_Dropped]]:
    """Complete the last element of a node.

    Returns:
        Whether the node can stay, and what was dropped from it. A node that is dropped
        as a whole is named once, and its parts are not.
    """
    dropped: list[_Dropped] = []
    if isinstance(node, dict) and node:
        key = next(reversed(node))
        at = (*path, key)
        stays, dropped = _complete(node[key], at)
        if node[key] is None or not stays:
            dropped = [(at, f"the key '{shorten(key)}' has no value")]
            del node[key]
    elif isinstance(node, list) and node:
        at = (*path, len(node) - 1)
        last = node[-1]
        _, dropped = _complete(last, at)
        if lacking := _lacking(last, path):
            dropped = [(at, f"{_name(last, path)} has no {lacking}")]
            node.pop()
        # An empty list means the same as no list.
        return bool(node), dropped
    return True, dropped


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
    kind = _WORDS.get(str(path[-1]), str(path[-1]).removesuffix("s"))
    name = element.get("name") if isinstance(element, dict) else None
    return f"the last {kind} ('{shorten(name)}')" if name else f"the last {kind}"
