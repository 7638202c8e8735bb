"""`list_changed` notifications after a reload."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from naftiko.exposes.mcp import changes
from naftiko.exposes.mcp.clients import Client
from naftiko.exposes.mcp.protocol.messages import RpcRequest
from naftiko.exposes.mcp.protocol.session import McpWork
from support.mcping import (
    CREW,
    MODERN,
    PROMPT,
    SHIP,
    mcp_app,
    reload,
    wire,
)


def test_session_is_notified_of_a_changed_list() -> None:
    """A reload notifies every open session once for each changed list."""
    app, _ = mcp_app(tools=[CREW], prompts=[PROMPT])

    async def run() -> Any:
        async with wire(app) as connection:
            before = await connection.result("tools/list")
            reload(app, tools=[{**CREW, "name": "sailors"}], prompts=[PROMPT])
            told = await connection.next()
            after = await connection.result("tools/list")
            return before, told, after, connection.notifications

    before, told, after, more = asyncio.run(run())
    assert told["method"] == "notifications/tools/list_changed"
    assert more == []
    assert [tool["name"] for tool in before["tools"]] == ["crew"]
    assert [tool["name"] for tool in after["tools"]] == ["sailors"]


def test_subscriber_is_notified_of_a_changed_list() -> None:
    """A subscriber gets only the notifications that it subscribed to."""
    app, _ = mcp_app(tools=[CREW], prompts=[PROMPT])

    async def run() -> Any:
        async with wire(app, MODERN) as connection:
            number = await connection.start(
                "subscriptions/listen",
                {"notifications": {"promptsListChanged": True}},
            )
            acknowledged = await connection.next()
            reload(app, tools=[], prompts=[{**PROMPT, "name": "other"}])
            told = await connection.next()
            app.drain()
            ended = await connection.answer(number)
            return acknowledged, told, ended

    acknowledged, told, ended = asyncio.run(run())
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert told["method"] == "notifications/prompts/list_changed"
    assert "result" in ended


def test_reload_without_changes_notifies_no_client() -> None:
    """A new version with the same tools causes no `list_changed` notification."""
    app, _ = mcp_app(tools=[CREW])

    async def run() -> Any:
        async with wire(app) as connection:
            await connection.ask("ping")
            reload(app, tools=[CREW])
            await connection.ask("ping")
            return connection.notifications

    assert asyncio.run(run()) == []


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at files more often than in a served process."""
    monkeypatch.setattr(changes, "_LOOK", 0.02)


@pytest.mark.usefixtures("soon")
def test_subscriber_is_notified_of_a_changed_file(tmp_path: Path) -> None:
    """`resources/subscribe`: one notification for each change, until unsubscribed."""
    (tmp_path / "a.txt").write_text("a")
    docs = {"name": "d", "uri": "data://d", "location": tmp_path.as_uri()}
    app, _ = mcp_app(tools=[CREW], resources=[docs, SHIP])
    uri = {"uri": "data://d/a.txt"}

    async def run() -> Any:
        async with wire(app) as connection:
            assert await connection.result("resources/subscribe", uri) == {}
            await connection.result("resources/subscribe", {"uri": "ships://7"})
            await asyncio.sleep(0.1)
            (tmp_path / "a.txt").write_text("longer")
            told = await connection.next()
            assert await connection.result("resources/unsubscribe", uri) == {}
            (tmp_path / "a.txt").write_text("longer still")
            await asyncio.sleep(0.1)
            await connection.ask("ping")
            return told, connection.notifications

    told, more = asyncio.run(run())
    assert told == {
        "jsonrpc": "2.0",
        "method": "notifications/resources/updated",
        "params": uri,
    }
    assert more == []


@pytest.mark.usefixtures("soon")
def test_change_right_after_the_subscription_is_told(tmp_path: Path) -> None:
    """The file is looked at before the subscription is confirmed."""
    for name in "ab":
        (tmp_path / name).write_text("before")
    docs = {"name": "d", "uri": "data://d", "location": tmp_path.as_uri()}
    app, _ = mcp_app(tools=[CREW], resources=[docs])

    async def run() -> Any:
        async with wire(app) as connection:
            told = []
            for name in "ab":  # the second one while the first is being watched
                uri = {"uri": f"data://d/{name}"}
                assert await connection.result("resources/subscribe", uri) == {}
                (tmp_path / name).write_text("changed at once")
                told.append((await connection.next())["params"])
            return told

    assert asyncio.run(run()) == [{"uri": "data://d/a"}, {"uri": "data://d/b"}]


@pytest.mark.usefixtures("soon")
def test_stream_of_the_newest_revision_tells_of_a_changed_file(tmp_path: Path) -> None:
    """`resourceSubscriptions`: the notification names the stream that it is for."""
    (tmp_path / "a.txt").write_text("a")
    docs = {"name": "d", "uri": "data://d", "location": tmp_path.as_uri()}
    app, _ = mcp_app(tools=[CREW], resources=[docs])
    wish = {"notifications": {"resourceSubscriptions": ["data://d/a.txt"]}}

    async def run() -> Any:
        async with wire(app, MODERN) as connection:
            number = await connection.start("subscriptions/listen", wish)
            acknowledged = await connection.next()
            assert acknowledged["params"]["notifications"] == wish["notifications"]
            await asyncio.sleep(0.1)
            (tmp_path / "a.txt").unlink()
            told = await connection.next()
            assert told["method"] == "notifications/resources/updated"
            about = {"io.modelcontextprotocol/subscriptionId": number}
            assert told["params"] == {"uri": "data://d/a.txt", "_meta": about}

    asyncio.run(run())


def test_subscriptions_are_for_resources_and_bounded() -> None:
    """A URI of no resource is refused; so are too many, and too long ones."""
    app, _ = mcp_app(tools=[CREW], resources=[SHIP])

    async def run() -> None:
        async with wire(app) as connection:
            for uri in ("ships://a/b", "no://x"):
                answer = await connection.ask("resources/subscribe", {"uri": uri})
                assert "no such resource" in answer["error"]["message"]
            long = {"uri": "ships://" + "x" * 40_000}
            answer = await connection.ask("resources/subscribe", long)
            assert "characters" in answer["error"]["message"]
            for number in range(100):
                uri = {"uri": f"ships://{number}"}
                await connection.result("resources/subscribe", uri)
            answer = await connection.ask("resources/subscribe", {"uri": "ships://x"})
            assert "at most 100" in answer["error"]["message"]

    asyncio.run(run())


def test_client_that_does_not_read_loses_its_stream() -> None:
    """Notifications wait for a client, but not without end."""
    app, _ = mcp_app(tools=[CREW])
    told: list[bytes] = []
    gate = asyncio.Event()

    async def slowly(message: bytes) -> None:
        await gate.wait()
        told.append(message)

    async def run() -> Any:
        request = RpcRequest(
            1, "subscriptions/listen", {"notifications": {"toolsListChanged": True}}
        )
        work = McpWork(request, MODERN)
        serving = app.server.changes
        task = asyncio.create_task(serving.listen(Client(None, slowly), work))
        await asyncio.sleep(0)
        for _ in range(changes.BACKLOG + 10):
            serving.announce(["tools"])
        gate.set()
        return await task

    assert asyncio.run(run())["resultType"] == "complete"
    assert len(told) == changes.BACKLOG + 1
