"""Addresses of MCP adapters in the description of a REST adapter."""

from __future__ import annotations

import pytest

from naftiko.exposes.rest.mcp_addresses import mcp_addresses
from naftiko.exposes.state import AdapterState


@pytest.mark.parametrize(
    ("url", "root_path", "expected"),
    [
        ("http://localhost:9090", "", "http://localhost:9090/mcp"),
        ("http://localhost:8080/fleet-mcp", "/fleet", "../fleet-mcp/mcp"),
        ("http://localhost:8080/mcp", "/a/rest", "../../mcp"),
        ("https://[::1]:9090", "/fleet", "https://[::1]:9090/mcp"),
    ],
)
def test_address_is_relative_on_the_same_port(
    url: str, root_path: str, expected: str
) -> None:
    """An MCP adapter on the port of the REST adapter has a relative URL."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    adapter = AdapterState("mcp", "fleet-mcp", port, url)
    listed = mcp_addresses([adapter], 8080, root_path)
    assert listed == [{"name": "fleet-mcp", "url": expected}]


def test_adapter_without_an_address_is_left_out() -> None:
    """An adapter on standard input and output, or of another type, is not listed."""
    adapters = [
        AdapterState("mcp", "stdio"),
        AdapterState("rest", "shop", 8080, "http://localhost:8080"),
    ]
    assert mcp_addresses(adapters, 8080, "") == []
