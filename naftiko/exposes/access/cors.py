"""Which web pages may call from a browser (the CORS protocol of the Fetch standard).

It stands before authentication: a preflight carries no credentials, and a page can only
read a refusal that says it may. This module must not know what is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naftiko.exposes.options import Options

#: What a page may read of a response beside its media type.
_EXPOSED = (
    "Allow",
    "Mcp-Session-Id",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)


def with_cors(app: Any, options: Options) -> Any:
    """Return an ASGI application that browsers may call from `options.cors`.

    Without origins it is the application itself: browsers then keep pages of other
    origins away.
    """
    if not options.cors:
        return app
    from starlette.middleware.cors import CORSMiddleware

    return CORSMiddleware(
        app,
        allow_origins=list(options.cors),
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=list(_EXPOSED),
    )
