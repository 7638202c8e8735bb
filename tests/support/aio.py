"""Helpers for tests of `AioTransport`: sending requests and held answers."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest
import requests

from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.recorder import Received, Recorder

T = TypeVar("T")


SECRET = "s3cr3t-t0ken"


def sending(act: Callable[[AioTransport], Awaitable[T]], **settings: Any) -> T:
    """Run a function of an `AioTransport`, then close the transport."""

    async def main() -> T:
        transport = AioTransport(**settings)
        try:
            return await asyncio.wait_for(act(transport), 60)
        finally:
            await transport.close()

    return asyncio.run(main())


def send(url: str, method: str = "GET", *, timeout: Any = 10, **more: Any) -> Any:
    """Send one request by a new `AioTransport` and return the response."""
    settings = {k: more.pop(k) for k in ("cert", "verify", "proxies") if k in more}
    request = Request(method, url, **more)
    return sending(lambda t: t.send(request, timeout=timeout), **settings)


def descriptors() -> int:
    """Return the number of open files and sockets of this process."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def held(*parts: bytes) -> tuple[Callable[[Received], bytes | None], threading.Event]:
    """Return an answer that sends parts and waits, and the event that ends the wait."""
    gate = threading.Event()

    def answer(_: Received) -> bytes | None:
        for part in parts:
            server = servers[-1]
            server._open[-1].sendall(part)
        gate.wait(20)
        return None

    return answer, gate


servers: list[Recorder] = []


@pytest.fixture
def server() -> Any:
    """Run a `Recorder` on loopback."""
    with Recorder() as recorder:
        servers.append(recorder)
        yield recorder
    servers.pop()


async def until(condition: Callable[[], Any]) -> None:
    """Wait up to five seconds until a condition is true."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was so")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


async def chunks(*parts: bytes | Exception) -> AsyncIterator[bytes]:
    """Yield the parts of a body; raise a part that is an exception."""
    for part in parts:
        await asyncio.sleep(0.01)
        if isinstance(part, Exception):
            raise part
        yield part


class Signer(requests.auth.AuthBase):
    """A signer that sets `X-Signed` to the body's length and records its thread."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self.threads.append(threading.current_thread().name)
        body: Any = request.body
        content = body.read() if hasattr(body, "read") else body
        if hasattr(body, "seek"):
            body.seek(0)
        request.headers["X-Signed"] = str(len(content))
        return request
