"""What `serve.py` starts: documents, the real command, and the peers beside it."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: What is asked of the first tool of a document.
CALL = {"name": "get", "arguments": {"id": "x"}}
#: What is made of an answer.
SHAPE = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "mapping": "$.id"},
        "label": {"type": "string", "mapping": "$.name"},
        "values": {
            "type": "array",
            "mapping": "$.items",
            "items": {
                "type": "object",
                "properties": {
                    "key": {"type": "number", "mapping": "$.k"},
                    "value": {"type": "string", "mapping": "$.v"},
                },
            },
        },
    },
}


def peer(role: str, base: str, port: int | None, python: str = "") -> list[str]:
    """Return the command of a server of `serve_peers.py`."""
    file = Path(__file__).with_name("serve_peers.py")
    return [python or sys.executable, str(file), role, base, str(port or "-")]


def naftiko(file: Path, *words: str, quiet: bool = True) -> list[str]:
    """Return the command of ours, in one process unless the words say otherwise."""
    level = ("--log-level", "warning") if quiet else ()
    alone = () if "--stdio" in words else ("--workers", "1")
    command = [sys.executable, "-m", "naftiko", "serve", str(file)]
    return [*command, *alone, *words, *level]


def document(base: str, count: int = 1) -> dict[str, Any]:
    """Return a document with so many operations; all are routes and tools."""
    # The first is called as in the peers; the last is the one that is asked for.
    names = ["", *map(str, range(1, count))]
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Benchmark", "description": f"{count} operations."},
        "capability": {
            "consumes": [
                {
                    "type": "http",
                    "namespace": "api",
                    "baseUri": base,
                    "resources": [_resource(name) for name in names],
                }
            ],
            "exposes": [
                {
                    "type": "rest",
                    "namespace": "rest",
                    "port": 8080,
                    "resources": [
                        _route(f"/plain{name}", f"api.get{name}") for name in names
                    ]
                    + [_route("/shaped", "api.get", outputParameters=[SHAPE])],
                },
                {
                    "type": "mcp",
                    "namespace": "mcp",
                    "port": 9090,
                    "tools": [_tool(f"get{name}") for name in names],
                },
            ],
        },
    }


def _resource(name: str) -> dict[str, Any]:
    inputs = [{"name": "id", "in": "path"}]
    operation = {"name": f"get{name}", "method": "GET", "inputParameters": inputs}
    path = f"/things{name}/{{{{id}}}}"
    return {"name": f"r{name}", "path": path, "operations": [operation]}


def _route(path: str, call: str, **more: Any) -> dict[str, Any]:
    operation = {"method": "GET", "name": path[1:], "call": call, **more}
    return {"path": f"{path}/{{id}}", "operations": [operation]}


def _tool(name: str) -> dict[str, Any]:
    outputs = [{"type": "object", "mapping": "$."}]
    with_ = {"id": "mcp.id"}
    about = {"name": name, "description": "d", "call": f"api.{name}", "with": with_}
    return {**about, "outputParameters": outputs}


@contextmanager
def documents() -> Iterator[Callable[..., Path]]:
    """Give what writes documents, for as long as they are needed."""
    with tempfile.TemporaryDirectory() as folder:

        def write(base: str, count: int = 1) -> Path:
            file = Path(folder) / f"{count}.yaml"
            file.write_text(json.dumps(document(base, count)), "utf-8")
            return file

        yield write


def rest_at(port: int) -> tuple[str, ...]:
    return "--adapter", "rest", "--port", f"rest={port}"


def mcp_at(port: int) -> tuple[str, ...]:
    return "--adapter", "mcp", "--port", f"mcp={port}"
