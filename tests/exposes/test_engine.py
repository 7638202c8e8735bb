"""`Engine`: runs of functions whose upstream calls are asynchronous and concurrent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.http.callers import Caller
from naftiko.functions.plan import checked_arguments
from naftiko.transport.messages import Request, Response
from support.asgi_client import AsyncStub, OpenStub
from support.building import document
from support.casefiles import cases
from support.mcping import mcp_app
from support.tools import capability

#: Three steps that read, and are independent of each other.
THREE = {
    "steps": [
        {"type": "call", "name": "one", "call": "api.list"},
        {"type": "call", "name": "two", "call": "api.crew"},
        {"type": "call", "name": "three", "call": "api.search"},
    ]
}
PATHS = {"/users": "one", "/crew": "two", "/search": "three"}


def step_of(request: Request) -> str:
    """Return the name of the step that sent a request."""
    return PATHS[request.url.removeprefix("http://upstream.test")]


def running(
    tool: Any,
    answer: Callable[[Request], Any],
    given: dict[str, Any] | None = None,
    **more: Any,
) -> Any:
    """Run a tool against an upstream stub that answers with a function or coroutine."""
    loaded, _ = capability(tool)
    engine = Engine(loaded, AsyncStub(answer))
    plan = engine.functions.find("t.unit")
    values = checked_arguments(plan, given or {})

    async def main() -> Any:
        outcome = await asyncio.wait_for(engine.run(plan, values, **more), 10)
        return outcome.value

    return asyncio.run(main())


def given(value: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    body = json.dumps(value).encode()
    return Response(status, {"Content-Type": "application/json"}, body)


@pytest.mark.parametrize("case", cases("functions/cases/runs"))
def test_engine_gives_the_result_of_a_capability(case: Any) -> None:
    """Asynchronous runs give the values and requests of the synchronous test cases."""
    loaded, sent = capability(case["tool"], case.get("answers", {}))
    sync: Any = loaded._transport.get()

    class Transport:
        """Sends with the stub of the case after a short delay."""

        async def send(self, request: Request, *, timeout: Any) -> Response:
            # A later request is answered earlier.
            await asyncio.sleep(0.005 / (1 + len(sent)))
            response: Response = sync.send(request, timeout=timeout)
            return response

        async def close(self) -> None:
            """Close nothing: the stub has no connection."""

    engine = Engine(loaded, Transport())

    async def act() -> Any:
        plan = engine.functions.find("t.unit")
        values = checked_arguments(plan, case.get("given") or {})
        return (await engine.run(plan, values)).value

    if "error" in case:
        with pytest.raises(naftiko.CallError, match=case["error"].replace(".", r"\.")):
            asyncio.run(act())
        return
    value = asyncio.run(act())
    if "value" in case:
        assert value == case["value"]
    if "sent" in case:
        assert sorted(sent) == sorted(case["sent"])


def test_independent_steps_run_concurrently() -> None:
    """All independent steps send before one is answered; output keeps their order."""
    arrived: list[str] = []
    all_there = asyncio.Event()

    async def answer(request: Request) -> Response:
        arrived.append(step_of(request))
        if len(arrived) == 3:
            all_there.set()
        await all_there.wait()
        return given({"step": step_of(request)})

    mappings = [{"targetName": n, "value": f"$.{n}.step"} for n in PATHS.values()]
    value = running({**THREE, "mappings": mappings}, answer)
    assert value == {"one": "one", "two": "two", "three": "three"}
    assert list(value) == ["one", "two", "three"]


def test_step_waits_for_the_step_that_it_refers_to() -> None:
    """A step whose argument is another step's result is sent after that result."""
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(request.url.removeprefix("http://upstream.test"))
        await asyncio.sleep(0.01)
        asked.append("answered")
        return given({"x": 1})

    steps = [
        {"type": "call", "name": "a", "call": "api.list"},
        {"type": "call", "name": "b", "call": "api.search", "with": {"q": "{{a.x}}"}},
    ]
    told: list[tuple[int, int, str]] = []

    async def progress(done: int, total: int, steps: str) -> None:
        told.append((done, total, steps))

    running({"steps": steps}, answer, caller=Caller(progress=progress))
    assert asked == ["/users", "answered", "/search?q=1", "answered"]
    assert told == [(1, 2, "a"), (2, 2, "b")]


@pytest.mark.parametrize("late", ["one", "two"])
def test_error_names_the_first_failed_step_of_the_document(late: str) -> None:
    """Of two failed steps the first in the document is reported, not in time."""

    async def answer(request: Request) -> Response:
        step = step_of(request)
        if step == late:
            await asyncio.sleep(0.03)
        if step == "three":
            return given({})
        raise naftiko.TransportError(f"no {step}")

    with pytest.raises(naftiko.TransportError) as caught:
        running(THREE, answer)
    assert caught.value.message == "step 'one': no one"
    assert caught.value.step == "one"


def test_failed_status_names_its_step() -> None:
    """A status outside 200 to 299 stops the run; other steps may have succeeded."""

    def answer(request: Request) -> Response:
        return given({"message": "no crew"}, 404 if step_of(request) == "two" else 200)

    with pytest.raises(naftiko.StatusError, match=r"step 'two': .*no crew") as caught:
        running(THREE, answer)
    assert (caught.value.status, caught.value.step) == (404, "two")


@pytest.mark.parametrize("tool", [THREE, {"call": "api.list"}])
def test_cancelled_run_cancels_its_calls(tool: Any) -> None:
    """A caller that disconnects cancels every open call, and no step begins."""
    begun: list[str] = []
    ended: list[str] = []

    async def answer(request: Request) -> Response:
        begun.append(request.url)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(request.url)
        raise AssertionError("nobody waits")

    async def main() -> None:
        loaded, _ = capability(tool)
        engine = Engine(loaded, AsyncStub(answer))
        run = asyncio.ensure_future(engine.run(engine.functions.find("t.unit"), {}))
        while len(begun) < len(tool.get("steps", [0])):
            await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await asyncio.sleep(0)
        assert sorted(ended) == sorted(begun)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_cancelled_call_ends_the_run() -> None:
    """A run does not wait for a call that its transport cancelled."""

    async def answer(request: Request) -> Response:
        if step_of(request) == "two":
            raise asyncio.CancelledError
        return given({})

    with pytest.raises(asyncio.CancelledError):
        running(THREE, answer)


def test_unexpected_exception_is_not_swallowed() -> None:
    """An exception that is no `CallError` passes through unchanged."""

    def answer(request: Request) -> Response:
        raise KeyError(step_of(request))

    with pytest.raises(KeyError, match="one"):
        running(THREE, answer)


def test_trace_headers_do_not_replace_headers_of_the_document() -> None:
    """Trace headers go with every call, unless the call sets a header of that name."""
    seen: list[Any] = []

    def answer(request: Request) -> Response:
        seen.append((request.headers["traceparent"], request.headers["accept"]))
        return given({})

    trace = {"traceparent": "00-1-2-01", "Accept": "mine/x"}
    running(THREE, answer, caller=Caller(trace=trace))
    assert seen == [("00-1-2-01", "application/json, */*;q=0.5")] * 3


def test_variables_of_a_caller_hold_for_one_run() -> None:
    """Variables given to one run are not seen by concurrent or later runs."""
    loaded, _ = capability(
        {"call": "api.search", "with": {"q": "{{TOKEN}}"}},
        binds=[{"namespace": "env", "keys": {"TOKEN": "NO_SUCH_NAME_HERE"}}],
    )
    stub = AsyncStub()
    engine = Engine(loaded, stub)
    plan = engine.functions.find("t.unit")

    async def main() -> None:
        await asyncio.gather(
            *(engine.run(plan, {}, Caller({"TOKEN": f"t{n}"})) for n in range(5))
        )
        with pytest.raises(naftiko.UnboundVariable):
            await engine.run(plan, {})

    asyncio.run(main())
    assert sorted(r.url[-2:] for r in stub.requests) == ["t0", "t1", "t2", "t3", "t4"]


def test_script_runs_in_a_thread(tmp_path: Any) -> None:
    """A script does not block the event loop; other runs continue meanwhile."""
    script = "let n = 0; for (let i = 0; i < 30000; i++) { n += i } result = n"
    (tmp_path / "long.js").write_text(script)
    steps = [
        {
            "type": "script",
            "name": "long",
            "language": "javascript",
            "location": tmp_path.as_uri(),
            "file": "long.js",
        }
    ]
    loaded, _ = capability({"steps": steps})
    engine = Engine(loaded, AsyncStub())
    plan = engine.functions.find("t.unit")

    async def main() -> int:
        turns = 0
        run = asyncio.ensure_future(engine.run(plan, {}))
        while not run.done():
            turns += 1
            await asyncio.sleep(0.001)
        await run
        return turns

    threads = threading.active_count()
    assert asyncio.run(main()) > 3
    assert threading.active_count() <= threads + 1


def test_unresolved_call_is_refused() -> None:
    """A call that is declared nowhere raises `UnresolvedCall`; nothing is sent."""
    requests: list[Request] = []

    def answer(request: Request) -> Response:
        requests.append(request)
        return given({})

    with pytest.raises(naftiko.UnresolvedCall):
        running({"call": "api.nothing"}, answer)
    assert requests == []


def test_close_closes_the_transport() -> None:
    """`Engine.close` closes the transport and its connections."""
    closed: list[bool] = []

    class Transport(AsyncStub):
        """Records that it is closed."""

        async def close(self) -> None:
            closed.append(True)

    loaded, _ = capability({"call": "api.list"})
    asyncio.run(Engine(loaded, Transport()).close())
    assert closed == [True]


def test_endless_response_is_given_up_after_ten_timeouts() -> None:
    """A response that trickles without end is given up after ten times the timeout."""

    async def trickle(request: Request) -> Any:
        await asyncio.sleep(60)

    loaded, _ = capability(THREE)
    for timeout in (0.01, (0.001, 0.01)):
        engine = Engine(loaded, AsyncStub(trickle), timeout=timeout)
        plan = engine.functions.find("t.unit")
        with pytest.raises(naftiko.RequestTimeout) as caught:
            asyncio.run(engine.run(plan, {}))
        assert caught.value.step == "one"
        assert "no end of the response within 0.1 seconds" in caught.value.message


@pytest.mark.parametrize(("tool", "is_cut"), [("list", True), ("build", False)])
def test_request_that_may_change_something_is_not_cut_short(
    tool: str, is_cut: bool
) -> None:
    """Cutting an answer off would end the work of which it tells."""
    stub = OpenStub(b'{"n":1}\n', 0.03, b'{"n":2}\n')
    app, _ = mcp_app(tools=[{"name": tool, "call": f"api.{tool}", "description": "d"}])
    engine = Engine(app.server.served.engine.capability, stub, timeout=0.01)
    run = engine.run_excerpt(engine.functions.find(f"fleet.{tool}"), {})
    outcome, note = asyncio.run(run)
    assert note.startswith("The answer is still going on") is is_cut
    assert outcome.value == ([{"n": 1}] if is_cut else [{"n": 1}, {"n": 2}])


def test_step_needs_an_answer_that_ends() -> None:
    """A step that asks for an answer without end fails soon, and says why."""
    made = document({"inputParameters": [{"name": "follow", "in": "query"}]})
    call = {"type": "call", "name": "log", "call": "api.op", "with": {"follow": "true"}}
    tool = {"name": "t", "steps": [call], "mappings": []}
    made["capability"]["exposes"] = [{"type": "mcp", "namespace": "m", "tools": [tool]}]
    loaded = naftiko.load(made, schema=None)
    plan = loaded.functions.find("m.t")
    for parts, fault in (([b'{"n":1}\n', None], "no end within"), ([b'{"n":1}'], "")):
        engine = Engine(loaded, OpenStub(*parts), timeout=0.01)
        if not fault:
            asyncio.run(engine.run(plan, {}))
            continue
        with pytest.raises(naftiko.RequestTimeout, match=fault) as caught:
            asyncio.run(engine.run(plan, {}))
        assert caught.value.step == "log"
        assert caught.value.was_sent
