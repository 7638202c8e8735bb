"""Build small capabilities for tests: one adapter with one operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import naftiko

#: Function that makes the default transport; see `tests/end_to_end/conftest.py`.
default_transport: Callable[[], Any] | None = None


def document(
    operation: dict[str, Any] | None = None,
    *,
    consumes: dict[str, Any] | None = None,
    resource: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a document with one operation `api.op`, by default `GET /x`."""
    operation = {"name": "op", "method": "GET", **(operation or {})}
    resource = {
        "name": "r",
        "path": operation.pop("resourcePath", "/x"),
        "operations": [operation],
        **(resource or {}),
    }
    adapter = {
        "type": "http",
        "namespace": "api",
        "baseUri": "http://127.0.0.1:9",
        "resources": [resource],
        **(consumes or {}),
    }
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Test", "description": "For a test."},
        "capability": {"consumes": [adapter]},
        **more,
    }


def capability(
    operation: dict[str, Any] | None = None, /, **more: Any
) -> naftiko.Capability:
    """Load `document(...)`; keywords of `naftiko.load` are passed to `load`."""
    taken = ("variables", "base_uri", "auth", "transport", "timeout", "paths")
    settings = {name: more.pop(name) for name in taken if name in more}
    if default_transport is not None:
        settings.setdefault("transport", default_transport())
    if "unplaced_path_parameters" in more:
        settings["unplaced_path_parameters"] = more.pop("unplaced_path_parameters")
    return naftiko.load(document(operation, **more), schema=None, **settings)
