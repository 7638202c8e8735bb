"""What a server tells about its requests: spans, metrics, the trace in log lines.

Names are those of spec 5.3. Telemetry is on where a control adapter does not turn it
off, or where something is exported; where it is off, nothing of OpenTelemetry is
imported by this package, and nobody asks. This module must not know how a request is
answered.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from naftiko.errors import ArgumentError, CallError, StatusError
from naftiko.exposes.http.scope import CONTEXT, OPERATION, UNKNOWN
from naftiko.exposes.observability.settings import wanted
from naftiko.exposes.observability.traces import TraceBuffer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from naftiko.capability import Capability
    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.exposes.observability.otel import Labels
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Call, Work
    from naftiko.spec.adapters import ObservabilitySettings
    from naftiko.spec.model import Exposes
    from naftiko.transport.messages import Request

    #: What is found out while something goes on: `status`, `error`.
    Found = dict[str, Any]

_log = logging.getLogger("naftiko.telemetry")


#: What those may use who read traces of several kinds, beside what they say they write.
_ALSO_READ = ("b3", "x-b3-flags")
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)
#: Seconds that what is left to export has when a server ends.
PATIENCE = 2.0


def telemetry_of(
    capabilities: Iterable[Capability], *, is_local: bool
) -> Telemetry | None:
    """Return the telemetry that documents, or the environment, ask for, or `None`.

    Args:
        capabilities: What is served.
        is_local: A control port is served, where metrics and traces can be read.
    """
    listed = list(capabilities)
    settings = wanted(listed, is_local=is_local)
    if settings is None:
        return None
    try:
        return Telemetry(settings, listed[0].info.label if len(listed) == 1 else "")
    except ImportError as error:
        _log.warning(
            "no metrics and traces: '%s' is not installed; pip install"
            " 'naftiko[telemetry]' brings it",
            error.name,
        )
    except ValueError as error:
        # What the environment says is wrong; that is no reason not to serve.
        _log.warning("no metrics and traces: %s", error)
    return None


class Telemetry:
    """Spans and metrics of one process.

    Args:
        settings: What the document says.
        label: Of the capability; part of the service name.

    Attributes:
        traces: The latest traces, or `None` where they are not kept.
    """

    def __init__(self, settings: ObservabilitySettings, label: str = "") -> None:
        from opentelemetry import context, trace
        from opentelemetry.context import create_key
        from opentelemetry.trace.propagation.tracecontext import (
            TraceContextTextMapPropagator,
        )

        from naftiko.exposes.observability.otel import SECONDS, Counter, Sdk, describe

        self.settings = settings
        self.traces = (
            TraceBuffer(settings.buffer_size, describe) if settings.traces else None
        )
        self._context: Any = context
        self._trace: Any = trace
        self._found_key = create_key("naftiko.found")
        self._link_key = create_key("naftiko.link")
        self._sdk = Sdk(settings, label, self.traces)
        self._tracer, meter = self._sdk.tracer, self._sdk.meter
        self._propagator = self._sdk.propagator
        # In messages of MCP it is always this one (SEP-414).
        self._w3c = TraceContextTextMapPropagator()
        read = {*self._propagator.fields, *_ALSO_READ}
        self._read = {name.lower().encode(): name for name in read}

        def seconds(name: str, what: str) -> Any:
            return meter.create_histogram(
                name, "s", what, explicit_bucket_boundaries_advisory=list(SECONDS)
            )

        self._requests = Counter(meter, "naftiko.request.total", "Requests answered.")
        self._request_errors = Counter(
            meter, "naftiko.request.errors", "Requests that the server failed."
        )
        self._request_seconds = seconds(
            "naftiko.request.duration.seconds", "How long requests took."
        )
        self._step_seconds = seconds(
            "naftiko.step.duration.seconds", "How long steps took."
        )
        self._calls = Counter(meter, "naftiko.http.client.total", "Upstream calls.")
        self._call_seconds = seconds(
            "naftiko.http.client.duration.seconds", "How long upstream calls took."
        )
        self._active = meter.create_up_down_counter(
            "naftiko.capability.active", "1", "Capabilities served."
        )

    def serving(self, label: str, count: int) -> None:
        """Note that a capability is served (1), or no more (-1)."""
        self._active.add(count, {"naftiko.capability": label or UNKNOWN})

    def metrics_text(self) -> str | None:
        """Return the metrics as Prometheus text; `None` where they are not kept."""
        return self._sdk.metrics_text() if self._sdk.metrics_text else None

    def close(self, patience: float = PATIENCE) -> None:
        """Send what has not been sent; give up after some seconds."""
        if not self._sdk.close(patience):
            _log.warning(
                "the latest spans and metrics are lost: no collector took them within"
                " %.1f s",
                patience,
            )

    # --- requests ---------------------------------------------------------------------

    @contextmanager
    def request(
        self, exposes: Exposes, scope: ASGIScope, label: str = ""
    ) -> Iterator[Found]:
        """Put a request into a span; a request without a `status` was not answered.

        Args:
            exposes: The adapter that it comes to.
            scope: The scope of the request; `OPERATION` is looked for in it at the end.
            label: Of the capability.
        """
        trace, context = self._trace, self._context
        parent = self._sent(scope["headers"])
        # Spec 5.3: the caller's span is the server, this one a part of it.
        remote = trace.get_current_span(parent).get_span_context().is_valid
        kind = trace.SpanKind.INTERNAL if remote else trace.SpanKind.SERVER
        span = self._tracer.start_span(f"{exposes.type}.request", parent, kind)
        found: Found = {}
        inside = trace.set_span_in_context(
            span, context.set_value(self._found_key, found, parent)
        )
        scope[CONTEXT] = inside
        token = context.attach(inside)
        started = time.perf_counter()
        try:
            yield found
        except BaseException as error:
            found["error"] = type(error).__name__
            raise
        finally:
            took = time.perf_counter() - started
            context.detach(token)
            self._end_request(span, found, exposes, scope, label)
            operation = scope.get(OPERATION) or UNKNOWN
            namespace = exposes.namespace or UNKNOWN
            self._request_seconds.record(
                took,
                {
                    "adapter": exposes.type,
                    "namespace": namespace,
                    "operation": operation,
                },
                inside,
            )

    def _end_request(
        self, span: Any, found: Found, exposes: Exposes, scope: ASGIScope, label: str
    ) -> None:
        status = found.get("status", 0)
        error = _error_of(status, found.get("error"))
        operation = scope.get(OPERATION) or UNKNOWN
        namespace = exposes.namespace or UNKNOWN
        if span.is_recording():
            method = scope["method"]
            about: dict[str, str | int] = {
                "naftiko.adapter.type": exposes.type,
                "naftiko.capability": label or UNKNOWN,
                "naftiko.operation.id": operation,
                "naftiko.namespace": namespace,
                "http.request.method": method if method in _METHODS else "_OTHER",
            }
            if status:
                about["http.response.status_code"] = status
            if error:
                about["error.type"] = error
                span.set_status(self._trace.StatusCode.ERROR)
            span.set_attributes(about)
        span.end()
        labels = (
            ("adapter", exposes.type),
            ("namespace", namespace),
            ("operation", operation),
        )
        self._requests.add((*labels, ("status", "error" if error else "ok")))
        if error:
            self._request_errors.add((*labels, ("error.type", error)))

    def _sent(self, headers: Iterable[tuple[bytes, bytes]]) -> Any:
        """Return the context that the headers of a request tell of."""
        carrier: dict[str, list[str]] = {}
        for name, value in headers:
            read = self._read.get(name)
            if read is not None:
                carrier.setdefault(read, []).append(value.decode("latin-1"))
        empty = self._context.Context()
        return self._propagator.extract(carrier, empty) if carrier else empty

    @contextmanager
    def inside(
        self, scope: ASGIScope | None, sent: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """Go on with the trace of a request in another task.

        Args:
            scope: The scope of the request, if there is one.
            sent: The trace that the message in it belongs to. What follows is a part
                of that one, with a link to the request, unless they are the same.
        """
        trace, context = self._trace, self._context
        found = scope.get(CONTEXT) if scope is not None else None
        if sent:
            around = found or context.get_current()
            here = trace.get_current_span(around).get_span_context()
            inner = self._w3c.extract(sent, around)
            there = trace.get_current_span(inner).get_span_context()
            if there.trace_id != here.trace_id:
                found = context.set_value(self._link_key, here, inner)
        if found is None:
            yield
            return
        token = context.attach(found)
        try:
            yield
        finally:
            context.detach(token)

    # --- inside a request -------------------------------------------------------------

    @contextmanager
    def _span(
        self, name: str, attributes: Mapping[str, str], links: Any = None
    ) -> Iterator[Any]:
        """Put a part of a request into a span; an error that passes marks it."""
        span = self._tracer.start_span(name, attributes=attributes, links=links)
        token = self._context.attach(self._trace.set_span_in_context(span))
        try:
            yield span
        except BaseException as error:
            self._fail(span, type(error).__name__)
            raise
        finally:
            self._context.detach(token)
            span.end()

    def _fail(self, span: Any, error: str) -> None:
        # Without a description: a message may hold what is nobody's business.
        span.set_attribute("error.type", error)
        span.set_status(self._trace.StatusCode.ERROR)

    @contextmanager
    def tool(self, name: str, namespace: str) -> Iterator[Found]:
        """Put the call of an MCP tool into a span; with an `error` it failed.

        Args:
            name: Of a declared tool, or `UNKNOWN`.
            namespace: Of the adapter.
        """
        linked = self._context.get_value(self._link_key)
        links = [self._trace.Link(linked)] if linked and linked.is_valid else None
        about = {
            "naftiko.operation.id": name,
            "naftiko.namespace": namespace or UNKNOWN,
        }
        found: Found = {}
        with self._span("mcp.tool", about, links) as span:
            yield found
            if "error" in found:
                self._fail(span, found["error"])

    @contextmanager
    def function(self, plan: Plan) -> Iterator[None]:
        """Note what a function fails of; put one of an aggregate into a span."""
        try:
            if plan.function.ref:
                about = {"naftiko.aggregate.ref": plan.function.ref}
                with self._span("aggregate.function", about):
                    yield
            else:
                yield
        except CallError as error:
            request = self._context.get_value(self._found_key)
            if request is not None and not _is_callers(error):
                request["error"] = type(error).__name__
            raise

    @contextmanager
    def step(self, asked: Call | Work) -> Iterator[None]:
        """Put a step of a function into a span."""
        started = time.perf_counter()
        labels = {"step.type": getattr(asked, "kind", "call")}
        about = dict(getattr(asked, "about", {}))
        operation = getattr(asked, "operation", None)
        if operation is not None:
            labels["namespace"] = about["naftiko.namespace"] = operation.namespace
            about["naftiko.step.call"] = operation.ref
        try:
            with self._span(f"step.{labels['step.type']}", about):
                yield
        finally:
            self._step_seconds.record(time.perf_counter() - started, labels)

    @contextmanager
    def call(self, request: Request) -> Iterator[Found]:
        """Put an upstream request into a span, and the trace into its headers.

        What is found has the `status` of the response. The span shows the URL with
        every secret masked.

        Args:
            request: What is about to be sent. A header of the trace that it has already
                stays as it is: the document wants it so.
        """
        method = request.method or "UNKNOWN"
        if method not in _METHODS:
            method = "UNKNOWN" if not request.method else "_OTHER"
        url = request.shown_url
        host = _host(url)
        span = self._tracer.start_span(
            f"http.client.{method}",
            kind=self._trace.SpanKind.CLIENT,
            attributes={
                "http.request.method": method,
                "url.full": url,
                "server.address": host,
            },
        )
        inside = self._trace.set_span_in_context(span)
        self._propagator.inject(request.headers, inside, _KEEPING)
        token = self._context.attach(inside)
        found: Found = {}
        labels = (("method", method), ("server.address", host))
        told: Labels = ()
        started = time.perf_counter()
        try:
            yield found
            status = found["status"]
            told = (("http.response.status_code", status),)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(self._trace.StatusCode.ERROR)
        except BaseException as error:
            # Without a response it has no status; what exactly happened is in the log.
            name = "transport" if isinstance(error, CallError) else type(error).__name__
            self._fail(span, name)
            told = (("error.type", name),)
            raise
        finally:
            took = time.perf_counter() - started
            self._context.detach(token)
            span.end()
            of_call: Labels = (*labels, *told)
            self._calls.add(of_call)
            self._call_seconds.record(took, dict(of_call), inside)


def _error_of(status: int, error: str | None) -> str:
    """Return what kind of failure of the server a request was, or an empty text.

    What the caller did wrong is none. A message of MCP that fails has status 200.
    """
    if not status:
        return error or "disconnected"
    if status >= 500:
        return f"http_{status}"
    return error or "" if status < 400 else ""


def _is_callers(error: CallError) -> bool:
    if isinstance(error, StatusError):
        return error.status < 500
    return isinstance(error, ArgumentError)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or UNKNOWN
    except ValueError:
        return UNKNOWN


class _KeepingHeaders:
    """Writes headers, but none that is there already."""

    def set(self, carrier: Any, key: str, value: str) -> None:
        """Write one."""
        carrier.setdefault(key, value)


_KEEPING = _KeepingHeaders()
