"""CORS: response headers for pages of the origins that the operator names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from naftiko.exposes.access.cors import with_cors
from naftiko.exposes.options import Options
from support.asgi_client import Got, asked
from support.guarding import behind

PAGE = "https://page.test"


def ask(cors: tuple[str, ...], origin: str = PAGE, method: str = "GET") -> Got:
    """Send a request of a page; OPTIONS is its preflight."""
    headers = {"Origin": origin}
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = "DELETE"
        headers["Access-Control-Request-Headers"] = "X-Key"
    app: Any = with_cors(behind, Options(cors=cors))
    return asyncio.run(asked(app, method, "/", headers))


def test_without_origins_the_application_stays_as_it_is() -> None:
    """Browsers then keep the answers from pages of other origins."""
    assert with_cors(behind, Options()) is behind
    assert "access-control-allow-origin" not in ask(()).headers


@pytest.mark.parametrize(
    ("cors", "origin", "allowed"),
    [
        ((PAGE,), PAGE, PAGE),
        ((PAGE,), "https://evil.test", None),
        ((PAGE, "https://b.test"), "https://b.test", "https://b.test"),
        (("*",), "https://evil.test", "*"),
    ],
)
def test_answer_allows_the_named_origins(
    cors: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    """And exposes the headers that a page may need."""
    got = ask(cors, origin)
    assert got.headers.get("access-control-allow-origin") == allowed
    if allowed:
        assert "X-Request-Id" in got.headers["access-control-expose-headers"]


def test_preflight_is_answered_before_the_application() -> None:
    """Any method and any header may be used."""
    got = ask((PAGE,), method="OPTIONS")
    assert (got.status, got.body) == (200, b"OK")
    assert "DELETE" in got.headers["access-control-allow-methods"]
    assert got.headers["access-control-allow-headers"] == "X-Key"
    assert ask((PAGE,), "https://evil.test", method="OPTIONS").status == 400
