"""Limits of a connection that `uvicorn` does not have: size and time of a request.

With the parser in C (`httptools`), the head of a request may be endless and may take
for ever (slowloris), and so may a body. Besides, uvicorn keeps the object of a
connection that was reset until its keep-alive would have ended. It answers a malformed
request with a line of text, and keeps the blanks behind the value of a header. The head
and the body of a response are two writes, so two calls of the system and two packets.

`watchful` subclasses a protocol of uvicorn. These names are private or undocumented;
`tests/exposes/serve/test_patched_uvicorn.py` checks each of them:

- `uvicorn.protocols.http.httptools_impl.HttpToolsProtocol`: the callbacks of the parser
  `on_message_begin`, `on_headers_complete`, `on_body`, `on_message_complete`,
  `on_response_complete`; `url`, `headers` and `expect_100_continue` when the head is
  complete; `parser`, `app`, `app_state`, `asgi_version`, `server`, `client`, `scheme`,
  `pipeline`, `_start_asgi_task`, `tasks`, `server_state.default_headers`; of a cycle,
  what `Cycle` has
- both protocols: `loop`, `transport`, `flow.read_paused`, `flow.write_paused`,
  `cycle.response_complete`, `cycle.more_body`, `timeout_keep_alive_task`;
  `connection_made(transport)` takes any object with the methods of a transport;
  `send_400_response`, called where the error of the parser is handled
- `uvicorn.protocols.http.h11_impl.H11Protocol`: `conn`, an `h11.Connection`
- `h11.Connection`: `next_event`, `_receive_buffer`; `h11._receivebuffer.ReceiveBuffer`:
  `maybe_extract_lines`, `maybe_extract_next_line`, `_data`
- `uvicorn.Config`: `load`, `http_protocol_class`, which is called with keywords
- `uvicorn.Server`: `capture_signals`, `server_state.tasks`, `started`, `should_exit`,
  `force_exit` (used by `serve/server.py`)

This module must not know what is served.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from http import HTTPStatus
from itertools import chain
from random import getrandbits
from typing import Any
from urllib.parse import unquote

from naftiko.exposes.http.cycle import Corked, Cycle
from naftiko.exposes.http.heads import (
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    TOO_MANY_FIELDS,
    BadHead,
    origin_form,
)
from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.serve.connections import Crowd, Patience, Timed
from naftiko.exposes.serve.plan import MOST_CONNECTIONS
from naftiko.transport.sockets.outbox import outbox_of

#: Seconds, and bytes, for which a client that was refused may go on sending.
_LINGER = 1.0
_MOST_DISCARDED = 1024 * 1024
#: Colon, blank and line end of a header.
_PUNCTUATION = 4
_MALFORMED = HttpProblem("malformed-request", "it is not well-formed HTTP/1.1")
_LIMIT = f"at most {MAX_HEAD_BYTES:,} bytes of URL and headers are read"
_FRAMING = f"at most {MAX_HEAD_BYTES:,} bytes of chunk extensions and trailer are read"
_HEAD_TOO_LARGE = HttpProblem("head-too-large", _LIMIT)
_URI_TOO_LONG = HttpProblem("uri-too-long", _LIMIT)
_FRAMING_TOO_LARGE = HttpProblem("head-too-large", _FRAMING)
#: Bytes of framing that each byte of a body may have: a chunk of one byte has five.
_FRAMING_RATIO = 8
#: Bytes of a line that tells the size of a chunk, without an extension.
_SIZE_LINE = 18
#: Control characters that no value of a header has (RFC 9110, 5.5); a text, which is
#: compiled when h11 is used.
_CONTROL = rb"[\0-\x08\x0a-\x1f\x7f]"


def watchful(
    protocol: type[Any],
    patience: float | Patience = Patience(),
    crowd: Crowd | None = None,
) -> type[Any]:
    """Return a subclass of a uvicorn protocol that limits requests.

        HttpToolsProtocol, H11Protocol
            →  a protocol that limits heads, and closes slow connections

    Both refuse the same heads: see `naftiko/exposes/http/heads.py`. Both send the head
    of a response together with the beginning of its body.

    Args:
        protocol: The protocol class that uvicorn would use.
        patience: The times that the parts of a request may take; one number for all.
        crowd: The connections of the process; by default those of this class.
    """
    if not isinstance(patience, Patience):
        patience = Patience(patience, patience)
    forgetting = _forgetting(protocol)
    settings = {"patience": patience, "crowd": crowd or Crowd(MOST_CONNECTIONS)}
    # The parser in Python (h11) has no such callbacks.
    if not hasattr(forgetting, "on_headers_complete"):
        return type("Checked", (_Checks, Timed, forgetting), settings)
    from httptools import parse_url

    settings["parse_url"] = staticmethod(parse_url)
    return type("Limited", (_Limits, Timed, forgetting), settings)


def _forgetting(protocol: type[Any]) -> type[Any]:
    class Forgetting(protocol):  # type: ignore[misc]
        """Cancels the keep-alive timer when a connection is lost.

        The timer holds the connection in memory; uvicorn cancels it only when the
        connection was closed in an orderly way. Malformed requests are answered with a
        problem document.
        """

        timeout_keep_alive_task: Any
        #: The protocol itself writes head and body of a response together.
        is_corked = False
        _is_refused = False
        #: Bytes that came after the refusal.
        _discarded = 0

        def connection_made(self, transport: Any) -> None:
            if not self.is_corked:
                transport = Corked(transport, self.loop)
            super().connection_made(transport)

        def send_400_response(self, msg: str) -> None:
            # An error of our checks says why; h11 says which status it means.
            error = sys.exc_info()[1]
            is_large = getattr(error, "error_status_hint", 400) == 431
            problem = _HEAD_TOO_LARGE if is_large else _MALFORMED
            self.refuse(getattr(error, "problem", problem))

        def refuse(self, problem: HttpProblem) -> None:
            """Answer with a problem, unless another answer is under way, and close."""
            # What this turn has answered comes first.
            outbox_of(self.loop).flush()
            if self._is_refused or self.transport.is_closing():
                return
            if self.cycle is not None and not self.cycle.response_complete:
                self.transport.close()
                return
            self._is_refused = True
            self.transport.write(_answer(problem))
            # Closing at once would reset the connection while the client still sends,
            # and the answer would be lost.
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.loop.call_later(_LINGER, self.transport.close)

        def data_received(self, data: bytes) -> None:
            if not self._is_refused:
                super().data_received(data)
                return
            self._discarded += len(data)
            if self._discarded > _MOST_DISCARDED:
                self.transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            timer = self.timeout_keep_alive_task
            if timer is not None:
                timer.cancel()
                self.timeout_keep_alive_task = None

    return Forgetting


def _answer(problem: HttpProblem) -> bytes:
    """Return the response for a request that no application has seen."""
    answer = problem.answer(f"{getrandbits(128):032x}")
    status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    more = "".join(f"{name}: {value}\r\n" for name, value in problem.headers)
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {answer.content_type}\r\n{more}"
        f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
    ).encode() + answer.body


class _NoTimer:
    """Stands for the keep-alive timer of a connection: `Timed` looks at the time."""

    def cancel(self) -> None:
        """Do nothing."""


_NO_TIMER = _NoTimer()
#: Whatever protocol `_Limits` stands before.
_Protocol: Any = object


class _Limits(_Protocol):  # type: ignore[misc]
    """Refuses a head too large, and trims the values of headers.

    One class, because each request passes all of its methods. What uvicorn does for
    each request is done here too, and by `Cycle`, with less work: no timer, no scope
    for a head that is not complete, one write for a response.
    """

    is_corked = True
    parse_url: Any
    cycle: Any

    in_head = True
    in_body = False
    #: Bytes since the parser last completed a head or a part of a body.
    _unparsed = 0
    #: Bytes of the head, once it is complete.
    _head_size = 0
    #: Bytes around a body in chunks, and of it.
    _framing = 0
    _body_size = 0
    #: Why the head, or the trailer, is refused.
    _fault: HttpProblem | None = None
    url = b""
    headers: list[tuple[bytes, bytes]]
    expect_100_continue: bool

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        size = len(data)
        if self.in_body:
            self._framing += size
        self._unparsed += size
        super().data_received(data)
        if self._unparsed > MAX_HEAD_BYTES:
            self._refuse_head()
        elif self._framing > MAX_HEAD_BYTES + _FRAMING_RATIO * self._body_size:
            self.refuse(_FRAMING_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        if self._fault is not None:
            self.refuse(self._fault)
        elif self._head_size > MAX_HEAD_BYTES:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def _refuse_head(self) -> None:
        is_url = self.in_head and 2 * len(self.url) > MAX_HEAD_BYTES
        problem = _HEAD_TOO_LARGE if self.in_head else _FRAMING_TOO_LARGE
        self.refuse(_URI_TOO_LONG if is_url else problem)

    def on_message_begin(self) -> None:
        self.in_head, self.since = True, self.loop.time()
        self._head_size = 0
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        headers = self.headers
        parts = sum(map(len, chain.from_iterable(headers)))
        self._head_size = len(self.url) + parts + _PUNCTUATION * len(headers)
        if self._head_size > MAX_HEAD_BYTES:
            # A head that came at once; the parser then calls `send_400_response`.
            raise ValueError("the head is too large")
        # RFC 9110, 5.5: blanks around a value are no part of it.
        trimmed = [(name, value.strip(b" \t")) for name, value in headers]
        if trimmed != headers:
            headers[:] = trimmed
            if dict(headers).get(b"expect", b"").lower() == b"100-continue":
                self.expect_100_continue = True
        try:
            version = self.parser.get_http_version()
            self.url = origin_form(self.url, version, headers)
        except BadHead as error:
            self._fault = error.problem
            raise
        self._unparsed = self._framing = self._body_size = 0
        self.in_head, self.in_body = False, True
        self._begin_request(version)
        # The parser gives the trailer behind a body as further headers. They must not
        # be taken for those of the head (RFC 9110, 6.5.1), which the scope holds now.
        self.headers = []

    def _begin_request(self, version: str) -> None:
        """Let the application answer the request whose head is complete."""
        target = self.parse_url(self.url)
        raw_path = target.path
        path = raw_path.decode("ascii")
        scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": self.headers,
            "state": self.app_state.copy(),
            "method": self.parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": target.query or b"",
        }
        before = self.cycle
        self.cycle = Cycle(
            scope,
            self,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            expects_continue=self.expect_100_continue,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:  # a pipelined request
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _start_asgi_task(self, cycle: Cycle, app: Any) -> None:
        # It takes itself out of the set: a callback for that would be a turn more.
        cycle.task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(cycle.task)

    def on_response_complete(self) -> None:
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self.timeout_keep_alive_task = _NO_TIMER
        self.idle_since = self.loop.time()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        self._framing -= len(body)
        self._body_size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.headers:
            self._check_trailer()
        self._unparsed = self._framing = 0
        self.in_body = False
        super().on_message_complete()

    def _check_trailer(self) -> None:
        if len(self.headers) > MAX_FIELDS:
            self._fault = TOO_MANY_FIELDS
        elif sum(map(len, chain.from_iterable(self.headers))) > MAX_HEAD_BYTES:
            self._fault = _FRAMING_TOO_LARGE
        if self._fault is not None:
            raise BadHead(self._fault)


class _Checks(_Protocol):  # type: ignore[misc]
    """Lets h11 refuse the heads that `_Limits` refuses."""

    conn: Any

    def connection_made(self, transport: Any) -> None:
        self.conn = _connection_class()()
        super().connection_made(transport)


def _refusal(error: type[Exception], problem: HttpProblem) -> Exception:
    """Return an error of h11 that `send_400_response` answers with a problem."""
    refusal = error("refused")
    refusal.problem = problem  # type: ignore[attr-defined]
    return refusal


@lru_cache(1)
def _connection_class() -> type[Any]:
    """Return the connection of h11 with our checks; h11 is imported when it is used."""
    import h11

    has_control = re.compile(_CONTROL).search
    lines_class = _lines_class()

    class Connection(h11.Connection):
        """Checks each head that was read."""

        def __init__(self) -> None:
            super().__init__(h11.SERVER, MAX_HEAD_BYTES)
            self._receive_buffer = lines_class()

        def next_event(self) -> Any:
            """Return the next event; raises as that of h11 does."""
            event = super().next_event()
            if not isinstance(event, h11.Request):
                return event
            headers = [(name.lower(), value) for name, value in event.headers]
            version = event.http_version.decode()
            try:
                target = origin_form(event.target, version, headers)
            except BadHead as error:
                raise _refusal(h11.RemoteProtocolError, error.problem) from None
            is_bad = any(has_control(value) for _, value in headers)
            if is_bad or event.method == b"CONNECT":
                raise _refusal(h11.RemoteProtocolError, _MALFORMED)
            if target == event.target:
                return event
            return h11.Request(
                method=event.method,
                target=target,
                headers=headers,
                http_version=event.http_version,
            )

    return Connection


def _lines_class() -> type[Any]:
    """Return the buffer of h11 with our checks of the lines that are read out of it."""
    import h11
    from h11._receivebuffer import ReceiveBuffer

    def refusal(problem: HttpProblem) -> Exception:
        return _refusal(h11.LocalProtocolError, problem)

    class Lines(ReceiveBuffer):
        """Refuses what h11 mends by itself: folded lines, bare line feeds."""

        #: Bytes of chunk extensions.
        _extensions = 0

        def maybe_extract_lines(self) -> list[bytearray] | None:
            """Return the lines of a head or of a trailer, once they are there."""
            before = len(self)
            lines = super().maybe_extract_lines()
            if not lines:
                if before > MAX_HEAD_BYTES and lines is None:
                    is_url = b"\n" not in self._data[: MAX_HEAD_BYTES // 2]
                    raise refusal(_URI_TOO_LONG if is_url else _HEAD_TOO_LARGE)
                return lines
            size = sum(map(len, lines)) + 2 * len(lines) + 2
            lengths = [x for x in lines if x[:15].lower() == b"content-length:"]
            if size > MAX_HEAD_BYTES:
                is_url = 2 * len(lines[0]) > MAX_HEAD_BYTES
                raise refusal(_URI_TOO_LONG if is_url else _HEAD_TOO_LARGE)
            # A trailer has no request line before its fields.
            if len(lines) - (b" HTTP/" in lines[0]) > MAX_FIELDS:
                raise refusal(TOO_MANY_FIELDS)
            is_bare = before - len(self) != size
            if is_bare or len(lengths) > 1 or any(x[:1] in b" \t" for x in lines):
                raise refusal(_MALFORMED)
            self._extensions = 0
            return lines

        def maybe_extract_next_line(self) -> bytearray | None:
            """Return the line that tells the size of a chunk, once it is there."""
            line = super().maybe_extract_next_line()
            if line is not None:
                self._extensions += max(0, len(line) - _SIZE_LINE)
            if self._extensions > MAX_HEAD_BYTES:
                raise refusal(_FRAMING_TOO_LARGE)
            return line

    return Lines
