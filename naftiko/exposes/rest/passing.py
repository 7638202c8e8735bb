"""A response without an end → the caller, while it arrives.

    text/event-stream, NDJSON            as they are, with their media type
    frames of a container's log          the same; text/plain if `Accept` names a text

The head is sent as soon as it is there. When the caller hangs up, the upstream
connection is closed with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.exposes.http.answers import FIXED_HEADERS
from naftiko.formats.media import MULTIPLEXED_TYPE, UNNAMED_FRAME_TYPES
from naftiko.formats.multiplexed import Demultiplexer, begins_frame, may_begin_frame
from naftiko.http import media_type_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from naftiko.exposes.http.inbound import Inbound
    from naftiko.transport.streams import AsyncStreamedResponse

PLAIN_TEXT = "text/plain; charset=utf-8"


def wants_text(exchange: Inbound) -> bool:
    """Tell whether the `Accept` header names a text, as that of a browser does."""
    return b"text/" in exchange.headers.get(b"accept", b"").lower()


async def pass_on(exchange: Inbound, response: AsyncStreamedResponse) -> None:
    """Send a response to the caller as it arrives.

    Raises:
        TransportError: It broke off. The head is sent, so the answer breaks off too.
    """
    kind = media_type_of(response.content_type)
    content_type, chunks = response.content_type, aiter(response)
    if wants_text(exchange):
        if kind == MULTIPLEXED_TYPE:
            content_type, chunks = PLAIN_TEXT, _texts(chunks)
        elif kind in UNNAMED_FRAME_TYPES:
            # Only the first bytes tell; without them there is no head to send either.
            first = b""
            while may_begin_frame(first) and (chunk := await anext(chunks, b"")):
                first += chunk
            is_framed = begins_frame(first)
            chunks = _with_first(first, chunks)
            if is_framed:
                content_type, chunks = PLAIN_TEXT, _texts(chunks)
    head = [*FIXED_HEADERS]
    if content_type:
        head.append((b"content-type", content_type.encode("latin-1", "replace")))
    await exchange.begin(response.status, head)
    if not exchange.is_head:
        async for chunk in chunks:
            await exchange.send(
                {"type": "http.response.body", "body": chunk, "more_body": True}
            )
    await exchange.send({"type": "http.response.body", "body": b""})


async def _with_first(
    first: bytes, chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in chunks:
        yield chunk


async def _texts(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the text of frames, in the order in which it was written."""
    demultiplexer = Demultiplexer()
    async for chunk in chunks:
        if text := "".join(part.text for part in demultiplexer.feed(chunk)):
            yield text.encode()
    if text := "".join(part.text for part in demultiplexer.end()):
        yield text.encode()
