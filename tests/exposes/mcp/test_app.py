"""An MCP adapter over HTTP, without sockets; ids are those of the facts in spec 11.7."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from naftiko.exposes.access.cors import with_cors
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub, Got, asked
from support.mcping import MODERN, answering, document, mcp_app, parts

CREW = {"name": "crew", "description": "The crew.", "call": "api.crew"}
SECRET = {"name": "secret", "description": "A secret.", "call": "api.secret"}
HOST = {"host": "127.0.0.1:3010"}
POST = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    **HOST,
}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def modern(
    method: str, params: Any = None, headers: Any = None
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a request of the newest revision."""
    params = {**(params or {}), "_meta": _META}
    more = {"mcp-protocol-version": MODERN, "mcp-method": method}
    if "name" in params:
        more["mcp-name"] = params["name"]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return {**POST, **more, **(headers or {})}, json.dumps(body).encode()


def message(method: str, params: Any = None, number: int | None = 1) -> bytes:
    """Return the body of a request, or of a notification."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if number is not None:
        body["id"] = number
    if params is not None:
        body["params"] = params
    return json.dumps(body).encode()


def in_stream(got: Got) -> Any:
    """Return the message in a response that is a stream of events."""
    assert got.type == "text/event-stream", got
    (line,) = [x for x in got.body.decode().splitlines() if x.startswith("data: ")]
    return json.loads(line.removeprefix("data: "))


HELLO = message(
    "initialize",
    {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
    0,
)


def served(app: McpApp, talk: Callable[[], Awaitable[Any]], timeout: float = 20) -> Any:
    """Run a conversation with an adapter while it is served."""

    async def run() -> Any:
        async with asyncio.timeout(timeout), app.lifespan():
            return await talk()

    return asyncio.run(run())


def one(app: McpApp, method: str, target: str, *more: Any, **options: Any) -> Got:
    """Send one request to an adapter."""
    got: Got = served(app, lambda: asked(app, method, target, *more, **options))
    return got


async def session(app: McpApp, path: str = "/mcp") -> dict[str, str]:
    """Open a session and return the headers of its requests."""
    got = await asked(app, "POST", path, POST, HELLO)
    assert got.status == 200, got
    headers = {
        **POST,
        "mcp-session-id": got.headers["mcp-session-id"],
        "mcp-protocol-version": "2025-11-25",
    }
    said = message("notifications/initialized", number=None)
    got = await asked(app, "POST", path, headers, said)
    # P05: a notification is taken without a word.
    assert (got.status, got.body) == (202, b"")
    return headers


# --- where it answers ---------------------------------------------------------------


@pytest.mark.parametrize("path", ["/mcp", "/", "/mcp/"])
def test_it_answers_at_two_paths(path: str) -> None:
    """P01: both paths serve sessions, whose id is a header, and the newest revision."""
    app, upstream = mcp_app(answering({"GET /crew": {"a": None}}), tools=[CREW])

    async def talk() -> Any:
        headers = await session(app, path)
        call = message("tools/call", {"name": "crew"})
        old = in_stream(await asked(app, "POST", path, headers, call))
        new = await asked(app, "POST", path, *modern("tools/call", {"name": "crew"}))
        return old["result"], new

    old, new = served(app, talk)
    assert new.status == 200
    assert new.type == "application/json"
    assert "mcp-session-id" not in new.headers
    for result in (old, new.json["result"]):
        assert result["structuredContent"] == {"a": None}
    assert upstream.sent == ["GET /crew"] * 2


def test_it_can_be_mounted() -> None:
    """Below a path of someone else's application it answers just the same."""
    app, _ = mcp_app(tools=[CREW])
    for path in ("/mcp", "/", ""):
        got = one(app, "POST", path, *modern("tools/list"), root_path="/fleet")
        assert [tool["name"] for tool in got.json["result"]["tools"]] == ["crew"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/other", 404),
        ("GET", "/.well-known/oauth-protected-resource", 404),
        ("GET", "/", 405),
        ("GET", "/mcp", 405),
        ("DELETE", "/mcp", 405),
        ("PUT", "/mcp", 405),
        ("HEAD", "/mcp", 405),
    ],
)
def test_what_it_does_not_answer(method: str, path: str, status: int) -> None:
    """P03: without a session only POST means something; no session is opened for more.

    The reference engine answers 200 to any DELETE.
    """
    app, _ = mcp_app(tools=[CREW])
    got = one(app, method, path, {**HOST, "accept": "text/event-stream"})
    assert got.status == status
    assert ("allow" in got.headers) == (status == 405)
    assert bool(got.body) == (method != "HEAD")
    if got.body:
        kind = {404: "not-found", 405: "method-not-allowed"}[status]
        assert got.type == "application/problem+json"
        assert got.json["type"] == f"urn:naftiko:problem:{kind}"
        assert got.json["requestId"] == got.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (message("tools/list").replace(b"2.0", b"1.0"), None),
        (b"null", None),
        (b"[]", None),
    ],
)
def test_bodies_that_are_no_message(body: bytes, code: int | None) -> None:
    """P04, P06: they are errors of JSON-RPC; code and HTTP status are the SDK's.

    The reference engine answers 200.
    """
    app, _ = mcp_app(tools=[CREW])
    got = one(app, "POST", "/mcp", POST, body)
    assert got.status == 400
    assert got.json["jsonrpc"] == "2.0"
    # P10: an error of nobody's request has an id that is nothing.
    assert got.json.get("id", "absent") is None
    assert got.json["error"]["code"] == (code or got.json["error"]["code"])


def test_unknown_methods_and_names_in_the_newest_revision() -> None:
    """P06, P08: the HTTP status says what the code of the error says (spec 14.7)."""
    app, _ = mcp_app(tools=[CREW])
    unknown = one(app, "POST", "/mcp", *modern("no/such"))
    assert (unknown.status, unknown.json["error"]["code"]) == (404, -32601)
    nobody = one(app, "POST", "/mcp", *modern("tools/call", {"name": "nobody"}))
    assert (nobody.status, nobody.json["error"]["code"]) == (400, -32602)
    assert "Unknown tool: nobody" in nobody.json["error"]["message"]


def test_a_revision_that_nobody_speaks() -> None:
    """It is told which ones are spoken."""
    app, _ = mcp_app(tools=[CREW])
    headers, body = modern("tools/list")
    body = body.replace(MODERN.encode(), b"2099-01-01")
    got = one(
        app, "POST", "/mcp", {**headers, "mcp-protocol-version": "2099-01-01"}, body
    )
    assert got.status == 400
    assert got.json["error"]["code"] == -32022
    assert got.json["error"]["data"]["supported"] == [MODERN]


def test_a_session_ends_with_delete() -> None:
    """P03: afterwards its id is unknown."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> Any:
        headers = await session(app)
        ended = await asked(app, "DELETE", "/mcp", headers)
        gone = await asked(app, "POST", "/mcp", headers, message("tools/list"))
        return ended.status, gone.status

    assert served(app, talk) == (200, 404)


def test_without_sessions_any_replica_answers() -> None:
    """With `sessions` off no request needs another one before it."""
    app, _ = mcp_app(tools=[CREW], options=Options(sessions=False))

    async def talk() -> Any:
        hello = await asked(app, "POST", "/mcp", POST, HELLO)
        headers = {**POST, "mcp-protocol-version": "2025-11-25"}
        listed = await asked(app, "POST", "/mcp", headers, message("tools/list"))
        called = message("tools/call", {"name": "crew"})
        result = await asked(app, "POST", "/mcp", headers, called)
        return hello, in_stream(listed), in_stream(result)

    hello, listed, result = served(app, talk)
    assert "mcp-session-id" not in hello.headers
    assert listed["result"]["tools"][0]["name"] == "crew"
    assert result["result"]["isError"] is False


def test_large_bodies_are_refused() -> None:
    """More than `max_body_bytes` is not read."""
    app, _ = mcp_app(tools=[CREW], options=Options(max_body_bytes=1000))
    headers, body = modern(
        "tools/call", {"name": "crew", "arguments": {"a": "x" * 999}}
    )
    assert one(app, "POST", "/mcp", headers, body).status == 413


def test_it_has_to_be_started() -> None:
    """Outside `lifespan()` a request is a mistake of whoever serves it."""
    app, _ = mcp_app(tools=[CREW])
    with pytest.raises(RuntimeError, match="lifespan"):
        asyncio.run(asked(app, "POST", "/mcp", *modern("tools/list")))


# --- DNS rebinding ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "options", "status"),
    [
        ({"host": "localhost"}, Options(), 200),
        ({"host": "[::1]:99"}, Options(), 200),
        ({"host": "LOCALHOST:3010"}, Options(), 200),
        ({"host": "localhost.:3010"}, Options(), 200),
        ({"host": "api.localhost:3010"}, Options(), 200),
        ({"host": "127.1.2.3"}, Options(), 200),
        ({"host": "[::ffff:127.0.0.1]:3010"}, Options(), 200),
        ({"host": "FLEET.test:3010"}, Options(), 200),
        ({"host": "evil.example"}, Options(), 421),
        ({"host": "localhost.evil.example"}, Options(), 421),
        ({"host": "127.0.0.1.evil.example:80"}, Options(), 421),
        ({"host": "fleet.test"}, Options(), 200),
        ({"host": "other.test"}, Options(allowed_hosts=("other.test",)), 200),
        ({"host": "other.test:8443"}, Options(allowed_hosts=("other.test",)), 200),
        ({"host": "Other.test"}, Options(allowed_hosts=("OTHER.test",)), 200),
        # No page can choose a name by its port.
        ({"host": "other.test:1"}, Options(allowed_hosts=("other.test:2",)), 200),
        ({"host": "x.other.test"}, Options(allowed_hosts=("other.test",)), 421),
        ({"host": "any.example"}, Options(allowed_hosts=("*",)), 200),
        ({"origin": "http://localhost:5173"}, Options(), 200),
        ({"origin": "http://api.localhost:5173"}, Options(), 200),
        ({"origin": "http://127.1.2.3"}, Options(), 200),
        ({"origin": "https://evil.example"}, Options(), 403),
        ({"origin": "http://localhost.evil.example"}, Options(), 403),
        ({"origin": "ftp://localhost"}, Options(), 403),
        ({"origin": "localhost"}, Options(), 403),
        ({"origin": "null"}, Options(), 403),
        ({"origin": "https://a.example"}, Options(cors=("https://a.example",)), 200),
        ({"origin": "https://b.example"}, Options(cors=("https://a.example",)), 403),
        ({"origin": "https://b.example"}, Options(cors=("*",)), 200),
        ({"origin": "null", "host": "evil.example"}, Options(cors=("*",)), 421),
    ],
)
def test_names_that_are_believed(headers: Any, options: Options, status: int) -> None:
    """A page of somewhere else that points its name at this machine gets nothing."""
    app, _ = mcp_app(tools=[CREW], options=options, address="Fleet.test")
    head, body = modern("tools/list")
    got = one(app, "POST", "/mcp", {**head, **headers}, body)
    assert got.status == status
    if status != 200:
        kind = {403: "other-origin", 421: "unknown-host"}[status]
        assert got.json["type"] == f"urn:naftiko:problem:{kind}"

    async def talk() -> int:
        return (await asked(app, "POST", "/mcp", {**POST, **headers}, HELLO)).status

    assert served(app, talk) == status


def test_a_wildcard_address_names_no_host() -> None:
    """Listening everywhere makes no name ours."""
    app, _ = mcp_app(tools=[CREW], address="0.0.0.0")
    headers, body = modern("tools/list", headers={"host": "0.0.0.0:3010"})
    assert one(app, "POST", "/mcp", headers, body).status == 421


def test_browsers_of_allowed_origins() -> None:
    """A page of an allowed origin gets through to the adapter, and reads its session."""
    options = Options(cors=("https://a.example",))
    app, _ = mcp_app(tools=[CREW], options=options)
    browsed = with_cors(app, options)

    async def talk() -> list[Got]:
        asks = {
            **HOST,
            "origin": "https://a.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "mcp-protocol-version",
        }
        headers = {**POST, "origin": "https://a.example"}
        return [
            await asked(browsed, "OPTIONS", "/mcp", asks),
            await asked(browsed, "POST", "/mcp", headers, HELLO),
        ]

    preflight, hello = served(app, talk)
    for got in (preflight, hello):
        assert got.status == 200
        assert got.headers["access-control-allow-origin"] == "https://a.example"
    assert "Mcp-Session-Id" in hello.headers["access-control-expose-headers"]


# --- credentials of callers ---------------------------------------------------------


def _keys(upstream: AsyncStub) -> list[str | None]:
    return [request.headers.get("X-Key") for request in upstream.requests]


def test_each_caller_uses_a_key_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """A header fills a variable for its request, whatever session that belongs to."""
    caplog.set_level(logging.DEBUG)
    options = Options(variable_headers={"API_KEY": "X-Api-Key"})
    app, upstream = mcp_app(tools=[SECRET], options=options)
    call = message("tools/call", {"name": "secret"})

    async def talk() -> list[Any]:
        mine = await session(app)
        await asked(app, "POST", "/mcp", {**mine, "x-api-key": "k3y-of-ada"}, call)
        # The same session, another caller; then one who brings nothing.
        await asked(app, "POST", "/mcp", {**mine, "X-API-KEY": "k3y-of-bo"}, call)
        nothing = await asked(app, "POST", "/mcp", mine, call)
        for key in ("k3y-of-cy", "k3y-of-ada"):
            headers, body = modern("tools/call", {"name": "secret"}, {"x-api-key": key})
            await asked(app, "POST", "/mcp", headers, body)
        empty = modern("tools/call", {"name": "secret"}, {"x-api-key": ""})
        return [in_stream(nothing), (await asked(app, "POST", "/mcp", *empty)).json]

    refused = served(app, talk)
    assert _keys(upstream) == ["k3y-of-ada", "k3y-of-bo", "k3y-of-cy", "k3y-of-ada"]
    for answer in refused:
        text = answer["result"]["content"][0]["text"]
        assert answer["result"]["isError"] is True
        assert text.startswith("secret: the header 'X-Api-Key' is missing.\nhint: ")
    assert "k3y-of" not in caplog.text


def test_callers_at_the_same_time_are_not_mixed() -> None:
    """Calls that overlap keep their keys apart."""
    gate = asyncio.Event()

    async def slowly(request: Any) -> Response:
        await gate.wait()
        body = json.dumps({"key": request.headers["X-Key"]}).encode()
        return Response(200, {"Content-Type": "application/json"}, body)

    options = Options(variable_headers={"API_KEY": "X-Api-Key"})
    app, upstream = mcp_app(slowly, tools=[SECRET], options=options)

    async def talk() -> list[Any]:
        asks = [
            modern("tools/call", {"name": "secret"}, {"x-api-key": f"key-{n}"})
            for n in range(20)
        ]
        tasks = [asyncio.ensure_future(asked(app, "POST", "/mcp", *a)) for a in asks]
        while len(upstream.requests) < 20:
            await asyncio.sleep(0.01)
        gate.set()
        return [(await task).json["result"]["structuredContent"] for task in tasks]

    assert served(app, talk) == [{"key": f"key-{n}"} for n in range(20)]


def test_the_servers_own_value_is_no_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller without the header does not get to use what the environment holds."""
    monkeypatch.setenv("NAFTIKO_TEST_API_KEY", "of-the-server")
    options = Options(variable_headers={"API_KEY": "X-Api-Key"})
    app, upstream = mcp_app(tools=[SECRET], options=options)
    got = one(app, "POST", "/mcp", *modern("tools/call", {"name": "secret"}))
    assert got.json["result"]["isError"] is True
    assert upstream.requests == []


def test_resources_use_the_key_of_the_caller() -> None:
    """What reads a resource is a call like any other."""
    options = Options(variable_headers={"API_KEY": "X-Api-Key"})
    resource = {"name": "s", "uri": "s://s", "description": "d", "call": "api.secret"}
    app, upstream = mcp_app(tools=[], resources=[resource], options=options)
    headers, body = modern("resources/read", {"uri": "s://s"}, {"x-api-key": "mine"})
    got = one(app, "POST", "/mcp", {**headers, "mcp-name": "s://s"}, body)
    assert got.status == 200, got
    assert _keys(upstream) == ["mine"]


# --- traces -------------------------------------------------------------------------

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("headers", "meta", "expected"),
    [
        ({"traceparent": TRACE, "tracestate": "a=1"}, {}, (TRACE, "a=1")),
        ({}, {"traceparent": TRACE, "tracestate": "b=2"}, (TRACE, "b=2")),
        (
            {"traceparent": TRACE},
            {"traceparent": TRACE[:-1] + "0"},
            (TRACE[:-1] + "0", None),
        ),
        ({"traceparent": "00-nonsense"}, {}, (None, None)),
        ({}, {}, (None, None)),
    ],
)
def test_the_trace_of_a_caller_goes_on(headers: Any, meta: Any, expected: Any) -> None:
    """W3C trace context reaches the upstream: of `_meta` (spec 14.7), else of headers."""
    app, upstream = mcp_app(tools=[CREW])
    head, body = modern("tools/call", {"name": "crew"}, headers)
    data = json.loads(body)
    data["params"]["_meta"] = {**data["params"]["_meta"], **meta}
    one(app, "POST", "/mcp", head, json.dumps(data).encode())
    (request,) = upstream.requests
    found = request.headers.get("traceparent"), request.headers.get("tracestate")
    assert found == expected


# --- streams ------------------------------------------------------------------------


@asynccontextmanager
async def listening(
    app: McpApp, method: str, headers: dict[str, str], body: bytes = b""
) -> AsyncIterator[tuple[asyncio.Queue[bytes], asyncio.Task[None]]]:
    """Open a stream that stays open; yield what comes, and the task that serves it."""
    came: asyncio.Queue[bytes] = asyncio.Queue()
    left = asyncio.Event()
    first = True

    async def receive() -> Any:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(event: Any) -> None:
        if event["type"] == "http.response.start":
            assert event["status"] == 200
        elif event.get("body"):
            came.put_nowait(event["body"])
        elif not event.get("more_body"):
            came.put_nowait(b"the end")

    scope = {
        "type": "http",
        "method": method,
        "path": "/mcp",
        "query_string": b"",
        "headers": [(n.encode(), v.encode()) for n, v in headers.items()],
    }
    task = asyncio.ensure_future(app(scope, receive, send))  # type: ignore[arg-type]
    try:
        yield came, task
    finally:
        left.set()
        await asyncio.wait_for(task, 5)


def test_a_session_hears_of_changes_and_ends_with_the_server() -> None:
    """The stream of a session carries word of a reload, and `drain` ends it whole."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> Any:
        headers = await session(app)
        async with listening(app, "GET", headers) as (came, task):
            await asyncio.sleep(0.05)
            other = document(tools=[{**CREW, "name": "b"}])
            app.replace(app.prepare(*parts(other, AsyncStub())))
            told = await asyncio.wait_for(came.get(), 5)
            listed = await asked(app, "POST", "/mcp", headers, message("tools/list"))
            app.drain()
            end = await asyncio.wait_for(came.get(), 5)
            await asyncio.wait_for(asyncio.shield(task), 5)
            # What is no stream goes on.
            again = await asked(app, "POST", "/mcp", headers, message("ping"))
            return told, in_stream(listed), end, in_stream(again)

    told, listed, end, again = served(app, talk)
    assert b"notifications/tools/list_changed" in told
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["b"]
    assert end == b"the end"
    assert again["result"] == {}


def test_a_client_that_leaves_ends_its_stream() -> None:
    """An open stream of a session costs nothing once its client is gone."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> None:
        headers = await session(app)
        for _ in range(2):
            # One stream to a session: the second only opens when the first is gone.
            async with listening(app, "GET", headers):
                await asyncio.sleep(0.05)

    served(app, talk)


def test_subscriptions_end_with_the_server() -> None:
    """A subscription gets its last message when the server is about to stop."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> bytes:
        headers, body = modern(
            "subscriptions/listen", {"notifications": {"toolsListChanged": True}}
        )
        async with listening(app, "POST", headers, body) as (came, _):
            assert b"acknowledged" in await asyncio.wait_for(came.get(), 5)
            app.drain()
            return await asyncio.wait_for(came.get(), 5)

    last = served(app, talk)
    assert json.loads(last.decode().partition("data: ")[2])["id"] == 1


def test_a_client_of_the_newest_revision_cancels_by_leaving() -> None:
    """A caller who hangs up no longer wants what is fetched for it."""

    async def never() -> Response:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits for this")

    app, upstream = mcp_app(lambda request: never(), tools=[CREW])
    headers, body = modern("tools/call", {"name": "crew"})

    async def talk() -> None:
        async with listening(app, "POST", headers, body):
            while not upstream.requests:
                await asyncio.sleep(0.01)

    served(app, talk)
    assert upstream.is_cancelled


def test_stopping_ends_calls_that_do_not_end() -> None:
    """Leaving `lifespan()` takes no longer than it must."""

    async def never() -> Response:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits for this")

    app, upstream = mcp_app(lambda request: never(), tools=[CREW])

    async def talk() -> Any:
        headers = await session(app)
        call = message("tools/call", {"name": "crew"})
        task = asyncio.ensure_future(asked(app, "POST", "/mcp", headers, call))
        while not upstream.requests:
            await asyncio.sleep(0.01)
        return task

    async def run() -> None:
        async with asyncio.timeout(5):
            async with app.lifespan():
                task = await talk()
            await asyncio.wait([task])
            task.cancelled() or task.exception()

    asyncio.run(run())
    assert upstream.is_cancelled


# --- what is imported ---------------------------------------------------------------


def _python(code: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def test_serving_does_not_import_the_client() -> None:
    """Only the server half of the SDK is loaded, and none of what the other needs."""
    heavy = ["mcp.client.client", "mcp.server.mcpserver", "httpx2", "cryptography"]
    code = f"import sys, naftiko.exposes.mcp.app; print([m for m in {heavy} if m in sys.modules])"
    assert _python(code) == "[]"


def test_the_client_can_still_be_imported() -> None:
    """Whoever asks the SDK for more gets all of it, in either order."""
    after = "import naftiko.exposes.mcp.app, mcp.server; from mcp import Client;"
    before = "from mcp import Client; import naftiko.exposes.mcp.app, mcp.server;"
    check = (
        "from naftiko.exposes.mcp.sdk import Server;"
        "import mcp; print(mcp.server.Server is Server, mcp.server.MCPServer.__name__,"
        " mcp.Client is Client, mcp.__name__)"
    )
    for code in (after, before):
        assert _python(code + check) == "True MCPServer True mcp"
    strange = "import naftiko.exposes.mcp.app, mcp; print(hasattr(mcp, 'no_such_name'))"
    assert _python(strange) == "False"


def test_the_core_does_not_import_the_sdk() -> None:
    """Loading and calling need nothing of what serving needs."""
    code = (
        "import sys, naftiko, naftiko.cli;"
        "print([m for m in ('mcp', 'mcp_types', 'starlette') if m in sys.modules])"
    )
    assert _python(code) == "[]"
