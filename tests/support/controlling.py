"""Control adapters for tests, and requests to them by ASGI."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import naftiko
from naftiko.exposes.control.app import ControlApp
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.state import Host
from support.building import document
from support.guarding import Nobody, ask

ALL = {"info": True, "reload": True, "validate": True, "logs": True, "scripting": {}}


def app(
    management: Any = None, observability: Any = None, host: Host | None = None
) -> ControlApp:
    """Return the ASGI application of a control adapter."""
    data = document()
    adapter: dict[str, Any] = {"type": "control", "port": 9099}
    if management is not None:
        adapter["management"] = management
    if observability is not None:
        adapter["observability"] = observability
    data["capability"]["exposes"] = [adapter]
    loaded = naftiko.load(data, schema=None)
    engine = Engine(loaded, Nobody())
    return ControlApp(engine, loaded.exposes[0], Options(), host or Host())


def get(control: ControlApp, path: str, **more: Any) -> tuple[int, Any]:
    """Send a GET request for a path; return status and JSON body of the answer."""
    status, _, body = ask(control, path, **more)
    return status, json.loads(body)


def send(
    control: ControlApp, method: str, path: str, data: Any, query: bytes = b""
) -> tuple[int, Any]:
    """Send JSON to a path; return status and JSON body of the answer."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [],
    }
    body = data if isinstance(data, bytes) else json.dumps(data).encode()

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(control(scope, receive, keep))
    return sent[0]["status"], json.loads(sent[1]["body"])
