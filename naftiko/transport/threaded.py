"""`ThreadedTransport`: an `HttpTransport` that blocks in threads, not the event loop.

An asynchronous sender uses it for requests that only `requests` can send: foreign
signers and proxies. This module must not know which requests need that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from contextvars import copy_context
from copy import copy
from functools import partial
from tempfile import SpooledTemporaryFile
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from naftiko.errors import RequestTimeout
from naftiko.transport.redirects import RedirectedRequest
from naftiko.transport.streams import AsyncStreamedResponse

if TYPE_CHECKING:
    from naftiko.transport.base import Timeout
    from naftiko.transport.environment import ConnectionSettings
    from naftiko.transport.http import HttpTransport
    from naftiko.transport.messages import Request, Response
    from naftiko.transport.streams import StreamedResponse

_T = TypeVar("_T")
#: Calls at the same time; each takes a thread, further ones wait.
_THREADS = 32
#: Bytes of a body that are kept in memory, for sending it more than once.
_KEPT = 1024 * 1024


class ThreadedTransport:
    """Hops sent by an `HttpTransport` in threads, each without cookies of another.

    A thread finishes its call even if the caller is cancelled; the timeout bounds how
    long that takes.

    Args:
        settings: How to connect.
        follow_redirects: Otherwise a redirect is the response.
        max_response_bytes: Larger responses are refused.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        follow_redirects: bool,
        max_response_bytes: int,
    ) -> None:
        self._settings = settings
        self._follow_redirects = follow_redirects
        self._max_bytes = max_response_bytes
        self._http: HttpTransport | None = None
        self._free = asyncio.Semaphore(_THREADS)
        self._lock = asyncio.Lock()

    async def send(self, hop: RedirectedRequest, *, timeout: Timeout) -> Response:
        """Send a hop and return the whole response; see `AsyncTransport.send`."""
        async with rereadable(hop) as again:
            http = await self._view()
            call = partial(http.send, again.request, timeout=timeout, hop=again)
            return await self._wait_for(call, hop.request, timeout)

    @asynccontextmanager
    async def stream(
        self, hop: RedirectedRequest, *, timeout: Timeout, decode: bool
    ) -> AsyncIterator[AsyncStreamedResponse]:
        """Send a hop and give the response before its body is read."""
        request = hop.request
        async with rereadable(hop) as again:
            http = await self._view()
            call = partial(
                http.stream, again.request, timeout=timeout, hop=again, decode=decode
            )
            stream = await self._wait_for(call, request, timeout, undo=_end)
            try:
                async with aclosing(self._chunks(stream, request, timeout)) as chunks:
                    yield AsyncStreamedResponse(
                        request,
                        stream.status,
                        stream.headers,
                        chunks,
                        reason=stream.reason,
                        pairs=stream.pairs,
                    )
            finally:
                _end(stream)

    def close(self) -> None:
        """Close every connection that is not in use."""
        if self._http is not None:
            self._http.close()

    async def _chunks(
        self, stream: StreamedResponse, request: Request, timeout: Timeout
    ) -> AsyncGenerator[bytes, None]:
        following = partial(next, stream.bytes(), b"")
        while chunk := await self._wait_for(following, request, timeout):
            yield chunk

    async def _view(self) -> HttpTransport:
        async with self._lock:
            if self._http is None:
                self._http = await asyncio.to_thread(self._new_http_transport)
        return self._http.view()

    def _new_http_transport(self) -> HttpTransport:
        # Imported here: `requests` takes time and may never be needed.
        from naftiko.transport.http import HttpTransport

        verify, cert, proxies, trust_env = self._settings
        return HttpTransport(
            verify=verify,
            cert=cert,
            proxies=proxies,
            trust_env=trust_env,
            follow_redirects=self._follow_redirects,
            max_response_bytes=self._max_bytes,
            pool_size=_THREADS,
        )

    async def _wait_for(
        self,
        call: Callable[[], _T],
        request: Request,
        timeout: Timeout,
        *,
        undo: Callable[[_T], None] | None = None,
    ) -> _T:
        """Run a blocking call in a thread; a cancelled caller has its result undone."""
        try:
            patience = timeout[0] if isinstance(timeout, tuple) else timeout
            async with asyncio.timeout(patience):
                await self._free.acquire()
        except TimeoutError:
            reason = (
                "no connection within the timeout (too many calls at the same time)"
            )
            raise RequestTimeout(
                f"{request.method} {request.shown_url}: {reason}",
                reason=reason,
                request=request,
            ) from None
        future = _in_thread(call)
        future.add_done_callback(lambda _: self._free.release())
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if undo is not None:
                future.add_done_callback(partial(_undone, undo))
            raise


def _in_thread(call: Callable[[], _T]) -> asyncio.Future[_T]:
    """Start a call in a daemon thread, which does not delay the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def settle(how: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            how(value)

    def work() -> None:
        how: Callable[[Any], None] = future.set_result
        value: Any = None
        try:
            value = context.run(call)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            how, value = future.set_exception, error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, how, value)

    context = copy_context()
    Thread(target=work, name="naftiko-requests", daemon=True).start()
    return future


def _end(stream: StreamedResponse) -> None:
    # Closing blocks while another thread reads.
    Thread(target=stream.close, name="naftiko-requests", daemon=True).start()


def _undone(undo: Callable[[Any], None], future: asyncio.Future[Any]) -> None:
    if not future.cancelled() and future.exception() is None:
        undo(future.result())


@asynccontextmanager
async def rereadable(hop: RedirectedRequest) -> AsyncIterator[RedirectedRequest]:
    """Give a hop whose body can be read more than once, by a thread as well.

    An asynchronous body is copied to a temporary file, which is deleted at the end.
    """
    if not isinstance(hop.body, AsyncIterable):
        yield hop
        return
    with SpooledTemporaryFile(_KEPT) as file:
        async for part in hop.body:
            file.write(part)
        file.seek(0)
        request = copy(hop.request)
        request.body = file
        yield RedirectedRequest(request)
