"""`Telemetry`: the spans and metrics of the requests that a server answers.

    a request → span `rest.request`
      its function → span `aggregate.function`
        its steps → spans `step.call`, `step.script` …
          their upstream calls → spans `http.client.GET` …

Names are those of spec 5.3. Telemetry is on where a control adapter does not turn it
off, or where spans or metrics are exported. Where it is off, `SilentTelemetry` takes
its place, and OpenTelemetry is not imported. This module must not know how a request is
answered.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from naftiko.errors import ArgumentError, CallError, StatusError
from naftiko.exposes.http.scope import CONTEXT, OPERATION, UNKNOWN
from naftiko.exposes.observability.settings import wanted
from naftiko.exposes.observability.silent import SILENT, SilentTelemetry
from naftiko.exposes.observability.traces import TraceBuffer
from naftiko.functions.runs import Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from naftiko.capability import Capability
    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.exposes.observability.otel import Labels
    from naftiko.exposes.observability.prometheus import Family
    from naftiko.exposes.observability.silent import Noted
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Call
    from naftiko.spec.adapters import ObservabilitySettings
    from naftiko.spec.model import Exposes
    from naftiko.transport.messages import Request

_log = logging.getLogger("naftiko.telemetry")

#: Headers of a trace that a propagator may read but does not list among its fields.
_ALSO_READ = ("b3", "x-b3-flags")
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)
#: Seconds that the last export has when a server ends.
PATIENCE = 2.0


def telemetry_of(
    capabilities: Iterable[Capability], *, is_local: bool, instance: str = ""
) -> AnyTelemetry:
    """Return the telemetry that documents, or the environment, ask for.

    It is `SILENT` if none is asked for, or if a library for it is missing.

    Args:
        capabilities: The capabilities that are served.
        is_local: A control port is served, where metrics and traces can be read.
        instance: Tells this process from the others of the server, where it has any.
    """
    listed = list(capabilities)
    settings = wanted(listed, is_local=is_local)
    if settings is None:
        return SILENT
    try:
        label = listed[0].info.label if len(listed) == 1 else ""
        return Telemetry(settings, label, instance)
    except ImportError as error:
        _log.warning(
            "no metrics and traces: '%s' is not installed; pip install"
            " 'naftiko[telemetry]' brings it",
            error.name,
        )
    except ValueError as error:
        # A wrong setting in the environment is no reason not to serve.
        _log.warning("no metrics and traces: %s", error)
    return SILENT


class Telemetry:
    """Spans and metrics of one process.

    Args:
        settings: The `observability` of the document.
        label: The label of the capability; part of the service name.

    Attributes:
        is_on: Spans or metrics are recorded.
        traces: The latest traces, or `None` where they are not kept.
    """

    is_on = True

    def __init__(
        self, settings: ObservabilitySettings, label: str = "", instance: str = ""
    ) -> None:
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
        self._noted_key = create_key("naftiko.noted")
        self._link_key = create_key("naftiko.link")
        self._sdk = Sdk(settings, label, self.traces, instance)
        self._tracer, meter = self._sdk.tracer, self._sdk.meter
        self._propagator = self._sdk.propagator
        # Messages of MCP always carry W3C Trace Context (SEP-414).
        self._w3c = TraceContextTextMapPropagator()
        read = {*self._propagator.fields, *_ALSO_READ}
        self._read = {name.lower().encode(): name for name in read}

        def seconds(name: str, description: str) -> Any:
            return meter.create_histogram(
                name,
                "s",
                description,
                explicit_bucket_boundaries_advisory=list(SECONDS),
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
        """Count a capability that is served (1), or no longer served (-1)."""
        self._active.add(count, {"naftiko.capability": label or UNKNOWN})

    def families(self) -> list[Family] | None:
        """Return the metrics as plain data; `None` where they are not kept."""
        return self._sdk.families() if self._sdk.families else None

    def close(self, patience: float = PATIENCE) -> None:
        """Export the rest; give up after `patience` seconds."""
        if not self._sdk.close(patience):
            _log.warning(
                "the latest spans and metrics are lost: no collector at %s took them"
                " within %.1f s",
                " and ".join(self._sdk.endpoints),
                patience,
            )

    # --- requests ---------------------------------------------------------------------

    @contextmanager
    def request(
        self, exposes: Exposes, scope: ASGIScope, label: str = ""
    ) -> Iterator[Noted]:
        """Put a request into a span.

        The caller of this method notes the `status` of the answer. A request without
        one was not answered.

        Args:
            exposes: The adapter that receives the request.
            scope: The scope of the request. When the request has ended, `OPERATION` is
                read from it.
            label: The label of the capability.
        """
        trace, context = self._trace, self._context
        parent = self._sent(scope["headers"])
        # Spec 5.3: if the caller sends a span, that one is SERVER, and this one a part.
        remote = trace.get_current_span(parent).get_span_context().is_valid
        kind = trace.SpanKind.INTERNAL if remote else trace.SpanKind.SERVER
        span = self._tracer.start_span(f"{exposes.type}.request", parent, kind)
        noted: Noted = {}
        inside = trace.set_span_in_context(
            span, context.set_value(self._noted_key, noted, parent)
        )
        scope[CONTEXT] = inside
        token = context.attach(inside)
        started = time.perf_counter()
        try:
            yield noted
        except BaseException as error:
            noted["error"] = type(error).__name__
            raise
        finally:
            took = time.perf_counter() - started
            context.detach(token)
            self._end_request(span, noted, exposes, scope, label)
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
        self, span: Any, noted: Noted, exposes: Exposes, scope: ASGIScope, label: str
    ) -> None:
        status = noted.get("status", 0)
        error = _error_of(status, noted.get("error"))
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
        """Return the context of the trace in the headers of a request."""
        carrier: dict[str, list[str]] = {}
        for name, value in headers:
            read = self._read.get(name)
            if read is not None:
                carrier.setdefault(read, []).append(value.decode("latin-1"))
        if len(carrier.get("traceparent", ())) > 1:
            # Nothing tells which of them is the caller's: a new trace begins.
            del carrier["traceparent"]
        empty = self._context.Context()
        return self._propagator.extract(carrier, empty) if carrier else empty

    @contextmanager
    def inside(
        self, scope: ASGIScope | None, sent: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """Continue the trace of a request in another task.

        Args:
            scope: The scope of the request, if there is one.
            sent: Headers of the trace in a message of the request. Spans made inside
                belong to that trace. If the request belongs to another trace, they
                have a link to it.
        """
        trace, context = self._trace, self._context
        inside = scope.get(CONTEXT) if scope is not None else None
        if sent:
            around = inside or context.get_current()
            here = trace.get_current_span(around).get_span_context()
            inner = self._w3c.extract(sent, around)
            there = trace.get_current_span(inner).get_span_context()
            if there.trace_id != here.trace_id:
                inside = context.set_value(self._link_key, here, inner)
        if inside is None:
            yield
            return
        token = context.attach(inside)
        try:
            yield
        finally:
            context.detach(token)

    # --- inside a request -------------------------------------------------------------

    @contextmanager
    def _span(
        self, name: str, attributes: Mapping[str, str], links: Any = None
    ) -> Iterator[Any]:
        """Put a part of a request into a span; an exception marks it as failed."""
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
        # Without a description: the message of an error may hold private data.
        span.set_attribute("error.type", error)
        span.set_status(self._trace.StatusCode.ERROR)

    @contextmanager
    def tool(self, name: str, namespace: str) -> Iterator[Noted]:
        """Put the call of an MCP tool into a span; a noted `error` marks it as failed.

        Args:
            name: The name of a declared tool, or `UNKNOWN`.
            namespace: The namespace of the adapter.
        """
        linked = self._context.get_value(self._link_key)
        links = [self._trace.Link(linked)] if linked and linked.is_valid else None
        about = {
            "naftiko.operation.id": name,
            "naftiko.namespace": namespace or UNKNOWN,
        }
        noted: Noted = {}
        with self._span("mcp.tool", about, links) as span:
            yield noted
            if "error" in noted:
                self._fail(span, noted["error"])

    @contextmanager
    def function(self, plan: Plan) -> Iterator[None]:
        """Note the error of a function; put a function of an aggregate into a span."""
        try:
            if plan.function.ref:
                about = {"naftiko.aggregate.ref": plan.function.ref}
                with self._span("aggregate.function", about):
                    yield
            else:
                yield
        except CallError as error:
            noted = self._context.get_value(self._noted_key)
            if noted is not None and not _is_callers(error):
                noted["error"] = type(error).__name__
            raise

    @contextmanager
    def step(self, item: Call | Work) -> Iterator[None]:
        """Put a step of a function into a span."""
        started = time.perf_counter()
        if isinstance(item, Work):
            labels, about = {"step.type": item.kind}, dict(item.about)
        else:
            operation = item.operation
            labels = {"step.type": "call", "namespace": operation.namespace}
            about = {
                "naftiko.namespace": operation.namespace,
                "naftiko.step.call": operation.ref,
            }
        try:
            with self._span(f"step.{labels['step.type']}", about):
                yield
        finally:
            self._step_seconds.record(time.perf_counter() - started, labels)

    @contextmanager
    def call(self, request: Request, trace: Mapping[str, str] = {}) -> Iterator[Noted]:
        """Put an upstream call into a span, and its trace into the headers.

        The caller of this method notes the `status` of the response. The span shows
        the URL with every secret masked.

        Args:
            request: The request that is about to be sent. A header of the trace that
                it already has stays: the document sets it.
            trace: The trace of the caller. It is not sent as it came: the span of this
                request already belongs to it.
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
        noted: Noted = {}
        labels = (("method", method), ("server.address", host))
        result: Labels = ()
        started = time.perf_counter()
        try:
            yield noted
            status = noted["status"]
            result = (("http.response.status_code", status),)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(self._trace.StatusCode.ERROR)
        except BaseException as error:
            # There was no response, so there is no status; the log has the details.
            name = "transport" if isinstance(error, CallError) else type(error).__name__
            self._fail(span, name)
            result = (("error.type", name),)
            raise
        finally:
            took = time.perf_counter() - started
            self._context.detach(token)
            span.end()
            of_call: Labels = (*labels, *result)
            self._calls.add(of_call)
            self._call_seconds.record(took, dict(of_call), inside)


def _error_of(status: int, error: str | None) -> str:
    """Return the kind of failure of a request, or an empty text for none.

        503, None  →  "http_503";    0, None  →  "disconnected"

    A mistake of the caller (status 400 to 499) is no failure of the server. A message
    of MCP that fails has status 200, and an `error`.
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
    """Writes headers; a header that is there already stays."""

    def set(self, carrier: Any, key: str, value: str) -> None:
        """Write one."""
        carrier.setdefault(key, value)


_KEEPING = _KeepingHeaders()

#: Telemetry of a process, on or off.
AnyTelemetry: TypeAlias = Telemetry | SilentTelemetry
