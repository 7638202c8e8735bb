"""What a server tells about its requests: spans, metrics, the latest traces.

Spec 5.3, on the OpenTelemetry SDK. It is on where a control adapter does not turn it
off, or where the environment names an exporter (`OTEL_*`, which stands before the
document). Where it is off nothing of it is imported. This module must not know how a
request is answered.
"""

from __future__ import annotations

import logging
import os
import time
from collections import OrderedDict
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.errors import CallError
from naftiko.expressions import parse_credential, render
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from naftiko.capability import Capability
    from naftiko.functions import Plan
    from naftiko.messages import Request, Response
    from naftiko.model import Exposes
    from naftiko.runs import Call, Work

    JSON = Any
    Send = Callable[[Any], Awaitable[None]]
    Receive = Callable[[], Awaitable[Any]]

_log = logging.getLogger("naftiko.telemetry")
#: Where an adapter notes, in the scope of a request, which operation it serves.
OPERATION = "naftiko.operation"
#: Where the trace of a request stands in its scope, for those who answer elsewhere.
CONTEXT = "naftiko.context"
#: Open traces that are watched at most; one that never ends must not fill the memory.
_MOST_OPEN = 2000
_MOST_SPANS = 500


class Settings(NamedTuple):
    """What `observability` of a control adapter says (spec 5.3)."""

    enabled: bool = True
    metrics: bool = True
    traces: bool = True
    sampling: float = 1.0
    propagation: str = "w3c"
    buffer_size: int = 100
    endpoint: str = ""


def read_settings(data: JSON) -> Settings:
    """Read an `observability` mapping; what it leaves out has its default."""
    found = Settings()
    if not isinstance(data, dict):
        return found
    metrics, traces = _inner(data, "metrics"), _inner(data, "traces")
    sampling = traces.get("sampling")
    size = _inner(traces, "local").get("buffer-size")
    endpoint = _inner(_inner(data, "exporters"), "otlp").get("endpoint")
    return Settings(
        enabled=data.get("enabled") is not False,
        metrics=_inner(metrics, "local").get("enabled") is not False,
        traces=_inner(traces, "local").get("enabled") is not False,
        sampling=float(sampling)
        if isinstance(sampling, (int, float)) and 0 <= sampling <= 1
        else found.sampling,
        propagation="b3" if traces.get("propagation") == "b3" else "w3c",
        buffer_size=size
        if isinstance(size, int) and not isinstance(size, bool) and size > 0
        else found.buffer_size,
        endpoint=endpoint.strip() if isinstance(endpoint, str) else "",
    )


def _inner(data: Mapping[str, JSON], key: str) -> Mapping[str, JSON]:
    inner = data.get(key)
    return inner if isinstance(inner, dict) else {}


def telemetry_of(capability: Capability) -> Telemetry | None:
    """Return the telemetry that a document asks for, or `None`."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    control = next((e for e in capability.exposes if e.type == "control"), None)
    if control is None and not _is_exported():
        return None
    settings = read_settings(control.data.get("observability") if control else None)
    if not settings.enabled:
        return None
    try:
        import opentelemetry.sdk.trace  # noqa: F401 - told now, not with a request
    except ImportError:
        _log.warning(
            "no metrics and traces: pip install 'naftiko[telemetry]' brings them"
        )
        return None
    endpoint = _rendered(settings.endpoint, capability)
    label = capability.info.label
    return Telemetry(settings._replace(endpoint=endpoint), label)


def _is_exported() -> bool:
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(os.environ.get(name) for name in names)


def _rendered(text: str, capability: Capability) -> str:
    if "{{" not in text:
        return text
    return render(
        parse_credential(text), lambda ref: capability.variables.get(ref.name)
    )


class Telemetry:
    """Spans and metrics of one process.

    Args:
        settings: What the document says.
        label: Of the capability; part of the service name.

    Attributes:
        traces: The latest traces, or `None` where they are not kept.
    """

    def __init__(self, settings: Settings, label: str = "") -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        name = os.environ.get("OTEL_SERVICE_NAME") or (
            f"naftiko-{label}" if label else "naftiko"
        )
        resource = Resource.create(
            {"service.name": name, "service.version": __version__}
        )
        self.settings = settings
        self.label = label or "unknown"
        self.traces = TraceBuffer(settings.buffer_size) if settings.traces else None
        self._propagator = _propagator(settings.propagation)
        tracers = TracerProvider(resource=resource, sampler=_sampler(settings.sampling))
        if self.traces is not None:
            tracers.add_span_processor(_processor(self.traces))
        readers: list[Any] = []
        if settings.metrics:
            self._registry, reader = _prometheus()
            readers.append(reader)
        if settings.endpoint or _is_exported():
            spans, metrics = _exporters(settings.endpoint)
            tracers.add_span_processor(spans)
            readers.append(metrics)
        meters = MeterProvider(resource=resource, metric_readers=readers)
        self._providers = (tracers, meters)
        self._tracer = tracers.get_tracer("naftiko", __version__)
        meter = meters.get_meter("naftiko", __version__)
        counter, seconds = meter.create_counter, _histograms(meter)
        self._requests = counter("naftiko.request.total", "1", "Requests answered.")
        self._request_errors = counter(
            "naftiko.request.errors", "1", "Requests that failed."
        )
        self._request_seconds = seconds("naftiko.request.duration.seconds", "Requests.")
        self._step_seconds = seconds("naftiko.step.duration.seconds", "Steps.")
        self._calls = counter("naftiko.http.client.total", "1", "Upstream calls.")
        self._call_seconds = seconds(
            "naftiko.http.client.duration.seconds", "Upstream calls."
        )
        self._active = meter.create_up_down_counter(
            "naftiko.capability.active", "1", "Capabilities served."
        )

    def serving(self, label: str, count: int) -> None:
        """Note that a capability is served (1), or no more (-1)."""
        self._active.add(count, {"naftiko.capability": label or "unknown"})

    def metrics_text(self) -> str | None:
        """Return the metrics as Prometheus text; `None` where they are not kept."""
        if not self.settings.metrics:
            return None
        from prometheus_client import generate_latest

        return generate_latest(self._registry).decode()

    def close(self) -> None:
        """Send what has not been sent."""
        for provider in self._providers:
            provider.shutdown()

    # --- requests ---------------------------------------------------------------------

    @contextmanager
    def request(self, exposes: Exposes, scope: Any) -> Iterator[dict[str, Any]]:
        """Put a request into a span; what is put into the mapping closes it.

        `status` is the status of the response; a request without one failed.
        """
        from opentelemetry import context, trace

        kind = exposes.type
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        parent = self._propagator.extract(carrier, context=context.Context())
        remote = trace.get_current_span(parent).get_span_context().is_valid
        # Spec 5.3: the caller's span is the server, this one a part of it.
        span_kind = trace.SpanKind.INTERNAL if remote else trace.SpanKind.SERVER
        span = self._tracer.start_span(f"{kind}.request", parent, span_kind)
        inside = trace.set_span_in_context(span, parent)
        token = context.attach(inside)
        scope[CONTEXT] = inside
        found: dict[str, Any] = {}
        started = time.perf_counter()
        try:
            yield found
        finally:
            took = time.perf_counter() - started
            context.detach(token)
            status = found.get("status", 0)
            operation = scope.get(OPERATION) or "unknown"
            span.set_attributes(
                {
                    "naftiko.adapter.type": kind,
                    "naftiko.capability": self.label,
                    "naftiko.operation.id": operation,
                    "naftiko.namespace": exposes.namespace,
                    "http.request.method": scope["method"],
                    "http.response.status_code": status,
                }
            )
            failed = status >= 500 or not status
            if failed:
                span.set_status(trace.StatusCode.ERROR)
            span.end()
            labels = {"adapter": kind, "operation": operation}
            self._requests.add(1, {**labels, "status": "error" if failed else "ok"})
            self._request_seconds.record(took, labels)
            if failed:
                error = f"http_{status}" if status else "disconnected"
                self._request_errors.add(1, {**labels, "error.type": error})

    @contextmanager
    def inside(self, scope: Any) -> Iterator[None]:
        """Go on with the trace of a request in another task."""
        from opentelemetry import context

        found = scope.get(CONTEXT) if scope is not None else None
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
    def span(self, name: str, attributes: Mapping[str, str]) -> Iterator[None]:
        """Put a part of a request into a span; an error that passes marks it."""
        from opentelemetry import trace

        span = self._tracer.start_span(name, attributes=dict(attributes))
        with trace.use_span(
            span, record_exception=False, set_status_on_exception=False
        ):
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
                raise
            finally:
                span.end()

    @contextmanager
    def function(self, plan: Plan) -> Iterator[None]:
        """Put a tool, and the aggregate function it refers to, into spans."""
        function = plan.function
        with ExitStack() as stack:
            if function.kind == "tool":
                about = {"naftiko.operation.id": plan.name or "unknown"}
                if plan.exposes is not None:
                    about["naftiko.namespace"] = plan.exposes.namespace
                stack.enter_context(self.span("mcp.tool", about))
            if function.ref:
                about = {"naftiko.aggregate.ref": function.ref}
                stack.enter_context(self.span("aggregate.function", about))
            yield

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
            with self.span(f"step.{labels['step.type']}", about):
                yield
        finally:
            self._step_seconds.record(time.perf_counter() - started, labels)

    async def call(
        self, request: Request, send: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Send an upstream request inside a span, the trace in its headers.

        The span shows the URL with every secret masked.
        """
        from urllib.parse import urlsplit

        from opentelemetry import trace

        method = request.method or "UNKNOWN"
        host = urlsplit(request.url).hostname or "unknown"
        span = self._tracer.start_span(
            f"http.client.{method}",
            kind=trace.SpanKind.CLIENT,
            attributes={
                "http.request.method": method,
                "url.full": request.shown_url,
                "server.address": host,
            },
        )
        labels: dict[str, str | int] = {"method": method, "server.address": host}
        started = time.perf_counter()
        try:
            with trace.use_span(span, record_exception=False):
                self._propagator.inject(request.headers)
                response = await send(request)
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 500:
                span.set_status(trace.StatusCode.ERROR)
            labels["http.response.status_code"] = response.status
            return response
        except BaseException as error:
            span.set_status(trace.StatusCode.ERROR)
            # Without a response it has no status; what exactly happened is in the log.
            is_ours = isinstance(error, CallError)
            name = "transport" if is_ours else type(error).__name__
            span.set_attribute("error.type", name)
            labels["error.type"] = name
            raise
        finally:
            span.end()
            self._calls.add(1, labels)
            self._call_seconds.record(time.perf_counter() - started, labels)


class Traced:
    """An ASGI application that puts the requests of another into spans."""

    def __init__(self, app: Any, exposes: Exposes, telemetry: Telemetry) -> None:
        self._app = app
        self._exposes = exposes
        self._telemetry = telemetry

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._telemetry.request(self._exposes, scope) as found:

            async def noting(message: Any) -> None:
                if message["type"] == "http.response.start":
                    found["status"] = message["status"]
                await send(message)

            await self._app(scope, receive, noting)


class InTrace(logging.Filter):
    """Give log records the ids of the trace that they belong to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add `trace_id` and `span_id`; every record passes."""
        from opentelemetry import trace

        found = trace.get_current_span().get_span_context()
        if found.is_valid:
            record.trace_id = f"{found.trace_id:032x}"
            record.span_id = f"{found.span_id:016x}"
        return True


# --- the latest traces ----------------------------------------------------------------


class TraceBuffer:
    """The latest finished traces, newest first; the oldest is forgotten.

    Args:
        capacity: How many are kept.

    Raises:
        ValueError: The capacity is below one.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a trace buffer holds at least one trace")
        self.capacity = capacity
        self._done: OrderedDict[str, list[dict[str, JSON]]] = OrderedDict()
        self._open: OrderedDict[str, list[dict[str, JSON]]] = OrderedDict()

    def add(self, trace_id: str, span: dict[str, JSON], *, is_root: bool) -> None:
        """Keep a finished span; the root, which ends last, finishes its trace."""
        spans = self._open.setdefault(trace_id, [])
        if len(spans) < _MOST_SPANS or is_root:
            spans.append(span)
        if is_root:
            self._done[trace_id] = self._done.pop(trace_id, []) + self._open.pop(
                trace_id
            )
            while len(self._done) > self.capacity:
                self._done.popitem(last=False)
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)

    def __len__(self) -> int:
        return len(self._done)

    def find(self, trace_id: str) -> dict[str, JSON] | None:
        """Return one trace with its spans, parents first, or `None`."""
        spans = self._done.get(trace_id)
        if spans is None:
            return None
        shown = self._summary(trace_id, spans)
        del shown["spanCount"]
        ordered = sorted(spans, key=lambda span: span["start"])
        return {**shown, "spans": [_shown(span) for span in ordered]}

    def latest(self, operation: str = "", status: str = "") -> list[dict[str, JSON]]:
        """Return what the traces are, newest first.

        Args:
            operation: Part of the name or of the operation of the root.
            status: `OK` or `ERROR`, in any case; empty for both.
        """
        found = []
        for trace_id, spans in reversed(self._done.items()):
            shown = self._summary(trace_id, spans)
            root = spans[-1]
            names = f"{root['name']} {shown['operation']}"
            if operation in names and status.upper() in ("", shown["status"]):
                found.append(shown)
        return found

    def _summary(self, trace_id: str, spans: list[dict[str, JSON]]) -> dict[str, JSON]:
        root = spans[-1]
        failed = any(span["status"] == "ERROR" for span in spans)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(root["start"]))
        return {
            "traceId": trace_id,
            "operation": root["operation"] or root["name"],
            "durationMs": root["durationMs"],
            "status": "ERROR" if failed else "OK",
            "spanCount": len(spans),
            "timestamp": f"{moment}Z",
        }


def _shown(span: Mapping[str, JSON]) -> dict[str, JSON]:
    keys = ("spanId", "parentSpanId", "name", "kind", "durationMs", "status")
    return {key: span[key] for key in keys if span.get(key) is not None}


# --- parts of the SDK -----------------------------------------------------------------


def _processor(buffer: TraceBuffer) -> Any:
    from opentelemetry.sdk.trace import SpanProcessor

    class Keeping(SpanProcessor):
        """Puts every finished span into the buffer."""

        def on_end(self, span: Any) -> None:
            about, parent = span.get_span_context(), span.parent
            name = span.status.status_code.name
            operation = (span.attributes or {}).get("naftiko.operation.id")
            seconds = (span.end_time - span.start_time) / 1e9
            buffer.add(
                f"{about.trace_id:032x}",
                {
                    "spanId": f"{about.span_id:016x}",
                    "parentSpanId": f"{parent.span_id:016x}" if parent else None,
                    "name": span.name,
                    "kind": span.kind.name,
                    "durationMs": round(seconds * 1000, 3),
                    # Nothing set a status: it went well.
                    "status": "OK" if name == "UNSET" else name,
                    "operation": operation if operation != "unknown" else None,
                    "start": span.start_time / 1e9,
                },
                is_root=parent is None or parent.is_remote,
            )

    return Keeping()


def _sampler(ratio: float) -> Any:
    """Return what decides which traces are kept; `None` lets the environment say."""
    if ratio >= 1 or os.environ.get("OTEL_TRACES_SAMPLER"):
        return None
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    return ParentBased(TraceIdRatioBased(ratio))


def _propagator(kind: str) -> Any:
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    from opentelemetry.propagators.composite import CompositePropagator
    from opentelemetry.trace.propagation.tracecontext import (
        TraceContextTextMapPropagator,
    )

    if kind == "b3" and not os.environ.get("OTEL_PROPAGATORS"):
        from opentelemetry.propagators.b3 import B3MultiFormat

        return B3MultiFormat()
    parts = (TraceContextTextMapPropagator(), W3CBaggagePropagator())
    return CompositePropagator(list(parts))


_SECONDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip


def _histograms(meter: Any) -> Any:
    def create(name: str, what: str) -> Any:
        return meter.create_histogram(
            name,
            "s",
            f"{what} Seconds.",
            explicit_bucket_boundaries_advisory=list(_SECONDS),
        )

    return create


def _prometheus() -> tuple[Any, Any]:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    return registry, PrometheusMetricReader(registry=registry, scope_info_enabled=False)


def _exporters(endpoint: str) -> tuple[Any, Any]:
    """Return what sends spans, and what sends metrics, to an OTLP endpoint."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    base = endpoint.rstrip("/")
    known = _is_exported() or not base
    spans = OTLPSpanExporter(endpoint=None if known else f"{base}/v1/traces")
    metrics = OTLPMetricExporter(endpoint=None if known else f"{base}/v1/metrics")
    return BatchSpanProcessor(spans), PeriodicExportingMetricReader(metrics)
