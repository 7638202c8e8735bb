"""Large bodies: nothing that takes long is done in the thread of the event loop.

The checks count who does the work. They hook what reads and writes bodies, and look at
the thread: work in another process is not seen here at all.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import naftiko
from naftiko.consumes import status
from naftiko.consumes.exchange import Decoder
from naftiko.document.writing import write_yaml
from naftiko.errors import CallError
from naftiko.exposes import offload
from naftiko.exposes.http import answers, payload
from naftiko.exposes.mcp import server
from naftiko.exposes.options import Options
from naftiko.exposes.rest.endpoint import Endpoint
from naftiko.exposes.rest.openapi import Api
from naftiko.formats.json import write_json
from naftiko.transport.base import StubTransport
from naftiko.transport.messages import Response
from naftiko.workers import pieces
from naftiko.workers.pool import Pool
from naftiko.workers.process import WorkerError
from support.asgi_client import ask, asked
from support.mcp_http import in_stream, modern, served
from support.mcping import asking, mcp_app
from support.serving import document, operation, rest_app

COUNT = 2500
SHIPS = [{"id": n, "name": f"Ship {n}"} for n in range(COUNT)]
#: Format → its media type, a large body of it, and where the ships are in its value.
BODIES = {
    "json": ("application/json", json.dumps(SHIPS), "$"),
    "xml": (
        "application/xml",
        "<l>" + "".join(f"<s><id>{n}</id></s>" for n in range(COUNT)) + "</l>",
        "$.s",
    ),
    "yaml": (
        "application/yaml",
        "".join(f"- id: {n}\n  name: Ship {n}\n" for n in range(500)),
        "$",
    ),
    "csv": ("text/csv", "id,name\n" + "".join(f"{n},Ark\n" for n in range(3000)), "$"),
    "html": (
        "text/html",
        f"<table><tr><th>id</th></tr>{'<tr><td>7</td></tr>' * 200}</table>",
        "$.tables[0]",
    ),
}
IDS = {"type": "array", "items": {"type": "string", "mapping": "$.id"}}


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    """End the processes that the tests of this module have started."""
    yield
    offload.pool().close()


def watched(monkeypatch: pytest.MonkeyPatch, *functions: tuple[Any, str]) -> list[str]:
    """Return a list of the functions that the thread of the loop calls from now on."""
    loop, called = threading.get_ident(), []

    def hook(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def hooked(*arguments: Any, **more: Any) -> Any:
            if threading.get_ident() == loop:
                called.append(name)
            return function(*arguments, **more)

        monkeypatch.setattr(owner, name, hooked)

    for owner, name in functions:
        hook(owner, name)
    return called


@pytest.fixture
def on_loop(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of slow functions that the thread of the loop has called."""
    return watched(monkeypatch, (Decoder, "receive"), (answers, "write_yaml"))


def consuming(format: str) -> dict[str, Any]:
    """Return a consumed API whose answers are in a format."""
    operation = {"name": "list", "method": "GET", "outputRawFormat": format}
    resource = {"name": "ships", "path": "/ships", "operations": [operation]}
    return {"resources": [resource]}


def answered(format: str, body: str | None = None) -> Response:
    """Return the answer of that API."""
    kind, text, _ = BODIES[format]
    return Response(200, {"Content-Type": kind}, (body or text).encode())


def shaping(path: str) -> list[dict[str, Any]]:
    """Return a route whose outputs are the ids in a body."""
    outputs = [{**IDS, "mapping": path}]
    return operation("/x", call="api.list", outputParameters=outputs)


@pytest.mark.parametrize("format", BODIES)
def test_large_answer_is_read_elsewhere(format: str, on_loop: list[str]) -> None:
    """Another process decodes it, applies the outputs and writes the JSON."""
    routes, consumes = shaping(BODIES[format][2]), consuming(format)
    app, _ = rest_app(routes, answered(format), consumes=consumes)
    got = ask(app, "GET", "/x")
    assert (got.status, on_loop) == (200, [])
    # The same by a caller that waits.
    capability = naftiko.load(
        document(routes, consumes=consumes),
        schema=None,
        transport=StubTransport(answered(format)),
    )
    assert got.json == capability.invoke("GET /x")
    assert len(got.json) > 100


def test_small_answer_stays_on_the_loop(on_loop: list[str]) -> None:
    """A task of another process takes longer than reading a small body."""
    app, _ = rest_app(shaping("$"), answered("json", '[{"id": "7"}]'))
    assert ask(app, "GET", "/x").json == ["7"]
    assert on_loop == ["receive"]


@pytest.mark.parametrize("outputs", [None, [{"type": "array", "mapping": "$."}]])
def test_large_answer_is_written_as_yaml_elsewhere(
    outputs: Any, on_loop: list[str]
) -> None:
    """YAML of a body that is passed on, and of one that the outputs take as a whole."""
    more = {"outputParameters": outputs} if outputs else {}
    app, _ = rest_app(operation("/x", call="api.list", **more), answered("json"))
    got = ask(app, "GET", "/x", {"Accept": "application/yaml"})
    assert (got.status, got.type, on_loop) == (200, "application/yaml", [])
    assert got.body.decode() == write_yaml(SHIPS) + "\n"


def test_value_of_steps_is_written_as_yaml_elsewhere(on_loop: list[str]) -> None:
    """A result of mappings is a value in this process; only its text is large."""
    app, _ = rest_app(
        operation(
            "/x",
            steps=[{"type": "call", "name": "ships", "call": "api.list"}],
            mappings=[{"targetName": "all", "value": "$.ships"}],
        ),
        answered("json"),
    )
    assert ask(app, "GET", "/x").json == {"all": SHIPS}
    got = ask(app, "GET", "/x", {"Accept": "application/yaml"})
    assert got.body.decode() == write_yaml({"all": SHIPS}) + "\n"
    assert on_loop == []


def test_caller_cannot_choose_yaml_above_a_limit() -> None:
    """The problem names the limit and the format that works, which has no limit."""
    app, _ = rest_app(
        operation("/x", call="api.list"),
        answered("json"),
        options=Options(max_slow_answer=50_000),
    )
    got = ask(app, "GET", "/x", {"Accept": "application/yaml"})
    assert (got.status, got.json["type"]) == (406, "urn:naftiko:problem:not-acceptable")
    assert "at most 50,000" in got.json["detail"]
    assert "application/json" in got.json["hint"]
    assert ask(app, "GET", "/x").json == SHIPS


def test_fault_of_a_large_body_is_told_as_ever() -> None:
    """The place and the hint are those of a small body; secrets are masked."""
    consumes = {
        **consuming("json"),
        "authentication": {"type": "bearer", "token": "{{TOKEN}}"},
    }
    body = BODIES["json"][1][:-1] + ', "top-secret-token" oops]'
    app, _ = rest_app(
        shaping("$"),
        answered("json", body),
        consumes=consumes,
        variables={"TOKEN": "top-secret-token"},
        capability={"binds": [{"namespace": "e", "keys": {"TOKEN": "TOKEN"}}]},
    )
    got = ask(app, "GET", "/x")
    assert (got.status, got.json["type"][20:]) == (500, "output")
    assert (
        "api.list: the body is not json: Expecting ',' delimiter"
        in (got.json["detail"])
    )
    assert "$TOKEN" in got.json["detail"]
    assert "top-secret" not in got.body.decode()


def test_failure_that_a_large_body_reports_is_found() -> None:
    """An error at the end of a stream of values counts, whoever reads the stream."""
    lines = "".join(json.dumps(ship) + "\n" for ship in SHIPS) + '{"error": "gone"}\n'
    kind = {"Content-Type": "application/x-ndjson"}
    app, _ = rest_app(shaping("$"), Response(200, kind, lines.encode()))
    got = ask(app, "GET", "/x")
    assert (got.status, got.json["detail"]) == (502, "api.list: gone")


class _Refusing:
    def __init__(self, reason: Any) -> None:
        self.reason = reason

    async def run_async(self, *_: Any, **__: Any) -> bytes:
        raise WorkerError("no", reason=self.reason)


def test_full_queue_is_answered_with_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "pool", lambda: _Refusing("busy"))
    app, _ = rest_app(shaping("$"), answered("json"))
    got = ask(app, "GET", "/x")
    assert (got.status, got.json["type"][20:]) == (503, "busy")
    assert got.headers["retry-after"] == "1"


def test_queue_for_processes_is_bounded() -> None:
    """Of twenty large answers at once one is read, one waits, and the others fail."""
    pool = Pool(1, waiting=1)
    app, _ = rest_app(shaping("$"), answered("json"))

    async def many() -> list[int]:
        got = await asyncio.gather(*(asked(app, "GET", "/x") for _ in range(20)))
        return [one.status for one in got]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offload, "pool", lambda: pool)
        statuses = asyncio.run(many())
    pool.close()
    assert sorted(statuses) == [200, 200] + [503] * 18


@pytest.mark.parametrize(
    ("reason", "told"),
    [("time", "more than 30 seconds"), ("memory", "memory"), ("died", "failed")],
)
def test_body_that_takes_too_much_is_an_error_of_the_output(
    reason: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload, "pool", lambda: _Refusing(reason))
    app, _ = rest_app(shaping("$"), answered("json"))
    got = ask(app, "GET", "/x")
    assert (got.status, got.json["type"][20:]) == (500, "output")
    assert told in got.json["detail"]


def test_thread_reads_where_no_process_can_be_started(
    on_loop: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload, "pool", lambda: _Refusing("start"))
    app, _ = rest_app(shaping("$"), answered("json"))
    assert len(ask(app, "GET", "/x").json) == COUNT
    assert on_loop == []


def test_work_of_a_caller_who_hangs_up_is_never_begun() -> None:
    """Threads that are busy do not find the work of a caller who left meanwhile."""
    begun: list[int] = []
    gate = threading.Event()

    async def hang_up() -> None:
        busy = [asyncio.ensure_future(offload.aside(gate.wait)) for _ in range(2)]
        waiting = asyncio.ensure_future(offload.aside(begun.append, 1))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*busy)
        await offload.aside(begun.append, 2)

    asyncio.run(hang_up())
    assert begun == [2]


def test_queue_for_threads_is_bounded() -> None:
    gate = threading.Event()

    async def fill() -> None:
        most = offload.MOST_WAITING + 2
        tasks = [asyncio.ensure_future(offload.aside(gate.wait)) for _ in range(most)]
        await asyncio.sleep(0.01)
        with pytest.raises(offload.Busy):
            await offload.aside(gate.wait)
        gate.set()
        await asyncio.gather(*tasks)
        assert await offload.aside(len, "abc") == 3

    asyncio.run(fill())


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps({"name": "Ark", "ships": SHIPS}).encode()),
        ("application/x-www-form-urlencoded", b"name=Ark&x=" + b"%41" * 50_000),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nArk\r\n--b\r\n'
            b'Content-Disposition: form-data; name="x"; filename="x"\r\n\r\n'
            + b"\r\n-" * 500_000
            + b"\r\n--b--\r\n",
        ),
    ],
)
def test_large_request_body_is_read_by_a_thread(
    kind: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON, forms and multipart; its arguments are checked there, and encoded again."""
    called = watched(
        monkeypatch,
        (payload, "_payload"),
        (Endpoint, "_fitted"),
        (naftiko.Capability, "request_for"),
    )
    inputs = [{"name": "name", "in": "body", "type": "string"}]
    app, upstream = rest_app(
        operation("/x", "POST", call="api.build", inputParameters=inputs),
        Response(200, {"Content-Type": "application/json"}, b"{}"),
    )
    got = ask(app, "POST", "/x", {"Content-Type": kind}, body)
    assert (got.status, called) == (200, [])
    assert json.loads(upstream.requests[0].body)["name"] == "Ark"  # type: ignore[arg-type]
    ask(app, "POST", "/x", {"Content-Type": "application/json"}, b'{"name": "Ark"}')
    assert called == ["_payload", "_fitted", "request_for"]


def test_large_result_of_a_tool_is_made_by_a_thread(on_loop: list[str]) -> None:
    """Its text is the JSON that another process wrote."""
    outputs = [{"type": "array", "mapping": "$", "items": {"type": "object"}}]
    tool = {
        "name": "ships",
        "description": "Ships.",
        "call": "api.list",
        "outputParameters": outputs,
    }
    app, _ = mcp_app(answered("json"), tools=[tool])
    called = {"name": "ships", "arguments": {}}
    result = asking(app, "tools/call", called)["result"]
    assert json.loads(result["content"][0]["text"]) == SHIPS
    assert result["structuredContent"] == {"result": SHIPS}
    assert on_loop == []


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("most", [2**21, 5000])
def test_large_result_travels_over_http(
    accept: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest revision is answered with JSON or events; a limit is an error."""
    threads: list[int] = []
    loop = threading.get_ident()

    def noting(value: Any) -> bytes:
        if threading.get_ident() != loop:
            threads.append(threading.get_ident())
        return write_json(value)

    monkeypatch.setattr(server, "write_json", noting)
    outputs = [{"type": "array", "mapping": "$", "items": {"type": "object"}}]
    tool = {
        "name": "ships",
        "description": "Ships.",
        "call": "api.list",
        "outputParameters": outputs,
    }
    app, _ = mcp_app(
        answered("json"), tools=[tool], options=Options(max_slow_answer=most)
    )
    called = {"name": "ships", "arguments": {}}

    async def call() -> Any:
        headers, body = modern("tools/call", called, {"accept": accept})
        return await asked(app, "POST", "/mcp", headers, body)

    got = served(app, call)
    result = (got.json if accept[-4:] == "json" else in_stream(got))["result"]
    text = result["content"][0]["text"]
    if most > 5000:
        assert json.loads(text) == SHIPS
        assert result["structuredContent"] == {"result": SHIPS}
        assert len(threads) == 1
    else:
        assert result["isError"]
        assert text.startswith("ships: the value has ")
        assert "at most 5,000" in text
        assert "ask for less" in text


def test_large_failure_is_not_read(on_loop: list[str]) -> None:
    """The beginning of its body tells enough, and the body is passed on as it came."""
    body = json.dumps({"message": "no", "ships": SHIPS * 4}).encode()
    answer = Response(404, {"Content-Type": "application/json"}, body)
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        decode = status.decoding.decode
        patch.setattr(
            status.decoding,
            "decode",
            lambda *a, **b: seen.append(len(a[1])) or decode(*a, **b),
        )
        app, _ = rest_app(shaping("$"), answer)
        got = ask(app, "GET", "/x")
    assert (got.status, got.body) == (404, body)
    assert (seen, on_loop) == ([], [])


def test_openapi_description_is_made_by_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is made once, for any number of operations."""
    called = watched(monkeypatch, (Api, "data"))
    app, _ = rest_app(shaping("$"))
    first, second = (ask(app, "GET", "/openapi.json") for _ in range(2))
    assert first.body == second.body
    assert list(first.json["paths"]) == ["/x"]
    assert called == []


# --- reading a long JSON text in pieces ---------------------------------------------


def _counted(text: str) -> tuple[Any, list[int]]:
    """Return the value of a text, and the characters that each call of C was given."""
    given: list[int] = []

    class Counting(json.JSONDecoder):
        def __init__(self) -> None:
            super().__init__()
            scan: Callable[..., Any] = self.scan_once  # type: ignore[has-type]

            def counting(piece: str, at: int) -> Any:
                value, end = scan(piece, at)
                given.append(end - at)
                return value, end

            self.scan_once = counting

    return pieces.decode(Counting(), text), given


@pytest.mark.parametrize(
    "value",
    [
        SHIPS * 4,
        {"data": {"items": SHIPS * 4, "more": "é"}},
        [[]] * 60_000,
        [[SHIPS], [SHIPS]],
        {str(n): n for n in range(20_000)},
    ],
)
def test_long_json_is_read_in_pieces(value: Any) -> None:
    """No call reads more than a window, so that other threads run between them."""
    got, given = _counted(json.dumps(value))
    assert got == value
    assert max(given) <= pieces.WINDOW


@pytest.mark.parametrize(
    "change", ["", "}", "]", "x", '"', ",", ":", "\x00", "[" * 5000]
)
def test_fault_of_a_long_json_text_is_that_of_the_standard_library(change: str) -> None:
    good = json.dumps({"data": SHIPS * 4})
    decoder = json.JSONDecoder()
    for at in (0, 1, 9, 70_000, 200_001, len(good) - 1):
        text = good[:at] + change + good[at + 1 :]
        told = []
        for decode in (decoder.decode, lambda text: pieces.decode(decoder, text)):
            try:
                told.append(repr(decode(text)))
            except (ValueError, RecursionError) as error:
                told.append(f"{type(error).__name__}: {str(error)[:60]}")
        assert told[0] == told[1]


# --- writing YAML ---------------------------------------------------------------------


def _calls(work: Callable[[], Any]) -> int:
    """Return how many functions some work calls."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "make",
    [
        lambda n: [{"id": i, "name": f"Ship {i}: 'x'", "ok": True} for i in range(n)],
        lambda n: {f"key {i}": [i, [], "yes"] for i in range(n)},
        lambda n: ["a\nb\n" * n],
        lambda n: "\x07\"'" * n,
    ],
)
def test_writing_yaml_takes_few_calls_for_each_value(make: Callable[..., Any]) -> None:
    """Forty calls for a record; the emitter that was used before took two thousand."""
    few, many = (_calls(lambda n=n: write_yaml(make(n))) for n in (100, 200))
    assert many <= 2.2 * few
    assert many <= 200 * 70


def test_depth_of_yaml_is_no_matter() -> None:
    """JSON of any depth that can be read is written as YAML."""
    value: Any = {}
    for _ in range(900):
        value = {"a": value}
    assert write_yaml(value).count("\n") == 899


def test_refusal_of_large_values_belongs_to_the_package() -> None:
    error = offload.TooLarge(10, 5)
    assert isinstance(error, CallError)
    assert (error.size, error.most) == (10, 5)
