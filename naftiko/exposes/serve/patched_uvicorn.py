"""What `uvicorn` leaves open about a connection: how large and late a request may be.

With its parser in C a head may be endless and take for ever; so may a body. And what
was reset is kept until it would have idled away. This module must not know what is
served.
"""

from __future__ import annotations

from typing import Any

#: Bytes that may come in without making a request, or a part of a body.
MAX_HEAD_BYTES = 64 * 1024
#: Seconds that a head may take, and that a body may stop for.
PATIENCE = 60.0
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


def watchful(protocol: type[Any], patience: float = PATIENCE) -> type[Any]:
    """Return a protocol of `uvicorn` that watches over requests, and forgets the lost.

    Args:
        protocol: The one to build on.
        patience: Seconds that a head may take, and that a body may stop for.
    """
    found = _forgetting(protocol)
    # The parser in Python limits heads by itself, and has no such callbacks.
    if not hasattr(found, "on_headers_complete"):
        return found
    return _limiting(found, patience)


def _forgetting(protocol: type[Any]) -> type[Any]:
    class Forgetting(protocol):  # type: ignore[misc]
        """Lets go of a connection as soon as it is lost, however it was."""

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            timer = getattr(self, "timeout_keep_alive_task", None)
            if timer is not None:
                timer.cancel()
                self.timeout_keep_alive_task = None

    return Forgetting


def _limiting(protocol: type[Any], patience: float) -> type[Any]:
    class Limiting(protocol):  # type: ignore[misc]
        """Refuses a head that is too large, and ends what does not come."""

        #: Bytes since something came of them.
        _idle = 0
        _in_head = True
        _in_body = False
        #: When the head began, or the latest part of a body came.
        _since = 0.0
        _timer: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._since = self.loop.time()
            self._timer = self.loop.call_later(patience, self._look)

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def _look(self) -> None:
            """Look now and then: a timer for each request would cost more."""
            # Who is not read from is not late.
            is_waited_for = self._in_head or (
                self._in_body and not self.flow.read_paused
            )
            if is_waited_for and self.loop.time() - self._since >= patience:
                self.transport.close()
            else:
                self._timer = self.loop.call_later(patience, self._look)

        def data_received(self, data: bytes) -> None:
            self._idle += len(data)
            if self._in_body:
                self._since = self.loop.time()
            super().data_received(data)
            if self._idle > MAX_HEAD_BYTES and not self.transport.is_closing():
                if self.cycle is None or self.cycle.response_complete:
                    self.transport.write(_TOO_LARGE)
                self.transport.close()

        def on_message_begin(self) -> None:
            self._in_head, self._since = True, self.loop.time()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head, self._in_body, self._idle = False, True, 0
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._idle = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._in_body, self._idle = False, 0
            super().on_message_complete()

    return Limiting
