"""`AioTransport`: requests over pooled connections of an event loop, for servers.

    Request ──► redirects ──► sign-in ──► AioPool, or an HttpTransport in a thread

It is the asynchronous sender beside `HttpTransport`: the same bytes on the wire, the
same errors. `redirects` decides which request a redirect asks for. This module must not
know operations.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import TYPE_CHECKING

from naftiko.errors import CallError, refuse_pickle
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.masking import forget
from naftiko.transport.aio_pool import AioPool
from naftiko.transport.cookies import Cookies
from naftiko.transport.environment import ConnectionSettings
from naftiko.transport.messages import Headers, Request, Response, SignIn
from naftiko.transport.redirects import (
    REDIRECTS,
    RedirectedRequest,
    location_of,
    no_room,
    refusal,
    too_large,
)
from naftiko.transport.streams import AsyncStreamedResponse
from naftiko.transport.threaded import ThreadedTransport, rereadable
from naftiko.transport.wire.totals import UNLIMITED, NoRoom, Total

if TYPE_CHECKING:
    from types import TracebackType

    from naftiko.transport.aio_pool import AioExchange, AioOrigin
    from naftiko.transport.base import Timeout

_log = logging.getLogger("naftiko")


class AioTransport:
    """Requests over pooled connections, for one event loop: the one that first sends.

    Nothing of one call reaches another: cookies live as long as the redirects of their
    call. Foreign signers (`AuthBase`), proxies and headers outside ASCII need an
    `HttpTransport`; such a request is sent by one in a thread.

    Args:
        verify: Check TLS certificates; a path names the CA bundle. By default the
            bundle of `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, or certifi's.
        cert: Client certificate: a path, or (certificate, key).
        proxies: Scheme → proxy URL; by default those of the environment.
        trust_env: Read proxies, CA bundles and `.netrc` of the environment, once.
        follow_redirects: Otherwise a redirect is the response.
        max_response_bytes: Larger responses are refused, decompressed size counting.
        max_total_bytes: Bytes of all responses that are held at the same time; a
            further one is refused. `None` for any number.
        pool_size: Connections per origin; further calls wait for one, as long as the
            timeout for connecting allows.
    """

    def __init__(
        self,
        *,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        proxies: Mapping[str, str] | None = None,
        trust_env: bool = True,
        follow_redirects: bool = True,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        max_total_bytes: int | None = None,
        pool_size: int = 256,
    ) -> None:
        settings = ConnectionSettings(verify, cert, dict(proxies or {}), trust_env)
        self._follow_redirects = follow_redirects
        self._max_bytes = max_response_bytes
        self._total = Total(max_total_bytes) if max_total_bytes else UNLIMITED
        self._is_closed = False
        self._pool = AioPool(settings, pool_size)
        self._threaded = ThreadedTransport(
            settings, follow_redirects, max_response_bytes
        )

    __reduce_ex__ = refuse_pickle

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request and return the whole response; see `AsyncTransport.send`."""
        first = RedirectedRequest(request)
        try:
            if not isinstance(request.auth, SignIn):
                return await self._send(first, request, timeout)
            async with rereadable(first) as hop:
                return await self._send(hop, request, timeout)
        except CallError as error:
            forget(error)
            raise

    async def _send(
        self, hop: RedirectedRequest, request: Request, timeout: Timeout
    ) -> Response:
        started = time.perf_counter()
        exchange = await self._open(hop, timeout)
        if isinstance(exchange, RedirectedRequest):
            return await self._threaded.send(exchange, timeout=timeout)
        response = await self._read(exchange)
        if _log.isEnabledFor(logging.DEBUG):
            took = (time.perf_counter() - started) * 1000
            _log.debug(
                "%s %s %d %.0f ms",
                request.method, request.shown_url, exchange.status, took,
            )  # fmt: skip
        return response

    @asynccontextmanager
    async def stream(
        self, request: Request, *, timeout: Timeout, decode: bool = True
    ) -> AsyncIterator[AsyncStreamedResponse]:
        """Send a request and give the response before its body is read.

        Leaving the context closes a connection that has unread bytes. The body of the
        request may be an asynchronous iterable of bytes; without a `Content-Length`
        among its headers it is sent in chunks.

        Args:
            request: The request to send.
            timeout: Seconds, or (seconds to connect, seconds between two parts).
            decode: Undo a `Content-Encoding`; otherwise the body stays encoded.

        Raises:
            TransportError: No usable response came back.
        """
        try:
            async with self._streaming(request, timeout, decode) as stream:
                yield stream
        except CallError as error:
            forget(error)
            raise

    @asynccontextmanager
    async def _streaming(
        self, request: Request, timeout: Timeout, decode: bool
    ) -> AsyncIterator[AsyncStreamedResponse]:
        first = RedirectedRequest(request)
        is_repeated = isinstance(request.auth, SignIn)
        async with rereadable(first) if is_repeated else nullcontext(first) as hop:
            exchange = await self._open(hop, timeout)
            if isinstance(exchange, RedirectedRequest):
                through = self._threaded.stream(
                    exchange, timeout=timeout, decode=decode
                )
                async with through as stream:
                    yield stream
                return
            pairs = exchange.pairs
            try:
                async with aclosing(exchange.chunks(decode=decode)) as chunks:
                    yield AsyncStreamedResponse(
                        request,
                        exchange.status,
                        Headers.joined(pairs, request.secrets),
                        chunks,
                        reason=exchange.reason,
                        pairs=pairs,
                    )
            finally:
                exchange.end()

    def receive(
        self,
        request: Request,
        *,
        timeout: Timeout,
        stays_open: Callable[[int, Mapping[str, str]], bool],
    ) -> AbstractAsyncContextManager[Response | AsyncStreamedResponse]:
        """Send a request and give the whole response, or one that stays open.

        See `AsyncReceivingTransport.receive`.
        """
        if isinstance(request.auth, SignIn):
            return self._receive_repeated(request, timeout, stays_open)
        return _Receiving(self, RedirectedRequest(request), timeout, stays_open)

    @asynccontextmanager
    async def _receive_repeated(
        self,
        request: Request,
        timeout: Timeout,
        stays_open: Callable[[int, Mapping[str, str]], bool],
    ) -> AsyncIterator[Response | AsyncStreamedResponse]:
        """Give the response to a request that may be sent twice; see `receive`."""
        async with (
            rereadable(RedirectedRequest(request)) as hop,
            _Receiving(self, hop, timeout, stays_open) as response,
        ):
            yield response

    async def receive_whole(
        self,
        hop: RedirectedRequest,
        timeout: Timeout,
        stays_open: Callable[[int, Mapping[str, str]], bool],
    ) -> Response | AbstractAsyncContextManager[Response | AsyncStreamedResponse]:
        """Return the whole response, or the context of one that has not come whole."""
        exchange = await self._open(hop, timeout)
        if isinstance(exchange, RedirectedRequest):
            return self._received_threaded(exchange, timeout, stays_open)
        try:
            is_streamed = stays_open(exchange.status, exchange.headers)
        except BaseException:
            exchange.end()
            raise
        if is_streamed:
            return self._streamed(exchange)
        return await self._read(exchange)

    @asynccontextmanager
    async def _streamed(
        self, exchange: AioExchange
    ) -> AsyncIterator[AsyncStreamedResponse]:
        """Give a response that stays open, however long it is silent."""
        exchange.wait_for_ever()
        try:
            async with aclosing(exchange.chunks(decode=True)) as chunks:
                yield AsyncStreamedResponse(
                    exchange.hop.request,
                    exchange.status,
                    exchange.headers,
                    chunks,
                    reason=exchange.reason,
                    pairs=exchange.pairs,
                )
        finally:
            exchange.end()

    @asynccontextmanager
    async def _received_threaded(
        self,
        hop: RedirectedRequest,
        timeout: Timeout,
        stays_open: Callable[[int, Mapping[str, str]], bool],
    ) -> AsyncIterator[Response | AsyncStreamedResponse]:
        """Give the response to a request that only `requests` can send."""
        through = self._threaded.stream(hop, timeout=timeout, decode=True)
        async with through as stream:
            if stays_open(stream.status, stream.headers):
                yield stream
                return
            held, chunks, size = self._total.holder(), [], 0
            async for chunk in stream:
                if not held.add(len(chunk)):
                    raise no_room(hop.request)
                chunks.append(chunk)
                size += len(chunk)
                if size > self._max_bytes:
                    raise too_large(hop.request, self._max_bytes)
            body = b"".join(chunks)
            response = Response(
                stream.status, stream.headers, body, reason=stream.reason
            )
            response.held = held
            yield response

    async def _read(self, exchange: AioExchange) -> Response:
        """Return a response with its whole body."""
        request, held = exchange.hop.request, None
        body = exchange.whole(self._max_bytes)
        if body is None:
            held = self._total.holder()
            try:
                body = await exchange.read(self._max_bytes, held)
            except NoRoom:
                raise no_room(request) from None
        response = Response(
            exchange.status,
            exchange.headers,
            body,
            reason=exchange.reason,
            url=request.shown(exchange.hop.url),
            limit=self._max_bytes,
        )
        response.held = held
        return response

    async def close(self) -> None:
        """Close every connection; nothing can be sent afterwards."""
        self._is_closed = True
        await self._pool.close()
        self._threaded.close()

    async def _open(
        self, hop: RedirectedRequest, timeout: Timeout
    ) -> AioExchange | RedirectedRequest:
        """Follow redirects to the response, or to a hop that only `requests` can send.

        Returns:
            The response, its body not read yet; or that hop, with its cookies.
        """
        cookies = Cookies()
        while True:
            if self._is_closed:
                raise refusal("the transport is closed", hop.request)
            origin = self._pool.known(hop) or await self._pool.origin(hop)
            login, headers = hop.auth, cookies.headers(hop)
            if login is None and origin.connections is not None:
                exchange = await self._pool.exchange(hop, headers, origin, timeout)
            elif isinstance(login, SignIn) and origin.connections is not None:
                exchange = await self._sign_in(login, hop, origin, cookies, timeout)
            else:
                return hop.with_headers(headers)
            if exchange.status not in REDIRECTS or not self._follow_redirects:
                return exchange
            with _ended(exchange):
                location = location_of(
                    exchange.headers.get_all("Location"), hop.request
                )
            if not location:
                return exchange
            cookies.keep(exchange.hop, exchange.headers.get_all("Set-Cookie"))
            await exchange.finish()
            hop = hop.next(exchange.status, location)

    async def _sign_in(
        self,
        login: SignIn,
        hop: RedirectedRequest,
        origin: AioOrigin,
        cookies: Cookies,
        timeout: Timeout,
    ) -> AioExchange:
        """Return the response to a request, signed in."""
        attempts = login.attempts(hop.as_request())
        request = next(attempts)
        while True:
            attempt = hop.with_headers(request.headers)
            headers = cookies.headers(attempt)
            exchange = await self._pool.exchange(attempt, headers, origin, timeout)
            head = Response(exchange.status, exchange.headers)
            with _ended(exchange):
                try:
                    request = attempts.send(head)
                except StopIteration:
                    return exchange
            if not hop.rewind():
                return exchange  # the body can be read once, and has been
            cookies.keep(exchange.hop, exchange.headers.get_all("Set-Cookie"))
            await exchange.finish()


@contextmanager
def _ended(exchange: AioExchange) -> Iterator[None]:
    """End an exchange when its response cannot be used."""
    try:
        yield
    except BaseException:
        exchange.end()
        raise


class _Receiving:
    """The context of `AioTransport.receive`: what every served call passes.

    It is a class, because the context of a generator takes three times as long.
    """

    __slots__ = ("_hop", "_rest", "_stays_open", "_timeout", "_transport")

    def __init__(
        self,
        transport: AioTransport,
        hop: RedirectedRequest,
        timeout: Timeout,
        stays_open: Callable[[int, Mapping[str, str]], bool],
    ) -> None:
        self._transport = transport
        self._hop = hop
        self._timeout = timeout
        self._stays_open = stays_open
        #: The context of a response that has not come as a whole.
        self._rest: (
            AbstractAsyncContextManager[Response | AsyncStreamedResponse] | None
        ) = None

    async def __aenter__(self) -> Response | AsyncStreamedResponse:
        try:
            response = await self._transport.receive_whole(
                self._hop, self._timeout, self._stays_open
            )
        except CallError as error:
            forget(error)
            raise
        if isinstance(response, Response):
            return response
        self._rest = response
        return await response.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if self._rest is None:
            return None
        return await self._rest.__aexit__(kind, error, traceback)
