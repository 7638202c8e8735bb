"""An ASGI scope: its headers, its path, and what a server notes in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

ASGIScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
ASGIApp = Callable[[ASGIScope, Receive, Send], Awaitable[None]]

#: Where an adapter notes, in the scope of a request, which operation it serves: names
#: of the document only, so that what callers send makes no new label.
OPERATION = "naftiko.operation"
#: Where the trace of a request stands in its scope, for those who answer elsewhere.
CONTEXT = "naftiko.context"
UNKNOWN = "unknown"


def is_preflight(scope: ASGIScope) -> bool:
    """Tell whether a browser asks for leave, which it does without credentials."""
    return (
        scope["method"] == "OPTIONS"
        and header(scope, b"origin") != ""
        and header(scope, b"access-control-request-method") != ""
    )


def header(scope: ASGIScope, name: bytes) -> str:
    """Return the first header of a name, given in lower case, or an empty text."""
    for known, value in scope["headers"]:
        if known == name:
            return str(value.decode("latin-1"))
    return ""


def path_of(scope: ASGIScope) -> str:
    """Return the path of a request below where the application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return (path.removeprefix(root) or "/") if root else path
