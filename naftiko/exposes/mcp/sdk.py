"""The names of the official MCP SDK that this package uses, and nothing else of it.

`import mcp` runs the `__init__` of two packages, which import the client and the
high-level server with all their dependencies (150 ms, 12 MB of 63). This module puts
both packages into `sys.modules` without running their `__init__`. It runs when a name
of the package is first read. This module must not know capabilities.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


class _Unopened(ModuleType):
    """A package whose `__init__` runs when a name of it is first read."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment] # an ordinary module from here on
        self.__spec__.loader.exec_module(self)  # type: ignore[union-attr]
        return getattr(self, name)


def _leave_unopened(name: str) -> None:
    if name not in sys.modules and (spec := find_spec(name)) is not None:
        module = module_from_spec(spec)
        module.__class__ = _Unopened
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


_leave_unopened("mcp")
_leave_unopened("mcp.server")

# ruff: noqa: E402 - the packages have to be in place before their modules are imported
from anyio import create_memory_object_stream
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp_types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    SERVER_INFO_META_KEY,
    CallToolRequestParams,
    CompleteRequestParams,
    ErrorData,
    GetPromptRequestParams,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    NotificationParams,
    PaginatedRequestParams,
    PromptReference,
    ReadResourceRequestParams,
    ServerCapabilities,
    jsonrpc_message_adapter,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

#: The record of a request that a handler gets.
Context = ServerRequestContext[Any, Any]


def memory_stream() -> tuple[Any, Any]:
    """Return both ends of a stream of messages, on which a server can run.

    A sender waits until its message is taken.
    """
    return create_memory_object_stream[SessionMessage | Exception](0)


__all__ = [
    "CONNECTION_CLOSED",
    "HANDSHAKE_PROTOCOL_VERSIONS",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "MODERN_PROTOCOL_VERSIONS",
    "PARSE_ERROR",
    "SERVER_INFO_META_KEY",
    "CallNext",
    "CallToolRequestParams",
    "CompleteRequestParams",
    "Context",
    "ErrorData",
    "GetPromptRequestParams",
    "HandlerResult",
    "InMemorySubscriptionBus",
    "InitializationOptions",
    "JSONRPCError",
    "JSONRPCNotification",
    "JSONRPCRequest",
    "JSONRPCResponse",
    "ListenHandler",
    "MCPError",
    "NotificationOptions",
    "NotificationParams",
    "PaginatedRequestParams",
    "PromptReference",
    "PromptsListChanged",
    "ReadResourceRequestParams",
    "ResourcesListChanged",
    "Server",
    "ServerCapabilities",
    "SessionMessage",
    "StreamableHTTPSessionManager",
    "ToolsListChanged",
    "ValidationError",
    "jsonrpc_message_adapter",
    "memory_stream",
]
