"""Connections of an event loop for `AioTransport`, and one exchange over one of them.

    AioPool.origin(hop) ──► AioOrigin      settings, looked up once per origin
    AioPool.exchange(hop, origin) ──► AioExchange      status and headers are there
    AioExchange.read / chunks / finish      the body

This module must not know redirects or how a request is signed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import partial
from io import BytesIO
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from naftiko.http import BODILESS_METHODS, IDEMPOTENT_METHODS
from naftiko.records.tuples import NamedTuple
from naftiko.transport import failures
from naftiko.transport.encodings import Damaged, unpacker_of
from naftiko.transport.environment import ConnectionSettings, tls_context, with_login
from naftiko.transport.failures import ERRORS
from naftiko.transport.messages import Headers
from naftiko.transport.redirects import RedirectedRequest, damaged, refusal, too_large
from naftiko.transport.sockets.connection import IncomingResponse, Lost
from naftiko.transport.sockets.peers import Peer, authority_of, peer_of
from naftiko.transport.sockets.pool import Connections
from naftiko.transport.sockets.upload import AT_ONCE, Upload, framed
from naftiko.transport.wire.request_heads import request_head
from naftiko.transport.wire.responses import CHUNK, NothingCame
from naftiko.transport.wire.totals import SMALL, UNLIMITED, Holder

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from naftiko.transport.base import Timeout
    from naftiko.transport.wire.heads import ResponseHead

_MOST_ORIGINS = 1024
#: Seconds of decompressing after which other tasks of the event loop get their turn.
_TURN = 0.004


class AioOrigin(NamedTuple):
    """An origin and the settings of its connections.

    Attributes:
        connections: The connections; `None` behind a proxy: `requests` is used then.
        authority: Host and port as they stand in a URL.
        login: The `Authorization` for a login of `.netrc`, or an empty text.
    """

    connections: Connections | None
    authority: str = ""
    login: str = ""


class AioExchange:
    """A response whose body is not read yet; the request may still be on its way.

    Attributes:
        hop: The request that was sent.
        head: The head of the response.
        status: Its status code.
        headers: Its headers; the values of a repeated name are joined.
    """

    __slots__ = ("_reply", "_upload", "head", "headers", "hop", "status")

    def __init__(
        self,
        hop: RedirectedRequest,
        head: ResponseHead,
        reply: IncomingResponse,
        upload: Upload | None,
    ) -> None:
        self.hop = hop
        self.head = head
        self.status = head.status
        self.headers = Headers.joined(head.pairs, hop.request.secrets)
        self._reply = reply
        self._upload = upload

    @property
    def reason(self) -> str:
        """The reason phrase; may be empty."""
        return self.head.reason

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The headers as they came, read as Latin-1, as `http.client` reads them."""
        return self.head.pairs

    def whole(self, limit: int) -> bytes | None:
        """Return a small body that has come as a whole, and needs no unpacking."""
        reply = self._reply
        if (
            reply.is_over
            and reply.size <= min(limit, SMALL)
            and "Content-Encoding" not in self.headers
        ):
            return reply.take()
        return None

    async def read(self, limit: int, held: Holder | None = None) -> bytes:
        """Return the body; its connection is free afterwards, or closed.

        Raises:
            TransportError: The body breaks off, is damaged, or has over `limit` bytes.
            NoRoom: It has more bytes than may be held at the moment.
        """
        hop = self.hop
        try:
            if (self.head.length or 0) > limit:
                raise too_large(hop.request, limit)
            if "Content-Encoding" in self.headers:
                body, size = await self._unpacked(limit, held or UNLIMITED.holder())
            else:
                body, size = await self._plain(limit, held or UNLIMITED.holder())
            if size > limit:
                raise too_large(hop.request, limit)
            return body.getvalue()
        except ERRORS as error:
            raise _failure(error, hop, self._upload, reading=True) from None
        finally:
            self.end()

    async def _plain(self, limit: int, held: Holder) -> tuple[BytesIO, int]:
        # Joining pieces at the end would hold the body twice.
        body, size = BytesIO(), 0
        while chunk := await self._reply.next_piece():
            # One that is too large by itself is not told as one too many.
            if (size := size + len(chunk)) > limit:
                break
            held.hold(len(chunk))
            body.write(chunk)
        return body, size

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
        hop = self.hop
        received = 0
        try:
            encoding = self.headers.get("Content-Encoding") if decode else None
            unpacker = unpacker_of(encoding, most)
            while chunk := await self._reply.next_piece():
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
        except ERRORS as error:
            raise _failure(error, hop, self._upload, reading=True) from None

    async def finish(self) -> None:
        """End a response that is not needed; a small body frees its connection."""
        try:
            length = self.head.length
            if length is not None and length <= CHUNK:
                with suppress(*ERRORS):
                    while await self._reply.next_piece():
                        pass
        finally:
            self.end()
        if self._upload is not None:
            await self._upload.stopped()  # the next request may send the same body

    def wait_for_ever(self) -> None:
        """Let the body be silent for any time: its timeout between two parts ends."""
        self._reply.wait_for_ever()

    def end(self) -> None:
        """Close the connection, unless the response has ended."""
        self._reply.give_up()


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
        #: Those in use: connections that are open keep them.
        self._places: WeakValueDictionary[Peer, Connections] = WeakValueDictionary()
        self._contexts: dict[tuple[Any, Any], ssl.SSLContext] = {}
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def close(self) -> None:
        """Close every connection, those of responses that are being read included."""
        for connections in list(self._places.values()):
            await connections.close()

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
            headers: Its headers, cookies included.
            origin: The origin that it goes to; one with connections.
            timeout: Seconds, or (seconds to connect, seconds between two parts).

        Raises:
            TransportError: No usable response came back.
        """
        connect, patience = timeout if isinstance(timeout, tuple) else (timeout,) * 2
        if origin.login and not hop.request.is_identified:
            headers = with_login(headers, origin.login)
        content: bytes | None = b""
        length: int | None = None
        if hop.body is not None or hop.method not in BODILESS_METHODS:
            headers, length = await framed(hop, headers)
            content = _small_content(hop)
        connections, upload = origin.connections, None
        assert connections is not None
        can_repeat = hop.method in IDEMPOTENT_METHODS
        try:
            head = request_head(hop.method, hop.target, origin.authority, headers)
        except ValueError as error:
            raise _failure(error, hop) from None
        while True:
            reply = IncomingResponse(self._loop or self._running())
            try:
                connection = connections.take() or await connections.opened(connect)
                if content is None:
                    upload = Upload(hop, length, patience)
                connection.begin(
                    reply, head, content, upload, patience, is_head=hop.method == "HEAD"
                )
                while reply.head is None:
                    await reply.news()
                return AioExchange(hop, reply.head, reply, upload)
            except BaseException as error:
                reply.give_up()
                if not isinstance(error, ERRORS):
                    raise
                # The server may have closed the connection at this very moment.
                is_dead = isinstance(error, (NothingCame, Lost))
                if not (can_repeat and is_dead) or connections.is_closed:
                    raise _failure(error, hop, upload) from None
                if upload is not None:
                    await upload.stopped()
                    if upload.is_consumed or upload.failure is not None:
                        raise _failure(error, hop, upload) from None
                can_repeat = False
                connections.drop_resting()

    def _running(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        return self._loop

    # --- origins ----------------------------------------------------------------------

    def known(self, hop: RedirectedRequest) -> AioOrigin | None:
        """Return the origin of a request, if it was looked up before."""
        path = hop.request.socket if hop.is_first_origin else ""
        return self._origins.get((hop.is_first_origin, path, hop.origin))

    async def origin(self, hop: RedirectedRequest) -> AioOrigin:
        """Return the origin of a request, looked up once.

        Raises:
            TransportError: Its certificates cannot be read, or its URL is malformed.
        """
        path = hop.request.socket if hop.is_first_origin else ""
        key = (hop.is_first_origin, path, hop.origin)
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
            return AioOrigin(self._connections(Peer("", 0, path)), "localhost")
        look_up = partial(
            self._settings.look_up, origin, is_first_origin=is_first_origin
        )
        settings = await asyncio.to_thread(look_up)
        if settings.proxy:
            return AioOrigin(None)
        is_tls = origin.startswith("https:")
        tls = await self._context(settings.verify, settings.cert) if is_tls else None
        connections = self._connections(peer_of(origin, tls))
        return AioOrigin(connections, authority_of(origin), settings.authorization)

    def _connections(self, place: Peer) -> Connections:
        connections = self._places.get(place)
        if connections is None:
            connections = Connections(place, self._pool_size)
            self._places[place] = connections
        return connections

    async def _context(self, verify: bool | str, cert: Any) -> ssl.SSLContext:
        context = self._contexts.get((verify, cert))
        if context is None:
            context = await asyncio.to_thread(tls_context, verify, cert)
            self._contexts[verify, cert] = context
        return context


def _small_content(hop: RedirectedRequest) -> bytes | None:
    """Return a body that is written with its head, or `None` for another one."""
    if hop.body is None:
        return b""
    is_small = isinstance(hop.body, bytes) and len(hop.body) <= AT_ONCE
    return hop.content if is_small else None


def _failure(
    error: BaseException,
    hop: RedirectedRequest,
    upload: Upload | None = None,
    *,
    reading: bool = False,
) -> Exception:
    """Return our error for another one, or the error that stopped the upload."""
    if upload is not None and upload.failure is not None:
        return upload.failure
    return failures.failure(error, hop.request, url=hop.redirected_to, reading=reading)
