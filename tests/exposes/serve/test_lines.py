"""Lines of JSON-RPC: each request is answered, the unreadable ones and the last ones."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from naftiko.exposes.mcp.protocol.messages import ids_in
from naftiko.exposes.options import Options
from naftiko.exposes.serve.lines import StdioSession, TooLong, lines_of
from naftiko.transport.messages import Response
from support.mcping import CREW, MODERN, mcp_app

HELLO = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":'
    b'"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
)
READY = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'


def said(*lines: bytes | TooLong, app: Any = None, grace: float = 5) -> list[Any]:
    """Return the answers to lines after which the input ends."""
    written: list[bytes] = []

    async def given() -> AsyncIterator[bytes | TooLong]:
        for line in lines:
            yield line

    async def run() -> None:
        served = app or mcp_app(tools=[CREW])[0]
        async with asyncio.timeout(10), served.attached():
            talk = StdioSession(served.server, Options(), served.drain, grace)
            await talk.run(given(), written.append)

    asyncio.run(run())
    assert all(line.endswith(b"\n") for line in written)
    return [json.loads(line) for line in written]


def call(id_: Any) -> bytes:
    """Return a call of the tool `crew`."""
    params = {"name": "crew", "arguments": {}}
    body = {"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": params}
    return json.dumps(body).encode()


DEEP = b'{"jsonrpc":"2.0","method":"ping","params":%s1%s,"id":"deep"}'
UNREADABLE: dict[str, Any] = {
    "text": (b"hello", [None], -32700),
    "cut off": (b'{"jsonrpc":"2.0","id":7,"method":"ping","par', [7], -32700),
    "cut off in a text": (b'{"id": "a\\"b", "method": "pi', ['a"b'], -32700),
    "half a surrogate": (rb'{"id":1,"params":{"q":"cut \ud83d"}}', [1], -32700),
    "half a surrogate as id": (rb'{"id":"\ud83d"}', [None], -32700),
    "not UTF-8": (b'{"id":2,"params":{"q":"\xff"}}', [2], -32700),
    "long integer": (b'{"id":3,"params":{"n":%s}}' % (b"9" * 5000), [3], None),
    "long integer as id": (b'{"id":%s}' % (b"9" * 5000), [None], None),
    "deep": (DEEP % (b"[" * 5000, b"]" * 5000), ["deep"], -32700),
    "no method": (b'{"jsonrpc":"2.0","id":4}', [4], -32600),
    "other version": (b'{"jsonrpc":"1.0","id":5,"method":"ping"}', [5], -32600),
    "params that are a text": (
        b'{"jsonrpc":"2.0","id":6,"method":"ping","params":"x"}',
        [6],
        -32600,
    ),
    "null as id": (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', [None], -32600),
    "fraction as id": (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', [None], -32600),
    "object as id": (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', [None], -32600),
    "two in a line": (
        b'{"jsonrpc":"2.0","id":3,"method":"ping"}{"jsonrpc":"2.0","id":4,"method":"x"}',
        [3, 4],
        -32700,
    ),
    "batch": (b"[" + call(1) + b"," + call("2") + b"]", [1, "2"], -32600),
    "empty batch": (b"[]", [None], -32600),
    "null": (b"null", [None], -32600),
    "id of an inner object": (b'{"params": {"id": 8}', [None], -32700),
    "too long": (TooLong(b'{"id":9,"params":{"q":"aaa'), [9], -32600),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_line_is_answered_with_its_id(case: str) -> None:
    """JSON-RPC 2.0, 5.1: an error with the id where one is found, else with null."""
    line, ids, code = UNREADABLE[case]
    hello, *errors, ping = said(
        HELLO, READY, line, b'{"jsonrpc":"2.0","id":99,"method":"ping"}'
    )
    assert hello["id"] == 0
    assert [error["id"] for error in errors] == ids
    assert {error["error"]["code"] for error in errors} <= {code or -32700, -32600}
    assert ping == {"jsonrpc": "2.0", "id": 99, "result": {}}


def test_unreadable_line_before_the_handshake_is_answered() -> None:
    """The revision of the client does not matter: no request decides it yet."""
    assert [answer["id"] for answer in said(b"{", HELLO)] == [None, 0]


def test_id_of_a_request_is_found_at_its_level_only() -> None:
    """Ids of arguments are not ids of requests; a list holds several requests."""
    assert ids_in(b'{"params": {"id": 1}, "id": 2}') == [2]
    assert ids_in(b'[{"id": 1, "a": [{"id": 5}]}, {"id": 2}]') == [1, 2]
    assert ids_in(b'{"x": "id", "y": "\\"id\\": 4", "id": 3}') == [3]
    assert ids_in(b'{"id": 1.5}') == ids_in(b'{"id": true}') == ids_in(b"7") == []


def test_search_for_an_id_takes_linear_time() -> None:
    """A line of quotes and backslashes of twice the length takes about twice as long."""
    times = []
    for size in (200_000, 400_000):
        began = time.process_time()
        ids_in(b'{"a' + b"\\" * size + b'" "' * 1000)
        times.append(time.process_time() - began)
    assert times[1] < 8 * times[0] + 0.05


def slow_upstream(seconds: float) -> Any:
    """Return an answer of the API that takes its time."""

    async def answer(_request: Any) -> Response:
        await asyncio.sleep(seconds)
        return Response(200, {"Content-Type": "application/json"}, b'{"ok":1}')

    return answer


@pytest.mark.parametrize("first", [[HELLO, READY], []], ids=["session", "newest"])
def test_calls_under_way_are_answered_when_the_input_ends(first: list[bytes]) -> None:
    """Each request that was read gets its result, one with the id of another too."""
    app, upstream = mcp_app(slow_upstream(0.05), tools=[CREW])
    calls = [call(number) for number in (1, 2, 3, "3", 3)]
    if not first:
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        bodies = [json.loads(line) for line in calls]
        for body in bodies:
            body["params"]["_meta"] = meta
        calls = [json.dumps(body).encode() for body in bodies]
    answers = said(*first, *calls, app=app)[len(first) // 2 :]
    assert sorted(str(answer["id"]) for answer in answers) == ["1", "2", "3", "3", "3"]
    assert len(upstream.sent) == len([a for a in answers if "result" in a])


def test_call_that_outlasts_the_grace_is_answered_with_an_error() -> None:
    """After the grace the client still gets an answer, and serving ends."""
    app, _ = mcp_app(slow_upstream(60), tools=[CREW])
    _, answer = said(HELLO, READY, call(1), app=app, grace=0.05)
    assert answer["id"] == 1
    # The client must not take it for "not sent" and order once more.
    assert answer["error"]["message"] == (
        "the input ended, and the request was not done 0.05 s later;"
        " the API may have executed it"
    )


def test_cancelled_call_is_not_waited_for() -> None:
    """A request that its client has cancelled has no answer to wait for."""
    app, _ = mcp_app(slow_upstream(60), tools=[CREW])
    cancel = (
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'
    )
    assert [a["id"] for a in said(HELLO, READY, call(1), cancel, app=app)] == [0]


@pytest.mark.parametrize(
    ("sent", "lines"),
    [
        (b"a\nb\r\n\n  \nc", [b"a", b"b\r", b"c"]),
        (b"\xef\xbb\xbfa\n", [b"a"]),
        (b"x" * 30 + b"\nok\n", [TooLong(b"x" * 30), b"ok"]),
        (b"x" * 20 + b"\n", [b"x" * 20]),
        (b"", []),
    ],
)
def test_input_is_cut_into_lines(sent: bytes, lines: list[Any]) -> None:
    """Blank lines and a byte order mark are dropped; a long line is not kept whole."""
    reader, writer = os.pipe()
    os.write(writer, sent)
    os.close(writer)

    async def run() -> list[Any]:
        return [line async for line in lines_of(reader, 20)]

    try:
        assert asyncio.run(run()) == lines
    finally:
        os.close(reader)


def test_output_that_cannot_be_written_is_the_only_error() -> None:
    """The command line tells the reason, so nothing else may stand beside it."""

    def full(_line: bytes) -> None:
        raise OSError(28, "No space left on device")

    async def run() -> None:
        app, _ = mcp_app(tools=[CREW])

        async def given() -> AsyncIterator[bytes | TooLong]:
            for line in (HELLO, READY, b"{", call(1)):
                yield line

        async with asyncio.timeout(10), app.attached():
            talk = StdioSession(app.server, Options(), app.drain, 5)
            await talk.run(given(), full)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run())
    _, others = caught.value.split(OSError)
    assert others is None
