"""Both senders behind one door: a test that uses `capability` runs once with each.

Import `sender` and `capability` (and `transport`) from here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar

import pytest

import building
import naftiko
from naftiko.aio_transport import AioTransport
from naftiko.messages import Request, Response
from naftiko.transport import StreamedResponse

T = TypeVar("T")
#: For tests of what one of them does and the other does not.
only_requests = pytest.mark.parametrize("sender", ["requests"], indirect=True)

_chosen = "requests"
_made: list[Any] = []


@pytest.fixture(params=["requests", "aiohttp"], autouse=True)
def sender(request: pytest.FixtureRequest) -> Iterator[str]:
    """Choose the sender of a test, and close what the test has left open."""
    global _chosen
    _chosen = request.param
    yield _chosen
    for made in _made:
        made.close()
    _made.clear()


def transport(**settings: Any) -> Any:
    """Return a transport of the chosen sender."""
    kind = naftiko.HttpTransport if _chosen == "requests" else WaitingTransport
    made = kind(**settings)
    _made.append(made)
    return made


def capability(*args: Any, **more: Any) -> naftiko.Capability:
    """Return what `building.capability` does, with the chosen sender."""
    if "transport" not in more:
        more["transport"] = transport()
    return building.capability(*args, **more)


class WaitingTransport:
    """An `AioTransport` for those who wait, with an event loop in a thread."""

    def __init__(self, **settings: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._aio = self._wait(_made_by(partial(AioTransport, **settings)))

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def view(self) -> WaitingTransport:
        """Return itself: nothing of one call is kept for another."""
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
