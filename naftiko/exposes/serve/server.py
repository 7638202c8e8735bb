"""Sockets, signals, start and drain: run sites until told to stop.

One event loop serves every port. Stopping takes no new connections, lets requests under
way finish, then ends streams: exit within `GRACE` seconds. This module must not know
what is served.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.errors import NaftikoError, ServeError
from naftiko.exposes.access.origins import is_loopback
from naftiko.exposes.http.callers import check_variables
from naftiko.exposes.observability.telemetry import PATIENCE, telemetry_of
from naftiko.exposes.observability.traced import InTrace
from naftiko.exposes.serve import process
from naftiko.exposes.serve.patched_uvicorn import MAX_HEAD_BYTES, watchful
from naftiko.exposes.serve.places import (
    BACKLOG,
    Listener,
    Place,
    bind,
    place_of,
    shown_host,
)
from naftiko.exposes.serve.process import collect_often
from naftiko.exposes.serve.sites import (
    RunningAdapter,
    Site,
    Source,
    Version,
    check_base_uris,
    check_names,
    tell_unusable,
)
from naftiko.exposes.serve.workers import HURRY
from naftiko.exposes.state import STARTED, STOPPED, Host, Reloaded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from naftiko.exposes.options import Options

#: Seconds that requests under way have to finish; 10 are promised in all.
GRACE = 7.0
_LAST = 1.0
#: Seconds after which the process is to be over, whatever still goes on.
_END = 8.5
_WATCH = 0.5


_log = logging.getLogger("naftiko.serve")


class ServePlan(NamedTuple):
    """What to serve and where, as the operator says.

    Attributes:
        ports: Name of an adapter → port; the empty name stands for the only adapter.
        single_port: Serve everything there, each adapter below its namespace.
        only: Names of adapters; empty for all.
        watch: Reload when a document changes.
    """

    sources: Sequence[Source]
    options: Options
    host: str = ""
    ports: Mapping[str, int] = {}
    single_port: int | None = None
    only: tuple[str, ...] = ()
    allow_public: bool = False
    watch: bool = False


class Server:
    """Everything that one process serves.

    Args:
        plan: What to serve and where.
        host: Where its state is told.

    Raises:
        DocumentError: A document cannot be loaded.
        ServeError: Something cannot be served.
    """

    def __init__(self, plan: ServePlan, host: Host | None = None) -> None:
        from naftiko.transport.aio import AioTransport

        self.plan = plan
        self.host = host or Host()
        self.transport = AioTransport()
        self.sites = [
            Site(source, self.transport, plan.options, self.host, only=plan.only)
            for source in plan.sources
        ]
        # Now, not when watching begins: an edit in between would go unseen.
        self._known = self._stamps()
        check_names(plan.only, self.sites, "--adapter")
        if not self.served:
            raise ServeError(
                "no adapter is left: those talk over standard input and output",
                hint="serve it with --stdio, or say `transport: http`",
            )
        capabilities = [site.capability for site in self.sites]
        check_base_uris(plan.sources, capabilities)
        check_variables(plan.options.variable_headers, capabilities)
        self.host.adapters = [s.state for site in self.sites for s in site.served]
        self.host.reload = self.reload
        self._reloading = asyncio.Lock()
        self._stop = asyncio.Event()
        self._is_hurried = False

    @property
    def served(self) -> list[RunningAdapter]:
        """Every adapter of every document."""
        return [served for site in self.sites for served in site.served]

    def listen(self, sockets: Sequence[socket.socket] = ()) -> list[Listener]:
        """Bind every socket, before anything is served.

        Args:
            sockets: Bound by somebody else, in the order in which this would.

        Raises:
            ServeError: An address cannot be had.
        """
        places = self._places()
        if not sockets:  # else somebody has told it already
            for warning in (w for place, _ in places for w in place.warnings):
                _log.warning("%s", warning)
            for site in self.sites:
                site.tell_unserved()
        given = iter(sockets)
        listeners: list[Listener] = []
        try:
            for place, served in places:
                bound = next(given, None) or bind(place, served)
                port = bound.getsockname()[1]
                prefixes = self._prefixes() if self.plan.single_port is not None else ()
                for number, entry in enumerate(served):
                    entry.state.port = port
                    entry.has_to_ask = not (
                        self.plan.allow_public or is_loopback(place.host)
                    )
                    below = prefixes[number] if prefixes else ""
                    entry.state.url = f"http://{shown_host(place.host)}:{port}{below}"
                listeners.append(Listener(bound, served, tuple(prefixes)))
        except ServeError:
            for listener in listeners:
                listener.socket.close()
            raise
        return listeners

    def _places(self) -> list[tuple[Place, tuple[RunningAdapter, ...]]]:
        plan, served = self.plan, self.served
        named = [name for name in plan.ports if name]
        check_names(named, self.sites, "--port")
        # Any free port is good for all of them; one port is not.
        if plan.ports.get("") and len(served) != 1:
            raise ServeError(
                f"--port {plan.ports['']} does for one adapter, but there are"
                f" {len(served)}",
                hint="give --port NAME=PORT, --adapter NAME, or --single-port PORT",
            )
        if plan.single_port is not None:
            places = [
                place_of(
                    entry.exposes,
                    host=plan.host or "localhost",
                    port=plan.single_port,
                    allow_public=plan.allow_public,
                )
                for entry in served
            ]
            self._check_prefixes()
            told = tuple(w for place in places for w in place.warnings)
            return [(places[0]._replace(warnings=told), tuple(served))]
        found: list[tuple[Place, tuple[RunningAdapter, ...]]] = []
        taken: dict[int, str] = {}
        for entry in served:
            port = plan.ports.get(entry.name, plan.ports.get(""))
            place = place_of(
                entry.exposes, host=plan.host, port=port, allow_public=plan.allow_public
            )
            if place.port and place.port in taken:
                # A name that two have does not tell them apart.
                own = f"--port {entry.name}=PORT, or "
                raise ServeError(
                    f"'{entry.name}' and '{taken[place.port]}' both want port"
                    f" {place.port}",
                    hint=f"give {own if entry.name != taken[place.port] else ''}"
                    "--single-port PORT",
                )
            taken[place.port] = entry.name
            found.append((place, (entry,)))
        return found

    def _check_prefixes(self) -> None:
        """Refuse two adapters at one path: one of them would not be served."""
        taken: dict[str, RunningAdapter] = {}
        for prefix, entry in zip(self._prefixes(), self.served, strict=True):
            before = taken.setdefault(prefix, entry)
            if before is not entry:
                raise ServeError(
                    f"two adapters called '{entry.name}' both want {prefix}",
                    hint="give each a `namespace` of its own"
                    if before.site is entry.site
                    else "documents of one file name need different namespaces",
                )

    def _prefixes(self) -> list[str]:
        """Return a prefix for each adapter: its name, after that of its document."""
        names = [served.name for served in self.served]
        return [
            f"/{served.name}"
            if names.count(served.name) == 1
            else f"/{served.site.source.name}/{served.name}"
            for served in self.served
        ]

    # --- running ----------------------------------------------------------------------

    async def run(self, listeners: Sequence[Listener]) -> None:
        """Serve until `stop` is called."""
        import uvicorn

        self._observe()
        servers = [_uvicorn(uvicorn, listener) for listener in listeners]
        stack = AsyncExitStack()
        tasks: list[asyncio.Task[None]] = []
        try:
            for site in self.sites:
                await site.start(stack)
            for server, listener in zip(servers, listeners, strict=True):
                serving = server.serve(sockets=[listener.socket])
                tasks.append(asyncio.create_task(serving))
            await _until_started(servers, tasks)
            collect_often()
            for served in self.served:
                served.state.state = STARTED
                _log.info(
                    "%s '%s' at %s",
                    served.state.type,
                    served.name,
                    served.state.url,
                    extra={"url": served.state.url},
                )
            if self.plan.watch:
                watching = asyncio.create_task(self._watch())
                stack.callback(watching.cancel)
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait([stopping, *tasks], return_when="FIRST_COMPLETED")
            stopping.cancel()
        finally:
            await self._drain(servers, tasks, stack)

    def _observe(self) -> None:
        """Turn telemetry on, if it is asked for: here, where no fork follows."""
        telemetry = telemetry_of(
            [site.capability for site in self.sites],
            is_local=any(served.state.type == "control" for served in self.served),
        )
        self.host.telemetry = telemetry
        if telemetry is not None:
            for site in self.sites:
                site.observe(telemetry)
            if self.host.logs is not None:
                self.host.logs.enrich(InTrace())

    def stop(self) -> None:
        """Ask to stop; safe to call from a signal handler."""
        self._stop.set()

    def interrupt(self) -> None:
        """Ask to stop, the second time without waiting for requests under way.

        Only people ask twice; some supervisors send SIGTERM to every process, and the
        parent of workers hands it on.
        """
        self._is_hurried = self._stop.is_set()
        self._stop.set()

    def hurry(self) -> None:
        """Wait no longer for requests under way."""
        self._is_hurried = True
        self._stop.set()

    async def _drain(
        self, servers: Sequence[Any], tasks: Sequence[asyncio.Task[None]], stack: Any
    ) -> None:
        self.host.is_stopping = True
        for server in servers:
            server.should_exit = True
        for served in self.served:
            served.state.state = STOPPED
            # Streams that would stay open for ever are told to end.
            drain = getattr(served.app, "drain", None)
            if drain is not None:
                drain()
        time = asyncio.get_running_loop().time
        end = time() + _END
        until = time() + GRACE
        # uvicorn waits for every connection; event streams only end with their adapter.
        while any(s.logged.open_requests for s in self.served):
            if time() > until or self._is_hurried:
                _log.warning(
                    "requests under way are cut off%s",
                    "" if self._is_hurried else f" after {GRACE:.0f} s",
                )
                await _cut_off(servers)
                break
            await asyncio.sleep(0.02)
        try:
            # In this very task: what was entered here has to be left here.
            async with asyncio.timeout(_LAST):
                await stack.aclose()
        except TimeoutError:
            _log.warning("an adapter did not end in time")
        for server in servers:
            server.force_exit = True
        done, late = await asyncio.wait(tasks, timeout=_LAST) if tasks else ((), ())
        for task in late:
            task.cancel()
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("a server failed: %s", error)
        await self.transport.close()
        if (telemetry := self.host.telemetry) is not None:
            for site in self.sites:
                site.unobserve()
            patience = min(PATIENCE, max(0.2, end - time()))
            await asyncio.to_thread(telemetry.close, patience)

    # --- reloading --------------------------------------------------------------------

    async def reload(self) -> Reloaded:
        """Read every document again; what cannot be served leaves the old version.

        A document that is broken does not keep the others from being reloaded.
        """
        async with self._reloading:
            versions: dict[Site, Version] = {}
            problems: list[str] = []
            for site in self.sites:
                try:
                    loaded = await asyncio.to_thread(site.source.load)
                    versions[site] = site.prepare(loaded)
                except NaftikoError as error:
                    problems.append(str(error))
                except Exception:  # noqa: BLE001 - this server goes on
                    _log.exception("%s cannot be reloaded", site.source.file)
                    problems.append(
                        f"{site.source.file}: an error in the server itself; the log"
                        " has it"
                    )
            try:
                check_variables(
                    self.plan.options.variable_headers,
                    [
                        versions[site].engine.capability
                        if site in versions
                        else site.capability
                        for site in self.sites
                    ],
                )
            except NaftikoError as error:
                problems.append(str(error))
                versions.clear()
            for problem in problems:
                _log.error("not reloaded, the old version is served: %s", problem)
            notes = [
                note
                for site, version in versions.items()
                for note in site.serve(version)
            ]
            for site in versions:
                tell_unusable(site.capability, site.source.file)
            for note in notes:
                _log.warning("reloaded, but: %s", note)
            if versions:
                _log.info("reloaded %s", ", ".join(s.source.file for s in versions))
            return Reloaded(not problems, (*problems, *notes))

    async def reload_unasked(self) -> None:
        """Reload where nobody waits for an answer: what came of it is in the log."""
        try:
            await self.reload()
        except Exception:  # noqa: BLE001 - this server goes on
            _log.exception("reloading failed")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            if self._stamps() != self._known:
                # An editor may still be writing.
                await asyncio.sleep(_WATCH / 5)
                self._known = self._stamps()
                await self.reload_unasked()

    def _stamps(self) -> list[tuple[str, int, int]]:
        found = []
        for site in self.sites:
            for file in site.capability.files:
                with suppress(OSError):
                    about = os.stat(file)
                    found.append((str(file), about.st_mtime_ns, about.st_size))
        return found


def _uvicorn(uvicorn: Any, listener: Listener) -> Any:
    config = uvicorn.Config(
        listener.app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Bodies are limited by the adapters; heads here and by `watchful`.
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(GRACE + _LAST),
        backlog=BACKLOG,
    )
    config.load()
    config.http_protocol_class = watchful(config.http_protocol_class)
    server = uvicorn.Server(config)
    # Signals are ours: there may be several servers, and one process.
    server.capture_signals = _no_signals
    return server


@contextmanager
def _no_signals() -> Iterator[None]:
    yield


async def _cut_off(servers: Sequence[Any]) -> None:
    """Cancel the requests under way, while there is still somebody to answer them."""
    open_requests = [task for s in servers for task in s.server_state.tasks]
    for task in open_requests:
        task.cancel()
    if open_requests:
        await asyncio.wait(open_requests, timeout=_LAST / 2)


async def _until_started(
    servers: Sequence[Any], tasks: Sequence[asyncio.Task[None]]
) -> None:
    while not all(server.started for server in servers):
        for task in tasks:
            if task.done():
                task.result()
                raise ServeError("a server stopped before it was ready")
        await asyncio.sleep(0.005)


def run(plan: ServePlan, host: Host) -> None:
    """Serve in this process until SIGTERM or SIGINT.

    Raises:
        DocumentError: A document cannot be loaded.
        ServeError: Something cannot be served.
    """
    process.run(serve(plan, host))


async def serve(
    plan: ServePlan, host: Host, sockets: Sequence[socket.socket] = ()
) -> None:
    """Serve until SIGTERM or SIGINT; see `run`."""
    server = Server(plan, host)
    try:
        listeners = server.listen(sockets)
    except ServeError:
        await server.transport.close()
        raise
    running = asyncio.get_running_loop()
    running.add_signal_handler(signal.SIGTERM, server.stop)
    if sockets:
        # A worker: Ctrl-C reaches it too, but its parent decides.
        running.add_signal_handler(HURRY, server.hurry)
    else:
        running.add_signal_handler(signal.SIGINT, server.interrupt)
    with suppress(AttributeError, ValueError):
        running.add_signal_handler(
            signal.SIGHUP, lambda: asyncio.ensure_future(server.reload_unasked())
        )
    await server.run(listeners)
