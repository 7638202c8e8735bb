"""`Site`: one served document and its versions."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.errors import ArgumentError, ServeError
from naftiko.exposes.observability.silent import SILENT
from naftiko.exposes.observability.traced import Traced
from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import Source
from naftiko.exposes.serve.sites import (
    Site,
    check_base_uris,
    check_names,
    tell_unusable,
)
from naftiko.exposes.state import Host
from support import building
from support.asgi_client import AsyncStub, asked
from support.serving_process import write
from support.shop import CONTROL, document, mcp, rest


def site(folder: Path, *exposes: Any, only: tuple[str, ...] = ()) -> Site:
    """Return the site of a document in a folder."""
    file = write(folder / "shop.yaml", document(*exposes))
    return Site(Source(str(file)), AsyncStub(), Options(), Host(), only=only)


def test_http_adapters_of_a_document_are_served(tmp_path: Path) -> None:
    """`--adapter` chooses adapters by name; adapters for stdio need `--stdio`."""
    exposes = (rest(), mcp(), mcp("desk", transport="stdio"), CONTROL)
    served = site(tmp_path, *exposes).served
    assert [entry.name for entry in served] == ["shop", "shop-mcp", "control"]
    assert [e.name for e in site(tmp_path, *exposes, only=("shop",)).served] == ["shop"]
    with pytest.raises(ServeError, match="at least one endpoint"):
        site(tmp_path)


def test_request_passes_access_log_and_origin_check(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The access log records a request; a page of another origin is refused."""
    caplog.set_level(logging.INFO, "naftiko.access")
    (entry,) = site(tmp_path, rest()).served
    host = {"Host": "localhost"}
    assert asyncio.run(asked(entry.front, "GET", "/things", host)).status == 200
    page = {**host, "Origin": "http://evil.test"}
    assert asyncio.run(asked(entry.front, "POST", "/things", page)).status == 403
    assert [record.status for record in caplog.records] == [200, 403]  # type: ignore[attr-defined]


def test_prepared_version_replaces_the_old_one(tmp_path: Path) -> None:
    """A prepared version waits until served; changes that need a restart are named."""
    served = site(tmp_path, rest(), mcp())
    entry = served.served[0]

    def status(path: str) -> int:
        return asyncio.run(asked(entry.guarded, "GET", path)).status

    new = naftiko.load(document(rest(path="/new", port=1), rest("more")))
    version = served.prepare(new)
    assert (status("/things"), status("/new")) == (200, 404)
    assert served.serve(version) == [
        "'shop' moves when the server is restarted",
        "'shop-mcp' is gone; it is served until a restart",
        "'more' is new; it is served after a restart",
    ]
    assert (status("/things"), status("/new")) == (404, 200)


def test_reload_without_authentication_is_refused_at_a_public_address(
    tmp_path: Path,
) -> None:
    """A reload must not open an adapter that other machines can reach."""
    served = site(tmp_path, rest())
    served.served[0].must_authenticate = True
    with pytest.raises(ServeError, match="would be open to everyone"):
        served.prepare(naftiko.load(document(rest())))


def test_silent_telemetry_adds_no_middleware(tmp_path: Path) -> None:
    """Silent telemetry puts no application around the adapter."""
    served = site(tmp_path, rest())
    served.observe(SILENT)
    (entry,) = served.served
    assert not isinstance(entry.front, Traced)
    assert served.engine.telemetry is SILENT


def test_unknown_adapter_or_namespace_is_refused(tmp_path: Path) -> None:
    """`--adapter` and `--base-uri` refuse unknown names; a similar one is suggested."""
    served = site(tmp_path, rest(), mcp())
    check_names(["shop", "shop-mcp"], [served], "--adapter")
    with pytest.raises(ServeError, match="--adapter: no adapter is called 'x'"):
        check_names(["x"], [served], "--adapter")
    sources = [Source("a.yaml", {"api": "http://x", "": "http://y"})]
    check_base_uris(sources, [served.capability])
    with pytest.raises(ArgumentError, match="no namespace is called 'apy'") as caught:
        check_base_uris([Source("a.yaml", {"apy": "http://x"})], [served.capability])
    assert caught.value.hint == "did you mean 'api'?"


def test_version_that_breaks_a_unit_is_noticed(tmp_path: Path) -> None:
    """A unit that worked and no longer does is lost; a removed one is not."""
    served = site(tmp_path, rest(), mcp())
    assert served.state()["unusable"] == []
    broken = mcp()
    broken["tools"][0]["call"] = "api.no-such"
    version = naftiko.load(document(broken), schema=None)
    (unit,) = served.lost(version)
    assert (unit.type, unit.unit) == ("mcp", "things")
    assert "api.no-such" in unit.reason
    (cause,) = served.causes(version)
    assert cause.endswith(
        "'api.no-such' names no declared operation [U-call-unresolved]"
    )
    assert served.lost(served.capability) == []
    served.serve(served.prepare(version))
    assert len(served.state()["unusable"]) == 1
    assert served.lost(version) == []


def test_server_is_told_options_and_variables_of_a_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No keyword of Python is in the log of a server."""
    data = building.document(
        {"resourcePath": "/a", "inputParameters": [{"name": "id", "in": "path"}]},
        consumes={"baseUri": ""},
    )
    tell_unusable(naftiko.load(data), "a.yaml")
    hints = [record.hint for record in caplog.records]  # type: ignore[attr-defined]
    assert hints[0] == "give one: --base-uri https://…"
    assert hints[1].endswith(
        "or serve with --append-path-parameters, or set NAFTIKO_APPEND_PATH_PARAMETERS=1"
    )
