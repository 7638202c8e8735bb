"""An application behind an authentication guard, and requests to the application."""

from __future__ import annotations

import asyncio
from typing import Any

import naftiko
from naftiko.bindings import Variables
from naftiko.exposes.access.guard import Guard
from naftiko.spec.model import Binding, Exposes
from support.records import server_authentication

SECRET = "s3cr3t-t0ken"


class Nobody:
    """A transport that fails the test when it is used."""

    async def send(self, request: Any, *, timeout: Any) -> naftiko.Response:
        raise AssertionError(f"asked for {request}")

    async def close(self) -> None:
        """Do nothing."""


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 to each request that passes the guard."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


def guard(
    authentication: Any,
    *,
    given: Any = None,
    bound: tuple[str, ...] = ("TOKEN",),
    transport: Any = None,
    is_open: Any = None,
) -> Guard:
    """Return a guard with an `authentication` and values of variables."""
    binds = [Binding("env", dict.fromkeys(bound, "NO_SUCH_NAME"))] if bound else []
    variables = Variables(binds, {"TOKEN": SECRET} if given is None else given)
    record = server_authentication(authentication)
    exposes = Exposes("rest", "api", authentication=record)
    return Guard(behind, exposes, variables, transport or Nobody(), is_open=is_open)


def ask(
    app: Any,
    path: str = "/x",
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    query: str = "",
) -> tuple[int, dict[str, list[str]], bytes]:
    """Send one request to an ASGI application; return status, headers and body."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in (headers or {}).items()
        ],
    }

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    asyncio.run(app(scope, receive, send))
    found: dict[str, list[str]] = {}
    for name, value in sent[0]["headers"]:
        found.setdefault(name.decode(), []).append(value.decode())
    return sent[0]["status"], found, sent[1]["body"]
