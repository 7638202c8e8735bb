"""MCP adapters for tests, and a client that shows each message on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.exposes.serve.lines import StdioSession
from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub

HANDSHAKES = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
REVISIONS = (*HANDSHAKES, MODERN)
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}

CONSUMES: dict[str, Any] = {
    "type": "http",
    "namespace": "api",
    "baseUri": "http://upstream.test",
    "resources": [
        {
            "name": "ships",
            "path": "/ships",
            "operations": [
                {
                    "name": "list",
                    "method": "GET",
                    "description": "List ships.",
                    "inputParameters": [
                        {"name": "flag", "in": "query", "description": "Country."},
                        {"name": "limit", "in": "query", "type": "integer"},
                        {"name": "sunk", "in": "query", "type": "boolean"},
                    ],
                },
                {
                    "name": "build",
                    "method": "POST",
                    "body": {"type": "json", "data": {"name": "{{name}}"}},
                },
            ],
        },
        {
            "name": "ship",
            "path": "/ships/{id}",
            "operations": [
                {"name": "get", "method": "GET"},
                {"name": "scrap", "method": "DELETE"},
            ],
        },
        {
            "name": "crew",
            "path": "/crew",
            "operations": [{"name": "crew", "method": "GET"}],
        },
        {
            "name": "notes",
            "path": "/notes",
            "operations": [
                {"name": "notes", "method": "GET", "outputRawFormat": "text"}
            ],
        },
        {
            "name": "vessels",
            "path": "/vessels",
            "operations": [
                {"name": "vessels", "method": "GET", "outputRawFormat": "xml"}
            ],
        },
        {
            "name": "secret",
            "path": "/secret",
            "operations": [
                {
                    "name": "secret",
                    "method": "GET",
                    "inputParameters": [
                        {"name": "X-Key", "in": "header", "value": "{{API_KEY}}"}
                    ],
                }
            ],
        },
    ],
}
#: A tool, a resource and a prompt of an adapter.
CREW = {"name": "crew", "description": "The crew.", "call": "api.crew"}
SHIP = {
    "name": "ship",
    "uri": "ships://{id}",
    "description": "A ship.",
    "call": "api.get",
}
PROMPT = {"name": "plan", "template": [{"role": "user", "content": "Plan."}]}
BINDS = [{"namespace": "env", "keys": {"API_KEY": "NAFTIKO_TEST_API_KEY"}}]


def document(**adapter: Any) -> dict[str, Any]:
    """Return a document with one MCP adapter `fleet` that has the given keys."""
    return {
        "naftiko": "1.0.0-alpha2",
        "info": adapter.pop("info", {"label": "Fleet", "description": "Ships."}),
        "binds": BINDS,
        "capability": {
            "consumes": [CONSUMES],
            "aggregates": adapter.pop("aggregates", []),
            "exposes": [{"type": "mcp", "namespace": "fleet", "port": 3010, **adapter}],
        },
    }


def parts(source: Any, upstream: AsyncStub) -> tuple[Engine, Any]:
    """Return the engine and the first adapter of a document."""
    capability = naftiko.load(source, schema=None)
    return Engine(capability, upstream), capability.exposes[0]


def mcp_app(
    answer: Any = None, *, options: Options = Options(), **adapter: Any
) -> tuple[McpApp, AsyncStub]:
    """Return an MCP adapter and the stub of its upstream API; see `document`."""
    upstream = AsyncStub(answer)
    return McpApp(*parts(document(**adapter), upstream), options), upstream


def reload(app: McpApp, **adapter: Any) -> None:
    """Replace the document of an MCP adapter by a new one; see `document`."""
    app.replace(app.prepare(*parts(document(**adapter), AsyncStub())))


def hello(app: McpApp, revision: str) -> Any:
    """Return the result of `initialize` for a client of an MCP revision."""

    async def run() -> Any:
        spoken = revision if revision in HANDSHAKES else HANDSHAKES[-1]
        async with wire(app, spoken) as connection:
            return await connection.result(
                "initialize",
                {
                    "protocolVersion": revision,
                    "capabilities": {},
                    "clientInfo": {"name": "again", "version": "1"},
                },
            )

    return asyncio.run(run())


def answering(answers: Any) -> Any:
    """Return an answer function: `METHOD /path?query` → response, or else 404.

    A value is the JSON of the body, or a mapping with `status`, `text`, `bytes` or
    `type`. An exception is raised.
    """

    def answer(request: naftiko.Request) -> Any:
        target = request.url.removeprefix("http://upstream.test")
        answered = answers.get(f"{request.method} {target}", _NOTHING)
        if isinstance(answered, Exception):
            return answered
        kind, status, content = "application/json", 200, answered
        if isinstance(answered, dict) and answered.keys() & {"status", "text", "bytes"}:
            status = answered.get("status", 200)
            kind = answered.get("type", "text/plain" if "text" in answered else kind)
            content = answered.get("body")
        if isinstance(answered, dict) and "text" in answered:
            body = answered["text"].encode()
        elif isinstance(answered, dict) and "bytes" in answered:
            body = bytes.fromhex(answered["bytes"])
        else:
            body = b"" if content is None else json.dumps(content).encode()
        reason = {404: "Not Found", 500: "Internal Server Error"}.get(status, "")
        return Response(status, {"Content-Type": kind}, body, reason=reason)

    return answer


_NOTHING = {"status": 404, "body": {"message": "no such thing"}}


class Wire:
    """A client connection to an MCP server, message by message.

    Attributes:
        notifications: Messages that arrived before an answer.
    """

    def __init__(
        self,
        lines: asyncio.Queue[bytes],
        written: asyncio.Queue[bytes],
        revision: str,
    ) -> None:
        self._lines = lines
        self._written = written
        self._number = 0
        self.revision = revision
        self.notifications: list[dict[str, Any]] = []

    async def post(self, message: dict[str, Any]) -> None:
        """Send one JSON-RPC message."""
        text = json.dumps({"jsonrpc": "2.0", **message})
        self._lines.put_nowait(text.encode())

    async def next(self) -> dict[str, Any]:
        """Return the next message as it is on the wire."""
        async with asyncio.timeout(5):
            line = await self._written.get()
        assert line.endswith(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    async def start(self, method: str, params: Any = None) -> int:
        """Send a request and return its id."""
        self._number += 1
        if self.revision == MODERN:
            params = {**(params or {})}
            params["_meta"] = {**_META, **params.get("_meta", {})}
        message: dict[str, Any] = {"id": self._number, "method": method}
        if params is not None:
            message["params"] = params
        await self.post(message)
        return self._number

    async def answer(self, number: int) -> dict[str, Any]:
        """Return the answer to a request; record the notifications before it."""
        while True:
            message = await self.next()
            if message.get("id") == number:
                return message
            self.notifications.append(message)

    async def ask(self, method: str, params: Any = None) -> dict[str, Any]:
        """Send a request and return its answer, with `result` or `error`."""
        return await self.answer(await self.start(method, params))

    async def result(self, method: str, params: Any = None) -> Any:
        """Send a request and return its result; fail if the answer is an error."""
        answer = await self.ask(method, params)
        assert "result" in answer, answer
        return answer["result"]


@asynccontextmanager
async def wire(
    app: McpApp, revision: str = "2025-11-25", *, says_hello: bool = True
) -> AsyncIterator[Wire]:
    """Connect a client to an MCP adapter, with a handshake for older revisions."""
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    written: asyncio.Queue[bytes] = asyncio.Queue()

    async def given() -> AsyncIterator[bytes]:
        while True:
            yield await lines.get()

    def take(line: bytes) -> int:
        written.put_nowait(line)
        return len(line)

    talk = StdioSession(app.server, Options(), app.drain, 0)
    async with app.attached():
        running = asyncio.create_task(talk.run(given(), lambda line: None, take))
        connection = Wire(lines, written, revision)
        if says_hello and revision != MODERN:
            hello = await connection.result(
                "initialize",
                {
                    "protocolVersion": revision,
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                },
            )
            assert hello["protocolVersion"] == revision
            await connection.post({"method": "notifications/initialized"})
        try:
            yield connection
        finally:
            running.cancel()
            await asyncio.wait([running])


def asking(
    app: McpApp, method: str, params: Any = None, revision: str = "2025-11-25"
) -> dict[str, Any]:
    """Connect to an MCP adapter, send one request and return its answer."""

    async def run() -> dict[str, Any]:
        async with wire(app, revision) as connection:
            return await connection.ask(method, params)

    return asyncio.run(run())
