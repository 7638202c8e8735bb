"""The adapters of a document that are served: facts L01, L02 and P25 of spec 11."""

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
    """Return a document as `naftiko serve` takes it."""
    file = folder / "capability.yaml"
    file.write_text(write_yaml(data), "utf-8")
    return Site(Source(str(file)), AsyncStub(), Options(), Host())


GET = {"name": "get", "description": "Gets.", "call": "api.op"}


def test_document_that_exposes_nothing_is_not_served(tmp_path: Path) -> None:
    """L01: its operations can be called all the same; only serving refuses it."""
    assert capability().request("api.op").url.endswith("/x")
    with pytest.raises(naftiko.ServeError, match="must expose at least one endpoint"):
        site(tmp_path, document())


def test_one_adapter_is_served_and_one_called(tmp_path: Path) -> None:
    """L02: one `rest` and one `http` are one adapter served and one called."""
    served = site(tmp_path, serving.document(serving.operation(call="api.list")))
    assert [each.exposes.type for each in served.served] == ["rest"]
    assert served.capability.namespaces == ("api",)


def test_mcp_adapter_without_a_transport_is_served_by_http(tmp_path: Path) -> None:
    """P25: it is HTTP; only `stdio` is not served on a port."""
    data = document()
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "h", "port": 3001, "tools": [GET]},
        {"type": "mcp", "namespace": "s", "transport": "stdio", "tools": [GET]},
    ]
    assert [each.name for each in site(tmp_path, data).served] == ["h"]
