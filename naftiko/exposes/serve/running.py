"""`run`: a plan is served until a signal comes, by this process or by several.

    one process    run(plan, host, documents)
    several        bind → sockets → (a fork) → run_worker in each

This module must not know what is served.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from naftiko.errors import NaftikoError, ServeError
from naftiko.exposes.processes.workers import HURRY
from naftiko.exposes.serve import process
from naftiko.exposes.serve.server import Server
from naftiko.hints import SERVER

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from naftiko.capability import Capability
    from naftiko.exposes.processes.workers import ServerProcess
    from naftiko.exposes.serve.places import Listener
    from naftiko.exposes.serve.plan import ServePlan
    from naftiko.exposes.state import Host

_log = logging.getLogger("naftiko.serve")


def run(plan: ServePlan, host: Host, loaded: Sequence[Capability] = ()) -> None:
    """Serve in this process until SIGTERM or SIGINT.

    Raises:
        DocumentError: A document cannot be loaded.
        ServeError: An adapter cannot be served.
    """

    async def serving() -> None:
        server = Server(plan, host, loaded)
        await _serve(server, await _listening(server))

    process.run(serving())


def bind(
    plan: ServePlan, host: Host, loaded: Sequence[Capability]
) -> list[socket.socket]:
    """Return the sockets of a server whose workers `run_worker` serves.

    Raises:
        DocumentError: A document cannot be loaded.
        ServeError: An adapter cannot be served, or a bind failed.
    """

    async def check() -> list[socket.socket]:
        first = Server(plan, host, loaded)
        try:
            first.preload()
            return [listener.socket for listener in first.listen()]
        finally:
            await first.transport.close()

    return asyncio.run(check())


def run_worker(
    plan: ServePlan,
    host: Host,
    loaded: Sequence[Capability],
    sockets: Sequence[socket.socket],
    worker: ServerProcess,
) -> None:
    """Serve in this process, one of several that share sockets, until SIGTERM.

    Args:
        plan: The documents to serve, how, and where.
        host: Where the state of the server is kept.
        loaded: The documents as the parent process has loaded them.
        sockets: Sockets bound by the parent process.
        worker: What the parent shares with its workers.
    """

    async def serving() -> None:
        host.parent = os.getppid()
        host.siblings = worker.siblings
        server = _as_the_others(plan, host, loaded)
        await _serve(server, await _listening(server, sockets), worker)

    process.run(serving())


def _as_the_others(plan: ServePlan, host: Host, loaded: Sequence[Capability]) -> Server:
    """Return a server of the versions that the other processes serve.

    A document may have been edited since. Until the first reload the others serve what
    the parent has loaded, then what stands in the file, unless that is broken.
    """
    if host.siblings.have_reloaded:
        try:
            return Server(plan, host)
        except NaftikoError as error:
            reason = error.text_for(SERVER)
            _log.error("the versions of the start are served: %s", reason)
    return Server(plan, host, loaded)


async def _listening(
    server: Server, sockets: Sequence[socket.socket] = ()
) -> list[Listener]:
    try:
        return server.listen(sockets)
    except ServeError:
        await server.transport.close()
        raise


async def _serve(
    server: Server, listeners: Sequence[Listener], worker: ServerProcess | None = None
) -> None:
    """Serve until a signal comes."""
    running = asyncio.get_running_loop()
    running.add_signal_handler(signal.SIGTERM, server.stop)
    if worker is not None:
        # Ctrl-C reaches workers too. They leave it to the parent, which sends `HURRY`.
        running.add_signal_handler(HURRY, server.hurry)
    else:
        running.add_signal_handler(signal.SIGINT, server.interrupt)
    reload = server.reloader.reload_unasked
    with suppress(AttributeError, ValueError):
        running.add_signal_handler(
            signal.SIGHUP, lambda: asyncio.ensure_future(reload())
        )
    await server.run(listeners, worker.around if worker is not None else None)
