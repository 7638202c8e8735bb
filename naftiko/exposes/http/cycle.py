"""`Cycle`: one request of an HTTP/1.1 connection and its response, as ASGI.

    head and body of a request  →  receive  →  the application  →  send  →  bytes

The head of a response goes out together with the beginning of its body; `Corked` does
that for a protocol of `uvicorn` that writes them apart. `uvicorn` does the same in two
writes and with more checks than a server needs that it is part of; what a header must
not hold is checked here as there. This module must not know a parser, nor what is
served.
"""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.scope import BODY_FOLLOWS
from naftiko.transport.sockets.outbox import outbox_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from naftiko.exposes.http.scope import ASGIApp, ASGIScope

#: The logger of uvicorn, for what an application does wrong.
_log = logging.getLogger("uvicorn.error")
#: What no name of a header holds (RFC 9110, 5.6.2), and no value (5.5).
_no_name = re.compile(rb'[\x00-\x20\x7f()<>@,;:\[\]={}\\"]').search
_NO_VALUE = bytes((*range(0x09), *range(0x0A, 0x20), 0x7F))
#: Fields that say where a response ends, or a connection, as a line begins with them.
_LENGTH, _CODING = b"content-length: ", b"transfer-encoding: "
_CONNECTION = b"connection: "
_DECISIVE = frozenset((_LENGTH, _CODING, _CONNECTION))
#: Bytes that are copied to go out together with a head.
_MOST_TOGETHER = 64 * 1024
#: Statuses of responses without a body that are not sent in chunks.
_BODILESS = (204, 304)
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
}
#: Names whose beginning of a line is kept, and the bytes of the longest.
_MOST_KEPT, _LONGEST_KEPT = 256, 64
_NO_HEADER = "a header of the response is none"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FAILED = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"21"),
    (b"connection", b"close"),
)


class Cycle:
    """One request and its response.

    Args:
        scope: The scope of the request.
        connection: The protocol of uvicorn; its callbacks fill `body`, and set
            `more_body`, `disconnected` and `keep_alive`.
        keep_alive: The connection may stay open after the response.
        expects_continue: The client waits for a response of status 100.

    Attributes:
        body: The bytes of the body that have not been received.
        more_body: Further bytes follow.
        disconnected: The client is gone.
        response_started: The head of the response has been given.
        response_complete: All of the response has been given.
        task: The task that runs the application, or `None`.
    """

    __slots__ = (
        "_connection", "_head", "_is_awaited", "_is_chunked", "_is_set", "_is_whole",
        "_left", "_waiter", "body", "disconnected", "keep_alive", "more_body",
        "response_complete", "response_started", "scope", "task",
    )  # fmt: skip

    def __init__(
        self,
        scope: ASGIScope,
        connection: Any,
        *,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False
        self.task: asyncio.Task[None] | None = None
        self._connection = connection
        self._is_awaited = expects_continue
        #: Something has come since `receive` last returned.
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None
        #: The head of the response, until it is written.
        self._head = b""
        self._is_chunked = False
        #: The last part has been given; it may not be written yet.
        self._is_whole = False
        #: Bytes of the body that `Content-Length` announces and that are to come.
        self._left = 0

    # --- what the protocol of uvicorn calls -------------------------------------------

    @property
    def message_event(self) -> Cycle:
        """What has the method `set`, in the words of uvicorn."""
        return self

    def set(self) -> None:
        """Wake the application: something has come, or the client is gone."""
        self._is_set = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def run_asgi(self, app: ASGIApp) -> None:
        """Let an application answer; a connection without its answer is closed."""
        try:
            result: Any = await app(self.scope, self.receive, self.send)  # type: ignore[func-returns-value]
        except BaseException as error:  # noqa: BLE001 - the connection is closed
            _log.error("Exception in ASGI application\n", exc_info=error)
            await self._fail()
        else:
            if result is not None:
                what = "ASGI callable should return None, but returned '%s'."
                _log.error(what, result)
                self._close()
            elif not self._is_whole and not self.disconnected:
                what = "completing" if self.response_started else "starting"
                _log.error("ASGI callable returned without %s response.", what)
                await self._fail()
        finally:
            task, self.task = self.task, None  # it knows this object
            if task is not None:
                self._connection.tasks.discard(task)

    async def _fail(self) -> None:
        if self.response_started:
            self._close()
            return
        start = {"type": "http.response.start", "status": 500, "headers": _FAILED}
        await self.send(start)
        await self.send(
            {"type": "http.response.body", "body": b"Internal Server Error"}
        )

    def _close(self) -> None:
        self._flush()
        if self._is_whole and not self.response_complete:
            self.keep_alive = False
            return
        self._connection.transport.close()

    # --- ASGI -------------------------------------------------------------------------

    async def receive(self) -> dict[str, Any]:
        """Return the next part of the body, or that the client is gone."""
        connection = self._connection
        if self._is_awaited and not connection.transport.is_closing():
            connection.transport.write(_CONTINUE)
            self._is_awaited = False
        if not (self.disconnected or self.response_complete):
            connection.flow.resume_reading()
            if not self._is_set:
                self._waiter = connection.loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            self._is_set = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: dict[str, Any]) -> None:
        """Take the next part of the response.

        Raises:
            RuntimeError: The message is not the one that may follow, or a header holds
                characters that it must not hold.
        """
        connection = self._connection
        if connection.flow.write_paused and not self.disconnected:
            await connection.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started:
            if kind != "http.response.start":
                raise RuntimeError(f"a response begins with its head, not with {kind}")
            self._begin(message)
        elif self._is_whole or kind != "http.response.body":
            raise RuntimeError(f"{kind} does not follow in a response")
        else:
            is_last = not message.get("more_body", False)
            self._write(message.get("body", b""), is_last=is_last)

    def _begin(self, message: dict[str, Any]) -> None:
        """Make the head of the response."""
        status = message["status"]
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        given: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
        decisive = []
        for name, value in (*self._connection.server_state.default_headers, *given):
            begin = _begins[name]
            lines += (begin, value, b"\r\n")
            if begin in _DECISIVE:
                decisive.append((begin, value))
        values = b"".join(lines[2::3])
        # A pattern takes more than twice as long.
        if len(values.translate(None, _NO_VALUE)) < len(values):
            raise RuntimeError(_NO_HEADER)
        self.response_started = True
        self._is_awaited = False
        is_framed = tells_close = False
        for begin, value in decisive:
            if begin == _LENGTH and not is_framed:
                self._left, is_framed = int(value), True
            elif begin == _CODING and value.lower() == b"chunked":
                self._left, self._is_chunked, is_framed = 0, True, True
            elif begin == _CONNECTION and b"close" in _tokens(value):
                self.keep_alive, tells_close = False, True
        if not (self.keep_alive or tells_close):
            lines.append(b"connection: close\r\n")
        if not is_framed and self.scope["method"] != "HEAD" and status not in _BODILESS:
            self._is_chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        self._head = b"".join(lines)
        if BODY_FOLLOWS not in message:
            # Nothing may follow for long: it goes out in this turn of the loop.
            self._connection.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write the head that waits."""
        head, self._head = self._head, b""
        if head and not self._connection.transport.is_closing():
            self._connection.transport.write(head)

    def _write(self, body: bytes, *, is_last: bool) -> None:
        """Write a part of the body."""
        if self.scope["method"] == "HEAD":
            self._left, body = 0, b""
        elif self._is_chunked:
            end = b"0\r\n\r\n" if is_last else b""
            body = b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
        else:
            self._left -= len(body)
            if self._left < 0 or (is_last and self._left):
                raise RuntimeError("the body is not as long as its Content-Length")
        head, self._head = self._head, b""
        if head and len(body) > _MOST_TOGETHER:
            self._connection.transport.write(head)
            head = b""
        if is_last:
            # Until it is written, the response counts as one under way: nothing else is
            # written to the connection, and nobody closes it.
            self._is_whole = True
            outbox_of(self._connection.loop).put(self._end, head + body)
        elif head or body:
            self._connection.transport.write(head + body)

    def _end(self, data: bytes) -> None:
        """Write the last bytes, and leave the connection to the next request."""
        if data and not self.disconnected:
            self._connection.transport.write(data)
        self.response_complete = True
        self.set()
        if not self.keep_alive:
            self._connection.transport.close()
        self._connection.on_response_complete()


class _Begins(dict[bytes, bytes]):
    """Name of a header → the line until its value: `Vary` → `vary: `."""

    def __missing__(self, name: bytes) -> bytes:
        if _no_name(name):
            raise RuntimeError(_NO_HEADER)
        begin = b"%b: " % name.lower()
        if len(name) < _LONGEST_KEPT and len(self) < _MOST_KEPT:
            self[name] = begin
        return begin


#: Few names are sent again and again.
_begins = _Begins()


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip().lower() for token in value.split(b",")]


class Corked:
    """A transport that sends the head of a response together with what follows it.

    What begins like a head waits for the next write, or for the end of this turn of the
    event loop: a response without a body is not late either.
    """

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: Any, loop: Any) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        #: Asked for each request; `__getattr__` is slow.
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send bytes."""
        held = self._held
        if held:
            self._held = b""
            if len(data) <= _MOST_TOGETHER:
                self._transport.write(held + data)
                return
            self._transport.write(held)
        elif data[:7] == b"HTTP/1.":
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            if not self._transport.is_closing():
                self._transport.write(held)

    def write_eof(self) -> None:
        """Close this direction when all is sent."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close the connection when all is sent."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
