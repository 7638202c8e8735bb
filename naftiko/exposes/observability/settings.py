"""Decide which metrics and traces a process keeps, and where it sends them (spec 5.3).

    the `observability` of its documents, OTEL_* variables
        →  ObservabilitySettings, or None for none

The environment stands before the documents. This module must not know OpenTelemetry.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from naftiko.errors import CallError, shorten
from naftiko.expressions import TemplateError, parse_credential, render
from naftiko.records.tuples import NamedTuple
from naftiko.spec.adapters import ObservabilitySettings
from naftiko.spec.control import GRPC_PORT

if TYPE_CHECKING:
    from naftiko.capability import Capability

_log = logging.getLogger("naftiko.telemetry")
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def declared(capability: Capability) -> ObservabilitySettings | None:
    """Return the settings of a document, `None` for one without a control adapter."""
    for exposes in capability.exposes:
        if exposes.observability is not None:
            return exposes.observability
    return None


def is_observed(capability: Capability) -> bool:
    """Tell whether a document may be observed: unless it says `enabled: false`."""
    settings = declared(capability)
    return settings is None or settings.enabled


class Export(NamedTuple):
    """Where one signal is sent.

    Attributes:
        url: An empty text leaves it to the exporter, which asks the environment.
    """

    url: str = ""


def exports(endpoint: str, signal: str) -> Export | None:
    """Return where a signal is sent, `None` for nowhere.

    "http://collector:4318", "traces"  →  Export("http://collector:4318/v1/traces")

    Args:
        endpoint: The endpoint that the document declares; may be empty.
        signal: `traces` or `metrics`.
    """
    name = signal.upper()
    by_environment = bool(
        os.environ.get(_ENDPOINT)
        or os.environ.get(f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT")
    )
    chosen = os.environ.get(f"OTEL_{name}_EXPORTER", "").strip().lower()
    if chosen:
        names = {word.strip() for word in chosen.split(",")}
        for other in sorted(names - {"otlp", "none", "prometheus"}):
            _log.warning("OTEL_%s_EXPORTER: '%s' is not known here", name, other)
        if "otlp" not in names:
            return None
    elif not endpoint and not by_environment:
        return None
    if by_environment or not endpoint:
        return Export()
    return Export(f"{endpoint.rstrip('/')}/v1/{signal}")


def wanted(
    capabilities: list[Capability], *, is_local: bool
) -> ObservabilitySettings | None:
    """Return the settings of a process that serves some documents, `None` for none.

    The first document with a control adapter decides.

    Args:
        capabilities: The documents.
        is_local: Whether a control port is served, where metrics and traces are read.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    observed = [c for c in capabilities if is_observed(c)]
    if not observed:
        return None
    first = next((c for c in observed if declared(c) is not None), observed[0])
    settings = declared(first)
    if settings is None or not is_local:
        settings = (settings or ObservabilitySettings())._replace(
            metrics=False, traces=False
        )
    settings = settings._replace(endpoint=_endpoint(settings.endpoint, first))
    sent = [exports(settings.endpoint, signal) for signal in ("traces", "metrics")]
    if (
        not settings.metrics
        and not settings.traces
        and not any(export is not None for export in sent)
    ):
        return None
    return settings


def _endpoint(text: str, capability: Capability) -> str:
    """Return an endpoint with its variables filled in; empty if it is no HTTP URI."""
    if not text:
        return ""
    where = "observability.exporters.otlp.endpoint"
    written = text
    try:
        if "{{" in text:
            look = capability.variables.get
            text = render(parse_credential(text), lambda ref: look(ref.name)).strip()
        parts = urlsplit(text)
        port = parts.port
    except (CallError, TemplateError, ValueError) as error:
        _log.warning("%s: %s; nothing is exported", where, error)
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        _log.warning(
            "%s: '%s' is no URI to export to; write http://HOST:4318",
            where,
            shorten(written),
        )
        return ""
    if port == GRPC_PORT:
        _log.warning(
            "%s: collectors speak gRPC at port %d; what is sent is HTTP, for which"
            " they have 4318",
            where,
            GRPC_PORT,
        )
    return text
