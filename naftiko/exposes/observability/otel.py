"""`Sdk`: the OpenTelemetry SDK, set up to record, keep and export spans and metrics.

It is only imported where telemetry is on. The providers are not made global, so an
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

from naftiko.exposes.observability.prometheus import metric_families
from naftiko.exposes.observability.settings import exports
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.exposes.observability.prometheus import Family
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
#: Combinations of labels that one counter keeps; all further ones are counted as one.
MOST_LABELS = 2000
_OVERFLOW: Labels = (("otel.metric.overflow", "true"),)
#: Seconds between two log lines about a collector that does not answer.
_TELL_AGAIN = 60.0


class Sdk:
    """The tracer, the meter and the propagator of one process.

    Args:
        settings: The `observability` of the document.
        label: The label of the capability; part of the service name.
        traces: Keeps finished spans; `None` to keep none.
        instance: Tells this process from others of the same service, where several
            export.

    Attributes:
        tracer: Makes spans; a no-op tracer if spans are neither kept nor exported.
        meter: Makes instruments; a no-op meter if nothing is kept or exported.
        propagator: Reads the trace from headers and writes it to headers.
        families: Returns the metrics as plain data; `None` if none are kept.
    """

    def __init__(
        self,
        settings: ObservabilitySettings,
        label: str,
        traces: TraceBuffer | None,
        instance: str = "",
    ) -> None:
        self._closing: list[Callable[[], None]] = []
        self._exporters: list[Any] = []
        self._limits: list[_OnceAMinute] = []
        resource = _resource(label, instance)
        processors = [_KeptSpans(traces)] if traces is not None else []
        if (export := exports(settings.endpoint, "traces")) is not None:
            processors.append(self._sending_spans(export))
        self.tracer: Any = NoOpTracerProvider().get_tracer("naftiko")
        if processors:
            tracers = TracerProvider(
                resource=resource,
                sampler=_sampler(settings.sampling),
                # `close` does that within a time limit.
                shutdown_on_exit=False,
            )
            for processor in processors:
                tracers.add_span_processor(processor)
            self._closing.append(tracers.shutdown)
            self.tracer = tracers.get_tracer("naftiko", __version__)
        readers: list[Any] = []
        self.families: Callable[[], list[Family]] | None = None
        if settings.metrics:
            reader, self.families = metric_families()
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
        self._limit_log(trace_exporter.__name__, exporter)
        return BatchSpanProcessor(exporter)

    def _sending_metrics(self, export: Export) -> Any:
        from opentelemetry.exporter.otlp.proto.http import metric_exporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        exporter = metric_exporter.OTLPMetricExporter(endpoint=export.url or None)
        self._limit_log(metric_exporter.__name__, exporter)
        return PeriodicExportingMetricReader(exporter)

    def _limit_log(self, name: str, exporter: Any) -> None:
        """Let an exporter log at most once a minute that it cannot send, and where."""
        self._exporters.append(exporter)
        limit = _OnceAMinute(getattr(exporter, "_endpoint", "the collector"))
        self._limits.append(limit)
        logger = logging.getLogger(name)
        for other in [f for f in logger.filters if isinstance(f, _OnceAMinute)]:
            logger.removeFilter(other)
        logger.addFilter(limit)

    @property
    def endpoints(self) -> list[str]:
        """The URLs that spans and metrics are exported to."""
        return [limit.endpoint for limit in self._limits]

    def close(self, patience: float) -> bool:
        """Export the rest; return whether all of it could be exported.

        The exporters wait much longer for a collector that does not answer. So they are
        shut down in threads, and given up after `patience` seconds: spans and metrics
        that are not sent by then are lost.
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
        for limit in self._limits:
            # From here on the exporters would log only that they were cut off.
            limit.is_over = True
        for exporter in self._exporters:
            _quietly(exporter.shutdown)
        return False


def _quietly(close: Callable[[], None]) -> None:
    try:
        close()
    except Exception as error:  # noqa: BLE001 - the process ends, and must end well
        _log.debug("telemetry ended with: %s", error)


class Counter:
    """A counter that only adds to an integer; the SDK reads it when it exports.

    Adding to a counter of the SDK takes 100 times as long.
    """

    def __init__(self, meter: Any, name: str, description: str) -> None:
        self._counts: dict[Labels, int] = {}
        meter.create_observable_counter(name, [self._observe], "1", description)

    def add(self, labels: Labels) -> None:
        """Add one to the count of a combination of labels."""
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
    """Adds every finished span to a `TraceBuffer`."""

    def __init__(self, buffer: TraceBuffer) -> None:
        self._buffer = buffer

    def on_end(self, span: Any) -> None:
        """Keep one span."""
        parent = span.parent
        is_root = parent is None or parent.is_remote
        self._buffer.add(span.context.trace_id, span, is_root=is_root)


def describe(span: Any) -> dict[str, Any]:
    """Return a finished span as the control port shows it."""
    parent, status = span.parent, span.status.status_code.name
    operation = span.attributes.get("naftiko.operation.id")
    return {
        "spanId": f"{span.context.span_id:016x}",
        "parentSpanId": f"{parent.span_id:016x}" if parent else None,
        "name": span.name,
        "kind": span.kind.name,
        "durationMs": round((span.end_time - span.start_time) / 1e6, 3),
        # Only failures set a status.
        "status": "OK" if status == "UNSET" else status,
        "operation": operation if operation != "unknown" else None,
        "start": span.start_time / 1e9,
    }


def _resource(label: str, instance: str) -> Resource:
    """Return the resource of the spans; `OTEL_*` of the environment overrides it."""
    name = f"naftiko-{label}" if label else "naftiko"
    given = dict(OTELResourceDetector().detect().attributes)
    if service := os.environ.get("OTEL_SERVICE_NAME"):
        given["service.name"] = service
    ours = {"service.name": name, "service.version": __version__}
    if instance:
        # Otherwise a collector takes the counts of all processes for one count.
        known = given.get("service.instance.id")
        given["service.instance.id"] = f"{known}-{instance}" if known else instance
    return Resource.create({**ours, **given})


def _sampler(ratio: float) -> Any:
    """Return the sampler for a ratio; `None` leaves it to the environment."""
    if ratio >= 1 or os.environ.get("OTEL_TRACES_SAMPLER"):
        return None
    return TraceIdRatioBased(ratio)


def _propagator(kind: str) -> Any:
    from opentelemetry import propagate

    if kind == "b3" and not os.environ.get("OTEL_PROPAGATORS"):
        from opentelemetry.propagators.b3 import B3MultiFormat

        return B3MultiFormat()
    # OTEL_PROPAGATORS chooses it; by default W3C Trace Context and baggage.
    return propagate.get_global_textmap()


class _OnceAMinute(logging.Filter):
    """Lets one error of an exporter pass in `_TELL_AGAIN` seconds."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self.endpoint = endpoint
        self._passed_at = float("-inf")
        self.is_over = False

    def filter(self, record: logging.LogRecord) -> bool:
        # Records below an error are about attempts that are repeated.
        now = time.monotonic()
        if (
            record.levelno < logging.ERROR
            or now - self._passed_at < _TELL_AGAIN
            or self.is_over
        ):
            return False
        self._passed_at = now
        record.msg = (
            f"{record.getMessage()} No collector takes telemetry at {self.endpoint};"
            " requests are served all the same"
        )
        record.args = ()
        return True
