"""`AioTransport`: requests over pooled connections of `aiohttp`, for servers.

    Request ──► redirects ──► sign-in ──► AioPool, or an HttpTransport in a thread

It is the asynchronous sender beside `HttpTransport`: the same bytes on the wire, the
same errors. `redirects` decides which request a redirect asks for. `aiohttp` is
imported when the first transport is made. This module must not know operations.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    nullcontext,
)
from typing import TYPE_CHECKING

from naftiko.errors import CallError, ServeError, refuse_pickle
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.masking import forget
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
from naftiko.transport.wire.totals import UNLIMITED, Holder, NoRoom, Total

if TYPE_CHECKING:
    from types import TracebackType

    from naftiko.transport.aio_pool import AioExchange, AioOrigin, AioPool, CallCookies
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

    Raises:
        ServeError: `aiohttp` is not installed.
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
        try:
            from naftiko.transport.aio_pool import AioPool, CallCookies
        except ImportError as error:
            raise ServeError(
                f"AioTransport needs a library that is not installed: {error.name}",
                hint="pip install 'naftiko[serve]'",
            ) from error
        settings = ConnectionSettings(verify, cert, dict(proxies or {}), trust_env)
        self._follow_redirects = follow_redirects
        self._max_bytes = max_response_bytes
        self._total = Total(max_total_bytes) if max_total_bytes else UNLIMITED
        self._is_closed = False
        self._pool: AioPool = AioPool(settings, pool_size)
        self._new_cookies: type[CallCookies] = CallCookies
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
        body, held = await self._read(exchange, request)
        if _log.isEnabledFor(logging.DEBUG):
            took = (time.perf_counter() - started) * 1000
            _log.debug(
                "%s %s %d %.0f ms",
                request.method, request.shown_url, exchange.status, took,
            )  # fmt: skip
        response = Response(
            exchange.status,
            Headers.joined(exchange.pairs, request.secrets),
            body,
            reason=exchange.reason,
            url=request.shown(exchange.hop.url),
            limit=self._max_bytes,
        )
        response.held = held
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
            exchange.begin()
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
        headers = Headers.joined(exchange.pairs, hop.request.secrets)
        if stays_open(exchange.status, headers):
            return self._streamed(exchange, headers)
        body, held = await self._read(exchange, hop.request)
        response = Response(
            exchange.status,
            headers,
            body,
            reason=exchange.reason,
            url=hop.request.shown(exchange.hop.url),
            limit=self._max_bytes,
        )
        response.held = held
        return response

    @asynccontextmanager
    async def _streamed(
        self, exchange: AioExchange, headers: Headers
    ) -> AsyncIterator[AsyncStreamedResponse]:
        """Give a response that stays open, however long it is silent."""
        exchange.begin()
        exchange.wait_for_ever()
        try:
            async with aclosing(exchange.chunks(decode=True)) as chunks:
                yield AsyncStreamedResponse(
                    exchange.hop.request,
                    exchange.status,
                    headers,
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

    async def _read(
        self, exchange: AioExchange, request: Request
    ) -> tuple[bytes, Holder]:
        """Return the whole body of a response, and what counts it."""
        held = self._total.holder()
        try:
            return await exchange.read(self._max_bytes, held), held
        except NoRoom:
            raise no_room(request) from None

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
        cookies = self._new_cookies()
        while True:
            if self._is_closed:
                raise refusal("the transport is closed", hop.request)
            origin = await self._pool.origin(hop)
            login = hop.auth
            exchange = None
            if login is None:
                exchange = await self._exchange(hop, origin, cookies, timeout)
            elif isinstance(login, SignIn):
                exchange = await self._sign_in(login, hop, origin, cookies, timeout)
            if exchange is None:
                return hop.with_headers(cookies.headers(hop))
            if exchange.status not in REDIRECTS or not self._follow_redirects:
                return exchange
            location = location_of(exchange.locations, hop.request)
            if not location:
                return exchange
            cookies.keep(exchange)
            await exchange.finish()
            hop = hop.next(exchange.status, location)

    async def _sign_in(
        self,
        login: SignIn,
        hop: RedirectedRequest,
        origin: AioOrigin,
        cookies: CallCookies,
        timeout: Timeout,
    ) -> AioExchange | None:
        """Return the response to a request, signed in, or `None`; see `_exchange`."""
        attempts = login.attempts(hop.as_request())
        request = next(attempts)
        while True:
            attempt = hop.with_headers(request.headers)
            exchange = await self._exchange(attempt, origin, cookies, timeout)
            if exchange is None:
                return None
            head = Response(exchange.status, Headers.joined(exchange.pairs))
            try:
                request = attempts.send(head)
            except StopIteration:
                return exchange
            if not hop.rewind():
                return exchange  # the body can be read once, and has been
            cookies.keep(exchange)
            await exchange.finish()

    async def _exchange(
        self,
        hop: RedirectedRequest,
        origin: AioOrigin,
        cookies: CallCookies,
        timeout: Timeout,
    ) -> AioExchange | None:
        """Return the response to a request; `None` where `aiohttp` cannot send it."""
        headers = cookies.headers(hop)
        # Headers are Latin-1 on the wire; aiohttp would write UTF-8.
        if origin.session is None or not all(map(str.isascii, headers.values())):
            return None
        return await self._pool.exchange(hop, headers, origin, timeout)


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
