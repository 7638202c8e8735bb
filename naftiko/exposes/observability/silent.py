"""`SilentTelemetry`: telemetry that is off, with the methods of `Telemetry`.

A served request calls the same methods whether telemetry is on or off. When it is off,
they record nothing, and OpenTelemetry is not imported.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Call, Work
    from naftiko.spec.model import Exposes
    from naftiko.transport.messages import Request

    #: Notes of the code inside a context: its `status`, its `error`.
    Noted = dict[str, Any]


class _Forgetting:
    """A context whose notes are dropped."""

    def __enter__(self) -> Noted:
        return {}

    def __exit__(self, *_: object) -> None:
        """Let an exception pass."""


#: One of each for all uses: they have no state, and a new one would cost more.
_NOTHING: AbstractContextManager[None] = nullcontext()
_FORGETTING: AbstractContextManager[Noted] = _Forgetting()


class SilentTelemetry:
    """Telemetry that records nothing; `Telemetry` describes each method."""

    is_on = False
    traces = None

    def serving(self, label: str, count: int) -> None:
        """Record nothing."""

    def families(self) -> None:
        """Return `None`: no metrics are kept."""
        return None

    def close(self, patience: float = 0.0) -> None:
        """Send nothing."""

    def request(
        self, exposes: Exposes, scope: ASGIScope, label: str = ""
    ) -> AbstractContextManager[Noted]:
        """Return a context that drops its notes."""
        return _FORGETTING

    def inside(
        self, scope: ASGIScope | None, sent: Mapping[str, str] | None = None
    ) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return _NOTHING

    def tool(self, name: str, namespace: str) -> AbstractContextManager[Noted]:
        """Return a context that drops its notes."""
        return _FORGETTING

    def function(self, plan: Plan) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return _NOTHING

    def step(self, item: Call | Work) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return _NOTHING

    def call(
        self, request: Request, trace: Mapping[str, str] = {}
    ) -> AbstractContextManager[Noted]:
        """Add the caller's trace to an upstream request, and record nothing.

        A header that the request already has stays: the document sets it.
        """
        for name, value in trace.items():
            request.headers.setdefault(name, value)
        return _FORGETTING


#: Telemetry that is off.
SILENT = SilentTelemetry()
