"""REST adapter: each case in `tests/exposes/rest/cases/` is one route and one request.

Keys of a case: `path`, `method`, `operation`, `resource`, `forward`, `adapter`,
`consumes`, `capability` and `variables` make the document; `ask`, `headers`, `send`
(as JSON) or `body` make the request; `answer` is the response of the upstream API. All
other keys are expectations.

Run one case with `pytest tests/exposes/rest/test_cases.py -k "part of its name"`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from naftiko.errors import RequestTimeout, TransportError
from naftiko.transport.messages import Response
from support.asgi_client import ask
from support.casefiles import cases
from support.serving import rest_app


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
    """A request gives the upstream calls and the response that the case expects."""
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
    for key, value in case.get("members", {}).items():
        assert problem[key] == value
    if "errors" in case:
        found = {error["name"]: error["detail"] for error in problem["errors"]}
        assert found.keys() == case["errors"].keys()
        for name, words in case["errors"].items():
            assert words in found[name]
