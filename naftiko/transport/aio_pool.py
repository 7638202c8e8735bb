"""Pooled connections of `aiohttp`, and one exchange over one of them.

    AioPool.origin(hop) ──► AioOrigin      settings, looked up once per origin
    AioPool.exchange(hop, origin) ──► AioExchange      status and headers are there
    AioExchange.read / chunks / finish      the body

This module must not know redirects or how a request is signed in.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from functools import lru_cache, partial
from io import BytesIO
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from naftiko.http import BODY_METHODS
from naftiko.transport import failures
from naftiko.transport.encodings import Damaged, unpacker_of
from naftiko.transport.environment import ConnectionSettings, tls_context
from naftiko.transport.failures import Cause
from naftiko.transport.messages import Headers
from naftiko.transport.patched_aiohttp import (
    ExactRequest,
    Upload,
    framed_headers,
    let_rest,
    use_exact_handlers,
)
from naftiko.transport.redirects import RedirectedRequest, damaged, refusal, too_large
from naftiko.transport.streams import CHUNK
from naftiko.transport.wire.heads import MAX_FIELDS, MAX_HEAD, Unreadable
from naftiko.transport.wire.totals import SMALL, UNLIMITED, Holder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.transport.base import Timeout

_MOST_ORIGINS = 1024
#: Seconds that an unused connection is kept.
_IDLE = 60.0
#: Seconds of decompressing after which other tasks of the event loop get their turn.
_TURN = 0.004

#: Exceptions of `aiohttp` → cause, the most specific first.
_CAUSES: tuple[tuple[type[BaseException], Cause], ...] = (
    (aiohttp.ConnectionTimeoutError, failures.NOT_CONNECTED_IN_TIME),
    (TimeoutError, failures.NO_RESPONSE_IN_TIME),
    (ssl.SSLError, failures.TLS_REFUSED),
    (aiohttp.ClientSSLError, failures.TLS_REFUSED),
    (Unreadable, failures.UNREADABLE),
    (aiohttp.ClientPayloadError, failures.BROKEN_OFF),
    (aiohttp.InvalidURL, failures.MALFORMED_URL),
    (aiohttp.NonHttpUrlClientError, failures.UNKNOWN_SCHEME),
    (aiohttp.ServerDisconnectedError, failures.CLOSED),
    (aiohttp.ClientResponseError, failures.UNREADABLE),
    (OSError, failures.NO_CONNECTION),
    # Errors of connecting are `OSError`s: others come from a connection that was there.
    (aiohttp.ClientError, failures.CLOSED),
    (ValueError, failures.UNWRITABLE),
)
#: All of them. A `ValueError` is raised for a request that cannot be written.
_ERRORS = (aiohttp.ClientError, OSError, ValueError, Unreadable)


class AioOrigin(NamedTuple):
    """An origin and the settings of its connections.

    Attributes:
        session: The connections; `None` behind a proxy: `requests` is used then.
        scheme: `http` or `https`; `http` for a Unix socket.
        authority: Host and port as they stand in a URL.
        tls: The TLS settings, or `True` for those of `aiohttp`.
        login: The `Authorization` for a login of `.netrc`, or an empty text.
    """

    session: aiohttp.ClientSession | None
    scheme: str = ""
    authority: str = ""
    tls: ssl.SSLContext | bool = True
    login: str = ""


class AioExchange:
    """A response whose body is not read yet; the request may still be on its way.

    Attributes:
        hop: The request that was sent.
        raw: The response of `aiohttp`.
    """

    __slots__ = ("_under_way", "_upload", "hop", "raw")

    def __init__(
        self,
        hop: RedirectedRequest,
        raw: aiohttp.ClientResponse,
        upload: Upload | None,
        under_way: set[aiohttp.ClientResponse],
    ) -> None:
        self.hop = hop
        self.raw = raw
        self._upload = upload
        self._under_way = under_way

    @property
    def status(self) -> int:
        """The status code."""
        return self.raw.status

    @property
    def reason(self) -> str:
        """The reason phrase; may be empty."""
        return self.raw.reason or ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The headers as they came, read as Latin-1, as `http.client` reads them."""
        # Decoded all at once: no name and no value holds a line break.
        fields = b"\n".join(chain.from_iterable(self.raw.raw_headers)).decode("latin-1")
        parts = iter(fields.split("\n") if fields else ())
        return list(zip(parts, parts, strict=True))

    @property
    def locations(self) -> list[str]:
        """The values of `Location`, read as Latin-1."""
        return [value for name, value in self.pairs if name.lower() == "location"]

    @property
    def encoding(self) -> str:
        """The `Content-Encoding`, several fields joined; may be empty."""
        return ", ".join(self.raw.headers.getall("Content-Encoding", ()))

    async def read(self, limit: int, held: Holder | None = None) -> bytes:
        """Return the body; its connection is free afterwards, or closed.

        Raises:
            TransportError: The body breaks off, is damaged, or has over `limit` bytes.
            NoRoom: It has more bytes than may be held at the moment.
        """
        hop, raw = self.hop, self.raw
        held = held or UNLIMITED.holder()
        self.begin()
        try:
            declared = raw.headers.get("Content-Length", "")
            if hop.method != "HEAD" and declared.isdigit() and int(declared) > limit:
                raise too_large(hop.request, limit)
            if "Content-Encoding" not in raw.headers:
                content = raw.content
                chunk = await content.readany()
                if content.at_eof() and len(chunk) <= min(limit, SMALL):
                    return chunk
                # Joining pieces at the end would hold the body twice.
                body = BytesIO()
                size = body.write(chunk)
                # One that is too large by itself is not told as one too many.
                while size <= limit:
                    held.hold(len(chunk))
                    if not (chunk := await content.readany()):
                        break
                    size += body.write(chunk)
            else:
                body, size = await self._unpacked(limit, held)
            if size > limit:
                raise too_large(hop.request, limit)
            return body.getvalue()
        except _ERRORS as error:
            raise _failure(error, hop, self._upload, reading=True) from None
        finally:
            self.end()

    async def _unpacked(self, limit: int, held: Holder) -> tuple[BytesIO, int]:
        body, size = BytesIO(), 0
        async with aclosing(self.chunks(decode=True, most=limit)) as pieces:
            async for piece in pieces:
                if (size := size + len(piece)) > limit:
                    break
                held.hold(len(piece))
                body.write(piece)
        return body, size

    async def chunks(
        self, *, decode: bool, most: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives.

        Args:
            decode: Undo its `Content-Encoding`.
            most: Bytes that it may have, as it came and after each encoding that is
                undone; `None` for any number.

        Raises:
            TransportError: It breaks off, is damaged, or grows too much.
        """
        hop, raw = self.hop, self.raw
        received = 0
        try:
            unpacker = unpacker_of(self.encoding if decode else None, most)
            while chunk := await raw.content.readany():
                if unpacker is None:
                    yield chunk
                    continue
                received += len(chunk)
                if most is not None and received > most:
                    raise too_large(hop.request, most)
                # A chunk can stand for megabytes: others have their turn between.
                turn = monotonic() + _TURN
                for piece in unpacker.steps(chunk):
                    if piece:
                        yield piece
                    if monotonic() > turn:
                        await asyncio.sleep(0)
                        turn = monotonic() + _TURN
            if unpacker is not None:
                unpacker.end()
        except Damaged as error:
            raise damaged(error, hop.request) from None
        except _ERRORS as error:
            raise _failure(error, hop, self._upload, reading=True) from None

    async def finish(self) -> None:
        """End a response that is not needed; a small body frees its connection."""
        self.begin()
        try:
            declared = self.raw.headers.get("Content-Length", "")
            if declared.isdigit() and int(declared) <= CHUNK:
                with suppress(*_ERRORS):
                    while await self.raw.content.readany():
                        pass
        finally:
            self.end()

    def begin(self) -> None:
        """Note that the body is being read, so that `AioPool.close` ends it."""
        self._under_way.add(self.raw)

    def wait_for_ever(self) -> None:
        """Let the body be silent for any time: its timeout between two parts ends."""
        connection = self.raw.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = None

    def end(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._under_way.discard(self.raw)
        # A body that was read to its end has given its connection back.
        if not self.raw.closed:
            self.raw.close()


class AioPool:
    """The connections of one `AioTransport`, for one event loop.

    Args:
        settings: How to connect.
        pool_size: Connections per origin.
    """

    def __init__(self, settings: ConnectionSettings, pool_size: int) -> None:
        self._settings = settings
        self._pool_size = pool_size
        self._origins: dict[tuple[bool, str, str], AioOrigin] = {}
        #: Path of a Unix socket, or an empty text for TCP → its session.
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._contexts: dict[tuple[Any, Any], ssl.SSLContext] = {}
        self._lock = asyncio.Lock()
        #: Responses that are being read: closing a session does not end their reading.
        self._under_way: set[aiohttp.ClientResponse] = set()

    async def close(self) -> None:
        """Close every connection, those of responses that are being read included."""
        for raw in self._under_way:
            raw.close()
        for session in self._sessions.values():
            await session.close()

    async def exchange(
        self,
        hop: RedirectedRequest,
        headers: Mapping[str, str],
        origin: AioOrigin,
        timeout: Timeout,
    ) -> AioExchange:
        """Send one request and return its response, the body not read yet.

        Args:
            hop: The request.
            headers: Its headers, cookies included; ASCII only.
            origin: The origin that it goes to; one with a session.
            timeout: Seconds, or (seconds to connect, seconds between two parts).

        Raises:
            TransportError: No usable response came back.
        """
        waits = _timeouts(timeout)
        if origin.login and not hop.request.is_identified:
            headers = {**headers, "Authorization": origin.login}
        upload = None
        is_chunked = None
        if hop.body is not None or hop.method in BODY_METHODS:
            headers, length = await framed_headers(hop, headers)
            if hop.body is not None:
                upload = Upload(hop, length, waits.sock_read)
                is_chunked = True if length is None else None
        # The target is passed as a path, its query included: yarl must not parse it.
        url = URL.build(
            scheme=origin.scheme,
            authority=origin.authority,
            path=hop.target,
            encoded=True,
        )
        assert origin.session is not None
        try:
            raw = await origin.session.request(
                hop.method,
                url,
                headers=headers,
                data=upload,
                chunked=is_chunked,
                allow_redirects=False,
                timeout=waits,
                ssl=origin.tls,
            )
        except BaseException as error:
            if upload is not None:
                upload.abort()
            if isinstance(error, _ERRORS):
                raise _failure(error, hop, upload) from None
            raise
        if (connection := raw.connection) is not None:
            raw.content.on_eof(partial(let_rest, connection.protocol))
        return AioExchange(hop, raw, upload, self._under_way)

    # --- origins ----------------------------------------------------------------------

    async def origin(self, hop: RedirectedRequest) -> AioOrigin:
        """Return the origin of a request, looked up once.

        Raises:
            TransportError: Its certificates cannot be read, or its URL is malformed.
        """
        path = hop.request.socket if hop.is_first_origin else ""
        key = (hop.is_first_origin, path, hop.origin)
        origin = self._origins.get(key)
        if origin is not None:
            return origin
        async with self._lock:
            origin = self._origins.get(key)
            if origin is None:
                if len(self._origins) >= _MOST_ORIGINS:
                    self._origins.clear()
                try:
                    origin = self._origins[key] = await self._looked_up(*key)
                except OSError as error:
                    raise _failure(error, hop) from None
                except ValueError:
                    raise refusal("the URL is malformed", hop.request) from None
        return origin

    async def _looked_up(
        self, is_first_origin: bool, path: str, origin: str
    ) -> AioOrigin:
        if path:
            return AioOrigin(self._session(path), "http", "localhost")
        look_up = partial(
            self._settings.look_up, origin, is_first_origin=is_first_origin
        )
        settings = await asyncio.to_thread(look_up)
        if settings.proxy:
            return AioOrigin(None)
        parts = urlsplit(origin)
        tls: ssl.SSLContext | bool = True
        if parts.scheme == "https":
            tls = await self._context(settings.verify, settings.cert)
        url = URL.build(scheme=parts.scheme, host=parts.hostname or "", port=parts.port)
        login = _basic(*settings.login) if settings.login else ""
        session = self._session("")
        return AioOrigin(session, parts.scheme, url.raw_authority, tls, login)

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
            use_exact_handlers(connector)
            session = self._sessions[path] = aiohttp.ClientSession(
                connector=connector,
                request_class=ExactRequest,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=CHUNK,
                # Our own limits are lower: `ExactHandler` refuses what is over them.
                max_line_size=MAX_HEAD,
                max_field_size=MAX_HEAD,
                max_headers=2 * MAX_FIELDS,
            )
        return session

    async def _context(self, verify: bool | str, cert: Any) -> ssl.SSLContext:
        context = self._contexts.get((verify, cert))
        if context is None:
            context = await asyncio.to_thread(tls_context, verify, cert)
            self._contexts[verify, cert] = context
        return context


class CallCookies:
    """The cookies that servers set during one call: a jar for each origin."""

    __slots__ = ("_jars",)

    def __init__(self) -> None:
        self._jars: dict[str, aiohttp.CookieJar] = {}

    def keep(self, exchange: AioExchange) -> None:
        """Keep the cookies that a response sets."""
        hop = exchange.hop
        cookies = exchange.raw.headers.getall("Set-Cookie", ())
        # The URL of a socket file says `localhost`, which is another server.
        if cookies and not hop.request.socket:
            jar = self._jars.get(hop.origin)
            if jar is None:
                jar = aiohttp.CookieJar(unsafe=True)
                self._jars[hop.origin] = jar
            jar.update_cookies_from_headers(cookies, URL(hop.url, encoded=True))

    def headers(self, hop: RedirectedRequest) -> Mapping[str, str]:
        """Return the headers of a request, with the cookies that are kept for it."""
        jar = self._jars.get(hop.origin)
        if jar is None:
            return hop.headers
        headers = Headers(hop.headers)
        pairs = list(self._pairs(jar, hop))
        if given := headers.get("Cookie"):
            pairs.insert(0, given)
        if pairs:
            headers["Cookie"] = "; ".join(pairs)
        return headers

    def _pairs(self, jar: aiohttp.CookieJar, hop: RedirectedRequest) -> Iterator[str]:
        # A value goes back as it came: the jar quotes some that came without marks.
        came = {cookie.coded_value for cookie in jar}
        for name, cookie in jar.filter_cookies(URL(hop.url, encoded=True)).items():
            coded = cookie.coded_value
            yield f"{name}={coded if coded in came else cookie.value}"


def _failure(
    error: BaseException,
    hop: RedirectedRequest,
    upload: Upload | None = None,
    *,
    reading: bool = False,
) -> Exception:
    """Return our error for one of `aiohttp`, or the error that stopped the upload."""
    if upload is not None and upload.failure is not None:
        return upload.failure
    if isinstance(error.__cause__, ssl.SSLError):
        error = error.__cause__
    cause = next(cause for kind, cause in _CAUSES if isinstance(error, kind))
    timed_out = isinstance(error, TimeoutError)
    return failures.failed(
        cause,
        error,
        hop.request,
        url=hop.redirected_to,
        timed_out=timed_out,
        reading=reading,
    )


def _basic(user: str, password: str) -> str:
    login = f"{user}:{password}"
    return "Basic " + base64.b64encode(login.encode("latin-1", "replace")).decode()


@lru_cache(64)
def _timeouts(timeout: Timeout) -> aiohttp.ClientTimeout:
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return aiohttp.ClientTimeout(
        total=None, connect=connect, sock_connect=connect, sock_read=read
    )
