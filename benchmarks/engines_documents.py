"""One capability in the two forms that the engines of `engines.py` read."""

from __future__ import annotations

from typing import Any

from serve_servers import SHAPE

#: How many tools a list has.
TOOLS = 105
#: What is asked of the first tool.
CALL = {"name": "tool-0", "arguments": {"id": "x"}}
#: What stands in the answer to it, and to a REST request.
LAST_VALUE = b"value 51"

#: Lists of Naftiko that are mappings from names in Ikanos.
_KEYED = {"resources", "operations", "inputParameters", "tools"}


def naftiko(base: str, port: int, kind: str) -> dict[str, Any]:
    """Return the document of naftiko, with one adapter of a kind: `rest` or `mcp`."""
    operation = {
        "name": "get-thing",
        "method": "GET",
        "inputParameters": [{"name": "id", "in": "path"}],
    }
    resource = {"name": "things", "path": "/things/{{id}}", "operations": [operation]}
    consumes = {
        "type": "http",
        "namespace": "api",
        "baseUri": base,
        "resources": [resource],
    }
    exposes = {
        "type": kind,
        "namespace": kind,
        "address": "127.0.0.1",
        "port": port,
        **(_rest() if kind == "rest" else _mcp()),
    }
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Benchmark", "description": "A shaped answer."},
        "capability": {"consumes": [consumes], "exposes": [exposes]},
    }


def _rest() -> dict[str, Any]:
    given = {"name": "id", "in": "path", "type": "string", "description": "d"}
    operation = {
        "name": "get-shaped",
        "method": "GET",
        "inputParameters": [given],
        "call": "api.get-thing",
        "with": {"id": "rest.id"},
        "outputParameters": [SHAPE],
    }
    path = "/shaped/{{id}}"
    return {"resources": [{"name": "shaped", "path": path, "operations": [operation]}]}


def _mcp() -> dict[str, Any]:
    given = {"name": "id", "type": "string", "description": "Number of a thing."}
    tools = [
        {
            "name": f"tool-{number}",
            "description": f"Gets a thing, in the way {number}.",
            "inputParameters": [given],
            "call": "api.get-thing",
            "with": {"id": "mcp.id"},
            "outputParameters": [SHAPE],
        }
        for number in range(TOOLS)
    ]
    return {"tools": tools}


def ikanos(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document in the form that the reference engine reads.

    {"naftiko": …, "tools": [{"name": "a", …}]}
      →  {"ikanos": …, "tools": {"a": {…}}}
    """
    info = document["info"]
    return {
        "ikanos": "1.0.0-beta4",
        "info": {"display": info["label"], "description": info["description"]},
        "capability": _keyed(document["capability"]),
    }


def _keyed(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _keyed(inner, name) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    if key in _KEYED:
        return {
            entry["name"]: {
                name: _keyed(inner, name)
                for name, inner in entry.items()
                if name != "name"
            }
            for entry in value
        }
    return [_keyed(entry) for entry in value]
