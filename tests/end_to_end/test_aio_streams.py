"""`AioTransport`: streamed responses, compression and Unix sockets."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from pathlib import Path

import pytest

import naftiko
from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.aio import HEAD, held, sending
from support.recorder import Received, Recorder, response


def test_stream_gives_chunks_as_they_arrive(server: Recorder) -> None:
    """A stream yields each chunk as it arrives; leaving it closes the connection."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: 1\r\nx: 2\r\n\r\n"
    server.answer, gate = held(head + b"5\r\nfirst\r\n")

    async def act(transport: AioTransport) -> None:
        request = Request("GET", server.url)
        async with transport.stream(request, timeout=20) as stream:
            assert (stream.status, stream.reason) == (200, "OK")
            assert stream.headers["x"] == "1, 2"
            assert stream.pairs[1:] == [("X", "1"), ("x", "2")]
            assert await anext(aiter(stream)) == b"first"
        assert await asyncio.to_thread(server._open[0].recv, 1) == b""

    sending(act)
    gate.set()


def test_stream_that_is_read_frees_its_connection(server: Recorder) -> None:
    """Keep-alive: a stream that is read to its end frees its connection.

    A stream may be decompressed or not.
    """
    body = b"x" * 300_000
    server.answer = response(gzip.compress(body), Content_Encoding="gzip")

    async def act(transport: AioTransport) -> None:
        for _ in range(3):
            request = Request("GET", server.url)
            async with transport.stream(request, timeout=10) as stream:
                assert await stream.read() == body
            async with transport.stream(request, timeout=10, decode=False) as stream:
                assert gzip.decompress(await stream.read()) == body
                assert stream.headers["content-encoding"] == "gzip"
            async with transport.stream(request, timeout=10) as stream:
                assert await stream.read(10) == b"x" * 10

    sending(act)
    assert server.connections <= 3


def test_truncated_stream_is_a_transport_error(server: Recorder) -> None:
    """A truncated stream yields the chunks it has, then raises `TransportError`."""
    gate = threading.Event()

    def short(_: Received) -> None:
        server._open[-1].sendall(HEAD + b"half")
        gate.wait(10)

    server.answer = short

    async def act(transport: AioTransport) -> None:
        request = Request("GET", server.url)
        async with transport.stream(request, timeout=10) as stream:
            assert await anext(aiter(stream)) == b"half"
            gate.set()
            with pytest.raises(naftiko.TransportError, match="broke off"):
                await anext(aiter(stream))

    sending(act)


def test_decompression_does_not_block_the_event_loop() -> None:
    """Decompressing a large body does not block the event loop."""
    body = gzip.compress(b"\0" * 60_000_000)
    with Recorder(response(body, Content_Encoding="gzip")) as server:

        async def act(transport: AioTransport) -> float:
            longest, running = 0.0, True

            async def watch() -> None:
                nonlocal longest
                last = time.perf_counter()
                while running:
                    await asyncio.sleep(0)
                    now = time.perf_counter()
                    longest, last = max(longest, now - last), now

            watching = asyncio.create_task(watch())
            answer = await transport.send(Request("GET", server.url), timeout=10)
            running = False
            await watching
            assert len(answer.body) == 60_000_000
            return longest

        # Joining the parts of the body is the longest step. Other work of the machine
        # can make one try late, and not each.
        assert min(sending(act) for _ in range(3)) < 0.5


def test_unix_sockets_have_pools_of_their_own(tmp_path: Path) -> None:
    """Each Unix socket has its own connection pool, though each is `localhost`."""
    paths = [str(tmp_path / name) for name in ("a.sock", "b.sock")]
    with (
        Recorder(response('"a"'), path=paths[0]) as a,
        Recorder(response('"b"'), path=paths[1]) as b,
    ):

        async def act(transport: AioTransport) -> list[bytes]:
            found = []
            for path in paths * 3:
                request = Request("GET", "http://localhost/x", socket=path)
                found.append((await transport.send(request, timeout=5)).body)
            return found

        assert sending(act) == [b'"a"', b'"b"'] * 3
        assert (a.connections, b.connections) == (1, 1)
