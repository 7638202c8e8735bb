"""The types of ASGI, and the parts of a scope that adapters read and note."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

ASGIScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
ASGIApp = Callable[[ASGIScope, Receive, Send], Awaitable[None]]

#: Member of the message `http.response.start`: the whole body follows in one message,
#: without waiting. Servers ignore members that they do not know.
BODY_FOLLOWS = "naftiko.body_follows"
#: Key of a scope under which an adapter notes the operation that it serves. Its values
#: are names of the document: a label of metrics must not be made up by callers.
OPERATION = "naftiko.operation"
#: Key of a scope under which its headers stand as name → value; see `note_headers`.
_NOTED = "naftiko.headers"
#: Key of a scope under which telemetry keeps the trace of the request, for code that
#: answers the request in another task.
CONTEXT = "naftiko.context"
#: The operation, or another label, of a request that is not known.
UNKNOWN = "unknown"


def is_preflight(scope: ASGIScope) -> bool:
    """Tell whether a request is a CORS preflight, which carries no credentials."""
    return (
        scope["method"] == "OPTIONS"
        and header(scope, b"origin") != ""
        and header(scope, b"access-control-request-method") != ""
    )


def note_headers(scope: ASGIScope) -> None:
    """Look at the headers of a request once; they must not change any more.

    Whoever asks for one later finds it by its name. Nothing is noted where a name
    repeats: some take the first of such headers, and others all of them.
    """
    pairs = scope["headers"]
    noted = dict(pairs)
    if len(noted) == len(pairs):
        scope[_NOTED] = noted
    else:
        scope.pop(_NOTED, None)


def noted_headers(scope: ASGIScope) -> dict[bytes, bytes] | None:
    """Return name → value, if the headers are noted; see `note_headers`."""
    noted: dict[bytes, bytes] | None = scope.get(_NOTED)
    return noted


def with_headers(scope: ASGIScope, pairs: list[tuple[bytes, bytes]]) -> ASGIScope:
    """Return the scope of the same request with other headers."""
    other = {**scope, "headers": pairs}
    other.pop(_NOTED, None)
    return other


def header(scope: ASGIScope, name: bytes) -> str:
    """Return the first header of a name, given in lower case, or an empty text."""
    noted = scope.get(_NOTED)
    if noted is not None:
        return str(noted.get(name, b"").decode("latin-1"))
    for known, value in scope["headers"]:
        if known == name:
            return str(value.decode("latin-1"))
    return ""


def path_of(scope: ASGIScope) -> str:
    """Return the path of a request below where the application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return (path.removeprefix(root) or "/") if root else path


def trim_headers(scope: ASGIScope) -> None:
    """Take away the blanks around the values of headers (RFC 9110, 5.5).

    Some servers leave them in the scope.
    """
    scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
