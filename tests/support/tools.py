"""A capability with one tool over an upstream that answers from a table."""

from __future__ import annotations

import json
from typing import Any

import pytest

import naftiko
from naftiko.functions.runs import Reply

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


def check_run(case: Any) -> None:
    """Run the tool of a case, and expect its requests, and its value or its error."""
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


def reply_to(loaded: naftiko.Capability, call: Any, value: Any) -> Reply:
    """Return the reply of an upstream that answers every call with a value."""
    body = json.dumps(value).encode()
    return Reply(loaded.request_for(call), naftiko.Response(200, {}, body))
