"""`Reloader`: documents are read again in the process of the test."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from naftiko.exposes.options import Options
from naftiko.exposes.processes.siblings import Siblings
from naftiko.exposes.serve.plan import ServePlan, Source
from naftiko.exposes.serve.server import Server as ServerInProcess
from naftiko.exposes.state import Host, Reloaded
from support.serving_process import write
from support.shop import document, mcp, rest


def test_unexpected_error_of_a_reload_is_reported_as_a_problem(tmp_path: Path) -> None:
    """An unexpected exception of a reload becomes a problem that refers to the log."""

    class Broken(Source):
        def load(self) -> Any:
            raise RecursionError("deep")

    file = write(tmp_path / "shop.yaml", document(rest()))

    async def reloaded() -> Any:
        server = ServerInProcess(ServePlan([Source(str(file))], Options()))
        server.sites[0].source = Broken(str(file))
        try:
            return await server.reloader.reload()
        finally:
            await server.transport.close()

    done = asyncio.run(reloaded())
    assert not done.is_done
    assert done.problems == (f"{file}: an error in the server itself; the log has it",)


def test_reload_that_breaks_a_unit_needs_force(tmp_path: Path) -> None:
    """The old version stays with the reasons; a forced reload serves the new one."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    broken = mcp()
    broken["tools"][0]["call"] = "api.no-such"

    async def reloads() -> list[Reloaded]:
        server = ServerInProcess(ServePlan([Source(str(file))], Options()))
        try:
            write(file, document(broken))
            return [await server.reloader.reload(force) for force in (False, True)]
        finally:
            await server.transport.close()

    kept, forced = asyncio.run(reloads())
    assert (kept.is_done, kept.is_forcible, kept.files) == (False, True, ())
    assert "'things' cannot be called" in kept.problems[0]
    assert (forced.is_done, forced.files) == (True, (str(file),))


class Others(Siblings):
    """Siblings of which the others answer with a given text, or not at all."""

    def __init__(self, *answers: Reloaded) -> None:
        super().__init__()
        self.count = 3
        self._told = answers

    async def ask(self, name: str, *arguments: Any, **more: Any) -> dict[int, Any]:
        own = await self._answers[name](*arguments)
        # What comes from another process is plain data.
        others = [json.loads(json.dumps(answer)) for answer in self._told]
        return {0: own, **dict(enumerate(others, 1))}


@pytest.mark.parametrize(
    ("others", "is_done", "problem"),
    [
        ([Reloaded(True, (), ("F",), False, ("n",))] * 2, True, ""),
        (
            [Reloaded(True, (), ("F",)), Reloaded(False, ("F: broken",))],
            False,
            "F: broken",
        ),
        ([Reloaded(True, (), ("F",))], False, "1 of 3 processes did not answer"),
    ],
)
def test_reload_is_done_when_every_process_has_done_it(
    others: list[Reloaded],
    is_done: bool,
    problem: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Reasons and notes of all count once; a file counts where all serve it."""
    caplog.set_level(logging.INFO, "naftiko.serve")
    file = write(tmp_path / "shop.yaml", document(rest()))
    named = [one._replace(files=(str(file),) * bool(one.files)) for one in others]

    async def reloaded() -> Reloaded:
        host = Host()
        host.siblings = Others(*named)
        server = ServerInProcess(ServePlan([Source(str(file))], Options()), host)
        try:
            return await server.reloader.reload()
        finally:
            await server.transport.close()

    done = asyncio.run(reloaded())
    assert done.is_done == is_done
    assert [p for p in done.problems if problem in p] == list(done.problems)
    assert len(done.problems) == (not is_done)
    served_by_all = all(one.files for one in others)
    assert done.files == (str(file),) * served_by_all
    assert done.notes == (("n",) if is_done else ())
    assert ("not reloaded" in caplog.text) == (not is_done)
    assert caplog.text.count(f"reloaded {file}") == served_by_all
