"""`list_changed` notifications after a reload."""

from __future__ import annotations

import asyncio
from typing import Any

from support.mcping import (
    CREW,
    MODERN,
    PROMPT,
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
