"""`McpServer` over in-memory streams; codes are those of facts in spec 11.7."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import mcp_types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub
from support.mcping import (
    CREW,
    HANDSHAKES,
    MODERN,
    PROMPT,
    REVISIONS,
    SHIP,
    answering,
    asking,
    hello,
    mcp_app,
    reload,
    wire,
)
from support.sdk_client import in_process

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("revision", HANDSHAKES)
def test_handshake_names_the_server_and_the_revision(revision: str) -> None:
    """P01: the name is the namespace; the revision is the requested one.

    The reference engine answers 2025-11-25 for every requested revision.
    """
    app, _ = mcp_app(tools=[CREW], description="Ask about ships.")

    async def run() -> Any:
        async with wire(app, revision) as connection:
            return await connection.ask("ping")

    assert asyncio.run(run())["result"] == {}
    introduction = hello(app, revision)
    assert introduction["protocolVersion"] == revision
    assert introduction["serverInfo"]["name"] == "fleet"
    assert introduction["serverInfo"]["title"] == "Fleet"
    assert introduction["instructions"] == "Ask about ships."


def test_unknown_revision_gets_the_newest_with_a_handshake() -> None:
    """P01: a client that requests an unknown revision is offered 2025-11-25."""
    app, _ = mcp_app(tools=[CREW])
    introduction = hello(app, "2099-01-01")
    assert introduction["protocolVersion"] == "2025-11-25"


def test_discovery_has_the_contents_of_the_handshake() -> None:
    """Spec 14.7: `server/discover` replaces the handshake in the newest revision."""
    app, _ = mcp_app(tools=[CREW], description="Ask.", ttlMs=5000, cacheScope="public")
    found = asking(app, "server/discover", None, MODERN)["result"]
    assert MODERN in found["supportedVersions"]
    assert found["instructions"] == "Ask."
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "fleet"
    listed = asking(app, "tools/list", None, MODERN)["result"]
    assert (listed["ttlMs"], listed["cacheScope"]) == (5000, "public")


@pytest.mark.parametrize(
    ("adapter", "expected"),
    [
        ({"tools": [CREW]}, {"tools"}),
        ({"tools": [CREW], "resources": [SHIP]}, {"tools", "resources", "completions"}),
        ({"tools": [CREW], "prompts": [PROMPT]}, {"tools", "prompts", "completions"}),
    ],
)
@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
def test_only_declared_capabilities_are_advertised(
    adapter: Any, expected: set[str], revision: str
) -> None:
    """P02: a document without resources or prompts does not advertise them."""
    app, _ = mcp_app(**adapter)
    if revision == MODERN:
        found = asking(app, "server/discover", None, MODERN)["result"]["capabilities"]
    else:
        found = hello(app, revision)["capabilities"]
    assert set(found) == expected
    assert found["tools"] == {"listChanged": True}


@pytest.mark.parametrize("method", ["tools/list", "tools/call"])
def test_request_before_the_handshake_is_refused(method: str) -> None:
    """Older revisions require `initialize` first, even for cached lists."""
    app, upstream = mcp_app(tools=[CREW])

    async def run() -> Any:
        # Another client fills the cache first, and the cache must not answer.
        async with wire(app) as connection:
            await connection.ask("tools/list")
        async with wire(app, says_hello=False) as connection:
            return await connection.ask(method, {"name": "crew"})

    assert asyncio.run(run())["error"]["code"] == types.INVALID_PARAMS
    assert upstream.requests == []


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_official_client_can_list_call_read_and_prompt(mode: Any) -> None:
    """The client of the MCP SDK also checks results against their schemas."""
    answers = {
        "GET /crew": [{"name": "Ada"}],
        "GET /ships/7": {"name": None, "tons": "heavy"},
    }
    described = {
        "name": "get",
        "label": "Get a ship",
        "call": "api.get",
        "outputParameters": [
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "mapping": "$.name"},
                    "tons": {"type": "number", "mapping": "$.tons"},
                    "port": {"type": "string", "mapping": "$.port"},
                },
            }
        ],
    }
    app, _ = mcp_app(
        answering(answers), tools=[CREW, described], resources=[SHIP], prompts=[PROMPT]
    )

    async def run() -> None:
        async with Client(in_process(app), mode=mode) as client:
            assert client.server_info is not None
            assert client.server_info.name == "fleet"
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == ["crew", "get"]
            assert listed.tools[1].title == "Get a ship"
            crew = await client.call_tool("crew", {})
            assert crew.structured_content == {"result": [{"name": "Ada"}]}
            # The client raises when structured content breaks the output schema.
            ship = await client.call_tool("get", {"id": "7"})
            assert ship.structured_content == {"name": None, "tons": None, "port": None}
            assert '"tons":"heavy"' in ship.content[0].text  # type: ignore[union-attr]
            read = await client.read_resource("ships://7")
            assert read.contents[0].mime_type == "application/json"
            got = await client.get_prompt("plan")
            assert got.messages[0].content.text == "Plan."  # type: ignore[union-attr]
            with pytest.raises(MCPError) as caught:
                await client.call_tool("nobody", {})
            assert caught.value.code == types.INVALID_PARAMS

    asyncio.run(run())


@pytest.mark.parametrize("revision", REVISIONS)
def test_envelope_of_results_is_for_the_newest_revision(revision: str) -> None:
    """P10: only the newest revision has `resultType` and `_meta` in a result."""
    app, _ = mcp_app(AsyncStub().answer, tools=[CREW])
    for params in ({"name": "crew"}, {"name": "crew", "arguments": {"no": 1}}):
        result = asking(app, "tools/call", params, revision)["result"]
        around = {key for key in result if key in ("resultType", "_meta")}
        assert around == ({"resultType", "_meta"} if revision == MODERN else set())


def test_text_of_an_unexpected_error_goes_to_the_log_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client only learns that there was an internal error."""
    app, _ = mcp_app(RuntimeError("the key is s3cr3t"), tools=[CREW], resources=[SHIP])
    for method, params in (
        ("tools/call", {"name": "crew"}),
        ("resources/read", {"uri": "ships://7"}),
    ):
        answer = asking(app, method, params)
        assert answer["error"]["message"] == "Internal error"
        assert answer["error"]["code"] == types.INTERNAL_ERROR
        assert "s3cr3t" not in json.dumps(answer)
    assert "the key is s3cr3t" in caplog.text


STAGES = {
    "name": "stages",
    "description": "d",
    "steps": [
        {"type": "call", "name": "crew", "call": "api.crew"},
        {"type": "call", "name": "ships", "call": "api.list"},
        {"type": "call", "name": "ship", "call": "api.get", "with": {"id": "7"}},
        {"type": "call", "name": "note", "call": "api.build", "with": {"name": "x"}},
    ],
    "mappings": [{"targetName": "crew", "value": "$.crew"}],
}


@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
def test_cancelled_notification_cancels_the_upstream_call(revision: str) -> None:
    """`notifications/cancelled` ends the upstream call of a tool."""
    begun: asyncio.Event

    async def never() -> Response:
        begun.set()
        await asyncio.sleep(60)
        raise AssertionError("the call was not cancelled")

    app, upstream = mcp_app(lambda request: never(), tools=[CREW, STAGES])

    async def run(tool: str) -> Any:
        nonlocal begun
        begun = asyncio.Event()
        async with wire(app, revision) as connection:
            number = await connection.start("tools/call", {"name": tool})
            await asyncio.wait_for(begun.wait(), 5)
            await connection.post(
                {"method": "notifications/cancelled", "params": {"requestId": number}}
            )
            # A cancelled request has no answer, so the next answer is of the next request.
            return await connection.ask("prompts/list")

    for tool in ("crew", "stages"):
        upstream.is_cancelled = False
        assert asyncio.run(run(tool))["error"]["code"] == types.METHOD_NOT_FOUND
        assert upstream.is_cancelled


def test_list_is_encoded_once_for_each_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second request for a list gets the cached page of the first."""
    app, _ = mcp_app(tools=[CREW], prompts=[PROMPT])
    first = asking(app, "tools/list")["result"]
    server = app.server
    made = dict(server.pages)
    assert set(made) == {("tools/list", False, None)}
    assert asking(app, "tools/list")["result"] == first
    assert server.pages == made
    asking(app, "tools/list", None, MODERN)
    assert len(server.pages) == 2


def test_list_of_files_is_read_each_time(tmp_path: Any) -> None:
    """A list of resources shows the files that the folder has now."""
    (tmp_path / "a.txt").write_text("a")
    docs = {"name": "d", "uri": "data://d", "location": tmp_path.as_uri()}
    app, _ = mcp_app(tools=[CREW], resources=[docs])
    names = []
    for _ in range(2):
        listed = asking(app, "resources/list")["result"]["resources"]
        names.append([entry["name"] for entry in listed])
        (tmp_path / "b.txt").write_text("b")
    assert names == [["a.txt"], ["a.txt", "b.txt"]]


def test_version_of_the_capability_is_that_of_the_server() -> None:
    """`info.version` is told at the handshake and at discovery, after a reload too."""
    app, _ = mcp_app(tools=[CREW], info={"label": "Fleet", "version": "2.3.0"})
    assert hello(app, "2025-11-25")["serverInfo"]["version"] == "2.3.0"
    reload(app, tools=[CREW], info={"label": "Fleet", "version": 3})
    assert hello(app, "2025-11-25")["serverInfo"]["version"] == "3"
    found = asking(app, "server/discover", None, MODERN)["result"]
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["version"] == "3"


def test_name_and_instructions_change_with_a_reload() -> None:
    """Handshake and discovery after a reload have the data of the new version."""
    app, _ = mcp_app(tools=[CREW], description="Before.")
    reload(app, tools=[CREW], description="After.", namespace="navy")
    introduction = hello(app, "2025-11-25")
    assert introduction["instructions"] == "After."
    assert introduction["serverInfo"]["name"] == "navy"
    found = asking(app, "server/discover", None, MODERN)["result"]
    assert found["instructions"] == "After."
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "navy"


def test_call_under_way_keeps_its_version_during_a_reload() -> None:
    """A reload does not stop an open call, which answers as the old version."""
    gate = asyncio.Event()

    async def slowly() -> Response:
        await gate.wait()
        return Response(200, JSON, b'{"from":"old"}')

    app, _ = mcp_app(lambda request: slowly(), tools=[CREW])

    async def run() -> Any:
        async with wire(app) as connection:
            number = await connection.start("tools/call", {"name": "crew"})
            await connection.ask("ping")
            reload(app, tools=[{**CREW, "name": "other"}])
            gate.set()
            old = await connection.answer(number)
            new = await connection.ask("tools/call", {"name": "crew"})
            return old, new

    old, new = asyncio.run(run())
    assert old["result"]["structuredContent"] == {"from": "old"}
    assert new["error"]["message"].startswith("Invalid params: Unknown tool: crew")


def test_tool_calls_write_nothing_to_stdout_or_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A good and a failed call write nothing to stdout, and no log line above debug."""
    caplog.set_level(logging.INFO)
    app, _ = mcp_app(tools=[CREW])
    asking(app, "tools/call", {"name": "crew"})
    asking(app, "tools/call", {"name": "none"})
    assert capsys.readouterr().out == ""
    assert caplog.text == ""
