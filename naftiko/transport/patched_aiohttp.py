"""Parts of `aiohttp` that are replaced because it has no option for what is needed.

Private or undocumented names that this module and `aio_pool` rely on (a test checks
each; `pyproject.toml` caps the version below the next minor release):

- `ClientRequest`, passed as `request_class`, is built with the methods
  `update_auto_headers`, `update_body_from_data(body, _stacklevel)` and
  `update_expect_continue(expect)`, and has the attributes `POST_METHODS` and `_body`.
- `Payload` has the attribute `_consumed`, and works without its `__init__`.
- `ClientResponse.connection.protocol` is a `ResponseHandler` whose property
  `read_timeout` may be set to `None`. A connector makes it by its `_factory`. It has
  the methods `data_received(data)`, `connection_lost(error)`, `set_exception(error)`,
  `force_close()` and `_reschedule_timeout()`, and the attributes `_parser`, a new one
  for each response, `_skip_payload` for one without a body, `_payload` and
  `transport`.

This module must not know redirects or sessions.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from naftiko.errors import TransportError
from naftiko.transport.redirects import RedirectedRequest, refusal
from naftiko.transport.streams import CHUNK
from naftiko.transport.wire.chunks import ChunkReader
from naftiko.transport.wire.heads import (
    BEGINNING,
    HEAD_TOO_LONG,
    LINE_TOO_LONG,
    MAX_HEAD,
    MAX_INTERIM,
    MAX_LINE,
    NO_HTTP,
    TOO_MANY_INTERIM,
    Unreadable,
    parse_head,
    write_head,
)
from naftiko.transport.wire.plain_heads import plain_head

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from naftiko.transport.wire.heads import ResponseHead

#: Bytes of a body that are written at once: no transport holds them up.
_AT_ONCE = CHUNK // 2
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LAST_CHUNK = b"0\r\n\r\n"


class ExactRequest(aiohttp.ClientRequest):
    """A request with the headers that it was given, and none of aiohttp's own."""

    #: aiohttp adds a `Content-Type` for these methods.
    POST_METHODS: set[str] = set()  # noqa: RUF012

    def update_auto_headers(self, skip_auto_headers: Any) -> None:
        """Add nothing: `User-Agent` and `Accept` are the caller's."""

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        """Take the body as it is; its length is among the headers already."""
        self._body = body

    def update_expect_continue(self, expect: bool = False) -> None:
        """Do not wait for `100 Continue`: some servers never send it."""


#: Called by its name: `super()` takes three times as long, for each piece that comes.
_receive = ResponseHandler.data_received


class ExactHandler(ResponseHandler):
    """A connection whose responses are read by the rules of `wire`.

    The parser of aiohttp gets a corrected head, chunks without extensions, and nothing
    behind the end of a response.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        #: The beginning of a head, until it is complete.
        self._came = b""
        self._interim = 0
        self._is_head = False
        #: The parser of the response that is read.
        self._reading: object = None
        #: Gives the bytes of the body to the parser; `None` while a head is read.
        self._feed: Callable[[bytes], None] | None = self._feed_nothing
        self._left = 0
        self._chunks = ChunkReader()

    def data_received(self, data: bytes) -> None:
        """Read a piece of a response."""
        parser = self._parser
        if not data or parser is None:
            _receive(self, data)
            return
        if parser is not self._reading:
            # aiohttp makes a parser for each request: this is a new response.
            self._reading = parser
            self._came, self._interim, self._is_head = b"", 0, self._skip_payload
            plain = None if self._is_head else plain_head(data)
            if plain is not None:
                # The parser gets it as it came: the head, and the body behind it.
                self._left = sum(plain)
                self._feed = self._feed_counted
                self._feed_counted(data)
                return
            self._feed = None
        try:
            if self._feed is None:
                self._read_head(data)
            else:
                self._feed(data)
        except Unreadable as error:
            self._refuse(error)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the response that is being read."""
        if self._feed is None and self._came:
            self.set_exception(aiohttp.ClientPayloadError("the head is cut off"))
        elif self._feed == self._feed_chunks and self._chunks.is_whole:
            super().data_received(_LAST_CHUNK)
        super().connection_lost(exc)

    def _refuse(self, error: Unreadable) -> None:
        if self.transport is not None:
            self.transport.close()
        if self._payload is not None:
            self._payload.set_exception(error)
        self.set_exception(error)

    def _read_head(self, data: bytes) -> None:
        begin = max(len(self._came) - 3, 0)
        came = self._came + data
        while True:
            if came[:1] in (b"\r", b"\n"):
                came, begin = came.lstrip(b"\r\n"), 0
            if came[: len(BEGINNING)] != BEGINNING[: len(came)]:
                raise Unreadable(NO_HTTP)
            end = _END_OF_HEAD.search(came, begin)
            if end is None:
                if len(came) > MAX_HEAD:
                    raise Unreadable(HEAD_TOO_LONG)
                if len(came) - came.rfind(b"\n") > MAX_LINE + 1:
                    raise Unreadable(LINE_TOO_LONG)
                self._came = came
                self._reschedule_timeout()
                return
            head = parse_head(came[: end.end()], is_head=self._is_head)
            came, begin = came[end.end() :], 0
            if not head.is_interim:
                self._begin(head, came)
                return
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise Unreadable(TOO_MANY_INTERIM)

    def _begin(self, head: ResponseHead, body: bytes) -> None:
        """Give a head, and the part of the body that came with it, to the parser."""
        self._came = b""
        if not head.stays_open:
            self.force_close()
        written = write_head(head)
        if head.is_chunked:
            self._chunks = ChunkReader()
            self._feed = self._feed_chunks
        elif head.length is None or head.status == 101:
            self._feed = super().data_received
        else:
            self._left = head.length
            self._feed = self._feed_counted if head.length else self._feed_nothing
        if self._feed == self._feed_counted and len(body) <= self._left:
            # The usual response: head and body in one piece.
            self._left -= len(body)
            super().data_received(written + body)
            if not self._left:
                self._feed = self._feed_nothing
            return
        super().data_received(written)
        if body:
            self._feed(body)

    def _feed_counted(self, data: bytes) -> None:
        left = self._left - len(data)
        self._left = max(left, 0)
        if left <= 0:
            self._feed = self._feed_nothing
        if left >= 0:
            _receive(self, data)
        else:
            _receive(self, data[:left])
            self._feed_nothing(data[left:])

    def _feed_chunks(self, data: bytes) -> None:
        chunks = self._chunks
        part = chunks.feed(data)
        written = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
        if chunks.is_over:
            self._feed = self._feed_nothing
            written += _LAST_CHUNK
        if written:
            super().data_received(written)
        else:
            self._reschedule_timeout()
        if chunks.rest:
            self._feed_nothing(chunks.rest)

    def _feed_nothing(self, data: bytes) -> None:
        """Leave out bytes behind the end of a response, and close the connection."""
        if data.strip(b"\r\n"):
            self.force_close()
            if self.transport is not None:
                self.transport.close()


def use_exact_handlers(connector: aiohttp.BaseConnector) -> None:
    """Let a connector make connections of `ExactHandler`; called in its event loop."""
    handler: Any = partial(ExactHandler, loop=asyncio.get_running_loop())
    connector._factory = handler


class Upload(aiohttp.Payload):
    """A body that is sent in parts, each of them within the timeout.

    Attributes:
        failure: What was raised while the body was read, if anything was.
    """

    # `Payload.__init__` makes headers that nobody sends.
    def __init__(
        self, hop: RedirectedRequest, length: int | None, patience: float | None
    ) -> None:
        self._hop = hop
        self._length = length
        self._patience = patience
        self._connection: asyncio.WriteTransport | None = None
        self.failure: Exception | None = None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Show nothing of the body."""
        return ""  # pragma: no cover - a payload must have it; it is never called

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the body."""
        # aiohttp below 3.14.4 would send the rest of a half-sent body.
        if self._consumed:  # pragma: no cover - of the lowest version
            what = "the server closed the connection without a response"
            self.failure = refusal(what, self._hop.request, was_sent=True)
            raise self.failure
        self._connection = writer.transport
        body = self._hop.body
        if isinstance(body, bytes) and len(body) <= _AT_ONCE:
            await writer.write(body)
            return
        try:
            await self._write(writer)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Abort the connection; closing waits for a server that does not read."""
        if self._connection is not None:
            self._connection.abort()

    async def _write(self, writer: AbstractStreamWriter) -> None:
        size = 0
        async with aclosing(self._parts()) as parts:
            async for part in parts:
                size += len(part)
                if self._length is not None and size > self._length:
                    raise self._failed(f"is longer than {self._length:,} bytes")
                async with asyncio.timeout(self._patience):
                    await writer.write(part)
        if self._length is not None and size < self._length:
            raise self._failed(f"ends after {size:,} of {self._length:,} bytes")
        async with asyncio.timeout(self._patience):
            await writer.drain()

    async def _parts(self) -> AsyncGenerator[bytes, None]:
        body: Any = self._hop.body
        try:
            if isinstance(body, bytes):
                view = memoryview(body)
                for begin in range(0, len(body), CHUNK):
                    yield bytes(view[begin : begin + CHUNK])
            elif hasattr(body, "__aiter__"):
                # Half of the body may be gone: a dead connection is not replaced.
                self._consumed = True
                async for part in body:
                    yield part
            else:
                async with aclosing(self._waiting_parts()) as parts:
                    async for part in parts:
                        yield part
        except OSError as error:
            raise self._failed(f"cannot be read: {error.strerror or error}") from None
        except Exception as error:
            self.failure = error
            raise

    async def _waiting_parts(self) -> AsyncGenerator[bytes, None]:
        """Yield the parts of a body that blocks when read: a file or an iterator."""
        hop = self._hop
        await asyncio.to_thread(hop.open)
        self._consumed = not await asyncio.to_thread(hop.rewind)
        content = hop.content
        parts = (
            iter(partial(content.read, CHUNK), b"")
            if hasattr(content, "read")
            else iter(content)
        )
        try:
            while (part := await asyncio.to_thread(next, parts, None)) is not None:
                yield part
        finally:
            hop.close()

    def _failed(self, what: str) -> TransportError:
        self.failure = error = refusal(f"the body {what}", self._hop.request)
        return error


def let_rest(protocol: ResponseHandler | None) -> None:
    """Switch off the read timeout of a connection whose response has arrived.

    aiohttp 3.14 starts the timeout again when the buffered body is read, although no
    more bytes are expected. When it ran out, the next request on that connection would
    fail.
    """
    if protocol is not None:
        protocol.read_timeout = None  # the next request sets its own


async def framed_headers(
    hop: RedirectedRequest, headers: Mapping[str, str]
) -> tuple[dict[str, str], int | None]:
    """Return headers that say how long the body is, and its length if it is known."""
    if hop.body is None or isinstance(hop.body, bytes):
        hop.open()
    else:
        await asyncio.to_thread(hop.open)
        hop.close()  # it is opened again each time that it is sent
    length = hop.length
    framed: dict[str, str] = {}
    for name, value in headers.items():
        folded = name.lower()
        if folded == "content-length" and length is None and value.isdigit():
            length = int(value)
        elif folded not in ("content-length", "transfer-encoding"):
            framed[name] = value
    if length is not None:
        framed["Content-Length"] = str(length)
    return framed, length
