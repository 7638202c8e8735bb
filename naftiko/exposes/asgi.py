"""`naftiko.asgi()`: one exposed adapter as an ASGI application, for any ASGI server.

    app = Starlette(routes=[Mount("/ships", naftiko.asgi(capability, "ships-rest"))])

This module must not know what an adapter serves.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from naftiko.errors import ServeError, names_of
from naftiko.exposes.adapters import ALONE, adapter_of, guarded, installed
from naftiko.exposes.engine import Engine
from naftiko.exposes.front import compile_alone
from naftiko.exposes.http.callers import check_variables
from naftiko.exposes.options import Options
from naftiko.exposes.state import Host

if TYPE_CHECKING:
    from naftiko.capability import Capability
    from naftiko.exposes.adapters import Adapter
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.spec.model import Exposes
    from naftiko.transport.base import AsyncTransport


def asgi(
    capability: Capability,
    namespace: str | None = None,
    *,
    transport: AsyncTransport | None = None,
    **options: Any,
) -> AdapterApp:
    """Return an exposed adapter as an ASGI application.

    The application checks the authentication that the document declares, and sends
    upstream calls over connections of its own. It starts with the first request or
    with the `lifespan` of the server, whichever comes first.

    It does not check which `Host` and `Origin` a request has: the application around it
    knows its names and its proxies. Only an MCP adapter checks both, as the MCP
    specification requires. A request with two hosts, or with user information in its
    host, is refused with 400.

    Args:
        capability: A loaded capability.
        namespace: The namespace of the adapter; not needed when there is only one.
        transport: Sends upstream calls; by default an `AioTransport`. An adapter that
            forwards requests needs one that can stream.
        **options: The attributes of `Options`: `cors`, `max_body_bytes`, `timeout` …

    Raises:
        ServeError: There is no such adapter, the adapter cannot be served, or a library
            that serving needs is not installed.
    """
    for name in ("cors", "allowed_hosts"):
        given = options.get(name, ())
        options[name] = (given,) if isinstance(given, str) else tuple(given)
    exposes = _chosen(capability, namespace)
    settings = Options(**options)
    check_variables(settings.variable_headers, (capability,))
    if transport is None:
        with installed(exposes):
            from naftiko.transport.aio import AioTransport

            transport = AioTransport(max_total_bytes=settings.max_total_bytes)
    engine = Engine(capability, transport, timeout=settings.timeout)
    adapter = adapter_of(engine, exposes, settings, Host(settings))
    return AdapterApp(adapter, engine, exposes, settings)


def _chosen(capability: Capability, namespace: str | None) -> Exposes:
    served = [e for e in capability.exposes if e.type in ALONE]
    if namespace is None:
        if len(served) == 1:
            return served[0]
        which = "no adapter" if not served else "several adapters"
        raise ServeError(
            f"the document exposes {which} that can be served",
            hint=f"name one of: {names_of(e.namespace for e in served)}"
            if served
            else "add `exposes:` with an adapter of type rest, mcp or skill",
        )
    for exposes in served:
        if exposes.namespace == namespace:
            return exposes
    raise ServeError(
        f"no adapter is called '{namespace}'",
        hint=f"it exposes: {names_of(e.namespace for e in served)}",
    )


class AdapterApp:
    """An ASGI application for one adapter; made by `naftiko.asgi()`.

    Attributes:
        exposes: The adapter in the document.
    """

    def __init__(
        self, adapter: Adapter, engine: Engine, exposes: Exposes, options: Options
    ) -> None:
        self.exposes = exposes
        self._adapter = adapter
        self._engine = engine
        self._front = compile_alone(guarded(adapter, exposes, engine), options)
        self._running: asyncio.Task[None] | None = None
        self._is_ready = asyncio.Event()
        self._is_over = asyncio.Event()

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the lifespan of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        # A server that mounts this application does not pass its lifespan on.
        if not self._is_ready.is_set():
            await self.start()
        await self._front(scope, receive, send)

    async def start(self) -> None:
        """Start the adapter; the first request does it otherwise."""
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        waiting = asyncio.ensure_future(self._is_ready.wait())
        await asyncio.wait(
            (waiting, self._running), return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        if self._running.done():
            self._running.result()

    async def close(self) -> None:
        """End the adapter and close its connections."""
        self._is_over.set()
        if self._running is not None:
            await self._running
        await self._engine.close()

    async def _run(self) -> None:
        # The same task enters and leaves: an adapter may bind scopes to its task.
        async with self._adapter.lifespan():
            self._is_ready.set()
            await self._is_over.wait()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except Exception as error:
                    await send(
                        {"type": "lifespan.startup.failed", "message": str(error)}
                    )
                    raise
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
