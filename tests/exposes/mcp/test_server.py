"""An MCP adapter over streams; ids are those of the facts in spec 11.7."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

import mcp_types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

import naftiko
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub
from support.mcping import (
    HANDSHAKES,
    MODERN,
    REVISIONS,
    answering,
    asking,
    document,
    mcp_app,
    parts,
    wire,
)
from support.shared import CAPABILITIES

CREW = {"name": "crew", "description": "The crew.", "call": "api.crew"}
SHIP = {
    "name": "ship",
    "uri": "ships://{id}",
    "description": "A ship.",
    "call": "api.get",
}
PROMPT = {"name": "plan", "template": [{"role": "user", "content": "Plan."}]}
JSON = {"Content-Type": "application/json"}


# --- what a server says of itself ---------------------------------------------------


@pytest.mark.parametrize("revision", HANDSHAKES)
def test_handshake(revision: str) -> None:
    """P01: it is called like its namespace, and speaks every revision that is asked for.

    The reference engine answers 2025-11-25 whatever a client asks for.
    """
    app, _ = mcp_app(tools=[CREW], description="Ask about ships.")

    async def run() -> Any:
        async with wire(app, revision) as connection:
            return await connection.ask("ping")

    assert asyncio.run(run())["result"] == {}
    hello = asyncio.run(_hello(app, revision))
    assert hello["protocolVersion"] == revision
    assert hello["serverInfo"]["name"] == "fleet"
    assert hello["serverInfo"]["title"] == "Fleet"
    assert hello["instructions"] == "Ask about ships."


async def _hello(app: McpApp, revision: str) -> Any:
    async with wire(app, revision) as connection:
        return await connection.result(
            "initialize",
            {
                "protocolVersion": revision,
                "capabilities": {},
                "clientInfo": {"name": "again", "version": "1"},
            },
        )


def test_an_unknown_revision_gets_the_newest_with_a_handshake() -> None:
    """P01: a client that asks for a revision of the future is offered 2025-11-25."""
    app, _ = mcp_app(tools=[CREW])
    hello = asyncio.run(_hello_unknown(app))
    assert hello["protocolVersion"] == "2025-11-25"


async def _hello_unknown(app: McpApp) -> Any:
    async with wire(app) as connection:
        return await connection.result(
            "initialize",
            {
                "protocolVersion": "2099-01-01",
                "capabilities": {},
                "clientInfo": {"name": "x", "version": "1"},
            },
        )


def test_discovery() -> None:
    """The newest revision has no handshake, but tells the same (spec 14.7)."""
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
def test_only_what_there_is_is_advertised(
    adapter: Any, expected: set[str], revision: str
) -> None:
    """P02: resources and prompts are capabilities of those who have some."""
    app, _ = mcp_app(**adapter)
    if revision == MODERN:
        found = asking(app, "server/discover", None, MODERN)["result"]["capabilities"]
    else:
        found = asyncio.run(_hello(app, revision))["capabilities"]
    assert set(found) == expected
    assert found["tools"] == {"listChanged": True}


@pytest.mark.parametrize("method", ["tools/list", "tools/call"])
def test_nobody_is_answered_before_the_handshake(method: str) -> None:
    """The short cuts keep the rule of the older revisions: say hello first."""
    app, upstream = mcp_app(tools=[CREW])

    async def run() -> Any:
        # Fill the memory of lists first: it must not open the door.
        async with wire(app) as connection:
            await connection.ask("tools/list")
        async with wire(app, says_hello=False) as connection:
            return await connection.ask(method, {"name": "crew"})

    assert asyncio.run(run())["error"]["code"] == types.INVALID_PARAMS
    assert upstream.requests == []


# --- the official client ------------------------------------------------------------


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_client(mode: Any) -> None:
    """It lists, calls, reads and prompts, and checks results against their schemas."""
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
        async with Client(app.server, mode=mode) as client:
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
def test_the_envelope_of_results(revision: str) -> None:
    """P10: the newest revision asks for more around a result; older ones do not get it."""
    app, _ = mcp_app(AsyncStub().answer, tools=[CREW])
    for params in ({"name": "crew"}, {"name": "crew", "arguments": {"no": 1}}):
        result = asking(app, "tools/call", params, revision)["result"]
        around = {key for key in result if key in ("resultType", "_meta")}
        assert around == ({"resultType", "_meta"} if revision == MODERN else set())


# --- failures -----------------------------------------------------------------------


def test_unreachable_upstream() -> None:
    """P09: a failure of the network is a result with an error, without the URL."""
    request = naftiko.Request("GET", "http://upstream.test/crew?key=s3cr3t")
    error = naftiko.TransportError(
        "GET http://upstream.test/crew?key=s3cr3t: connection refused",
        reason="connection refused",
        request=request,
    )
    app, _ = mcp_app(error, tools=[CREW])
    result = asking(app, "tools/call", {"name": "crew"})["result"]
    assert result["isError"] is True
    text = result["content"][0]["text"]
    assert text == "crew: connection refused.\nhint: call again later"


def test_the_inside_of_a_failure_stays_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What nobody thought of is told to the log, and to the client only that it was."""
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


def test_a_credential_that_an_upstream_repeats_is_masked() -> None:
    """The text of an error never holds the value of a variable."""
    body = json.dumps({"message": "bad key s3cr3t-k3y"}).encode()
    upstream = AsyncStub(Response(403, JSON, body, reason="Forbidden"))
    outputs = [{"type": "string", "mapping": "$.message"}]
    tool = {"name": "secret", "call": "api.secret", "outputParameters": outputs}
    capability = naftiko.load(
        document(tools=[tool]),
        schema=None,
        variables={"API_KEY": "s3cr3t-k3y"},
    )
    from naftiko.exposes.engine import Engine

    app = McpApp(Engine(capability, upstream), capability.exposes[0], Options())
    result = asking(app, "tools/call", {"name": "secret"})["result"]
    assert upstream.requests[0].headers["X-Key"] == "s3cr3t-k3y"
    text = result["content"][0]["text"]
    assert "s3cr3t" not in text
    assert "403 Forbidden: bad key $API_KEY" in text
    assert '"bad key $API_KEY"' in text
    assert "tell the user" in text


def test_too_many_calls_at_once() -> None:
    """More than `max_concurrency` calls are turned away, and the others finish."""
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


# --- progress and cancellation ------------------------------------------------------

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


@pytest.mark.parametrize("revision", REVISIONS)
def test_progress_of_an_orchestration(revision: str) -> None:
    """A client that gives a token is told of each stage, before the result."""
    app, _ = mcp_app(AsyncStub().answer, tools=[STAGES])

    async def run() -> Any:
        async with wire(app, revision) as connection:
            params = {"name": "stages", "_meta": {"progressToken": "t1"}}
            answer = await connection.ask("tools/call", params)
            return answer, connection.notifications

    answer, told = asyncio.run(run())
    assert answer["result"]["isError"] is False
    assert [note["method"] for note in told] == ["notifications/progress"] * 2
    assert told[0]["params"] == {
        "progressToken": "t1",
        "progress": 1,
        "total": 2,
        "message": "crew, ships, ship",
    }
    assert told[1]["params"]["progress"] == 2


def test_no_progress_for_those_who_do_not_ask() -> None:
    """Without a token nothing is told."""
    app, _ = mcp_app(AsyncStub().answer, tools=[STAGES])

    async def run() -> Any:
        async with wire(app) as connection:
            await connection.ask("tools/call", {"name": "stages"})
            return connection.notifications

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
def test_cancelling_a_call_cancels_the_upstream_call(revision: str) -> None:
    """What a client no longer wants is not fetched to the end."""
    begun: asyncio.Event

    async def never() -> Response:
        begun.set()
        await asyncio.sleep(60)
        raise AssertionError("nobody waits for this")

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
            # The next answer is that of the next request: the cancelled one has none.
            return await connection.ask("prompts/list")

    for tool in ("crew", "stages"):
        upstream.is_cancelled = False
        assert asyncio.run(run(tool))["error"]["code"] == types.METHOD_NOT_FOUND
        assert upstream.is_cancelled


# --- pages --------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
def test_long_lists_come_in_pages(revision: str) -> None:
    """A list of six hundred tools has three pages, and every tool stands on one."""
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


def test_a_list_is_made_once_for_each_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first time a list comes from memory, the same to the letter."""
    app, _ = mcp_app(tools=[CREW], prompts=[PROMPT])
    first = asking(app, "tools/list")["result"]
    server = app.server
    made = dict(server.pages)
    assert set(made) == {("tools/list", "2025-11-25", None)}
    assert asking(app, "tools/list")["result"] == first
    assert server.pages == made
    asking(app, "tools/list", None, MODERN)
    assert len(server.pages) == 2


def test_a_list_of_files_is_made_each_time(tmp_path: Any) -> None:
    """What is in a folder is listed as it is now."""
    (tmp_path / "a.txt").write_text("a")
    docs = {"name": "d", "uri": "data://d", "location": tmp_path.as_uri()}
    app, _ = mcp_app(tools=[CREW], resources=[docs])
    names = []
    for _ in range(2):
        listed = asking(app, "resources/list")["result"]["resources"]
        names.append([entry["name"] for entry in listed])
        (tmp_path / "b.txt").write_text("b")
    assert names == [["a.txt"], ["a.txt", "b.txt"]]


# --- reload -------------------------------------------------------------------------


def _other(app: McpApp, **adapter: Any) -> None:
    app.replace(app.prepare(*parts(document(**adapter), AsyncStub())))


def test_clients_with_a_handshake_are_told_of_changed_lists() -> None:
    """After a reload every open session hears which of its lists are others."""
    app, _ = mcp_app(tools=[CREW], prompts=[PROMPT])

    async def run() -> Any:
        async with wire(app) as connection:
            before = await connection.result("tools/list")
            _other(app, tools=[{**CREW, "name": "sailors"}], prompts=[PROMPT])
            told = await connection.next()
            after = await connection.result("tools/list")
            return before, told, after, connection.notifications

    before, told, after, more = asyncio.run(run())
    assert told["method"] == "notifications/tools/list_changed"
    assert more == []
    assert [tool["name"] for tool in before["tools"]] == ["crew"]
    assert [tool["name"] for tool in after["tools"]] == ["sailors"]


def test_subscribers_are_told_of_changed_lists() -> None:
    """In the newest revision a client asks for word of changes, and gets only that."""
    app, _ = mcp_app(tools=[CREW], prompts=[PROMPT])

    async def run() -> Any:
        async with wire(app, MODERN) as connection:
            number = await connection.start(
                "subscriptions/listen",
                {"notifications": {"promptsListChanged": True}},
            )
            acknowledged = await connection.next()
            _other(app, tools=[], prompts=[{**PROMPT, "name": "other"}])
            told = await connection.next()
            app.drain()
            ended = await connection.answer(number)
            return acknowledged, told, ended

    acknowledged, told, ended = asyncio.run(run())
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert told["method"] == "notifications/prompts/list_changed"
    assert "result" in ended


def test_a_reload_that_changes_nothing_tells_nobody() -> None:
    """A document that says the same of its tools leaves clients alone."""
    app, _ = mcp_app(tools=[CREW])

    async def run() -> Any:
        async with wire(app) as connection:
            await connection.ask("ping")
            _other(app, tools=[CREW])
            await connection.ask("ping")
            return connection.notifications

    assert asyncio.run(run()) == []


def test_a_server_introduces_itself_anew() -> None:
    """Name and instructions are those of the version that is served."""
    app, _ = mcp_app(tools=[CREW], description="Before.")
    _other(app, tools=[CREW], description="After.", namespace="navy")
    hello = asyncio.run(_hello(app, "2025-11-25"))
    assert hello["instructions"] == "After."
    assert hello["serverInfo"]["name"] == "navy"
    found = asking(app, "server/discover", None, MODERN)["result"]
    assert found["instructions"] == "After."
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "navy"


def test_a_call_under_way_finishes_with_what_it_began() -> None:
    """A reload neither stops nor mixes a call that is waiting for its answer."""
    gate = asyncio.Event()

    async def slowly() -> Response:
        await gate.wait()
        return Response(200, JSON, b'{"from":"old"}')

    app, _ = mcp_app(lambda request: slowly(), tools=[CREW])

    async def run() -> Any:
        async with wire(app) as connection:
            number = await connection.start("tools/call", {"name": "crew"})
            await connection.ask("ping")
            _other(app, tools=[{**CREW, "name": "other"}])
            gate.set()
            old = await connection.answer(number)
            new = await connection.ask("tools/call", {"name": "crew"})
            return old, new

    old, new = asyncio.run(run())
    assert old["result"]["structuredContent"] == {"from": "old"}
    assert new["error"]["message"].startswith("Invalid params: Unknown tool: crew")


def test_a_cursor_is_good_for_one_document() -> None:
    """Any replica of the same document takes it; after a change nobody does."""
    tools = [{**CREW, "name": f"tool-{n}"} for n in range(300)]
    app, _ = mcp_app(tools=tools)
    cursor = asking(app, "tools/list")["result"]["nextCursor"]
    replica, _ = mcp_app(tools=tools)
    page = asking(replica, "tools/list", {"cursor": cursor})["result"]
    assert [tool["name"] for tool in page["tools"]][::49] == ["tool-250", "tool-299"]
    _other(app, tools=tools[1:])
    for wrong in (cursor, "", ".", cursor.partition(".")[0], f"{cursor}000"):
        answer = asking(app, "tools/list", {"cursor": wrong})
        assert answer["error"]["code"] == types.INVALID_PARAMS


# --- search -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def docker() -> McpApp:
    """Return the Docker Engine's adapter, its three tools instead of a hundred."""
    return _docker(Options(tools="search"))


def _docker(options: Options, answer: Any = None) -> McpApp:
    from naftiko.exposes.engine import Engine

    capability = naftiko.load(CAPABILITIES / "docker.yaml")
    exposes = next(e for e in capability.exposes if e.type == "mcp")
    return McpApp(Engine(capability, AsyncStub(answer)), exposes, options)


def test_a_hundred_tools_become_three(docker: McpApp) -> None:
    """With `tools="search"` a list is small, and the instructions say what to do."""
    listed = asking(docker, "tools/list")["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["search", "describe", "call"]
    assert len(json.dumps(listed)) < 1500
    hello = asyncio.run(_hello(docker, "2025-11-25"))
    assert "105 tools" in hello["instructions"]
    assert hello["instructions"].startswith("Tools for Docker Engine.")


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("list containers", "list-containers"),
        ("logs of a container", "get-container-logs"),
        ("remove an image", "remove-image"),
        ("create network", "create-network"),
        ("restart", "restart-container"),
    ],
)
def test_search(docker: McpApp, query: str, first: str) -> None:
    """The tool that is meant comes first."""
    given = {"name": "search", "arguments": {"query": query, "limit": "3"}}
    found = asking(docker, "tools/call", given)["result"]["structuredContent"]
    assert found["tools"][0]["name"] == first
    assert len(found["tools"]) <= 3
    assert found["found"] >= len(found["tools"])


def test_describe(docker: McpApp) -> None:
    """A description is what the list would have said."""
    given = {"name": "describe", "arguments": {"names": ["list-containers"]}}
    found = asking(docker, "tools/call", given)["result"]["structuredContent"]["tools"]
    all_of_them = asking(_docker(Options()), "tools/list")["result"]["tools"]
    assert found == [t for t in all_of_them if t["name"] == "list-containers"]


def test_call_through_the_search() -> None:
    """A tool that was found is called by its name, with its arguments."""
    app = _docker(Options(tools="search"), Response(200, JSON, b"[]"))
    upstream: Any = app.server.served.engine.transport
    given = {
        "name": "call",
        "arguments": {"name": "list-containers", "arguments": {"all": True}},
    }
    result = asking(app, "tools/call", given)["result"]
    assert result["isError"] is False
    assert upstream.sent == ["GET /containers/json?all=true"]
    # A client that knows the name may save itself the way.
    direct = {"name": "list-containers", "arguments": {"limit": 1}}
    assert asking(app, "tools/call", direct)["result"]["isError"] is False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "search"}, "search: 'query' is missing"),
        ({"name": "describe", "arguments": {}}, "describe: 'names' is missing"),
        (
            {"name": "describe", "arguments": {"names": ["list-container"]}},
            "did you mean 'list-containers'?",
        ),
        ({"name": "call", "arguments": {}}, "call: 'name' is missing"),
        (
            {"name": "call", "arguments": {"name": "qqqq"}},
            "no tool is called 'qqqq'. Find tools with search.",
        ),
        (
            {"name": "call", "arguments": {"name": "inspect-container"}},
            "inspect-container: 'id' is missing",
        ),
    ],
)
def test_mistakes_in_a_search(docker: McpApp, given: Any, said: str) -> None:
    """Each mistake says what to change; nothing is sent."""
    result = asking(docker, "tools/call", given)["result"]
    assert result["isError"] is True
    assert said in result["content"][0]["text"]


def test_the_list_of_the_docker_engine_is_small() -> None:
    """All 105 tools, arguments described, in at most 80 KB."""
    answer = asking(_docker(Options()), "tools/list")
    text = json.dumps(answer, separators=(",", ":"))
    assert len(answer["result"]["tools"]) == 105
    assert "nextCursor" not in answer["result"]
    assert len(text) <= 80_000


def test_what_the_docs_say_of_its_cost() -> None:
    """The token costs in `docs/serve.md` are those of the shipped file."""
    text = (CAPABILITIES.parent / "docs" / "serve.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)
    found = [[int(number.replace(",", "")) for number in row] for row in rows]
    assert len(found) == 4
    searching = _docker(Options(tools="search"))
    sizes = [
        len(_compact(asking(_docker(Options()), "tools/list")["result"])),
        len(_compact(asking(searching, "tools/list")["result"])),
    ]
    for name, arguments in (
        ("search", {"query": "logs of a container"}),
        ("describe", {"names": ["get-container-logs"]}),
    ):
        params = {"name": name, "arguments": arguments}
        result = asking(searching, "tools/call", params)["result"]
        sizes.append(len(result["content"][0]["text"].encode()))
    for (size, tokens), measured in zip(found, sizes, strict=True):
        assert size == pytest.approx(measured, rel=0.03)
        assert tokens == pytest.approx(measured / 4, rel=0.03)


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# --- over stdio the server's own variables count ------------------------------------


def test_variables_of_callers_need_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without HTTP there are no headers, so the environment fills the variable."""
    monkeypatch.setenv("NAFTIKO_TEST_API_KEY", "of-the-server")
    app, upstream = mcp_app(
        options=Options(variable_headers={"API_KEY": "X-Api-Key"}),
        tools=[{"name": "secret", "call": "api.secret"}],
    )
    assert asking(app, "tools/call", {"name": "secret"})["result"]["isError"] is False
    assert upstream.requests[0].headers["X-Key"] == "of-the-server"


def test_nothing_is_said_aloud(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A conversation writes nothing to standard output or to the log above debug."""
    caplog.set_level(logging.INFO)
    app, _ = mcp_app(tools=[CREW])
    asking(app, "tools/call", {"name": "crew"})
    asking(app, "tools/call", {"name": "none"})
    assert capsys.readouterr().out == ""
    assert caplog.text == ""
