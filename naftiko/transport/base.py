"""The seam toward the network: protocols of transports, and `StubTransport` for tests.

    Request ──► Transport.send ──► Response

This module must not know which library sends requests.
"""

from __future__ import annotations

from _thread import allocate_lock  # `threading` takes a millisecond to import
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from naftiko.transport.messages import Request, Response

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from naftiko.transport.streams import AsyncStreamedResponse, StreamedResponse

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
            request: The request to send.
            timeout: Seconds, or (seconds to connect, seconds between two parts).
            decode: Undo a `Content-Encoding`; otherwise the body stays encoded.

        Raises:
            TransportError: No usable response came back.
        """
        ...


@runtime_checkable
class AsyncReceivingTransport(AsyncTransport, Protocol):
    """An asynchronous transport that can decide by the head how a body is read."""

    def receive(
        self,
        request: Request,
        *,
        timeout: Timeout,
        stays_open: Callable[[int, Mapping[str, str]], bool],
    ) -> AbstractAsyncContextManager[Response | AsyncStreamedResponse]:
        """Send a request and give the whole response, or one that stays open.

        Args:
            request: The request to send.
            timeout: Seconds, or (seconds to connect, seconds between two parts). A
                response that stays open may be silent for any time.
            stays_open: Status and headers → whether the body is given as it arrives.

        Raises:
            TransportError: No usable response came back.
        """
        ...


class LazyTransport:
    """The transport of one capability or view, made when it is first needed.

    A view shares the connections of its capability, but not its cookies.

    Args:
        make: Makes the transport.
        owner: The transport of the capability that this one is a view of.
    """

    __slots__ = ("_lock", "_make", "_owner", "_transport")

    def __init__(
        self, make: Callable[[], Transport], owner: LazyTransport | None = None
    ) -> None:
        self._make = make
        self._owner = owner
        self._transport: Transport | None = None
        self._lock = allocate_lock()

    def get(self) -> Transport:
        """Return the transport; the first call makes it."""
        if self._transport is None:
            with self._lock:
                if self._transport is None:
                    self._transport = self._make()
        return self._transport

    def view(self) -> LazyTransport:
        """Return the transport of a view."""
        owner = self._owner or self

        def make() -> Transport:
            transport = owner.get()
            if isinstance(transport, ShareableTransport):
                return transport.view()
            return transport

        return LazyTransport(make, owner)

    def close(self) -> None:
        """Close the transport; a view leaves that to its capability."""
        if self._owner is None:
            with self._lock:
                if self._transport is not None:
                    self._transport.close()


class StubTransport:
    """A transport for tests: it answers from a function, and keeps the requests.

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
        # Imported here: a capability is loaded faster without it.
        from naftiko.transport.streams import StreamedResponse

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
