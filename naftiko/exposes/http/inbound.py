"""One HTTP request on its connection: ids, the body, and whether anybody still waits.

This module must not know what is asked for.
"""

from __future__ import annotations

import asyncio
import re
from random import getrandbits
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.answers import Answer, headers_of, send_answer
from naftiko.exposes.http.callers import trace_of
from naftiko.exposes.http.problems import BadRequest, HttpProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from naftiko.exposes.http.scope import ASGIScope, Receive, Send

#: A caller's own request id, when it can stand in a header and a log line as it is.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
#: Where in a scope the id of its request is, once somebody has asked for it.
_ID = "naftiko.request_id"
#: Seconds after which somebody looks whether the caller is still there. Most requests
#: are answered before; watching costs a task.
_WATCH_AFTER = 0.05


class Gone(Exception):
    """The caller has hung up; nobody waits for an answer."""


class Inbound:
    """One request on its way, and what every answer to it has in common.

    Attributes:
        headers: Folded name → value.
        is_head: Whether only the headers of the answer are wanted.
        is_started: Whether an answer has begun.
        request_id: The caller's own, or a new one.
        more: Headers of the answer, whatever it is.
    """

    __slots__ = (
        "headers", "is_head", "is_started", "method", "more", "receive", "request_id",
        "scope", "send",
    )  # fmt: skip

    def __init__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers = headers_of(scope)
        self.method: str = scope["method"]
        self.is_head = self.method == "HEAD"
        self.request_id = self._id()
        self.more: list[tuple[bytes, bytes]] = [(b"x-request-id", self.request_id)]
        self.is_started = False

    def _id(self) -> bytes:
        known: bytes | None = self.scope.get(_ID)
        if known is None:
            known = self.headers.get(b"x-request-id", b"")
            if not _REQUEST_ID.fullmatch(known):
                # It has to be another one each time; guessing it gains nothing.
                known = b"%032x" % getrandbits(128)
            # Who refuses a request may stand before the one who has begun it.
            self.scope[_ID] = known
        return known

    async def answer(self, answer: Answer) -> None:
        """Send the answer."""
        self.is_started = True
        await send_answer(self.send, answer, is_head=self.is_head, headers=self.more)

    async def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send the head of an answer whose body follows in parts."""
        self.is_started = True
        await self.send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, *self.more],
            }
        )

    async def refuse(self, problem: HttpProblem) -> None:
        """Send a problem as the answer."""
        await self.answer(problem.answer(self.request_id.decode()))

    @property
    def trace(self) -> dict[str, str]:
        """The headers of the caller's trace, for the calls that it leads to."""
        parent = self.headers.get(b"traceparent")
        if parent is None:
            return {}
        state = self.headers.get(b"tracestate", b"")
        return trace_of(parent.decode("latin-1"), state.decode("latin-1"))


async def read_body(
    receive: Receive, headers: Mapping[bytes, bytes], limit: int
) -> bytes:
    """Return the body of a request.

    Raises:
        BadRequest: It is larger than the limit.
        Gone: The caller hung up.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise BadRequest(too_large(limit))
    chunks = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BadRequest(too_large(limit))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(limit: int) -> HttpProblem:
    """Return the problem of a request body over the limit."""
    return HttpProblem("too-large", f"at most {limit:,} bytes are read")


async def watched(work: Any, receive: Receive) -> Any:
    """Return what some work gives; cancel it when the caller hangs up.

    Raises:
        Gone: The caller hung up.
    """
    task = asyncio.current_task()
    assert task is not None
    watcher = _Watcher(task, receive)
    handle = task.get_loop().call_later(_WATCH_AFTER, watcher.start)
    try:
        return await work
    except asyncio.CancelledError:
        if watcher.is_gone:
            task.uncancel()
            raise Gone from None
        raise
    finally:
        handle.cancel()
        watcher.stop()


class _Watcher:
    """Wait for the caller to hang up, and cancel the work for it."""

    __slots__ = ("is_gone", "receive", "task", "watch")

    def __init__(self, task: asyncio.Task[Any], receive: Receive) -> None:
        self.task = task
        self.receive = receive
        self.watch: asyncio.Task[None] | None = None
        self.is_gone = False

    def start(self) -> None:
        self.watch = self.task.get_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.is_gone = True
        self.task.cancel()

    def stop(self) -> None:
        if self.watch is not None:
            self.watch.cancel()
