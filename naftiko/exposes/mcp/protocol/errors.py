"""`McpError`: the answer to a request that fails; the codes of JSON-RPC and MCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from naftiko.plain import JSON

# JSON-RPC 2.0, 5.1.
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
# MCP 2026-07-28: headers that differ from the message, a revision that is not served.
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022
#: The connection ends before the answer; in the range that is free for servers.
CONNECTION_CLOSED = -32000
#: The answer to a request that its client has cancelled, where a stream has to end with
#: an answer; it is the code that the official SDKs send.
CANCELLED = -32800

#: Code → HTTP status of the newest revision; 200 for all others (MCP 2026-07-28).
HTTP_STATUS = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}


class McpError(Exception):
    """An error that the client is told.

    Attributes:
        code: One of the codes above.
        message: What is wrong, for the developer of the client.
        data: More about it; `None` is left out.
    """

    def __init__(self, code: int, message: str, data: JSON = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
