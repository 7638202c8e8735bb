"""`AioTransport`: requests over pooled connections of `aiohttp`, for servers.

The asynchronous sender beside `HttpTransport`: the same bytes on the wire, the same
words when something fails. What a redirect asks for is decided in `hops`; what only
`requests` can do (signers, proxies) is done by an `HttpTransport` in a thread. It must
not know operations.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from naftiko.http import BODY_METHODS
from naftiko.transport.base import CHUNK, MAX_RESPONSE_BYTES
from naftiko.transport.encodings import Damaged, unpacker_of
from naftiko.transport.environment import ConnectionSettings, tls_context
from naftiko.transport.messages import Headers, Request, Response
from naftiko.transport.patched_aiohttp import (
    ExactRequest,
    NotAscii,
    Upload,
    framed_headers,
    let_rest,
)
from naftiko.transport.redirects import (
    REDIRECTS,
    RedirectedRequest,
    damaged,
    refusal,
    too_large,
)
from naftiko.transport.streams import AsyncStreamedResponse
from naftiko.transport.threaded import ThreadedTransport

if TYPE_CHECKING:
    from naftiko.transport.base import Timeout

_log = logging.getLogger("naftiko")
_MOST_ROUTES = 1024
#: Seconds that an unused connection is kept.
_IDLE = 60.0
#: As long as `http.client` takes a line; the default of aiohttp is an eighth.
_LONGEST_LINE = 65536


#: Bytes that are unpacked before others get their turn.
_TURN = 1024 * 1024

#: What `aiohttp` raises → what happened, in the words of `failures`.
_FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "no connection within the timeout"),
    (TimeoutError, "no response within the timeout"),
    (ssl.SSLError, "the TLS certificate or handshake was refused"),
    (aiohttp.ClientSSLError, "the TLS certificate or handshake was refused"),
    (aiohttp.ClientPayloadError, "the response broke off"),
    (aiohttp.InvalidURL, "the URL is malformed"),
    (aiohttp.NonHttpUrlClientError, "the URL has a scheme that cannot be sent to"),
    (
        aiohttp.ServerDisconnectedError,
        "the server closed the connection without a response",
    ),
    (aiohttp.ClientResponseError, "the response cannot be read"),
    (OSError, "no connection"),
    (aiohttp.ClientError, "no connection"),
    (ValueError, "it cannot be written as HTTP"),
)
#: All of that; a `ValueError` is for what cannot be written.
_ERRORS = (aiohttp.ClientError, OSError, ValueError)


class _AioKnownOrigin(NamedTuple):
    """What is known about an origin before any call; no session behind a proxy."""

    session: aiohttp.ClientSession | None
    scheme: str = ""
    authority: str = ""
    tls: ssl.SSLContext | bool = True
    login: str = ""


class _AioOpened(NamedTuple):
    """A response before its body is read."""

    hop: RedirectedRequest
    raw: aiohttp.ClientResponse
    upload: Upload | None


class AioTransport:
    """Requests over pooled connections, for one event loop: the one that first sends.

    Nothing of one call reaches another: cookies live as long as the redirects of their
    call. A request with `auth`, or behind a proxy, travels through an `HttpTransport`
    in a thread.

    Args:
        verify: Check TLS certificates; a path names the CA bundle. By default the
            bundle of `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, or certifi's.
        cert: Client certificate: a path, or (certificate, key).
        proxies: Scheme → proxy URL; by default those of the environment.
        trust_env: Read proxies, CA bundles and `.netrc` of the environment, once.
        follow_redirects: Otherwise a redirect is the response.
        max_response_bytes: Larger responses are refused, decompressed size counting.
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
        pool_size: int = 256,
    ) -> None:
        self._settings = ConnectionSettings(
            verify, cert, dict(proxies or {}), trust_env
        )
        self._follow_redirects = follow_redirects
        self._max_bytes = max_response_bytes
        self._pool_size = pool_size
        self._routes: dict[tuple[bool, str, str], _AioKnownOrigin] = {}
        #: Path of a Unix socket, or an empty text for all others → its session.
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._contexts: dict[tuple[Any, Any], ssl.SSLContext] = {}
        self._lock = asyncio.Lock()
        #: Responses that somebody reads: closing a session would leave them waiting.
        self._under_way: set[aiohttp.ClientResponse] = set()
        self._is_closed = False
        self._threaded = ThreadedTransport(
            self._settings, follow_redirects, max_response_bytes
        )

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request and return the whole response; see `AsyncTransport.send`."""
        started = time.perf_counter()
        answer = await self._open(RedirectedRequest(request), timeout)
        if isinstance(answer, RedirectedRequest):
            return await self._threaded.send(answer, timeout=timeout)
        body = await self._read(answer)
        raw = answer.raw
        if _log.isEnabledFor(logging.DEBUG):
            took = (time.perf_counter() - started) * 1000
            _log.debug(
                "%s %s %d %.0f ms",
                request.method, request.shown_url, raw.status, took,
            )  # fmt: skip
        return Response(
            raw.status,
            Headers.joined(_pairs_of(raw)),
            body,
            reason=raw.reason or "",
            url=request.mask(answer.hop.url),
        )

    @asynccontextmanager
    async def stream(
        self, request: Request, *, timeout: Timeout, decode: bool = True
    ) -> AsyncIterator[AsyncStreamedResponse]:
        """Send a request and give the response before its body is read.

        Leaving the context closes a connection that has something left to read. The
        body of the request may be what gives bytes asynchronously; without a
        `Content-Length` among its headers it is sent in chunks.

        Args:
            request: What to send.
            timeout: Seconds, or (seconds to connect, seconds between two parts).
            decode: Undo a `Content-Encoding`; otherwise the body is what was sent.

        Raises:
            TransportError: No usable response came back.
        """
        answer = await self._open(RedirectedRequest(request), timeout)
        if isinstance(answer, RedirectedRequest):
            through = self._threaded.stream(answer, timeout=timeout, decode=decode)
            async with through as stream:
                yield stream
            return
        raw = answer.raw
        pairs = _pairs_of(raw)
        self._under_way.add(raw)
        try:
            async with aclosing(self._chunks(answer, decode)) as chunks:
                yield AsyncStreamedResponse(
                    request,
                    raw.status,
                    Headers.joined(pairs),
                    chunks,
                    reason=raw.reason or "",
                    pairs=pairs,
                )
        finally:
            self._end(raw)

    async def close(self) -> None:
        """Close every connection; nothing can be sent afterwards."""
        self._is_closed = True
        for raw in self._under_way:
            raw.close()
        for session in self._sessions.values():
            await session.close()
        self._threaded.close()

    # --- one exchange, redirects included -------------------------------------------

    async def _open(
        self, hop: RedirectedRequest, timeout: Timeout
    ) -> _AioOpened | RedirectedRequest:
        """Return the response, or the hop that only `requests` can send."""
        # What servers set on the way, for each origin: it belongs to this call alone.
        jars: dict[str, aiohttp.CookieJar] = {}
        while True:
            if self._is_closed:
                raise refusal("the transport is closed", hop.request)
            key = (
                hop.is_first_origin,
                hop.request.socket if hop.is_first_origin else "",
                hop.origin,
            )
            route = self._routes.get(key)
            if route is None:
                route = await self._new_route(key, hop)
            given = hop.headers
            hop.headers = _with_cookies(hop, jars.get(hop.origin))
            if hop.auth is not None or route.session is None:
                return hop
            try:
                answer = await self._exchange(hop, route, timeout)
            except NotAscii:
                return hop
            raw = answer.raw
            if raw.status not in REDIRECTS or not self._follow_redirects:
                return answer
            location = raw.headers.get("Location")
            if not location:
                return answer
            _keep_cookies(jars, hop, raw)
            await self._finish(raw)
            hop.headers = given
            hop = hop.next(raw.status, _as_latin(location))

    async def _exchange(
        self, hop: RedirectedRequest, route: _AioKnownOrigin, timeout: Timeout
    ) -> _AioOpened:
        waits = _timeouts(timeout)
        headers = hop.headers
        if route.login and not hop.request.is_identified:
            headers = {**headers, "Authorization": route.login}
        upload = None
        is_chunked = None
        if hop.body is not None or hop.method in BODY_METHODS:
            headers, length = await framed_headers(hop, headers)
            if hop.body is not None:
                upload = Upload(hop, length, waits.sock_read)
                is_chunked = True if length is None else None
        # The target is a path with everything behind it: yarl must not look into it.
        url = URL.build(
            scheme=route.scheme,
            authority=route.authority,
            path=hop.target,
            encoded=True,
        )
        assert route.session is not None
        try:
            raw = await route.session.request(
                hop.method,
                url,
                headers=headers,
                data=upload,
                chunked=is_chunked,
                allow_redirects=False,
                timeout=waits,
                ssl=route.tls,
            )
        except BaseException as error:
            if upload is not None:
                upload.abort()
            if isinstance(error, _ERRORS):
                raise _failure(error, hop, upload) from None
            raise
        if (connection := raw.connection) is not None:
            raw.content.on_eof(partial(let_rest, connection.protocol))
        return _AioOpened(hop, raw, upload)

    async def _read(self, answer: _AioOpened) -> bytes:
        """Return the body; its connection is free afterwards, or closed."""
        hop, raw, upload = answer
        limit = self._max_bytes
        self._under_way.add(raw)
        try:
            declared = raw.headers.get("Content-Length", "")
            if hop.method != "HEAD" and declared.isdigit() and int(declared) > limit:
                raise too_large(hop.request, limit)
            if "Content-Encoding" not in raw.headers:
                content = raw.content
                chunk = await content.readany()
                if content.at_eof() and len(chunk) <= limit:
                    return chunk
                chunks, size = [chunk], len(chunk)
                while size <= limit and (chunk := await content.readany()):
                    chunks.append(chunk)
                    size += len(chunk)
            else:
                chunks, size = await self._unpacked(answer)
            if size > limit:
                raise too_large(hop.request, limit)
            return b"".join(chunks)
        except _ERRORS as error:
            raise _failure(error, hop, upload, reading=True) from None
        finally:
            self._end(raw)

    async def _unpacked(self, answer: _AioOpened) -> tuple[list[bytes], int]:
        chunks, size, turn = [], 0, _TURN
        async with aclosing(self._chunks(answer, True)) as pieces:
            async for piece in pieces:
                chunks.append(piece)
                size += len(piece)
                if size > self._max_bytes:
                    break
                if size > turn:
                    turn += _TURN
                    await asyncio.sleep(0)
        return chunks, size

    async def _chunks(
        self, answer: _AioOpened, decode: bool
    ) -> AsyncGenerator[bytes, None]:
        """Give the body as it arrives."""
        hop, raw, upload = answer
        encoding = raw.headers.get("Content-Encoding") if decode else None
        unpacker = unpacker_of(encoding)
        try:
            while chunk := await raw.content.readany():
                if unpacker is None:
                    yield chunk
                else:
                    for piece in unpacker.feed(chunk):
                        yield piece
            if unpacker is not None:
                unpacker.end()
        except Damaged as error:
            raise damaged(error, hop.request) from None
        except _ERRORS as error:
            raise _failure(error, hop, upload, reading=True) from None

    async def _finish(self, raw: aiohttp.ClientResponse) -> None:
        """Be done with a redirect; its connection is kept when its body is small."""
        self._under_way.add(raw)
        try:
            declared = raw.headers.get("Content-Length", "")
            if declared.isdigit() and int(declared) <= CHUNK:
                with suppress(*_ERRORS):
                    while await raw.content.readany():
                        pass
        finally:
            self._end(raw)

    def _end(self, raw: aiohttp.ClientResponse) -> None:
        self._under_way.discard(raw)
        # What was read to its end has given its connection back.
        if not raw.closed:
            raw.close()

    # --- origins ----------------------------------------------------------------------

    async def _new_route(
        self, key: tuple[bool, str, str], hop: RedirectedRequest
    ) -> _AioKnownOrigin:
        async with self._lock:
            route = self._routes.get(key)
            if route is None:
                if len(self._routes) >= _MOST_ROUTES:
                    self._routes.clear()
                try:
                    route = self._routes[key] = await self._looked_up(*key)
                except OSError as error:
                    raise _failure(error, hop) from None
                except ValueError:
                    raise refusal("the URL is malformed", hop.request) from None
        return route

    async def _looked_up(
        self, is_first_origin: bool, path: str, origin: str
    ) -> _AioKnownOrigin:
        if path:
            return _AioKnownOrigin(self._session(path), "http", "localhost")
        around = partial(self._settings.around, origin, is_first_origin=is_first_origin)
        found = await asyncio.to_thread(around)
        if found.proxy:
            return _AioKnownOrigin(None)
        parts = urlsplit(origin)
        tls: ssl.SSLContext | bool = True
        if parts.scheme == "https":
            tls = await self._context(found.verify, found.cert)
        # yarl writes a host outside ASCII as the network wants it.
        url = URL.build(scheme=parts.scheme, host=parts.hostname or "", port=parts.port)
        login = _basic(*found.login) if found.login else ""
        return _AioKnownOrigin(
            self._session(""), parts.scheme, url.raw_authority, tls, login
        )

    def _session(self, path: str) -> aiohttp.ClientSession:
        session = self._sessions.get(path)
        if session is None:
            connector: aiohttp.BaseConnector
            if path:
                connector = aiohttp.UnixConnector(
                    path, limit=self._pool_size, keepalive_timeout=_IDLE
                )
            else:
                connector = aiohttp.TCPConnector(
                    limit=0, limit_per_host=self._pool_size, keepalive_timeout=_IDLE
                )
            session = self._sessions[path] = aiohttp.ClientSession(
                connector=connector,
                request_class=ExactRequest,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=CHUNK,
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
            )
        return session

    async def _context(self, verify: bool | str, cert: Any) -> ssl.SSLContext:
        context = self._contexts.get((verify, cert))
        if context is None:
            context = await asyncio.to_thread(tls_context, verify, cert)
            self._contexts[verify, cert] = context
        return context


def _failure(
    error: BaseException,
    hop: RedirectedRequest,
    upload: Upload | None = None,
    *,
    reading: bool = False,
) -> Exception:
    """Return our error for one of `aiohttp`, or what stopped the body on its way."""
    if upload is not None and upload.failure is not None:
        return upload.failure
    # Imported here: it knows `requests`, which takes time and may never be needed.
    from naftiko.transport.failures import failed

    if isinstance(error.__cause__, ssl.SSLError):
        error = error.__cause__
    what = next(text for kind, text in _FAILURES if isinstance(error, kind))
    timed_out = isinstance(error, TimeoutError)
    return failed(
        what, error, hop.request, url=hop.url, timed_out=timed_out, reading=reading
    )


def _keep_cookies(
    jars: dict[str, aiohttp.CookieJar],
    hop: RedirectedRequest,
    raw: aiohttp.ClientResponse,
) -> None:
    cookies = raw.headers.getall("Set-Cookie", ())
    # A socket file is called `localhost`, which is somebody else.
    if cookies and not hop.request.socket:
        jar = jars.get(hop.origin)
        if jar is None:
            jar = jars[hop.origin] = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
        jar.update_cookies_from_headers(cookies, URL(hop.url, encoded=True))


def _with_cookies(
    hop: RedirectedRequest, jar: aiohttp.CookieJar | None
) -> Mapping[str, str]:
    """Return the headers of a hop with the cookies of its call."""
    if jar is None:
        return hop.headers
    cookies = jar.filter_cookies(URL(hop.url, encoded=True))
    headers = Headers(hop.headers)
    pairs = [f"{name}={cookie.coded_value}" for name, cookie in cookies.items()]
    if given := headers.get("Cookie"):
        pairs.insert(0, given)
    if pairs:
        headers["Cookie"] = "; ".join(pairs)
    return headers


def _pairs_of(raw: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    """Return the headers of a response, read as Latin-1, as `http.client` does."""
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in raw.raw_headers
    ]


def _as_latin(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("latin-1")


def _basic(user: str, password: str) -> str:
    login = f"{user}:{password}"
    return "Basic " + base64.b64encode(login.encode("latin-1", "replace")).decode()


@lru_cache(64)
def _timeouts(timeout: Timeout) -> aiohttp.ClientTimeout:
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return aiohttp.ClientTimeout(
        total=None, connect=connect, sock_connect=connect, sock_read=read
    )
