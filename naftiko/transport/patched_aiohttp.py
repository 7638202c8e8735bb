"""Parts of `aiohttp` that are replaced because it has no option for what is needed.

Private or undocumented names that this module and `aio_pool` rely on (a test checks
each; `pyproject.toml` caps the version below the next minor release):

- `ClientRequest`, passed as `request_class`, is built with the methods
  `update_auto_headers`, `update_body_from_data(body, _stacklevel)` and
  `update_expect_continue(expect)`, and has the attributes `POST_METHODS` and `_body`.
- `Payload` has the attribute `_consumed`, and works without its `__init__`.
- `ClientResponse.connection.protocol` is a `ResponseHandler` whose property
  `read_timeout` may be set to `None`.

This module must not know redirects or sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp

from naftiko.errors import TransportError
from naftiko.transport.redirects import RedirectedRequest, refusal
from naftiko.transport.streams import CHUNK

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.client_proto import ResponseHandler

#: Bytes of a body that are written at once: no transport holds them up.
_AT_ONCE = CHUNK // 2


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
            self.failure = refusal(what, self._hop.request)
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
