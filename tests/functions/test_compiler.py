"""Exposed functions: a case in `cases/runs/` is one tool, its requests and its value.

Run one with `pytest tests/functions/test_compiler.py -k "part of its name"`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

import naftiko
from support.casefiles import cases

CONSUMES = {
    "type": "http",
    "namespace": "api",
    "baseUri": "http://upstream.test",
    "resources": [
        {
            "name": "users",
            "path": "/users",
            "operations": [
                {"name": "list", "method": "GET"},
                {
                    "name": "create",
                    "method": "POST",
                    "body": {
                        "type": "json",
                        "data": {
                            "name": "{{tools.name}}",
                            "age": "{{tools.age}}",
                            "kind": "{{tools.kind}}",
                        },
                    },
                },
            ],
        },
        {
            "name": "profile",
            "path": "/users/{id}/profile",
            "operations": [
                {
                    "name": "profile",
                    "method": "GET",
                    "outputParameters": [
                        {"name": "region", "type": "string", "value": "$.region_code"}
                    ],
                }
            ],
        },
        {
            "name": "echo",
            "path": "/echo/{{region}}",
            "operations": [{"name": "echo", "method": "GET"}],
        },
        {
            "name": "crew",
            "path": "/crew",
            "operations": [{"name": "crew", "method": "GET"}],
        },
        {
            "name": "raw",
            "path": "/raw",
            "operations": [{"name": "raw", "method": "POST"}],
        },
        {
            "name": "table",
            "path": "/table",
            "operations": [
                {"name": "table", "method": "GET", "outputRawFormat": "csv"}
            ],
        },
        {
            "name": "undecodable",
            "path": "/undecodable",
            "operations": [
                {"name": "undecodable", "method": "POST", "outputRawFormat": "avro"}
            ],
        },
        {
            "name": "search",
            "path": "/search",
            "operations": [
                {
                    "name": "search",
                    "method": "GET",
                    "inputParameters": [
                        {"name": "q", "in": "query"},
                        {"name": "limit", "in": "query"},
                        {"name": "sort", "in": "query"},
                    ],
                }
            ],
        },
    ],
}
AGGREGATE = {
    "label": "Aggregate",
    "namespace": "agg",
    "functions": [
        {
            "name": "hello",
            "description": "Greet.",
            "inputParameters": [
                {"name": "name", "type": "string", "description": "Whom."}
            ],
            "outputParameters": [
                {"name": "message", "type": "string", "value": "Hello, {{name}}!"},
                {"name": "source", "type": "string", "value": "aggregate-mock"},
            ],
        },
        {
            "name": "find",
            "description": "Find.",
            "call": "api.search",
            "with": {"q": "agg.voyage"},
        },
    ],
}


def capability(
    tool: Any, answers: Any = None, **more: Any
) -> tuple[naftiko.Capability, list[str]]:
    """Return a capability with one tool, `t.unit`, and a list of requests to come."""
    sent: list[str] = []

    def answer(request: naftiko.Request) -> naftiko.Response:
        path = request.url.removeprefix("http://upstream.test")
        body = f" {request.body.decode()}" if isinstance(request.body, bytes) else ""
        sent.append(f"{request.method} {path}{body}")
        found = (answers or {}).get(f"{request.method} {path}", {})
        if isinstance(found, dict) and "text" in found:
            return naftiko.Response(200, {}, found["text"].encode())
        status, content = 200, found
        if isinstance(found, dict) and "status" in found:
            status, content = found["status"], found["body"]
        return naftiko.Response(
            status, {"Content-Type": "application/json"}, json.dumps(content).encode()
        )

    data = {
        "naftiko": "1.0.0-alpha2",
        "capability": {
            "consumes": [CONSUMES],
            "aggregates": [AGGREGATE],
            "exposes": [
                {
                    "type": "mcp",
                    "namespace": "t",
                    "port": 3000,
                    "tools": [{"name": "unit", "description": "x", **tool}],
                }
            ],
        },
        **more,
    }
    transport = naftiko.StubTransport(answer)
    return naftiko.load(data, schema=None, transport=transport), sent


@pytest.mark.parametrize("case", cases("functions/cases/runs"))
def test_tool_sends_and_gives(case: Any) -> None:
    """A tool sends the requests of its case, and gives the value of it."""
    loaded, sent = capability(case["tool"], case.get("answers", {}))
    if "error" in case:
        with pytest.raises(naftiko.CallError, match=case["error"].replace(".", r"\.")):
            loaded.invoke("t.unit", case.get("given"))
        return
    value = loaded.invoke("t.unit", case.get("given"))
    if "value" in case:
        assert value == case["value"]
    if "sent" in case:
        assert sent == case["sent"]


def test_wrong_arguments_are_named_together() -> None:
    """Missing, unknown and ill-typed arguments stand in one error; nothing is sent."""
    loaded, sent = capability(
        {
            "call": "api.profile",
            "inputParameters": [
                {"name": "id", "type": "string", "description": "d", "required": True},
                {"name": "n", "type": "integer", "description": "d"},
                {"name": "p", "type": "string", "description": "d", "pattern": "^a+$"},
            ],
        }
    )
    with pytest.raises(naftiko.ArgumentError) as caught:
        loaded.invoke("t.unit", {"n": "x", "p": "b", "zz": 1})
    for name in ("id", "n", "p", "zz"):
        assert f"'{name}'" in caught.value.message
    assert caught.value.missing == ("id",)
    assert caught.value.unknown == ("zz",)
    assert sent == []


def test_variables_of_with_are_secret() -> None:
    """A variable that reaches a request through `with` is masked like any other."""
    loaded, sent = capability(
        {"call": "api.search", "with": {"q": "{{TOKEN}}", "sort": "env.TOKEN"}},
        {"GET /search?q=s3cr3t&sort=s3cr3t": {"status": 500, "body": "no s3cr3t"}},
        binds=[{"namespace": "env", "keys": {"TOKEN": "TOKEN"}}],
    )
    with pytest.raises(naftiko.StatusError) as caught:
        loaded.using(variables={"TOKEN": "s3cr3t"}).invoke("t.unit")
    assert sent == ["GET /search?q=s3cr3t&sort=s3cr3t"]
    error = caught.value
    assert "s3cr3t" not in str(error)
    assert "s3cr3t" not in repr(error.request)


def test_an_argument_cannot_stand_for_a_variable() -> None:
    """An argument of a caller never fills a bind variable (spec 12.3, weakness 38)."""
    loaded, _ = capability(
        {"call": "api.search", "with": {"q": "{{TOKEN}}"}},
        binds=[{"namespace": "env", "keys": {"TOKEN": "NO_SUCH_NAME_HERE"}}],
    )
    with pytest.raises(naftiko.ArgumentError):
        loaded.invoke("t.unit", {"TOKEN": "mine"})
    with pytest.raises(naftiko.UnboundVariable):
        loaded.invoke("t.unit")


def test_safe_steps_that_need_nothing_of_each_other_share_a_stage() -> None:
    """Reads travel together; a change, or a reference, waits for what is before it."""
    loaded, _ = capability(
        {
            "steps": [
                {"type": "call", "name": "a", "call": "api.list"},
                {"type": "call", "name": "b", "call": "api.crew"},
                {
                    "type": "call",
                    "name": "c",
                    "call": "api.echo",
                    "with": {"region": "{{a.x}}"},
                },
                {"type": "call", "name": "d", "call": "api.raw"},
                {"type": "call", "name": "e", "call": "api.list"},
            ]
        }
    )
    run = loaded.functions.find("t.unit").run({}, lambda name: name)
    asked = next(run)
    stages = []
    try:
        while True:
            stages.append([call.step for call in asked])
            replies = [naftiko_reply(loaded, call, {"x": call.step}) for call in asked]
            asked = run.send(replies)
    except StopIteration:
        pass
    assert stages == [["a", "b"], ["c"], ["d"], ["e"]]


def naftiko_reply(loaded: naftiko.Capability, call: Any, value: Any) -> Any:
    """Return the reply of an upstream that answers every call with a value."""
    from naftiko.functions.runs import Reply

    body = json.dumps(value).encode()
    return Reply(loaded.request_for(call), naftiko.Response(200, {}, body))


def test_a_script_between_calls(tmp_path: Any) -> None:
    """A script sees arguments and outputs of steps; its result is seen like theirs."""
    (tmp_path / "count.js").write_text(
        "result = {n: context.users.length, of: context.who, x: context.extra}"
    )
    script = {"file": "count.js", "language": "javascript"}
    loaded, sent = capability(
        {
            "inputParameters": [{"name": "who", "type": "string", "description": "d"}],
            "steps": [
                {"type": "call", "name": "users", "call": "api.list"},
                {
                    "type": "script",
                    "name": "sum",
                    "location": tmp_path.as_uri(),
                    "with": {"extra": "{{who}}!"},
                    **script,
                },
                {
                    "type": "call",
                    "name": "found",
                    "call": "api.search",
                    "with": {"limit": "{{sum.n}}"},
                },
            ],
            "mappings": [{"targetName": "sum", "value": "$.sum"}],
        },
        {"GET /users": [1, 2, 3]},
    )
    value = loaded.invoke("t.unit", who="me")
    assert value == {"sum": {"n": 3, "of": "me", "x": "me!"}}
    assert sent == ["GET /users", "GET /search?limit=3"]


def test_function_is_found_by_a_clear_name() -> None:
    """A bare name does where it is clear; an unknown one names the nearest."""
    loaded, _ = capability({"call": "api.list"})
    assert loaded.invoke("unit") == {}
    with pytest.raises(naftiko.UnknownFunction, match=r"nearest: t\.unit"):
        loaded.invoke("t.unot")


def test_malformed_name_or_arguments_are_refused() -> None:
    """A name that is no text, or arguments that are no mapping, send nothing."""
    loaded, sent = capability({"call": "api.list"})
    with pytest.raises(naftiko.UnknownFunction, match="'5'"):
        loaded.invoke(5)  # type: ignore[arg-type]
    for given in ([1], "x", 0):
        with pytest.raises(naftiko.ArgumentError, match="mapping"):
            loaded.invoke("t.unit", given)  # type: ignore[arg-type]
    assert sent == []


SHAPE = [{"type": "object", "properties": {"a": {"type": "string", "mapping": "$.a"}}}]


@pytest.mark.parametrize(
    "tool",
    [
        {"call": "api.undecodable"},
        {"call": "api.undecodable", "outputParameters": SHAPE},
        {"steps": [{"type": "call", "name": "one", "call": "api.undecodable"}]},
    ],
    ids=["simple", "shaped", "steps"],
)
def test_call_with_an_undecodable_response_is_not_sent(tool: Any) -> None:
    """Otherwise the call would take effect, and only its result would be lost."""
    loaded, sent = capability(tool)
    with pytest.raises(naftiko.OutputError, match="avro") as caught:
        loaded.invoke("t.unit")
    assert sent == []
    assert caught.value.step == ("one" if "steps" in tool else "")
