"""`naftiko serve --stdio`: one MCP adapter on standard input and output.

Desktop agents start such a server and talk to it in JSON-RPC messages, one a line. Only
these messages are written to standard output; log lines go to standard error. This
module must not know what a message means.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from naftiko.errors import ServeError, names_of
from naftiko.exposes.engine import Engine
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.observability.telemetry import telemetry_of
from naftiko.exposes.observability.traced import InTrace
from naftiko.exposes.options import GRACE
from naftiko.exposes.serve.lines import StdioSession, lines_of
from naftiko.exposes.serve.secrets import check_given, check_secrets
from naftiko.exposes.serve.sites import check_base_uris, tell_unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from naftiko.capability import Capability
    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.exposes.serve.plan import ServePlan
    from naftiko.spec.model import Exposes


async def serve_stdio(plan: ServePlan, logs: LatestLines | None = None) -> None:
    """Serve until standard input ends.

    Args:
        plan: The document to serve, and how.
        logs: Handles the log lines; with telemetry on, they get the ids of the trace.

    Raises:
        DocumentError: The document cannot be loaded.
        ServeError: There are several documents, no MCP adapter, or several of them and
            none is chosen.
    """
    from naftiko.transport.aio import AioTransport

    if len(plan.sources) != 1:
        raise ServeError(
            f"--stdio serves one document, not {len(plan.sources)}",
            hint="start one server for each",
        )
    capability = plan.sources[0].load()
    check_base_uris(plan.sources, [capability])
    check_given(plan.sources, [capability])
    exposes = _chosen(capability, plan)
    check_secrets(capability, plan.sources[0].file, [exposes], plan)
    tell_unusable(capability, plan.sources[0].file)
    transport = AioTransport()
    # Without a control port metrics cannot be read, so they are kept only for export.
    telemetry = telemetry_of([capability], is_local=False)
    engine = Engine(
        capability, transport, timeout=plan.options.timeout, telemetry=telemetry
    )
    app = McpApp(engine, exposes, plan.options)
    async with AsyncExitStack() as stack:
        if telemetry.is_on and logs is not None:
            logs.enrich(InTrace())
        telemetry.serving(capability.info.label, 1)
        stack.push_async_callback(asyncio.to_thread, telemetry.close)
        stack.push_async_callback(transport.close)
        await speak(app)


async def speak(app: McpApp) -> None:
    """Answer the messages on standard input until the input ends.

    Meanwhile file descriptor 1 is redirected to standard error and descriptor 0 to the
    null device: a library that prints cannot break the protocol.
    """
    options = app.options
    conversation = StdioSession(app.server, options, app.drain, GRACE)
    with _own_streams() as (source, sink):
        async with app.attached():
            lines = lines_of(source, options.max_body_bytes)
            await conversation.run(lines, partial(_write_all, sink), _writer_of(sink))


@contextmanager
def _own_streams() -> Iterator[tuple[int, int]]:
    """Keep standard input and output for the protocol; yield their descriptors."""
    sys.stdout.flush()
    source, sink = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    try:
        yield source, sink
    finally:
        os.dup2(source, 0)
        os.dup2(sink, 1)
        os.close(sink)
        # A thread may still read `source`: its number must not become another file's.


def _write_all(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]


class _Pipe:
    """Standard output as a pipe, written without waiting.

    A pipe that can be written takes `PIPE_BUF` bytes at once (POSIX, `write`).
    """

    def __init__(self, sink: int) -> None:
        self._sink = sink
        self._poll = select.poll()
        self._poll.register(sink, select.POLLOUT)

    def write_now(self, data: bytes) -> int:
        """Write as many bytes as the pipe takes at once; return how many."""
        done = 0
        try:
            while done < len(data) and self._poll.poll(0) == [
                (self._sink, select.POLLOUT)
            ]:
                done += os.write(self._sink, data[done : done + select.PIPE_BUF])
        except OSError:
            pass  # The other way of writing says why.
        return done


def _writer_of(sink: int) -> Callable[[bytes], int] | None:
    """Return what writes without waiting; `None` where nothing can."""
    if sys.platform == "win32" or not stat.S_ISFIFO(os.fstat(sink).st_mode):
        return None
    return _Pipe(sink).write_now


def _chosen(capability: Capability, plan: ServePlan) -> Exposes:
    """Return the adapter to serve: the one named, else the one with this transport."""
    adapters = [e for e in capability.exposes if e.type == "mcp"]
    if plan.only:
        adapters = [e for e in adapters if e.namespace in plan.only]
    meant = [e for e in adapters if e.transport == "stdio"] or adapters
    if not meant:
        named = f" called {names_of(plan.only)}" if plan.only else ""
        raise ServeError(
            f"{plan.sources[0].file} has no MCP adapter{named}",
            hint="add `exposes: [{type: mcp, transport: stdio, namespace: …}]`",
        )
    if len(meant) > 1:
        raise ServeError(
            f"{plan.sources[0].file} has {len(meant)} MCP adapters",
            hint=f"choose one: --adapter {' or '.join(e.namespace for e in meant)}",
        )
    return meant[0]
