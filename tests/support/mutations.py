"""Mutate plain data at random places, reproducible by the seed."""

from __future__ import annotations

import copy
import random
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 8080, 70000, 1.5, "", " ", "x", "a-b", "A_b", "a b",
    "http", "rest", "mcp", "skill", "control", "string", "object", "array", "bearer",
    "basic", "apikey", "header", "query", "path", "body", "GET", "HEAD", "json", "$.",
    "$.a", "{{X}}", "{{a}}", "{x}", "https://h/{{X}}", "1.0.0-alpha1", "2026-01-01",
    "ns.op", "tools.x", "a\n", [], [1], ["x"], [{}], {}, {"a": 1}, {"type": "x"},
    {"name": "x", "in": "query"}, {"X": "X"},
)  # fmt: skip
KEYS = (
    "name", "type", "in", "value", "description", "required", "namespace", "baseUri",
    "resources", "operations", "inputParameters", "outputParameters", "authentication",
    "method", "path", "call", "with", "steps", "ref", "body", "data", "token", "key",
    "placement", "mapping", "items", "properties", "port", "address", "transport",
    "forward", "hints", "tools", "skills", "binds", "keys", "location", "label", "tags",
    "unknownKey", "consumes", "exposes", "aggregates", "functions", "semantics", "from",
)  # fmt: skip


def places(data: Any) -> list[tuple[Any, Any]]:
    """Return each pair of container and key in nested data."""
    found = []
    pending = [data]
    while pending:
        node = pending.pop()
        members: Any = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in list(members):
            found.append((node, key))
            if isinstance(value, (dict, list)):
                pending.append(value)
    return found


def mutated(data: Any, rng: random.Random, changes: int = 1) -> Any:
    """Return a copy of data with some values set, removed, added or moved."""
    data = copy.deepcopy(data)
    for _ in range(changes):
        known = places(data)
        if not known:
            break
        node, key = rng.choice(known)
        action = rng.randrange(6)
        if action == 0:
            node[key] = copy.deepcopy(rng.choice(VALUES))
        elif action == 1:
            del node[key]
        elif action == 2 and isinstance(node, dict):
            node[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
        elif action == 3 and isinstance(node, dict):
            node[rng.choice(KEYS)] = node.pop(key)
        elif action == 4:
            other, place = rng.choice(known)
            node[key] = copy.deepcopy(other[place])
        elif isinstance(node, list):
            node.append(copy.deepcopy(node[key]))
    return data
