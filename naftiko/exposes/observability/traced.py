"""A run, with a span for each of its steps and calls."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from naftiko.exposes.observability.telemetry import Telemetry

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.spec.model import Exposes


class Traced:
    """An ASGI application that puts the requests of another into spans.

    Attributes:
        label: Of the capability that is served.
    """

    def __init__(
        self, app: Any, exposes: Exposes, telemetry: Telemetry, label: str = ""
    ) -> None:
        self._app = app
        self._exposes = exposes
        self._telemetry = telemetry
        self.label = label

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._telemetry.request(self._exposes, scope, self.label) as found:

            async def noting(message: Any) -> None:
                if message["type"] == "http.response.start":
                    found["status"] = message["status"]
                await send(message)

            await self._app(scope, receive, noting)


class InTrace(logging.Filter):
    """Give log records the ids of the trace that they belong to."""

    def __init__(self) -> None:
        from opentelemetry import trace

        super().__init__()
        self._current: Any = trace.get_current_span

    def filter(self, record: logging.LogRecord) -> bool:
        """Add `trace_id` and `span_id`; every record passes."""
        found = self._current().get_span_context()
        if found.is_valid:
            record.trace_id = f"{found.trace_id:032x}"
            record.span_id = f"{found.span_id:016x}"
        return True
