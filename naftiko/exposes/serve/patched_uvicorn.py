"""Limits of a connection that `uvicorn` does not have: size and time of a request.

With the parser in C (`httptools`), the head of a request may be endless and may take
for ever (slowloris), and so may a body. Besides, uvicorn keeps the object of a
connection that was reset until its keep-alive would have ended.

`watchful` subclasses a protocol of uvicorn. These names are private or undocumented;
`tests/exposes/serve/test_patched_uvicorn.py` checks each of them:

- `uvicorn.protocols.http.httptools_impl.HttpToolsProtocol`: `loop`, `transport`,
  `flow.read_paused`, `cycle.response_complete`, `timeout_keep_alive_task`, and the
  callbacks of the parser `on_message_begin`, `on_headers_complete`, `on_body`,
  `on_message_complete`
- `uvicorn.protocols.http.h11_impl.H11Protocol`: `timeout_keep_alive_task`
- `uvicorn.Config`: `load`, `http_protocol_class`
- `uvicorn.Server`: `capture_signals`, `server_state.tasks`, `started`, `should_exit`,
  `force_exit` (used by `serve/server.py`)

This module must not know what is served.
"""

from __future__ import annotations

from typing import Any

#: Bytes of a head, or of the framing of a body, that may come in.
MAX_HEAD_BYTES = 64 * 1024
#: Seconds that a whole head may take, and seconds between two parts of a body.
PATIENCE = 60.0
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


def watchful(protocol: type[Any], patience: float = PATIENCE) -> type[Any]:
    """Return a subclass of a uvicorn protocol that limits requests.

        HttpToolsProtocol  →  a protocol that answers 431, and closes slow connections
        H11Protocol        →  a protocol that only forgets lost connections

    Args:
        protocol: The protocol class that uvicorn would use.
        patience: Seconds that a whole head may take, and seconds between two parts of
            a body.
    """
    forgetting = _forgetting(protocol)
    # The parser in Python (h11) has no such callbacks, and limits heads by itself.
    if not hasattr(forgetting, "on_headers_complete"):
        return forgetting
    return _limiting(forgetting, patience)


def _forgetting(protocol: type[Any]) -> type[Any]:
    class Forgetting(protocol):  # type: ignore[misc]
        """Cancels the keep-alive timer when a connection is lost.

        The timer holds the connection in memory; uvicorn cancels it only when the
        connection was closed in an orderly way.
        """

        timeout_keep_alive_task: Any

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            timer = self.timeout_keep_alive_task
            if timer is not None:
                timer.cancel()
                self.timeout_keep_alive_task = None

    return Forgetting


def _limiting(protocol: type[Any], patience: float) -> type[Any]:
    class Limiting(protocol):  # type: ignore[misc]
        """Refuses a head that is too large, and closes a connection that stalls."""

        #: Bytes since the parser last completed a head or a part of a body.
        _unparsed = 0
        _in_head = True
        _in_body = False
        #: When the head began, or when the latest part of the body came.
        _since = 0.0
        _timer: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._since = self.loop.time()
            self._timer = self.loop.call_later(patience, self._check)

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def _check(self) -> None:
            """Close a connection that stalls; one timer serves all its requests."""
            # A client is not late while reading from it is paused (back pressure).
            is_waiting = self._in_head or (self._in_body and not self.flow.read_paused)
            if is_waiting and self.loop.time() - self._since >= patience:
                self.transport.close()
            else:
                self._timer = self.loop.call_later(patience, self._check)

        def data_received(self, data: bytes) -> None:
            self._unparsed += len(data)
            if self._in_body:
                self._since = self.loop.time()
            super().data_received(data)
            if self._unparsed > MAX_HEAD_BYTES and not self.transport.is_closing():
                if self.cycle is None or self.cycle.response_complete:
                    self.transport.write(_TOO_LARGE)
                self.transport.close()

        def on_message_begin(self) -> None:
            self._in_head, self._since = True, self.loop.time()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head, self._in_body, self._unparsed = False, True, 0
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._unparsed = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._in_body, self._unparsed = False, 0
            super().on_message_complete()

    return Limiting
