"""`compile_front`: trace, access line, CORS, origins and guard as one function."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.exposes.front import compile_alone, compile_front
from naftiko.exposes.observability.access_log import AccessLog
from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import Source
from naftiko.exposes.serve.sites import Site
from naftiko.exposes.state import Host
from naftiko.spec.model import Exposes
from support.asgi_client import AsyncStub, Got, asked
from support.guarding import SECRET, behind, guard
from support.serving_process import write
from support.shop import document, rest

BEARER = {"type": "bearer", "token": "{{TOKEN}}"}
PAGE = "https://page.test"


def front(authentication: Any = None, *, type: str = "rest", **options: Any) -> Any:
    """Return the front of an adapter that answers 200."""
    guarded = guard(authentication)
    exposes = Exposes(type, "api", authentication=authentication)
    return compile_front(guarded, exposes, Options(**options), AccessLog("api"))


def get(app: Any, method: str = "GET", **headers: str) -> Got:
    """Send one request with some headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(asked(app, method, "/x", {"Host": "localhost", **named}))


def frames(app: Any) -> list[str]:
    """Return the functions of this package that a request passes, in order."""
    passed: list[str] = []

    def note(frame: Any, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and "/naftiko/exposes/" in code.co_filename:
            passed.append(code.co_name)

    sys.setprofile(note)
    try:
        get(app)
    finally:
        sys.setprofile(None)
    return passed


def test_request_passes_nothing_of_what_is_off() -> None:
    """Without CORS, guard and trace, one function stands around the adapter."""
    passed = frames(front())
    assert passed.count("front") == 1
    assert not {"checked", "__call__", "_checked", "request", "noting"} & set(passed)
    assert "refusal" not in frames(front(type="mcp"))
    assert "_checked" in frames(front(BEARER))
    assert "checked" in frames(front(cors=(PAGE,)))


def test_checks_of_a_front_keep_their_order(caplog: pytest.LogCaptureFixture) -> None:
    """CORS is outside of the origin check, which is outside of the guard."""
    caplog.set_level(logging.INFO, "naftiko.access")
    app = front(BEARER, cors=(PAGE,))
    assert get(app, Authorization=f"Bearer {SECRET}").status == 200
    refused = get(app, Origin=PAGE)
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == PAGE
    assert get(app, "POST", Origin="https://evil.test").status == 403
    assert [record.status for record in caplog.records] == [200, 401, 403]  # type: ignore[attr-defined]


def test_control_port_has_no_cors() -> None:
    """No page may use the control port, whatever `cors` says."""
    answer = get(front(type="control", cors=(PAGE,)), Origin=PAGE)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("tokens", "status"), [([SECRET, "no"], 200), (["no", SECRET], 401)]
)
def test_first_of_repeated_headers_counts(tokens: list[str], status: int) -> None:
    """Credentials are the first ones of a request, also where a header repeats."""
    pairs = [(b"authorization", f"Bearer {token}".encode()) for token in tokens]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": pairs}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(front(BEARER)(scope, None, send))
    assert sent[0]["status"] == status


def test_scope_that_is_used_again_has_its_new_headers() -> None:
    """An application of others may hand one scope to several adapters."""
    app = compile_alone(guard(BEARER), Options())
    found: list[int] = []

    async def send(message: Any) -> None:
        if "status" in message:
            found.append(message["status"])

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    for token in ("no", SECRET, "no"):
        scope["headers"] = [(b"authorization", f" Bearer {token}".encode())]
        asyncio.run(app(scope, None, send))  # type: ignore[arg-type]
    scope["headers"] = [(b"host", b"a"), (b"host", b"b")]
    asyncio.run(app(scope, None, send))  # type: ignore[arg-type]
    assert found == [401, 200, 401, 400]
    assert behind is not app


def test_reload_replaces_the_guard(tmp_path: Path) -> None:
    """What a server was given for a socket asks for the new credentials at once."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    site = Site(Source(str(file)), AsyncStub(), Options(), Host())
    (entry,) = site.served
    given = entry.serve

    def status() -> int:
        return asyncio.run(asked(given, "GET", "/things", {"Host": "localhost"})).status

    assert status() == 200
    closed = {**rest(), "authentication": {"type": "bearer", "token": "s3cr3t-t0ken"}}
    version = site.prepare(naftiko.load(document(closed)))
    assert status() == 200
    site.serve(version)
    assert status() == 401
    site.serve(site.prepare(naftiko.load(document(rest()))))
    assert status() == 200
