"""`Server` in the process of the test: options of its sockets."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import ServePlan, Source
from naftiko.exposes.serve.server import Server as ServerInProcess
from naftiko.exposes.state import STARTED
from support.serving_process import write
from support.shop import CONTROL, document, rest


def test_accepted_connections_have_no_nagle_algorithm(tmp_path: Path) -> None:
    """TCP_NODELAY: a connection accepted by a listening socket has no Nagle delay."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    server = ServerInProcess(ServePlan([Source(str(file))], Options()))

    async def accepted() -> int:
        [listener] = server.listen()
        options: list[int] = []

        class Asked(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                about = transport.get_extra_info("socket")
                options.append(about.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        running = asyncio.get_running_loop()
        listening = await running.create_server(Asked, sock=listener.socket)
        reader, writer = await asyncio.open_connection(
            *listener.socket.getsockname(), limit=1
        )
        await reader.read()
        writer.close()
        listening.close()
        await server.transport.close()
        return options[0]

    assert asyncio.run(accepted()) != 0


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
