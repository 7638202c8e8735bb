"""The list of tools of a large document."""

from __future__ import annotations

import json
from typing import Any

import pytest

import naftiko
from naftiko.exposes import engine
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from support.asgi_client import AsyncStub, OpenStub
from support.mcping import asking, document, parts
from support.shared import CAPABILITIES


def _docker(options: Options, answer: Any = None) -> McpApp:
    from naftiko.exposes.engine import Engine

    capability = naftiko.load(CAPABILITIES / "docker.yaml")
    exposes = next(e for e in capability.exposes if e.type == "mcp")
    return McpApp(Engine(capability, AsyncStub(answer)), exposes, options)


_N = {"type": "object", "properties": {"n": {"type": "number", "mapping": "$.n"}}}


@pytest.mark.parametrize(
    ("unit", "text", "structured"),
    [
        ({}, '{"n":1}\n{"n":2}\n', {"result": [{"n": 1}, {"n": 2}]}),
        (
            {"outputParameters": [_N]},
            '[{"n":1},{"n":2}]',
            {"n": 2, "results": [{"n": 1}, {"n": 2}]},
        ),
        (
            {"outputParameters": [{"type": "number", "mapping": "$.n"}]},
            "[1,2]",
            {"result": 2, "results": [1, 2]},
        ),
        (
            {"outputParameters": [{"type": "array", "mapping": "$", "items": _N}]},
            '[{"n":1},{"n":2}]',
            {"result": [{"n": 1}, {"n": 2}]},
        ),
    ],
)
def test_answer_without_end_is_a_result_that_says_so(
    unit: Any, text: str, structured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model reads what came, and that it was cut; a schema of one loses nothing."""
    monkeypatch.setattr(engine, "ENOUGH", 0.01)
    stub = OpenStub(b'{"n":1}\n{"n":2}\n{"n', None)
    tool = {"name": "crew", "description": "d", "call": "api.crew", **unit}
    app = McpApp(*parts(document(tools=[tool]), stub), Options())
    result = asking(app, "tools/call", {"name": "crew", "arguments": {}})["result"]
    assert not result["isError"]
    first, note = result["content"]
    assert first["text"] == text
    assert note["text"].startswith("The answer is still going on: this is what came")
    assert result["structuredContent"] == structured


def test_answer_that_is_silent_says_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool, and a resource, tell that nothing came in the time."""
    monkeypatch.setattr(engine, "ENOUGH", 0.01)
    stub = OpenStub(None, content_type="text/event-stream")
    tool = {"name": "crew", "description": "d", "call": "api.crew"}
    resource = {
        "name": "log",
        "uri": "log://all",
        "call": "api.crew",
        "description": "d",
    }
    made = document(tools=[tool], resources=[resource])
    app = McpApp(*parts(made, stub), Options())
    (only,) = asking(app, "tools/call", {"name": "crew"})["result"]["content"]
    assert "no complete value of it came" in only["text"]
    read = asking(app, "resources/read", {"uri": "log://all"})["result"]["contents"]
    assert read[0]["text"].startswith("The answer is still going on")


def test_list_of_105_tools_stays_under_80_kb() -> None:
    """The list of `docker.yaml` has all tools and arguments on one page."""
    answer = asking(_docker(Options()), "tools/list")
    text = json.dumps(answer, separators=(",", ":"))
    assert len(answer["result"]["tools"]) == 105
    assert "nextCursor" not in answer["result"]
    assert len(text) <= 80_000
