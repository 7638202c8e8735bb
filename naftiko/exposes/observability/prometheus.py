"""The metrics of a process as plain data, those of several added up, and as text.

    reader, families = metric_families()
    families()  →  [["naftiko_request", "counter", "…", "", [[sample, labels, 3]]]]
    page_of([families(), those_of_another])  →  "# HELP naftiko_request_total …"

A page of Prometheus so tells of all processes of a server. This module must not know
what is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    #: Name, type, help, unit, and samples: name, labels, value.
    Family = list[Any]

#: Types of metrics whose samples of several processes are added.
_ADDED = ("counter", "histogram")
#: A label that tells processes apart, where their metrics are exported.
_INSTANCE = "service_instance_id"


def metric_families() -> tuple[Any, Callable[[], list[Family]]]:
    """Return a reader for the SDK of OpenTelemetry, and what returns its metrics."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry, scope_info_enabled=False)

    def families() -> list[Family]:
        return [
            [
                found.name,
                found.type,
                found.documentation,
                found.unit,
                [[one.name, _labels(one.labels), one.value] for one in found.samples],
            ]
            for found in registry.collect()
        ]

    return reader, families


def _labels(labels: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != _INSTANCE}


def grown(families: Iterable[Family]) -> list[Family]:
    """Return the metrics that a successor of a process goes on counting."""
    return [family for family in families if family[1] in _ADDED]


def added(several: Iterable[Iterable[Family]]) -> list[Family]:
    """Return the metrics of several processes as those of one.

    Counts and histograms are added. Of anything else, such as the number of documents
    that are served, the greatest value counts.
    """
    merged: dict[tuple[str, str], Family] = {}
    values: dict[tuple[str, str], dict[Any, list[Any]]] = {}
    for families in several:
        for name, kind, text, unit, samples in families:
            key = name, kind
            family = merged.setdefault(key, [name, kind, text, unit, []])
            known = values.setdefault(key, {})
            for sample, labels, value in samples:
                one = sample, tuple(sorted(labels.items()))
                if one not in known:
                    known[one] = [sample, labels, value]
                    family[4].append(known[one])
                elif kind in _ADDED:
                    known[one][2] += value
                else:
                    known[one][2] = max(known[one][2], value)
    return list(merged.values())


def page_of(several: Iterable[Iterable[Family]]) -> str:
    """Return the metrics of several processes as the text of Prometheus."""
    from prometheus_client import generate_latest
    from prometheus_client.core import Metric

    class Page:
        """What `generate_latest` reads: the metrics as objects of its library."""

        def collect(self) -> Iterator[Metric]:
            """Yield them."""
            for name, kind, text, unit, samples in added(several):
                metric = Metric(name, text, kind, unit)
                for sample, labels, value in samples:
                    metric.add_sample(sample, labels, value)
                yield metric

    page: Any = Page()
    return generate_latest(page).decode()
