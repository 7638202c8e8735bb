"""A small document of a shop with REST, MCP and control adapters for `serve`."""

from __future__ import annotations

import socket
from typing import Any

UPSTREAM = {
    "type": "http",
    "namespace": "api",
    "baseUri": "http://127.0.0.1:9",
    "resources": [
        {
            "name": "things",
            "path": "/things",
            "operations": [{"name": "things", "method": "GET"}],
        }
    ],
}


def rest(name: str = "shop", port: int = 0, path: str = "/things", **more: Any) -> Any:
    """Return a REST adapter with one route."""
    operation = {"method": "GET", "name": "things", "call": "api.things"}
    resource = {"path": path, "operations": [operation]}
    adapter = {"type": "rest", "namespace": name, "resources": [resource], **more}
    return {**adapter, "port": port} if port is not None else adapter


def mcp(name: str = "shop-mcp", port: int = 0, **more: Any) -> Any:
    """Return an MCP adapter with one tool."""
    tool = {"name": "things", "description": "List things.", "call": "api.things"}
    return {"type": "mcp", "namespace": name, "port": port, "tools": [tool], **more}


CONTROL = {
    "type": "control",
    "port": 0,
    "management": {"info": True, "reload": True, "validate": True},
    "observability": {"enabled": False},
}


def document(*exposes: Any, **more: Any) -> Any:
    """Return a document that exposes the given adapters."""
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Shop", "description": "A shop."},
        "capability": {"consumes": [UPSTREAM], "exposes": list(exposes)},
        **more,
    }


def free_port() -> int:
    """Return a TCP port that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
