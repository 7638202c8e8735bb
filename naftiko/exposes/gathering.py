"""Chunks of an answer that may have no end, waited for only so long.

    Arriving(chunks)  →  next(wait=1.0), next(…) … b""
    Excerpt(…)        →  the whole response, or what came of it within a time

`Arriving` loses no chunk when a wait ends. This module must not know who is answered.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from naftiko.errors import OutputError
from naftiko.formats.arriving import BodyReader, complete_part
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.plain import seconds_of
from naftiko.transport.messages import Response
from naftiko.transport.redirects import too_large

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from naftiko.exposes.http.callers import Progress
    from naftiko.transport.streams import AsyncStreamedResponse

#: Bytes of an answer without an end after which an excerpt is large enough.
MAX_EXCERPT = 1024 * 1024
#: Seconds in which the end of an answer may follow its last value.
_GRACE = 0.05
#: Seconds between two reports of progress.
_BEAT = 1.0


class Arriving:
    """Chunks that can be waited for a limited time.

    Args:
        chunks: The chunks; only this object reads them.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._awaited: asyncio.Task[bytes] | None = None

    async def next(self, wait: float | None = None) -> bytes | None:
        """Return the next chunk; none at the end, `None` after `wait` seconds.

        Raises:
            TransportError: The response broke off.
        """
        if self._awaited is None:
            self._awaited = asyncio.ensure_future(self._next())
        await asyncio.wait((self._awaited,), timeout=wait)
        if not self._awaited.done():
            return None
        task, self._awaited = self._awaited, None
        return task.result()

    async def _next(self) -> bytes:
        return await anext(self._chunks, b"")

    async def aclose(self) -> None:
        """Stop waiting; a chunk under way is lost."""
        task, self._awaited = self._awaited, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


@asynccontextmanager
async def arriving(response: AsyncStreamedResponse) -> AsyncIterator[Arriving]:
    """Give the chunks of a response; leaving the context stops waiting for more."""
    async with aclosing(Arriving(aiter(response))) as chunks:
        yield chunks


def whole_response(response: AsyncStreamedResponse, body: bytes) -> Response:
    """Return a response that arrived, with its body or a part of it."""
    return Response(response.status, response.headers, body, reason=response.reason)


class Excerpt:
    """What comes of an answer within a time, if it does not end before.

    An answer that is cut off ends with its last complete value. One of which no value
    is complete by then, though some of it came, is read on to its end.

    Args:
        seconds: The time.
        longest: Seconds after which also an incomplete value is given up.
        progress: Told once a second how many seconds have passed, and how many bytes
            came; may be `None`.

    Attributes:
        is_cut: The answer had not ended.
        count: The number of values that came.
        waited: The seconds that were waited.
    """

    def __init__(
        self,
        seconds: float,
        longest: float,
        progress: Progress | None = None,
    ) -> None:
        self._seconds = seconds
        self._longest = longest
        self._progress = progress
        self._reader: BodyReader | None = None
        self.is_cut = False
        self.count = 0
        self.waited = 0.0

    async def take(self, response: AsyncStreamedResponse) -> Response:
        """Return the response, its body whole or cut off.

        Raises:
            TransportError: The response broke off, or is too large.
            TimeoutError: Not one value is complete after the longest time.
        """
        loop = asyncio.get_running_loop()
        self._reader = BodyReader(response.content_type)
        began = beat = loop.time()
        chunks: list[bytes] = []
        size = 0
        async with arriving(response) as source:
            while True:
                now = loop.time()
                self.waited = now - began
                # Half a document would be no JSON; half a log is one.
                is_half = size > 0 and not self.count and self._is_json
                if self.waited >= self._longest and is_half:
                    raise TimeoutError
                is_enough = self.waited >= self._seconds or size > MAX_EXCERPT
                if is_enough and not is_half:
                    self.is_cut = await source.next(_GRACE) != b""
                    break
                if self._progress is not None and now >= beat + _BEAT:
                    beat = now
                    text = f"receiving: {size:,} bytes so far"
                    done, total = round(self.waited), round(self._seconds)
                    await self._progress(done, total, text)
                end = self._longest if is_half else self._seconds
                wait = max(0.0, min(_BEAT, end - self.waited))
                chunk = await source.next(wait)
                if chunk is None:
                    continue
                if not chunk:
                    break
                chunks.append(chunk)
                size += len(chunk)
                self._count(chunk)
                if size > MAX_RESPONSE_BYTES:
                    raise too_large(response.request, MAX_RESPONSE_BYTES)
        body = b"".join(chunks)
        if self.is_cut:
            body = complete_part(body, response.content_type)
        return whole_response(response, body)

    @property
    def _is_json(self) -> bool:
        return self._reader is None or self._reader.way == "values"

    @property
    def note(self) -> str:
        """What a reader has to know of an answer that was cut off; else empty."""
        if not self.is_cut:
            return ""
        if not self.count:
            came = "no complete value of it came"
        else:
            way = "" if self._reader is None else self._reader.way
            what = {"values": "value", "events": "event"}.get(way, "line")
            many = f"{self.count:,} {what}s" if self.count > 1 else f"one {what}"
            came = f"this is what came of it, {many},"
        return (
            f"The answer is still going on: {came} in {seconds_of(round(self.waited))}."
            " It was stopped here. Call again to see later parts, or ask for an answer"
            " that ends."
        )

    def _count(self, chunk: bytes) -> None:
        if self._reader is None:
            return
        try:
            self.count += sum(1 for _ in self._reader.feed(chunk))
        except OutputError:
            # Whoever decodes the whole body tells the fault.
            self._reader = None
