"""Slowloris: limits of a connection, tested with a real uvicorn and short timeouts.

The last part is a canary: its tests fail if a new uvicorn drops a private name that
this package uses.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import re
import socket
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h11
import pytest
import uvicorn
from h11._receivebuffer import ReceiveBuffer
from uvicorn.protocols.http import flow_control
from uvicorn.protocols.http.h11_impl import H11Protocol

from naftiko.exposes.http.cycle import Cycle
from naftiko.exposes.serve.patched_uvicorn import MAX_HEAD_BYTES, watchful
from support.raw_http import running

httptools = pytest.importorskip("uvicorn.protocols.http.httptools_impl")

PATIENCE = 0.3
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#: Incomplete requests, sent without their end.
HALVES = {
    "nothing": b"",
    "half a line": b"GET /",
    "half a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
    "a second head": GET + b"GET / HTTP/1.1\r\nHo",
    "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab",
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body; sleep for a moment at `/wait`."""
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        size += len(message["body"])
        if not message.get("more_body"):
            break
    if scope["path"] == "/wait":
        await asyncio.sleep(3 * PATIENCE)
    body = b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(protocol: type[Any]) -> Iterator[Any]:
    """Serve the application with a protocol; yield a function that connects."""
    with running(app, protocol, timeout_keep_alive=5) as address:
        yield lambda: socket.create_connection(address, timeout=20)


@pytest.fixture(scope="module")
def connect() -> Iterator[Any]:
    """Yield a function that connects to a server with the protocol in C."""
    with serving(watchful(httptools.HttpToolsProtocol, PATIENCE)) as opened:
        yield opened


def answers(connection: socket.socket) -> bytes:
    """Return all bytes until the server closes the connection."""
    found = b""
    while chunk := connection.recv(65536):
        found += chunk
    return found


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES.keys())
def test_stalled_head_or_body_ends_the_connection(connect: Any, half: bytes) -> None:
    """Slowloris: a stalled connection is closed; complete requests are answered."""
    started = time.monotonic()
    with connect() as connection:
        connection.sendall(half)
        found = answers(connection)
        assert found.count(b"200 OK") == half.count(GET)
    # No upper limit is checked, because a busy machine may be late.
    assert time.monotonic() - started > PATIENCE / 2


def test_slow_but_steady_client_is_answered(connect: Any) -> None:
    """A body in pieces, a slow answer and a pause between requests are not cut off."""
    with connect() as connection:
        head = b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
        connection.sendall(head)
        for _ in range(5):
            time.sleep(PATIENCE / 2)
            connection.sendall(b"x")
        assert connection.recv(1000).endswith(b"\r\n\r\n5")
        time.sleep(3 * PATIENCE)
        connection.sendall(GET)
        assert connection.recv(1000).endswith(b"\r\n\r\n0")


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /?",
        b"GET / HTTP/1.1\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;x=",
    ],
    ids=["line", "header", "trailer", "extension of a chunk"],
)
def test_endless_head_is_cut_off(connect: Any, begin: bytes) -> None:
    """A request line, header or chunk framing that never ends closes the connection."""
    with connect() as connection:
        connection.sendall(begin)
        sent = 0
        try:
            while sent < 100 * MAX_HEAD_BYTES:
                sent += connection.send(b"y" * 65536)
                # The buffers of the system take 6 MB before a busy server has looked.
                time.sleep(0.01)
        except OSError:
            pass
        assert sent < 100 * MAX_HEAD_BYTES


#: Requests that no application sees, and the problem that answers each.
REFUSED = {
    "header": (b"GET / HTTP/1.1\r\nX: " + b"y" * MAX_HEAD_BYTES, "head-too-large"),
    "whole head": (
        b"GET / HTTP/1.1\r\nHost: x\r\n"
        + b"X: y\r\n" * (MAX_HEAD_BYTES // 6)
        + b"Y: " + b"z" * 200 + b"\r\n\r\n",
        "head-too-large",
    ),
    "URL": (b"GET /?" + b"y" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n", "uri-too-long"),
    "URL without end": (b"GET /" + b"y" * MAX_HEAD_BYTES, "uri-too-long"),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", "malformed-request"),
    "no name": (b"GET / HTTP/1.1\r\n: a\r\n\r\n", "malformed-request"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_request_that_cannot_be_read_is_answered_with_a_problem(
    connect: Any, name: str
) -> None:
    """A head over the limit, or that is no HTTP, gives a problem document."""
    sent, kind = REFUSED[name]
    with connect() as connection:
        connection.sendall(sent)
        head, _, body = answers(connection).partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert problem["type"] == f"urn:naftiko:problem:{kind}"
    assert head.startswith(b"HTTP/1.1 %d " % problem["status"])
    assert b"Content-Type: application/problem+json" in head


def test_protocol_in_python_answers_with_a_problem() -> None:
    """h11 says with its error that a head is too large."""
    with serving(watchful(H11Protocol)) as connect:
        for sent, status in (
            (b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\n: a\r\n\r\n", 400),
        ):
            with connect() as connection:
                connection.sendall(sent)
                found = answers(connection)
            assert found.startswith(b"HTTP/1.1 %d " % status)
            assert b"application/problem+json" in found


def test_blanks_around_a_header_are_no_part_of_it(connect: Any) -> None:
    """RFC 9110, 5.5; an expectation with a blank behind it is met, too."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue \t\r\nContent-Length: 1\r\n\r\n"
    with connect() as connection:
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")


def test_head_within_the_limit_is_read_in_parts(connect: Any) -> None:
    """A head may come in many parts; a large body does not count as a head."""
    with connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        for _ in range(6):
            connection.sendall(b"y" * 10_000)
            time.sleep(0.01)
        connection.sendall(b"\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        size = 5_000_000
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size
        connection.sendall(head + b"z" * size)
        assert connection.recv(1000).endswith(b"%d" % size)


@pytest.mark.parametrize("protocol", [H11Protocol, httptools.HttpToolsProtocol])
def test_reset_connection_cancels_its_keep_alive_timer(protocol: type[Any]) -> None:
    """The keep-alive timer must not keep a reset connection in memory."""

    class Timer:
        is_cancelled = False

        def cancel(self) -> None:
            self.is_cancelled = True

    class Base(protocol):  # type: ignore[misc]
        def __init__(self) -> None:
            self.timeout_keep_alive_task = Timer()
            self._timer = Timer()
            self.pipeline: deque[Any] = deque()

        def connection_lost(self, exc: Exception | None) -> None:
            self.timer = self.timeout_keep_alive_task

    lost = watchful(Base)()
    lost.connection_lost(ConnectionResetError())
    assert lost.timer.is_cancelled
    assert lost.timeout_keep_alive_task is None
    lost.connection_lost(None)


@pytest.mark.parametrize("protocol", [H11Protocol, httptools.HttpToolsProtocol])
@pytest.mark.parametrize("requests", [b"", GET, 2 * GET, b"GET / HTTP/1.1\r\nHo"])
def test_lost_connection_does_not_wait_for_the_garbage_collector(
    protocol: type[Any], requests: bytes
) -> None:
    """Two thousand connections would hold 15 MB until the collector runs."""

    async def main() -> list[Any]:
        connection = _made(watchful(protocol), asyncio.get_running_loop())
        connection.connection_made(_Wire())
        if requests:
            connection.data_received(requests)
        await asyncio.sleep(0.01)
        connection.connection_lost(ConnectionResetError())
        await asyncio.sleep(0.01)
        found = [weakref.ref(connection)]
        del connection
        return [one() for one in found]

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main()) == [None]
    finally:
        gc.enable()


# --- canary: the private names of uvicorn that this package uses ---------------------


async def _answer_nothing(scope: Any, receive: Any, send: Any) -> None:
    """Answer no request."""


def _made(protocol: type[Any], running: asyncio.AbstractEventLoop | None = None) -> Any:
    """Return an instance of a protocol, made as uvicorn makes it."""
    config = uvicorn.Config(_answer_nothing, log_config=None, lifespan="off")
    config.load()
    loop = running or asyncio.new_event_loop()
    try:
        return protocol(
            config=config,
            server_state=uvicorn.server.ServerState(),
            app_state={},
            _loop=loop,
        )
    finally:
        if running is None:
            loop.close()


class _Wire(asyncio.Transport):
    """A transport that keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        """Keep what is sent at once."""
        self.sent.append(data)

    def write_eof(self) -> None:
        """Keep the end."""
        self.sent.append(b"")

    def can_write_eof(self) -> bool:
        """Tell that it can."""
        return True

    def pause_reading(self) -> None:
        """Read on."""

    resume_reading = pause_reading

    def is_closing(self) -> bool:
        """Tell whether `close` was called."""
        return self.is_closed

    def close(self) -> None:
        """Take nothing more."""
        self.is_closed = True


_HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "sent"),
    [
        ([_HEAD, b"body", b"more"], [_HEAD + b"body", b"more"]),
        ([_HEAD, b"x" * 65_537], [_HEAD, b"x" * 65_537]),
        ([_HEAD, None, b"late"], [_HEAD, b"late"]),
        ([_HEAD, "close"], [_HEAD]),
        ([_HEAD, "write_eof"], [_HEAD, b""]),
        ([b"body", _HEAD, _HEAD], [b"body", _HEAD + _HEAD]),
    ],
)
def test_head_goes_out_with_the_beginning_of_its_body(
    parts: list[bytes | str | None], sent: list[bytes]
) -> None:
    """One write is one packet; a head waits for no longer than a turn of the loop."""

    async def run() -> list[bytes]:
        loop = asyncio.get_running_loop()
        made = _made(watchful(H11Protocol), loop)
        wire = _Wire()
        made.connection_made(wire)
        for part in parts:
            if part is None:
                await asyncio.sleep(0)
            elif isinstance(part, str):
                getattr(made.transport, part)()
            else:
                made.transport.write(part)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return wire.sent

    assert asyncio.run(run()) == sent


def test_answer_of_this_turn_comes_before_a_refusal() -> None:
    """Also where it waits for the end of a turn with work for many connections."""

    async def run() -> list[bytes]:
        loop = asyncio.get_running_loop()
        made = _made(watchful(httptools.HttpToolsProtocol), loop)
        made.app = app
        wire = _Wire()
        made.connection_made(wire)
        made.data_received(GET)
        for _ in range(10):
            loop.call_soon(int)
        loop.call_soon(made.data_received, b"\0\r\n\r\n")
        await asyncio.sleep(0)
        made.connection_lost(None)
        return wire.sent

    first, second, *_ = asyncio.run(run())
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 400 ")


def test_many_connections_are_answered_in_order(connect: Any) -> None:
    """Each has its answers, one behind the other, however many share a turn."""
    connections = [connect() for _ in range(40)]
    ask = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s"
    for size, connection in enumerate(connections):
        body = b"a" * size
        second = ask % (b"", size + 100, b"Connection: close\r\n", body + b"a" * 100)
        connection.sendall(ask % (b"", size, b"", body) + second)
    for size, connection in enumerate(connections):
        with connection:
            found = re.findall(rb"\r\n\r\n(\d+)", answers(connection))
            assert found == [b"%d" % size, b"%d" % (size + 100)]


def _parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("protocol", [H11Protocol, httptools.HttpToolsProtocol])
def test_uvicorn_protocol_has_a_keep_alive_timer(protocol: type[Any]) -> None:
    """Both protocols have `timeout_keep_alive_task`, `None` without a timer."""
    made = _made(protocol)
    assert made.timeout_keep_alive_task is None
    assert _parameters(protocol.connection_made) == ["self", "transport"]
    assert _parameters(protocol.connection_lost) == ["self", "exc"]
    assert _parameters(protocol.data_received) == ["self", "data"]
    assert _parameters(protocol.send_400_response) == ["self", "msg"]


def test_uvicorn_protocol_in_c_has_the_callbacks_of_its_parser() -> None:
    """`httptools` calls methods by name, so an override must have equal parameters."""
    protocol = httptools.HttpToolsProtocol
    for name in ("on_message_begin", "on_headers_complete", "on_message_complete"):
        assert _parameters(getattr(protocol, name)) == ["self"]
    assert _parameters(protocol.on_body) == ["self", "body"]
    assert _parameters(protocol.on_url) == ["self", "url"]
    assert _parameters(protocol.on_header) == ["self", "name", "value"]
    assert not hasattr(H11Protocol, "on_headers_complete")


def test_uvicorn_protocol_in_c_has_the_state_of_its_request() -> None:
    """`loop`, `transport`, `flow` and `cycle` show if the server awaits a client."""
    made = _made(httptools.HttpToolsProtocol)
    assert made.loop is not None
    assert (made.transport, made.flow, made.cycle) == (None, None, None)
    assert isinstance(flow_control.FlowControl(None).read_paused, bool)  # type: ignore[arg-type]
    source = inspect.getsource(httptools.RequestResponseCycle.__init__)
    assert "self.response_complete = False" in source
    assert made.app is not None
    assert not made.pipeline
    assert (made.server, made.client, made.scheme) == (None, None, None)
    assert (made.app_state, made.asgi_version) == ({}, "3.0")
    assert isinstance(made.server_state.default_headers, list)
    assert _parameters(made._start_asgi_task) == ["cycle", "app"]
    assert _parameters(made.on_response_complete) == []


def test_uvicorn_protocol_in_c_asks_a_cycle_for_what_ours_has() -> None:
    """`Cycle` stands where uvicorn has an object of its own."""
    source = inspect.getsource(httptools.HttpToolsProtocol)
    source = source.partition("class RequestResponseCycle")[0]
    asked = set(re.findall(r"\bcycle\.(\w+)", source))
    assert asked >= {"response_complete", "message_event", "body"}
    for name in asked:
        assert hasattr(Cycle, name), name


def test_idle_connection_is_closed_without_a_timer_for_each_request() -> None:
    """Keep-alive: the connection ends when no request has come for that long."""
    limited = watchful(httptools.HttpToolsProtocol, PATIENCE)
    with running(app, limited, timeout_keep_alive=1) as address:
        with socket.create_connection(address, timeout=20) as connection:
            for _ in range(3):
                connection.sendall(GET)
                assert connection.recv(1000).endswith(b"0")
                time.sleep(0.5)
            started = time.monotonic()
            assert connection.recv(1000) == b""
            assert time.monotonic() - started > 0.3


def test_parser_in_python_reads_lines_out_of_its_buffer() -> None:
    """`Lines` overrides what h11 asks its buffer for; uvicorn asks `conn` for events."""
    connection = _made(H11Protocol).conn
    assert isinstance(connection, h11.Connection)
    buffer = connection._receive_buffer
    assert isinstance(buffer, ReceiveBuffer)
    assert isinstance(buffer._data, bytearray)
    assert _parameters(ReceiveBuffer.maybe_extract_lines) == ["self"]
    assert _parameters(ReceiveBuffer.maybe_extract_next_line) == ["self"]
    assert "self._reader(self._receive_buffer)" in inspect.getsource(h11.Connection)
    assert "self.conn.next_event()" in inspect.getsource(H11Protocol.handle_events)


def test_uvicorn_config_holds_the_protocol_class() -> None:
    """`http_protocol_class` can be replaced after `Config.load`."""
    config = uvicorn.Config(_answer_nothing, log_config=None, lifespan="off")
    config.load()
    assert config.http_protocol_class in (H11Protocol, httptools.HttpToolsProtocol)


def test_uvicorn_server_can_be_stopped_from_outside() -> None:
    """`Server` of this package sets two flags and cancels the tasks of requests."""
    server = uvicorn.Server(uvicorn.Config(_answer_nothing, log_config=None))
    assert (server.started, server.should_exit, server.force_exit) == (False,) * 3
    assert server.server_state.tasks == set()
    with server.capture_signals():
        pass
