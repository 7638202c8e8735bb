"""`Inbound`: request id and body of an HTTP request, and a client disconnect."""

from __future__ import annotations

import asyncio
import gc
import gzip
import weakref
import zlib
from typing import Any

import pytest

from naftiko.exposes.http.answers import Answer
from naftiko.exposes.http.inbound import (
    Gone,
    Inbound,
    read_body,
    watched,
    with_plain_body,
)
from naftiko.exposes.http.problems import BadRequest, HttpProblem
from support.asgi_client import asked


def scope(**headers: str) -> Any:
    """Return the scope of a GET request."""
    pairs = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
    return {"type": "http", "method": "GET", "path": "/", "headers": pairs}


async def _unused(*_: Any) -> Any:
    raise AssertionError("nothing is read or sent")


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        ("job-1", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("a b", False),
        ("", False),
    ],
)
def test_request_id_of_the_caller_is_kept_if_safe(given: str, is_kept: bool) -> None:
    """`X-Request-Id` goes to headers and logs; an unsafe one is replaced."""
    inbound = Inbound(scope(x_request_id=given), _unused, _unused)
    assert (inbound.request_id.decode() == given) is is_kept
    assert inbound.more == [(b"x-request-id", inbound.request_id)]


def test_request_id_is_made_once_per_request() -> None:
    """Guard, access log and adapter see the same id of one request."""
    one = scope()
    first, second = (Inbound(one, _unused, _unused).request_id for _ in range(2))
    assert first == second
    assert first != Inbound(scope(), _unused, _unused).request_id


def test_answers_and_problems_have_the_request_id() -> None:
    """Answers and problem documents carry `X-Request-Id` and the headers in `more`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        inbound = Inbound(scope, receive, send)
        inbound.more.append((b"vary", b"Accept"))
        if scope["path"] == "/no":
            await inbound.refuse(HttpProblem("not-found"))
        else:
            await inbound.answer(Answer(200, "text/plain", b"yes"))
        assert inbound.is_started

    for path, status in (("/yes", 200), ("/no", 404)):
        got = asyncio.run(asked(app, "GET", path, {"X-Request-Id": "job-1"}))
        assert got.status == status
        assert (got.headers["x-request-id"], got.headers["vary"]) == ("job-1", "Accept")
    assert got.json["requestId"] == "job-1"


def body_of(*messages: Any) -> Any:
    """Return an ASGI `receive` that gives these messages."""
    left = list(messages)

    async def receive() -> Any:
        return left.pop(0)

    return receive


def part(body: bytes, *, more: bool = False) -> Any:
    """Return one `http.request` message of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def test_body_in_parts_is_read_up_to_the_limit() -> None:
    """A body exactly as long as the limit is read."""
    receive = body_of(part(b"ab", more=True), part(b"", more=True), part(b"c"))
    assert asyncio.run(read_body(receive, {}, 3)) == b"abc"


@pytest.mark.parametrize(
    ("headers", "messages"),
    [({b"content-length": b"4"}, []), ({}, [part(b"ab", more=True), part(b"cd")])],
    ids=["declared", "counted"],
)
def test_body_over_the_limit_is_refused(headers: Any, messages: Any) -> None:
    """A body is refused by its `Content-Length`, or when it grows over the limit."""
    with pytest.raises(BadRequest) as caught:
        asyncio.run(read_body(body_of(*messages), headers, 3))
    assert caught.value.problem == HttpProblem("too-large", "at most 3 bytes are read")


PLAIN = b"hello " * 100
PACKED = gzip.compress(PLAIN, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", PACKED),
        ("X-GZip", PACKED),
        ("deflate", zlib.compress(PLAIN)),
        ("identity", PLAIN),
        ("gzip, identity, gzip", gzip.compress(PACKED, mtime=0)),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_content_encoding_of_a_request_is_undone(coding: str, body: bytes) -> None:
    """A packed body is given as it was before (RFC 9110, 8.4)."""
    headers = {b"content-encoding": coding.encode()}
    receive = body_of(part(body[:9], more=True), part(body[9:]))
    assert asyncio.run(read_body(receive, headers, len(PLAIN))) == PLAIN
    assert asyncio.run(read_body(body_of(part(b"")), headers, 1)) == b""


@pytest.mark.parametrize(
    ("coding", "body", "kind"),
    [
        ("compress", b"x", "unsupported-media-type"),
        ("gzip, foo", b"x", "unsupported-media-type"),
        ("gzip, gzip, gzip", b"x", "unsupported-media-type"),
        ("gzip", b"plain", "malformed-request"),
        ("gzip", PACKED[:-9], "malformed-request"),
        ("gzip", gzip.compress(PLAIN + b"!", mtime=0), "too-large"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_content_encoding_that_cannot_be_undone_is_refused(
    coding: str, body: bytes, kind: str
) -> None:
    """415 says which encodings are undone (RFC 9110, 15.5.16); bombs are too large."""
    headers = {b"content-encoding": coding.encode()}
    with pytest.raises(BadRequest) as caught:
        asyncio.run(read_body(body_of(part(body)), headers, len(PLAIN)))
    problem = caught.value.problem
    assert problem.kind == kind
    accepted = dict(problem.headers).get("Accept-Encoding", "")
    assert ("gzip" in accepted) == (kind == "unsupported-media-type")


def test_request_for_another_application_gets_a_plain_body() -> None:
    """The headers say what the body is then; a plain request is handed on as it is."""

    async def main() -> None:
        given = scope(content_encoding="gzip", content_length="9", x="y")
        receive = body_of(part(PACKED), {"type": "http.disconnect"})
        plain, again = await with_plain_body(given, receive, 1000)
        assert plain["headers"] == [(b"x", b"y"), (b"content-length", b"600")]
        assert (await again())["body"] == PLAIN
        assert (await again())["type"] == "http.disconnect"
        plain, again = await with_plain_body(scope(x="y"), receive, 1)
        assert again is receive

    asyncio.run(main())


def test_client_disconnect_ends_reading_of_the_body() -> None:
    """A disconnect inside a body raises `Gone`: no caller is left to answer."""
    receive = body_of(part(b"ab", more=True), {"type": "http.disconnect"})
    with pytest.raises(Gone):
        asyncio.run(read_body(receive, {}, 3))


def test_client_disconnect_cancels_the_work() -> None:
    """A client disconnect cancels the work; otherwise its result is returned."""
    ended: list[str] = []

    async def work(seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
            return "done"
        finally:
            ended.append("work")

    async def stays() -> Any:
        await asyncio.sleep(60)

    async def main() -> None:
        assert await watched(work(0.1), stays) == "done"
        with pytest.raises(Gone):
            await watched(work(60), body_of({"type": "http.disconnect"}))
        # The task that called `watched` is not cancelled.
        await asyncio.sleep(0)

    asyncio.run(main())
    assert ended == ["work", "work"]


def test_watched_work_does_not_wait_for_the_garbage_collector() -> None:
    """A request that took long leaves no cycle of tasks and frames behind."""

    async def stays() -> Any:
        await asyncio.sleep(60)

    async def main() -> weakref.ref[Any]:
        task = asyncio.ensure_future(watched(asyncio.sleep(0.1), stays))
        await task
        await asyncio.sleep(0.01)
        found = weakref.ref(task)
        del task
        await asyncio.sleep(0)
        return found

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main())() is None
    finally:
        gc.enable()


def test_requests_share_the_timer_that_looks_at_long_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each request that takes long is watched, in whatever order they begin and end."""

    async def main() -> tuple[int, list[Any]]:
        loop = asyncio.get_running_loop()
        planned: list[float] = []

        def call_later(delay: float, *rest: Any) -> Any:
            planned.append(delay)
            return type(loop).call_later(loop, delay, *rest)

        monkeypatch.setattr(loop, "call_later", call_later)

        async def short(number: int) -> int:
            return await watched(_result(number), _unused)

        results: list[Any] = list(await asyncio.gather(*map(short, range(100))))
        count = len(planned)
        monkeypatch.undo()
        for wait in (0.0, 0.02, 0.03):
            await asyncio.sleep(wait)
            gone = body_of({"type": "http.disconnect"})
            results += await asyncio.gather(
                watched(asyncio.sleep(60), gone),
                watched(_result("done"), _unused),
                return_exceptions=True,
            )
        return count, results

    count, results = asyncio.run(main())
    assert count == 1
    assert results[:100] == list(range(100))
    assert [isinstance(one, Gone) for one in results[100:]] == [True, False] * 3


async def _result(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def test_cancellation_by_the_server_is_not_a_client_disconnect() -> None:
    """`CancelledError` of a stopping server passes through and is not `Gone`."""

    async def main() -> None:
        task = asyncio.ensure_future(watched(asyncio.sleep(60), _unused))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
