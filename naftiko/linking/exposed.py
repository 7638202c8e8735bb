"""The exposed functions of a document, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import shorten

if TYPE_CHECKING:
    from naftiko.spec.model import Function

HINTS_BY_METHOD = {"DELETE": "destructive"}


def label_of(function: Function) -> str:
    """Return what a unit is called in a message."""
    kinds = {
        "rest": "the REST operation",
        "tool": "the tool",
        "resource": "the MCP resource",
        "skill": "the skill tool",
        "aggregate": "the function",
    }
    name = function.name or f"{function.method} {function.url_path}".strip()
    return f"{kinds[function.kind]} '{shorten(name)}'"
