"""`Together`: answers of several processes as those of one."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from typing import Any

import pytest

from naftiko.exposes.control.together import Together
from naftiko.exposes.processes.siblings import Siblings
from naftiko.exposes.state import Host

pytest.importorskip("prometheus_client")


class Counting:
    """Telemetry of a process that has answered seven requests."""

    is_on = True
    traces = None

    def families(self) -> Any:
        sample = ["naftiko_request_total", {"status": "ok"}, 7.0]
        return [["naftiko_request", "counter", "Requests.", "", [sample]]]


def test_process_that_does_not_answer_counts_with_what_it_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its counts do not vanish from the page, as if the server had begun anew."""
    defaults = Siblings.ask.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "patience", 0.05)
    host = Host()
    host.telemetry = Counting()  # type: ignore[assignment]
    with closing(Siblings(2)) as siblings:
        host.siblings = siblings
        together = Together(host, lambda: None)  # type: ignore[arg-type, return-value]
        silent = Counting().families()
        silent[0][4][0][2] = 5.0
        siblings.estates[1].leave(json.dumps(silent).encode())
        text = asyncio.run(together.metrics())
        assert text is not None
        assert 'naftiko_request_total{status="ok"} 12.0' in text
        assert json.loads(siblings.estates[0].read()) == Counting().families()


@pytest.mark.parametrize(
    ("several", "summed"),
    [
        ([(0, 0, 0.0, ""), (0, 0, 0.0, "")], (0, 0, 0.0, "")),
        ([(1, 0, 4.0, "2026-01-01"), (0, 0, 0.0, "")], (1, 0, 4.0, "2026-01-01")),
        (
            [(1, 1, 4.0, "2026-01-02"), (3, 1, 8.0, "2026-01-01")],
            (4, 2, 7.0, "2026-01-02"),
        ),
    ],
)
def test_statistics_of_scripts_are_those_of_all(
    several: list[tuple[Any, ...]], summed: tuple[Any, ...]
) -> None:
    """Runs and errors are added; the mean is that of all runs, the last the latest."""

    class Told(Siblings):
        async def ask(self, name: str, *given: Any, **more: Any) -> dict[int, Any]:
            return {n: {"stats": stats(*one)} for n, one in enumerate(several)}

    host = Host()
    host.siblings = Told()
    together = Together(host, lambda: None)  # type: ignore[arg-type, return-value]
    assert asyncio.run(together.scripting())["stats"] == stats(*summed)


def stats(runs: int, errors: int, mean: float, last: str) -> dict[str, Any]:
    """Return the statistics that one process tells."""
    told: dict[str, Any] = {
        "totalExecutions": runs, "totalErrors": errors, "averageDurationMs": mean,
    }  # fmt: skip
    return {**told, "lastExecutionAt": last} if last else told
