"""`RestApp`: an exposed adapter of type `rest` as an ASGI application.

Spec 3.1 to 3.6. The routes, the places of the arguments and the plans are compiled when
the document is read. A request then passes three stages::

    path and method -> Router -> Endpoint or Forward -> response

Beside the routes of the document, the application serves `GET /openapi.json` and the
page `GET /docs`. This module must not know sockets, authentication or how a function
runs.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from naftiko.exposes import offload
from naftiko.exposes.http.answers import JSON_TYPE, SECURITY_POLICY, Answer
from naftiko.exposes.http.callers import CallerVariables
from naftiko.exposes.http.inbound import Gone, Inbound
from naftiko.exposes.http.problems import RETRY_AFTER, Busy, HttpProblem, problem_of
from naftiko.exposes.http.routes import (
    ANY_METHOD,
    PATH_SAFE,
    BadPath,
    NoRoute,
    Router,
    encoded_path,
)
from naftiko.exposes.http.scope import OPERATION, is_preflight
from naftiko.exposes.rest.endpoint import Endpoint
from naftiko.exposes.rest.explorer import page
from naftiko.exposes.rest.forward import Forward, forwards_of
from naftiko.exposes.rest.mcp_addresses import mcp_addresses
from naftiko.exposes.rest.openapi import Api
from naftiko.masking import forget
from naftiko.transport.wire.totals import Total

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.options import Options
    from naftiko.exposes.state import Host
    from naftiko.spec.model import Exposes

log = logging.getLogger("naftiko.rest")

OPENAPI_PATH = "/openapi.json"
DOCS_PATH = "/docs"


class RestApp:
    """Serve one `rest` adapter.

    Args:
        engine: Runs its functions.
        exposes: The adapter.
        options: The settings of the server.
        host: What this process serves; the description names the MCP adapters in it.
    """

    def __init__(
        self,
        engine: Engine,
        exposes: Exposes,
        options: Options,
        host: Host | None = None,
    ) -> None:
        self.options = options
        self._host = host
        self._callers = CallerVariables(options.variable_headers)
        self._active = 0
        self._bodies = host.bodies if host else Total(options.max_total_bytes)
        self.replace(self.prepare(engine, exposes))

    @property
    def exposes(self) -> Exposes:
        """The adapter that is served."""
        return self._served.exposes

    def prepare(self, engine: Engine, exposes: Exposes) -> RestVersion:
        """Compile a new version of the document; the old one is served on."""
        return RestVersion(engine, exposes, self.options, self._callers, self._host)

    def replace(self, version: RestVersion) -> None:
        """Serve a new version; requests under way finish with the old one."""
        self._served = version

    def is_open(self, scope: ASGIScope) -> bool:
        """Tell whether a request needs no credentials because it asks for the page.

        A route of the document at the path of the page needs credentials.
        """
        return scope["path"].endswith(DOCS_PATH) and self._served.is_page(scope)

    def drain(self) -> None:
        """End no stream: an answer without an end is cut off with the last requests."""

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Do nothing: everything is ready when it is made."""
        yield

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            return
        exchange = Inbound(scope, receive, send, self._bodies)
        if self._active >= self.options.max_concurrency:
            await exchange.refuse(
                HttpProblem(
                    "busy",
                    f"{self._active} requests are being worked on",
                    "try again in a moment",
                    headers=(("Retry-After", str(RETRY_AFTER)),),
                )
            )
            return
        self._active += 1
        try:
            await self._served.serve(exchange)
        finally:
            self._active -= 1
            if exchange.held is not None:
                exchange.held.free()


class RestVersion:
    """The routes of one version of a document; they never change."""

    def __init__(
        self,
        engine: Engine,
        exposes: Exposes,
        options: Options,
        callers: CallerVariables,
        host: Host | None,
    ) -> None:
        self.engine = engine
        self.exposes = exposes
        self.options = options
        self.callers = callers
        self.router: Router[Endpoint | Forward | _Description | _Page] = Router()
        endpoints = []
        for plan in engine.functions.of(exposes):
            function = plan.function
            endpoint = Endpoint(plan, engine, options, callers)
            method = function.method.upper() or "GET"
            if self.router.add(method, function.url_path, endpoint):
                endpoints.append(endpoint)
        forwards = forwards_of(exposes, engine, options, callers)
        for forward in forwards:
            self.router.add(ANY_METHOD, forward.path, forward)
            if forward.stem:
                self.router.add(ANY_METHOD, forward.stem, forward)
        api = Api(engine.capability, exposes, endpoints, forwards, options)
        # These come last: a route of the document at the same path wins.
        self.router.add("GET", OPENAPI_PATH, _Description(api, engine, host))
        self.router.add("GET", DOCS_PATH, _Page())

    def is_page(self, scope: ASGIScope) -> bool:
        """Tell whether the page answers a request."""
        query = scope.get("query_string", b"").decode("latin-1")
        try:
            match = self.router.find(encoded_path(scope), scope["method"], query)
        except BadPath:
            return False
        return not isinstance(match, NoRoute) and isinstance(match.endpoint, _Page)

    async def serve(self, exchange: Inbound) -> None:
        """Answer one request with the endpoint of its route."""
        if is_preflight(exchange.scope):
            # A preflight has no credentials, so it must not call or forward anything.
            await exchange.answer(Answer(204))
            return
        path = encoded_path(exchange.scope)
        query = exchange.scope.get("query_string", b"").decode("latin-1")
        try:
            match = self.router.find(path, exchange.method, query)
        except BadPath:
            await exchange.refuse(
                HttpProblem(
                    "malformed-request",
                    "the path is not percent-encoded UTF-8",
                    "encode its bytes as %XX (RFC 3986, 2.1)",
                )
            )
            return
        if isinstance(match, NoRoute):
            await self._refuse(exchange, path, match.allowed)
            return
        exchange.scope[OPERATION] = match.endpoint.label
        try:
            await match.endpoint.serve(exchange, match.captures)
        except Gone:
            pass
        except Exception as error:
            forget(error)
            log.exception("request %s failed", exchange.request_id.decode())
            if not exchange.is_started:
                detail = "an error in the server itself; the log has it"
                await exchange.refuse(HttpProblem("failed", detail))

    async def _refuse(
        self, exchange: Inbound, path: str, allowed: frozenset[str]
    ) -> None:
        """Answer a request that has no route: 404, 405, or a redirect to the page."""
        if not allowed and path == "/" and _wants_page(exchange):
            # A person who opens the address of the adapter gets to the page.
            page_at = exchange.scope.get("root_path", "").rstrip("/") + DOCS_PATH
            headers = (("Location", quote(page_at, safe=PATH_SAFE)),)
            await exchange.answer(Answer(307, headers=headers))
            return
        if not allowed:
            other = path.removesuffix("/") if path.endswith("/") else path + "/"
            near = self.router.find(other or "/", exchange.method)
            is_near = not isinstance(near, NoRoute) or near.allowed
            hint = f"see GET {OPENAPI_PATH} for what is"
            if is_near:
                hint = f"did you mean {other or '/'}?"
            await exchange.refuse(HttpProblem("not-found", hint=hint))
            return
        methods = {*allowed, "OPTIONS", *(("HEAD",) if "GET" in allowed else ())}
        allow = (("Allow", ", ".join(sorted(methods))),)
        if exchange.method == "OPTIONS":
            await exchange.answer(Answer(204, headers=allow))
            return
        await exchange.refuse(
            HttpProblem(
                "method-not-allowed",
                f"{exchange.method} is not one of them",
                f"use {' or '.join(sorted(allowed))}",
                headers=allow,
            )
        )


def _wants_page(exchange: Inbound) -> bool:
    accepted = exchange.headers.get(b"accept", b"")
    return exchange.method in ("GET", "HEAD") and b"text/html" in accepted


# --- routes that every adapter has ----------------------------------------------------


class _Page:
    """`GET /docs`: a page that reads `openapi.json` in the browser."""

    label = f"{DOCS_PATH} GET"

    async def serve(self, exchange: Inbound, captures: Mapping[str, str]) -> None:
        body = page("API", OPENAPI_PATH.removeprefix("/"))
        policy = (("Content-Security-Policy", SECURITY_POLICY),)
        await exchange.answer(Answer(200, "text/html; charset=utf-8", body, policy))


class _Description:
    """`GET /openapi.json`: the OpenAPI description of the adapter."""

    label = f"{OPENAPI_PATH} GET"

    def __init__(self, api: Api, engine: Engine, host: Host | None) -> None:
        self.api = api
        self._host = host
        adapters = engine.capability.exposes
        self._namespaces = {a.namespace for a in adapters if a.type == "mcp"}

    async def serve(self, exchange: Inbound, captures: Mapping[str, str]) -> None:
        scope = exchange.scope
        root_path = scope.get("root_path", "")
        # Asked at each request: an address is known when its port is bound.
        beside = [
            adapter
            for adapter in (self._host.adapters if self._host else ())
            if adapter.namespace in self._namespaces
        ]
        port = (scope.get("server") or (None, None))[1]
        mcp = mcp_addresses(beside, port, root_path)
        if self.api.is_made(mcp):
            body = self.api.document(root_path, mcp)
        else:
            try:
                body = await offload.aside(self.api.document, root_path, mcp)
            except Busy as error:
                await exchange.refuse(problem_of(error))
                return
        await exchange.answer(Answer(200, JSON_TYPE, body))
