"""One MCP adapter on standard input and output, as desktop agents start it.

Nothing but protocol is written to standard output. This module must not know what a
message means.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from naftiko.errors import ServeError, names_of
from naftiko.exposes.engine import Engine
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.mcp.sdk import stdio_server
from naftiko.exposes.observability.telemetry import telemetry_of
from naftiko.exposes.observability.traced import InTrace
from naftiko.exposes.serve.sites import check_base_uris, tell_unusable

if TYPE_CHECKING:
    from naftiko.capability import Capability
    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.exposes.serve.server import ServePlan
    from naftiko.spec.model import Exposes


async def serve_stdio(plan: ServePlan, logs: LatestLines | None = None) -> None:
    """Serve until standard input ends.

    Args:
        plan: What to serve.
        logs: Where log lines go, which are told the trace that they belong to.

    Raises:
        DocumentError: The document cannot be loaded.
        ServeError: It has no MCP adapter, or several and none is chosen.
    """
    from naftiko.transport.aio import AioTransport

    if len(plan.sources) != 1:
        raise ServeError(
            f"--stdio serves one document, not {len(plan.sources)}",
            hint="start one server for each",
        )
    capability = plan.sources[0].load()
    check_base_uris(plan.sources, [capability])
    exposes = _chosen(capability, plan)
    tell_unusable(capability, plan.sources[0].file)
    transport = AioTransport()
    # Nobody can read metrics here, so there are some where they are exported.
    telemetry = telemetry_of([capability], is_local=False)
    engine = Engine(
        capability, transport, timeout=plan.options.timeout, telemetry=telemetry
    )
    app = McpApp(engine, exposes, plan.options)
    async with AsyncExitStack() as stack:
        if telemetry is not None:
            if logs is not None:
                logs.enrich(InTrace())
            telemetry.serving(capability.info.label, 1)
            stack.push_async_callback(asyncio.to_thread, telemetry.close)
        stack.push_async_callback(transport.close)
        await speak(app)


async def speak(app: McpApp) -> None:
    """Answer on standard input and output until the input ends.

    While it does, file descriptor 1 leads to standard error, so that nothing but the
    protocol is written to standard output.
    """
    server = app.server
    async with app.attached(), stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def _chosen(capability: Capability, plan: ServePlan) -> Exposes:
    """Return the adapter to serve: the one named, else the one meant for it."""
    found = [e for e in capability.exposes if e.type == "mcp"]
    if plan.only:
        found = [e for e in found if e.namespace in plan.only]
    meant = [e for e in found if e.transport == "stdio"] or found
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
