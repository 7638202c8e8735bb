"""The official MCP client for synchronous tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client


def talk(
    url: str,
    say: Callable[[Any], Awaitable[Any]],
    *,
    mode: Any = "auto",
    headers: dict[str, str] | None = None,
    auth: Any = None,
) -> Any:
    """Connect an MCP client to `/mcp` below a URL and return the result of `say`.

    Args:
        url: URL of the adapter.
        say: Function of the connected client.
        mode: `auto` for the newest revision, `legacy` for those with a handshake.
        headers: Headers of every request.
        auth: Signer of the requests.
    """

    async def run() -> Any:
        async with (
            create_mcp_http_client(headers=headers, auth=auth) as http,
            Client(
                streamable_http_client(f"{url}/mcp", http_client=http), mode=mode
            ) as client,
        ):
            return await say(client)

    return asyncio.run(run())


def call(url: str, tool: str, arguments: Any = None, **more: Any) -> Any:
    """Call one tool and return its result; see `talk`."""

    async def say(client: Any) -> Any:
        return await client.call_tool(tool, arguments or {})

    return talk(url, say, **more)


def text_of(result: Any) -> str:
    """Return the text of a tool result with exactly one text."""
    (content,) = result.content
    text: str = content.text
    return text
