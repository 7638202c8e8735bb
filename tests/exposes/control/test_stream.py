"""`LogStream`: log lines as server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from naftiko.exposes.observability.logs import LatestLines
from naftiko.exposes.state import Host
from support.controlling import app
from support.guarding import ask


def test_log_lines_are_streamed_until_the_server_drains() -> None:
    """Log lines are server-sent events; a subscriber over the limit gets 503."""
    host = Host()
    host.logs = LatestLines()
    logs = {"stream": True, "max-subscribers": 1}

    async def listen() -> tuple[list[Any], int]:
        control = app({"logs": logs}, host=host)
        sent: list[Any] = []
        scope = {"type": "http", "method": "GET", "path": "/logs/stream", "headers": []}

        async def receive() -> Any:
            await asyncio.sleep(60)

        async def keep(message: Any) -> None:
            sent.append(message)

        first = asyncio.create_task(control(scope, receive, keep))
        while len(sent) < 2:
            await asyncio.sleep(0.001)
        second: list[Any] = []

        async def keep_second(message: Any) -> None:
            second.append(message)

        await control(scope, receive, keep_second)
        record = logging.makeLogRecord({"msg": "hello", "name": "naftiko.x"})
        assert host.logs is not None
        host.logs.handle(record)
        while len(sent) < 3:
            await asyncio.sleep(0.001)
        control.drain()
        await asyncio.wait_for(first, 5)
        assert not host.logs.listeners
        return sent, second[0]["status"]

    sent, refused = asyncio.run(listen())
    assert refused == 503
    assert json.loads(sent[2]["body"].removeprefix(b"data: "))["message"] == "hello"
    assert sent[-1] == {"type": "http.response.body", "body": b""}


def test_head_of_the_log_stream_does_not_subscribe() -> None:
    """HEAD gets the headers only, and takes no place of a subscriber."""
    host = Host()
    host.logs = LatestLines()
    control = app({"logs": {"stream": True}}, host=host)
    status, headers, body = ask(control, "/logs/stream", method="HEAD")
    assert (status, body) == (200, b"")
    assert headers["content-type"] == ["text/event-stream"]
    assert not host.logs.listeners
