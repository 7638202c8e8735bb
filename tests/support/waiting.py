"""A synchronous transport around `AioTransport`, for tests of both transports."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar

from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request, Response
from naftiko.transport.streams import StreamedResponse

T = TypeVar("T")


class WaitingTransport:
    """A synchronous transport that runs an `AioTransport` in an event loop thread."""

    def __init__(self, **settings: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._aio = self._wait(_made_by(partial(AioTransport, **settings)))

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def view(self) -> WaitingTransport:
        """Return the transport itself, because calls share no state."""
        return self

    def send(self, request: Request, *, timeout: Any) -> Response:
        """Send a request and wait for the response."""
        return self._wait(self._aio.send(request, timeout=timeout))

    def stream(self, request: Request, *, timeout: Any) -> StreamedResponse:
        """Send a request and wait for the head of the response."""
        context = self._aio.stream(request, timeout=timeout)
        stream = self._wait(context.__aenter__())

        def chunks(size: int) -> Iterator[bytes]:
            while (chunk := self._wait(_next(aiter(stream)))) is not None:
                yield chunk

        return StreamedResponse(
            request,
            stream.status,
            stream.headers,
            chunks,
            reason=stream.reason,
            pairs=stream.pairs,
            close=lambda: self._wait(context.__aexit__(None, None, None)) and None,
        )

    def close(self) -> None:
        """Close the connections and the loop."""
        if self._loop.is_closed():
            return
        self._wait(self._aio.close())
        self._wait(self._loop.shutdown_asyncgens())
        self._wait(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def _made_by(make: Any) -> Any:
    return make()


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
