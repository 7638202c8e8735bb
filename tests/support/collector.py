"""An OpenTelemetry collector on loopback that records OTLP over HTTP."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


class Seen(NamedTuple):
    """One exported span."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    attributes: dict[str, Any]
    status: str
    message: str
    links: list[str]


class Collector:
    """A server that records spans and metrics; a context manager.

    Args:
        status: HTTP status of its answers.
        silent: Whether it accepts connections and never answers.

    Attributes:
        spans: Received spans in order.
        points: (metric, labels) → the latest value: a number, or the count of a
            histogram.
        services: `service.name` of each sender.
        paths: Paths of the requests.
    """

    def __init__(self, status: int = 200, *, silent: bool = False) -> None:
        self.spans: list[Seen] = []
        self.points: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self.services: set[str] = set()
        self.paths: list[str] = []
        self._is_over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.paths.append(self.path)
                if silent:
                    outer._is_over.wait(60)
                    self.close_connection = True
                    return
                assert self.headers["Content-Type"] == "application/x-protobuf"
                if status == 200:
                    outer._keep(self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """The URL for `exporters.otlp.endpoint`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def _keep(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.services.add(_values(group.resource.attributes)["service.name"])
                for scope in group.scope_spans:
                    self.spans += map(_seen, scope.spans)
            return
        assert path == "/v1/metrics"
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for metric in group.scope_metrics[0].metrics:
                data = getattr(metric, metric.WhichOneof("data"))
                for point in data.data_points:
                    labels = tuple(
                        sorted(
                            (key, str(value))
                            for key, value in _values(point.attributes).items()
                        )
                    )
                    is_histogram = hasattr(point, "bucket_counts")
                    value = point.count if is_histogram else _number(point)
                    self.points[metric.name, labels] = value

    def wait_for(self, name: str, timeout: float = 15.0) -> Seen:
        """Wait for a span of a name and return the span."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            for span in tuple(self.spans):
                if span.name == name:
                    return span
            time.sleep(0.02)
        raise AssertionError(f"no span {name}: {[span.name for span in self.spans]}")

    def one(self, name: str) -> Seen:
        """Return the only span of a name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def value(self, metric: str, **labels: str) -> float:
        """Return the sum of all points of a metric that have the given labels."""
        wanted = {key.replace("__", "."): value for key, value in labels.items()}
        return sum(
            value
            for (name, pairs), value in self.points.items()
            if name == metric and wanted.items() <= dict(pairs).items()
        )

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


def _values(pairs: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs
    }


def _number(point: Any) -> float:
    return float(getattr(point, point.WhichOneof("value")))


def _seen(span: Any) -> Seen:
    return Seen(
        span.name,
        Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _values(span.attributes),
        Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        span.status.message,
        [link.trace_id.hex() for link in span.links],
    )
