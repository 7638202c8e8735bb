"""`Upload`: a body that is sent in parts, each of them within the timeout.

    Upload(hop, length).begin(connection)  →  a task that reads and writes
    framed(hop, headers)  →  headers that say how long the body is

Small bodies that are in memory are written with their head. This module must not know
how a response is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from naftiko.errors import TransportError
from naftiko.transport.redirects import RedirectedRequest, bytes_of, refusal
from naftiko.transport.sockets.connection import Lost
from naftiko.transport.sockets.framing import BodyFrames, blocking_parts, framed_headers
from naftiko.transport.wire.responses import CHUNK

if TYPE_CHECKING:
    from naftiko.transport.sockets.connection import PooledConnection

#: Bytes of a body that are written at once: no transport holds them up.
AT_ONCE = CHUNK // 2


class Upload:
    """The body of one request, once it is sent.

    Args:
        hop: The request.
        length: Bytes of the body; `None` for one in chunks.
        patience: Seconds that each part may take.

    Attributes:
        failure: What was raised while the body was read, if anything was.
        is_consumed: A part of it is gone, so it cannot be sent again.
    """

    def __init__(
        self, hop: RedirectedRequest, length: int | None, patience: float | None
    ) -> None:
        self._hop = hop
        self._length = length
        self._patience = patience
        self._connection: PooledConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self.failure: Exception | None = None
        self.is_consumed = False

    def begin(self, connection: PooledConnection) -> None:
        """Send the body, behind a head that is written."""
        self._connection = connection
        self._task = asyncio.get_running_loop().create_task(self._run(connection))

    def stop(self) -> None:
        """Send no more."""
        self._connection = None
        if self._task is not None:
            self._task.cancel()

    async def stopped(self) -> None:
        """Stop, and wait until the body is not used any more."""
        self.stop()
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=self._patience)

    async def _run(self, connection: PooledConnection) -> None:
        try:
            await self._write(connection)
        except Lost:
            pass  # the response tells of it
        except Exception as error:  # noqa: BLE001 - it is raised where the response is awaited
            if self._connection is not None:
                connection.fail(error)
        else:
            if self._connection is not None:
                connection.sent()

    async def _write(self, connection: PooledConnection) -> None:
        frames = BodyFrames(self._hop, self._length)
        async with aclosing(self._parts()) as parts:
            async for part in parts:
                if not (framed := self._framed(frames.frame, part)):
                    continue
                connection.write(framed)
                if connection.is_full:
                    async with asyncio.timeout(self._patience):
                        await connection.has_room()
        if rest := self._framed(frames.end):
            connection.write(rest)

    def _framed(self, frame: Callable[..., bytes], *part: bytes) -> bytes:
        try:
            return frame(*part)
        except TransportError as error:
            self.failure = error
            raise

    async def _parts(self) -> AsyncGenerator[bytes, None]:
        body: Any = self._hop.body
        try:
            if isinstance(body, bytes):
                view = memoryview(body)
                for begin in range(0, len(body), CHUNK):
                    yield bytes(view[begin : begin + CHUNK])
            elif hasattr(body, "__aiter__"):
                # Half of the body may be gone: a dead connection is not replaced.
                self.is_consumed = True
                async for part in body:
                    yield bytes_of(part)
            else:
                async with aclosing(self._waiting_parts()) as parts:
                    async for part in parts:
                        yield part
        except OSError as error:
            what = f"the body cannot be read: {error.strerror or error}"
            request = self._hop.request
            self.failure = refusal(request.mask(what), request)
            raise self.failure from None
        except Exception as error:
            self.failure = error
            raise

    async def _waiting_parts(self) -> AsyncGenerator[bytes, None]:
        """Yield the parts of a body that blocks when read: a file or an iterator."""
        hop = self._hop
        await asyncio.to_thread(hop.open)
        self.is_consumed = not await asyncio.to_thread(hop.rewind)
        parts = blocking_parts(hop.content)
        try:
            while (part := await asyncio.to_thread(next, parts, None)) is not None:
                yield part
        finally:
            hop.close()


async def framed(
    hop: RedirectedRequest, headers: Mapping[str, str]
) -> tuple[dict[str, str], int | None]:
    """Return headers that say how long the body is, and its length if it is known."""
    if hop.body is None or isinstance(hop.body, bytes):
        hop.open()
    else:
        await asyncio.to_thread(hop.open)
        hop.close()  # it is opened again each time that it is sent
    return framed_headers(hop, headers)
