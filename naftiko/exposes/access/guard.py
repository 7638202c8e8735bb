"""`Guard`: the authentication that a document declares, in front of an adapter.

    authentication: {type: bearer, token: "{{TOKEN}}"}
        a request without the token  →  401 and a `WWW-Authenticate` challenge

Spec 3.7: bearer tokens, API keys, HTTP Basic and Digest, OAuth2. Secrets are resolved
when serving starts. If one has no value, serving does not start: the text of a template
must never become the secret. This module must not know what it protects.
"""

from __future__ import annotations

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
    from collections.abc import Awaitable, Callable, Mapping

    from naftiko.bindings import Variables
    from naftiko.exposes.http.scope import ASGIApp, ASGIScope, Receive, Send
    from naftiko.spec.adapters import ServerAuthentication
    from naftiko.spec.model import Exposes
    from naftiko.transport.base import AsyncTransport


class Guard:
    """An ASGI application that refuses requests without valid credentials.

    Args:
        app: The application that is protected.
        exposes: The adapter in the document; one without `authentication` is open.
        variables: The binds of the document; secrets come from them.
        transport: Sends requests to the authorization server.
        is_open: Tells whether a request needs no credentials, given its scope.

    Attributes:
        app: The application that is protected.
        documents: Path → JSON document that is served there without credentials.
        is_idle: The adapter is open: every request gets to the application.

    Raises:
        ServeError: A secret is missing, or the type of authentication is unknown.
    """

    def __init__(
        self,
        app: ASGIApp,
        exposes: Exposes,
        variables: Variables,
        transport: AsyncTransport,
        *,
        is_open: Callable[[ASGIScope], bool] | None = None,
    ) -> None:
        self.app = app
        self._is_open = is_open
        self.documents: Mapping[str, bytes] = {}
        self._check: Check | None = None
        asked = exposes.authentication
        if asked is not None:
            values = Secrets(asked, exposes, variables)
            self._check, self.documents = _checker(asked, values, transport)
        self.is_idle = self._check is None

    def __call__(
        self, scope: ASGIScope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Serve one request, or refuse it."""
        if self._check is None or scope["type"] != "http":
            return self.app(scope, receive, send)
        return self._checked(self._check, scope, receive, send)

    async def _checked(
        self, check: Check, scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        path = path_of(scope)
        if path in self.documents and scope["method"] in ("GET", "HEAD"):
            document = Answer(200, JSON_TYPE, self.documents[path])
            await _inbound(scope, receive, send).answer(document)
            return
        if is_preflight(scope):
            # Answered here: a preflight has no credentials, so it must not get in.
            await _inbound(scope, receive, send).answer(Answer(204))
            return
        if self._is_open is None or not self._is_open(scope):
            refusal = await check(scope)
            if refusal is not None:
                await _inbound(scope, receive, send).refuse(refusal)
                return
        await self.app(scope, receive, send)


def _inbound(scope: ASGIScope, receive: Receive, send: Send) -> Inbound:
    """Return a request that is answered here; caches must not store the answer."""
    inbound = Inbound(scope, receive, send)
    inbound.more.append((b"cache-control", b"no-store"))
    return inbound


# --- the scheme of the document ------------------------------------------------------


def _checker(
    asked: ServerAuthentication, values: Secrets, transport: AsyncTransport
) -> tuple[Check, Mapping[str, bytes]]:
    """Return the check of a request, and the documents that need no credentials.

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
