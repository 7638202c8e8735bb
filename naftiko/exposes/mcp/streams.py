"""The HTTP responses of MCP: one JSON text, or a stream of events.

    work that ends soon       →  its answer, alone
    notifications before it   →  a stream: they, and then the answer
    silence for 15 seconds    →  a stream too, which a comment keeps open

A stream begins when it must, so the status of an error can still be told. This module
must not know what a message means.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.patrol import patrol_of
from naftiko.exposes.http.scope import BODY_FOLLOWS
from naftiko.exposes.mcp.protocol.events import PING, EventLog, event, priming
from naftiko.exposes.mcp.protocol.revisions import PRIMED, RESUMABLE

if TYPE_CHECKING:
    from naftiko.exposes.http.patrol import Patrol
    from naftiko.exposes.http.scope import Receive, Send
    from naftiko.exposes.mcp.protocol.accepting import Accepted

    Pairs = list[tuple[bytes, bytes]]
    #: What is to be sent on a stream; `None` ends it.
    Queue = asyncio.Queue[bytes | None]

#: Seconds of silence after which a comment keeps a stream open.
SILENCE = 15.0
#: Seconds after which a stream that has to come begins: some clients do not wait long
#: for the head of a response.
_PATIENCE = 0.25
_JSON_TYPE = (b"content-type", b"application/json")
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class PostReply:
    """The response to one POST.

    Args:
        send: The `send` of the request.
        takes: The media types that the client takes.
        headers: Headers of every response.
        is_stream: A single answer is a stream of one event, where the client takes it.
    """

    __slots__ = (
        "_headers", "_is_primed", "_is_stream", "_lock", "_log", "_patrol", "_pings",
        "_send", "_takes", "follower", "is_begun", "number",
    )  # fmt: skip

    def __init__(
        self, send: Send, takes: Accepted, headers: Pairs, *, is_stream: bool
    ) -> None:
        self._send = send
        self._takes = takes
        self._headers = headers
        self._is_stream = is_stream and takes.stream
        self._lock: asyncio.Lock | None = None
        self._log: EventLog | None = None
        self._is_primed = False
        #: The number of the stream in the log, once it has begun.
        self.number = 0
        #: What begins to send comments, and what sends them.
        self._patrol: Patrol | None = None
        self._pings: asyncio.Task[None] | None = None
        #: Whether a stream has begun.
        self.is_begun = False
        #: The stream on which the client resumes this one.
        self.follower: Queue | None = None

    def watch_silence(self) -> None:
        """Begin a stream, with a comment, when there is silence for too long."""
        if self._takes.stream:
            loop = asyncio.get_running_loop()
            pause = min(SILENCE, _PATIENCE) if self._is_stream else SILENCE
            self._patrol = patrol_of(loop, pause)
            self._patrol.enter(self)

    def start(self) -> None:
        """Begin a stream: there has been silence for too long."""
        self._pings = asyncio.get_running_loop().create_task(self._ping())

    async def _ping(self) -> None:
        while True:
            await self._write(PING)
            await asyncio.sleep(SILENCE)

    def keep_in(self, log: EventLog, revision: str) -> None:
        """Keep the events of the stream, once it has begun, where it can be resumed."""
        if revision in RESUMABLE:
            self._log = log
            self._is_primed = revision in PRIMED

    def stop(self) -> None:
        """Send no more comments: nobody hears them."""
        if self._patrol is not None:
            self._patrol.leave(self)
        if self._pings is not None:
            self._pings.cancel()

    async def notify(self, message: bytes) -> None:
        """Send a notification; it is left out where the client takes JSON alone."""
        if self._takes.stream:
            await self._write(None, message)

    async def finish(self, message: bytes, status: int = 200) -> None:
        """Send the answer, and end the response."""
        self.stop()
        if self.is_begun:
            await self._write(None, message, is_last=True)
            return
        if status == 200 and (self._is_stream or not self._takes.json):
            message = event(message)
            headers = [*_STREAM_HEADERS, *self._headers]
        else:
            headers = [_JSON_TYPE, *self._headers]
        headers.append((b"content-length", b"%d" % len(message)))
        await _send_whole(self._send, status, headers, message)

    async def _write(
        self, comment: bytes | None, message: bytes = b"", *, is_last: bool = False
    ) -> None:
        """Send a comment, or a message as an event, on the stream."""
        is_first, self.is_begun = not self.is_begun, True
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if is_first:
                await self._begin()
            data = comment or self._event(message)
            if is_last and self._log is not None:
                self._log.end(self.number)
            if self.follower is not None:
                self.follower.put_nowait(data)
                if is_last:
                    self.follower.put_nowait(None)
            await self._send(
                {
                    "type": "http.response.body",
                    "body": data if self.follower is None else b"",
                    "more_body": not is_last,
                }
            )

    async def _begin(self) -> None:
        headers = [*_STREAM_HEADERS, *self._headers]
        await self._send(
            {"type": "http.response.start", "status": 200, "headers": headers}
        )
        if self._log is None:
            return
        self.number = self._log.begin()
        if self._is_primed:
            first = priming(f"{self.number}.0")
            await self._send(
                {"type": "http.response.body", "body": first, "more_body": True}
            )

    def _event(self, message: bytes) -> bytes:
        if self._log is None:
            return event(message)
        return event(message, self._log.add(self.number, message))


async def pump(queue: Queue, receive: Receive, send: Send, headers: Pairs) -> None:
    """Send what is put into a queue, until there is `None` or the client leaves."""

    async def leave() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        queue.put_nowait(None)

    start = {"status": 200, "headers": [*_STREAM_HEADERS, *headers]}
    await send({"type": "http.response.start", **start})
    # The head has to be sent now: a client waits for it before it goes on.
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    leaving = asyncio.ensure_future(leave())
    try:
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    data = await queue.get()
            except TimeoutError:
                data = PING
            if data is None:
                break
            await send({"type": "http.response.body", "body": data, "more_body": True})
    finally:
        leaving.cancel()
    await send({"type": "http.response.body", "body": b""})


async def send_json(
    send: Send, status: int, body: bytes, headers: Pairs | None = None
) -> None:
    """Send a JSON text, or no body at all."""
    pairs: Pairs = [*(headers or ()), (b"content-length", b"%d" % len(body))]
    if body:
        pairs.append(_JSON_TYPE)
    await _send_whole(send, status, pairs, body)


async def _send_whole(send: Send, status: int, headers: Pairs, body: bytes) -> None:
    start: dict[str, Any] = {"type": "http.response.start", "status": status}
    start["headers"], start[BODY_FOLLOWS] = headers, True
    await send(start)
    await send({"type": "http.response.body", "body": body})
