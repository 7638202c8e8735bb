"""`Server`: serve all documents in one process until SIGTERM or SIGINT.

    ServePlan  →  Server.listen  →  Server.run  →  (a signal)  →  drain, then exit

One event loop serves every port. Draining takes no new connections, lets the requests
under way finish for `GRACE` seconds, and then ends the event streams. This module must
not know what is served.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from naftiko.errors import NaftikoError, ServeError
from naftiko.exposes.http.callers import check_variables
from naftiko.exposes.observability.telemetry import PATIENCE, telemetry_of
from naftiko.exposes.observability.traced import InTrace
from naftiko.exposes.options import GRACE
from naftiko.exposes.serve import process
from naftiko.exposes.serve.connections import Crowd, Patience, over_tls
from naftiko.exposes.serve.patched_uvicorn import watchful
from naftiko.exposes.serve.places import (
    BACKLOG,
    Listener,
    listen,
    places_of,
)
from naftiko.exposes.serve.process import collect_often
from naftiko.exposes.serve.secrets import check_given, check_secrets
from naftiko.exposes.serve.sites import (
    RunningAdapter,
    Site,
    Version,
    check_base_uris,
    check_names,
    tell_unusable,
)
from naftiko.exposes.serve.workers import HURRY
from naftiko.exposes.state import STARTED, STOPPED, Host, Reloaded
from naftiko.hints import SERVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from naftiko.capability import Capability
    from naftiko.exposes.http.scope import ASGIApp
    from naftiko.exposes.serve.plan import ServePlan
    from naftiko.exposes.serve.tls import Certificate

#: Seconds for each of the last steps of a drain. The documentation promises an exit
#: within 10 seconds, so what follows `GRACE` has to fit into 3.
_LAST = 1.0
#: Seconds after which the process should have ended.
_END = 8.5
#: Seconds between two looks at the files of the documents.
_WATCH = 0.5


_log = logging.getLogger("naftiko.serve")


class Server:
    """All documents that one process serves.

    Args:
        plan: The documents to serve, how, and where.
        host: Where the state of the server is kept, for the control port.

    Raises:
        DocumentError: A document cannot be loaded.
        ServeError: An adapter cannot be served.
    """

    def __init__(self, plan: ServePlan, host: Host | None = None) -> None:
        from naftiko.transport.aio import AioTransport

        self.plan = plan
        self.host = host or Host(plan.options)
        most = plan.options.max_total_bytes
        self.transport = AioTransport(max_total_bytes=most)
        self.sites = [
            Site(source, self.transport, plan.options, self.host, only=plan.only)
            for source in plan.sources
        ]
        # Read here: an edit before the watching begins would go unseen otherwise.
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
        check_given(plan.sources, capabilities)
        for site in self.sites:
            self._check_secrets(site, site.capability)
        self.host.adapters = [s.state for site in self.sites for s in site.served]
        self.host.documents = lambda: [site.state() for site in self.sites]
        self.host.reload = self.reload
        self._reloading = asyncio.Lock()
        self._stop = asyncio.Event()
        self._is_hurried = False

    @property
    def served(self) -> list[RunningAdapter]:
        """Every adapter of every document."""
        return [served for site in self.sites for served in site.served]

    def listen(self, sockets: Sequence[socket.socket] = ()) -> list[Listener]:
        """Bind a socket for each place, before anything is served.

        Args:
            sockets: Sockets bound by another process, in the order in which this
                method would bind them; empty to bind them here.

        Raises:
            ServeError: An adapter has no place, or a bind failed.
        """
        check_names([name for name in self.plan.ports if name], self.sites, "--port")
        places = places_of(self.plan, self.served)
        if not sockets:  # else the process that bound them has logged it
            for warning in (w for place, _ in places for w in place.warnings):
                _log.warning("%s", warning)
            for site in self.sites:
                site.tell_unserved()
        return listen(self.plan, places, sockets)

    # --- running ----------------------------------------------------------------------

    async def run(
        self,
        listeners: Sequence[Listener],
        around: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        """Serve until `stop` is called.

        Args:
            listeners: The sockets, and what is served there.
            around: Puts an application of its own around that of each socket.
        """
        import uvicorn

        self._observe()
        certificate = self.plan.certificate
        crowd = Crowd(self.plan.max_connections)
        apps = [around(one.app) if around else one.app for one in listeners]
        servers = [_uvicorn(uvicorn, app, certificate, crowd) for app in apps]
        stack = AsyncExitStack()
        tasks: list[asyncio.Task[None]] = []
        try:
            for site in self.sites:
                await site.start(stack)
            # The sockets listen: a request is taken from here on. Said before the first
            # answer, so that the control port calls no adapter stopped while it is up.
            for served in self.served:
                served.state.state = STARTED
            for server, listener in zip(servers, listeners, strict=True):
                serving = server.serve(sockets=[listener.socket])
                tasks.append(asyncio.create_task(serving))
            await _until_started(servers, tasks)
            collect_often()
            for served in self.served:
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
        """Turn telemetry on, if it is asked for.

        Its threads would not survive a fork, so this is done after the last fork.
        """
        telemetry = telemetry_of(
            [site.capability for site in self.sites],
            is_local=any(served.state.type == "control" for served in self.served),
        )
        self.host.telemetry = telemetry
        for site in self.sites:
            site.observe(telemetry)
        if telemetry.is_on and self.host.logs is not None:
            self.host.logs.enrich(InTrace())

    def stop(self) -> None:
        """Ask to stop; safe to call from a signal handler."""
        self._stop.set()

    def interrupt(self) -> None:
        """Stop at the first SIGINT; at the second, cut off the requests under way.

        A second SIGTERM does not cut them off. Some process managers send SIGTERM to
        every process of a group, and the parent of workers forwards it: a worker then
        gets it twice although it was sent once.
        """
        self._is_hurried = self._stop.is_set()
        self._stop.set()

    def hurry(self) -> None:
        """Stop, and cut off the requests under way."""
        self._is_hurried = True
        self._stop.set()

    async def _drain(
        self,
        servers: Sequence[Any],
        tasks: Sequence[asyncio.Task[None]],
        stack: AsyncExitStack,
    ) -> None:
        self.host.is_stopping = True
        for server in servers:
            server.should_exit = True
        for served in self.served:
            served.state.state = STOPPED
            served.adapter.drain()
        time = asyncio.get_running_loop().time
        end = time() + _END
        until = time() + GRACE
        # Not left to uvicorn, which waits for every connection: an event stream only
        # ends with its adapter.
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
            # In this task: a lifespan has to be left by the task that entered it.
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
        for site in self.sites:
            site.unobserve()
        if self.host.logs is not None:
            self.host.logs.settle()
        patience = min(PATIENCE, max(0.2, end - time()))
        await asyncio.to_thread(self.host.telemetry.close, patience)

    # --- reloading --------------------------------------------------------------------

    async def reload(self, is_forced: bool = False) -> Reloaded:
        """Read every document again, and serve the new versions.

        A document that cannot be served keeps its old version, and so does one whose
        new version makes a unit unusable that worked. The others are reloaded all the
        same.

        Args:
            is_forced: Units that worked may become unusable.
        """
        async with self._reloading:
            versions, problems, lost = await self._prepared(is_forced)
            problems += self._renewed()
            for problem in (*problems, *lost):
                _log.error("not reloaded, the old version is served: %s", problem)
            if lost:
                _log.error("a forced reload serves the new version all the same")
            notes = [
                note
                for site, version in versions.items()
                for note in site.serve(version)
            ]
            for site in versions:
                tell_unusable(site.capability, site.source.file)
            files = tuple(site.source.file for site in versions)
            if files and self.host.parent:
                notes.append(
                    f"this is one of several processes: SIGHUP to process"
                    f" {self.host.parent} reloads all"
                )
            for note in notes:
                _log.warning("reloaded, but: %s", note)
            if files:
                _log.info("reloaded %s", ", ".join(files))
            refused = (*problems, *lost)
            return Reloaded(not refused, (*refused, *notes), files, bool(lost))

    def _renewed(self) -> list[str]:
        """Read the certificate again; return why it could not be used."""
        if self.plan.certificate is not None:
            try:
                self.plan.certificate.renew()
            except ServeError as error:
                return [str(error)]
        return []

    async def _prepared(
        self, is_forced: bool
    ) -> tuple[dict[Site, Version], list[str], list[str]]:
        """Return the new versions to serve, and why others cannot or should not be.

        The reasons of the last list are units that worked and would no longer.
        """
        versions: dict[Site, Version] = {}
        problems: list[str] = []
        lost: list[str] = []
        for site in self.sites:
            file = site.source.file
            try:
                loaded = await asyncio.to_thread(site.source.load)
                self._check_secrets(site, loaded)
                version = site.prepare(loaded)
                units = [] if is_forced else site.lost(loaded)
            except NaftikoError as error:
                problems.append(error.text_for(SERVER))
            except Exception:  # noqa: BLE001 - this server goes on
                _log.exception("%s cannot be reloaded", file)
                problems.append(
                    f"{file}: an error in the server itself; the log has it"
                )
            else:
                lost += [f"{file}: {unit}; it worked before" for unit in units]
                if units:
                    lost += site.causes(loaded)
                else:
                    versions[site] = version
        capabilities = [
            versions[site].engine.capability if site in versions else site.capability
            for site in self.sites
        ]
        try:
            check_variables(self.plan.options.variable_headers, capabilities)
        except NaftikoError as error:
            problems.append(error.text_for(SERVER))
            versions.clear()
        return versions, problems, lost

    def _check_secrets(self, site: Site, capability: Capability) -> None:
        served = {served.name for served in site.served}
        chosen = [e for e in capability.exposes if (e.namespace or e.type) in served]
        check_secrets(capability, site.source.file, chosen, self.plan)

    async def reload_unasked(self) -> None:
        """Reload, and log the result; for signals and changed files."""
        try:
            await self.reload()
        except Exception:  # noqa: BLE001 - this server goes on
            _log.exception("reloading failed")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            if self._stamps() != self._known:
                # The editor may not have written all of the file yet.
                await asyncio.sleep(_WATCH / 5)
                self._known = self._stamps()
                await self.reload_unasked()

    def _stamps(self) -> list[tuple[str, int, int]]:
        """Return path, time of change and size of every file of the documents."""
        stamps = []
        for site in self.sites:
            for file in site.capability.files:
                with suppress(OSError):
                    about = os.stat(file)
                    stamps.append((str(file), about.st_mtime_ns, about.st_size))
        return stamps


def _uvicorn(
    uvicorn: Any, app: ASGIApp, certificate: Certificate | None, crowd: Crowd
) -> Any:
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nothing that is served asks for the address or the scheme of the caller.
        proxy_headers=False,
        # Adapters limit bodies; heads are limited by `watchful`. No adapter speaks
        # WebSocket, and a request to upgrade to it is answered as if it did not ask.
        ws="none",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(GRACE + _LAST),
        backlog=BACKLOG,
    )
    config.load()
    protocol: Any = watchful(config.http_protocol_class, crowd=crowd)
    if certificate is not None:
        protocol = over_tls(protocol, certificate.context, Patience(), crowd)
    config.http_protocol_class = protocol
    server = uvicorn.Server(config)
    # One process may have several uvicorn servers, so it handles the signals itself.
    server.capture_signals = _no_signals
    return server


@contextmanager
def _no_signals() -> Iterator[None]:
    yield


async def _cut_off(servers: Sequence[Any]) -> None:
    """Cancel the requests under way; `AccessLog` then answers each with 503."""
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
        ServeError: An adapter cannot be served.
    """
    process.run(serve(plan, host))


async def serve(
    plan: ServePlan,
    host: Host,
    sockets: Sequence[socket.socket] = (),
    around: Callable[[ASGIApp], ASGIApp] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        plan: The documents to serve, how, and where.
        host: Where the state of the server is kept.
        sockets: Sockets bound by the parent process; this process is then a worker.
        around: Puts an application of its own around that of each socket.

    Raises:
        DocumentError: A document cannot be loaded.
        ServeError: An adapter cannot be served.
    """
    if sockets:
        host.parent = os.getppid()
    server = Server(plan, host)
    try:
        listeners = server.listen(sockets)
    except ServeError:
        await server.transport.close()
        raise
    running = asyncio.get_running_loop()
    running.add_signal_handler(signal.SIGTERM, server.stop)
    if sockets:
        # Ctrl-C reaches workers too. They leave it to the parent, which sends `HURRY`.
        running.add_signal_handler(HURRY, server.hurry)
    else:
        running.add_signal_handler(signal.SIGINT, server.interrupt)
    with suppress(AttributeError, ValueError):
        running.add_signal_handler(
            signal.SIGHUP, lambda: asyncio.ensure_future(server.reload_unasked())
        )
    await server.run(listeners, around)
