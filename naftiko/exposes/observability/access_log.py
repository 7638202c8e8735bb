"""`AccessLog`: one log line for each request, with the id that its answer has.

shop GET /things 200 1.3 ms 7f0c9a…
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.inbound import request_id_of
from naftiko.exposes.http.scope import BODY_FOLLOWS
from naftiko.exposes.observability.request_lines import LOGGER, RequestLine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send
    from naftiko.exposes.observability.logs import LatestLines

_log = logging.getLogger(LOGGER)


class AccessLog:
    """An ASGI application that logs the requests of another, and counts open ones.

    A server cancels requests only when it stops. A cancelled request is answered with
    503, unless its answer has begun.

    Args:
        app: Answers the requests.
        name: The name of the adapter.
        lines: Takes the lines, and writes them later; without it they are records of
            `logging`.

    Attributes:
        open_requests: Requests under way. An event stream that a GET opened does not
            count: it ends only when the server does. A stream that answers a POST, as
            in MCP, ends by itself, so it counts.
    """

    def __init__(
        self, app: ASGIApp, name: str, lines: LatestLines | None = None
    ) -> None:
        self._app = app
        self._lines = lines
        self._name = name
        self.open_requests = 0

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        # Here, so that every application inside has the same id in the scope.
        request_id = request_id_of(scope)
        status = 0
        counted = 1
        self.open_requests += 1

        async def noting(message: Any) -> None:
            nonlocal status, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                if not _has_id(headers):
                    message["headers"] = [*headers, (b"x-request-id", request_id)]
                if (
                    BODY_FOLLOWS not in message
                    and counted
                    and _is_stream(scope, headers)
                ):
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
                self._write(scope, status, took, request_id.decode())

    def _write(
        self, scope: ASGIScope, status: int, milliseconds: float, request_id: str
    ) -> None:
        lines = self._lines
        line = RequestLine(
            time.time(),
            self._name,
            scope["method"],
            scope["path"],
            status,
            milliseconds,
            request_id,
            lines.more() if lines is not None and lines.more else None,
        )
        if lines is not None:
            lines.add(line)
        else:
            _log.info("%s", line.message, extra=line.extra)


def _has_id(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    for name, _ in headers:  # noqa: SIM110 - `any` would need a generator each time
        if name == b"x-request-id":
            return True
    return False


def _is_stream(scope: ASGIScope, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether an answer is an event stream that a GET opened."""
    return scope["method"] == "GET" and any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in headers
    )
