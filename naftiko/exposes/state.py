"""`Host`: the adapters that a process serves, and the state of each.

The control port reads it. This module must not know how anything is served.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.exposes.observability.silent import SILENT

if TYPE_CHECKING:
    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.exposes.observability.telemetry import AnyTelemetry

STARTED, STOPPED = "started", "stopped"


class Reloaded(NamedTuple):
    """The result of reloading the documents.

    Attributes:
        is_done: The new versions of all documents are served now.
        problems: The reasons why not, and the changes that need a restart.
    """

    is_done: bool
    problems: tuple[str, ...] = ()


class AdapterState:
    """The state of one adapter, and where it is served.

    Attributes:
        port: `None` for an adapter on standard input and output.
        state: `started` or `stopped`.
    """

    def __init__(
        self, type: str, namespace: str, port: int | None = None, url: str = ""
    ) -> None:
        self.type = type
        self.namespace = namespace
        self.port = port
        self.url = url
        self.state = STOPPED

    def as_dict(self) -> dict[str, Any]:
        """Return the state as the control port shows it (spec 5.2).

        {"type": "rest", "namespace": "ships", "port": 8080, "state": "started"}
        """
        shown: dict[str, Any] = {"type": self.type}
        if self.namespace:
            shown["namespace"] = self.namespace
        if self.port:
            shown["port"] = self.port
        return {**shown, "state": self.state}


class Host:
    """The adapters, the logs and the telemetry of one process.

    Attributes:
        adapters: The adapters of all documents, in document order.
        started_at: Seconds since the epoch.
        is_stopping: The process takes no new requests.
        logs: The latest log lines, or `None` where none are kept.
        telemetry: Metrics and traces.
        reload: Reads the documents again.
    """

    def __init__(self) -> None:
        self.adapters: list[AdapterState] = []
        self.started_at = time.time()
        self.is_stopping = False
        self.logs: LatestLines | None = None
        self.telemetry: AnyTelemetry = SILENT
        self.reload: Callable[[], Awaitable[Reloaded]] = _cannot_reload

    @property
    def is_ready(self) -> bool:
        """Whether every adapter except the control port is started."""
        return not self.is_stopping and all(
            adapter.state == STARTED
            for adapter in self.adapters
            if adapter.type != "control"
        )


async def _cannot_reload() -> Reloaded:
    return Reloaded(False, ("nothing here can be reloaded",))
