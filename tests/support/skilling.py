"""Skill adapters for tests, beside adapters whose tools they refer to."""

from __future__ import annotations

import json
from typing import Any

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.skill.app import SkillApp
from support.building import document
from support.guarding import Nobody, ask

REST = {
    "type": "rest",
    "namespace": "orders-rest",
    "port": 8080,
    "resources": [
        {
            "path": "/orders",
            "operations": [{"name": "list-orders", "method": "GET", "call": "api.op"}],
        }
    ],
}
MCP = {
    "type": "mcp",
    "namespace": "orders-mcp",
    "port": 9090,
    "tools": [{"name": "find", "description": "Find one.", "call": "api.op"}],
}
ORDERS = {
    "name": "orders",
    "description": "Handle orders.",
    "allowed-tools": "list-orders,find",
    "argument-hint": "[id]",
    "tools": [
        {
            "name": "list",
            "description": "List them.",
            "from": {"sourceNamespace": "orders-rest", "action": "list-orders"},
        },
        {"name": "find", "from": {"sourceNamespace": "orders-mcp", "action": "find"}},
    ],
}


def app(*skills: Any, **more: Any) -> SkillApp:
    """Return the application of an adapter with these skills."""
    data = document()
    adapter = {"type": "skill", "namespace": "s", "port": 3010, "skills": list(skills)}
    data["capability"]["exposes"] = [REST, MCP, {**adapter, **more}]
    loaded = naftiko.load(data, schema=None)
    return SkillApp(Engine(loaded, Nobody()), loaded.exposes[2], Options())


def get(skills: SkillApp, path: str, **more: Any) -> tuple[int, Any]:
    """Ask for a path; return status and the JSON of the body."""
    status, _, body = ask(skills, path, **more)
    return status, json.loads(body) if body else None
