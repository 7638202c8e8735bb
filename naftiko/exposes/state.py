"""What is served where, and in which state: what the control port tells.

This module must not know how anything is served.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.exposes.observability.telemetry import Telemetry

STARTED, STOPPED = "started", "stopped"


class Reloaded(NamedTuple):
    """What came of reloading the documents.

    Attributes:
        is_done: Whether the new versions are served now.
        problems: Why not, or what has to be looked at.
    """

    is_done: bool
    problems: tuple[str, ...] = ()


class Adapter:
    """One adapter and where it is served.

    Attributes:
        port: `None` for one that talks over standard input and output.
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
        """Return it as the control port shows it (spec 5.2)."""
        found: dict[str, Any] = {"type": self.type}
        if self.namespace:
            found["namespace"] = self.namespace
        if self.port:
            found["port"] = self.port
        return {**found, "state": self.state}


class Host:
    """What one process serves.

    Attributes:
        adapters: Of all documents, in order.
        started_at: Seconds since the epoch.
        is_stopping: It takes no new requests.
        logs: The latest log lines, or `None` where none are kept.
        telemetry: Metrics and traces, or `None` where they are off.
        reload: Reads the documents again.
    """

    def __init__(self) -> None:
        self.adapters: list[Adapter] = []
        self.started_at = time.time()
        self.is_stopping = False
        self.logs: LatestLines | None = None
        self.telemetry: Telemetry | None = None
        self.reload: Callable[[], Awaitable[Reloaded]] = _cannot_reload

    @property
    def is_ready(self) -> bool:
        """Whether every adapter but the control port is up."""
        return not self.is_stopping and all(
            adapter.state == STARTED
            for adapter in self.adapters
            if adapter.type != "control"
        )


async def _cannot_reload() -> Reloaded:
    return Reloaded(False, ("nothing here can be reloaded",))
