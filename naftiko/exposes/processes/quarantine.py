"""`Quarantine`: requests under way when a worker died are refused for a while.

    a worker takes a request  →  its fingerprint stands in shared memory
    the worker dies           →  the parent reads the fingerprints that it left
    the same request again    →  503 with `Retry-After`, in every worker

Clients, proxies and browsers send a request again when its connection breaks off. If it
was the request that killed the worker, each repetition would kill another. A request is
recognised by method, target, body, and the headers that decide how it is read; not by
ids, which differ in each repetition. This module must not know what is served.
"""

from __future__ import annotations

import logging
import mmap
import re
import time
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.problems import HttpProblem

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send

_log = logging.getLogger("naftiko.serve")

#: Requests of one worker whose fingerprints are kept; further ones are not watched.
_SLOTS = 2048
#: Fingerprints that can be refused at the same time.
_MOST_REFUSED = 256
#: Places in which a completed request leaves its mark.
_MARKS = 65_536
#: The bits of a fingerprint.
_MOST = (1 << 64) - 1
#: Seconds for which a request is refused after one death; ten times as many after each
#: further death, up to `_LONGEST`.
FIRST, _LONGEST = 60.0, 3600.0
#: The same for a request that was alone, and that a worker has completed before.
_ALONE = 10.0
#: Bytes of a body that are told apart, beside its length.
_MOST_BODY = 64 * 1024
#: Headers that decide how a request is read and answered.
_TELLING = frozenset(
    (b"accept", b"authorization", b"content-encoding", b"content-type", b"host")
)
#: Members of a JSON-RPC message that differ when the same call is made again.
_VOLATILE = re.compile(
    rb'"(?:id|progressToken|traceparent|tracestate)"\s{0,8}:\s{0,8}'
    rb'(?:"[^"]{0,200}"|[0-9]{1,40})'
)


class Quarantine:
    """The memory that a parent shares with its workers; made before the first fork.

    Args:
        workers: The number of workers.
    """

    def __init__(self, workers: int) -> None:
        begin = _MARKS + 16 * _MOST_REFUSED
        # Anonymous and shared: a fork inherits the same pages.
        self._memory = memoryview(mmap.mmap(-1, begin + 8 * _SLOTS * workers))
        self._marks = self._memory[:_MARKS]
        #: Fingerprints, 0 for none, and when each is free again.
        refused = self._memory[_MARKS:begin]
        self._refused = refused[: 8 * _MOST_REFUSED].cast("Q")
        self._until = refused[8 * _MOST_REFUSED :].cast("d")
        self._slots = [
            self._memory[start : start + 8 * _SLOTS].cast("Q")
            for start in range(begin, begin + 8 * _SLOTS * workers, 8 * _SLOTS)
        ]
        #: Fingerprint → the deaths during which it was under way; of the parent only.
        self._deaths: dict[int, int] = {}

    # --- in a worker ------------------------------------------------------------------

    def around(self, app: ASGIApp, worker: int) -> ASGIApp:
        """Return an application whose requests are watched, in one of the workers."""
        return Watched(app, self, self._slots[worker])

    def refused_for(self, fingerprint: int) -> float:
        """Return the seconds for which a request is refused; 0 if it is not."""
        if not self._refused[0]:  # nothing is refused, nearly always
            return 0.0
        for place, known in enumerate(self._refused):
            if known == fingerprint:
                return max(0.0, self._until[place] - time.monotonic())
        return 0.0

    def completed(self, fingerprint: int) -> None:
        """Note that a worker has survived a request."""
        self._marks[fingerprint % _MARKS] = _mark(fingerprint)

    # --- in the parent ----------------------------------------------------------------

    def left(self, worker: int) -> None:
        """Forget the requests of a worker that ended in order."""
        self._take(worker)

    def died(self, worker: int) -> int:
        """Refuse the requests that a worker left; return how many are refused.

        Of several, those that a worker has completed before are not suspected: most
        requests under way at a death have nothing to do with it. One that was alone is,
        but for a shorter time: the system, or an operator, may have ended the worker.
        """
        left = self._take(worker)
        refused = 0
        for fingerprint in set(left):
            place = fingerprint % _MARKS
            has_completed = self._marks[place] == _mark(fingerprint)
            # It counts again when it completes again: a request that kills whenever it
            # comes is found at its second death at the latest.
            self._marks[place] = 0
            if has_completed:
                self._deaths.pop(fingerprint, None)
                if len(left) > 1:
                    continue
            self._refuse(fingerprint, _ALONE if has_completed else FIRST)
            refused += 1
        return refused

    def _take(self, worker: int) -> list[int]:
        slots = self._slots[worker]
        found = [fingerprint for fingerprint in slots if fingerprint]
        slots.cast("B")[:] = bytes(slots.nbytes)
        return found

    def _refuse(self, fingerprint: int, first: float) -> None:
        deaths = self._deaths.pop(fingerprint, 0) + 1
        self._deaths[fingerprint] = deaths
        while len(self._deaths) > _MOST_REFUSED:
            del self._deaths[next(iter(self._deaths))]
        # Its own place, or the one that is free first; the very first one is place 0.
        place = min(
            range(_MOST_REFUSED),
            key=lambda n: (self._refused[n] != fingerprint, self._until[n]),
        )
        seconds = min(_LONGEST, FIRST * 10.0 ** (deaths - 1)) if deaths > 1 else first
        self._until[place] = time.monotonic() + seconds
        self._refused[place] = fingerprint


def _mark(fingerprint: int) -> int:
    return 1 + (fingerprint >> 16) % 255


class Watched:
    """An ASGI application whose requests stand in shared memory while under way.

    A request with a body is written down when its body has come whole: nothing works on
    it before.
    """

    def __init__(self, app: ASGIApp, quarantine: Quarantine, slots: memoryview) -> None:
        self._app = app
        self._quarantine = quarantine
        self._slots = slots
        self._free = list(range(_SLOTS))

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one request, unless it is refused."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        telling = []
        flight: _Flight
        has_body = is_stream = False
        for pair in scope["headers"]:
            name, value = pair
            if name in _TELLING:
                telling.append(pair)
                if name == b"accept" and b"event-stream" in value:
                    is_stream = scope["method"] == "GET"
            elif name == b"content-length" or name == b"transfer-encoding":
                has_body = value != b"0"
        # Nobody else can compute it: Python hashes bytes with a secret, which forks of
        # one process share, unless PYTHONHASHSEED fixes it.
        head = hash((scope["method"], _target(scope), *telling))
        if has_body:
            body = _FlightWithBody(self, scope, receive, send, head)
            receive, flight = body.receive, body
        else:
            flight = _Flight(self, send)
            if seconds := flight.begin(head):
                await _refuse(Inbound(scope, receive, send), seconds)
                return
        flight.is_stream = is_stream
        try:
            await self._app(scope, receive, flight.send)
        finally:
            flight.end()

    def begin(self, fingerprint: int) -> int:
        """Write down a request; return its slot, or -1 if none is free."""
        if not self._free:
            return -1
        slot = self._free.pop()
        self._slots[slot] = fingerprint
        return slot

    def end(self, slot: int, fingerprint: int) -> None:
        """Forget a request that has completed."""
        self._quarantine.completed(fingerprint)
        if slot >= 0:
            self._slots[slot] = 0
            self._free.append(slot)

    def refused_for(self, fingerprint: int) -> float:
        """Return the seconds for which a request is refused; 0 if it is not."""
        return self._quarantine.refused_for(fingerprint)


def _target(scope: ASGIScope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query


class _Flight:
    """One request under way.

    Attributes:
        is_stream: Its answer may be an event stream.
    """

    __slots__ = ("_fingerprint", "_send", "_slot", "_watched", "is_stream")

    is_stream: bool
    _slot: int

    def __init__(self, watched: Watched, send: Send) -> None:
        self._watched = watched
        self._send = send
        #: 0 while nothing is written down.
        self._fingerprint = 0

    def begin(self, fingerprint: int) -> float:
        """Write the request down, or return the seconds for which it is refused."""
        fingerprint = fingerprint & _MOST or 1
        seconds = self._watched.refused_for(fingerprint)
        if not seconds:
            self._slot = self._watched.begin(fingerprint)
            self._fingerprint = fingerprint
        return seconds

    def send(self, message: Any) -> Awaitable[None]:
        """Send a part of the answer.

        The request is forgotten before its client has the whole answer, or the first
        part of an event stream: a death after that is not its fault.
        """
        if self.is_stream or not (
            message.get("more_body") or message["type"] == "http.response.start"
        ):
            self.end()
        return self._send(message)

    def end(self) -> None:
        """Forget the request: its worker has survived it."""
        if self._fingerprint:
            self._watched.end(self._slot, self._fingerprint)
            self._fingerprint = 0


class _FlightWithBody(_Flight):
    """One request under way that has a body."""

    __slots__ = (
        "_head", "_is_refused", "_is_whole", "_parts", "_receive", "_scope", "_size",
    )  # fmt: skip

    def __init__(
        self,
        watched: Watched,
        scope: ASGIScope,
        receive: Receive,
        send: Send,
        head: int,
    ) -> None:
        super().__init__(watched, send)
        self._scope = scope
        self._receive = receive
        self._head = head
        self._parts: list[bytes] = []
        self._size = 0
        self._is_whole = self._is_refused = False

    async def receive(self) -> Any:
        """Return the next part of the body; a disconnect instead of a refused end."""
        message = await self._receive()
        if self._is_whole or message["type"] != "http.request":
            return message
        part = message.get("body", b"")
        if self._size < _MOST_BODY:
            self._parts.append(part[: _MOST_BODY - self._size])
        self._size += len(part)
        if message.get("more_body", False):
            return message
        self._is_whole = True
        body = b"".join(self._parts)
        self._parts = []
        if b'"jsonrpc"' in body:
            body = _VOLATILE.sub(b"", body)
            self._size = 0  # the length differs as well
        if seconds := self.begin(hash((self._head, self._size, body))):
            self._is_refused = True
            await _refuse(Inbound(self._scope, self._receive, self._send), seconds)
            return {"type": "http.disconnect"}
        return message

    def send(self, message: Any) -> Awaitable[None]:
        """Send a part of the answer, unless the request was refused."""
        return _nothing() if self._is_refused else super().send(message)


async def _nothing() -> None:
    pass


async def _refuse(request: Inbound, seconds: float) -> None:
    shown = request.request_id.decode()
    _log.warning("request %s is refused: it was under way when a worker died", shown)
    await request.refuse(_refusal(seconds))


def _refusal(seconds: float) -> HttpProblem:
    return HttpProblem(
        "quarantined",
        "this same request was under way when a process of the server died",
        "send it again later; if it dies again, it waits ten times as long",
        headers=(("Retry-After", str(int(seconds) + 1)),),
    )
