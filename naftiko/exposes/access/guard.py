"""Who may call an exposed adapter: bearer, API key, Basic, Digest; OAuth2 in `oauth`.

Spec 3.7; RFC 6750, 7617, 7616. Secrets are resolved when serving starts, and serving
does not start when one is missing: a template never becomes the secret itself. They are
compared in constant time. This module must not know what it protects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from naftiko.errors import ServeError
from naftiko.exposes.access.digest import Digest
from naftiko.exposes.access.schemes import (
    Check,
    api_key_check,
    basic_check,
    bearer_check,
)
from naftiko.exposes.access.secrets import Secrets
from naftiko.exposes.http.answers import JSON_TYPE, Answer
from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.scope import is_preflight, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.bindings import Variables
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.spec.adapters import ServerAuthentication
    from naftiko.spec.model import Exposes
    from naftiko.transport.base import AsyncTransport

    App = Callable[[ASGIScope, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI application that lets pass what the document lets pass.

    Args:
        app: What is protected.
        exposes: The adapter; one without `authentication` is open.
        variables: Where secrets come from: the binds of the document.
        transport: Asks the authorization server.
        is_open: Tells of a request, given its scope, whether it needs no credentials.

    Attributes:
        documents: Path → what everybody may read there.

    Raises:
        ServeError: A secret is missing, or the type is not known.
    """

    def __init__(
        self,
        app: App,
        exposes: Exposes,
        variables: Variables,
        transport: AsyncTransport,
        *,
        is_open: Callable[[ASGIScope], bool] | None = None,
    ) -> None:
        self._app = app
        self._is_open = is_open
        self.documents: Mapping[str, bytes] = {}
        self._check: Check | None = None
        asked = exposes.authentication
        if asked is not None:
            values = Secrets(asked, exposes, variables)
            self._check, self.documents = _checker(asked, values, transport)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if self._check is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = path_of(scope)
        if path in self.documents and scope["method"] in ("GET", "HEAD"):
            told = Answer(200, JSON_TYPE, self.documents[path])
            await _exchange(scope, receive, send).answer(told)
            return
        if is_preflight(scope):
            # Answered here: without credentials nothing is told of what is inside.
            await _exchange(scope, receive, send).answer(Answer(204))
            return
        if self._is_open is None or not self._is_open(scope):
            refusal = await self._check(scope)
            if refusal is not None:
                await _exchange(scope, receive, send).refuse(refusal)
                return
        await self._app(scope, receive, send)


def _exchange(scope: ASGIScope, receive: Receive, send: Send) -> Inbound:
    """Return a request that is answered here; no such answer is to be kept."""
    exchange = Inbound(scope, receive, send)
    exchange.more.append((b"cache-control", b"no-store"))
    return exchange


# --- what the document declares ------------------------------------------------------


def _checker(
    asked: ServerAuthentication, values: Secrets, transport: AsyncTransport
) -> tuple[Check, Mapping[str, bytes]]:
    """Return the check, and documents that are served without one.

    Raises:
        ServeError: The document does not say what to check, or a secret is missing.
    """
    for problem in asked.problems:
        raise ServeError(problem.message, hint=problem.hint, code=problem.rule.code)
    if asked.type == "bearer":
        return bearer_check(values.get(asked.written("token", "value"))), {}
    if asked.type == "apikey":
        # The published spelling, and that of OpenAPI (dialect 3.3).
        name = values.get(asked.written("key", "name"))
        return api_key_check(asked.placement, name, values.get("value")), {}
    if asked.type == "oauth2":
        from naftiko.exposes.access.oauth import ResourceServer

        server = ResourceServer(asked, values, transport)
        return server.check, server.documents
    username = values.get("username", empty=True)
    password = values.get("password")
    if asked.type == "basic":
        return basic_check(username, password), {}
    return Digest(username, password).check, {}
