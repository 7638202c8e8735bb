"""`Inbound`: one HTTP request that came in, its body, and the answer to it.

    scope, receive, send  →  Inbound  →  answer(…) | refuse(problem) | begin(status, …)

It also notices when the caller hangs up. This module must not know what a request asks
for.
"""

from __future__ import annotations

import asyncio
import re
from io import BytesIO
from random import getrandbits
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from naftiko.errors import shorten
from naftiko.exposes.http.answers import Answer, headers_of, send_answer
from naftiko.exposes.http.callers import Caller, trace_of
from naftiko.exposes.http.current import current_task
from naftiko.exposes.http.patrol import patrol_of
from naftiko.exposes.http.problems import RETRY_AFTER, BadRequest, HttpProblem
from naftiko.exposes.http.scope import noted_headers, with_headers
from naftiko.formats.budget import memory_of_json
from naftiko.transport.wire.totals import SMALL, UNLIMITED, Total

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from naftiko.exposes.http.callers import CallerVariables
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.functions.runs import Aside
    from naftiko.transport.encodings import Unpacker
    from naftiko.transport.wire.totals import Holder

T = TypeVar("T")

#: A request id of a caller that is safe in a header and in a log line.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
#: Seconds of decompressing after which other tasks of the event loop get their turn.
_TURN = 0.004
#: A body is there about three times: as it came, its values, and what is sent on. What
#: is counted is the body, and this part of its values; a text counts as a whole.
_COPIES = 2
#: Bytes of a body that are looked at without leaving the event loop.
MAX_AT_ONCE = 256 * 1024
#: Key of the scope under which the id of its request is kept.
_ID = "naftiko.request_id"
#: Seconds of work after which the connection is watched for a hang-up. Most requests
#: are answered sooner, and watching costs a task.
_WATCH_AFTER = 0.05


def request_id_of(scope: ASGIScope) -> bytes:
    """Return the id of a request: that of the caller, or a new one that is kept.

    A request has one id, in its answer, in problems and in every line of the log.
    """
    known: bytes | None = scope.get(_ID)
    if known is None:
        noted = noted_headers(scope)
        if noted is not None:
            known = noted.get(b"x-request-id")
        else:
            ids = [value for name, value in scope["headers"] if name == b"x-request-id"]
            known = ids[0] if len(ids) == 1 else b""
        if not known or not _REQUEST_ID.fullmatch(known):
            # It has to be unique, not secret: guessing an id gains nothing.
            known = b"%032x" % getrandbits(128)
        scope[_ID] = known
    return known


#: Refuses a body while too many bytes of others are under way.
FULL = HttpProblem(
    "busy",
    "the bodies of other requests fill the memory that is meant for them",
    "try again in a moment",
    headers=(("Retry-After", str(RETRY_AFTER)),),
)


class Gone(Exception):
    """The caller has hung up; no answer can reach it."""


class Inbound:
    """One request that came in, and the headers that every answer to it has.

    Attributes:
        headers: Name in lower case → value.
        is_head: The method is HEAD: only the headers of the answer are sent.
        is_started: An answer has begun.
        is_long: Its body is large.
        request_id: The `X-Request-Id` of the caller, or a new one.
        more: Headers added to every answer.
        bodies: The bytes of all bodies that are under way.
        held: Counts the bytes of this body; `None` until it is read.
    """

    __slots__ = (
        "bodies", "headers", "held", "is_head", "is_long", "is_started", "method",
        "more", "receive", "request_id", "scope", "send",
    )  # fmt: skip

    def __init__(
        self,
        scope: ASGIScope,
        receive: Receive,
        send: Send,
        bodies: Total | None = None,
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers = headers_of(scope)
        self.method: str = scope["method"]
        self.is_head = self.method == "HEAD"
        self.request_id: bytes = scope.get(_ID) or request_id_of(scope)
        self.more: list[tuple[bytes, bytes]] = [(b"x-request-id", self.request_id)]
        self.is_started = False
        self.is_long = False
        self.bodies = bodies
        self.held: Holder | None = None

    async def body(self, limit: int) -> bytes:
        """Return the body; see `read_body`. It counts until `held` is freed."""
        held = self.hold(limit)
        return await read_body(self.receive, self.headers, limit, held)

    def hold(self, limit: int) -> Holder:
        """Return what counts the bytes of a body of at most so many."""
        if self.bodies is None:
            self.bodies = Total(limit)
        self.held = self.bodies.holder()
        return self.held

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
        """The headers that continue the caller's trace in upstream calls."""
        parent = self.headers.get(b"traceparent")
        if parent is None:
            return {}
        state = self.headers.get(b"tracestate", b"")
        return trace_of(parent.decode("latin-1"), state.decode("latin-1"))

    def caller(self, variables: CallerVariables, *, takes_json: bool = False) -> Caller:
        """Return the caller.

        Args:
            variables: Reads its bind variables from the headers.
            takes_json: It wants a value as JSON.
        """
        return Caller(
            variables.of(self.scope["headers"]),
            self.trace,
            sends_much=self.is_long,
            takes_json=takes_json,
        )


async def read_body(
    receive: Receive,
    headers: Mapping[bytes, bytes],
    limit: int,
    held: Holder | None = None,
) -> bytes:
    """Return the body of a request, its `Content-Encoding` undone.

    Args:
        receive: The `receive` of the request.
        headers: Name in lower case → value.
        limit: Bytes that are read at most, and that come out at most.
        held: Counts the bytes; whoever made it frees it. `None` counts none.

    Raises:
        BadRequest: The body is larger than the limit, damaged, or in an encoding that
            is not undone here; or too many bytes are under way.
        Gone: The caller hung up.
    """
    held = held or UNLIMITED.holder()
    coding = headers.get(b"content-encoding")
    unpacker = _unpacker_of(coding, limit) if coding else None
    length = headers.get(b"content-length", b"")
    if length.isdigit():
        check_length(int(length), limit, held)
    # Joining pieces at the end would hold the body twice.
    whole = BytesIO()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunk = message.get("body", b"")
        if whole.tell() + len(chunk) > limit:
            raise BadRequest(too_large(limit))
        if not held.add(len(chunk)):
            raise BadRequest(FULL)
        whole.write(chunk)
        if not message.get("more_body", False):
            break
    body = whole.getvalue()
    if unpacker is None or not body:
        return body
    return await _unpacked(unpacker, body, held)


def _unpacker_of(coding: bytes, limit: int) -> Unpacker | None:
    """Return what undoes the `Content-Encoding` of a request; `None` for none.

    Raises:
        BadRequest: It is not undone here.
    """
    from naftiko.transport.encodings import (
        MOST_LAYERS,
        UNDONE,
        Unpacker,
        is_undone,
        names_in,
    )

    names = names_in(coding.decode("latin-1"))
    if not names:
        return None
    known = ", ".join(UNDONE)
    unknown = [name for name in names if not is_undone(name)]
    if not unknown and len(names) <= MOST_LAYERS:
        return Unpacker(names, limit)
    what = f"'{shorten(unknown[0])}'" if unknown else f"over {MOST_LAYERS} encodings"
    raise BadRequest(
        HttpProblem(
            "unsupported-media-type",
            f"the `Content-Encoding` of the body is not undone here: {what}",
            f"send it without, or in one of {known}",
            headers=(("Accept-Encoding", known),),
        )
    )


async def _unpacked(unpacker: Unpacker, body: bytes, held: Holder) -> bytes:
    from naftiko.transport.encodings import Damaged, Grown

    whole = BytesIO()
    turn = monotonic() + _TURN
    try:
        for piece in unpacker.steps(body):
            if not held.add(len(piece)):
                raise BadRequest(FULL)
            whole.write(piece)
            if monotonic() > turn:
                await asyncio.sleep(0)
                turn = monotonic() + _TURN
        unpacker.end()
    except Grown as error:
        raise BadRequest(HttpProblem("too-large", f"the body {error}")) from None
    except Damaged:
        detail = "the request body is not what its `Content-Encoding` says, or cut off"
        raise BadRequest(HttpProblem("malformed-request", detail)) from None
    return whole.getvalue()


async def with_plain_body(
    scope: ASGIScope,
    receive: Receive,
    limit: int,
    held: Holder | None = None,
    aside: Aside | None = None,
) -> tuple[ASGIScope, Receive]:
    """Return a request whose body has no `Content-Encoding`.

    It is for applications of others, which read the body as it is; see `read_body`. The
    body is read whole, unless it neither is to be counted nor has an encoding; one that
    is counted is JSON, whose values count as well.

    Raises:
        BadRequest: The body cannot be read.
        Gone: The caller hung up.
    """
    headers = headers_of(scope)
    if held is None and b"content-encoding" not in headers:
        return scope, receive
    body: bytes | None = await read_body(receive, headers, limit, held)
    if held is not None and body:
        await hold_values(body, held, aside)
    told = (b"content-encoding", b"content-length", b"transfer-encoding")
    pairs = [pair for pair in scope["headers"] if pair[0] not in told]
    pairs.append((b"content-length", b"%d" % len(body or b"")))

    async def receive_plain() -> Any:
        nonlocal body
        if body is None:
            return await receive()
        message = {"type": "http.request", "body": body, "more_body": False}
        body = None
        return message

    return with_headers(scope, pairs), receive_plain


async def hold_values(body: bytes, held: Holder, aside: Aside | None) -> None:
    """Count the memory of the values of a JSON body before they are made.

    Args:
        body: The body, which is counted already.
        held: Counts the bytes.
        aside: Runs a function that takes long.

    Raises:
        BadRequest: They take more than all bodies together may, or too many bytes are
            under way.
    """
    if len(body) <= SMALL:
        return
    if aside is not None and len(body) > MAX_AT_ONCE:
        size = await aside(memory_of_json, body)
    else:
        size = memory_of_json(body)
    more = max(len(body), size // _COPIES)
    if len(body) + more > held.limit:
        raise BadRequest(
            HttpProblem(
                "too-large",
                f"the body and its values count as {len(body) + more >> 20} MiB, and"
                f" all bodies together have {held.limit >> 20} MiB",
                "send fewer values at once",
            )
        )
    if not held.add(more):
        raise BadRequest(FULL)


def check_length(length: int, limit: int, held: Holder) -> None:
    """Refuse a body of a declared length before it is read.

    Raises:
        BadRequest: It is larger than the limit, or too many bytes are under way.
    """
    if length > limit:
        raise BadRequest(too_large(limit))
    if not held.has_room(length):
        raise BadRequest(FULL)


def too_large(limit: int) -> HttpProblem:
    """Return the problem of a request body over the limit of bytes."""
    return HttpProblem("too-large", f"at most {limit:,} bytes are read")


async def watched(
    work: Awaitable[T], receive: Receive, on_long: Callable[[], None] | None = None
) -> T:
    """Await some work; cancel it when the caller hangs up.

    Args:
        work: The work.
        receive: The `receive` of the request.
        on_long: Called when the work takes longer than most.

    Raises:
        Gone: The caller hung up.
    """
    task = current_task()
    assert task is not None
    watcher = _Watcher(task, receive, on_long)
    patrol = patrol_of(task.get_loop(), _WATCH_AFTER)
    patrol.enter(watcher)
    try:
        return await work
    except asyncio.CancelledError:
        if watcher.is_gone:
            task.uncancel()
            raise Gone from None
        raise
    finally:
        patrol.leave(watcher)
        watcher.stop()


class _Watcher:
    """Wait until the caller hangs up, then cancel the task that works for it."""

    __slots__ = ("is_gone", "on_long", "receive", "task", "watch")

    def __init__(
        self,
        task: asyncio.Task[Any],
        receive: Receive,
        on_long: Callable[[], None] | None,
    ) -> None:
        self.on_long = on_long
        self.task = task
        self.receive = receive
        self.watch: asyncio.Task[None] | None = None
        self.is_gone = False

    def start(self) -> None:
        if self.on_long is not None:
            self.on_long()
        self.watch = self.task.get_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.is_gone = True
        self.task.cancel()

    def stop(self) -> None:
        # A cancelled task keeps its frames, and those this: a cycle of some kilobytes,
        # which would wait for the garbage collector.
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.cancel()
