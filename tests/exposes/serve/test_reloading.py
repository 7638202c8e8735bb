"""`Reloader`: documents are read again in the process of the test."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import ServePlan, Source
from naftiko.exposes.serve.server import Server as ServerInProcess
from naftiko.exposes.state import STARTED, Reloaded
from support.serving_process import write
from support.shop import CONTROL, document, mcp, rest


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


def test_adapters_are_started_before_the_first_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer of the control port can call an adapter stopped while it starts."""
    file = write(tmp_path / "shop.yaml", document(rest(), CONTROL))
    seen: list[str] = []

    async def run() -> None:
        server = ServerInProcess(ServePlan([Source(str(file))], Options()))

        async def serve(self: Any, sockets: Any) -> None:
            seen.extend(served.state.state for served in server.served)
            self.started = True
            server.stop()

        monkeypatch.setattr("uvicorn.Server.serve", serve)
        listeners = server.listen()
        try:
            await server.run(listeners)
        finally:
            for listener in listeners:
                listener.socket.close()

    asyncio.run(run())
    assert seen == [STARTED] * 4
