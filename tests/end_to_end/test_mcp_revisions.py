"""The official MCP client drives `naftiko serve` in every revision, over both transports.

The client takes the newest revision with a handshake; an older one is offered by a
client that believes the older to be the newest.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
import requests
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from support.recorder import Received, Recorder, response
from support.serving_process import Server, write

#: More than two pages of a list.
MANY = 600
REVISIONS = (*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS)
#: Over stdio each test starts a process: the other revisions are slow.
QUICK = (HANDSHAKE_PROTOCOL_VERSIONS[-1], MODERN_PROTOCOL_VERSIONS[-1])
EVERYWHERE = pytest.mark.parametrize(
    ("transport", "revision"),
    [
        pytest.param(
            transport,
            revision,
            marks=[pytest.mark.slow]
            if transport == "stdio" and revision not in QUICK
            else [],
        )
        for transport in ("http", "stdio")
        for revision in REVISIONS
    ],
)
NOT_FOUND = types.METHOD_NOT_FOUND


def fleet(*, tools: int = MANY) -> dict[str, Any]:
    """Return a document with several pages of each list."""
    resources = [
        {"name": "ship", "path": "/ships/{{id}}", "operations": [
            {"name": "get", "method": "GET",
             "inputParameters": [{"name": "id", "in": "path"}]}]},
        {"name": "slow", "path": "/slow", "operations": [
            {"name": "slow", "method": "GET"}]},
    ]  # fmt: skip
    api = {"type": "http", "namespace": "api", "baseUri": "http://127.0.0.1:9"}
    steps = [
        {"type": "call", "name": "first", "call": "api.get", "with": {"id": "1"}},
        {"type": "call", "name": "then", "call": "api.get", "with": {"id": "{{first.id}}"}},
    ]  # fmt: skip
    text = {"name": "text", "type": "string", "value": "Ahoy!"}
    called = {"call": "api.get", "description": "A ship."}
    adapter = {
        "type": "mcp",
        "namespace": "fleet",
        "port": 0,
        "description": "Ask for a ship.",
        "tools": [
            {"name": "stages", "description": "Two calls.", "steps": steps,
             "mappings": [{"targetName": "id", "value": "$.then.id"}],
             "outputParameters": [{"name": "id", "type": "string"}]},
            {"name": "slow", "description": "It waits.", "call": "api.slow"},
            {"name": "ship", **called, "inputParameters": [
                {"name": "id", "type": "string", "description": "Which."}]},
            *({"name": f"tool-{n}", "description": "It greets.",
               "outputParameters": [text]} for n in range(3, tools)),
        ],
        "resources": [
            {"name": f"ship-{n}", "uri": f"ship://{n}", **called, "label": "Ship",
             "with": {"id": str(n)}} for n in range(MANY)
        ] + [
            {"name": f"area-{n}", "uri": f"area{n}://{{id}}", **called, "label": "Area",
             "with": {"id": "fleet.id"}} for n in range(MANY)
        ],
        "prompts": [
            {"name": f"plan-{n}", "description": "A tour.",
             "arguments": [{"name": "day", "description": "When.",
                            "enum": ["Monday", "Tuesday"]}],
             "template": [{"role": "user", "content": "On {{day}}."}]}
            for n in range(MANY)
        ],
    }  # fmt: skip
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Fleet", "description": "Ships."},
        "capability": {
            "consumes": [{**api, "resources": resources}],
            "exposes": [adapter],
        },
    }


class Harbour(Recorder):
    """The API of the ships.

    Attributes:
        asked: Somebody waits for the slow answer.
        left: That client has closed its connection.
    """

    def __init__(self) -> None:
        super().__init__(self._reply)
        self.asked = threading.Event()
        self.left = threading.Event()

    def _reply(self, request: Received) -> bytes | None:
        if request.target != "/slow":
            return response(json.dumps({"id": request.target.rpartition("/")[2]}))
        connection = self._open[-1]
        connection.settimeout(20)
        self.asked.set()
        if connection.recv(1) == b"":
            self.left.set()
        return None


@pytest.fixture
def harbour() -> Iterator[Harbour]:
    """Run the API of the ships."""
    with Harbour() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the document."""
    return write(tmp_path_factory.mktemp("fleet") / "fleet.yaml", fleet())


Talk = Callable[[Client], Awaitable[Any]]


class Agent:
    """Holds conversations by one transport and in one revision.

    Args:
        transport: `http` or `stdio`.
        revision: The revision of the protocol.
        words: The arguments of `naftiko serve`.
    """

    def __init__(self, transport: str, revision: str, words: list[str]) -> None:
        self._transport = transport
        self._words = words
        self.revision = revision
        self.is_modern = revision in MODERN_PROTOCOL_VERSIONS
        self.server: Server | None = None
        self.heard: list[Any] = []

    def talk(self, say: Talk, mode: Any = None) -> Any:
        """Connect, and return what a conversation returns."""
        if self._transport == "stdio":
            return asyncio.run(self._talk(say, "", mode))
        with Server(*self._words, "--port", "fleet=0") as server:
            self.server = server
            result = asyncio.run(self._talk(say, server.urls["fleet"], mode))
            assert server.stop() == 0
            assert "Traceback" not in server.text
            return result

    async def _talk(self, say: Talk, url: str, mode: Any) -> Any:
        async def hear(message: Any) -> None:
            self.heard.append(message)

        mode = mode or (self.revision if self.is_modern else "legacy")
        async with asyncio.timeout(60), self._connection(url) as connection:
            async with Client(connection, mode=mode, message_handler=hear) as client:
                assert client.protocol_version == self.revision
                return await say(client)

    @asynccontextmanager
    async def _connection(self, url: str) -> AsyncIterator[Any]:
        if self._transport == "http":
            async with create_mcp_http_client() as http:
                yield streamable_http_client(f"{url}/mcp", http_client=http)
            return
        words = ["-m", "naftiko", "serve", "--stdio", *self._words]
        started = StdioServerParameters(
            command=sys.executable, args=words, env=dict(os.environ)
        )
        with open(os.devnull, "w") as nowhere:
            yield stdio_client(started, errlog=nowhere)


@pytest.fixture
def agent(
    transport: str,
    revision: str,
    file: Path,
    harbour: Harbour,
    monkeypatch: pytest.MonkeyPatch,
) -> Agent:
    """Return a client of the revision and the transport of a test."""
    if revision in HANDSHAKE_PROTOCOL_VERSIONS:
        monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", revision)
    words = [str(file), "--base-uri", f"api={harbour.url}"]
    return Agent(transport, revision, words)


async def _all(fetch: Any, member: str) -> list[Any]:
    """Return the entries of all pages of a list."""
    found: list[Any] = []
    cursor, pages = None, 0
    while True:
        page = await fetch(cursor=cursor)
        found += getattr(page, member)
        pages += 1
        cursor = page.next_cursor
        if cursor is None:
            assert pages == 3
            return found


async def _code(asked: Awaitable[Any]) -> int:
    """Return the code of the error that a request gets."""
    with pytest.raises(MCPError) as caught:
        await asked
    return caught.value.code


@EVERYWHERE
def test_client_lists_reads_and_calls(agent: Agent) -> None:
    """Negotiation, every list page by page, tools, resources, prompts and completion."""

    async def say(client: Any) -> None:
        if not agent.is_modern:
            # A client of the newest revision has asked nothing yet.
            assert client.server_info.name == "fleet"
            assert client.instructions == "Ask for a ship."
        tools = await _all(client.list_tools, "tools")
        assert [t.name for t in tools[:4]] == ["stages", "slow", "ship", "tool-3"]
        assert len({tool.name for tool in tools}) == MANY
        resources = await _all(client.list_resources, "resources")
        assert [str(r.uri) for r in resources] == [f"ship://{n}" for n in range(MANY)]
        templates = await _all(client.list_resource_templates, "resource_templates")
        assert templates[-1].uri_template == f"area{MANY - 1}://{{id}}"
        prompts = await _all(client.list_prompts, "prompts")
        assert prompts[0].arguments[0].name == "day"
        unknown = client.list_tools(cursor="nothing")
        assert await _code(unknown) == types.INVALID_PARAMS

        result = await client.call_tool("ship", {"id": "7"})
        assert result.structured_content == {"id": "7"}
        assert (await client.call_tool("ship", {})).is_error
        assert await _code(client.call_tool("no-tool", {})) == types.INVALID_PARAMS
        for uri, id_ in (("ship://3", "3"), ("area9://a%20b", "a%20b")):
            (content,) = (await client.read_resource(uri)).contents
            assert json.loads(content.text) == {"id": id_}
        missing = client.read_resource("ship://none")
        assert await _code(missing) == types.INVALID_PARAMS
        prompt = await client.get_prompt("plan-1", {"day": "Monday"})
        assert prompt.messages[0].content.text == "On Monday."
        ref = types.PromptReference(type="ref/prompt", name="plan-1")
        completed = await client.complete(ref, {"name": "day", "value": "t"})
        assert completed.completion.values == ["Tuesday"]

    agent.talk(say)


@EVERYWHERE
def test_client_gets_progress(agent: Agent) -> None:
    """A call with a token of progress is told of each stage, before the result."""
    told: list[Any] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async def say(client: Any) -> Any:
        await client.call_tool("stages", {})
        assert told == []
        result = await client.call_tool("stages", {}, progress_callback=progress)
        return result.structured_content

    assert agent.talk(say) == {"id": "1"}
    assert told == [(1, 2, "first"), (2, 2, "then")]


@EVERYWHERE
def test_client_cancels(agent: Agent, harbour: Harbour) -> None:
    """A call that is cancelled ends upstream too, and the client goes on."""

    async def say(client: Any) -> Any:
        call = asyncio.ensure_future(client.call_tool("slow", {}))
        await asyncio.to_thread(harbour.asked.wait, 20)
        # Another request is answered meanwhile.
        assert (await client.call_tool("ship", {"id": "1"})).structured_content
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        assert await asyncio.to_thread(harbour.left.wait, 10)
        return (await client.call_tool("ship", {"id": "2"})).structured_content

    assert agent.talk(say) == {"id": "2"}


@EVERYWHERE
def test_client_pings_subscribes_and_sets_a_level(agent: Agent) -> None:
    """Revisions with a handshake have `ping`, and what the capabilities announce."""
    subscribe = types.SubscribeRequest(
        params=types.SubscribeRequestParams(uri="ship://1")
    )
    unsubscribe = types.UnsubscribeRequest(
        params=types.UnsubscribeRequestParams(uri="ship://1")
    )
    level = types.SetLevelRequest(params=types.SetLevelRequestParams(level="info"))

    async def say(client: Any) -> None:
        announced = client.server_capabilities
        has = {"ping": not agent.is_modern, "subscribe": False, "level": False}
        if not agent.is_modern:
            assert announced.tools.list_changed
            has["subscribe"] = bool(announced.resources.subscribe)
            # A level is taken, though no messages are sent, so none are announced.
            assert announced.logging is None
            has["level"] = True
        for request, is_there in (
            (types.PingRequest(), has["ping"]),
            (subscribe, has["subscribe"]),
            (unsubscribe, has["subscribe"]),
            (level, has["level"]),
        ):
            asked = client.session.send_request(request, types.EmptyResult)
            if is_there:
                await asked
            else:
                assert await _code(asked) == NOT_FOUND

    agent.talk(say)


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("transport", ["http"])
def test_client_hears_of_changed_lists(
    agent: Agent, file: Path, harbour: Harbour, tmp_path: Path
) -> None:
    """A reload is told: on the stream of the session, or by `subscriptions/listen`."""
    own = write(tmp_path / "fleet.yaml", fleet())
    agent._words[0] = str(own)

    def reload() -> None:
        assert agent.server is not None
        write(own, fleet(tools=4))
        agent.server.process.send_signal(signal.SIGHUP)
        agent.server.wait_for("^reloaded")

    async def heard() -> None:
        changed = types.ToolListChangedNotification
        while not any(isinstance(message, changed) for message in agent.heard):
            await asyncio.sleep(0.02)

    async def say(client: Any) -> Any:
        assert (await client.list_tools()).next_cursor
        if agent.is_modern:
            async with client.listen(tools_list_changed=True) as events:
                await asyncio.to_thread(reload)
                async with asyncio.timeout(10):
                    async for _ in events:
                        break
        else:
            await asyncio.sleep(0.3)  # The client opens its stream.
            await asyncio.to_thread(reload)
            async with asyncio.timeout(10):
                await heard()
        return [tool.name for tool in (await client.list_tools()).tools]

    assert agent.talk(say) == ["stages", "slow", "ship", "tool-3"]
    unwanted = (
        types.PromptListChangedNotification,
        types.ResourceListChangedNotification,
    )
    assert not any(isinstance(message, unwanted) for message in agent.heard)


@pytest.mark.parametrize("transport", ["http", "stdio"])
@pytest.mark.parametrize("revision", MODERN_PROTOCOL_VERSIONS)
def test_client_discovers_the_newest_revision(agent: Agent) -> None:
    """A client that knows nothing asks with `server/discover`, and needs no handshake."""

    async def say(client: Any) -> Any:
        found = client.session.discover_result
        assert found.supported_versions == list(MODERN_PROTOCOL_VERSIONS)
        assert client.instructions == "Ask for a ship."
        return (await client.call_tool("ship", {"id": "7"})).structured_content

    assert agent.talk(say, mode="auto") == {"id": "7"}


@pytest.mark.parametrize("transport", ["http", "stdio"])
@pytest.mark.parametrize("revision", [HANDSHAKE_PROTOCOL_VERSIONS[-1]])
def test_client_of_an_unknown_revision_is_offered_the_newest(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handshake in a revision that the server does not know gets the newest it has."""
    monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", "2019-01-01")

    async def say(client: Any) -> Any:
        return (await client.call_tool("ship", {"id": "7"})).structured_content

    assert agent.talk(say) == {"id": "7"}


@pytest.mark.parametrize("transport", ["http"])
@pytest.mark.parametrize("revision", HANDSHAKE_PROTOCOL_VERSIONS)
def test_client_ends_its_session(agent: Agent) -> None:
    """The client deletes its session when it goes; the id is worth nothing then."""
    used: list[str] = []

    async def say(client: Any) -> None:
        await client.list_tools()
        assert agent.server is not None
        used.append(agent.server.urls["fleet"])

    with Server(*agent._words, "--port", "fleet=0") as server:
        agent.server = server
        asyncio.run(agent._talk(say, server.urls["fleet"], None))
        url = f"{used[0]}/mcp"
        opened = requests.post(
            url, json=_hello(agent.revision), headers=_TAKES, timeout=9
        )
        session = {"Mcp-Session-Id": opened.headers["Mcp-Session-Id"], **_TAKES}
        assert requests.delete(url, headers=session, timeout=9).status_code == 200
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        gone = requests.post(url, json=ping, headers=session, timeout=9)
        assert gone.status_code == 404
        assert requests.delete(url, headers=session, timeout=9).status_code == 404
        assert server.stop() == 0
        deleted = [line for line in server.lines if line.get("method") == "DELETE"]
        assert [line["status"] for line in deleted] == [200, 200, 404]


_TAKES = {"Accept": "application/json, text/event-stream"}


def _hello(revision: str) -> dict[str, Any]:
    client = {"name": "t", "version": "1"}
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": client}
    return {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
