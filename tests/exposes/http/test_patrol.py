"""One timer for the requests that take long."""

from __future__ import annotations

import asyncio

import pytest

from naftiko.exposes.http.patrol import Deadline, Patrol, patrol_of


class Noted:
    """Notes when it is started."""

    def __init__(self) -> None:
        self.started = 0.0

    def start(self) -> None:
        """Note it."""
        self.started = asyncio.get_running_loop().time()


def test_what_waits_long_enough_is_started() -> None:
    """What leaves before that is not; and later ones have their own time."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        patrol = Patrol(loop, 0.05)
        first, gone, later = Noted(), Noted(), Noted()
        patrol.enter(first)
        patrol.enter(gone)
        began = loop.time()
        await asyncio.sleep(0.03)
        patrol.leave(gone)
        patrol.leave(gone)
        patrol.enter(later)
        await asyncio.sleep(0.2)
        assert not gone.started
        assert first.started - began >= 0.045
        assert later.started - began >= 0.075
        # Later on it starts again.
        patrol.enter(gone)
        await asyncio.sleep(0.1)
        assert gone.started

    asyncio.run(run())


def test_each_loop_has_a_patrol_of_its_own() -> None:
    """A process may have several loops, one after the other."""

    async def run() -> Patrol:
        loop = asyncio.get_running_loop()
        assert patrol_of(loop, 1) is patrol_of(loop, 1)
        assert patrol_of(loop, 1) is not patrol_of(loop, 2)
        return patrol_of(loop, 1)

    assert asyncio.run(run()) is not asyncio.run(run())


def test_deadline_ends_in_a_timeout() -> None:
    """What is awaited is cancelled, and the task goes on."""

    async def run() -> None:
        with pytest.raises(TimeoutError):
            with Deadline(0.02):
                await asyncio.sleep(60)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        with Deadline(0.02) as deadline:
            deadline.lift()
            await asyncio.sleep(0.1)
        with Deadline(60):
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 5))


def test_cancelling_from_outside_is_no_timeout() -> None:
    """Whoever cancels the task gets what they asked for."""

    async def work() -> None:
        with Deadline(60):
            await asyncio.sleep(60)

    async def run() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_error_inside_a_deadline_is_kept() -> None:
    """It is neither a timeout nor lost."""

    async def run() -> None:
        with pytest.raises(ValueError, match="own"), Deadline(60):
            raise ValueError("own")

    asyncio.run(run())
