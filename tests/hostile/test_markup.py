"""Markup of others: a browser that shows it runs nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.exposes.http.answers import policy_for
from naftiko.transport.messages import Headers, Response
from support.asgi_client import ask
from support.serving import document, operation, rest_app

SCRIPT = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
#: Media types in which a browser runs scripts, or that it does not know.
ACTIVE = [
    "text/html", "TEXT/HTML; charset=utf-8", "image/svg+xml", "application/xhtml+xml",
    "text/xml", "application/xml", "application/atom+xml", "application/pdf",
    "text/javascript", "application/x-unknown", "application/octet-stream", "x", "",
    "text/plain, text/html", "application/json;, text/html", "text/html+json/x",
    "multipart/x-mixed-replace", "text/\u00e9",
]  # fmt: skip
INERT = [
    "application/json", "application/json; charset=utf-8", "application/problem+json",
    "text/plain", "Text/Plain;charset=latin-1", "image/png", "text/csv", "text/yaml",
]  # fmt: skip


def _policies(headers: dict[str, str]) -> tuple[str | None, str | None]:
    get = headers.get
    return get("content-security-policy"), get("x-content-type-options")


@pytest.mark.parametrize("kind", ACTIVE)
def test_active_type_is_in_a_sandbox(kind: str) -> None:
    """Also a type in doubt: of two types, browsers take the last one."""
    assert policy_for(kind) == ((b"content-security-policy", b"sandbox"),)


@pytest.mark.parametrize("kind", INERT)
def test_inert_type_needs_no_policy(kind: str) -> None:
    """Values and plain text are most answers; they stay as they are."""
    assert policy_for(kind) == ()


#: A policy of the API would let its scripts run.
_WEAK = {
    "Content-Security-Policy": "sandbox allow-scripts",
    "X-Content-Type-Options": "x",
}


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/pdf", ""])
@pytest.mark.parametrize("way", ["forward", "route", "failure", "streamed", "binary"])
def test_markup_of_an_api_is_in_a_sandbox(way: str, kind: str) -> None:
    """Whichever way it takes, and whatever policy the API has."""
    headers = {**_WEAK, **({"Content-Type": kind} if kind else {})}
    status = 404 if way == "failure" else 200
    resources: list[dict[str, Any]] = operation(
        "/x", call="api.file", **{"with": {"path": "a"}}
    )
    more: dict[str, Any] = {}
    if way == "forward":
        resources = [{"path": "/{path}", "forward": {"targetNamespace": "api"}}]
    elif way == "streamed":
        headers["Transfer-Encoding"] = "chunked"
    elif way == "binary":
        found = {"name": "b", "method": "GET", "outputRawFormat": "binary"}
        listed = [{"name": "b", "path": "/b", "operations": [found]}]
        more = {"consumes": {"resources": listed}}
        output = {"type": "string", "mapping": "$"}
        resources = operation("/x", call="api.b", outputParameters=[output])
    app, _ = rest_app(resources, Response(status, headers, SCRIPT), **more)
    got = ask(app, "GET", "/x")
    assert (got.status, got.body) == (status, SCRIPT)
    assert _policies(got.headers) == ("sandbox", "nosniff")


def test_types_that_came_twice_are_in_a_sandbox() -> None:
    """`forward` passes both on, and a browser takes the last one."""
    pairs = [("Content-Type", "text/plain"), ("Content-Type", "text/html")]
    resources = [{"path": "/{path}", "forward": {"targetNamespace": "api"}}]
    app, _ = rest_app(resources, Response(200, Headers.joined(pairs), SCRIPT))
    assert _policies(ask(app, "GET", "/x").headers) == ("sandbox", "nosniff")


def test_values_have_no_policy() -> None:
    """JSON costs nothing more."""
    for way in ("/x", "/proxy/x"):
        resources = [
            *operation("/x", call="api.list"),
            {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
        ]
        app, _ = rest_app(resources)
        assert _policies(ask(app, "GET", way).headers) == (None, "nosniff")


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.xml", "a.pdf", "a.bin", "a"])
def test_file_of_a_skill_is_in_a_sandbox(name: str, tmp_path: Path) -> None:
    """The files of a skill are as little ours as those of an API."""
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / name).write_bytes(SCRIPT)
    data = document([])
    skill = {"name": "s", "description": "d", "location": folder.as_uri()}
    data["capability"]["exposes"] = [
        {"type": "skill", "namespace": "k", "port": 0, "skills": [skill]}
    ]
    app = naftiko.asgi(naftiko.load(data, schema=None))
    got = ask(app, "GET", f"/skills/s/contents/{name}")
    assert (got.status, got.body) == (200, SCRIPT)
    assert _policies(got.headers) == ("sandbox", "nosniff")


def test_own_page_has_its_own_policy() -> None:
    """The page at `/docs` runs its own scripts."""
    app, _ = rest_app(operation("/x", call="api.list"))
    policy, _ = _policies(ask(app, "GET", "/docs").headers)
    assert policy is not None
    assert "sandbox" not in policy
    assert "script-src" in policy
