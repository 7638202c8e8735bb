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
import os
import re
import time
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.problems import HttpProblem

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send

_log = logging.getLogger("naftiko.serve")

#: Requests of one worker whose fingerprints are kept; further ones are not watched.
_SLOTS = 2048
#: Fingerprints that can be refused at the same time.
_MOST_REFUSED = 256
#: Places in which a completed request leaves its mark.
_MARKS = 65_536
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
        self._key = os.urandom(16)
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

    def digest(self) -> Any:
        """Return a hash for a fingerprint; nobody else can compute the same."""
        return blake2b(digest_size=8, key=self._key)

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
        digest = self._quarantine.digest()
        digest.update(b"%s %s" % (scope["method"].encode(), _target(scope)))
        has_body = is_stream = False
        for name, value in scope["headers"]:
            if name in _TELLING:
                digest.update(b"\n%s:%s" % (name, value))
                is_stream |= name == b"accept" and b"event-stream" in value
            elif name in (b"content-length", b"transfer-encoding"):
                has_body = value != b"0"
        flight = _Flight(self, scope, receive, send, digest)
        if has_body:
            receive = flight.receive
        elif await flight.begin():
            return
        flight.is_stream = is_stream and scope["method"] == "GET"
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
    """One request under way."""

    __slots__ = (
        "_digest", "_fingerprint", "_is_over", "_is_refused", "_parts", "_receive",
        "_scope", "_send", "_size", "_slot", "_watched", "is_stream",
    )  # fmt: skip

    def __init__(
        self,
        watched: Watched,
        scope: ASGIScope,
        receive: Receive,
        send: Send,
        digest: Any,
    ) -> None:
        self._watched = watched
        self._scope = scope
        self._receive = receive
        self._send = send
        self._digest = digest
        self._fingerprint = 0
        self._slot = -1
        self._parts: list[bytes] = []
        self._size = 0
        self._is_refused = self._is_over = False
        self.is_stream = False

    async def begin(self) -> bool:
        """Write the request down; refuse it and return `True` if it is suspected."""
        self._fingerprint = int.from_bytes(self._digest.digest()) or 1
        seconds = self._watched.refused_for(self._fingerprint)
        if not seconds:
            self._slot = self._watched.begin(self._fingerprint)
            return False
        self._is_refused = True
        request = Inbound(self._scope, self._receive, self._send)
        shown = request.request_id.decode()
        _log.warning(
            "request %s is refused: it was under way when a worker died", shown
        )
        await request.refuse(_refusal(seconds))
        return True

    async def receive(self) -> Any:
        """Return the next part of the body; a disconnect instead of a refused end."""
        message = await self._receive()
        if self._fingerprint or message["type"] != "http.request":
            return message
        part = message.get("body", b"")
        if self._size < _MOST_BODY:
            self._parts.append(part[: _MOST_BODY - self._size])
        self._size += len(part)
        if message.get("more_body", False):
            return message
        body = b"".join(self._parts)
        self._parts = []
        if b'"jsonrpc"' in body:
            body = _VOLATILE.sub(b"", body)
            self._size = 0  # the length differs as well
        self._digest.update(b"\n%d\n%s" % (self._size, body))
        if await self.begin():
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Any) -> None:
        """Send a part of the answer, unless the request was refused.

        The request is forgotten before its client has the whole answer, or the first
        part of an event stream: a death after that is not its fault.
        """
        if self._is_refused:
            return
        if self.is_stream or not (
            message.get("more_body") or message["type"] == "http.response.start"
        ):
            self.end()
        await self._send(message)

    def end(self) -> None:
        """Forget the request: its worker has survived it."""
        if not self._is_over:
            self._is_over = True
            if self._fingerprint and not self._is_refused:
                self._watched.end(self._slot, self._fingerprint)


def _refusal(seconds: float) -> HttpProblem:
    return HttpProblem(
        "quarantined",
        "this same request was under way when a process of the server died",
        "send it again later; if it dies again, it waits ten times as long",
        headers=(("Retry-After", str(int(seconds) + 1)),),
    )
