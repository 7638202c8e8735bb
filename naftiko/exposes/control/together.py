"""`Together`: what a control port tells and changes, for all processes of the server.

A request reaches any of the processes that share a port. That process asks all, itself
included, and puts the answers together: counts are added, traces and lines are ordered
by time, a change is made everywhere. This module must not know HTTP.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from naftiko.exposes.control.scripting import scripting_state
from naftiko.exposes.control.stream import LogStream
from naftiko.exposes.observability.following import following, put_in
from naftiko.exposes.observability.logs import KEPT
from naftiko.exposes.observability.prometheus import added, grown, page_of
from naftiko.exposes.observability.traces import newest, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from naftiko.exposes.observability.prometheus import Family
    from naftiko.exposes.state import Host
    from naftiko.functions.scripting.scripts import Scripting
    from naftiko.plain import JSON
    from naftiko.spec.model import ScriptSettings

#: Seconds between two writings of the metrics that a successor would go on with.
_LEAVING = 5.0


class Together:
    """The processes of a server, behind one control adapter.

    Args:
        host: What this process serves.
        scripting: Returns the scripts of the document of the adapter.

    Attributes:
        stream: Sends the log lines of all to those who follow them in this process.
    """

    def __init__(self, host: Host, scripting: Callable[[], Scripting]) -> None:
        self.host = host
        self._siblings = siblings = host.siblings
        self._scripting = scripting
        self.stream = LogStream()
        #: Logger → the level that a request has set.
        self._levels: dict[str, str] = {}
        #: The scripts whose settings a request has changed: a reload has new ones.
        self._changed: Scripting | None = None
        #: Metrics of the processes that this one succeeds.
        self._inherited: list[Family] = []
        # Several documents may have a control adapter, each with its own scripts.
        host.control_ports += 1
        self._own = f"/{host.control_ports}"
        siblings.answer("metrics", self._metrics)
        siblings.answer("traces", self._traces)
        siblings.answer("trace", self._trace)
        siblings.answer("lines", self._lines)
        siblings.answer("state", self._state)
        siblings.feed("new lines", lambda: following(host.logs))
        siblings.answer(f"readers{self._own}", lambda: self.stream.subscribers)
        siblings.answer(f"level{self._own}", self._set_level)
        siblings.answer(f"scripting{self._own}", self._scripting_state)
        siblings.answer(f"change{self._own}", self._change)
        siblings.answer(f"changes{self._own}", self._changes)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Go on where a process left off that this one replaces, and leave as much."""
        siblings = self._siblings
        if siblings.is_replacement:
            estate = siblings.estates[siblings.number].read()
            self._inherited = json.loads(estate) if estate else []
            await self._take_over()
        leaving = asyncio.create_task(self._leave_often()) if siblings.estates else None
        try:
            yield
        finally:
            if leaving is not None:
                leaving.cancel()

    async def _take_over(self) -> None:
        """Make the changes that requests have made in the other processes."""
        answers = await self._siblings.ask(f"changes{self._own}")
        for number, (levels, settings) in answers.items():
            if number != self._siblings.number and (levels or settings):
                for name, level in levels.items():
                    self._set_level(name, level)
                if settings:
                    self._change(settings)
                return

    # --- what is told -----------------------------------------------------------------

    async def status(self) -> dict[str, JSON]:
        """Return how many processes there are, answer, and are ready; empty for one."""
        if self._siblings.count == 1:
            return {}
        answers = await self._siblings.ask("state")
        return {
            "processes": {
                "count": self._siblings.count,
                "ready": sum(answer["ready"] for answer in answers.values()),
                "ids": [answer["process"] for answer in answers.values()],
            }
        }

    async def metrics(self) -> str | None:
        """Return the metrics of all as Prometheus text; `None` where none are kept."""
        if not self.host.telemetry.is_on:
            return None
        told = await self._siblings.ask("metrics")
        for number, estate in enumerate(self._siblings.estates):
            if number not in told and (left := estate.read()):
                # Counts that went down would look like a new start of the server.
                told[number] = json.loads(left)
        kept = [families for families in told.values() if families is not None]
        return page_of(kept) if kept else None

    async def traces(self, operation: str, status: str) -> dict[str, JSON]:
        """Return the latest traces of all; see `newest`."""
        answers = [
            told for told in (await self._siblings.ask("traces")).values() if told
        ]
        size = answers[0][0] if answers else 0
        several = [traces for _, traces in answers]
        used = len(newest(several, size))
        traces = newest(several, size, operation, status)
        return {"traces": traces, "bufferSize": size, "bufferUsed": used}

    async def trace(self, trace_id: str) -> dict[str, JSON] | None:
        """Return one trace with all its spans, or `None`."""
        return whole((await self._siblings.ask("trace", trace_id)).values())

    async def lines(self) -> list[JSON]:
        """Return the latest log lines of all, oldest first."""
        answers = (await self._siblings.ask("lines")).values()
        lines = [line for told in answers for line in told]
        if len(answers) > 1:
            lines.sort(key=lambda line: line["time"])
        return lines[-KEPT:]

    @contextmanager
    def new_lines(self) -> Iterator[asyncio.Queue[JSON]]:
        """Yield a queue that gets each new log line of all."""
        with (
            following(self.host.logs) as queue,
            self._siblings.listening("new lines", put_in(queue)),
        ):
            yield queue

    async def readers(self) -> int:
        """Return the number of those who follow the lines, in all processes."""
        answers = await self._siblings.ask(f"readers{self._own}")
        answers[self._siblings.number] = self.stream.subscribers  # by now
        return sum(answers.values())

    async def scripting(self) -> dict[str, JSON]:
        """Return the settings of scripts, and the statistics of all processes."""
        answers = await self._siblings.ask(f"scripting{self._own}")
        state: dict[str, JSON] = dict(answers[self._siblings.number])
        state["stats"] = _summed([answer["stats"] for answer in answers.values()])
        return state

    # --- what is changed --------------------------------------------------------------

    async def set_level(self, name: str, level: str) -> None:
        """Set the level of a logger in every process."""
        await self._siblings.ask(f"level{self._own}", name, level)

    async def change_scripting(self, settings: ScriptSettings) -> None:
        """Change the settings of scripts in every process."""
        await self._siblings.ask(f"change{self._own}", settings._asdict())

    # --- what this process answers ----------------------------------------------------

    def _metrics(self) -> list[Family] | None:
        families = self.host.telemetry.families()
        if families is None:
            return None
        if self._inherited:
            families = added((families, self._inherited))
        if self._siblings.estates:
            estate = self._siblings.estates[self._siblings.number]
            estate.leave(json.dumps(grown(families)).encode())
        return families

    async def _leave_often(self) -> None:
        while True:
            await asyncio.sleep(_LEAVING)
            self._metrics()

    def _traces(self) -> tuple[int, list[JSON]] | None:
        traces = self.host.telemetry.traces
        return None if traces is None else (traces.capacity, traces.latest())

    def _trace(self, trace_id: str) -> list[Any] | None:
        traces = self.host.telemetry.traces
        return None if traces is None else traces.find(trace_id)

    def _lines(self) -> list[JSON]:
        return self.host.logs.lines if self.host.logs is not None else []

    def _state(self) -> dict[str, JSON]:
        return {"process": os.getpid(), "ready": self.host.is_ready}

    def _set_level(self, name: str, level: str) -> None:
        self._levels[name] = level
        logging.getLogger(name).setLevel(level.upper())

    def _scripting_state(self) -> dict[str, JSON]:
        return scripting_state(self._scripting())

    def _change(self, settings: dict[str, JSON]) -> None:
        scripting = self._scripting()
        self._changed = scripting
        values = {name: _frozen(value) for name, value in settings.items()}
        scripting.settings = scripting.settings._replace(**values)

    def _changes(self) -> tuple[dict[str, str], dict[str, JSON] | None]:
        scripting = self._scripting()
        is_changed = scripting is self._changed
        return self._levels, scripting.settings._asdict() if is_changed else None


def _frozen(value: JSON) -> Any:
    """Return a value as it was before it was sent: a list was a tuple."""
    return tuple(value) if isinstance(value, list) else value


def _summed(several: list[dict[str, JSON]]) -> dict[str, JSON]:
    """Return the statistics of the scripts of several processes as those of one."""
    runs = sum(stats["totalExecutions"] for stats in several)
    took = sum(s["totalExecutions"] * s["averageDurationMs"] for s in several)
    summed: dict[str, JSON] = {
        "totalExecutions": runs,
        "totalErrors": sum(stats["totalErrors"] for stats in several),
        "averageDurationMs": round(took / runs, 2) if runs else 0.0,
    }
    latest = [s["lastExecutionAt"] for s in several if "lastExecutionAt" in s]
    return {**summed, "lastExecutionAt": max(latest)} if latest else summed
