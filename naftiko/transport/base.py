"""The seam toward the network: the `Transport` protocol, a stub, streamed responses.

This module must not know which library sends requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from naftiko.transport.messages import Request, Response

if TYPE_CHECKING:
    #: Seconds, or (seconds to connect, seconds between two parts of the response).
    Timeout = float | tuple[float, float]

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
CHUNK = 64 * 1024


class Transport(Protocol):
    """The seam toward the network; anything with these two methods will do."""

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request and return the whole response.

        Raises:
            TransportError: No usable response came back.
        """
        ...

    def close(self) -> None:
        """Release connections."""
        ...


class AsyncTransport(Protocol):
    """The same seam for servers, which must not wait; `AioTransport` is the one."""

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request and return the whole response.

        Raises:
            TransportError: No usable response came back.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
