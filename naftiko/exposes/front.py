"""What stands around an adapter, compiled into one function.

    trace → access line → CORS → origins → guard → the adapter

It is compiled when serving begins, and again for each version of a document. What is
off is not part of it, so a request passes nothing of it. This module must not know what
an adapter serves, nor where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.exposes.access.cors import with_cors
from naftiko.exposes.access.origins import Origins
from naftiko.exposes.http.heads import BadHead, check_scope
from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.scope import note_headers, trim_headers
from naftiko.exposes.observability.silent import SILENT
from naftiko.exposes.observability.traced import Traced

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from naftiko.exposes.access.guard import Guard
    from naftiko.exposes.http.problems import HttpProblem
    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send
    from naftiko.exposes.observability.access_log import AccessLog
    from naftiko.exposes.observability.telemetry import AnyTelemetry
    from naftiko.exposes.options import Options
    from naftiko.spec.model import Exposes


def compile_front(
    guard: Guard,
    exposes: Exposes,
    options: Options,
    log: AccessLog,
    telemetry: AnyTelemetry = SILENT,
    label: str = "",
) -> ASGIApp:
    """Return the application that a server of ours hands requests of an adapter to.

    Args:
        guard: The adapter behind its authentication.
        exposes: The adapter in the document.
        options: How it is served.
        log: Takes a line for each request.
        telemetry: Makes a span for each request.
        label: The label of the capability, for the spans.
    """
    app: ASGIApp = guard.app if guard.is_idle else guard
    refusal_of: Callable[[ASGIScope], HttpProblem | None] | None = None
    if exposes.type != "mcp":
        # An MCP adapter checks `Host` and `Origin` itself, as its specification
        # requires.
        refusal_of = Origins(options, exposes).refusal
    # No web page of another origin may use the control port.
    if options.cors and exposes.type != "control":
        if refusal_of is not None:
            # A page can read a refusal only with the headers of CORS.
            app, refusal_of = _refusing(app, refusal_of), None
        app = with_cors(app, options)
    front = log.around(app, refusal_of)
    if telemetry.is_on and exposes.type != "control":
        # Around the access log: its lines then have the ids of the trace.
        return Traced(front, exposes, telemetry, label)
    return front


def compile_alone(guard: Guard, options: Options) -> ASGIApp:
    """Return the application of an adapter in a server of others.

    That server may leave blanks around the values of headers, and doubts about the
    host; it has an access log of its own, and knows its names.

    Args:
        guard: The adapter behind its authentication.
        options: How it is served.
    """
    app = with_cors(guard.app if guard.is_idle else guard, options)

    def front(scope: ASGIScope, receive: Receive, send: Send) -> Awaitable[None]:
        trim_headers(scope)
        if scope["type"] == "http":
            try:
                check_scope(scope)
            except BadHead as error:
                return Inbound(scope, receive, send).refuse(error.problem)
        note_headers(scope)
        return app(scope, receive, send)

    return front


def _refusing(
    app: ASGIApp, refusal_of: Callable[[ASGIScope], HttpProblem | None]
) -> ASGIApp:
    """Return an application that refuses requests, and hands on the others."""

    def checked(scope: ASGIScope, receive: Receive, send: Send) -> Awaitable[None]:
        refusal = refusal_of(scope) if scope["type"] == "http" else None
        if refusal is not None:
            return Inbound(scope, receive, send).refuse(refusal)
        return app(scope, receive, send)

    return checked
