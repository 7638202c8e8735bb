"""The seam toward the network: protocols of transports, and `StubTransport` for tests.

    Request ──► Transport.send ──► Response

This module must not know which library sends requests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from naftiko.transport.messages import Request, Response
from naftiko.transport.streams import AsyncStreamedResponse, StreamedResponse

if TYPE_CHECKING:
    #: Seconds, or (seconds to connect, seconds between two parts of the response).
    Timeout = float | tuple[float, float]


class Transport(Protocol):
    """The seam toward the network; any object with these two methods will do."""

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request and return the whole response.

        Raises:
            TransportError: No usable response came back.
        """
        ...

    def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class StreamingTransport(Transport, Protocol):
    """A transport that can also give a response before its body is read."""

    def stream(self, request: Request, *, timeout: Timeout) -> StreamedResponse:
        """Send a request and return the response before its body is read.

        Raises:
            TransportError: No usable response came back.
        """
        ...


@runtime_checkable
class ShareableTransport(Transport, Protocol):
    """A transport that keeps state of its caller, such as cookies.

    Each view of a capability takes its own `view()`: the connections are shared, the
    state is not.
    """

    def view(self) -> Transport:
        """Return a transport over the same connections, with state of its own."""
        ...


class AsyncTransport(Protocol):
    """The same seam for servers, whose event loop must not block."""

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request and return the whole response.

        Raises:
            TransportError: No usable response came back.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class AsyncStreamingTransport(AsyncTransport, Protocol):
    """An asynchronous transport that can also stream; `AioTransport` is one."""

    def stream(
        self, request: Request, *, timeout: Timeout, decode: bool = True
    ) -> AbstractAsyncContextManager[AsyncStreamedResponse]:
        """Send a request and give the response before its body is read.

        Args:
            request: What to send.
            timeout: Seconds, or (seconds to connect, seconds between two parts).
            decode: Undo a `Content-Encoding`; otherwise the body is what was sent.

        Raises:
            TransportError: No usable response came back.
        """
        ...


class StubTransport:
    """A transport for tests: it answers from a function, and keeps what was sent.

    Args:
        answer: A `Response`, or a function from `Request` to `Response`.

    Attributes:
        requests: Every request, in order.
    """

    def __init__(
        self, answer: Response | Callable[[Request], Response] | None = None
    ) -> None:
        self.requests: list[Request] = []
        self._answer = answer or Response(200, {"Content-Type": "application/json"})

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Keep the request and answer it."""
        self.requests.append(request)
        answer = self._answer
        return answer if isinstance(answer, Response) else answer(request)

    def stream(self, request: Request, *, timeout: Timeout) -> StreamedResponse:
        """Keep the request and answer it, the body in one chunk."""
        answer = self.send(request, timeout=timeout)
        return StreamedResponse(
            request,
            answer.status,
            answer.headers,
            lambda size: iter([answer.body] if answer.body else []),
            reason=answer.reason,
        )

    def close(self) -> None:
        """Do nothing."""
