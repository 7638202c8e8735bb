"""`Prefixes`: several adapters at one port, each below a path prefix of its own.

    GET /docker-rest/version  →  the application of `/docker-rest`
    GET /                     →  a list of the prefixes

This module must not know what the adapters serve.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from naftiko.exposes.http.answers import (
    JSON_TYPE,
    SECURITY_POLICY,
    Answer,
    json_bytes,
)
from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.problems import HttpProblem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send

_WELL_KNOWN = "/.well-known/"


class Prefixes:
    """An ASGI application that hands each request to the application of its prefix.

    Args:
        apps: Prefix, such as `/docker-rest` → application.
        kinds: Prefix → type of the adapter, for the list at `/`.
        documents: Returns prefix → paths below `/.well-known/` that the application of
            the prefix answers: the metadata of a protected resource (RFC 9728).
    """

    def __init__(
        self,
        apps: Mapping[str, ASGIApp],
        kinds: Mapping[str, str],
        documents: Callable[[], Mapping[str, Collection[str]]] = dict,
    ) -> None:
        self._apps = dict(apps)
        self._kinds = dict(kinds)
        self._documents = documents
        self._depths = sorted({p.count("/") for p in apps}, reverse=True)

    def __call__(
        self, scope: ASGIScope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Serve one request."""
        if scope["type"] != "http":
            return _nothing()
        path = scope["path"]
        for depth in self._depths:
            prefix = "/".join(path.split("/", depth + 1)[: depth + 1])
            app = self._apps.get(prefix)
            if app is not None:
                return app(_below(scope, prefix), receive, send)
        if path.startswith(_WELL_KNOWN):
            for prefix, paths in self._documents().items():
                if path in paths:
                    return self._apps[prefix](scope, receive, send)
        return self._list(Inbound(scope, receive, send))

    async def _list(self, inbound: Inbound) -> None:
        """Answer `/` with the list of adapters, and any other path with 404."""
        listed = [{"path": p, "type": k} for p, k in self._kinds.items()]
        if inbound.scope["path"] not in ("", "/"):
            detail = "the path begins with no adapter"
            problem = HttpProblem("not-found", detail, members={"adapters": listed})
            await inbound.refuse(problem)
        elif b"text/html" in inbound.headers.get(b"accept", b""):
            page = self._html().encode()
            policy = (("Content-Security-Policy", SECURITY_POLICY),)
            await inbound.answer(Answer(200, "text/html; charset=utf-8", page, policy))
        else:
            body = json_bytes({"adapters": listed})
            await inbound.answer(Answer(200, JSON_TYPE, body))

    def _html(self) -> str:
        rows = "".join(
            f'<li><a href="{escape(path)}/{"docs" if kind == "rest" else ""}">'
            f"{escape(path)}</a> ({escape(kind)})</li>"
            for path, kind in self._kinds.items()
        )
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            '<meta name="color-scheme" content="light dark">'
            "<title>naftiko</title><h1>Served here</h1>"
            f"<ul>{rows}</ul></html>"
        )


async def _nothing() -> None:
    """Answer nothing."""


def _below(scope: ASGIScope, prefix: str) -> ASGIScope:
    """Return a scope with the prefix in its `root_path`; its `path` stays whole."""
    return {**scope, "root_path": scope.get("root_path", "") + prefix}
