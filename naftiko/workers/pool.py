"""`Pool`: a bounded number of child processes that are started when they are needed.

    pool = Pool(2)
    job = Job("naftiko.….module:function", (b"…",), seconds=2.0, memory=64 << 20)
    pool.run(job)
    await pool.run_async(job)                     # the same, in any event loop

A child is a fresh interpreter. It is kept, used again, and ends when it has had nothing
to do for long or when its parent ends, however that ends. Work that takes too long is
ended with its child. Waiting takes no thread. This module must not know what the work
is.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

from naftiko.workers.child import DONE, NO_MEMORY
from naftiko.workers.job import MIB
from naftiko.workers.process import Again, Worker, WorkerError, frame_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from naftiko.workers.job import Job

#: Seconds without work after which a child ends.
_IDLE = 60.0
#: Seconds that an ended process may take to be gone.
_GONE = 1.0
_pools: WeakSet[Pool] = WeakSet()


class Pool:
    """Child processes for one kind of work; safe to share between threads and loops.

    Args:
        size: The most children; 0 for one for each processor, 2 to 4.
        waiting: The most pieces of work that wait for a child.
        waiting_bytes: The most bytes of their payloads together.
        idle: Seconds without work after which a child ends.
    """

    def __init__(
        self,
        size: int = 0,
        *,
        waiting: int = 1000,
        waiting_bytes: int = 64 * MIB,
        idle: float = _IDLE,
    ) -> None:
        self.size = size or max(2, min(4, _processors()))
        self._most_waiting = waiting
        self._most_bytes = waiting_bytes
        self._idle_seconds = idle
        self._renew()
        _pools.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._free = self.size
        self._turns: deque[_Turn] = deque()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._ending: list[Worker] = []
        self._sweeps_at = 0.0

    def run(self, job: Job) -> bytes:
        """Return what a function of this package makes of some bytes.

        Raises:
            WorkerError: There was no result.
        """
        gate = threading.Lock()
        gate.acquire()
        turn = _Turn(gate.release, job.size)
        try:
            if not self._enter(turn):
                gate.acquire(timeout=job.patience)
                self._check(turn)
            frame = frame_of(job)
            while True:
                child = self._taken()
                try:
                    child.talk(frame, job.seconds, job.most)
                    return self._result(child)
                except Again:
                    continue
                finally:
                    self._give_back(child)
        finally:
            self._leave(turn)

    async def run_async(self, job: Job) -> bytes:
        """Do the same as `run`, without blocking; a child of cancelled work is ended.

        Raises:
            WorkerError: There was no result.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        gate = asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # its loop has ended meanwhile
                loop.call_soon_threadsafe(gate.set)

        turn = _Turn(wake, job.size)
        try:
            if not self._enter(turn):
                with suppress(TimeoutError):
                    async with asyncio.timeout(job.patience):
                        await gate.wait()
                self._check(turn)
            frame = frame_of(job)
            while True:
                child = self._taken()
                try:
                    await child.talk_async(loop, frame, job.seconds, job.most)
                    return self._result(child)
                except Again:
                    continue
                finally:
                    self._give_back(child)
                    self._sweep_later(loop)
        finally:
            self._leave(turn)

    def close(self) -> None:
        """End all children now; work under way fails. The pool can be used again."""
        with self._lock:
            children = [*self._idle, *self._busy, *self._ending]
            self._idle.clear()
            self._ending.clear()
            busy = tuple(self._busy)
        for child in children:
            child.end()
        until = time.monotonic() + _GONE
        for child in children:
            child.wait(until - time.monotonic())
            if child not in busy:
                child.drop()

    # --- turns ------------------------------------------------------------------------

    def _enter(self, turn: _Turn) -> bool:
        """Give a turn one of the places, or let it wait; return whether it has one."""
        with self._lock:
            if self._free:
                self._free -= 1
                turn.has_place = True
            elif (
                len(self._turns) >= self._most_waiting
                or sum(other.size for other in self._turns) + turn.size
                > self._most_bytes
            ):
                raise self._full()
            else:
                self._turns.append(turn)
            return turn.has_place

    def _check(self, turn: _Turn) -> None:
        with self._lock:
            if not turn.has_place:
                raise self._full()

    def _leave(self, turn: _Turn) -> None:
        """Give the place of a turn to the next one."""
        with self._lock:
            if not turn.has_place:
                with suppress(ValueError):
                    self._turns.remove(turn)
                return
            turn.has_place = False
            if not self._turns:
                self._free += 1
                return
            after = self._turns.popleft()
            after.has_place = True
        after.wake()

    def _full(self) -> WorkerError:
        return WorkerError(
            f"all {self.size} worker processes are busy",
            reason="busy",
            hint="try again in a moment",
        )

    # --- children ---------------------------------------------------------------------

    def _taken(self) -> Worker:
        """Return an idle child, or a new one, for the owner of a place."""
        with self._lock:
            self._ending = [child for child in self._ending if not child.is_gone()]
            while self._idle:
                child = self._idle.pop()
                # One that is about to end by itself is not given work.
                if child.idles_since + self._idle_seconds * 0.9 > time.monotonic():
                    self._busy.add(child)
                    return child
                child.drop()
                self._ending.append(child)
        child = Worker(self._idle_seconds)
        with self._lock:
            self._busy.add(child)
        return child

    def _give_back(self, child: Worker) -> None:
        """Keep a child for more work, or end one that did not end its work."""
        with self._lock:
            self._busy.discard(child)
            if child.is_ready and not child.is_ended:
                child.idles_since = time.monotonic()
                self._idle.append(child)
                return
            self._ending.append(child)
        child.drop()

    def _sweep(self) -> None:
        """Let the system forget the children that have ended by themselves."""
        with self._lock:
            gone = [child for child in self._idle if child.is_gone()]
            self._idle = [child for child in self._idle if child not in gone]
            self._ending = [child for child in self._ending if not child.is_gone()]
        for child in gone:
            child.drop()

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        if now > self._sweeps_at:
            self._sweeps_at = now + self._idle_seconds + _GONE
            loop.call_later(self._idle_seconds + _GONE, self._sweep)

    def _result(self, child: Worker) -> bytes:
        how, data = child.answer
        if how == DONE:
            return data
        if how == NO_MEMORY:
            raise WorkerError("it takes too much memory", reason="memory")
        kind, _, message = data.decode("utf-8", "replace").partition("\n")
        raise WorkerError(message or kind, reason="failed", kind=kind)

    def _forget(self) -> None:
        """Forget the children of the process that this one was forked from."""
        for child in (*self._idle, *self._busy, *self._ending):
            child.forget()
        self._renew()


class _Turn:
    """One who waits for a place; `wake` is called when it has one."""

    __slots__ = ("has_place", "size", "wake")

    def __init__(self, wake: Callable[[], None], size: int = 0) -> None:
        self.wake = wake
        self.size = size
        self.has_place = False


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover - another system
        return os.cpu_count() or 1


def close_all() -> None:
    """End the children of all pools."""
    for pool in tuple(_pools):
        pool.close()


def _forget_all() -> None:
    for pool in tuple(_pools):
        pool._forget()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
