"""`Endpoint`: body limits, traces, caller credentials, disconnects, logging."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from naftiko.errors import TransportError
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import ask, asked
from support.serving import operation, rest_app

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("outputs", "is_mock"),
    [
        (
            [{"type": "object", "properties": {"a": {"type": "string", "value": "x"}}}],
            True,
        ),
        ([{"type": "array", "items": {"type": "string", "value": "x"}}], True),
        ([{"type": "string"}], False),
        (None, False),
    ],
)
def test_static_values_make_a_mock(outputs: Any, is_mock: bool) -> None:
    """R08: static values at any depth make a mock; an operation without them is 501."""
    unit = {"outputParameters": outputs} if outputs else {}
    app, _ = rest_app(operation("/x", **unit))
    assert ask(app, "GET", "/x").status == (200 if is_mock else 501)


def test_broken_path_of_an_input_spoils_its_operation_alone() -> None:
    """An input whose `value` is no JSONPath makes 501; other operations are served."""
    broken = [{"name": "name", "in": "body", "type": "string", "value": "$.x["}]
    app, upstream = rest_app(
        [
            *operation("/bad", "POST", call="api.build", inputParameters=broken),
            *operation("/good", call="api.list"),
        ]
    )
    got = ask(app, "POST", "/bad", JSON, b"{}")
    assert (got.status, got.json["code"]) == (501, "U-output-path")
    assert got.json["detail"].startswith("input 'name': '$.x[' is not a JSONPath")
    assert ask(app, "GET", "/good").status == 200
    assert upstream.sent == ["GET /ships"]
    responses = ask(app, "GET", "/openapi.json").json["paths"]["/bad"]["post"]
    assert list(responses["responses"]) == ["501"]


@pytest.mark.parametrize("parts", [b"x" * 11, [b"x" * 6, b"x" * 5]])
def test_body_over_the_limit_is_refused(parts: Any) -> None:
    """A body over the limit gets 413, with and without a `Content-Length`."""
    app, upstream = rest_app(
        operation("/x", "POST", call="api.write"), options=Options(max_body_bytes=10)
    )
    got = ask(app, "POST", "/x", {"Content-Type": "text/plain"}, parts)
    assert (got.status, got.json["type"][-9:]) == (413, "too-large")
    assert upstream.requests == []
    fits = [b"x" * 6, b"x" * 4]
    assert ask(app, "POST", "/x", {"Content-Type": "text/plain"}, fits).status == 200


_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("target", ["/x", "/proxy/a"])
def test_trace_of_a_caller_is_passed_upstream(target: str) -> None:
    """`traceparent` and `tracestate` reach the upstream API."""
    resources = [
        *operation("/x", call="api.list"),
        {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
    ]
    app, upstream = rest_app(resources)
    ask(app, "GET", target, {"traceparent": _PARENT, "tracestate": "a=1,b=2"})
    headers = upstream.requests[-1].headers
    assert (headers["traceparent"], headers["tracestate"]) == (_PARENT, "a=1,b=2")


def test_repeated_traceparent_is_dropped() -> None:
    """Two `traceparent` headers are ambiguous: neither reaches the upstream API."""
    app, upstream = rest_app(operation("/x", call="api.list"))
    ask(app, "GET", "/x", [("traceparent", _PARENT), ("traceparent", _PARENT)])
    assert "traceparent" not in upstream.requests[0].headers


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        _PARENT + "-more",
        _PARENT.replace("00-", "ff-"),
        _PARENT.upper(),
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
    ],
)
def test_malformed_trace_is_not_passed_upstream(parent: str) -> None:
    """`tracestate` without a valid `traceparent` is dropped as well."""
    app, upstream = rest_app(operation("/x", call="api.list"))
    ask(app, "GET", "/x", {"traceparent": parent, "tracestate": "a=1"})
    assert "traceparent" not in upstream.requests[0].headers
    assert "tracestate" not in upstream.requests[0].headers


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


@pytest.mark.parametrize("target", ["/x", "/proxy/a"])
def test_header_of_the_caller_fills_a_variable(
    target: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The header counts for its request only; the server's value is never used."""
    monkeypatch.setenv("NAFTIKO_TEST_TOKEN", "of-the-server")
    caplog.set_level(logging.DEBUG)
    app, upstream = _protected()
    for token in ("tok-one", "tok-two"):
        got = ask(app, "GET", target, {"X-Token": token})
        assert got.status == 200
        assert upstream.requests[-1].headers["Authorization"] == f"Bearer {token}"
    got = ask(app, "GET", target)
    assert (got.status, len(upstream.requests)) == (401, 2)
    assert "X-Token" in got.json["detail"]
    assert "X-Token" in got.headers["www-authenticate"]
    assert "tok-" not in caplog.text + got.body.decode()


def test_answer_for_a_caller_credential_is_not_cached() -> None:
    """`no-store`: a cache must not give one caller the answer for another."""
    app, _ = _protected()
    got = ask(app, "GET", "/x", {"X-Token": "a"})
    assert got.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("target", ["/x?limit=1&q=private", "/proxy/a?q=private"])
def test_failure_is_logged_without_its_query(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log leaves out the query of a URL, which may hold secrets."""

    def fail(request: Any) -> Any:
        text = f"{request.method} {request.url}: no answer"
        return TransportError(text, request=request)

    resources = [
        *operation("/x", call="api.list", inputParameters=[{"name": "q"}]),
        {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
    ]
    asks = {"inputParameters": [{"name": "q", "in": "query", "value": "{{q}}"}]}
    consumes = asks if target.startswith("/x") else None
    app, upstream = rest_app(resources, fail, consumes=consumes)
    assert ask(app, "GET", target).status == 502
    assert "private" in upstream.requests[0].url
    assert ": no answer" in caplog.text
    assert "private" not in caplog.text


def test_unused_variable_of_callers_needs_no_header() -> None:
    """Only an operation that uses a caller's variable needs its header."""
    app, _ = _protected()
    assert ask(app, "GET", "/free").status == 200


def test_concurrent_callers_keep_their_own_credentials() -> None:
    """Each of fifty concurrent requests goes upstream with its own credential."""

    async def scenario() -> None:
        async def echo(request: Any) -> Response:
            await asyncio.sleep(0)
            body = json.dumps(request.headers["Authorization"])
            return Response(200, JSON, body.encode())

        app, _ = _protected(echo)
        tokens = [f"token-{number}" for number in range(50)]
        answers = await asyncio.gather(
            *(asked(app, "GET", "/x", {"X-Token": token}) for token in tokens)
        )
        assert [got.json for got in answers] == [f"Bearer {t}" for t in tokens]

    asyncio.run(scenario())


@pytest.mark.parametrize("target", ["/x", "/proxy/a"])
def test_client_disconnect_cancels_the_upstream_call(target: str) -> None:
    """A client disconnect ends the upstream call and sends no response."""
    resources = [
        *operation("/x", call="api.list"),
        {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
    ]
    app, upstream = rest_app(resources, lambda request: asyncio.sleep(5))
    got = ask(app, "GET", target, hangs_up=True)
    assert got.status == 0
    assert upstream.is_cancelled


def test_body_cut_off_by_a_disconnect_sends_nothing() -> None:
    """A client disconnect inside the body sends no response and no upstream request."""
    app, upstream = rest_app(operation("/x", "POST", call="api.write"))

    async def scenario() -> None:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}
        await app(scope, receive, send)
        assert sent == []

    asyncio.run(scenario())
    assert upstream.requests == []


def test_cancelled_request_cancels_its_upstream_call() -> None:
    """A stopping server cancels requests: `CancelledError` passes through."""

    async def scenario() -> None:
        app, upstream = rest_app(
            operation("/x", call="api.list"), lambda request: asyncio.sleep(5)
        )
        task = asyncio.create_task(asked(app, "GET", "/x"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert upstream.is_cancelled

    asyncio.run(scenario())


def test_failure_is_logged_with_the_request_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the details that the response leaves out, under the same id."""
    app, _ = rest_app(
        operation("/x", call="api.list"),
        lambda request: TransportError("GET http://upstream.test: no connection"),
    )
    ask(app, "GET", "/x", {"X-Request-Id": "id-7"})
    assert "request id-7: GET http://upstream.test: no connection" in caplog.text
