"""Published files are served, and each route and each tool is called once.

The arguments come from the OpenAPI description of a REST adapter, or from the list of
tools of an MCP adapter, each with a unique value. The expected upstream request is
derived here from the document and the dialect notes alone, without the code under test.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from jsonschema import Draft202012Validator

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from naftiko.spec.model import Function
from naftiko.transport.messages import Request, Response
from support.asgi_client import AsyncStub, asked
from support.expecting import BOUND, PLACEHOLDER, ExpectedRequest, UniqueValues, text_of
from support.mcping import wire
from support.shared import (
    CORPUS,
    corpus_files,
    needs_corpus,
    of_corpus,
    reachable,
    surface_files,
)

_JSON = {"Content-Type": "application/json"}
#: Responses of an API to a tool; the upstream request does not depend on them.
_ANSWERS = [
    Response(200, _JSON, b'{"id": 1, "data": [{"a": null}]}'),
    Response(200, _JSON, b'[{"name": 5, "Id": true}, null]'),
    Response(200, {"Content-Type": "text/html"}, b"<p>Not JSON</p>"),
    Response(204),
    Response(500, _JSON, b'{"message": "boom"}'),
]
#: Response bodies of an API to a route, in the formats that published files decode.
_BODIES = {"xml": b"<r/>", "csv": b"a\n1\n"}


def _loaded(file: Path) -> naftiko.Capability | None:
    """Load a file with a value for each variable; return `None` if it is refused."""
    try:
        plain = naftiko.load(reachable(file), schema=None)
    except naftiko.DocumentError:
        return None
    names = set(
        re.findall(r"\{\s*(?:env\.)?([A-Z][A-Z0-9_]*)\s*\}", file.read_text("utf-8"))
    )
    origins = ""
    for operation in plain:
        names |= operation.base_names | set(operation.layout.variables)
        origins += operation.base_uri[:60] + "\n"
    values = {
        name: "https://origin.test"
        if re.search(rf"^\W+(env\.)?{re.escape(name)}\b", origins, re.MULTILINE)
        else BOUND
        for name in names
    }
    return plain.using(variables=values)


# --- what a client gives --------------------------------------------------------------


# --- what has to reach the API --------------------------------------------------------


# --- REST -----------------------------------------------------------------------------


def _route(function: Function) -> tuple[str, str]:
    """Return method and shape of a route; the first of two equal routes is served."""
    path = "/" + function.url_path.removeprefix("/")
    return function.method.upper(), PLACEHOLDER.sub("{}", path)


class _Asked:
    """A request with a value for every argument in the OpenAPI of a route."""

    def __init__(self, function: Function, described: Mapping[str, Any]) -> None:
        values = UniqueValues()
        self.given: dict[str, Any] = {}
        self.method = function.method.upper()
        self.headers: dict[str, str] = {}
        self.body = b""
        query: list[tuple[str, str]] = []
        path, _, fixed = function.url_path.partition("?")
        for parameter in described.get("parameters", ()):
            name, place = parameter["name"], parameter["in"]
            # A parameter of any type outside the body is a text all the same.
            schema = parameter.get("schema", {"type": "object"})
            value = self.given[name] = values.of({"type": "string", **schema})
            if place == "path":
                pattern = r"\{\{?\s*" + re.escape(name) + r"\s*\}?\}"
                path, count = re.subn(pattern, text_of(value), path)
                assert count, f"{name} is not in {path}"
            elif place == "header":
                self.headers[name] = text_of(value)
            else:
                assert place == "query"
                items = value if isinstance(value, list) else [value]
                query += [(name, text_of(item)) for item in items]
        content = described.get("requestBody", {}).get("content", {})
        if content:
            schema = content["application/json"].get("schema", {})
            fields = schema.get("properties")
            if fields is None:
                declared = [p.name for p in function.inputs if p.in_ == "body"]
                whole = values.of({"type": schema.get("type", "object")})
                self.given[declared[0] if declared else "body"] = body = whole
            else:
                body = {name: values.of(about) for name, about in fields.items()}
                self.given |= body
            self.body = json.dumps(body).encode()
            self.headers["content-type"] = "application/json"
        encoded = "/" + quote(path.removeprefix("/"), safe="/:@!$&'()*+,;=~")
        self.target = encoded + "?" + "&".join(filter(None, [fixed, urlencode(query)]))


def _by_operation(capability: naftiko.Capability, function: Function) -> Any:
    """Return an OpenAPI description of a route with the parameters of its operation."""
    operation = capability.operations.resolve(function.call)
    placeholders = PLACEHOLDER.findall(function.url_path)
    parameters = [
        {
            "name": p.name,
            "in": "path" if p.name in placeholders else "query",
            "schema": {"type": p.type or "string"},
        }
        for p in (operation.parameters if operation else ())
    ]
    return {"parameters": parameters}


def _answer(request: Request) -> Response:
    kind = request.headers.get("Accept", "").partition(",")[0].partition("/")[2]
    return Response(200, {}, _BODIES.get(kind, b"{}"))


async def _ask_routes(capability: naftiko.Capability, exposes: Any) -> list[str]:
    upstream = AsyncStub(_answer)
    app = RestApp(Engine(capability, upstream), exposes, Options())
    description = (await asked(app, "GET", "/openapi.json")).json
    paths: dict[tuple[str, str], Any] = {}
    for path, item in description["paths"].items():
        for method, described in item.items():
            route = method.upper(), PLACEHOLDER.sub("{}", unquote(path))
            paths[route] = described
    seen: set[tuple[str, str]] = set()
    found: list[str] = []
    for function in exposes.functions:
        method, path = route = _route(function)
        if route in seen:
            continue
        seen.add(route)
        described = paths.pop((method, path.partition("?")[0]), None)
        if described is None:
            # OpenAPI cannot describe two routes that differ only in their query.
            assert "?" in path
            described = _by_operation(capability, function)
        request = _Asked(function, described)
        upstream.requests.clear()
        got = await asked(
            app, request.method, request.target, request.headers, request.body
        )
        where = f"{request.method} {request.target} {request.body!r}: {got.body!r}"
        found.append(
            _judged(capability, exposes, function, request.given, upstream, where)
        )
        if found[-1] == "sent":
            assert got.status == 200, where
        else:
            assert got.status == 501, where
            assert got.type == "application/problem+json"
            kind = got.json["type"].rpartition(":")[2]
            assert kind in ("unresolved-call", "unusable-operation"), where
    return found


def _judged(
    capability: naftiko.Capability, exposes: Any, function: Function,
    given: Mapping[str, Any], upstream: AsyncStub, where: str,
) -> str:  # fmt: skip
    """Check the upstream request; tell whether one was sent or the call was refused."""
    operation = capability.operations.resolve(function.call) if function.call else None
    if operation is None or operation.problems or _lacks_inputs(function, operation):
        assert upstream.requests == [], where
        return "refused"
    assert len(upstream.requests) == 1, where
    try:
        ExpectedRequest(function, operation, exposes.namespace, given).check(
            upstream.requests[0]
        )
    except AssertionError as error:
        sent = upstream.requests[0]
        error.add_note(
            f"{where}\ngiven: {given}\nsent: {sent.method} {sent.url} {sent.body!r}"
        )
        raise
    return "sent"


def _lacks_inputs(function: Function, operation: naftiko.Operation) -> bool:
    """Tell whether declared inputs leave out what the operation requires (U-input-missing)."""
    offered = {p.name for p in function.inputs} | set(function.with_ or {})
    offered |= {p.mapping.rpartition(".")[2] for p in function.inputs}
    offered |= set(PLACEHOLDER.findall(function.url_path))
    return bool(function.inputs) and not operation.layout.required <= offered


# --- MCP ------------------------------------------------------------------------------


async def _call_tools(capability: naftiko.Capability, exposes: Any) -> list[str]:
    turn = cycle(_ANSWERS)
    upstream = AsyncStub(lambda request: next(turn))
    app = McpApp(Engine(capability, upstream), exposes, Options())
    functions: dict[str, Function] = {}
    for function in exposes.functions:
        if function.kind == "tool":
            functions.setdefault(function.name, function)
    found = []
    async with wire(app) as connection:
        tools = (await connection.result("tools/list"))["tools"]
        assert [tool["name"] for tool in tools] == list(functions)
        for tool in tools:
            assert tool["description"]
            takes = tool["inputSchema"].get("properties", {})
            assert set(tool["inputSchema"].get("required", [])) <= set(takes)
            values = UniqueValues()
            given = {name: values.of(schema) for name, schema in takes.items()}
            _validator(tool["inputSchema"]).validate(given)
            upstream.requests.clear()
            params = {"name": tool["name"], "arguments": given}
            result = await connection.result("tools/call", params)
            json.dumps(result, allow_nan=False)
            function = functions[tool["name"]]
            where = f"{tool['name']}: {result}"
            found.append(_judged(capability, exposes, function, given, upstream, where))
            if found[-1] == "refused":
                assert result["isError"]
            if result["isError"]:
                assert result["content"][0]["text"].startswith(tool["name"])
            elif "outputSchema" in tool:
                _validator(tool["outputSchema"]).validate(result["structuredContent"])
    return found


def _validator(schema: Any) -> Draft202012Validator:
    return _checked(json.dumps(schema))


@cache
def _checked(text: str) -> Draft202012Validator:
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


# --- the files ------------------------------------------------------------------------


@needs_corpus
@pytest.mark.parametrize(
    "file",
    [
        of_corpus(file, str(file.relative_to(CORPUS)), number)
        for number, file in enumerate(corpus_files())
    ]
    + [
        of_corpus(file, str(file.relative_to(CORPUS.parent)), number, each=64)
        for number, file in enumerate(surface_files())
    ],
)
def test_every_route_and_tool_of_a_published_file_sends_its_declared_request(
    file: Path,
) -> None:
    """A call that can be resolved is sent as declared; all other calls are refused."""
    capability = _loaded(file)
    for exposes in capability.exposes if capability else ():
        if exposes.type == "rest":
            asyncio.run(_ask_routes(capability, exposes))
        elif exposes.type == "mcp":
            asyncio.run(_call_tools(capability, exposes))
