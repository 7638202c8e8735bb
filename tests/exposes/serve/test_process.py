"""The process of a server: event loop, limit of open files, memory."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from naftiko.exposes.serve import process

resource = pytest.importorskip("resource")


def test_event_loop_is_that_of_asyncio() -> None:
    """An installed uvloop is not used: it accepts one connection in each turn."""

    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert process.run(loop()) == "asyncio"


@pytest.fixture
def _limit_as_before() -> Iterator[None]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)


@pytest.mark.usefixtures("_limit_as_before")
def test_limit_of_open_files_is_raised() -> None:
    """RLIMIT_NOFILE is raised to the hard limit and never lowered."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    raised = process.allow_many()
    assert raised == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    assert process.allow_many() == raised


def test_garbage_collector_skips_objects_of_the_start() -> None:
    """`gc.freeze` excludes objects of the start from frequent collections."""
    before = gc.get_threshold()
    try:
        process.collect_often()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] == 10_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


_FREED = """
import asyncio
from pathlib import Path
from naftiko.exposes.serve import process

def resident():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])

async def main():
    before, small = resident(), []
    for size in (2_000_000, 1_900_000):
        large = []
        for _ in range(40):
            large.append(b"x" * size)
            small.append(b"x" * 100_000)
        del large
        print(resident() - before)

process.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_memory_of_large_bodies_is_returned() -> None:
    """Large blocks go back to the system, even among small ones that stay."""
    done = subprocess.run(
        [sys.executable, "-c", _FREED], capture_output=True, text=True, check=True
    )
    kept = [int(line) / 1024 for line in done.stdout.split()]
    assert len(kept) == 2
    assert max(kept) < 20, kept  # 8 MiB are the small ones
