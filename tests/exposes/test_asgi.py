"""`naftiko.asgi()`: an adapter mounted in any ASGI application, and CORS around it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import naftiko
from naftiko.errors import ServeError
from support.asgi_client import AsyncStub, Got, ask, asked
from support.serving import document, operation

_ORIGIN = "https://page.test"


def _load(**more: Any) -> naftiko.Capability:
    return naftiko.load(
        document(operation("/ships/{id}", call="api.get"), **more), schema=None
    )


def _app(*arguments: Any, **more: Any) -> tuple[Any, AsyncStub]:
    upstream = AsyncStub()
    return naftiko.asgi(_load(), *arguments, transport=upstream, **more), upstream


def test_adapter_answers_below_a_mount_without_a_lifespan() -> None:
    """An adapter mounted below a path answers there, even without lifespan events."""
    app, upstream = _app("front")
    outer = Starlette(routes=[Mount("/sea", app)])
    assert ask(outer, "GET", "/sea/ships/a%2Fb").status == 200
    assert upstream.sent == ["GET /ships/a%2Fb"]
    described = ask(outer, "GET", "/sea/openapi.json").json
    assert described["servers"] == [{"url": "/sea"}]
    assert ask(outer, "GET", "/elsewhere").status == 404


def test_lifespan_events_open_and_close_the_application() -> None:
    """Startup makes the application ready; shutdown closes its upstream connections."""

    async def scenario() -> list[str]:
        app, upstream = _app()
        closed = []

        async def close() -> None:
            closed.append("closed")

        upstream.close = close  # type: ignore[method-assign]
        coming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent = []

        async def receive() -> Any:
            return coming.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await app({"type": "lifespan"}, receive, send)
        return sent + closed

    assert asyncio.run(scenario()) == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
        "closed",
    ]


def test_failed_startup_is_reported_to_the_server() -> None:
    """A failed startup is sent as `lifespan.startup.failed` with the reason."""

    async def scenario() -> list[Any]:
        app, _ = _app()
        sent = []

        class Broken:
            def lifespan(self) -> Any:
                raise OSError("no room")

        app._adapter = Broken()

        async def receive() -> Any:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        with pytest.raises(OSError, match="no room"):
            await app({"type": "lifespan"}, receive, send)
        return sent

    assert asyncio.run(scenario()) == [
        {"type": "lifespan.startup.failed", "message": "no room"}
    ]


def test_adapter_starts_once_for_concurrent_requests() -> None:
    """Concurrent first requests without a lifespan start the adapter together."""

    async def scenario() -> None:
        app, _ = _app()
        answers = await asyncio.gather(
            *(asked(app, "GET", "/ships/1") for _ in range(5))
        )
        assert [got.status for got in answers] == [200] * 5
        await app.close()

    asyncio.run(scenario())


def test_authentication_holds_below_a_mount() -> None:
    """R12: a mounted adapter checks the authentication that its document declares."""
    adapter = {"authentication": {"type": "bearer", "token": "{{NAFTIKO_TEST_IN}}"}}
    capability = naftiko.load(
        document(operation("/x", call="api.list"), adapter=adapter),
        schema=None,
        variables={"NAFTIKO_TEST_IN": "open-sesame"},
    )
    app = naftiko.asgi(capability, transport=AsyncStub())
    assert ask(app, "GET", "/x").status == 401
    # Blanks around a value are no part of it (RFC 9110, 5.5).
    for token, status in (
        ("wrong", 401),
        ("open-sesame", 200),
        ("open-sesame \t", 200),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        assert ask(app, "GET", "/x", headers).status == status
    assert ask(app, "GET", "/docs").status == 200
    assert ask(app, "GET", "/openapi.json").status == 401


def test_host_and_origin_are_checked_by_mcp_adapters_only() -> None:
    """Only an MCP adapter checks `Host` and `Origin`; `allowed_hosts` adds names."""
    page = {"Host": "shop.test", "Origin": "http://other.test"}
    app, _ = _app()
    assert ask(app, "GET", "/ships/1", page).status == 200
    adapter = {"type": "mcp", "namespace": "m", "port": 1, "tools": []}
    capability = naftiko.load(
        document([], capability={"exposes": [adapter]}), schema=None
    )

    async def asked_as(host: str, **options: Any) -> int:
        app = naftiko.asgi(capability, transport=AsyncStub(), **options)
        got = await asked(app, "GET", "/mcp", {"Host": host})
        await app.close()
        return got.status

    assert asyncio.run(asked_as("shop.test")) == 421
    for names in ("shop.test", ["shop.test"]):
        assert asyncio.run(asked_as("shop.test", allowed_hosts=names)) == 405


def test_options_are_keyword_arguments() -> None:
    """Every attribute of `Options` is a keyword; a misspelt keyword is refused."""
    app, _ = _app(max_concurrency=0)
    assert ask(app, "GET", "/ships/1").status == 503
    with pytest.raises(TypeError):
        _app(max_concurency=1)


@pytest.mark.parametrize(
    ("exposes", "namespace", "words"),
    [
        ([], None, "exposes no adapter that can be served"),
        ([{"type": "control", "port": 1}], None, "exposes no adapter"),
        ([{"type": "rest", "namespace": "a"}], "b", "no adapter is called 'b'"),
        (
            [{"type": "rest", "namespace": "a"}, {"type": "rest", "namespace": "b"}],
            None,
            "exposes several adapters",
        ),
    ],
)
def test_unknown_or_ambiguous_namespace_is_refused(
    exposes: Any, namespace: Any, words: str
) -> None:
    """A namespace must name one adapter; it may be left out if there is only one."""
    capability = naftiko.load(
        document([], capability={"exposes": exposes}), schema=None
    )
    with pytest.raises(ServeError, match=words):
        naftiko.asgi(capability, namespace)


def test_forward_without_a_streaming_transport_is_refused() -> None:
    """Bodies are forwarded as streams, so a transport that cannot stream is refused."""

    class Plain:
        async def send(self, request: Any, *, timeout: Any) -> Any: ...

        async def close(self) -> None: ...

    forward = {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}}
    capability = naftiko.load(document([forward]), schema=None)
    with pytest.raises(ServeError, match="the transport has no `stream`"):
        naftiko.asgi(capability, transport=Plain())


# --- CORS ---------------------------------------------------------------------------


def _preflight(app: Any, origin: str = _ORIGIN) -> Got:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "X-Token",
    }
    return ask(app, "OPTIONS", "/ships/1", headers)


def _grants(got: Got) -> set[str]:
    return {name for name in got.headers if name.startswith("access-control-")}


def test_cors_grants_nothing_by_default() -> None:
    """An answer has no `Access-Control-*` header if `cors` is not set."""
    app, upstream = _app()
    assert _grants(_preflight(app)) == set()
    assert upstream.requests == []
    assert _grants(ask(app, "GET", "/ships/1", {"Origin": _ORIGIN})) == set()


@pytest.mark.parametrize("cors", [_ORIGIN, [_ORIGIN], ["*"]])
def test_cors_allows_the_origins_of_the_option(cors: Any) -> None:
    """CORS preflight and request of an allowed origin are both answered."""
    app, upstream = _app(cors=cors)
    got = _preflight(app)
    assert got.status == 200
    assert upstream.requests == []
    assert got.headers["access-control-allow-origin"] in (_ORIGIN, "*")
    assert "x-token" in got.headers["access-control-allow-headers"].lower()
    got = ask(app, "GET", "/ships/1", {"Origin": _ORIGIN})
    assert got.headers["access-control-allow-origin"] in (_ORIGIN, "*")
    assert "X-Request-Id" in got.headers["access-control-expose-headers"]


def test_cors_preflight_of_another_origin_grants_nothing() -> None:
    """CORS preflight of an origin that is not allowed gets no grant."""
    app, _ = _app(cors=_ORIGIN)
    got = _preflight(app, "https://evil.test")
    assert "access-control-allow-origin" not in got.headers


def test_cors_headers_are_sent_with_a_401() -> None:
    """CORS comes before authentication: a 401 is readable, a preflight is open."""
    adapter = {"authentication": {"type": "bearer", "token": "t"}}
    capability = naftiko.load(
        document(operation("/ships/{id}", call="api.get"), adapter=adapter), schema=None
    )
    app = naftiko.asgi(capability, transport=AsyncStub(), cors=_ORIGIN)
    assert _preflight(app).status == 200
    got = ask(app, "GET", "/ships/1", {"Origin": _ORIGIN})
    assert got.status == 401
    assert got.headers["access-control-allow-origin"] == _ORIGIN


@pytest.mark.parametrize(
    ("resources", "method", "target"),
    [
        (operation("/docs", call="api.list"), "GET", "/docs"),
        (operation("/docs?all=1", call="api.list"), "GET", "/docs?all=1"),
        (operation("/docs", "HEAD", call="api.list"), "HEAD", "/docs"),
        (operation("/docs", "POST", call="api.write"), "POST", "/docs"),
        (operation("/{id}", "POST", call="api.write"), "POST", "/%64ocs"),
        ([{"path": "/{path}", "forward": {"targetNamespace": "api"}}], "PUT", "/docs"),
    ],
)
def test_declared_operation_at_docs_needs_credentials(
    resources: Any, method: str, target: str
) -> None:
    """An operation that the document declares at `/docs` needs authentication."""
    adapter = {"authentication": {"type": "bearer", "token": "t"}}
    upstream = AsyncStub()
    loaded = naftiko.load(document(resources, adapter=adapter), schema=None)
    app = naftiko.asgi(loaded, transport=upstream)
    assert ask(app, method, target).status == 401
    assert upstream.sent == []
    assert ask(app, method, target, {"Authorization": "Bearer t"}).status < 300
    assert len(upstream.sent) == 1


def test_explorer_page_needs_no_credentials() -> None:
    """The explorer page is open in any encoding of its path, and below a mount."""
    adapter = {"authentication": {"type": "bearer", "token": "t"}}
    app = naftiko.asgi(_load(adapter=adapter), transport=AsyncStub())
    outer = Starlette(routes=[Mount("/sea", app)])
    for asked_app, target in ((app, "/docs"), (app, "/%64ocs"), (outer, "/sea/docs")):
        for method in ("GET", "HEAD"):
            assert ask(asked_app, method, target).status == 200
    for target in ("/docs/", "//docs", "/docs/x", "/docs%2Fx", "/", "/openapi.json"):
        assert ask(app, "GET", target).status == 401
    assert ask(app, "POST", "/docs").status == 401
    assert ask(app, "OPTIONS", "/docs").status == 401


@pytest.mark.parametrize("binds", [[], [{"namespace": "env", "keys": {"KEY": "X"}}]])
def test_unknown_variable_in_variable_headers_is_refused(binds: Any) -> None:
    """Ignoring a misspelt variable would serve the server's value to every caller."""
    consumes = {"authentication": {"type": "bearer", "token": "{{KEY}}"}}
    more = {"consumes": consumes, "binds": binds}
    app = _load(**more)
    headers = {"X-Key": "k"}
    with pytest.raises(ServeError, match="no document has a variable 'KEI'"):
        naftiko.asgi(app, transport=AsyncStub(), variable_headers={"KEI": "X-Key"})
    app = naftiko.asgi(app, transport=AsyncStub(), variable_headers={"KEY": "X-Key"})
    assert ask(app, "GET", "/ships/1", headers).status == 200


def test_api_key_in_the_query_is_not_forwarded() -> None:
    """The API key of this adapter is cut out of a forwarded query, in any encoding."""
    key = {"type": "apikey", "key": "the key", "value": "s3cret", "placement": "query"}
    forward = [{"path": "/{path}", "forward": {"targetNamespace": "api"}}]
    loaded = naftiko.load(
        document(forward, adapter={"authentication": key}), schema=None
    )
    upstream = AsyncStub()
    app = naftiko.asgi(loaded, transport=upstream)
    for query in ("a=%2F+1&the%20key=s3cret&b", "a=%2F+1&b&the+key=s3cret&the+key=s3"):
        assert ask(app, "GET", f"/x?{query}").status == 200
    assert upstream.sent == ["GET /x?a=%2F+1&b"] * 2
    assert ask(app, "GET", "/x?the+key=s3cret").status == 200
    assert upstream.sent[-1] == "GET /x"
