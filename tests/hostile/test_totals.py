"""Bodies under way have a total limit: of requests, and of the APIs that are called.

Each body is within its own limit; only all of them together are not. The bytes that are
held are counted, not the memory of the process.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

import naftiko
from naftiko.exposes.asgi import AdapterApp
from naftiko.transport.aio import AioTransport
from naftiko.transport.wire.totals import SMALL, Total
from support.asgi_client import AsyncStub
from support.exchanges import chunked
from support.mcp_http import HOST, POST, message
from support.mcping import CREW
from support.mcping import document as fleet
from support.recorder import Recorder, response
from support.shop import document

KIB = 1024
LIMIT = 300 * KIB


def upload() -> Any:
    """Return a capability with a route that takes any body, and one that forwards."""
    consumed = {
        "type": "http",
        "namespace": "api",
        "baseUri": "http://127.0.0.1:9",
        "resources": [
            {
                "name": "things",
                "path": "/things",
                "operations": [
                    {
                        "name": "put",
                        "method": "POST",
                        "inputParameters": [{"name": "body", "in": "body"}],
                    }
                ],
            }
        ],
    }
    route = {
        "path": "/things",
        "operations": [
            {
                "method": "POST",
                "name": "put",
                "call": "api.put",
                "inputParameters": [{"name": "body", "in": "body", "type": "string"}],
            }
        ],
    }
    passed = {
        "path": "/raw/{path}",
        "forward": {"targetNamespace": "api", "trustedHeaders": ["Content-Type"]},
    }
    adapter = {
        "type": "rest",
        "namespace": "shop",
        "port": 8080,
        "resources": [route, passed],
    }
    data = document(adapter)
    data["capability"]["consumes"] = [consumed]
    return naftiko.load(data, schema=None)


class Sender:
    """A client of an ASGI application that sends its body part by part."""

    def __init__(self, app: Any, path: str = "/things", **headers: str) -> None:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        pairs = {**HOST, "content-type": "text/plain", **given}
        self.scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
            "query_string": b"", "http_version": "1.1",
            "headers": [(n.encode(), v.encode()) for n, v in pairs.items()],
        }  # fmt: skip
        self.parts: asyncio.Queue[Any] = asyncio.Queue()
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.received = 0
        self.task = asyncio.ensure_future(app(self.scope, self._receive, self._send))

    async def _receive(self) -> Any:
        part = await self.parts.get()
        self.received += 1
        return part

    async def _send(self, said: Any) -> None:
        if "status" in said:
            self.status, self.headers = said["status"], dict(said["headers"])

    async def say(self, size: int, *, more: bool = True) -> None:
        """Send a part of the body, and let the server work on it."""
        part = {"type": "http.request", "body": b"x" * size, "more_body": more}
        self.parts.put_nowait(part)
        for _ in range(20):
            await asyncio.sleep(0)

    async def hang_up(self) -> None:
        """Leave."""
        self.parts.put_nowait({"type": "http.disconnect"})
        await self.task


def app_of(capability: Any, answer: Any = None, **options: Any) -> Any:
    """Return the application of a capability over a stub, with a small total."""
    return naftiko.asgi(
        capability, transport=AsyncStub(answer), max_total_bytes=LIMIT, **options
    )


def held(app: AdapterApp) -> int:
    """Return the bytes that an application holds now."""
    adapter: Any = app._adapter
    return int(adapter._bodies.held)


@pytest.mark.parametrize("path", ["/things", "/mcp"])
def test_bodies_together_are_limited_while_they_grow(path: str) -> None:
    """Chunked bodies count as they come; a small one is answered all the same."""

    async def main() -> None:
        is_mcp = path == "/mcp"
        source = naftiko.load(fleet(tools=[CREW]), schema=None) if is_mcp else upload()
        app = app_of(source, sessions=False) if is_mcp else app_of(source)
        await app.start()
        more = {"content_type": "application/json", "accept": POST["accept"]}
        given = more if is_mcp else {}
        senders = [Sender(app, path, **given) for _ in range(20)]
        for _ in range(4):
            for sender in senders:
                await sender.say(16 * KIB)
                assert held(app) <= LIMIT
        refused = [sender for sender in senders if sender.status]
        assert {sender.status for sender in refused} == {503}
        assert int(refused[0].headers[b"retry-after"]) > 0
        assert len(refused) > 10
        small = Sender(app, path, **given)
        hello = message("tools/list") if is_mcp else b"tea"
        small.parts.put_nowait(
            {"type": "http.request", "body": hello, "more_body": False}
        )
        async with asyncio.timeout(10):
            while not small.status:
                await asyncio.sleep(0.01)
        assert small.status == 200
        await small.task
        for sender in senders:
            await sender.hang_up()
        assert held(app) == 0
        await app.close()

    asyncio.run(main())


def test_declared_length_is_refused_before_it_is_read() -> None:
    """With its length in the head, nothing of the body is read."""

    async def main() -> None:
        app = app_of(upload())
        first = Sender(app)
        await first.say(200 * KIB)
        second = Sender(app, content_length=str(150 * KIB))
        await second.say(0)
        assert (second.status, second.received) == (503, 0)
        third = Sender(app, content_length=str(50 * KIB))
        await third.say(50 * KIB, more=False)
        await third.task
        assert third.status == 200
        await first.hang_up()
        assert held(app) == 0
        await app.close()

    asyncio.run(main())


def test_body_counts_until_its_request_is_answered() -> None:
    """Work on it goes on after it has come whole."""
    release = asyncio.Event()

    async def slow(_: Any) -> Any:
        await release.wait()
        return naftiko.Response(200, {}, b"")

    async def main() -> None:
        app = app_of(upload(), slow)
        sender = Sender(app)
        await sender.say(100 * KIB, more=False)
        assert held(app) == 100 * KIB - SMALL
        release.set()
        await sender.task
        assert held(app) == 0
        await app.close()

    asyncio.run(main())


def test_forwarded_body_is_not_held() -> None:
    """Parts that are passed on do not add up, whatever their number."""

    async def main() -> None:
        app = app_of(upload())
        sender = Sender(app, "/raw/x", content_type="text/plain")
        for _ in range(40):
            await sender.say(60 * KIB)
            assert held(app) <= 60 * KIB
        await sender.say(0, more=False)
        await sender.task
        assert sender.status == 200
        assert held(app) == 0
        await app.close()

    asyncio.run(main())


@pytest.mark.parametrize("is_chunked", [False, True])
def test_responses_held_together_are_limited(is_chunked: bool) -> None:
    """A response beyond the total is an error that says so; later calls work again."""
    body = b'"' + b"x" * (100 * KIB) + b'"'
    raw = (
        chunked(body, content_type="application/json") if is_chunked else response(body)
    )

    async def main(url: str) -> None:
        transport = AioTransport(max_total_bytes=LIMIT)
        total = transport._total
        request = naftiko.Request("GET", url)
        kept = []
        for _ in range(2):
            kept.append(await transport.send(request, timeout=5))
            assert total.held == len(kept) * (len(body) - SMALL)
        other = total.holder()
        assert other.add(80 * KIB)
        with pytest.raises(naftiko.TransportError, match="fill the memory") as caught:
            await transport.send(request, timeout=5)
        assert caught.value.is_full
        assert caught.value.was_sent
        kept.pop()
        other.free()
        gc.collect()
        assert len((await transport.send(request, timeout=5)).body) == len(body)
        kept.clear()
        gc.collect()
        assert total.held == 0
        await transport.close()

    with Recorder(raw) as upstream:
        asyncio.run(main(upstream.url))


def test_small_responses_pass_when_the_memory_is_full() -> None:
    """Whoever fills it with large ones cannot keep good small ones out."""

    async def main(url: str) -> None:
        transport = AioTransport(max_total_bytes=LIMIT)
        other = transport._total.holder()
        assert other.add(LIMIT)
        request = naftiko.Request("POST", url)
        assert (await transport.send(request, timeout=5)).status == 200
        await transport.close()

    with Recorder(response()) as upstream:
        asyncio.run(main(upstream.url))


def test_full_memory_is_a_503_of_a_route() -> None:
    """The caller is told to come back."""

    async def main() -> None:
        error = naftiko.TransportError("full", reason="full", is_full=True)
        sender = Sender(app_of(upload(), error))
        await sender.say(3, more=False)
        await sender.task
        assert sender.status == 503
        assert int(sender.headers[b"retry-after"]) > 0

    asyncio.run(main())


def test_holders_give_everything_back() -> None:
    """However bytes are added, dropped and freed, nothing is left, and none is owed."""
    total = Total(10 * SMALL)
    holders = [total.holder() for _ in range(8)]
    for number in range(200):
        holder = holders[number * 7 % 8]
        holder.add(number * 997 % (2 * SMALL))
        holder.drop(number * 499 % SMALL)
        assert 0 <= total.held <= total.limit
    holders[0].free()
    del holder
    holders.clear()
    gc.collect()
    assert total.held == 0
