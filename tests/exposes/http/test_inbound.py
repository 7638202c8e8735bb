"""One HTTP request that came in: its id, its body, and a caller that hangs up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from naftiko.exposes.http.answers import Answer
from naftiko.exposes.http.inbound import Gone, Inbound, read_body, watched
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
def test_request_id_of_the_caller_is_kept_if_it_is_safe(
    given: str, is_kept: bool
) -> None:
    """It stands in headers and log lines as it is; otherwise a new one is made."""
    inbound = Inbound(scope(x_request_id=given), _unused, _unused)
    assert (inbound.request_id.decode() == given) is is_kept
    assert inbound.more == [(b"x-request-id", inbound.request_id)]


def test_request_keeps_its_id() -> None:
    """The guard, the access log and the adapter see the same one."""
    one = scope()
    first, second = (Inbound(one, _unused, _unused).request_id for _ in range(2))
    assert first == second
    assert first != Inbound(scope(), _unused, _unused).request_id


def test_answers_and_problems_have_the_request_id() -> None:
    """Headers in `more` are sent with either."""

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
    """Return a `receive` that gives these messages."""
    left = list(messages)

    async def receive() -> Any:
        return left.pop(0)

    return receive


def part(body: bytes, *, more: bool = False) -> Any:
    """Return one message of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def test_body_is_read_in_parts() -> None:
    """Up to the limit, the limit included."""
    receive = body_of(part(b"ab", more=True), part(b"", more=True), part(b"c"))
    assert asyncio.run(read_body(receive, {}, 3)) == b"abc"


@pytest.mark.parametrize(
    ("headers", "messages"),
    [({b"content-length": b"4"}, []), ({}, [part(b"ab", more=True), part(b"cd")])],
    ids=["declared", "counted"],
)
def test_body_over_the_limit_is_refused(headers: Any, messages: Any) -> None:
    """By the length that it declares, or as soon as it has grown too large."""
    with pytest.raises(BadRequest) as caught:
        asyncio.run(read_body(body_of(*messages), headers, 3))
    assert caught.value.problem == HttpProblem("too-large", "at most 3 bytes are read")


def test_hang_up_ends_reading() -> None:
    """There is no caller left to answer."""
    receive = body_of(part(b"ab", more=True), {"type": "http.disconnect"})
    with pytest.raises(Gone):
        asyncio.run(read_body(receive, {}, 3))


def test_hang_up_cancels_the_work() -> None:
    """And only then: the result of work that ends by itself is returned."""
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
        # The task itself is not cancelled any more.
        await asyncio.sleep(0)

    asyncio.run(main())
    assert ended == ["work", "work"]


def test_cancellation_from_outside_is_not_a_hang_up() -> None:
    """A server that stops cancels the request; that passes through."""

    async def main() -> None:
        task = asyncio.ensure_future(watched(asyncio.sleep(60), _unused))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
