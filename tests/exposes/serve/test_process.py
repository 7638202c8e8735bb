"""The process of a server: event loop, limit of open files, garbage collector."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator

import pytest

from naftiko.exposes.serve import process

resource = pytest.importorskip("resource")


async def _loop() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def test_uvloop_is_used_if_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop is that of asyncio if uvloop is missing."""
    pytest.importorskip("uvloop")
    assert process.run(_loop()) == "uvloop"
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert process.run(_loop()) == "asyncio"


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
