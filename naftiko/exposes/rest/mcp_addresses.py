"""The addresses of the MCP adapters of a document, for the page of its REST adapter.

    port 8080, mounted at `/fleet`, beside `/fleet-mcp` on the same port
        →  [{"name": "fleet-mcp", "url": "../fleet-mcp/mcp"}]
    port 8080, beside an adapter on port 9090
        →  [{"name": "fleet-mcp", "url": "http://localhost:9090/mcp"}]

This module must not know OpenAPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.exposes.state import AdapterState

_MCP_PATH = "/mcp"


def mcp_addresses(
    adapters: Iterable[AdapterState], port: int | None, root_path: str
) -> list[dict[str, str]]:
    """Return name and URL of each MCP adapter that listens at an address.

    On the same port the URL is relative to the paths of the REST adapter, so that it
    holds behind a proxy, too.

    Args:
        adapters: The adapters, with the addresses at which they listen now.
        port: The port of the REST adapter; `None` where it is not known.
        root_path: Where the REST adapter is mounted on its port: `/fleet`, or empty.
    """
    return [
        {"name": adapter.namespace or "mcp", "url": _url(adapter, port, root_path)}
        for adapter in adapters
        if adapter.type == "mcp" and adapter.url
    ]


def _url(adapter: AdapterState, port: int | None, root_path: str) -> str:
    # MCP is also served at the root of its adapter; a client expects `/mcp`.
    whole = adapter.url.removesuffix(_MCP_PATH) + _MCP_PATH
    if adapter.port != port:
        return whole
    return "../" * root_path.count("/") + urlsplit(whole).path.removeprefix("/")
