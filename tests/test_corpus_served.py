"""Published files, served: each route and each tool is called once.

The arguments come from the OpenAPI description of a REST adapter, or from the list of
tools of an MCP adapter, each with a unique value. The expected upstream request is
derived here from the document and the dialect notes alone, without the code under test.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

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
from support.mcping import wire
from support.shared import CORPUS, corpus_files, needs_corpus

_PLACEHOLDER = re.compile(r"\{\{?\s*([^{}]+?)\s*\}?\}")
_REFERENCE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_VARIABLE = re.compile(r"(?:env\.)?([A-Z][A-Z0-9_]*)")
_MISSING: Any = object()
#: What every variable holds that begins no base URI.
_BOUND = "bound"
_JSON = {"Content-Type": "application/json"}
#: What an API may answer to a tool; what was sent does not depend on it.
_ANSWERS = [
    Response(200, _JSON, b'{"id": 1, "data": [{"a": null}]}'),
    Response(200, _JSON, b'[{"name": 5, "Id": true}, null]'),
    Response(200, {"Content-Type": "text/html"}, b"<p>Not JSON</p>"),
    Response(204),
    Response(500, _JSON, b'{"message": "boom"}'),
]
#: What it answers to a route, in the formats that published files decode.
_BODIES = {"xml": b"<r/>", "csv": b"a\n1\n"}


def _loaded(file: Path) -> naftiko.Capability | None:
    """Load a file and give every variable a value; `None` if nothing in it can run."""
    try:
        plain = naftiko.load(file, schema=None)
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
        else _BOUND
        for name in names
    }
    return plain.using(variables=values)


# --- what a client gives --------------------------------------------------------------


class _Values:
    """Gives each argument a unique value."""

    def __init__(self) -> None:
        self._number = 0

    def of(self, schema: Mapping[str, Any]) -> Any:
        """Return a value of a type."""
        self._number += 1
        number = 1000 + self._number
        values = {
            "integer": number,
            "number": number + 0.5,
            "boolean": True,
            "array": [f"item-{number}", f"other-{number}"],
            "object": {"member": f"inner-{number}"},
        }
        # Of no type is a body that nobody describes.
        return values.get(schema.get("type", "object"), f"text-{number}")


# --- what has to reach the API --------------------------------------------------------


class _Wanted:
    """The request that a unit has to send for given arguments, by the document."""

    def __init__(
        self,
        function: Function,
        operation: naftiko.Operation,
        namespace: str,
        given: Mapping[str, Any],
    ) -> None:
        self._given = given
        self._operation = operation
        words = ("tools", "rest", re.escape(namespace))
        self._argument = re.compile(rf"(?:{'|'.join(words)})\.(.+)", re.DOTALL)
        self._with = dict(function.with_ or {})
        for declared in function.inputs:
            # Dialect 7.2: the last segment is the target, the first its place.
            if declared.mapping:
                target = declared.mapping.rpartition(".")[2]
                self._with.setdefault(target, f"tools.{declared.name}")

    def value(self, name: str) -> Any:
        """Return the value that a parameter of the operation gets."""
        if name in self._with:
            return self._resolved(self._with[name])
        return self._given.get(name, _MISSING)

    def _resolved(self, written: Any) -> Any:
        if isinstance(written, dict):
            found = {key: self._resolved(value) for key, value in written.items()}
            return {key: value for key, value in found.items() if value is not _MISSING}
        if isinstance(written, list):
            found_items = [self._resolved(value) for value in written]
            return [value for value in found_items if value is not _MISSING]
        if not isinstance(written, str):
            return written
        if argument := self._argument.fullmatch(written):
            return self._given.get(argument[1], _MISSING)
        if re.fullmatch(r"env\.[A-Z][A-Z0-9_]*", written):
            return _BOUND
        return self._filled(written, lambda name: self._given.get(name, _MISSING))

    def _filled(self, text: str, lookup: Callable[[str], Any]) -> Any:
        """Fill the references of a text; one that is all of it keeps its type."""

        def found(reference: str) -> Any:
            if argument := self._argument.fullmatch(reference):
                return lookup(argument[1])
            return _BOUND if _VARIABLE.fullmatch(reference) else lookup(reference)

        if alone := _REFERENCE.fullmatch(text):
            return found(alone[1])
        return _REFERENCE.sub(lambda match: _text(found(match[1])), text)

    def path(self) -> str:
        """Return the end of the path, decoded."""

        def filled(match: re.Match[str]) -> str:
            variable = _VARIABLE.fullmatch(match[1])
            # Dialect 5.3: an argument of that name, then the variable.
            value = self.value(variable[1] if variable else match[1])
            if value is _MISSING and variable:
                return _BOUND
            assert value is not _MISSING, f"nothing fills the placeholder {match[1]}"
            return _text(value)

        path = self._operation.path.partition("?")[0].partition("#")[0]
        return unquote(_PLACEHOLDER.sub(filled, path))

    def query(self) -> list[tuple[str, str]]:
        """Return the query: the constant part, then the declared parameters."""
        fixed = self._operation.path.partition("?")[2].partition("#")[0]
        found = parse_qsl(fixed, keep_blank_values=True)
        for parameter in self._declared("query"):
            value = self.value(parameter)
            for item in value if isinstance(value, list) else [value]:
                if item is not _MISSING:
                    found.append((parameter, _text(item)))
        return found

    def headers(self) -> dict[str, str]:
        """Return the headers that arguments fill."""
        values = {name: self.value(name) for name in self._declared("header")}
        return {n: _text(v) for n, v in values.items() if v is not _MISSING}

    def _declared(self, place: str) -> list[str]:
        spec = self._operation.spec
        names = [p.name for p in spec.parameters if p.in_ == place]
        return list(dict.fromkeys(names))

    def check_body(self, body: bytes) -> None:
        """Compare the body that was sent with that of the document."""
        described = self._operation.spec.body
        if described is None:
            assert body == b""
        elif described.fields:
            _check_json(body, self._from_fields(described.fields))
        elif (
            described.kind == "json"
            and described.data
            and not isinstance(described.data, str)
        ):
            _check_json(body, self._from_template(described.data))
        elif described.is_open:
            _check_json(body, self._from_argument(described.data))
        else:
            for name in self._named(described.data):
                value = self.value(name)
                for item in value if isinstance(value, list) else [value]:
                    if isinstance(item, (str, int)) and not isinstance(item, bool):
                        assert _text(item).encode() in body, name

    def _from_fields(self, fields: Sequence[Any]) -> Any:
        """Return the JSON of `in: body` parameters (dialect 6.2)."""
        wanted = {
            field.name: self._template(field.value)
            if field.value is not None
            else self.value(field.name)
            for field in fields
        }
        first = fields[0]
        is_whole = first.name in ("body", "data") and first.type in ("object", "array")
        if len(fields) == 1 and is_whole:
            return wanted[first.name]
        return {n: value for n, value in wanted.items() if value is not _MISSING}

    def _from_template(self, data: Any) -> Any:
        """Return the JSON of a template (dialect 6.4)."""
        wanted = self._template(data)
        named = self._named(data)
        for key in data if isinstance(data, dict) else ():
            # A key that is no reference is overridden by its target.
            if key in self._with and key not in named:
                value = self.value(key)
                wanted |= {} if value is _MISSING else {key: value}
        return wanted

    def _from_argument(self, data: Any) -> Any:
        """Return the JSON of a body that the document does not describe (6.1)."""
        wanted = self.value("body")
        if wanted is _MISSING and data == {}:
            wanted = {}
        if more := self._unused():
            wanted = {**(wanted if isinstance(wanted, dict) else {}), **more}
        return wanted

    def _template(self, data: Any) -> Any:
        if isinstance(data, dict):
            found = {key: self._template(value) for key, value in data.items()}
            return {key: value for key, value in found.items() if value is not _MISSING}
        if isinstance(data, list):
            items = [self._template(value) for value in data]
            return [item for item in items if item is not _MISSING]
        return self._filled(data, self.value) if isinstance(data, str) else data

    def _named(self, data: Any) -> list[str]:
        """Return the arguments that a body refers to."""
        names = []
        for reference in _REFERENCE.findall(json.dumps(data, ensure_ascii=False)):
            argument = self._argument.fullmatch(reference)
            if argument or not _VARIABLE.fullmatch(reference):
                names.append(argument[1] if argument else reference)
        return names

    def _unused(self) -> dict[str, Any]:
        """Return the entries of `with` that the operation does not declare."""
        known = {p.name for p in self._operation.spec.parameters}
        known |= set(_PLACEHOLDER.findall(self._operation.path)) | {"body"}
        found = {n: self.value(n) for n in self._with if n not in known}
        return {n: v for n, v in found.items() if v is not _MISSING}

    def check(self, request: Request) -> None:
        """Compare a request with the expected one."""
        assert request.method == self._operation.method
        url = urlsplit(request.url)
        path = self.path()
        assert path == "/" or unquote(url.path).endswith(path), path
        key = {c.name for c in _credentials(self._operation) if c.in_ == "query"}
        sent = parse_qsl(url.query, keep_blank_values=True)
        assert sorted(p for p in sent if p[0] not in key) == sorted(
            p for p in self.query() if p[0] not in key
        )
        for name, text in self.headers().items():
            assert request.headers[name] == text
        body = request.body
        self.check_body(body if isinstance(body, bytes) else b"")


def _credentials(operation: naftiko.Operation) -> Any:
    authentication = operation.spec.consumes.authentication
    return authentication.credentials if authentication else ()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def _check_json(body: bytes, wanted: Any) -> None:
    sent = json.loads(body) if body else _MISSING
    assert sent == wanted


# --- REST -----------------------------------------------------------------------------


def _route(function: Function) -> tuple[str, str]:
    """Return method and shape of a route; the first of two equal ones is served."""
    path = "/" + function.url_path.removeprefix("/")
    return function.method.upper(), _PLACEHOLDER.sub("{}", path)


class _Asked:
    """A request that gives every argument that the description of a route names."""

    def __init__(self, function: Function, described: Mapping[str, Any]) -> None:
        values = _Values()
        self.given: dict[str, Any] = {}
        self.method = function.method.upper()
        self.headers: dict[str, str] = {}
        self.body = b""
        query: list[tuple[str, str]] = []
        path, _, fixed = function.url_path.partition("?")
        for parameter in described.get("parameters", ()):
            name, place = parameter["name"], parameter["in"]
            schema = parameter.get("schema") or {"type": "object"}
            value = self.given[name] = values.of(schema)
            if place == "path":
                pattern = r"\{\{?\s*" + re.escape(name) + r"\s*\}?\}"
                path, count = re.subn(pattern, _text(value), path)
                assert count, f"{name} is not in {path}"
            elif place == "header":
                self.headers[name] = _text(value)
            else:
                assert place == "query"
                items = value if isinstance(value, list) else [value]
                query += [(name, _text(item)) for item in items]
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
    """Return a description of a route that takes what its operation takes."""
    operation = capability.operations.resolve(function.call)
    placeholders = _PLACEHOLDER.findall(function.url_path)
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
            route = method.upper(), _PLACEHOLDER.sub("{}", unquote(path))
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
            # OpenAPI has no place for a second route that differs in its query only.
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
    """Check what was sent; tell whether anything had to be."""
    operation = capability.operations.resolve(function.call) if function.call else None
    if operation is None or operation.problems:
        assert upstream.requests == [], where
        return "refused"
    assert len(upstream.requests) == 1, where
    try:
        _Wanted(function, operation, exposes.namespace, given).check(
            upstream.requests[0]
        )
    except AssertionError as error:
        sent = upstream.requests[0]
        error.add_note(
            f"{where}\ngiven: {given}\nsent: {sent.method} {sent.url} {sent.body!r}"
        )
        raise
    return "sent"


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
            values = _Values()
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
    "file", [pytest.param(f, id=str(f.relative_to(CORPUS))) for f in corpus_files()]
)
def test_every_route_and_tool_of_a_published_file_sends_what_it_declares(
    file: Path,
) -> None:
    """A call that can be resolved is sent as declared; all others are refused."""
    capability = _loaded(file)
    for exposes in capability.exposes if capability else ():
        if exposes.type == "rest":
            asyncio.run(_ask_routes(capability, exposes))
        elif exposes.type == "mcp":
            asyncio.run(_call_tools(capability, exposes))
