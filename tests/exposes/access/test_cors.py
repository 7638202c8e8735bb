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
    """Send a request of a page; the method OPTIONS sends its CORS preflight."""
    headers = {"Origin": origin}
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = "DELETE"
        headers["Access-Control-Request-Headers"] = "X-Key"
    app: Any = with_cors(behind, Options(cors=cors))
    return asyncio.run(asked(app, method, "/", headers))


def test_cors_without_origins_adds_no_middleware() -> None:
    """An answer has no `Access-Control-*` header if no origin is allowed."""
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
def test_cors_answer_allows_the_named_origins(
    cors: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    """An allowed origin may also read `X-Request-Id` of the answer."""
    got = ask(cors, origin)
    assert got.headers.get("access-control-allow-origin") == allowed
    if allowed:
        assert "X-Request-Id" in got.headers["access-control-expose-headers"]


def test_cors_preflight_is_answered_before_the_application() -> None:
    """CORS preflight allows every method and every header."""
    got = ask((PAGE,), method="OPTIONS")
    assert (got.status, got.body) == (200, b"OK")
    assert "DELETE" in got.headers["access-control-allow-methods"]
    assert got.headers["access-control-allow-headers"] == "X-Key"
    assert ask((PAGE,), "https://evil.test", method="OPTIONS").status == 400
