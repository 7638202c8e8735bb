"""`RestApp`: concurrency limit, request ids, mounts, reloads and built-in routes."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.http.scope import OPERATION
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from naftiko.exposes.state import AdapterState, Host
from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub, ask, asked
from support.serving import operation, rest_app
from support.shop import document, mcp, rest

JSON = {"Content-Type": "application/json"}


def test_every_resource_is_served() -> None:
    """R15: all resources of a document are served, also at port 0."""
    resources = [*operation("/a", call="api.list"), *operation("/b", call="api.list")]
    app, _ = rest_app(resources)
    assert app.exposes.port == 0
    assert [ask(app, "GET", path).status for path in ("/a", "/b")] == [200, 200]


def test_requests_over_the_concurrency_limit_get_503() -> None:
    """Backpressure: a request over the limit gets 503 and `Retry-After`."""

    async def scenario() -> None:
        gate = asyncio.Event()

        async def slow() -> Response:
            await gate.wait()
            return Response(200, JSON, b"{}")

        app, _ = rest_app(
            operation("/x", call="api.list"),
            lambda request: slow(),
            options=Options(max_concurrency=2),
        )
        waiting = [asyncio.create_task(asked(app, "GET", "/x")) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await asked(app, "GET", "/x")
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        gate.set()
        assert [got.status for got in await asyncio.gather(*waiting)] == [200, 200]
        assert (await asked(app, "GET", "/x")).status == 200

    asyncio.run(scenario())


def test_request_id_is_echoed_or_made() -> None:
    """A safe `X-Request-Id` is echoed; an unsafe or missing one is replaced."""
    app, _ = rest_app(operation("/x", call="api.list"))
    own = ask(app, "GET", "/x", {"X-Request-Id": "job-1/2"})
    assert own.headers["x-request-id"] == "job-1/2"
    made = {ask(app, "GET", "/x").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    for bad in ("a b", "x" * 129, "a\x85", ""):
        got = ask(app, "GET", "/nowhere", {"X-Request-Id": bad})
        assert re.fullmatch("[0-9a-f]{32}", got.headers["x-request-id"])


_PROXY: list[dict[str, Any]] = [
    {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}}
]


def test_mount_path_is_no_part_of_the_route() -> None:
    """The mount is cut off the path, and is the server URL in `/openapi.json`."""
    app, upstream = rest_app(operation("/ships/{id}", call="api.get"))
    got = ask(app, "GET", "/ships/a%2Fb", root_path="/v1/sea")
    assert (got.status, upstream.sent) == (200, ["GET /ships/a%2Fb"])
    described = ask(app, "GET", "/openapi.json", root_path="/v1/sea").json
    assert described["servers"] == [{"url": "/v1/sea"}]


def test_path_that_only_begins_like_the_mount_is_routed_whole() -> None:
    """`/seashells` is not below the mount `/sea`, so the mount is not cut off."""
    app, upstream = rest_app(operation("/seashells/{id}", call="api.get"))

    async def scenario(root: str) -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/seashells/é",
            "raw_path": "/seashells/é?x".encode(),
            "root_path": root,
            "headers": [],
        }
        await app(scope, lambda: asyncio.sleep(9), send)
        status: int = sent[0]["status"]
        return status

    assert [asyncio.run(scenario(root)) for root in ("/sea", "")] == [200, 200]
    assert upstream.sent == ["GET /ships/%C3%A9"] * 2


def test_scope_without_raw_path_is_routed() -> None:
    """An ASGI server may give only the decoded path, which is encoded again."""
    app, upstream = rest_app(operation("/ships/{id}", call="api.get"))

    async def scenario() -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/ships/ä b", "headers": []}
        await app(scope, lambda: asyncio.sleep(9), send)
        assert sent[0]["status"] == 200

    asyncio.run(scenario())
    assert upstream.sent == ["GET /ships/%C3%A4%20b"]


def test_request_under_way_keeps_its_version_during_a_reload() -> None:
    """A reload gives new requests the new version; open requests keep the old one."""

    async def scenario() -> None:
        gate = asyncio.Event()

        async def slow() -> Response:
            await gate.wait()
            return Response(200, JSON, b'{"n": 1}')

        outputs = [{"type": "number", "mapping": "$.n"}]
        unit = {"call": "api.list", "outputParameters": outputs}
        app, _ = rest_app(operation("/old", **unit), lambda request: slow())
        waiting = asyncio.create_task(asked(app, "GET", "/old"))
        await asyncio.sleep(0)
        other, _ = rest_app(operation("/new", call="api.list"))
        app.replace(app.prepare(other._served.engine, other.exposes))
        assert (await asked(app, "GET", "/old")).status == 404
        assert (await asked(app, "GET", "/new")).status == 200
        gate.set()
        assert (await waiting).json == 1

    asyncio.run(scenario())


def test_unexpected_error_is_logged_and_answered_with_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The text of an unexpected exception goes to the log, not to the caller."""

    def broken(request: Any) -> Any:
        raise RuntimeError("inside secret")

    app, _ = rest_app(operation("/x", call="api.list"), broken)
    got = ask(app, "GET", "/x")
    assert (got.status, got.json["type"][-6:]) == (500, "failed")
    assert "inside" not in got.body.decode()
    assert "inside secret" in caplog.text


def test_websocket_is_closed() -> None:
    """A WebSocket connection is closed at once."""
    app, _ = rest_app(operation("/x", call="api.list"))

    async def scenario() -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "websocket"}, None, send)
        assert sent[0]["type"] == "websocket.close"

    asyncio.run(scenario())


def test_route_of_the_document_beats_docs_and_openapi() -> None:
    """A document may serve `/docs` and `/openapi.json` itself."""
    app, _ = rest_app(
        [
            *operation("/docs", call="api.list"),
            *operation("/openapi.json", call="api.list"),
        ]
    )
    assert ask(app, "GET", "/docs").json == {}
    assert ask(app, "GET", "/openapi.json").json == {}


@pytest.mark.parametrize(("root", "at"), [("", "/docs"), ("/shop", "/shop/docs")])
def test_browser_at_the_root_is_redirected_to_the_explorer_page(
    root: str, at: str
) -> None:
    """A browser at `/` is redirected to `/docs`; a program gets 404."""
    app, _ = rest_app(operation("/x", call="api.list"))
    accept = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    got = ask(app, "GET", "/", headers=accept, root_path=root)
    assert (got.status, got.headers["location"]) == (307, at)
    assert ask(app, "GET", "/", root_path=root).status == 404
    assert ask(app, "POST", "/", headers=accept, root_path=root).status == 404
    own, _ = rest_app(operation("/", call="api.list"))
    assert ask(own, "GET", "/", headers=accept, root_path=root).json == {}


def test_telemetry_label_is_the_path_template_of_the_document() -> None:
    """Bounded cardinality: labels are path templates, not paths of callers."""

    async def called(app: Any, method: str, path: str) -> Any:
        scope = {"type": "http", "method": method, "path": path, "headers": []}

        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            pass

        await app(scope, receive, send)
        return scope.get(OPERATION)

    app, _ = rest_app([*operation("/ships/{id}", call="api.get"), *_PROXY])
    names = [
        asyncio.run(called(app, *request))
        for request in (
            ("HEAD", "/ships/7"),
            ("PATCH", "/proxy/x/y"),
            ("GET", "/docs"),
            ("GET", "/wp-admin"),
        )
    ]
    assert names == ["/ships/{id} GET", "/proxy/{path} *", "/docs GET", None]


def test_description_names_the_mcp_adapters_of_its_document() -> None:
    """`info` has the addresses as they are now, and none of another document."""
    capability = naftiko.load(document(rest(), mcp()), schema=None)
    host = Host()
    engine = Engine(capability, AsyncStub())
    app = RestApp(engine, capability.exposes[0], Options(), host)
    assert "x-mcp" not in ask(app, "GET", "/openapi.json").json["info"]
    for port in (9090, 9091):
        host.adapters = [
            AdapterState("mcp", "shop-mcp", port, f"http://localhost:{port}"),
            AdapterState("mcp", "other-mcp", 9092, "http://localhost:9092"),
        ]
        info = ask(app, "GET", "/openapi.json").json["info"]
        address = f"http://localhost:{port}/mcp"
        assert info["x-mcp"] == [{"name": "shop-mcp", "url": address}]
