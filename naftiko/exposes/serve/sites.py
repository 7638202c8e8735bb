"""Documents → adapters ready to be served: which, where, and protected by what.

One site is one document. Reloading builds everything anew beside the old, and swaps it
only when all of it is good. This module must not know sockets.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.document.rules import is_of_unit
from naftiko.document.source import read
from naftiko.errors import ArgumentError, ServeError, did_you_mean, names_of
from naftiko.exposes.access.cors import with_cors
from naftiko.exposes.access.origins import Origins
from naftiko.exposes.adapters import TYPES, app_of, guarded
from naftiko.exposes.engine import Engine
from naftiko.exposes.observability.access_log import AccessLog
from naftiko.exposes.observability.settings import declared, is_observed
from naftiko.exposes.observability.traced import Traced
from naftiko.exposes.state import Adapter
from naftiko.loader import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from naftiko.capability import Capability
    from naftiko.exposes.access.guard import Guard
    from naftiko.exposes.observability.telemetry import Telemetry
    from naftiko.exposes.options import Options
    from naftiko.exposes.state import Host
    from naftiko.spec.model import Exposes
    from naftiko.transport.base import AsyncTransport

_log = logging.getLogger("naftiko.serve")


class Source(NamedTuple):
    """One document and how it is loaded.

    Attributes:
        base_uris: Namespace → URI that replaces the document's; the empty namespace
            stands for all others.
    """

    file: str
    base_uris: Mapping[str, str] = {}

    def load(self) -> Capability:
        """Load it; raises what `naftiko.load` raises."""
        # As a text, an odd name might be taken for a document.
        is_file = self.file != "-"
        document = read(Path(self.file), name=self.file) if is_file else read("-")
        capability = load(document)
        if not self.base_uris:
            return capability
        rest = self.base_uris.get("")
        # Another document may consume the other namespaces.
        uris = {name: self.base_uris.get(name, rest) for name in capability.namespaces}
        known = {name: uri for name, uri in uris.items() if uri}
        return capability.using(base_uri=known)

    @property
    def name(self) -> str:
        """What tells it from others in a path."""
        return Path(self.file).stem


class RunningAdapter:
    """One adapter that is served: an ASGI application that survives reloading."""

    def __init__(self, site: Site, app: Any, exposes: Exposes) -> None:
        self.site = site
        self.app = app
        self.exposes = exposes
        self.name = exposes.namespace or exposes.type
        self.guarded = guarded(app, exposes, site.engine)
        answer: Any = self._answer
        if exposes.type != "mcp":
            # MCP has a check of its own, with what its specification asks for.
            answer = Origins(answer, site.options, lambda: self.exposes)
        if exposes.type != "control":
            # Web pages have no business at the control port.
            answer = with_cors(answer, site.options)
        self.logged = AccessLog(answer, self.name)
        #: It is reached from elsewhere, and nobody said that it may be open.
        self.has_to_ask = False
        #: What a server hands requests to.
        self.front: Any = self.logged
        self.state = Adapter(exposes.type, exposes.namespace, exposes.port)

    async def _answer(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        # Asked for anew each time: reloading puts another guard here.
        await self.guarded(scope, receive, send)


class Site:
    """One document being served.

    Args:
        source: The document.
        transport: What sends upstream calls; shared, and kept over reloading.
        options: How it is served.
        host: What this process serves.
        only: Namespaces of the adapters to serve; empty for all.

    Raises:
        DocumentError: It cannot be loaded.
        ServeError: It exposes nothing, or something that cannot be served.
    """

    def __init__(
        self,
        source: Source,
        transport: AsyncTransport,
        options: Options,
        host: Host,
        *,
        only: Iterable[str] = (),
    ) -> None:
        self.source = source
        self.options = options
        self._transport = transport
        self._only = tuple(only)
        self.capability = source.load()
        self._telemetry: Telemetry | None = None
        self.engine = self._engine(self.capability)
        self.served = [
            RunningAdapter(self, app_of(self.engine, exposes, options, host), exposes)
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
        """Return the adapters to serve.

        One that talks over standard input and output is served alone, by `--stdio`.
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
        """Log what of the document is not served, or nobody can call."""
        tell_unusable(self.capability, self.source.file)
        for entry in self.capability.exposes:
            if entry.transport == "stdio" and not self._only:
                _log.info(
                    "%s: '%s' talks over standard input and output: serve it with"
                    " --stdio",
                    self.source.file,
                    entry.namespace,
                )

    def names(self) -> list[str]:
        """Return what `--adapter` may name here."""
        return [e.namespace or e.type for e in self.capability.exposes]

    def observe(self, telemetry: Telemetry) -> None:
        """Trace the requests to come, unless the document refuses it."""
        if not is_observed(self.capability):
            return
        self._telemetry = self.engine.telemetry = telemetry
        label = self.capability.info.label
        for served in self.served:
            if served.exposes.type != "control":
                # Log lines of a request are to know its trace.
                served.front = Traced(served.logged, served.exposes, telemetry, label)
        telemetry.serving(label, 1)

    def unobserve(self) -> None:
        """Note that the document is served no more."""
        if self._telemetry is not None:
            self._telemetry.serving(self.capability.info.label, -1)

    async def start(self, stack: AsyncExitStack) -> None:
        """Enter what every adapter needs while it is served."""
        for served in self.served:
            await stack.enter_async_context(served.app.lifespan())

    def prepare(self, capability: Capability) -> Version:
        """Make another version of the document ready, and change nothing yet.

        Raises:
            ServeError: The new version cannot be served.
        """
        chosen = {_key(e): e for e in self._chosen(capability)}
        for served in self.served:
            exposes = chosen.get(_key(served.exposes))
            if served.has_to_ask and exposes and exposes.authentication is None:
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
            {_key(e): served.app.prepare(engine, e) for served, e in stay},
            {_key(e): guarded(served.app, e, engine) for served, e in stay},
        )

    def serve(self, version: Version) -> list[str]:
        """Serve a version that was made ready; return what needs a restart.

        Nothing in here may raise: some adapters would be new, and others old.
        """
        before_reload = self.capability
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
            served.app.replace(version.adapters[key])
            served.exposes = exposes
            served.guarded = version.guards[key]
        return notes + [
            f"'{e.namespace or e.type}' is new; it is served after a restart"
            for e in new.values()
        ]

    def _relabelled(self, before: Capability) -> list[str]:
        """Let telemetry use the new label; return what it cannot change."""
        if self._telemetry is not None:
            self._telemetry.serving(before.info.label, -1)
            self._telemetry.serving(self.capability.info.label, 1)
            for served in self.served:
                if isinstance(served.front, Traced):
                    served.front.label = self.capability.info.label
        if declared(before) == declared(self.capability):
            return []
        return ["`observability` changes when the server is restarted"]


class Version(NamedTuple):
    """A version of a document, ready to be served in the place of another.

    Attributes:
        adapters: What each application takes as its next version.
    """

    engine: Engine
    exposes: Mapping[tuple[str, str], Exposes]
    adapters: Mapping[tuple[str, str], Any]
    guards: Mapping[tuple[str, str], Guard]


def _key(exposes: Exposes) -> tuple[str, str]:
    return exposes.type, exposes.namespace


# --- where --------------------------------------------------------------------------


def check_base_uris(sources: Iterable[Source], served: Iterable[Capability]) -> None:
    """Refuse a base URI of a namespace that no document consumes.

    Raises:
        ArgumentError: There is one.
    """
    known = [name for capability in served for name in capability.namespaces]
    for source in sources:
        for name in source.base_uris:
            if name and name not in known:
                raise ArgumentError(
                    f"base_uri: no namespace is called '{name}'",
                    hint=did_you_mean(name, known) or f"consumed: {names_of(known)}",
                )


def check_names(wanted: Iterable[str], sites: Iterable[Site], option: str) -> None:
    """Refuse names of adapters that no document has.

    Raises:
        ServeError: One is unknown.
    """
    known = [name for site in sites for name in site.names()]
    for name in wanted:
        if name not in known:
            raise ServeError(
                f"{option}: no adapter is called '{name}'",
                hint=f"exposed: {names_of(known)}",
            )


#: What cannot be called is told up to this number; published files have hundreds.
_MOST_UNUSABLE = 10


def tell_unusable(capability: Capability, file: str) -> None:
    """Warn of what a document describes, but nobody can call."""
    unusable = [p for p in capability.problems if is_of_unit(p)]
    serve = logging.getLogger("naftiko.serve")
    for problem in unusable[:_MOST_UNUSABLE]:
        serve.warning(
            "%s: %s [%s]",
            problem.location,
            problem.message,
            problem.code,
            extra={"hint": problem.hint},
        )
    more = len(unusable) - _MOST_UNUSABLE
    if more > 0:
        serve.warning("%d more of these; see: naftiko validate %s", more, file)
