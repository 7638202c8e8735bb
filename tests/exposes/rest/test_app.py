"""The REST adapter: each case in `tests/exposes/rest/cases/` is one route and one request.

Keys of a case: `path`, `method`, `operation`, `resource`, `forward`, `adapter`,
`consumes`, `capability` and `variables` make the document; `ask`, `headers`, `send`
(as JSON) or `body` the request; `answer` what the upstream API answers; all others what
is expected.

Run one with `pytest tests/exposes/rest/test_app.py -k "part of its name"`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from naftiko.errors import RequestTimeout, TransportError
from naftiko.exposes.http.answers import chosen
from naftiko.exposes.http.scope import OPERATION
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import ask, asked
from support.casefiles import cases
from support.serving import operation, rest_app

JSON = {"Content-Type": "application/json"}


def _resources(case: Any) -> list[dict[str, Any]]:
    default = "/proxy/{{path}}" if "forward" in case else "/x"
    resource: dict[str, Any] = {"path": case.get("path", default)}
    resource.update(case.get("resource", {}))
    if "operation" in case:
        unit = {"method": case.get("method", "GET"), **case["operation"]}
        resource["operations"] = [unit]
    if "forward" in case:
        resource["forward"] = {"targetNamespace": "api", **case["forward"]}
    return [resource]


def _answer(data: Any) -> Any:
    if "raises" in data:
        kinds = {"TransportError": TransportError, "RequestTimeout": RequestTimeout}
        kind = kinds[data["raises"]]
        return lambda request: kind(
            f"{request.method} {request.shown_url}: no connection",
            reason="no connection",
            request=request,
        )
    headers = {"Content-Type": data.get("type", "application/json")}
    body = data.get("body")
    if body is None:
        body = json.dumps(data.get("json", {}))
    return Response(
        data.get("status", 200), {**headers, **data.get("headers", {})}, body.encode()
    )


@pytest.mark.parametrize("case", cases("exposes/rest/cases"))
def test_case(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request becomes upstream calls, and what comes of them a response."""
    for name, value in case.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    more = {k: case[k] for k in ("consumes", "adapter", "capability") if k in case}
    app, upstream = rest_app(
        _resources(case),
        _answer(case.get("answer", {})),
        variables=case.get("variables"),
        **more,
    )
    method, target = case["ask"].split(" ", 1)
    headers = dict(case.get("headers", {}))
    body = case.get("body", "")
    if "send" in case:
        body = json.dumps(case["send"])
        headers.setdefault("content-type", "application/json")
    got = ask(app, method, target, headers, body.encode())
    _compare(case, got)
    if "sent" in case:
        assert upstream.sent == case["sent"]
    if "received" in case:
        assert upstream.bodies == [case["received"].encode()]
    for name, value in case.get("sent_headers", {}).items():
        assert upstream.requests[-1].headers.get(name) == value, name


def _compare(case: Any, got: Any) -> None:
    assert got.status == case.get("status", 200), got.body
    if "text" in case:
        assert got.body.decode() == case["text"]
    if "json" in case:
        assert got.json == case["json"]
    if "type" in case:
        assert got.type == case["type"]
    if "content_type" in case:
        assert got.headers["content-type"] == case["content_type"]
    for name, value in case.get("response_headers", {}).items():
        assert got.headers.get(name) == value, name
    if "never" in case:
        assert case["never"] not in got.body.decode()
    if case.keys() & {"kind", "errors", "detail", "hint"}:
        _compare_problem(case, got)


def _compare_problem(case: Any, got: Any) -> None:
    problem = got.json
    assert got.type == "application/problem+json"
    assert problem["status"] == got.status
    assert problem["requestId"] == got.headers["x-request-id"]
    if "kind" in case:
        assert problem["type"] == f"urn:naftiko:problem:{case['kind']}"
    for key in ("detail", "hint"):
        assert case.get(key, "") in problem.get(key, "")
    if "errors" in case:
        found = {error["name"]: error["detail"] for error in problem["errors"]}
        assert found.keys() == case["errors"].keys()
        for name, words in case["errors"].items():
            assert words in found[name]


def test_files_of_a_form_go_on_as_bytes() -> None:
    """A file of a multipart form reaches the upstream API byte for byte."""
    app, upstream = rest_app(operation("/x", "POST", call="api.upload"))
    content = bytes(range(256))
    body = (
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nA\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        + content
        + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert ask(app, "POST", "/x", headers, body).status == 200
    sent = upstream.requests[0].body
    assert isinstance(sent, bytes)
    assert content in sent
    assert b'name="title"\r\n\r\nA\r\n' in sent


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
def test_mock_detection(outputs: Any, is_mock: bool) -> None:
    """R08: nested static values make a mock; without any, the unit calls nothing."""
    unit = {"outputParameters": outputs} if outputs else {}
    app, _ = rest_app(operation("/x", **unit))
    assert ask(app, "GET", "/x").status == (200 if is_mock else 501)


def test_every_resource_is_attached() -> None:
    """R15: all resources of a document are served; port 0 is a port."""
    resources = [*operation("/a", call="api.list"), *operation("/b", call="api.list")]
    app, _ = rest_app(resources)
    assert app.exposes.port == 0
    assert [ask(app, "GET", path).status for path in ("/a", "/b")] == [200, 200]


# --- limits -------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [b"x" * 11, [b"x" * 6, b"x" * 5]])
def test_large_bodies_are_refused(parts: Any) -> None:
    """A body over the limit is refused, whether its length is told or not."""
    app, upstream = rest_app(
        operation("/x", "POST", call="api.write"), options=Options(max_body_bytes=10)
    )
    got = ask(app, "POST", "/x", {"Content-Type": "text/plain"}, parts)
    assert (got.status, got.json["type"][-9:]) == (413, "too-large")
    assert upstream.requests == []
    fits = [b"x" * 6, b"x" * 4]
    assert ask(app, "POST", "/x", {"Content-Type": "text/plain"}, fits).status == 200


def test_too_many_requests_at_once() -> None:
    """Over the limit of concurrency a caller is told when to come back."""

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


# --- ids and traces -----------------------------------------------------------------


def test_request_ids() -> None:
    """A caller's own id comes back, and otherwise a new one each time."""
    app, _ = rest_app(operation("/x", call="api.list"))
    own = ask(app, "GET", "/x", {"X-Request-Id": "job-1/2"})
    assert own.headers["x-request-id"] == "job-1/2"
    made = {ask(app, "GET", "/x").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    for bad in ("a b", "x" * 129, "a\x85", ""):
        got = ask(app, "GET", "/nowhere", {"X-Request-Id": bad})
        assert re.fullmatch("[0-9a-f]{32}", got.headers["x-request-id"])


_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("target", ["/x", "/proxy/a"])
def test_the_trace_goes_on(target: str) -> None:
    """A trace that the caller began reaches the upstream API."""
    resources = [
        *operation("/x", call="api.list"),
        {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
    ]
    app, upstream = rest_app(resources)
    ask(app, "GET", target, {"traceparent": _PARENT, "tracestate": "a=1,b=2"})
    headers = upstream.requests[-1].headers
    assert (headers["traceparent"], headers["tracestate"]) == (_PARENT, "a=1,b=2")


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
def test_what_is_no_trace_stays_here(parent: str) -> None:
    """A malformed `traceparent` is not passed on, and `tracestate` not without it."""
    app, upstream = rest_app(operation("/x", call="api.list"))
    ask(app, "GET", "/x", {"traceparent": parent, "tracestate": "a=1"})
    assert "traceparent" not in upstream.requests[0].headers
    assert "tracestate" not in upstream.requests[0].headers


# --- variables of callers -----------------------------------------------------------

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
def test_callers_bring_their_own_credential(
    target: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A header fills a variable for its request; without it nothing stands in."""
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


def test_answers_to_callers_are_not_kept() -> None:
    """What one caller's credential gave is not for the caches of others."""
    app, _ = _protected()
    got = ask(app, "GET", "/x", {"X-Token": "a"})
    assert got.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_forwarded_answers_to_callers_are_not_kept(method: str) -> None:
    """Whatever the upstream API allows caches to do, which know nothing of callers."""
    told = {"Cache-Control": "public, max-age=600", "Expires": "0", "Age": "5"}
    app, _ = _protected(Response(200, told, b"{}"))
    got = ask(app, method, "/proxy/a", {"X-Token": "a"})
    assert got.headers["cache-control"] == "no-store"
    assert "expires" not in got.headers
    got = ask(app, method, "/proxy/a")
    assert (got.status, got.headers["cache-control"]) == (401, "no-store")


@pytest.mark.parametrize("target", ["/x?limit=1&q=private", "/proxy/a?q=private"])
def test_a_failure_is_logged_without_its_query(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A query may hold what only the caller and the upstream API are to know."""

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


def test_a_variable_that_is_not_needed_is_not_asked_for() -> None:
    """An operation that does not use the variable needs no header."""
    app, _ = _protected()
    assert ask(app, "GET", "/free").status == 200


def test_callers_at_the_same_time_do_not_mix() -> None:
    """Each of many concurrent callers is served with its own credential."""

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


# --- hanging up ---------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/x", "/proxy/a"])
def test_hanging_up_cancels_the_upstream_call(target: str) -> None:
    """When the caller hangs up, the upstream call ends and nothing is answered."""
    resources = [
        *operation("/x", call="api.list"),
        {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
    ]
    app, upstream = rest_app(resources, lambda request: asyncio.sleep(5))
    got = ask(app, "GET", target, hangs_up=True)
    assert got.status == 0
    assert upstream.is_cancelled


def test_hanging_up_while_sending() -> None:
    """A body that ends early is no request."""
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


def test_cancelling_from_outside_stays_a_cancellation() -> None:
    """A server that stops cancels its requests, and they do stop."""

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


# --- streams ------------------------------------------------------------------------

_PROXY: list[dict[str, Any]] = [
    {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}}
]


def test_forwarded_bodies_are_streamed() -> None:
    """A body that comes in parts goes on in parts, with its length where it is told."""
    app, upstream = rest_app(_PROXY, Response(200, JSON, b"[1, 2, 3, 4, 5, 6]"))
    got = ask(app, "PUT", "/proxy/a", {"Content-Length": "6"}, [b"abc", b"", b"def"])
    assert (got.body, upstream.bodies) == (b"[1, 2, 3, 4, 5, 6]", [b"abcdef"])
    assert upstream.requests[0].headers["Content-Length"] == "6"
    assert not isinstance(upstream.requests[0].body, bytes)


@pytest.mark.parametrize("parts", [b"x" * 11, [b"x" * 6, b"x" * 5]])
def test_large_forwarded_bodies_are_refused(parts: Any) -> None:
    """The limit holds for what is streamed, too."""
    app, upstream = rest_app(_PROXY, options=Options(max_body_bytes=10))
    assert ask(app, "POST", "/proxy/a", body=parts).status == 413
    assert upstream.requests == []


def test_hanging_up_while_a_forwarded_body_is_sent() -> None:
    """The upstream call ends when its body does not."""
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


# --- serving ------------------------------------------------------------------------


def test_mounted_below_a_path() -> None:
    """The path of the mount is not part of the route, and is in the description."""
    app, upstream = rest_app(operation("/ships/{id}", call="api.get"))
    got = ask(app, "GET", "/ships/a%2Fb", root_path="/v1/sea")
    assert (got.status, upstream.sent) == (200, ["GET /ships/a%2Fb"])
    described = ask(app, "GET", "/openapi.json", root_path="/v1/sea").json
    assert described["servers"] == [{"url": "/v1/sea"}]


def test_what_only_begins_like_the_mount_is_below_it() -> None:
    """A server that keeps the mount out of the path is understood as well."""
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


def test_a_server_without_raw_path() -> None:
    """A server that only gives the decoded path is served as well as can be."""
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


def test_replacing_what_is_served() -> None:
    """After a reload new requests meet the new version, those under way the old."""

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


def test_an_error_of_the_server_itself(caplog: pytest.LogCaptureFixture) -> None:
    """What should not happen is logged, and the caller learns nothing of it."""

    def broken(request: Any) -> Any:
        raise RuntimeError("inside secret")

    app, _ = rest_app(operation("/x", call="api.list"), broken)
    got = ask(app, "GET", "/x")
    assert (got.status, got.json["type"][-6:]) == (500, "failed")
    assert "inside" not in got.body.decode()
    assert "inside secret" in caplog.text


def test_failures_are_logged_with_the_id(caplog: pytest.LogCaptureFixture) -> None:
    """The operator finds in the log what the caller was not told."""
    app, _ = rest_app(
        operation("/x", call="api.list"),
        lambda request: TransportError("GET http://upstream.test: no connection"),
    )
    ask(app, "GET", "/x", {"X-Request-Id": "id-7"})
    assert "request id-7: GET http://upstream.test: no connection" in caplog.text


def test_web_sockets_are_closed() -> None:
    """There is nothing here that speaks WebSocket."""
    app, _ = rest_app(operation("/x", call="api.list"))

    async def scenario() -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "websocket"}, None, send)
        assert sent[0]["type"] == "websocket.close"

    asyncio.run(scenario())


def test_the_document_may_have_its_own_docs() -> None:
    """A route of the document stands before the page and the description."""
    app, _ = rest_app(
        [
            *operation("/docs", call="api.list"),
            *operation("/openapi.json", call="api.list"),
        ]
    )
    assert ask(app, "GET", "/docs").json == {}
    assert ask(app, "GET", "/openapi.json").json == {}


def test_the_page_comes_with_its_policy() -> None:
    """`/docs` may load nothing from elsewhere."""
    app, _ = rest_app(operation("/x", call="api.list"))
    got = ask(app, "GET", "/docs")
    assert got.type == "text/html"
    assert "default-src 'none'" in got.headers["content-security-policy"]
    assert b'"openapi.json"' in got.body


@pytest.mark.parametrize(("root", "at"), [("", "/docs"), ("/shop", "/shop/docs")])
def test_a_person_at_the_address_is_led_to_the_page(root: str, at: str) -> None:
    """A browser at `/` wants to see something; a program gets its 404."""
    app, _ = rest_app(operation("/x", call="api.list"))
    accept = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    got = ask(app, "GET", "/", headers=accept, root_path=root)
    assert (got.status, got.headers["location"]) == (307, at)
    assert ask(app, "GET", "/", root_path=root).status == 404
    assert ask(app, "POST", "/", headers=accept, root_path=root).status == 404
    own, _ = rest_app(operation("/", call="api.list"))
    assert ask(own, "GET", "/", headers=accept, root_path=root).json == {}


class _Spans:
    """Telemetry that writes down upstream calls."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @contextmanager
    def call(self, request: Any, trace: Any) -> Iterator[dict[str, Any]]:
        request.headers["traceparent"] = "of-the-span"
        found: dict[str, Any] = {}
        yield found
        self.seen.append((request.method, found["status"]))


def test_forwarded_requests_are_calls_of_telemetry() -> None:
    """Where something is measured, a forwarded request is, in the trace of its span."""
    spans = _Spans()
    app, upstream = rest_app(_PROXY, Response(203, JSON, b"{}"))
    app._served.engine.telemetry = spans  # type: ignore[assignment]
    ask(app, "PUT", "/proxy/a", {"traceparent": _PARENT})
    assert spans.seen == [("PUT", 203)]
    assert upstream.requests[0].headers["traceparent"] == "of-the-span"


def test_what_telemetry_calls_an_operation() -> None:
    """It is the path of the document, so that there are no more names than routes."""

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


# --- odd requests -------------------------------------------------------------------


def test_headers_that_come_several_times() -> None:
    """They are one list; of cookies, one line (RFC 9110, 5.3; RFC 6265, 5.4)."""
    app, upstream = rest_app(
        operation(
            "/x",
            call="api.build",
            inputParameters=[
                {"name": "X-Tag", "in": "header", "type": "array"},
                {"name": "b", "in": "cookie", "type": "string"},
            ],
            **{"with": {"name": "rest.X-Tag", "tons": "rest.b"}},
        )
    )
    headers = [("x-tag", "a"), ("cookie", "a=1"), ("x-tag", "b"), ("cookie", "b=2")]
    assert ask(app, "GET", "/x", headers).status == 200
    assert upstream.sent == ['POST /ships {"name":["a","b"],"tons":"2"}']


def test_headers_that_are_no_utf8() -> None:
    """A header that is not UTF-8 is Latin-1, as it once was everywhere."""
    name = {"name": "flag", "in": "header", "type": "string"}
    app, upstream = rest_app(operation("/x", call="api.list", inputParameters=[name]))
    ask(app, "GET", "/x", {"flag": "\xe9t\xe9"})
    assert upstream.sent == ["GET /ships?flag=%C3%A9t%C3%A9"]


@pytest.mark.parametrize(
    "body", [b'{"name": "\xff"}', b"[" * 200_000, b'{"tons": ' + b"9" * 5000 + b"}"]
)
def test_json_that_cannot_be_read(body: bytes) -> None:
    """Bytes that are no UTF-8, a depth and a length beyond reason: 400, each."""
    app, upstream = rest_app(operation("/x", "POST", call="api.build"))
    got = ask(app, "POST", "/x", {"Content-Type": "application/json"}, body)
    assert (got.status, got.json["type"][-17:]) == (400, "malformed-request")
    assert upstream.requests == []


def test_a_query_of_too_many_fields() -> None:
    """More than a thousand fields are not read, encoded or not."""
    app, upstream = rest_app(operation("/x", call="api.list"))
    for pair in ("a=1&", "a=%31&"):
        got = ask(app, "GET", "/x?" + pair * 1001)
        assert (got.status, "more than 1000 fields" in got.json["detail"]) == (
            400,
            True,
        )
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/yaml"),
        ("application/yaml, application/json", "application/json"),
        ("application/yaml, */*", "application/yaml"),
        ("application/x-yaml;q=0.4, application/json;q=0.3", "application/x-yaml"),
        ("application/json;q=0, */*", "application/yaml"),
        ("application/json;q=nan", "application/json"),
        ("application/json;q=7", "application/json"),
        ("application/json;version=1;q=0", ""),
        ("*/*;q=0", ""),
        ("image/png", ""),
    ],
)
def test_negotiation(accept: str, media_type: str) -> None:
    """Quality decides, then how exactly a type is named, then JSON (RFC 9110, 12.5.1)."""
    assert chosen(accept) == media_type
