"""The list of tools of a large document."""

from __future__ import annotations

import json
from typing import Any

import naftiko
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from support.asgi_client import AsyncStub
from support.mcping import (
    asking,
)
from support.shared import CAPABILITIES


def _docker(options: Options, answer: Any = None) -> McpApp:
    from naftiko.exposes.engine import Engine

    capability = naftiko.load(CAPABILITIES / "docker.yaml")
    exposes = next(e for e in capability.exposes if e.type == "mcp")
    return McpApp(Engine(capability, AsyncStub(answer)), exposes, options)


def test_list_of_105_tools_stays_under_80_kb() -> None:
    """The list of `docker.yaml` has all tools and arguments on one page."""
    answer = asking(_docker(Options()), "tools/list")
    text = json.dumps(answer, separators=(",", ":"))
    assert len(answer["result"]["tools"]) == 105
    assert "nextCursor" not in answer["result"]
    assert len(text) <= 80_000
