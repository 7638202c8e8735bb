"""`Forward`: streamed bodies, caching, body limits and telemetry of forwarding."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import ask
from support.serving import operation, rest_app

JSON = {"Content-Type": "application/json"}
_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_BEARER = {"authentication": {"type": "bearer", "token": "{{NAFTIKO_TEST_TOKEN}}"}}
_CALLERS = Options(variable_headers={"NAFTIKO_TEST_TOKEN": "X-Token"})


def _protected(answer: Any = None) -> Any:
    resources = [
        *operation("/x", call="api.list"),
        *operation(
            "/free", outputParameters=[{"name": "a", "type": "string", "value": "b"}]
        ),
        {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
    ]
    return rest_app(resources, answer, options=_CALLERS, consumes=_BEARER)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_forwarded_answer_for_a_caller_credential_is_not_cached(method: str) -> None:
    """`no-store` replaces the caching headers of the upstream API."""
    told = {"Cache-Control": "public, max-age=600", "Expires": "0", "Age": "5"}
    app, _ = _protected(Response(200, told, b"{}"))
    got = ask(app, method, "/proxy/a", {"X-Token": "a"})
    assert got.headers["cache-control"] == "no-store"
    assert "expires" not in got.headers
    got = ask(app, method, "/proxy/a")
    assert (got.status, got.headers["cache-control"]) == (401, "no-store")


_PROXY: list[dict[str, Any]] = [
    {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}}
]


def test_forwarded_body_is_streamed() -> None:
    """A forwarded body is sent part by part, with the caller's `Content-Length`."""
    app, upstream = rest_app(_PROXY, Response(200, JSON, b"[1, 2, 3, 4, 5, 6]"))
    got = ask(app, "PUT", "/proxy/a", {"Content-Length": "6"}, [b"abc", b"", b"def"])
    assert (got.body, upstream.bodies) == (b"[1, 2, 3, 4, 5, 6]", [b"abcdef"])
    assert upstream.requests[0].headers["Content-Length"] == "6"
    assert not isinstance(upstream.requests[0].body, bytes)


@pytest.mark.parametrize("parts", [b"x" * 11, [b"x" * 6, b"x" * 5]])
def test_forwarded_body_over_the_limit_is_refused(parts: Any) -> None:
    """The body limit holds for streamed bodies as well."""
    app, upstream = rest_app(_PROXY, options=Options(max_body_bytes=10))
    assert ask(app, "POST", "/proxy/a", body=parts).status == 413
    assert upstream.requests == []


def test_forwarded_body_cut_off_by_a_disconnect_sends_nothing() -> None:
    """A client disconnect inside the body sends no response and no upstream request."""
    app, upstream = rest_app(_PROXY)

    async def scenario() -> None:
        messages = [
            {"type": "http.request", "body": b"abc", "more_body": True},
            {"type": "http.disconnect"},
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/proxy/a", "headers": []}
        await app(scope, receive, send)
        assert sent == []

    asyncio.run(scenario())
    assert upstream.requests == []


class _Spans:
    """A telemetry stand-in that records upstream calls."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @contextmanager
    def call(self, request: Any, trace: Any = None) -> Iterator[dict[str, Any]]:
        request.headers["traceparent"] = "of-the-span"
        found: dict[str, Any] = {}
        yield found
        self.seen.append((request.method, found["status"]))


def test_forwarded_request_has_a_client_span() -> None:
    """The upstream API gets the `traceparent` of the client span."""
    spans = _Spans()
    app, upstream = rest_app(_PROXY, Response(203, JSON, b"{}"))
    app._served.engine.telemetry = spans  # type: ignore[assignment]
    ask(app, "PUT", "/proxy/a", {"traceparent": _PARENT})
    assert spans.seen == [("PUT", 203)]
    assert upstream.requests[0].headers["traceparent"] == "of-the-span"
