"""Telemetry around an ASGI application: a span for each request, its ids in the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send
    from naftiko.exposes.observability.telemetry import AnyTelemetry
    from naftiko.spec.model import Exposes


class Traced:
    """An ASGI application that puts each request of another one into a span.

    Args:
        app: Answers the requests.
        exposes: The adapter in the document.
        telemetry: Makes the spans.
        label: The label of the capability.

    Attributes:
        label: The label of the capability; a reload may change it.
    """

    def __init__(
        self,
        app: ASGIApp,
        exposes: Exposes,
        telemetry: AnyTelemetry,
        label: str = "",
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
        with self._telemetry.request(self._exposes, scope, self.label) as noted:

            async def noting(message: Any) -> None:
                if message["type"] == "http.response.start":
                    noted["status"] = message["status"]
                await send(message)

            await self._app(scope, receive, noting)


class InTrace(logging.Filter):
    """A logging filter that adds the ids of the current span to each record."""

    def __init__(self) -> None:
        from opentelemetry import trace

        super().__init__()
        self._current: Any = trace.get_current_span

    def fields(self) -> dict[str, str] | None:
        """Return `trace_id` and `span_id` of the current span, if there is one."""
        span = self._current().get_span_context()
        if not span.is_valid:
            return None
        return {
            "trace_id": f"{span.trace_id:032x}",
            "span_id": f"{span.span_id:016x}",
        }

    def filter(self, record: logging.LogRecord) -> bool:
        """Add `trace_id` and `span_id`; every record passes."""
        vars(record).update(self.fields() or {})
        return True
