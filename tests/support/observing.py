"""Adapters with telemetry that is exported to a `Collector`."""

from __future__ import annotations

import asyncio
from typing import Any

import naftiko
from naftiko.exposes.observability.telemetry import Telemetry
from naftiko.exposes.observability.traced import Traced
from naftiko.spec.adapters import ObservabilitySettings
from support.asgi_client import asked
from support.building import document
from support.collector import Collector
from support.serving import operation

#: Trace id and span id of a caller, and its `traceparent` header.
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = f"00-{TRACE}-{PARENT}-01"
ID = [{"name": "id", "in": "path"}]
SHIP = operation("/ships/{id}", call="api.get", inputParameters=ID)


def observed(app: Any, collector: Collector, **settings: Any) -> tuple[Any, Telemetry]:
    """Return an adapter with traced requests, and its telemetry."""
    telemetry = Telemetry(
        ObservabilitySettings(endpoint=collector.url)._replace(**settings), "Front"
    )
    served = getattr(app, "_served", None) or getattr(app, "server", None)
    engine = getattr(getattr(served, "served", served), "engine", None)
    if engine is not None:
        engine.telemetry = telemetry
    return Traced(app, app.exposes, telemetry, "Front"), telemetry


def got(
    collector: Collector,
    app: Any,
    *requests: tuple[Any, ...],
    **settings: Any,
) -> list[int]:
    """Send requests to an adapter, export their telemetry and return the statuses."""
    traced, telemetry = observed(app, collector, **settings)

    async def run() -> list[int]:
        return [(await asked(traced, *request)).status for request in requests]

    statuses = asyncio.run(run())
    telemetry.close()
    return statuses


def loaded(observability: Any = None, **more: Any) -> naftiko.Capability:
    """Load a document; `observability` adds a control adapter with these settings."""
    data = document(**more)
    if observability is not None:
        control = {"type": "control", "port": 0, "observability": observability}
        data["capability"]["exposes"] = [control]
    return naftiko.load(data, schema=None)
