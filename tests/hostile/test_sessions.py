"""MCP sessions: their number, their end, and what one client may take.

Opening a session needs no credentials and one short request, so what it costs the
server is counted: transports, tasks and bytes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from naftiko.exposes.mcp import sessions as limits
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import Got, asked
from support.mcp_http import HELLO, POST, message, modern, served, session
from support.mcping import CREW, answering, mcp_app
from support.serving_process import Server, write
from support.shop import document, mcp

LIST = message("tools/list")


def transports() -> int:
    """Return the number of sessions in memory."""
    gc.collect()
    kind = "HttpSession"
    return sum(type(thing).__name__ == kind for thing in gc.get_objects())


async def opened(app: McpApp, number: int) -> list[Got]:
    """Return the answers to so many requests that open a session."""
    return [await asked(app, "POST", "/mcp", POST, HELLO) for _ in range(number)]


def test_flood_of_sessions_ends_at_the_limit() -> None:
    """Beyond the limit 503 with `Retry-After`; sessions in use go on."""
    app, _ = mcp_app(tools=[CREW], options=Options(max_sessions=8))

    async def talk() -> Any:
        before = transports()
        good = [await session(app) for _ in range(3)]
        got = await opened(app, 200)
        assert [g.status for g in got].count(200) == 5
        assert {g.status for g in got[5:]} == {503}
        assert int(got[-1].headers["retry-after"]) > 0
        assert transports() - before == 8
        for headers in good:
            assert (await asked(app, "POST", "/mcp", headers, LIST)).status == 200

    served(app, talk)


def test_session_that_was_only_opened_gives_its_place_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session that was used never does, however many others are opened."""
    monkeypatch.setattr(limits, "FRESH", 0.0)
    app, _ = mcp_app(tools=[CREW], options=Options(max_sessions=4))

    async def talk() -> Any:
        good = await session(app)
        await asked(app, "POST", "/mcp", good, LIST)
        silent = await session(app)
        assert {g.status for g in await opened(app, 20)} == {200}
        assert (await asked(app, "POST", "/mcp", silent, LIST)).status == 404
        assert (await asked(app, "POST", "/mcp", good, LIST)).status == 200
        used = [await session(app) for _ in range(3)]
        for headers in used:
            await asked(app, "POST", "/mcp", headers, LIST)
        assert {g.status for g in await opened(app, 5)} == {503}
        for headers in (good, *used):
            assert (await asked(app, "POST", "/mcp", headers, LIST)).status == 200

    served(app, talk)


def test_idle_session_expires_and_gives_its_memory_back() -> None:
    """Its id is answered with 404; no transport and no task of it is left."""
    app, _ = mcp_app(tools=[CREW], options=Options(session_idle=1.5))

    async def talk() -> Any:
        before = transports()
        headers = await session(app)
        tasks = len(asyncio.all_tasks())
        await opened(app, 7)
        assert app.sessions is not None
        assert transports() - before == 8
        async with asyncio.timeout(10):
            while len(app.sessions):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        got = await asked(app, "POST", "/mcp", headers, LIST)
        assert got.status == 404
        assert transports() == before
        assert len(asyncio.all_tasks()) == tasks

    served(app, talk)


def test_busy_session_does_not_expire() -> None:
    """The idle time begins when the last request of a session has been answered."""
    release = asyncio.Event()

    async def slow(_: Any) -> Response:
        await release.wait()
        return Response(200, {"Content-Type": "application/json"}, b"{}")

    app, _ = mcp_app(slow, tools=[CREW], options=Options(session_idle=0.1))

    async def talk() -> Any:
        headers = await session(app)
        call = message("tools/call", {"name": "crew"})
        calling = asyncio.create_task(asked(app, "POST", "/mcp", headers, call))
        await asyncio.sleep(0.4)
        release.set()
        assert b"result" in (await calling).body
        assert (await asked(app, "POST", "/mcp", headers, LIST)).status == 200

    served(app, talk)


def test_delete_ends_a_session_and_its_calls_at_once() -> None:
    """A call under way is cancelled, and nothing of the session is left."""
    app, upstream = mcp_app(never, tools=[CREW])

    async def talk() -> Any:
        before = transports()
        headers = await session(app)
        call = message("tools/call", {"name": "crew"})
        calling = asyncio.create_task(asked(app, "POST", "/mcp", headers, call))
        while not upstream.sent:
            await asyncio.sleep(0.01)
        assert (await asked(app, "DELETE", "/mcp", headers)).status == 200
        assert (await asked(app, "POST", "/mcp", headers, LIST)).status == 404
        await calling
        await asyncio.sleep(0.05)
        assert app.sessions is not None
        assert len(app.sessions) == 0
        assert app.server.handlers.running == 0
        del calling
        assert transports() == before

    served(app, talk)


async def never(_: Any) -> Response:
    """Answer after an hour."""
    await asyncio.sleep(3600)
    raise AssertionError


def test_cancelled_request_stops() -> None:
    """`notifications/cancelled` cancels the upstream call of the request."""
    app, upstream = mcp_app(never, tools=[CREW])

    async def talk() -> Any:
        headers = await session(app)
        call = message("tools/call", {"name": "crew"}, 5)
        calling = asyncio.create_task(asked(app, "POST", "/mcp", headers, call))
        while not upstream.sent:
            await asyncio.sleep(0.01)
        cancel = message("notifications/cancelled", {"requestId": 5}, None)
        assert (await asked(app, "POST", "/mcp", headers, cancel)).status == 202
        assert b"cancelled" in (await calling).body
        assert app.server.handlers.running == 0

    served(app, talk)


def test_requests_of_one_session_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """One client cannot take all; another session is answered meanwhile."""
    monkeypatch.setattr(limits, "MOST_REQUESTS", 3)
    app, upstream = mcp_app(never, tools=[CREW])

    async def talk() -> Any:
        greedy, other = await session(app), await session(app)
        calls = [
            asyncio.create_task(
                asked(
                    app, "POST", "/mcp", greedy,
                    message("tools/call", {"name": "crew"}, n),
                )
            )
            for n in range(3)
        ]  # fmt: skip
        while len(upstream.sent) < 3:
            await asyncio.sleep(0.01)
        refused = await asked(app, "POST", "/mcp", greedy, LIST)
        assert refused.status == 503
        assert refused.headers["retry-after"]
        assert (await asked(app, "POST", "/mcp", other, LIST)).status == 200
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        # The client has hung up, but the older revisions let its calls go on.
        refused = await asked(app, "POST", "/mcp", greedy, LIST)
        assert b"3 requests of this session are under way" in refused.body
        assert len(upstream.sent) == 3

    served(app, talk)


def test_opening_a_session_keeps_nothing_of_its_size() -> None:
    """A large message or head opens none; what a client tells of itself is dropped."""
    app, _ = mcp_app(tools=[CREW])
    hello = json.loads(HELLO)
    told = hello["params"]["clientInfo"]
    told |= {"name": "n" * 5000, "icons": []}
    hello["params"]["capabilities"] = {"experimental": {str(n): {} for n in range(500)}}

    async def talk() -> Any:
        got = await asked(app, "POST", "/mcp", POST, json.dumps(hello).encode())
        assert got.status == 200
        gc.collect()
        text = json.dumps(hello["params"]["clientInfo"]["name"])[1:-1]
        kept = [t for t in gc.get_objects() if isinstance(t, dict) and "name" in t]
        assert not any(t["name"] == text for t in kept if t is not told)
        hello["params"]["clientInfo"]["name"] = "n" * limits.MOST_OPENING
        body = json.dumps(hello).encode()
        assert (await asked(app, "POST", "/mcp", POST, body)).status == 413
        head = {**POST, "x-fill": "y" * limits.MOST_OPENING}
        assert (await asked(app, "POST", "/mcp", head, HELLO)).status == 431
        assert len(app.sessions) == 1

    served(app, talk)


def test_tokens_that_are_repeated_are_short() -> None:
    """Each notification of progress would repeat the token, each answer the id."""
    app, upstream = mcp_app(answering({"GET /crew": {}}), tools=[CREW])

    async def talk() -> Any:
        headers = await session(app)
        token = {"name": "crew", "_meta": {"progressToken": "t" * 300}}
        got = await asked(app, "POST", "/mcp", headers, message("tools/call", token))
        assert b"progress token" in got.body
        long = LIST.replace(b'"id": 1', b'"id": "%s"' % (b"i" * 300))
        got = await asked(app, "POST", "/mcp", headers, long)
        assert b"an id has at most 256 characters" in got.body
        assert not upstream.sent

    served(app, talk)


def test_unknown_session_is_refused_before_its_body_is_read() -> None:
    """Its client gets 404 while it has sent the head alone."""
    app, _ = mcp_app(tools=[CREW])
    statuses: list[int] = []

    async def unread() -> Any:
        raise AssertionError("the body was read")

    async def send(said: Any) -> None:
        statuses.extend([said["status"]] if "status" in said else [])

    async def talk() -> Any:
        got = {**POST, "mcp-session-id": "x" * 5000}
        head = [(name.encode(), value.encode()) for name, value in got.items()]
        scope = {"type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp",
                 "query_string": b"", "headers": head}  # fmt: skip
        await app(scope, unread, send)

    served(app, talk)
    assert statuses == [404]


def test_subscriptions_are_limited_in_number_and_size() -> None:
    """The streams of the newest revision, which has no sessions."""
    app, _ = mcp_app(tools=[CREW], options=Options(max_sessions=2))
    wish = {"notifications": {"toolsListChanged": True}}
    large = {"notifications": {"resourceSubscriptions": ["a:" + "x" * 99] * 200}}

    async def talk() -> Any:
        streams = [
            asyncio.create_task(
                asked(app, "POST", "/mcp", *modern("subscriptions/listen", wish))
            )
            for _ in range(2)
        ]
        while len(app.server.changes) < 2:
            await asyncio.sleep(0.01)
        got = await asked(app, "POST", "/mcp", *modern("subscriptions/listen", wish))
        assert b"limit" in got.body
        got = await asked(app, "POST", "/mcp", *modern("subscriptions/listen", large))
        assert b"at most 16384 bytes" in got.body
        app.drain()
        await asyncio.gather(*streams)

    served(app, talk)


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) / 256


@pytest.mark.slow
def test_served_process_keeps_its_memory_while_sessions_are_opened(
    tmp_path: Path,
) -> None:
    """A flood over real sockets; then the sessions expire, and new ones are opened."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    words = ("--max-sessions", "20", "--session-idle", "3", "--workers", "1")
    with Server(file, *words) as server:
        url = server.urls["shop-mcp"] + "/mcp"
        head = {name: value for name, value in POST.items() if name != "host"}
        with requests.Session() as client:

            def opening(number: int) -> list[int]:
                return [
                    client.post(url, HELLO, headers=head).status_code
                    for _ in range(number)
                ]

            opening(30)
            before = resident(server.process.pid)
            assert opening(200).count(503) > 100
            assert resident(server.process.pid) - before < 8
            for _ in range(100):
                if 200 in opening(1):
                    break
                time.sleep(0.1)
            else:
                pytest.fail("no session has expired")
