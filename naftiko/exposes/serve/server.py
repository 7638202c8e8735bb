"""`Server`: serve all documents in one process until SIGTERM or SIGINT.

    ServePlan  →  Server.listen  →  Server.run  →  (a signal)  →  drain, then exit

One event loop serves every port. Draining takes no new connections, lets the requests
under way finish for `GRACE` seconds, and then ends the event streams. This module must
not know what is served.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack, contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from naftiko.errors import ServeError
from naftiko.exposes.http.callers import check_variables
from naftiko.exposes.observability.telemetry import PATIENCE, telemetry_of
from naftiko.exposes.observability.traced import InTrace
from naftiko.exposes.options import GRACE
from naftiko.exposes.serve.connections import Crowd, Patience, over_tls
from naftiko.exposes.serve.patched_uvicorn import watchful
from naftiko.exposes.serve.places import (
    BACKLOG,
    Listener,
    listen,
    places_of,
)
from naftiko.exposes.serve.process import collect_often
from naftiko.exposes.serve.reloading import Reloader
from naftiko.exposes.serve.secrets import check_given, check_secrets
from naftiko.exposes.serve.sites import (
    RunningAdapter,
    Site,
    check_base_uris,
    check_names,
)
from naftiko.exposes.state import STARTED, STOPPED, Host

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


_log = logging.getLogger("naftiko.serve")


class Server:
    """All documents that one process serves.

    Args:
        plan: The documents to serve, how, and where.
        host: Where the state of the server is kept, for the control port.
        loaded: The documents as they were loaded already, in the order of the plan.

    Raises:
        DocumentError: A document cannot be loaded.
        ServeError: An adapter cannot be served.
    """

    def __init__(
        self,
        plan: ServePlan,
        host: Host | None = None,
        loaded: Sequence[Capability] = (),
    ) -> None:
        from naftiko.transport.aio import AioTransport

        self.plan = plan
        self.host = host or Host(plan.options)
        most = plan.options.max_total_bytes
        self.transport = AioTransport(max_total_bytes=most)
        self.sites = [
            Site(
                source,
                self.transport,
                plan.options,
                self.host,
                capability=capability,
                only=plan.only,
            )
            for source, capability in zip_longest(plan.sources, loaded)
        ]
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
            chosen = site.exposed_by(site.capability)
            check_secrets(site.capability, site.source.file, chosen, plan)
        self.host.adapters = [s.state for site in self.sites for s in site.served]
        self.host.documents = lambda: [site.state() for site in self.sites]
        self.reloader = Reloader(self.sites, plan, self.host)
        self.host.reload = self.reloader.reload
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

    def preload(self) -> None:
        """Import what serving needs; the forks of this process then share it."""
        import uvicorn

        for served in self.served[:1]:
            _uvicorn(uvicorn, served.front, self.plan.certificate, Crowd(1))

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
            self.host.siblings.attend()
            if self.host.siblings.is_first:
                self._tell_where()
            if self.plan.watch and self.host.siblings.number == 0:
                watching = asyncio.create_task(self.reloader.watch())
                stack.callback(watching.cancel)
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait([stopping, *tasks], return_when="FIRST_COMPLETED")
            stopping.cancel()
        finally:
            await self._drain(servers, tasks, stack)

    def _tell_where(self) -> None:
        for served in self.served:
            state = served.state
            told = (state.type, served.name, state.url)
            _log.info("%s '%s' at %s", *told, extra={"url": state.url})

    def _observe(self) -> None:
        """Turn telemetry on, if it is asked for.

        Its threads would not survive a fork, so this is done after the last fork.
        """
        telemetry = telemetry_of(
            [site.capability for site in self.sites],
            is_local=any(served.state.type == "control" for served in self.served),
            instance=str(uuid4()) if self.host.siblings.count > 1 else "",
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
        self.host.siblings.leave()
        for site in self.sites:
            site.unobserve()
        if self.host.logs is not None:
            self.host.logs.settle()
        patience = min(PATIENCE, max(0.2, end - time()))
        await asyncio.to_thread(self.host.telemetry.close, patience)


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
