"""Small capabilities with a REST adapter for tests."""

from __future__ import annotations

from typing import Any

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from support.asgi_client import AsyncStub

#: Upstream API with one operation of each kind that a route can call.
CONSUMES: dict[str, Any] = {
    "type": "http",
    "namespace": "api",
    "baseUri": "http://upstream.test",
    "resources": [
        {
            "name": "ships",
            "path": "/ships",
            "operations": [
                {
                    "name": "list",
                    "method": "GET",
                    "inputParameters": [
                        {"name": "flag", "in": "query"},
                        {"name": "limit", "in": "query", "type": "integer"},
                    ],
                },
                {
                    "name": "build",
                    "method": "POST",
                    "inputParameters": [{"name": "dry", "in": "query"}],
                    "body": {
                        "type": "json",
                        "data": {"name": "{{name}}", "tons": "{{tons}}"},
                    },
                },
            ],
        },
        {
            "name": "ship",
            "path": "/ships/{id}",
            "operations": [
                {"name": "get", "method": "GET"},
                {"name": "scrap", "method": "DELETE"},
            ],
        },
        {
            "name": "log",
            "path": "/log",
            "operations": [{"name": "write", "method": "POST"}],
        },
        {
            "name": "upload",
            "path": "/upload",
            "operations": [
                {
                    "name": "upload",
                    "method": "POST",
                    "body": {
                        "type": "multipartForm",
                        "data": {"title": "{{title}}", "file": "{{file}}"},
                    },
                }
            ],
        },
        {
            "name": "table",
            "path": "/table",
            "operations": [
                {"name": "table", "method": "GET", "outputRawFormat": "csv"}
            ],
        },
        {
            "name": "files",
            "path": "/files/{path}",
            "operations": [{"name": "file", "method": "GET"}],
        },
    ],
}


def document(
    resources: list[dict[str, Any]],
    *,
    consumes: dict[str, Any] | None = None,
    adapter: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a document with one adapter of type `rest`, called `front`."""
    capability = more.pop("capability", {})
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Front", "description": "Ships."},
        "capability": {
            "consumes": [{**CONSUMES, **(consumes or {})}],
            "exposes": [
                {
                    "type": "rest",
                    "namespace": "front",
                    "port": 0,
                    "resources": resources,
                    **(adapter or {}),
                }
            ],
            **capability,
        },
        **more,
    }


def operation(
    path: str = "/x", method: str = "GET", /, **more: Any
) -> list[dict[str, Any]]:
    """Return a list of one resource with one operation."""
    return [{"path": path, "operations": [{"method": method, **more}]}]


def rest_app(
    resources: list[dict[str, Any]],
    answer: Any = None,
    *,
    options: Options = Options(),
    variables: dict[str, Any] | None = None,
    **more: Any,
) -> tuple[RestApp, AsyncStub]:
    """Return a REST adapter and the stub of its upstream API.

    Args:
        resources: Resources of the adapter.
        answer: Answer of the upstream API; see `AsyncStub`.
        options: Options of the adapter.
        variables: Values of bind variables.
        **more: See `document`.
    """
    capability = naftiko.load(
        document(resources, **more), schema=None, variables=variables
    )
    upstream = AsyncStub(answer)
    engine = Engine(capability, upstream)
    return RestApp(engine, capability.exposes[0], options), upstream
