"""Pagination: pages of long lists, and their cursors."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types as types
import pytest

from support.mcping import (
    CREW,
    MODERN,
    asking,
    mcp_app,
    reload,
    wire,
)


@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
def test_long_list_comes_in_pages(revision: str) -> None:
    """Pagination: a list of 600 tools has three pages; each tool is on one page."""
    tools = [{**CREW, "name": f"tool-{n}"} for n in range(600)]
    app, _ = mcp_app(tools=tools)

    async def run() -> list[Any]:
        pages = []
        params: dict[str, Any] = {}
        async with wire(app, revision) as connection:
            while True:
                page = await connection.result("tools/list", params)
                pages.append([tool["name"] for tool in page["tools"]])
                if "nextCursor" not in page:
                    return pages
                params = {"cursor": page["nextCursor"]}

    pages = asyncio.run(run())
    assert [len(page) for page in pages] == [250, 250, 100]
    assert [name for page in pages for name in page] == [tool["name"] for tool in tools]


def test_cursor_is_valid_for_one_version_of_a_document() -> None:
    """Every replica of a document accepts a cursor; a changed document refuses it."""
    tools = [{**CREW, "name": f"tool-{n}"} for n in range(300)]
    app, _ = mcp_app(tools=tools)
    cursor = asking(app, "tools/list")["result"]["nextCursor"]
    replica, _ = mcp_app(tools=tools)
    page = asking(replica, "tools/list", {"cursor": cursor})["result"]
    assert [tool["name"] for tool in page["tools"]][::49] == ["tool-250", "tool-299"]
    reload(app, tools=tools[1:])
    for wrong in (cursor, "", ".", cursor.partition(".")[0], f"{cursor}000"):
        answer = asking(app, "tools/list", {"cursor": wrong})
        assert answer["error"]["code"] == types.INVALID_PARAMS
