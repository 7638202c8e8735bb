"""The OpenTelemetry SDK: what makes, keeps and exports spans and measurements.

Only imported where telemetry is on. Nothing is set up for the whole process, so an
application that embeds an adapter keeps its own. This module must not know requests.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import NoOpTracerProvider

from naftiko.exposes.observability.settings import exports
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.exposes.observability.settings import Export
    from naftiko.exposes.observability.traces import TraceBuffer
    from naftiko.spec.adapters import ObservabilitySettings

    #: Label and value of each dimension of a measurement.
    Labels = tuple[tuple[str, str | int], ...]

_log = logging.getLogger("naftiko.telemetry")
#: Bounds of the buckets of a histogram, in seconds.
SECONDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
#: Different labels that one counter takes; what comes then is counted as one.
MOST_LABELS = 2000
_OVERFLOW: Labels = (("otel.metric.overflow", "true"),)
#: Seconds between two lines that tell of a collector that does not answer.
_TELL_AGAIN = 60.0


class Sdk:
    """The providers of one process.

    Args:
        settings: What the document says.
        label: Of the capability; part of the service name.
        traces: Where finished spans are kept, or `None`.

    Attributes:
        tracer: Makes spans; one that makes none where nobody gets them.
        meter: Makes instruments; the same.
        propagator: Reads and writes the trace in headers.
        metrics_text: Gives the metrics as Prometheus text, or `None`.
    """

    def __init__(
        self, settings: ObservabilitySettings, label: str, traces: TraceBuffer | None
    ) -> None:
        self._closing: list[Callable[[], None]] = []
        self._exporters: list[Any] = []
        self._told: list[_Seldom] = []
        resource = _resource(label)
        processors = [_KeptSpans(traces)] if traces is not None else []
        if (export := exports(settings.endpoint, "traces")) is not None:
            processors.append(self._sending_spans(export))
        self.tracer: Any = NoOpTracerProvider().get_tracer("naftiko")
        if processors:
            tracers = TracerProvider(
                resource=resource,
                sampler=_sampler(settings.sampling),
                # `close` does it, in limited time.
                shutdown_on_exit=False,
            )
            for processor in processors:
                tracers.add_span_processor(processor)
            self._closing.append(tracers.shutdown)
            self.tracer = tracers.get_tracer("naftiko", __version__)
        readers: list[Any] = []
        self.metrics_text: Callable[[], str] | None = None
        if settings.metrics:
            reader, self.metrics_text = _prometheus()
            readers.append(reader)
        if (export := exports(settings.endpoint, "metrics")) is not None:
            readers.append(self._sending_metrics(export))
        self.meter: Any = NoOpMeterProvider().get_meter("naftiko")
        if readers:
            meters = MeterProvider(readers, resource, shutdown_on_exit=False)
            self._closing.append(meters.shutdown)
            self.meter = meters.get_meter("naftiko", __version__)
        self.propagator = _propagator(settings.propagation)

    def _sending_spans(self, export: Export) -> Any:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = trace_exporter.OTLPSpanExporter(endpoint=export.url or None)
        self._tell_seldom(trace_exporter.__name__, exporter)
        return BatchSpanProcessor(exporter)

    def _sending_metrics(self, export: Export) -> Any:
        from opentelemetry.exporter.otlp.proto.http import metric_exporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        exporter = metric_exporter.OTLPMetricExporter(endpoint=export.url or None)
        self._tell_seldom(metric_exporter.__name__, exporter)
        return PeriodicExportingMetricReader(exporter)

    def _tell_seldom(self, logger: str, exporter: Any) -> None:
        """Let an exporter tell once in a while that it cannot send, and where to."""
        self._exporters.append(exporter)
        told = _Seldom(getattr(exporter, "_endpoint", "the collector"))
        self._told.append(told)
        known = logging.getLogger(logger)
        for other in [f for f in known.filters if isinstance(f, _Seldom)]:
            known.removeFilter(other)
        known.addFilter(told)

    def close(self, patience: float) -> bool:
        """Send what has not been sent; return whether that could be done.

        A collector that does not answer takes its own time. Nobody waits for it longer
        than this many seconds: what is left then is lost.
        """
        threads = [
            threading.Thread(target=_quietly, args=(close,), daemon=True)
            for close in self._closing
        ]
        until = time.monotonic() + patience
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        if not any(thread.is_alive() for thread in threads):
            return True
        for told in self._told:
            # What is said from here on is about being cut off.
            told.is_over = True
        for exporter in self._exporters:
            _quietly(exporter.shutdown)
        return False


def _quietly(close: Callable[[], None]) -> None:
    try:
        close()
    except Exception as error:  # noqa: BLE001 - serving has ended; it must end well
        _log.debug("telemetry ended with: %s", error)


class Counter:
    """A counter of which a step is an addition: the SDK reads it when it exports.

    Telling the SDK of each step takes 100 times as long.
    """

    def __init__(self, meter: Any, name: str, description: str) -> None:
        self._counts: dict[Labels, int] = {}
        meter.create_observable_counter(name, [self._observe], "1", description)

    def add(self, labels: Labels) -> None:
        """Count one more."""
        counts = self._counts
        known = counts.get(labels)
        if known is None:
            if len(counts) >= MOST_LABELS:
                labels = _OVERFLOW
            known = counts.get(labels, 0)
        counts[labels] = known + 1

    def _observe(self, options: Any) -> list[Observation]:
        counts = self._counts.copy()
        return [Observation(count, dict(labels)) for labels, count in counts.items()]


class _KeptSpans(SpanProcessor):
    """Puts every finished span into a buffer."""

    def __init__(self, buffer: TraceBuffer) -> None:
        self._buffer = buffer

    def on_end(self, span: Any) -> None:
        """Keep one span."""
        parent = span.parent
        is_root = parent is None or parent.is_remote
        self._buffer.add(span.context.trace_id, span, is_root=is_root)


def describe(span: Any) -> dict[str, Any]:
    """Return what the control port tells of a span."""
    parent, status = span.parent, span.status.status_code.name
    operation = span.attributes.get("naftiko.operation.id")
    return {
        "spanId": f"{span.context.span_id:016x}",
        "parentSpanId": f"{parent.span_id:016x}" if parent else None,
        "name": span.name,
        "kind": span.kind.name,
        "durationMs": round((span.end_time - span.start_time) / 1e6, 3),
        # Nothing set a status: it went well.
        "status": "OK" if status == "UNSET" else status,
        "operation": operation if operation != "unknown" else None,
        "start": span.start_time / 1e9,
    }


def _resource(label: str) -> Resource:
    """Return who sends: the environment may say it in other words."""
    name = f"naftiko-{label}" if label else "naftiko"
    given = dict(OTELResourceDetector().detect().attributes)
    if told := os.environ.get("OTEL_SERVICE_NAME"):
        given["service.name"] = told
    ours = {"service.name": name, "service.version": __version__}
    return Resource.create({**ours, **given})


def _sampler(ratio: float) -> Any:
    """Return what decides which traces are kept; `None` lets the environment say."""
    if ratio >= 1 or os.environ.get("OTEL_TRACES_SAMPLER"):
        return None
    return TraceIdRatioBased(ratio)


def _propagator(kind: str) -> Any:
    from opentelemetry import propagate

    if kind == "b3" and not os.environ.get("OTEL_PROPAGATORS"):
        from opentelemetry.propagators.b3 import B3MultiFormat

        return B3MultiFormat()
    # Made of the environment: trace context and baggage unless it says otherwise.
    return propagate.get_global_textmap()


def _prometheus() -> tuple[Any, Callable[[], str]]:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry, scope_info_enabled=False)
    return reader, lambda: generate_latest(registry).decode()


class _Seldom(logging.Filter):
    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._told_at = float("-inf")
        self.is_over = False

    def filter(self, record: logging.LogRecord) -> bool:
        # Below an error it tries again by itself.
        now = time.monotonic()
        if (
            record.levelno < logging.ERROR
            or now - self._told_at < _TELL_AGAIN
            or self.is_over
        ):
            return False
        self._told_at = now
        record.msg = (
            f"{record.getMessage()} Nothing takes telemetry at {self._endpoint};"
            " requests are served all the same"
        )
        record.args = ()
        return True
