"""One timer for what concerns only the requests that take long.

    patrol_of(loop).enter(waiting, 0.05)   →  `waiting.start()` some 0.05 s later
    patrol_of(loop).leave(waiting)         →  unless it left before

Nearly every request is over by then, and a timer of the event loop for each costs as
much as reading its head. This module must not know requests.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from naftiko.exposes.http.current import current_task

if TYPE_CHECKING:
    from types import TracebackType

#: Seconds between two looks, at least.
_LEAST_PAUSE = 0.01


class Waiting(Protocol):
    """What is started unless it leaves in time."""

    def start(self) -> None:
        """Do what is to be done after the time."""


class Patrol:
    """Starts what has waited long enough, of one event loop and one length of time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.loop = loop
        self._seconds = seconds
        #: What waits → when it came; in that order.
        self._waiting: dict[Waiting, float] = {}
        self._is_planned = False

    def enter(self, waiting: Waiting) -> None:
        """Start it in a while, unless it leaves."""
        self._waiting[waiting] = self.loop.time()
        if not self._is_planned:
            self._plan(self._seconds)

    def leave(self, waiting: Waiting) -> None:
        """Forget it."""
        self._waiting.pop(waiting, None)

    def _plan(self, seconds: float) -> None:
        self._is_planned = True
        self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._is_planned = False
        now = self.loop.time()
        for waiting, since in tuple(self._waiting.items()):
            left = since + self._seconds - now
            if left > 0:
                self._plan(max(left, _LEAST_PAUSE))
                return
            del self._waiting[waiting]
            waiting.start()


_patrols: dict[float, Patrol] = {}


def patrol_of(loop: asyncio.AbstractEventLoop, seconds: float) -> Patrol:
    """Return the patrol of an event loop; a process usually has one loop."""
    patrol = _patrols.get(seconds)
    if patrol is None or patrol.loop is not loop:
        if len(_patrols) > 64:
            _patrols.clear()
        patrol = _patrols[seconds] = Patrol(loop, seconds)
    return patrol


class Deadline:
    """Cancels what is awaited inside after some seconds, as `asyncio.timeout` does.

    It ends in `TimeoutError`, and may come a moment late.
    """

    __slots__ = ("_before", "_is_late", "_patrol", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_late = False

    def __enter__(self) -> Deadline:
        task = current_task()
        assert task is not None
        self._task, self._before = task, task.cancelling()
        self._patrol = patrol_of(task.get_loop(), self._seconds)
        self._patrol.enter(self)
        return self

    def lift(self) -> None:
        """Let it take as long as it takes from here on."""
        self._patrol.leave(self)

    def start(self) -> None:
        """Cancel what is awaited: its time is over."""
        self._is_late = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patrol.leave(self)
        if not self._is_late:
            return
        is_ours = self._task.uncancel() <= self._before
        if is_ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error
