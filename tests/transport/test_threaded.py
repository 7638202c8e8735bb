"""`ThreadedTransport`: blocking calls in threads, their limits, and their ends."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from naftiko import Request, RequestTimeout, Response, StreamedResponse, TransportError
from naftiko.masking import Secret
from naftiko.transport.environment import ConnectionSettings
from naftiko.transport.redirects import RedirectedRequest
from naftiko.transport.threaded import ThreadedTransport, rereadable

#: Set by a caller, and seen in its threads.
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Blocking:
    """Stands for `HttpTransport`: its views answer from one function."""

    made: list[Blocking]
    answer: Callable[[Request], Response]

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.closed: list[str] = []
        self.views = 0
        self.made.append(self)

    def view(self) -> Blocking:
        """Count the views."""
        self.views += 1
        return self

    def send(
        self, request: Request, *, timeout: Any, hop: RedirectedRequest
    ) -> Response:
        """Answer a request."""
        assert hop.request is request
        return type(self).answer(request)

    def stream(
        self, request: Request, *, timeout: Any, hop: RedirectedRequest, decode: bool
    ) -> StreamedResponse:
        """Answer a request with a stream of two chunks."""
        answer = self.send(request, timeout=timeout, hop=hop)

        def chunks(_: int) -> Iterator[bytes]:
            yield answer.body
            yield threading.current_thread().name.encode()

        return StreamedResponse(
            request,
            answer.status,
            answer.headers,
            chunks,
            reason=answer.reason,
            pairs=[("A", "1"), ("A", "2")],
            close=lambda: self.closed.append(f"{request.url} {decode}"),
        )

    def close(self) -> None:
        """Note it."""
        self.closed.append("transport")


@pytest.fixture
def blocking(monkeypatch: pytest.MonkeyPatch) -> type[Blocking]:
    """Give the class that stands for `HttpTransport`, with a list of its instances."""
    stand_in: type[Blocking] = type("StandIn", (Blocking,), {"made": []})
    stand_in.answer = lambda request: Response(200, {}, request.method.encode())
    monkeypatch.setattr("naftiko.transport.http.HttpTransport", stand_in)
    return stand_in


def running(act: Callable[[ThreadedTransport], Coroutine[Any, Any, Any]]) -> Any:
    """Run something with a transport."""

    async def main() -> Any:
        settings = ConnectionSettings(False, "c.pem", {"http": "http://p"}, False)
        transport = ThreadedTransport(settings, True, 1000)
        try:
            return await asyncio.wait_for(act(transport), 10)
        finally:
            transport.close()

    return asyncio.run(main())


def hop(url: str = "http://h/x", **more: Any) -> RedirectedRequest:
    """Return the first hop of a request."""
    return RedirectedRequest(Request("GET", url, **more))


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it never was so")


def test_calls_share_one_transport_and_no_cookies(blocking: type[Blocking]) -> None:
    """One transport is made, with the settings; each call takes a view of its own."""

    async def act(transport: ThreadedTransport) -> list[Response]:
        sent = (transport.send(hop(), timeout=5) for _ in range(5))
        return await asyncio.gather(*sent)

    assert [got.body for got in running(act)] == [b"GET"] * 5
    (made,) = blocking.made
    assert made.settings == {
        "verify": False,
        "cert": "c.pem",
        "proxies": {"http": "http://p"},
        "trust_env": False,
        "follow_redirects": True,
        "max_response_bytes": 1000,
        "pool_size": 32,
    }
    assert made.views == 5
    assert made.closed == ["transport"]


def test_nothing_is_made_before_it_is_needed(blocking: type[Blocking]) -> None:
    """A transport that sent nothing has nothing to close."""

    async def act(transport: ThreadedTransport) -> None:
        transport.close()

    running(act)
    assert blocking.made == []


def test_call_runs_in_a_daemon_thread_of_its_caller(blocking: type[Blocking]) -> None:
    """Context variables go along; the thread does not delay the end of a process."""
    seen: list[Any] = []

    def answer(request: Request) -> Response:
        thread = threading.current_thread()
        seen.append((thread.name, thread.daemon, WHO.get()))
        return Response(204)

    blocking.answer = answer

    async def act(transport: ThreadedTransport) -> None:
        WHO.set("me")
        await transport.send(hop(), timeout=5)

    running(act)
    assert seen == [("naftiko-requests", True, "me")]


def test_error_of_a_thread_is_raised_where_it_is_awaited(
    blocking: type[Blocking],
) -> None:
    """The very error arrives, and the thread is free for the next call."""
    error = TransportError("no")

    def fail(_: Request) -> Response:
        raise error

    blocking.answer = fail

    async def act(transport: ThreadedTransport) -> None:
        for _ in range(40):  # more than there are threads
            with pytest.raises(TransportError) as caught:
                await transport.send(hop(), timeout=5)
            assert caught.value is error

    running(act)


@pytest.mark.parametrize("timeout", [0.02, (0.02, 60.0)])
def test_call_beyond_the_threads_waits_as_long_as_for_a_connection(
    blocking: type[Blocking], timeout: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that gets no thread in time says so; later there is one again."""
    monkeypatch.setattr("naftiko.transport.threaded._THREADS", 1)
    gate = threading.Event()

    def wait(request: Request) -> Response:
        gate.wait(5)
        return Response(204)

    blocking.answer = wait
    secrets = (Secret("KEY", "s3cret"),)

    async def act(transport: ThreadedTransport) -> None:
        first = asyncio.create_task(transport.send(hop(), timeout=5))
        await until(lambda: blocking.made and blocking.made[0].views)
        late = hop("http://h/s3cret", secrets=secrets)
        with pytest.raises(RequestTimeout) as caught:
            await transport.send(late, timeout=timeout)
        reason = "no connection within the timeout (too many calls at the same time)"
        assert caught.value.message == f"GET http://h/$KEY: {reason}"
        assert caught.value.reason == reason
        gate.set()
        assert (await first).status == 204
        assert (await transport.send(hop(), timeout=5)).status == 204

    running(act)


def test_cancelled_call_keeps_its_thread_until_it_ends(
    blocking: type[Blocking], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller goes on at once; the thread counts until its call is over."""
    monkeypatch.setattr("naftiko.transport.threaded._THREADS", 1)
    entered, gate = threading.Event(), threading.Event()

    def wait(_: Request) -> Response:
        entered.set()
        gate.wait(5)
        return Response(204)

    blocking.answer = wait

    async def act(transport: ThreadedTransport) -> None:
        task = asyncio.create_task(transport.send(hop(), timeout=5))
        await until(entered.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(RequestTimeout):
            await transport.send(hop(), timeout=0.01)
        gate.set()
        assert (await transport.send(hop(), timeout=5)).status == 204

    running(act)


@pytest.mark.parametrize("decode", [True, False])
def test_stream_is_read_in_threads_and_closed(
    blocking: type[Blocking], decode: bool
) -> None:
    """The head is that of the blocking stream, and each chunk comes from a thread."""

    async def act(transport: ThreadedTransport) -> None:
        made = transport.stream(hop(), timeout=5, decode=decode)
        async with made as stream:
            assert (stream.status, stream.pairs) == (200, [("A", "1"), ("A", "2")])
            assert [chunk async for chunk in stream] == [b"GET", b"naftiko-requests"]
        await until(lambda: blocking.made[0].closed)
        assert blocking.made[0].closed == [f"http://h/x {decode}"]

    running(act)


def test_stream_that_is_left_is_closed(blocking: type[Blocking]) -> None:
    """An error inside the context closes the stream, and goes on."""

    async def act(transport: ThreadedTransport) -> None:
        with pytest.raises(KeyError):
            async with transport.stream(hop(), timeout=5, decode=True):
                raise KeyError
        await until(lambda: blocking.made[0].closed)

    running(act)


def test_stream_that_comes_after_its_caller_left_is_closed(
    blocking: type[Blocking],
) -> None:
    """A cancelled caller never sees the stream, so it is closed when it arrives."""
    entered, gate = threading.Event(), threading.Event()

    def wait(_: Request) -> Response:
        entered.set()
        gate.wait(5)
        return Response(200)

    blocking.answer = wait

    async def act(transport: ThreadedTransport) -> None:
        async def open_stream() -> None:
            async with transport.stream(hop(), timeout=5, decode=True):
                raise AssertionError("the stream was given")

        task = asyncio.create_task(open_stream())
        await until(entered.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert blocking.made[0].closed == []
        gate.set()
        await until(lambda: blocking.made[0].closed)

    running(act)


async def parts(*chunks: bytes) -> AsyncIterator[bytes]:
    """Give the parts of a body, one after the other."""
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize("size", [3, 2_000_000])
def test_asynchronous_body_becomes_a_file(size: int) -> None:
    """A body of any size can be read again and again, until the end of the context."""
    request = Request("PUT", "http://h/x", {"A": "b"}, parts(b"a" * size, b"", b"z"))

    async def act() -> None:
        first = RedirectedRequest(request)
        async with rereadable(first) as again:
            for _ in range(2):
                again.open()
                assert again.length == size + 1
                assert again.content.read() == b"a" * size + b"z"
                assert again.rewind()
            assert again.request is not request
            assert (again.method, again.url, again.headers) == (
                first.method, first.url, first.headers,
            )  # fmt: skip
            file = again.body
        assert file.closed  # type: ignore[union-attr]
        assert request.body is first.body

    asyncio.run(act())


@pytest.mark.parametrize("body", [None, b"x", Path("x"), io.BytesIO(b"x")])
def test_other_bodies_stay_as_they_are(body: Any) -> None:
    """Only an asynchronous body is copied."""

    async def act() -> None:
        first = hop(body=body)
        async with rereadable(first) as again:
            assert again is first

    asyncio.run(act())
