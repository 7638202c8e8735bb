"""`Cycle`: one request and its response, with a connection that only notes bytes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from naftiko.exposes.http.answers import Answer, send_answer
from naftiko.exposes.http.cycle import Cycle


class Wire:
    """The transport, the flow and the protocol of a connection in one."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False
        self.write_paused = False
        self.ended = 0
        self.transport = self.flow = self
        self.server_state = SimpleNamespace(default_headers=[(b"date", b"now")])
        self.loop = asyncio.get_running_loop()

    def write(self, data: bytes) -> None:
        """Note bytes."""
        self.written.append(data)

    def close(self) -> None:
        """Note the end."""
        self.is_closed = True

    def is_closing(self) -> bool:
        """Tell whether it has been closed."""
        return self.is_closed

    def resume_reading(self) -> None:
        """Do nothing."""

    def on_response_complete(self) -> None:
        """Count responses."""
        self.ended += 1


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    """Return the message that begins a response."""
    pairs = list(headers)
    return {"type": "http.response.start", "status": status, "headers": pairs}


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    """Return the message with a part of its body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


def answered(
    *messages: Any, method: str = "GET", keep_alive: bool = True
) -> tuple[Wire, Cycle]:
    """Return what becomes of an application that sends messages; `None` waits."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            if message is None:
                await asyncio.sleep(0.01)
            else:
                await send(message)

    async def main() -> tuple[Wire, Cycle]:
        wire = Wire()
        scope = {"type": "http", "method": method}
        cycle = Cycle(scope, wire, keep_alive=keep_alive, expects_continue=False)
        await cycle.run_asgi(app)
        await asyncio.sleep(0)
        return wire, cycle

    return asyncio.run(main())


HEAD = b"HTTP/1.1 200 OK\r\ndate: now\r\n"


@pytest.mark.parametrize(
    ("messages", "written"),
    [
        pytest.param(
            [start((b"Content-Length", b"2")), part(b"ab")],
            [HEAD + b"content-length: 2\r\n\r\nab"],
            id="whole",
        ),
        pytest.param(
            [start(), part(b"ab", more=True), part(b"c", more=True), part(b"")],
            [
                HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
                b"1\r\nc\r\n",
                b"0\r\n\r\n",
            ],
            id="chunks",
        ),
        pytest.param(
            [start((b"content-length", b"1")), None, part(b"a")],
            [HEAD + b"content-length: 1\r\n\r\n", b"a"],
            id="the head does not wait for a late body",
        ),
        pytest.param(
            [start((b"content-length", b"70000")), part(b"a" * 70000)],
            [HEAD + b"content-length: 70000\r\n\r\n", b"a" * 70000],
            id="a large body is not copied",
        ),
        pytest.param(
            [start(status=204), part(b"")],
            [b"HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n"],
            id="no body",
        ),
        pytest.param(
            [start((b"transfer-encoding", b"chunked")), part(b"a")],
            [HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"],
            id="chunked by the application",
        ),
        pytest.param(
            [start(status=799), part(b"")],
            [
                b"HTTP/1.1 799 \r\ndate: now\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ],
            id="unknown status",
        ),
    ],
)
def test_response_is_written(messages: list[Any], written: list[bytes]) -> None:
    """Head and beginning of the body go out together."""
    wire, cycle = answered(*messages)
    assert wire.written == written
    assert (wire.ended, wire.is_closed, cycle.response_complete) == (1, False, True)


def test_response_to_head_has_no_body() -> None:
    """The length is that of the response to GET (RFC 9110, 9.3.2)."""
    messages = start((b"content-length", b"5")), part(b"")
    wire, _ = answered(*messages, method="HEAD")
    assert wire.written == [HEAD + b"content-length: 5\r\n\r\n"]
    assert (wire.ended, wire.is_closed) == (1, False)


@pytest.mark.parametrize(
    ("header", "keep_alive"),
    [((b"x", b"y"), False), ((b"Connection", b"x, Close"), True)],
)
def test_connection_is_closed_after_the_response(
    header: tuple[bytes, bytes], keep_alive: bool
) -> None:
    """The client or the application wants it; the response says so once."""
    wire, _ = answered(
        start(header, (b"content-length", b"0")), part(b""), keep_alive=keep_alive
    )
    assert wire.is_closed
    assert wire.written[0].lower().count(b"connection: ") == 1
    assert b"close" in wire.written[0].lower()


@pytest.mark.parametrize(
    "header",
    [
        (b"a", b"b\r\nSet-Cookie: c"),
        (b"a", b"\0"),
        (b"a:b", b"c"),
        (b"a\r\nb", b"c"),
        (b"a b", b"c"),
    ],
)
def test_header_that_splits_a_response_is_refused(
    header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """Response splitting: nothing of the head is written, and 500 is the answer."""
    caplog.set_level(logging.ERROR, "uvicorn.error")
    wire, _ = answered(start(header), part(b"x"))
    assert wire.written[0].startswith(b"HTTP/1.1 500 ")
    assert b"Cookie" not in b"".join(wire.written)
    assert wire.is_closed
    assert "a header of the response" in caplog.text


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [part(b"x")],
        [start((b"content-length", b"2"))],
        [start((b"content-length", b"2")), part(b"abc")],
        [start((b"content-length", b"2")), part(b"a")],
        [start(), start()],
    ],
)
def test_application_that_does_not_answer_whole(messages: list[Any]) -> None:
    """A response that did not begin is 500; any other ends with the connection."""
    wire, _ = answered(*messages)
    has_begun = bool(messages) and messages[0]["type"] == "http.response.start"
    status = b"200" if has_begun else b"500"
    assert b"".join(wire.written).startswith(b"HTTP/1.1 " + status)
    assert wire.is_closed


def test_message_after_the_end_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """The response is complete, so the connection is left to the next request."""
    caplog.set_level(logging.ERROR, "uvicorn.error")
    whole = start((b"content-length", b"1")), part(b"a")
    wire, _ = answered(*whole, part(b"b"))
    assert b"".join(wire.written).endswith(b"\r\n\r\na")
    assert "does not follow" in caplog.text


def in_a_busy_turn(
    *messages: Any, then: Callable[[Wire, Cycle], None], keep_alive: bool = True
) -> tuple[Wire, Cycle]:
    """Return what becomes of an answer in a turn with work for many connections.

    Args:
        messages: What the application sends; an exception is raised.
        then: Is called when they are sent, and nothing is written yet.
        keep_alive: The connection may stay open.
    """

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            if isinstance(message, Exception):
                raise message
            await send(message)

    async def main() -> tuple[Wire, Cycle]:
        wire = Wire()
        scope = {"type": "http", "method": "GET"}
        cycle = Cycle(scope, wire, keep_alive=keep_alive, expects_continue=False)
        for _ in range(10):
            wire.loop.call_soon(int)
        await cycle.run_asgi(app)
        assert (wire.written, cycle.response_complete, wire.ended) == ([], False, 0)
        then(wire, cycle)
        for _ in range(3):
            await asyncio.sleep(0)
        assert cycle.response_complete
        assert (await cycle.receive())["type"] == "http.disconnect"
        return wire, cycle

    return asyncio.run(main())


WHOLE = start((b"content-length", b"1")), part(b"a")


@pytest.mark.parametrize("keep_alive", [True, False])
def test_answer_in_a_busy_turn_counts_as_under_way_until_it_is_written(
    keep_alive: bool,
) -> None:
    """So nobody closes the connection; a server that ends lets it end afterwards."""

    def end(wire: Wire, cycle: Cycle) -> None:
        cycle.keep_alive = keep_alive  # as uvicorn does

    wire, _ = in_a_busy_turn(*WHOLE, then=end)
    assert wire.written == [HEAD + b"content-length: 1\r\n\r\na"]
    assert (wire.ended, wire.is_closed) == (1, not keep_alive)


def test_answer_to_a_client_that_is_gone_is_not_written() -> None:
    """It hung up in the turn that answered it."""

    def hang_up(wire: Wire, cycle: Cycle) -> None:
        cycle.disconnected = True

    wire, _ = in_a_busy_turn(*WHOLE, then=hang_up)
    assert (wire.written, wire.ended) == ([], 1)


@pytest.mark.parametrize("last", [RuntimeError("late"), part(b"b"), start()])
def test_error_after_the_end_does_not_cost_the_answer(
    last: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection ends behind it."""
    caplog.set_level(logging.ERROR, "uvicorn.error")
    wire, _ = in_a_busy_turn(*WHOLE, last, then=lambda *_: None)
    assert b"".join(wire.written).endswith(b"\r\n\r\na")
    assert wire.is_closed
    assert "Exception in ASGI application" in caplog.text


def test_body_is_received_as_it_comes() -> None:
    """`receive` waits for the next part, and tells when the client is gone."""

    async def main() -> list[Any]:
        wire = Wire()
        scope = {"type": "http", "method": "POST"}
        cycle = Cycle(scope, wire, keep_alive=True, expects_continue=True)
        got = []

        async def read() -> None:
            while True:
                got.append(await cycle.receive())
                if got[-1]["type"] == "http.disconnect":
                    return

        reading = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        for piece in (b"a", b"b"):
            cycle.body += piece
            cycle.message_event.set()
            await asyncio.sleep(0.01)
        cycle.more_body = False
        cycle.message_event.set()
        await asyncio.sleep(0.01)
        cycle.disconnected = True
        cycle.message_event.set()
        await reading
        await cycle.send(start())
        assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        return [(m.get("body"), m.get("more_body")) for m in got]

    assert asyncio.run(main()) == [
        (b"a", True), (b"b", True), (b"", False), (None, None),
    ]  # fmt: skip


def test_answer_is_one_write() -> None:
    """`send_answer` says that the body follows, so nothing is planned for the head."""

    async def main() -> list[bytes]:
        wire = Wire()
        scope = {"type": "http", "method": "GET"}
        cycle = Cycle(scope, wire, keep_alive=True, expects_continue=False)
        await send_answer(cycle.send, Answer(200, "text/plain", b"hello"))
        return wire.written

    (written,) = asyncio.run(main())
    assert written.endswith(b"\r\n\r\nhello")
