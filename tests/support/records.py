"""Read one part of a document into its record, without the whole document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from naftiko.document.findings import Findings, pointer
from naftiko.document.source import read
from naftiko.spec import adapters, model
from naftiko.spec.access import read_server_authentication
from naftiko.spec.adapters import ServerAuthentication

#: The classes of all records.
RECORDS = [
    value
    for module in (model, adapters)
    for value in vars(module).values()
    if isinstance(value, type) and value.__module__ == module.__name__
]


def part(reader: Callable[..., Any], data: Any, key: str = "part") -> tuple[Any, Any]:
    """Return the record that a reader makes of data, and the codes of its findings."""
    found = Findings(read({key: data}))
    record = reader(data, (key,), found)
    return record, [finding.rule.code for finding in found.noted]


def server_authentication(data: Any) -> ServerAuthentication | None:
    """Return the `authentication` of the REST adapter `api` as its record."""
    found = Findings(read({"authentication": data}))
    adapter = "the rest adapter 'api'"
    return read_server_authentication(data, adapter, ("authentication",), found)


def findings(data: Any = None, *, strict: bool = False) -> Findings:
    """Return where a reader notes findings, for a document with one `part`."""
    return Findings(read({"part": data}), strict=strict)


def said(found: Findings) -> list[tuple[str, str, str]]:
    """Return code, JSON Pointer and message of everything that is noted, in order."""
    return [
        (finding.rule.code, pointer(finding.path), finding.message)
        for finding in found.noted
    ]
