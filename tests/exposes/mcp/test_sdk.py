"""Imports of the MCP SDK: the server half only."""

from __future__ import annotations

import subprocess
import sys

import pytest


def _python(code: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def test_serving_does_not_import_the_mcp_client() -> None:
    """Neither the client half of the MCP SDK nor its dependencies are imported."""
    heavy = ["mcp.client.client", "mcp.server.mcpserver", "httpx2", "cryptography"]
    code = f"import sys, naftiko.exposes.mcp.app; print([m for m in {heavy} if m in sys.modules])"
    assert _python(code) == "[]"


@pytest.mark.slow
def test_mcp_client_can_still_be_imported() -> None:
    """Other code can import the whole MCP SDK, before or after this package does."""
    after = "import naftiko.exposes.mcp.app, mcp.server; from mcp import Client;"
    before = "from mcp import Client; import naftiko.exposes.mcp.app, mcp.server;"
    check = (
        "from naftiko.exposes.mcp.sdk import Server;"
        "import mcp; print(mcp.server.Server is Server, mcp.server.MCPServer.__name__,"
        " mcp.Client is Client, mcp.__name__)"
    )
    for code in (after, before):
        assert _python(code + check) == "True MCPServer True mcp"
    strange = "import naftiko.exposes.mcp.app, mcp; print(hasattr(mcp, 'no_such_name'))"
    assert _python(strange) == "False"


def test_core_does_not_import_the_mcp_sdk() -> None:
    """Loading and calling import no library that only serving needs."""
    code = (
        "import sys, naftiko, naftiko.cli;"
        "print([m for m in ('mcp', 'mcp_types', 'starlette') if m in sys.modules])"
    )
    assert _python(code) == "[]"
