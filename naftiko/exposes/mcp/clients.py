"""The client of one MCP request: whether it may ask, its trace, and its progress.

A `Context` is the SDK's record of a request. Over HTTP it has the HTTP request, over
stdio it has none. This module must not know what is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.exposes.http.callers import Caller, trace_of
from naftiko.exposes.mcp.sdk import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from naftiko.exposes.http.callers import CallerVariables, Progress
    from naftiko.exposes.mcp.sdk import Context


def may_ask(ctx: Context) -> bool:
    """Tell whether a client may send requests.

    In the older revisions it has to send `initialize` first.
    """
    return (
        ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        or ctx.session.client_params is not None
    )


def caller_of(ctx: Context, variables: CallerVariables) -> Caller:
    """Return the variables, the trace and the progress of a client.

    Over stdio there are no headers, so no variable is filled by the client.
    """
    request = ctx.request
    given = None if request is None else variables.of(request.scope["headers"])
    return Caller(given, _trace(ctx), _progress(ctx))


def trace_in_message(ctx: Context) -> dict[str, str] | None:
    """Return the trace in the `_meta` of a message; `None` when it has none."""
    parent = ctx.meta.get("traceparent") if ctx.meta else None
    if not isinstance(parent, str):
        return None
    state = ctx.meta.get("tracestate") if ctx.meta else None
    return trace_of(parent, state if isinstance(state, str) else "")


def _trace(ctx: Context) -> dict[str, str]:
    """Return the trace of a request: that in `_meta` beats that in the headers."""
    if (trace := trace_in_message(ctx)) is not None:
        return trace
    if ctx.request is None:
        return {}
    parents = ctx.request.headers.getlist("traceparent")
    if len(parents) != 1:
        # Nothing tells which one of several is the caller's.
        return {}
    return trace_of(parents[0], ", ".join(ctx.request.headers.getlist("tracestate")))


def _progress(ctx: Context) -> Progress | None:
    """Return the function that reports progress; `None` when the client wants none."""
    if not ctx.meta or "progress_token" not in ctx.meta:
        return None

    async def report(done: int, total: int, steps: str) -> None:
        await ctx.session.report_progress(done, total, steps or None)

    return report
