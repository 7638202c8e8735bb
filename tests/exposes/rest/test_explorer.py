"""The explorer page at `/docs`."""

from __future__ import annotations

from support.asgi_client import ask
from support.serving import operation, rest_app


def test_explorer_page_has_a_content_security_policy() -> None:
    """Content Security Policy forbids the page to load from other servers."""
    app, _ = rest_app(operation("/x", call="api.list"))
    got = ask(app, "GET", "/docs")
    assert got.type == "text/html"
    assert "default-src 'none'" in got.headers["content-security-policy"]
    assert b'"openapi.json"' in got.body
