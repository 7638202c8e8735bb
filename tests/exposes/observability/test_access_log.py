"""`AccessLog`: one log line for each request, and a count of open requests."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from naftiko.exposes.observability.access_log import AccessLog
from support.asgi_client import asked


def answering(status: int, content_type: str = "text/plain") -> Any:
    """Return an application that answers every request with a status."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", content_type.encode())]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": b"x"})

    return app


def test_access_log_has_one_line_per_request_without_the_query(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Extra fields of the log record hold adapter, method, path and status."""
    caplog.set_level(logging.INFO, "naftiko.access")
    log = AccessLog("shop")
    app = log.around(answering(404))
    asyncio.run(asked(app, "GET", "/things?token=s3cr3t"))
    (record,) = caplog.records
    assert record.getMessage().startswith("shop GET /things 404 ")
    extra: Any = record
    assert (extra.adapter, extra.method, extra.path) == ("shop", "GET", "/things")
    assert (extra.status, log.open_requests) == (404, 0)
    assert "s3cr3t" not in caplog.text


def test_cancelled_request_is_answered_with_503() -> None:
    """Graceful shutdown: a stopping server cancels requests, and callers get 503."""

    async def never(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    async def main() -> Any:
        log = AccessLog("shop")
        request = asyncio.ensure_future(asked(log.around(never), "POST", "/things"))
        while not log.open_requests:
            await asyncio.sleep(0)
        (answering_,) = asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]
        answering_.cancel()
        answer = await request
        return answer, log.open_requests

    answer, left = asyncio.run(main())
    assert (answer.status, answer.type) == (503, "application/problem+json")
    assert answer.json["type"] == "urn:naftiko:problem:stopping"
    assert left == 0


@pytest.mark.parametrize(
    ("method", "content_type", "counted"),
    [
        ("GET", "text/event-stream", 0),
        ("POST", "text/event-stream", 1),
        ("GET", "application/json", 1),
    ],
)
def test_event_stream_of_a_get_is_no_open_request(
    method: str, content_type: str, counted: int
) -> None:
    """Graceful shutdown does not wait for event streams, which end with the server."""
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answering(200, content_type)(scope, receive, send)
        seen.append(log.open_requests)

    log = AccessLog("shop")
    asyncio.run(asked(log.around(app), method, "/"))
    assert (seen, log.open_requests) == ([counted], 0)


def test_access_log_ignores_other_scopes_than_http() -> None:
    """A lifespan or websocket scope is neither logged nor counted."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], log.open_requests))

    log = AccessLog("shop")
    asyncio.run(log.around(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == [("lifespan", 0)]


@pytest.mark.parametrize(
    ("given", "kept"), [(["me-7"], True), (["bad id"], False), (["a", "b"], False)]
)
def test_line_and_answer_have_the_same_request_id(
    given: list[str], kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The id of the caller is kept when it is one; else there is a new one."""
    caplog.set_level(logging.INFO, "naftiko.access")
    sent: list[Any] = []
    headers = [(b"x-request-id", text.encode()) for text in given]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(AccessLog("shop").around(answering(200))(scope, None, keep))  # type: ignore[arg-type]
    (record,) = caplog.records
    extra: Any = record
    told = [v for n, v in sent[0]["headers"] if n == b"x-request-id"]
    assert told == [extra.request_id.encode()]
    assert record.getMessage().endswith(f" ms {extra.request_id}")
    assert (extra.request_id == given[0]) == kept
