"""MCP adapters of the shipped files; `test_corpus_served` tests published files."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, validate

import naftiko
from naftiko.errors import DocumentError
from naftiko.exposes.engine import Engine
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub
from support.mcping import MODERN, asking, wire
from support.shared import CAPABILITIES

SHIPPED = [p for p in sorted(CAPABILITIES.glob("*.yaml")) if p.stem != "broken"]


def adapters(file: Path, answer: Any = None) -> list[McpApp]:
    """Return every MCP adapter of a file, over an API with one constant answer."""
    try:
        capability = naftiko.load(file, schema=None, truncated="accept")
    except DocumentError:
        return []
    engine = Engine(capability, AsyncStub(answer))
    return [
        McpApp(engine, exposes, Options())
        for exposes in capability.exposes
        if exposes.type == "mcp"
    ]


def check(app: McpApp) -> int:
    """List the tools in both kinds of revision, check them, and return their number."""
    tools = asking(app, "tools/list")["result"]["tools"]
    newest = asking(app, "tools/list", None, MODERN)["result"]["tools"]
    assert [t["name"] for t in newest] == [t["name"] for t in tools]
    assert len({t["name"] for t in tools}) == len(tools)
    for tool in tools:
        assert tool["description"]
        Draft202012Validator.check_schema(tool["inputSchema"])
        Draft202012Validator.check_schema(tool.get("outputSchema", {}))
        required = tool["inputSchema"].get("required", [])
        assert set(required) <= set(tool["inputSchema"].get("properties", {}))
    return len(tools)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_tools_of_shipped_files_have_valid_schemas(file: Path) -> None:
    """JSON Schema: input and output schemas of each listed tool are valid."""
    for app in adapters(file):
        check(app)


ANSWERS = [
    Response(
        200, {"Content-Type": "application/json"}, b'{"id": 1, "data": [{"a": null}]}'
    ),
    Response(
        200, {"Content-Type": "application/json"}, b'[{"name": 5, "Id": true}, null]'
    ),
    Response(200, {"Content-Type": "text/html"}, b"<p>Not JSON</p>"),
    Response(204),
    Response(500, {"Content-Type": "application/json"}, b'{"message": "boom"}'),
]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
@pytest.mark.parametrize(
    "answer", ANSWERS, ids=["object", "list", "html", "none", "500"]
)
def test_results_of_shipped_tools_match_their_output_schemas(
    file: Path, answer: Response
) -> None:
    """Structured content matches the output schema for any answer of an API."""
    for app in adapters(file, answer):
        call_everything(app)


def call_everything(app: McpApp) -> None:
    """Call every tool once, with an example of every argument."""

    async def run() -> None:
        async with wire(app) as connection:
            for tool in (await connection.result("tools/list"))["tools"]:
                takes = tool["inputSchema"].get("properties", {})
                given = {name: _example(schema) for name, schema in takes.items()}
                params = {"name": tool["name"], "arguments": given}
                result = await connection.result("tools/call", params)
                if result["isError"]:
                    assert result["content"][0]["text"].startswith(tool["name"])
                elif "outputSchema" in tool:
                    validate(result["structuredContent"], tool["outputSchema"])
                json.dumps(result, allow_nan=False)

    asyncio.run(run())


def _example(schema: dict[str, Any]) -> Any:
    examples = {
        "integer": 1,
        "number": 1.5,
        "boolean": True,
        "array": ["a"],
        "object": {"a": 1},
    }
    return examples.get(schema.get("type", ""), "a")
