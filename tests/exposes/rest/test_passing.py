"""Responses without an end that a REST adapter passes on as they arrive."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from naftiko.consumes.exchange import Decoders
from naftiko.errors import TransportError
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from naftiko.exposes.rest.passing import PLAIN_TEXT
from naftiko.functions import arrivals
from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Response
from naftiko.transport.streams import AsyncStreamedResponse
from support.asgi_client import AsyncStub, OpenStub, ask
from support.exchanges import chunked
from support.recorder import Recorder
from support.serving import operation, rest_app

FRAMES = b"\x01\0\0\0\0\0\0\x03a1\n\x02\0\0\0\0\0\0\x03b1\n"
NDJSON = "application/x-ndjson"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
_ROUTE = operation("/x", call="api.list")


def served(stub: AsyncStub, **more: Any) -> RestApp:
    """Return an adapter with one route over a transport."""
    app, _ = rest_app(more.pop("resources", _ROUTE), **more)
    old = app._served.engine
    engine = Engine(old.capability, stub)
    return RestApp(engine, app.exposes, Options())


@pytest.mark.parametrize("kind", [NDJSON, "text/event-stream; charset=utf-8"])
def test_parts_are_passed_on_with_their_type(kind: str) -> None:
    """Body and type are those of the upstream API; a HEAD has no body."""
    stub = OpenStub(b'{"n":1}\n', b'{"error":"no"}\n', content_type=kind)
    got = ask(served(stub), "GET", "/x")
    assert got.status == 200
    assert got.body == b'{"n":1}\n{"error":"no"}\n'
    assert got.headers["content-type"] == kind
    assert got.headers["vary"] == "Accept"
    assert "content-length" not in got.headers
    assert stub.is_closed
    assert ask(served(stub), "HEAD", "/x").body == b""


@pytest.mark.parametrize(
    ("kind", "body", "accept", "content_type", "sent"),
    [
        (MULTIPLEXED, FRAMES, "text/*", "text/plain; charset=utf-8", b"a1\nb1\n"),
        (MULTIPLEXED, FRAMES, "*/*", MULTIPLEXED, FRAMES),
        (
            "application/vnd.docker.raw-stream", FRAMES, "text/plain",
            "text/plain; charset=utf-8", b"a1\nb1\n",
        ),
        (
            "application/vnd.docker.raw-stream", b"tty\r\n", "text/plain",
            "application/vnd.docker.raw-stream", b"tty\r\n",
        ),
    ],
)  # fmt: skip
def test_log_of_a_container_is_text_for_who_wants_text(
    kind: str, body: bytes, accept: str, content_type: str, sent: bytes
) -> None:
    """Frames become text where it is asked for, while they arrive or as a whole."""
    headers = {"Accept": accept} if accept else {}
    whole = AsyncStub(Response(200, {"Content-Type": kind}, body))
    for stub in (OpenStub(body[:10], body[10:], content_type=kind), whole):
        got = ask(served(stub), "GET", "/x", headers)
        assert (got.headers["content-type"], got.body) == (content_type, sent)


def test_argument_of_the_operation_asks_for_an_answer_without_end() -> None:
    """With `follow`, JSON of unknown length is passed on as it arrives."""
    resources = operation(
        "/x", call="api.tail", inputParameters=[{"name": "follow", "in": "query"}]
    )
    tail = {
        "name": "tail", "method": "GET",
        "inputParameters": [{"name": "follow", "in": "query"}],
    }  # fmt: skip
    consumes = {"resources": [{"name": "log", "path": "/log", "operations": [tail]}]}
    for target, passed in (("/x?follow=true", True), ("/x?follow=false", False)):
        stub = OpenStub(b'{"n":1}', content_type="application/json")
        app = served(stub, resources=resources, consumes=consumes)
        got = ask(app, "GET", target)
        assert (got.body, stub.is_closed) == (b'{"n":1}', passed)


def test_caller_that_hangs_up_ends_the_upstream_response() -> None:
    """The upstream connection is closed with that of the caller."""
    stub = OpenStub(b'{"n":1}\n', asyncio.Event())
    ask(served(stub), "GET", "/x", hangs_up=True)
    assert stub.is_closed


def test_response_that_breaks_off_has_no_second_head() -> None:
    """After the head only a body that ends early shows the failure."""
    stub = OpenStub(b'{"n":1}\n', TransportError("broke off", reason="broke off"))
    got = ask(served(stub), "GET", "/x")
    assert (got.status, got.body) == (200, b'{"n":1}\n')


def test_failure_reported_at_the_end_of_a_whole_response_is_a_problem() -> None:
    """Nothing was sent yet, so the status can tell it."""
    body = b'{"status":"a"}\n{"error":"denied"}\n'
    app, _ = rest_app(_ROUTE, Response(200, {"Content-Type": "application/json"}, body))
    got = ask(app, "GET", "/x")
    assert (got.status, got.json["type"]) == (502, "urn:naftiko:problem:upstream")
    assert "api.list: denied" in got.json["detail"]


def test_body_of_another_format_is_passed_on_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A strict server refuses it; otherwise the log says that it came."""
    listing = {"name": "list", "method": "GET", "outputRawFormat": "json"}
    consumes = {"resources": [{"name": "r", "path": "/x", "operations": [listing]}]}
    answer = Response(200, {"Content-Type": "text/plain"}, b"up")
    app, upstream = rest_app(_ROUTE, answer, consumes=consumes)
    assert ask(app, "GET", "/x").body == b"up"
    assert "declares outputRawFormat: json" in caplog.text
    capability = app._served.engine.capability
    capability._decoders = Decoders(strict=True)
    capability._functions = None
    strict = RestApp(Engine(capability, upstream), app.exposes, Options())
    assert ask(strict, "GET", "/x").json["type"] == "urn:naftiko:problem:output"


_N = {"type": "object", "properties": {"n": {"type": "number", "mapping": "$.n"}}}
_LIST = {"type": "array", "mapping": "$", "items": _N}


def shaped(output: Any) -> Any:
    """Return a route with an output."""
    return operation("/x", call="api.list", outputParameters=[output])


@pytest.mark.parametrize(
    ("kind", "body", "output", "accept", "sent"),
    [
        ("text/event-stream", b"data: {\"n\":1}\r\r", _N, "", b'{"n":1}\n'),
        ("text/event-stream", b"data: {\"n\":1}\n\n", _LIST, "", b'{"n":1}\n'),
        (NDJSON, b'{"n":1}\n{"n":2}', _N, NDJSON, b'{"n":1}\n{"n":2}\n'),
        (NDJSON, b'{"n":1}', _LIST, "application/jsonl", b'{"n":1}\n'),
        (NDJSON, b'{"n":1}', _N, "text/event-stream", b'data: {"n":1}\n\n'),
        (MULTIPLEXED, FRAMES, {"type": "string", "mapping": "$."}, "", b"a1\nb1\n"),
        (
            MULTIPLEXED, b"\x01\0\0\0\0\0\0\x08" + b'{"n":1}\n', _N, NDJSON,
            b'{"n":1}\n',
        ),
    ],
)  # fmt: skip
def test_outputs_shape_each_value_as_it_arrives(
    kind: str, body: bytes, output: Any, accept: str, sent: bytes
) -> None:
    """Outputs describe one value, or the list of them: each is a line of its own."""
    stub = OpenStub(body, content_type=kind)
    headers = {"Accept": accept} if accept else {}
    got = ask(served(stub, resources=shaped(output)), "GET", "/x", headers)
    assert (got.status, got.body) == (200, sent)
    expected = PLAIN_TEXT if kind == MULTIPLEXED and not accept else NDJSON
    if accept == "text/event-stream":
        expected = accept
    assert got.headers["content-type"] == expected
    assert ask(served(stub, resources=shaped(output)), "HEAD", "/x").status == 200


@pytest.mark.parametrize("output", [_N, _LIST])
def test_answer_that_ends_soon_is_one_value(
    output: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is JSON as any other; one that stays open is begun after a while."""
    parts = (b'{"n":1}\n', b'{"n":2}\n')
    app = served(OpenStub(*parts), resources=shaped(output))
    got = ask(app, "GET", "/x")
    assert (got.type, got.json) == ("application/json", [{"n": 1}, {"n": 2}])
    monkeypatch.setattr(arrivals, "SETTLING", 0.01)
    app = served(OpenStub(parts[0], 0.3, parts[1]), resources=shaped(output))
    got = ask(app, "GET", "/x")
    assert (got.type, got.body) == (NDJSON, b"".join(parts))
    app = served(OpenStub(parts[0], 0.3, parts[1]), resources=shaped(output))
    got = ask(app, "HEAD", "/x")
    assert (got.type, got.body) == (NDJSON, b"")


def test_document_that_arrives_slowly_is_one_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half a document is no value yet; a document that never ends is a timeout."""
    monkeypatch.setattr(arrivals, "SETTLING", 0.01)
    app = served(OpenStub(b'{"n":', 0.05, b"1}"), resources=shaped(_N))
    assert ask(app, "GET", "/x").json == [{"n": 1}]
    app = served(OpenStub(b'{"n":', None), resources=shaped(_N))
    app._served.engine.longest = 0.02
    assert ask(app, "GET", "/x").json["type"] == "urn:naftiko:problem:timeout"


def test_half_of_a_page_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """XML, tables and pages are read whole, also where a path is one of streams."""
    monkeypatch.setattr(arrivals, "SETTLING", 0.0)
    get = {"name": "list", "method": "GET"}
    consumes = {"resources": [{"name": "e", "path": "/events", "operations": [get]}]}
    for kind in ("application/xml", "text/xml; charset=utf-8"):
        stub = OpenStub(b"<r>\n<n>", 0.3, b"1</n></r>", content_type=kind)
        app = served(stub, resources=shaped(_N), consumes=consumes)
        assert ask(app, "GET", "/x").json == {"n": "1"}


def test_failure_in_a_shaped_stream_is_its_last_line() -> None:
    """The outputs do not hide the message; before the head it is a problem."""
    parts = (b'{"n":1}\n', b'{"error":"denied"}\n')
    app = served(OpenStub(*parts), resources=shaped(_N))
    assert "denied" in ask(app, "GET", "/x").json["detail"]
    got = ask(app, "GET", "/x", {"Accept": NDJSON})
    assert (got.status, got.body) == (200, b"".join(parts))


def test_shaped_body_that_is_no_json_is_a_problem() -> None:
    """The whole body tells the fault, as if it had not come in parts."""
    app = served(OpenStub(b"<p>", b"no</p>"), resources=shaped(_N))
    assert ask(app, "GET", "/x").json["type"] == "urn:naftiko:problem:output"


def test_transport_gives_parts_or_a_whole_by_the_head() -> None:
    """`AioTransport.receive` decides when the head is there."""
    with Recorder(chunked(b"a", b"b")) as recorder:
        found = []

        async def scenario() -> None:
            from naftiko.transport.messages import Request

            transport = AioTransport()
            for stays_open in (True, False):
                received = transport.receive(
                    Request("GET", recorder.url),
                    timeout=10,
                    stays_open=lambda status, headers, is_open=stays_open: is_open,
                )
                async with received as response:
                    found.append(response)
                    if isinstance(response, AsyncStreamedResponse):
                        found.append(await response.read())
            await transport.close()

        asyncio.run(scenario())
    stream, body, whole = found
    assert (stream.content_type, body, whole.body) == (NDJSON, b"ab", b"ab")
