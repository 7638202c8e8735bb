"""Several adapters under one port, each below a prefix of its own.

This module must not know what the adapters are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from html import escape
from typing import Any

from naftiko.exposes.http.answers import JSON_TYPE, Answer, json_bytes
from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.problems import HttpProblem

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

_WELL_KNOWN = "/.well-known/"


class Prefixes:
    """An ASGI application that hands each request to the one its path begins with.

    Args:
        apps: Prefix, such as `/docker-rest` → application.
        kinds: Prefix → what is there, for the list at `/`.
        documents: Prefix → paths below no prefix that belong to the application there:
            where clients look for what protects it (RFC 9728).
    """

    def __init__(
        self,
        apps: Mapping[str, App],
        kinds: Mapping[str, str],
        documents: Callable[[], Mapping[str, Collection[str]]] = dict,
    ) -> None:
        self._apps = dict(apps)
        self._kinds = dict(kinds)
        self._documents = documents
        self._depths = sorted({p.count("/") for p in apps}, reverse=True)

    async def __call__(
        self,
        scope: Any,
        receive: Receive,
        send: Send,
    ) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        for depth in self._depths:
            prefix = "/".join(path.split("/", depth + 1)[: depth + 1])
            app = self._apps.get(prefix)
            if app is not None:
                await app(_below(scope, prefix), receive, send)
                return
        if path.startswith(_WELL_KNOWN):
            for prefix, paths in self._documents().items():
                if path in paths:
                    await self._apps[prefix](scope, receive, send)
                    return
        await self._list(Inbound(scope, receive, send))

    async def _list(self, exchange: Inbound) -> None:
        """Answer `/` with what is served; anything else with 404."""
        listed = [{"path": p, "type": k} for p, k in self._kinds.items()]
        if exchange.scope["path"] not in ("", "/"):
            said = "the path begins with no adapter"
            problem = HttpProblem("not-found", said, members={"adapters": listed})
            await exchange.refuse(problem)
        elif b"text/html" in exchange.headers.get(b"accept", b""):
            page = self._html().encode()
            await exchange.answer(Answer(200, "text/html; charset=utf-8", page))
        else:
            body = json_bytes({"adapters": listed})
            await exchange.answer(Answer(200, JSON_TYPE, body))

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


def _below(scope: Any, prefix: str) -> Any:
    """Return the scope of a request as seen below a prefix: its path stays whole."""
    return {**scope, "root_path": scope.get("root_path", "") + prefix}
