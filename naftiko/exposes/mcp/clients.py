"""The client of one MCP request: its HTTP request, its trace, and its progress.

Over stdio there is no HTTP request. This module must not know what is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from naftiko.exposes.http.callers import Caller, trace_of
from naftiko.exposes.http.scope import noted_headers
from naftiko.exposes.mcp.protocol.messages import notification
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from naftiko.exposes.http.callers import CallerVariables, Progress
    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.exposes.mcp.protocol.session import McpWork

#: Sends a message on the stream of one request.
Notify = Callable[[bytes], Awaitable[None]]


class Client(NamedTuple):
    """Where a request came from.

    Attributes:
        scope: The HTTP request; `None` over stdio.
        notify: Sends a notification that belongs to the request.
    """

    scope: ASGIScope | None
    notify: Notify


def caller_of(client: Client, work: McpWork, variables: CallerVariables) -> Caller:
    """Return the variables, the trace and the progress of a client.

    Over stdio there are no headers, so no variable is filled by the client.
    """
    scope = client.scope
    given = None if scope is None else variables.of(scope["headers"])
    return Caller(given, _trace(scope, work), _progress(client, work))


def trace_in_message(work: McpWork) -> dict[str, str] | None:
    """Return the trace in the `_meta` of a request; `None` when it has none."""
    meta = work.meta
    parent = meta.get("traceparent")
    if not isinstance(parent, str):
        return None
    state = meta.get("tracestate")
    return trace_of(parent, state if isinstance(state, str) else "")


def _trace(scope: ASGIScope | None, work: McpWork) -> dict[str, str]:
    """Return the trace of a request: that in `_meta` beats that in the headers."""
    if (trace := trace_in_message(work)) is not None:
        return trace
    if scope is None:
        return {}
    noted = noted_headers(scope)
    if noted is not None and b"traceparent" not in noted:
        return {}
    headers = scope["headers"]
    parents = [value for name, value in headers if name == b"traceparent"]
    if len(parents) != 1:
        # Nothing tells which one of several is the caller's.
        return {}
    states = [value for name, value in headers if name == b"tracestate"]
    return trace_of(parents[0].decode("latin-1"), b", ".join(states).decode("latin-1"))


def _progress(client: Client, work: McpWork) -> Progress | None:
    """Return the function that reports progress; `None` when the client wants none."""
    token = work.token
    if token is None:
        return None

    async def report(done: int, total: int, steps: str) -> None:
        params = {"progressToken": token, "progress": done, "total": total}
        if steps:
            params["message"] = steps
        await client.notify(notification("notifications/progress", params))

    return report
