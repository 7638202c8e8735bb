"""`McpApp` over HTTP, without sockets; codes are those of the facts in spec 11.7."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from naftiko.exposes.access.cors import with_cors
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import Got, asked
from support.mcp_http import (
    HELLO,
    HOST,
    POST,
    in_stream,
    message,
    modern,
    one,
    served,
    session,
)
from support.mcping import CREW, MODERN, answering, mcp_app, reload


@pytest.mark.parametrize("path", ["/mcp", "/", "/mcp/"])
def test_two_paths_serve_sessions_and_the_newest_revision(path: str) -> None:
    """P01: `/mcp` and `/` serve both sessions and the revision without sessions."""
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


def test_mcp_adapter_can_be_mounted_below_a_path() -> None:
    """The mount path is cut off before the adapter compares paths."""
    app, _ = mcp_app(tools=[CREW])
    for path in ("/mcp", "/", ""):
        got = one(app, "POST", path, *modern("tools/list"), root_path="/fleet")
        assert [tool["name"] for tool in got.json["result"]["tools"]] == ["crew"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/other", 404),
        ("POST", "/%FF", 404),
        ("GET", "/.well-known/oauth-protected-resource", 404),
        ("GET", "/", 405),
        ("GET", "/mcp", 405),
        ("DELETE", "/mcp", 405),
        ("PUT", "/mcp", 405),
        ("HEAD", "/mcp", 405),
    ],
)
def test_unknown_path_or_method_is_refused(method: str, path: str, status: int) -> None:
    """P03: without a session only POST is allowed, and no session is opened.

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
def test_malformed_message_is_a_json_rpc_error(body: bytes, code: int | None) -> None:
    """P04, P06: error code and HTTP status are those of JSON-RPC and HTTP.

    The reference engine answers 200.
    """
    app, _ = mcp_app(tools=[CREW])
    got = one(app, "POST", "/mcp", POST, body)
    assert got.status == 400
    assert got.json["jsonrpc"] == "2.0"
    # P10: an error without a request has the id `null`.
    assert got.json.get("id", "absent") is None
    assert got.json["error"]["code"] == (code or got.json["error"]["code"])


def test_unknown_method_or_tool_in_the_newest_revision() -> None:
    """P06, P08: the HTTP status follows the code of the error (spec 14.7)."""
    app, _ = mcp_app(tools=[CREW])
    unknown = one(app, "POST", "/mcp", *modern("no/such"))
    assert (unknown.status, unknown.json["error"]["code"]) == (404, -32601)
    nobody = one(app, "POST", "/mcp", *modern("tools/call", {"name": "nobody"}))
    assert (nobody.status, nobody.json["error"]["code"]) == (400, -32602)
    assert "Unknown tool: nobody" in nobody.json["error"]["message"]


def test_unsupported_revision_gets_the_supported_ones() -> None:
    """The error lists the protocol revisions that the server supports."""
    app, _ = mcp_app(tools=[CREW])
    headers, body = modern("tools/list")
    body = body.replace(MODERN.encode(), b"2099-01-01")
    got = one(
        app, "POST", "/mcp", {**headers, "mcp-protocol-version": "2099-01-01"}, body
    )
    assert got.status == 400
    assert got.json["error"]["code"] == -32022
    assert got.json["error"]["data"]["supported"] == [MODERN]


def test_head_of_a_session_is_refused() -> None:
    """HEAD with a session id gets 405, because only GET may open the event stream."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> Any:
        headers = await session(app)
        return await asked(app, "HEAD", "/mcp", headers)

    assert served(app, talk).status == 405


def test_session_ends_with_delete() -> None:
    """P03: after DELETE the session id is unknown."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> Any:
        headers = await session(app)
        ended = await asked(app, "DELETE", "/mcp", headers)
        gone = await asked(app, "POST", "/mcp", headers, message("tools/list"))
        return ended.status, gone.status

    assert served(app, talk) == (200, 404)


def test_stateless_server_answers_without_a_session() -> None:
    """With `sessions=False` a request does not depend on an earlier request."""
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


def test_body_over_the_limit_is_refused() -> None:
    """A body over `max_body_bytes` gets 413."""
    app, _ = mcp_app(tools=[CREW], options=Options(max_body_bytes=1000))
    headers, body = modern(
        "tools/call", {"name": "crew", "arguments": {"a": "x" * 999}}
    )
    assert one(app, "POST", "/mcp", headers, body).status == 413


def test_request_outside_lifespan_raises() -> None:
    """A server must enter `lifespan()` before it sends requests to `McpApp`."""
    app, _ = mcp_app(tools=[CREW])
    with pytest.raises(RuntimeError, match="lifespan"):
        asyncio.run(asked(app, "POST", "/mcp", *modern("tools/list")))


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
        # The port of a host is not compared.
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
def test_dns_rebinding_is_refused_by_host_and_origin(
    headers: Any, options: Options, status: int
) -> None:
    """DNS rebinding: an unknown `Host` gets 421, a foreign `Origin` gets 403."""
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


def test_wildcard_address_is_no_allowed_host() -> None:
    """DNS rebinding: `address: 0.0.0.0` does not allow `Host: 0.0.0.0`."""
    app, _ = mcp_app(tools=[CREW], address="0.0.0.0")
    headers, body = modern("tools/list", headers={"host": "0.0.0.0:3010"})
    assert one(app, "POST", "/mcp", headers, body).status == 421


def test_cors_exposes_the_session_id() -> None:
    """CORS: a page of an allowed origin may read `Mcp-Session-Id`."""
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


@asynccontextmanager
async def listening(
    app: McpApp, method: str, headers: dict[str, str], body: bytes = b""
) -> AsyncIterator[tuple[asyncio.Queue[bytes], asyncio.Task[None]]]:
    """Open an event stream; yield a queue of its chunks, and the task of the server."""
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


def test_stream_of_a_session_carries_changes_and_ends_on_drain() -> None:
    """Graceful shutdown: `drain` ends the event stream with a last chunk."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> Any:
        headers = await session(app)
        async with listening(app, "GET", headers) as (came, task):
            await asyncio.sleep(0.05)
            reload(app, tools=[{**CREW, "name": "b"}])
            told = await asyncio.wait_for(came.get(), 5)
            listed = await asked(app, "POST", "/mcp", headers, message("tools/list"))
            app.drain()
            end = await asyncio.wait_for(came.get(), 5)
            await asyncio.wait_for(asyncio.shield(task), 5)
            # Requests that are no streams are still answered.
            again = await asked(app, "POST", "/mcp", headers, message("ping"))
            return told, in_stream(listed), end, in_stream(again)

    told, listed, end, again = served(app, talk)
    assert b"notifications/tools/list_changed" in told
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["b"]
    assert end == b"the end"
    assert again["result"] == {}


def test_client_disconnect_ends_the_stream_of_its_session() -> None:
    """After a client disconnect, another stream of the session can be opened."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> None:
        headers = await session(app)
        for _ in range(2):
            # A session has one stream: the second opens only after the first ended.
            async with listening(app, "GET", headers):
                await asyncio.sleep(0.05)

    served(app, talk)


def test_subscription_ends_on_drain() -> None:
    """Graceful shutdown: the last message of a subscription is its result."""
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


def test_client_disconnect_cancels_a_call_of_the_newest_revision() -> None:
    """A client disconnect cancels the upstream call of a tool."""

    async def never() -> Response:
        await asyncio.sleep(60)
        raise AssertionError("the call was not cancelled")

    app, upstream = mcp_app(lambda request: never(), tools=[CREW])
    headers, body = modern("tools/call", {"name": "crew"})

    async def talk() -> None:
        async with listening(app, "POST", headers, body):
            while not upstream.requests:
                await asyncio.sleep(0.01)

    served(app, talk)
    assert upstream.is_cancelled


def test_end_of_lifespan_cancels_calls_under_way() -> None:
    """The end of `lifespan()` does not wait for an endless upstream call."""

    async def never() -> Response:
        await asyncio.sleep(60)
        raise AssertionError("the call was not cancelled")

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


def test_packed_message_is_unpacked_or_refused() -> None:
    """A `Content-Encoding` is undone before a message is read, or refused."""
    app, _ = mcp_app(answering({"GET /crew": {"a": None}}), tools=[CREW])
    headers, body = modern("tools/call", {"name": "crew"})
    packed = {**headers, "content-encoding": "gzip"}
    got = one(app, "POST", "/mcp", packed, gzip.compress(body))
    assert got.json["result"]["structuredContent"] == {"a": None}
    got = one(app, "POST", "/mcp", {**headers, "content-encoding": "foo"}, body)
    assert got.status == 415
    assert "gzip" in got.headers["accept-encoding"]
