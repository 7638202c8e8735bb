"""`ServePlan`: which documents to serve and where, as the operator says.

plan, documents  →  processes_of  →  2, or 1 and the reason
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.document.source import read
from naftiko.exposes.processes.cores import usable_cores
from naftiko.loader import load
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naftiko.capability import Capability
    from naftiko.exposes.options import Options
    from naftiko.exposes.serve.tls import Certificate

_log = logging.getLogger("naftiko.serve")

#: Connections of clients at the same time, unless the operator says otherwise.
MOST_CONNECTIONS = 1000


class Source(NamedTuple):
    """One document and how it is loaded.

    Attributes:
        file: A path, or `-` for standard input.
        base_uris: Namespace → URI that replaces the one in the document; the empty
            namespace stands for all others.
        variables: Name → value, of those that the document has.
        strict: Refuse a response that is not in its declared format.
    """

    file: str
    base_uris: Mapping[str, str] = {}
    variables: Mapping[str, str] = {}
    strict: bool = False

    def load(self) -> Capability:
        """Return the capability; raises the errors of `naftiko.load`."""
        # As a `Path`: `load` would take some odd file names for the text of a document.
        is_file = self.file != "-"
        document = read(Path(self.file), name=self.file) if is_file else read("-")
        capability = load(document, strict=self.strict)
        # Another document may use the variables that are not in this one.
        known = capability.variables.names
        values = {n: value for n, value in self.variables.items() if n in known}
        if values:
            capability = capability.using(variables=values)
        if not self.base_uris:
            return capability
        rest = self.base_uris.get("")
        # Another document may consume the namespaces that are not in this one.
        uris = {name: self.base_uris.get(name, rest) for name in capability.namespaces}
        given = {name: uri for name, uri in uris.items() if uri}
        return capability.using(base_uri=given)

    @property
    def name(self) -> str:
        """The file name without its suffix; the first segment of a path prefix."""
        return Path(self.file).stem


class ServePlan(NamedTuple):
    """The documents to serve, how, and where.

    Attributes:
        sources: The documents.
        options: How their adapters are served.
        host: Host to listen at; empty for the address in the document.
        ports: Name of an adapter → port; the empty name stands for the only adapter.
        single_port: Serve all adapters at this port, each below its namespace.
        only: Names of adapters; empty for all.
        allow_public: Serve an adapter without authentication beyond this machine.
        watch: Reload when a document changes.
        certificate: What a server shows over TLS; `None` for plain HTTP.
        allow_missing_secrets: Serve although a credential has no value.
        max_connections: Connections of clients at the same time, in each process.
    """

    sources: Sequence[Source]
    options: Options
    host: str = ""
    ports: Mapping[str, int] = {}
    single_port: int | None = None
    only: tuple[str, ...] = ()
    allow_public: bool = False
    watch: bool = False
    certificate: Certificate | None = None
    allow_missing_secrets: bool = False
    max_connections: int = MOST_CONNECTIONS


def processes_of(plan: ServePlan, capabilities: Sequence[Capability]) -> int:
    """Return how many processes serve a plan whose operator leaves it to us.

    One for each core that may be used; but one alone where something needs the memory
    of one process, and on systems without a safe fork.
    """
    cores = usable_cores()
    # Libraries of macOS, such as the one that tells of proxies, may end a fork.
    if cores == 1 or not hasattr(os, "fork") or sys.platform == "darwin":
        return 1
    if plan.watch or any(source.file == "-" for source in plan.sources):
        return 1
    if (adapter := _with_sessions(plan, capabilities)) is not None:
        _log.info(
            "one process, for MCP adapter '%s' keeps sessions; --stateless allows %d",
            adapter,
            cores,
        )
        return 1
    return cores


def _with_sessions(plan: ServePlan, capabilities: Sequence[Capability]) -> str | None:
    """Return the name of an adapter whose clients need the process they began with."""
    if not plan.options.sessions:
        return None
    for capability in capabilities:
        for exposes in capability.exposes:
            name = exposes.namespace or exposes.type
            is_served = exposes.type == "mcp" and exposes.transport != "stdio"
            if is_served and (not plan.only or name in plan.only):
                return name
    return None
