"""The chunks of a response as they arrive, and how a response ended.

    Arrivals(open, max_time=5)  →  head(), chunk(), chunk(), … b""

A thread receives where the command waits for a limited time: for `--max-time`, and to
notice an answer that stays open.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from naftiko.cli.console import note, paint
from naftiko.consumes.status import reported_failure_of
from naftiko.errors import RequestTimeout
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.plain import seconds_of
from naftiko.transport.redirects import too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from queue import Queue

    from naftiko.consumes.operation import Operation
    from naftiko.transport.streams import StreamedResponse

#: Seconds for the timeout of an answer that is expected to be silent for long.
UNLIMITED = 1e6
#: Bytes at the end of a body in which a failure is looked for.
_TAIL = 128 * 1024
#: Seconds after which a terminal is told that an answer stays open.
_TOLD_AFTER = 1.0
#: Chunks that are received before they are printed.
_AHEAD = 16


class Arrivals:
    """The head and the chunks of a response, received by a thread where it takes one.

    A thread starts when a wait is limited; most answers need none.

    Args:
        open: Sends the request and returns the response.
        max_time: Seconds until the end of the response, or `None`.
    """

    def __init__(
        self, open: Callable[[], StreamedResponse], max_time: float | None
    ) -> None:
        self._max_time = max_time
        self._end = None if max_time is None else time.monotonic() + max_time
        self._parts = _parts(open)
        self._arrived: Queue[Any] | None = None
        self._stream: StreamedResponse | None = None
        self._is_ended = False
        self._began = time.monotonic()
        self._is_told = not sys.stderr.isatty()

    def head(self) -> StreamedResponse:
        """Return the response, its body not read yet.

        Raises:
            CallError: No usable response came back, or not within the time.
        """
        stream: StreamedResponse = self._next(None)
        self._stream = stream
        self._began = time.monotonic()
        return stream

    @property
    def is_bounded(self) -> bool:
        """Whether the head, which has arrived, says where the body ends."""
        stream = self._stream
        assert stream is not None
        is_bodiless = stream.request.method == "HEAD" or stream.status in (204, 304)
        return is_bodiless or "Content-Length" in stream.headers

    def whole(self, *first: bytes) -> bytes:
        """Return the whole body, of which some chunks may be there already.

        Raises:
            TransportError: It is larger than a whole body may be, or broke off.
        """
        stream = self._stream
        assert stream is not None
        length = stream.headers.get("Content-Length", "")
        is_declared = length.isdigit() and stream.request.method != "HEAD"
        declared = int(length) if is_declared else 0
        chunks = list(first)
        size = sum(map(len, chunks))
        while max(size, declared) <= MAX_RESPONSE_BYTES:
            if not (chunk := self.chunk()):
                return b"".join(chunks)
            chunks.append(chunk)
            size += len(chunk)
        raise too_large(stream.request, MAX_RESPONSE_BYTES)

    def chunk(self, wait: float | None = None) -> bytes | None:
        """Return the next chunk; none at the end, `None` after `wait` seconds.

        Raises:
            TransportError: The response broke off, or took longer than `--max-time`.
        """
        if self._is_ended:
            return b""
        chunk: bytes | None = self._next(wait)
        self._is_ended = chunk == b""
        return chunk

    def next_chunk(self) -> bytes:
        """Return the next chunk of an answer of unknown length; none at the end.

        A terminal is told, once, that more may come.
        """
        while True:
            wait = None
            if not self._is_told:
                wait = max(0.0, self._began + _TOLD_AFTER - time.monotonic())
            chunk = self.chunk(wait)
            if chunk == b"":
                return b""
            if not self._is_told and time.monotonic() >= self._began + _TOLD_AFTER:
                self._is_told = True
                text = "still receiving, Ctrl-C ends it"
                note(paint(text, "hint", sys.stderr))
            if chunk is not None:
                return chunk

    def _next(self, wait: float | None) -> Any:
        left = None if self._end is None else max(0, self._end - time.monotonic())
        is_last = left is not None and (wait is None or left <= wait)
        timeout = left if is_last else wait
        if self._arrived is None and timeout is None:
            return next(self._parts)
        from queue import Empty

        self._arrived = self._arrived or _received(self._parts)
        try:
            found = self._arrived.get(timeout=timeout)
        except Empty:
            if not is_last:
                return None
            raise self._too_long() from None
        if isinstance(found, BaseException):
            raise found
        return found

    def _too_long(self) -> RequestTimeout:
        assert self._max_time is not None  # without one, nothing takes too long
        reason = f"no end of the response within {seconds_of(self._max_time)}"
        request = self._stream.request if self._stream else None
        where = f"{request.method} {request.shown_url}: " if request else ""
        return RequestTimeout(
            f"{where}{reason}",
            reason=reason,
            was_sent=request is not None,
            request=request,
            hint="--max-time SECONDS gives it longer",
        )


def _parts(open: Callable[[], StreamedResponse]) -> Iterator[Any]:
    """Yield a response, its chunks, and none at the end."""
    with open() as stream:
        yield stream
        yield from stream.bytes()
    yield b""


def _received(parts: Iterator[Any]) -> Queue[Any]:
    """Return a queue that a thread puts the parts into, or the error that ends them."""
    from queue import Queue
    from threading import Thread

    arrived: Queue[Any] = Queue(_AHEAD)

    def receive() -> None:
        try:
            for part in parts:
                arrived.put(part)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            arrived.put(error)

    Thread(target=receive, name="naftiko-call", daemon=True).start()
    return arrived


class RawTail:
    """The end of a body that is printed or saved as it came, to see how it ended.

    Args:
        operation: The operation that was called.
        stream: The head of its response.
    """

    def __init__(self, operation: Operation, stream: StreamedResponse) -> None:
        self._operation = operation
        self._stream = stream
        self._kept = b""
        self._is_cut = False

    def add(self, chunk: bytes) -> None:
        """Take note of a chunk."""
        self._kept += chunk
        if len(self._kept) > _TAIL:
            self._kept, self._is_cut = self._kept[-_TAIL // 2 :], True

    def check(self) -> None:
        """Look for a failure in the last value.

        Raises:
            ReportedError: The body reports one.
        """
        from naftiko.formats.reported import reported_in

        body = self._kept
        if self._is_cut:
            # What stands before the first line break is a part of a value.
            body = body.partition(b"\n")[2]
        found = reported_in(body, self._stream.content_type)
        if found is not None:
            request = self._stream.request
            raise reported_failure_of(self._operation, request, None, found)
