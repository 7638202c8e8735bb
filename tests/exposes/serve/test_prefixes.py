"""`Prefixes`: several adapters at one port, each below its own path prefix."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from naftiko.exposes.serve.prefixes import Prefixes
from support.asgi_client import Got, asked


def named(name: str) -> Any:
    """Return an application that answers with its name, its mount and the path."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = f"{name} {scope['root_path']} {scope['path']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


APP = Prefixes(
    {"/a": named("a"), "/one/a": named("one"), "/mcp": named("mcp")},
    {"/a": "rest", "/one/a": "rest", "/mcp": "mcp"},
    lambda: {"/mcp": {"/.well-known/oauth-protected-resource/mcp"}},
)


def ask(target: str, **headers: str) -> Got:
    """Send one request to `APP`."""
    return asyncio.run(asked(APP, "GET", target, headers))


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("/a", "a /a /a"),
        ("/a/b/c", "a /a /a/b/c"),
        ("/one/a/x", "one /one/a /one/a/x"),
        ("/mcp", "mcp /mcp /mcp"),
        # Clients look for protected resource metadata at this path (RFC 9728).
        (
            "/.well-known/oauth-protected-resource/mcp",
            "mcp  /.well-known/oauth-protected-resource/mcp",
        ),
    ],
)
def test_request_goes_to_the_application_of_its_prefix(
    target: str, answer: str
) -> None:
    """The prefix becomes the ASGI `root_path`; the path stays whole."""
    assert ask(target).body.decode() == answer


@pytest.mark.parametrize("target", ["/ab", "/one", "/one/b", "/.well-known/x", "/x/a"])
def test_unknown_prefix_is_404_with_a_list_of_prefixes(target: str) -> None:
    """A prefix matches whole segments; the problem lists the known prefixes."""
    got = ask(target)
    assert (got.status, got.type) == (404, "application/problem+json")
    assert [entry["path"] for entry in got.json["adapters"]] == ["/a", "/one/a", "/mcp"]


def test_root_lists_the_adapters() -> None:
    """The root path lists the adapters as JSON, or as HTML for a browser."""
    assert ask("/").json == {
        "adapters": [
            {"path": "/a", "type": "rest"},
            {"path": "/one/a", "type": "rest"},
            {"path": "/mcp", "type": "mcp"},
        ]
    }
    page = ask("/", accept="text/html").body.decode()
    assert '<a href="/a/docs">/a</a> (rest)' in page
    assert '<a href="/mcp/">/mcp</a> (mcp)' in page
