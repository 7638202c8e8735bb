"""`Site`: one document that is served: its adapters, guarded, logged and traced.

    a request → RunningAdapter.serve → its compiled front → the adapter

Reloading prepares every adapter of the new version beside the old one, and replaces the
old version only if all of them could be prepared. This module must not know sockets.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.document.findings import is_of_unit
from naftiko.errors import ArgumentError, ServeError, did_you_mean, names_of
from naftiko.exposes.adapters import TYPES, adapter_of, guarded
from naftiko.exposes.engine import Engine
from naftiko.exposes.front import compile_front
from naftiko.exposes.observability.access_log import AccessLog
from naftiko.exposes.observability.settings import declared, is_observed
from naftiko.exposes.observability.silent import SILENT
from naftiko.exposes.state import (
    AdapterState,
    UnusableUnit,
    document_state,
    unit_name,
    unusable_units,
)
from naftiko.hints import SERVER, worded
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from naftiko.capability import Capability
    from naftiko.exposes.access.guard import Guard
    from naftiko.exposes.adapters import Adapter
    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send
    from naftiko.exposes.observability.telemetry import AnyTelemetry
    from naftiko.exposes.options import Options
    from naftiko.exposes.serve.plan import Source
    from naftiko.exposes.state import Host
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes
    from naftiko.transport.base import AsyncTransport

_log = logging.getLogger("naftiko.serve")


class RunningAdapter:
    """One adapter that is served, and what stands around it.

    Attributes:
        site: The document of the adapter.
        adapter: The application itself.
        exposes: The adapter in the document.
        name: Its namespace, or its type if it has none.
        guarded: The adapter behind its authentication; replaced by a reload.
        logged: Logs and counts the requests.
        front: All that stands around the adapter, as one application; see `compile`.
        must_authenticate: The adapter can be reached from other machines, and the
            operator has not allowed that without authentication.
        state: The state that the control port shows.
    """

    def __init__(self, site: Site, adapter: Adapter, exposes: Exposes) -> None:
        self.site = site
        self.adapter = adapter
        self.exposes = exposes
        self.name = exposes.namespace or exposes.type
        self.guarded = guarded(adapter, exposes, site.engine)
        self.logged = AccessLog(self.name, site.host.logs)
        self.must_authenticate = False
        self.state = AdapterState(exposes.type, exposes.namespace, exposes.port)
        self.front: ASGIApp
        self.compile(SILENT)

    def compile(self, telemetry: AnyTelemetry) -> None:
        """Compile the front anew; requests under way finish with the old one."""
        site = self.site
        label = site.capability.info.label
        self.front = compile_front(
            self.guarded, self.exposes, site.options, self.logged, telemetry, label
        )

    def serve(self, scope: ASGIScope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request; a server hands all of them to this."""
        # Looked up for each request: a reload replaces the front.
        return self.front(scope, receive, send)


class Site:
    """One document that is served.

    Args:
        source: The document.
        transport: Sends upstream calls. It is shared with other sites, and stays when
            the document is reloaded.
        options: How the adapters are served.
        host: The adapters and logs of this process.
        capability: The document as it was loaded already; otherwise it is loaded here.
        only: Names of the adapters to serve; empty for all.

    Raises:
        DocumentError: The document cannot be loaded.
        ServeError: The document exposes nothing, or an adapter cannot be served.
    """

    def __init__(
        self,
        source: Source,
        transport: AsyncTransport,
        options: Options,
        host: Host,
        *,
        capability: Capability | None = None,
        only: Iterable[str] = (),
    ) -> None:
        self.source = source
        self.options = options
        self.host = host
        self._transport = transport
        self._only = tuple(only)
        self.capability = capability or source.load()
        self._unusable: tuple[UnusableUnit, ...] | None = None
        self._telemetry: AnyTelemetry = SILENT
        self.engine = self._engine(self.capability)
        self.served = [
            RunningAdapter(
                self, adapter_of(self.engine, exposes, options, host), exposes
            )
            for exposes in self._chosen(self.capability)
        ]

    def _engine(self, capability: Capability) -> Engine:
        return Engine(
            capability,
            self._transport,
            timeout=self.options.timeout,
            telemetry=self._telemetry,
        )

    def _chosen(self, capability: Capability) -> list[Exposes]:
        """Return the adapters to serve over HTTP.

        An adapter on standard input and output is left out: `--stdio` serves it.
        """
        exposes = [e for e in capability.exposes if e.type in TYPES]
        if not exposes:
            raise ServeError(
                f"{self.source.file}: Capability must expose at least one endpoint.",
                hint="add `exposes:` with an adapter of type rest, mcp, skill or"
                " control; its operations can be called without",
            )
        return [
            e
            for e in exposes
            if e.transport != "stdio"
            and (not self._only or (e.namespace or e.type) in self._only)
        ]

    def tell_unserved(self) -> None:
        """Log the parts of the document that are not served, or cannot be called."""
        tell_unusable(self.capability, self.source.file)
        for entry in self.capability.exposes:
            if entry.transport == "stdio" and not self._only:
                _log.info(
                    "%s: '%s' talks over standard input and output: serve it with"
                    " --stdio",
                    self.source.file,
                    entry.namespace,
                )

    @property
    def unusable(self) -> tuple[UnusableUnit, ...]:
        """The exposed units of the served version that cannot be called."""
        if self._unusable is None:
            self._unusable = self._unusable_of(self.capability)
        return self._unusable

    def _unusable_of(self, capability: Capability) -> tuple[UnusableUnit, ...]:
        return unusable_units(capability, self.options.variable_headers)

    def lost(self, capability: Capability) -> list[UnusableUnit]:
        """Return the units that can be called, and could not in another version."""
        broken = {unit[:3] for unit in self.unusable}
        served = {
            (exposes.type, exposes.namespace, unit_name(plan))
            for exposes in self.capability.exposes
            for plan in self.capability.functions.of(exposes)
        }
        return [
            unit
            for unit in self._unusable_of(capability)
            if unit[:3] in served and unit[:3] not in broken
        ]

    def causes(self, capability: Capability) -> list[str]:
        """Return what is newly wrong with units in another version, with its place."""
        known = {(p.code, p.message) for p in self.capability.problems}
        return [
            f"{problem.location}: {problem.message} [{problem.code}]"
            for problem in capability.problems
            if is_of_unit(problem) and (problem.code, problem.message) not in known
        ][:_MOST_UNUSABLE]

    def state(self) -> dict[str, JSON]:
        """Return what the control port tells about the document."""
        return document_state(
            self.capability,
            self.source.file,
            self.unusable,
            self.source.base_uris,
        )

    def exposed_by(self, capability: Capability) -> list[Exposes]:
        """Return what a version exposes of the adapters that are served."""
        served = {served.name for served in self.served}
        return [e for e in capability.exposes if (e.namespace or e.type) in served]

    def names(self) -> list[str]:
        """Return the names of all adapters of the document."""
        return [e.namespace or e.type for e in self.capability.exposes]

    def observe(self, telemetry: AnyTelemetry) -> None:
        """Trace the requests to come, unless the document turns that off."""
        if not telemetry.is_on or not is_observed(self.capability):
            return
        self._telemetry = self.engine.telemetry = telemetry
        label = self.capability.info.label
        for served in self.served:
            served.compile(telemetry)
        telemetry.serving(label, 1)

    def unobserve(self) -> None:
        """Tell telemetry that the document is no longer served."""
        self._telemetry.serving(self.capability.info.label, -1)

    async def start(self, stack: AsyncExitStack) -> None:
        """Enter the lifespan of every adapter."""
        for served in self.served:
            await stack.enter_async_context(served.adapter.lifespan())

    # --- reloading --------------------------------------------------------------------

    def prepare(self, capability: Capability) -> Version:
        """Return another version of the document, ready to serve; change nothing yet.

        Raises:
            ServeError: The new version cannot be served.
        """
        chosen = {_key(e): e for e in self._chosen(capability)}
        for served in self.served:
            exposes = chosen.get(_key(served.exposes))
            if (
                served.must_authenticate
                and exposes is not None
                and exposes.authentication is None
            ):
                raise ServeError(
                    f"'{served.name}' would be open to everyone: its `authentication`"
                    " is gone",
                    hint="declare it again, or restart with --allow-public",
                )
        engine = self._engine(capability)
        stay = [
            (served, exposes)
            for served in self.served
            if (exposes := chosen.get(_key(served.exposes))) is not None
        ]
        return Version(
            engine,
            chosen,
            {_key(e): served.adapter.prepare(engine, e) for served, e in stay},
            {_key(e): guarded(served.adapter, e, engine) for served, e in stay},
        )

    def serve(self, version: Version) -> list[str]:
        """Serve a prepared version; return a sentence for each change left undone.

        Nothing in here may raise: some adapters would be new, and others old.
        """
        before_reload = self.capability
        self._unusable = None
        self.engine, self.capability = version.engine, version.engine.capability
        new = dict(version.exposes)
        notes = self._relabelled(before_reload)
        for served in self.served:
            key = _key(served.exposes)
            exposes = new.pop(key, None)
            if exposes is None:
                notes.append(f"'{served.name}' is gone; it is served until a restart")
                continue
            before = served.exposes
            if (exposes.port, exposes.address) != (before.port, before.address):
                notes.append(f"'{served.name}' moves when the server is restarted")
            served.adapter.replace(version.adapters[key])
            served.exposes = exposes
            served.guarded = version.guards[key]
        for served in self.served:
            served.compile(self._telemetry)
        return notes + [
            f"'{e.namespace or e.type}' is new; it is served after a restart"
            for e in new.values()
        ]

    def _relabelled(self, before: Capability) -> list[str]:
        """Give telemetry the new label; return the changes that need a restart."""
        label = self.capability.info.label
        self._telemetry.serving(before.info.label, -1)
        self._telemetry.serving(label, 1)
        if declared(before) == declared(self.capability):
            return []
        return ["`observability` changes when the server is restarted"]


class Version(NamedTuple):
    """One version of a document, prepared to replace another.

    Attributes:
        engine: Runs the functions of this version.
        exposes: Type and namespace → the adapter in the document.
        adapters: Type and namespace → the version that the application prepared.
        guards: Type and namespace → the application behind its authentication.
    """

    engine: Engine
    exposes: Mapping[tuple[str, str], Exposes]
    adapters: Mapping[tuple[str, str], Any]
    guards: Mapping[tuple[str, str], Guard]


def _key(exposes: Exposes) -> tuple[str, str]:
    return exposes.type, exposes.namespace


# --- names that the operator gives --------------------------------------------------


def check_base_uris(sources: Iterable[Source], served: Iterable[Capability]) -> None:
    """Refuse a base URI of a namespace that no document consumes.

    Raises:
        ArgumentError: A namespace is consumed by no document.
    """
    known = [name for capability in served for name in capability.namespaces]
    for source in sources:
        for name in source.base_uris:
            if name and name not in known:
                raise ArgumentError(
                    f"--base-uri: no namespace is called '{name}'",
                    hint=did_you_mean(name, known) or f"consumed: {names_of(known)}",
                )


def check_names(wanted: Iterable[str], sites: Iterable[Site], option: str) -> None:
    """Refuse names of adapters that no document has.

    Args:
        wanted: Names of adapters.
        sites: The documents.
        option: The option that gives the names, for the message.

    Raises:
        ServeError: A name is unknown.
    """
    known = [name for site in sites for name in site.names()]
    for name in wanted:
        if name not in known:
            raise ServeError(
                f"{option}: no adapter is called '{name}'",
                hint=f"exposed: {names_of(known)}",
            )


#: Warnings of one document at most; some published files have hundreds.
_MOST_UNUSABLE = 10


def tell_unusable(capability: Capability, file: str) -> None:
    """Log a warning for each part that cannot be called, and each inert key."""
    inert = rules.KEY_INERT.code
    unusable = [p for p in capability.problems if is_of_unit(p) or p.code == inert]
    for problem in unusable[:_MOST_UNUSABLE]:
        _log.warning(
            "%s: %s [%s]",
            problem.location,
            problem.message,
            problem.code,
            extra={"hint": worded(problem.hint, SERVER)},
        )
    more = len(unusable) - _MOST_UNUSABLE
    if more > 0:
        _log.warning("%d more of these; see: naftiko validate %s", more, file)
