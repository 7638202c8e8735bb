"""Link the parts of a document by themselves."""

from __future__ import annotations

from typing import Any

from naftiko.bindings import scope_of
from naftiko.document.findings import Findings
from naftiko.document.source import read
from naftiko.linking.exposed import ExposedLinker
from naftiko.linking.names import DocumentNames
from naftiko.linking.operations import OperationLinker
from naftiko.spec.capability import read_capability


def names(
    data: dict[str, Any], *, strict: bool = False, reading: bool = False
) -> DocumentNames:
    """Return the names of a document, with the findings of reading it if wanted."""
    found = Findings(read(data), strict=strict)
    spec = read_capability(found.document.data, found)
    if not reading:
        found.noted.clear()
    return DocumentNames(spec, scope_of(spec.binds), found)


def exposed(data: dict[str, Any], *, strict: bool = False) -> Findings:
    """Return what is noted about everything that a document exposes."""
    known = names(data, strict=strict)
    registry = OperationLinker(known).registry()
    known.findings.noted.clear()
    linker = ExposedLinker(known, registry)
    for exposes in known.spec.exposes:
        linker.adapter(exposes)
    linker.aggregates()
    return known.findings
