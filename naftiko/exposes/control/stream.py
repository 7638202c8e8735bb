"""`LogStream`: the log lines of the server as server-sent events, as they are written.

A subscriber gets one event for each line. A comment after 15 silent seconds keeps
proxies from closing the connection::

    : connected
    data: {"time": "…", "level": "info", "logger": "naftiko.access", "message": "…"}
    : alive

This module must not know which requests may subscribe.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.exposes.http.scope import Receive, Send
    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.plain import JSON

EVENT_STREAM = "text/event-stream"
#: Seconds without a line after which a comment shows that the stream is alive.
_PING = 15.0
#: Lines that wait for a slow subscriber; newer ones are dropped.
_QUEUE = 1000
_HEADERS = (
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


class LogStream:
    """Serve the log lines to every subscriber until it leaves or the server stops.

    Attributes:
        subscribers: The number of open streams.
    """

    def __init__(self) -> None:
        self.subscribers = 0
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """End all streams."""
        self._draining.set()

    async def serve(self, logs: LatestLines, receive: Receive, send: Send) -> None:
        """Send new log lines until the subscriber hangs up or `drain` is called."""
        with self._subscribed(logs) as queue:
            ends = [
                asyncio.create_task(_disconnected(receive)),
                asyncio.create_task(self._draining.wait()),
            ]
            try:
                start = {"type": "http.response.start", "status": 200}
                await send({**start, "headers": list(_HEADERS)})
                await send(_event(": connected"))
                while not any(task.done() for task in ends):
                    await send(_event(await _next(queue, ends)))
                await send({"type": "http.response.body", "body": b""})
            finally:
                for task in ends:
                    task.cancel()

    @contextmanager
    def _subscribed(self, logs: LatestLines) -> Iterator[asyncio.Queue[JSON]]:
        """Yield a queue that gets each new line."""
        queue: asyncio.Queue[JSON] = asyncio.Queue(_QUEUE)
        loop = asyncio.get_running_loop()

        def put(line: JSON) -> None:
            if not queue.full():
                queue.put_nowait(line)

        def tell(line: JSON) -> None:
            # Lines come from any thread, also from one that outlives the event loop.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(put, line)

        self.subscribers += 1
        logs.listeners.add(tell)
        try:
            yield queue
        finally:
            self.subscribers -= 1
            logs.listeners.discard(tell)


async def _next(queue: asyncio.Queue[JSON], ends: list[asyncio.Task[Any]]) -> str:
    """Return the next line as an event, or a comment after a silent while."""
    line = asyncio.create_task(queue.get())
    await asyncio.wait([line, *ends], timeout=_PING, return_when="FIRST_COMPLETED")
    if line.done():
        return f"data: {json.dumps(line.result(), default=str, ensure_ascii=False)}"
    line.cancel()
    return ": alive"


def _event(text: str) -> dict[str, Any]:
    body = f"{text}\n\n".encode()
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
