"""Cross-origin resource sharing (CORS): which web pages may read the answers.

CORS is handled before authentication. A preflight request carries no credentials, and
a page can read a refusal only if the refusal has the headers of CORS (Fetch standard).
This module must not know what is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIApp
    from naftiko.exposes.options import Options

#: Response headers that a page may read, beside those that CORS always allows.
_EXPOSED = (
    "Allow",
    "Mcp-Session-Id",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)


def with_cors(app: ASGIApp, options: Options) -> ASGIApp:
    """Return an ASGI application that pages of the origins in `options.cors` may call.

    Without origins it is the application itself: browsers then do not let pages of
    other origins read its answers.
    """
    if not options.cors:
        return app
    from starlette.middleware.cors import CORSMiddleware

    middleware: ASGIApp = CORSMiddleware(
        app,
        allow_origins=list(options.cors),
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=list(_EXPOSED),
    )
    return middleware
