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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from naftiko.exposes.http.scope import Receive, Send
    from naftiko.plain import JSON

    #: Opens a queue that gets each new line.
    Lines = AbstractContextManager[asyncio.Queue[JSON]]

EVENT_STREAM = "text/event-stream"
#: Seconds without a line after which a comment shows that the stream is alive.
_PING = 15.0
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

    async def serve(self, lines: Lines, receive: Receive, send: Send) -> None:
        """Send new log lines until the subscriber hangs up or `drain` is called."""
        self.subscribers += 1
        try:
            await self._serve(lines, receive, send)
        finally:
            self.subscribers -= 1

    async def _serve(self, lines: Lines, receive: Receive, send: Send) -> None:
        with lines as queue:
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
