"""A response without an end → the caller, while it arrives.

    text/event-stream, NDJSON            as they are, with their media type
    frames of a container's log          the same; text/plain if `Accept` names a text
    any of them, and outputs             NDJSON of the shaped values, or events

The head is sent as soon as it is there. When the caller hangs up, the upstream
connection is closed with it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from naftiko.exposes.gathering import arriving, whole_response
from naftiko.exposes.http.answers import FIXED_HEADERS, json_bytes, policy_for
from naftiko.formats.media import (
    EVENT_STREAM_TYPE,
    MULTIPLEXED_TYPE,
    SEQUENCE_TYPES,
    UNNAMED_FRAME_TYPES,
    format_of,
    is_stream,
)
from naftiko.formats.multiplexed import Demultiplexer, begins_frame, may_begin_frame
from naftiko.functions.arrivals import Settling, ShapedArrivals
from naftiko.http import media_type_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from naftiko.exposes.gathering import Arriving
    from naftiko.exposes.http.inbound import Inbound
    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON
    from naftiko.transport.messages import Response
    from naftiko.transport.streams import AsyncStreamedResponse

NDJSON_TYPE = "application/x-ndjson"
PLAIN_TEXT = "text/plain; charset=utf-8"


def wants_text(exchange: Inbound) -> bool:
    """Tell whether the `Accept` header names a text, as that of a browser does."""
    accept = exchange.headers.get(b"accept", b"")
    return bool(accept) and accept.lower().find(b"text/") >= 0


async def pass_on(
    exchange: Inbound,
    response: AsyncStreamedResponse,
    follows: bool = False,
    *,
    as_text: bool = False,
) -> None:
    """Send a response to the caller as it arrives.

    Args:
        exchange: The request of the caller.
        response: The response.
        follows: The call asked for an answer without end; that makes no difference.
        as_text: Frames become text, whatever `Accept` names.

    Raises:
        TransportError: It broke off. The head is sent, so the answer breaks off too.
    """
    kind = media_type_of(response.content_type)
    content_type, chunks = response.content_type, aiter(response)
    if as_text or wants_text(exchange):
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
    head = [*FIXED_HEADERS, *policy_for(content_type)]
    if content_type:
        head.append((b"content-type", content_type.encode("latin-1", "replace")))
    await exchange.begin(response.status, head)
    if not exchange.is_head:
        async for chunk in chunks:
            await exchange.send(
                {"type": "http.response.body", "body": chunk, "more_body": True}
            )
    await exchange.send({"type": "http.response.body", "body": b""})


def streamed_type(exchange: Inbound) -> str:
    """Return the media type of a stream that the `Accept` header names, if any.

    "application/jsonl, */*;q=0.1"  →  "application/x-ndjson"
    """
    accept = exchange.headers.get(b"accept", b"").decode("latin-1")
    kinds = {media_type_of(part) for part in accept.split(",")}
    if kinds & SEQUENCE_TYPES:
        return NDJSON_TYPE
    return EVENT_STREAM_TYPE if EVENT_STREAM_TYPE in kinds else ""


class Shaping:
    """An answer without an end, each of its values shaped as the outputs say.

    It is begun at once where the type of the answer, or the caller, asks for a stream.
    Any other answer is one value if it ends soon, and a stream if it does not.

    Args:
        exchange: The request of the caller.
        plan: The function; one with outputs and one call.
        longest: Seconds until at least one value of the answer has to be complete.
    """

    def __init__(self, exchange: Inbound, plan: Plan, longest: float) -> None:
        self._exchange = exchange
        self._plan = plan
        self._longest = longest
        #: Of nearly every request, the answer has an end, and this is not asked.
        self._asked = ""

    async def pass_on(
        self, response: AsyncStreamedResponse, follows: bool
    ) -> Response | None:
        """Send the shaped values of a response; return it whole if it ends soon.

        Raises:
            CallError: It broke off, cannot be read, or reports a failure at its end.
            TimeoutError: Not one value is complete after the longest time.
        """
        kind = response.content_type
        shape, operation = self._plan.arriving_shape, self._plan.operation
        assert shape is not None
        assert operation is not None
        if shape.is_identity and shape.takes_text and format_of(kind) != "json":
            await pass_on(self._exchange, response, as_text=True)
            return None
        results = ShapedArrivals(operation, response.request, kind, shape)
        self._asked = streamed_type(self._exchange)
        is_begun = self._asked or is_stream(kind, follows=follows)
        async with arriving(response) as source:
            ready: list[JSON] = []
            if not is_begun:
                loop = asyncio.get_running_loop()
                settling = Settling(response.request, results, loop.time())
                if await self._ends_soon(source, settling):
                    return whole_response(response, settling.body)
                ready = settling.ready
            await self._begin(response.status)
            if not self._exchange.is_head:
                await self._send(ready)
                while chunk := await source.next():
                    await self._send(results.feed(chunk))
                await self._send(results.end())
        await self._exchange.send({"type": "http.response.body", "body": b""})
        return None

    async def _ends_soon(self, source: Arriving, settling: Settling) -> bool:
        """Read an answer until it ends, or until it counts as a stream."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._longest
        while not settling.is_stream(now := loop.time()):
            if now >= end:
                raise TimeoutError
            wait, left = settling.wait(now), end - now
            chunk = await source.next(left if wait is None else min(wait, left))
            if chunk == b"":
                return True
            if chunk is not None:
                settling.add(chunk, loop.time())
        return False

    async def _begin(self, status: int) -> None:
        kind = self._asked or NDJSON_TYPE
        head = [*FIXED_HEADERS, (b"content-type", kind.encode())]
        await self._exchange.begin(status, head)

    async def _send(self, values: Iterable[JSON]) -> None:
        if self._asked == EVENT_STREAM_TYPE:
            lines = (b"data: %b\n\n" % json_bytes(value) for value in values)
        else:
            lines = (b"%b\n" % json_bytes(value) for value in values)
        for line in lines:
            await self._exchange.send(
                {"type": "http.response.body", "body": line, "more_body": True}
            )


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
