"""The task that runs."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from naftiko.exposes.http.current import current_task


def test_running_task_is_found_in_each_loop_and_thread() -> None:
    """A loop that has ended, or runs in another thread, is not asked."""

    async def same() -> bool:
        task = current_task()
        await asyncio.sleep(0)
        others = [asyncio.ensure_future(inner()) for _ in range(2)]
        return task is current_task() is asyncio.current_task() and all(
            await asyncio.gather(*others)
        )

    async def inner() -> bool:
        await asyncio.sleep(0)
        return current_task() is asyncio.current_task()

    def run() -> bool:
        return asyncio.run(same())

    with ThreadPoolExecutor(3) as threads:
        assert all([run(), run(), *(threads.submit(run).result() for _ in range(3))])
    with pytest.raises(RuntimeError, match="no running event loop"):
        current_task()
