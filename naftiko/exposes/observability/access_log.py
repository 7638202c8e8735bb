"""One log line for each request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from naftiko.exposes.observability.logs import _log


class AccessLog:
    """An ASGI application that logs each request of another, and counts open ones.

    A request that is cancelled, which happens only where a server stops, has an answer
    all the same, unless it had begun already.

    Attributes:
        open_requests: Requests that have no end yet. Event streams that a GET opened
            stand aside: those end when the server does. What a POST answers as a
            stream, as MCP does, has an end of its own.
    """

    def __init__(self, app: Any, name: str) -> None:
        self._app = app
        self._name = name
        self.open_requests = 0

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        counted = 1
        self.open_requests += 1

        async def noting(message: Any) -> None:
            nonlocal status, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                if counted and scope["method"] == "GET" and _is_stream(message):
                    self.open_requests -= counted
                    counted = 0
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            if not status:
                from naftiko.exposes.http.inbound import Inbound
                from naftiko.exposes.http.problems import CUT_OFF

                await Inbound(scope, receive, noting).refuse(CUT_OFF)
        finally:
            self.open_requests -= counted
            if _log.isEnabledFor(logging.INFO):
                took = (time.perf_counter() - started) * 1000
                _log.info(
                    "%s %s %s %s %.1f ms",
                    self._name,
                    scope["method"],
                    scope["path"],
                    status or "-",
                    took,
                    extra={
                        "adapter": self._name,
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": status,
                        "duration_ms": round(took, 1),
                    },
                )


def _is_stream(message: Any) -> bool:
    for name, value in message.get("headers", ()):
        if name == b"content-type":
            return bool(value.startswith(b"text/event-stream"))
    return False
