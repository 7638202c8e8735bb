"""`AioTransport`: concurrent calls, pool limits and timeouts of waiting calls."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import naftiko
from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.aio import Signer, descriptors, sending
from support.recorder import Recorder, response


class Crowd(asyncio.Protocol):
    """A server in the test's event loop that answers each request with its target."""

    open = 0
    most = 0
    delay = 0.02

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        Crowd.open += 1
        Crowd.most = max(Crowd.most, Crowd.open)

    def connection_lost(self, exc: Exception | None) -> None:
        Crowd.open -= 1

    def data_received(self, data: bytes) -> None:
        target = data.split(b" ", 2)[1]
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(target)
        loop = asyncio.get_running_loop()
        loop.call_later(self.delay, self.transport.write, head + target)


@asynccontextmanager
async def crowd(delay: float = 0.02) -> AsyncIterator[str]:
    """Run a `Crowd` server and yield its URL."""
    Crowd.open = Crowd.most = 0
    Crowd.delay = delay
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(Crowd, "127.0.0.1", 0, backlog=4096)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        listening.close()


def test_two_thousand_concurrent_calls_stay_within_the_pool() -> None:
    """Two thousand concurrent calls get their own answers within the pool size."""

    async def act(transport: AioTransport) -> None:
        async with crowd() as url:
            answers = await asyncio.gather(
                *(
                    transport.send(Request("GET", f"{url}/{n}?[{n}]"), timeout=30)
                    for n in range(2000)
                )
            )
        assert [a.body.decode() for a in answers] == [
            f"/{n}?[{n}]" for n in range(2000)
        ]
        assert Crowd.most <= 64

    before = descriptors()
    sending(act, pool_size=64)
    assert descriptors() <= before + 1


def test_waiting_for_a_connection_has_an_end() -> None:
    """Pool timeout: a call that waits too long for a connection raises an error."""

    async def act(transport: AioTransport) -> list[Any]:
        async with crowd(delay=1) as url:
            return await asyncio.gather(
                *(
                    transport.send(Request("GET", url), timeout=(0.2, 5))
                    for _ in range(6)
                ),
                return_exceptions=True,
            )

    answers = sending(act, pool_size=2)
    late = [a for a in answers if isinstance(a, naftiko.RequestTimeout)]
    assert len(late) == 4
    assert "no connection within the timeout" in str(late[0])


def test_waiting_for_a_thread_has_an_end() -> None:
    """A signed call that waits too long for a free thread raises `RequestTimeout`."""
    gate = threading.Event()
    with Recorder(lambda _: (gate.wait(10), response())[1]) as server:

        async def act(transport: AioTransport) -> None:
            request = Request("POST", server.url, body=b"", auth=Signer())
            calls = [transport.send(request, timeout=(3, 30)) for _ in range(33)]
            tasks = [asyncio.ensure_future(call) for call in calls]
            done, _ = await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
            (late,) = done
            assert isinstance(late.exception(), naftiko.RequestTimeout)
            assert "too many calls at the same time" in str(late.exception())
            gate.set()
            await asyncio.gather(*(task for task in tasks if task is not late))

        sending(act)


def test_calls_behind_a_proxy_wait_for_a_thread() -> None:
    """A hundred concurrent calls through a proxy wait for a free thread and succeed."""
    answer = response('"by proxy"')
    with Recorder(lambda _: (time.sleep(0.01), answer)[1]) as proxy:

        async def act(transport: AioTransport) -> list[Any]:
            request = Request("GET", "http://api.invalid/")
            return await asyncio.gather(
                *(transport.send(request, timeout=30) for _ in range(100))
            )

        answers = sending(act, proxies={"http": proxy.url})
    assert {a.body for a in answers} == {b'"by proxy"'}
