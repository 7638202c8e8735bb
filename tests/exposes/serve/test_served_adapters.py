"""Adapters of a document that are served: facts L01, L02 and P25 of spec 11."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.document.writing import write_yaml
from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import Source
from naftiko.exposes.serve.sites import Site
from naftiko.exposes.state import Host
from support import serving
from support.asgi_client import AsyncStub
from support.building import capability, document


def site(folder: Path, data: Any) -> Site:
    """Return the `Site` of a document, as `naftiko serve` makes one."""
    file = folder / "capability.yaml"
    file.write_text(write_yaml(data), "utf-8")
    return Site(Source(str(file)), AsyncStub(), Options(), Host())


GET = {"name": "get", "description": "Gets.", "call": "api.op"}


def test_document_without_exposes_is_not_served(tmp_path: Path) -> None:
    """L01: a document without `exposes` can be called, but serving it is refused."""
    assert capability().request("api.op").url.endswith("/x")
    with pytest.raises(naftiko.ServeError, match="must expose at least one endpoint"):
        site(tmp_path, document())


def test_rest_adapter_is_served_and_http_namespace_is_called(tmp_path: Path) -> None:
    """L02: `rest` in `exposes` is served; `http` in `consumes` is called."""
    served = site(tmp_path, serving.document(serving.operation(call="api.list")))
    assert [each.exposes.type for each in served.served] == ["rest"]
    assert served.capability.namespaces == ("api",)


def test_mcp_adapter_without_a_transport_is_served_over_http(tmp_path: Path) -> None:
    """P25: the default transport is HTTP; `stdio` has no port."""
    data = document()
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "h", "port": 3001, "tools": [GET]},
        {"type": "mcp", "namespace": "s", "transport": "stdio", "tools": [GET]},
    ]
    assert [each.name for each in site(tmp_path, data).served] == ["h"]
