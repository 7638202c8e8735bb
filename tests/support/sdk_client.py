"""The client of the official MCP SDK, on a server in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.exposes.serve.lines import StdioSession


@asynccontextmanager
async def in_process(app: McpApp) -> AsyncIterator[Any]:
    """Yield what a client of the SDK reads from and writes to, as over stdio."""
    to_client, from_server = anyio.create_memory_object_stream[Any](100)
    to_server, from_client = anyio.create_memory_object_stream[Any](100)

    async def given() -> AsyncIterator[bytes]:
        async for sent in from_client:
            yield sent.message.model_dump_json(
                by_alias=True, exclude_unset=True
            ).encode()

    def take(line: bytes) -> int:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        to_client.send_nowait(SessionMessage(message))
        return len(line)

    async with app.attached(), from_client, to_client, from_server, to_server:
        talk = StdioSession(app.server, Options(), app.drain, 0)
        running = asyncio.create_task(talk.run(given(), lambda line: None, take))
        try:
            yield from_server, to_server
        finally:
            running.cancel()
            await asyncio.wait([running])
