"""`Server` in the process of the test: options of its sockets."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import ServePlan, Source
from naftiko.exposes.serve.server import Server as ServerInProcess
from support.serving_process import write
from support.shop import document, rest


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
