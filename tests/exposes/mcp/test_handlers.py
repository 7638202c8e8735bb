"""Backpressure: the limit of concurrent tool calls."""

from __future__ import annotations

import asyncio
from typing import Any

from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.mcping import (
    CREW,
    mcp_app,
    wire,
)

JSON = {"Content-Type": "application/json"}


def test_call_over_the_concurrency_limit_is_refused() -> None:
    """Backpressure: a call over `max_concurrency` fails; the other calls finish."""
    gate = asyncio.Event()

    async def slowly() -> Response:
        await gate.wait()
        return Response(200, JSON, b"{}")

    app, _ = mcp_app(
        lambda request: slowly(), options=Options(max_concurrency=2), tools=[CREW]
    )

    async def run() -> list[Any]:
        async with wire(app) as connection:
            numbers = [
                await connection.start("tools/call", {"name": "crew"}) for _ in range(3)
            ]
            turned_away = await connection.answer(numbers[2])
            gate.set()
            first = await connection.next()
            second = await connection.next()
            again = await connection.ask("tools/call", {"name": "crew"})
            return [turned_away, first, second, again]

    errors = [answer["result"]["isError"] for answer in asyncio.run(run())]
    assert errors == [True, False, False, False]
