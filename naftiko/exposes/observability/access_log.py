"""`AccessLog`: one log line for each request, with the id that its answer has.

    shop GET /things 200 1.3 ms 7f0c9a…

It is the outermost part of what stands around an adapter; see `exposes/front.py`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.inbound import Inbound, request_id_of
from naftiko.exposes.http.problems import CUT_OFF
from naftiko.exposes.http.scope import BODY_FOLLOWS, note_headers
from naftiko.exposes.observability.request_lines import LOGGER, RequestLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from naftiko.exposes.http.problems import HttpProblem
    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send
    from naftiko.exposes.observability.logs import LatestLines

_log = logging.getLogger(LOGGER)


class AccessLog:
    """Logs the requests of an adapter, and counts the open ones.

    Args:
        name: The name of the adapter.
        lines: Takes the lines, and writes them later; without it they are records of
            `logging`.

    Attributes:
        open_requests: Requests under way. An event stream that a GET opened does not
            count: it ends only when the server does. A stream that answers a POST, as
            in MCP, ends by itself, so it counts.
    """

    def __init__(self, name: str, lines: LatestLines | None = None) -> None:
        self._lines = lines
        self._name = name
        self.open_requests = 0

    def around(
        self,
        app: ASGIApp,
        refusal_of: Callable[[ASGIScope], HttpProblem | None] | None = None,
    ) -> ASGIApp:
        """Return an application whose requests are logged and counted.

        A server cancels requests only when it stops. A cancelled request is answered
        with 503, unless its answer has begun.

        Args:
            app: Answers the requests.
            refusal_of: Tells why a request does not get there, or `None` to let it in.
        """

        async def front(scope: ASGIScope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started = time.perf_counter()
            note_headers(scope)
            # Here, so that every application inside has the same id in the scope.
            reply = _Reply(self, scope, send, request_id_of(scope))
            self.open_requests += 1
            try:
                refusal = None if refusal_of is None else refusal_of(scope)
                if refusal is None:
                    await app(scope, receive, reply.send)
                else:
                    await Inbound(scope, receive, reply.send).refuse(refusal)
            except asyncio.CancelledError:
                if not reply.status:
                    await Inbound(scope, receive, reply.send).refuse(CUT_OFF)
            finally:
                self.open_requests -= reply.counted
                if _log.isEnabledFor(logging.INFO):
                    took = (time.perf_counter() - started) * 1000
                    self._write(scope, reply.status, took, reply.request_id.decode())

        return front

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


class _Reply:
    """The answer to one request, as far as it has been sent.

    Attributes:
        request_id: The id of the request, which the answer gets.
        status: Its status; 0 until it begins.
        counted: 1 while it counts as an open request.
    """

    __slots__ = ("_log", "_scope", "_send", "counted", "request_id", "status")

    def __init__(
        self, log: AccessLog, scope: ASGIScope, send: Send, request_id: bytes
    ) -> None:
        self._log = log
        self._scope = scope
        self._send = send
        self.request_id = request_id
        self.status = 0
        self.counted = 1

    def send(self, message: Any) -> Awaitable[None]:
        """Send the next part of the answer; its head gets the id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message.setdefault("headers", [])
            if not _has_id(headers):
                message["headers"] = [*headers, (b"x-request-id", self.request_id)]
            if (
                BODY_FOLLOWS not in message
                and self.counted
                and _is_stream(self._scope, headers)
            ):
                self._log.open_requests -= 1
                self.counted = 0
        return self._send(message)


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
