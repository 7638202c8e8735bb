"""`AioTransport`: cancelled calls, closed transports and idle connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import naftiko
from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.aio import HEAD, descriptors, held, sending, until
from support.recorder import Recorder, response


@pytest.mark.parametrize("parts", [(), (HEAD,), (HEAD, b"x" * 50)])
def test_cancelled_call_closes_its_connection(
    server: Recorder, parts: tuple[bytes, ...]
) -> None:
    """A cancelled call closes its connection before, after and within the response."""
    server.answer, gate = held(*parts)

    async def act(transport: AioTransport) -> None:
        task = asyncio.create_task(
            transport.send(Request("GET", server.url), timeout=30)
        )
        await until(lambda: server.received)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server._open[0].recv, 1) == b""

    sending(act)
    gate.set()


def test_cancelled_upload_ends(server: Recorder) -> None:
    """A cancelled upload closes the iterator of its body and its connection."""
    ended = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def act(transport: AioTransport) -> None:
        request = Request("PUT", server.url, body=body())
        task = asyncio.create_task(transport.send(request, timeout=30))
        await until(lambda: server.connections)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 5)
        await until(server.closed.is_set)

    sending(act)


def test_hundred_cancelled_calls_leave_no_connection(server: Recorder) -> None:
    """A hundred cancelled calls leak no file descriptor and no place in the pool."""
    server.answer, gate = held(HEAD)

    async def act(transport: AioTransport) -> None:
        for _ in range(100):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await transport.send(Request("GET", server.url), timeout=30)
        gate.set()
        server.answer = response("[1]")
        answers = await asyncio.gather(
            *(transport.send(Request("GET", server.url), timeout=10) for _ in range(8))
        )
        assert [a.body for a in answers] == [b"[1]"] * 8

    before = descriptors()
    sending(act, pool_size=4)
    server.drop_connections()
    assert descriptors() <= before + 1


def test_closed_transport_refuses(server: Recorder) -> None:
    """A closed transport refuses new calls; a call in flight ends with an error."""
    server.answer, gate = held(HEAD)

    async def act(transport: AioTransport) -> None:
        task = asyncio.create_task(
            transport.send(Request("GET", server.url), timeout=20)
        )
        await until(lambda: server.received)
        await asyncio.sleep(0.05)
        await transport.close()
        with pytest.raises(naftiko.TransportError):
            await asyncio.wait_for(task, 5)
        with pytest.raises(naftiko.TransportError, match="the transport is closed"):
            await transport.send(Request("GET", server.url), timeout=20)

    sending(act)
    gate.set()


@pytest.mark.parametrize("size", [1_000, 150_000, 1_500_000])
def test_connection_waits_for_its_next_request_longer_than_the_timeout(
    server: Recorder, size: int
) -> None:
    """Keep-alive: the read timeout does not close an idle connection of the pool."""
    server.answer = response(b"x" * size)

    async def act(transport: AioTransport) -> None:
        request = Request("GET", server.url)
        for _ in range(2):
            answer = await transport.send(request, timeout=0.4)
            assert len(answer.body) == size
            await asyncio.sleep(0.5)
            async with transport.stream(request, timeout=0.4) as stream:
                await asyncio.sleep(0.05)  # the socket then holds unread data
                assert len(await stream.read()) == size
            await asyncio.sleep(0.5)

    sending(act)
    assert server.connections == 1
