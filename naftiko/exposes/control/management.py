"""What a control adapter's `management` says (spec 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from naftiko.plain import JSON


class Logs(NamedTuple):
    """What `management.logs` says (spec 5.2)."""

    levels: bool = False
    stream: bool = False
    max_subscribers: int = 5


class Management(NamedTuple):
    """What `management` says; what it leaves out has its default."""

    health: bool = True
    info: bool = False
    reload: bool = False
    validate: bool = False
    logs: Logs = Logs()
    scripting: bool = False


def read_management(data: JSON) -> Management:
    """Read a `management` mapping."""
    given = data if isinstance(data, dict) else {}
    return Management(
        given.get("health") is not False,
        given.get("info") is True,
        given.get("reload") is True,
        given.get("validate") is True,
        _read_logs(given.get("logs")),
        isinstance(given.get("scripting"), dict),
    )


def _read_logs(data: JSON) -> Logs:
    if data is True:
        return Logs(True, True)
    if not isinstance(data, dict):
        return Logs()
    logs = Logs(data.get("level-control") is not False, data.get("stream") is True)
    most = data.get("max-subscribers")
    if isinstance(most, int) and not isinstance(most, bool) and 1 <= most <= 20:
        logs = logs._replace(max_subscribers=most)
    return logs
