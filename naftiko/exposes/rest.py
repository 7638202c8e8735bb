"""`RestApp`: an exposed adapter of type `rest` as an ASGI application.

Spec 3.1 to 3.6. Whatever the document decides is compiled when it is read; a request
walks a tree of segments, a list of getters and one run. This module must not know
sockets, authentication or how a run is made.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from naftiko.errors import CallError, StatusError, UnboundVariable
from naftiko.exposes.answers import (
    JSON_TYPE,
    MEDIA_TYPES,
    Answer,
    chosen,
    headers_of,
    outcome_answer,
)
from naftiko.exposes.arguments import (
    ArgumentReader,
    BadRequest,
    Incoming,
    read_payload,
    text_of,
)
from naftiko.exposes.callers import CallerVariables
from naftiko.exposes.connection import Exchange, Gone, read_body, watched
from naftiko.exposes.explorer import SECURITY_POLICY, page
from naftiko.exposes.forward import Forward, forwards_of
from naftiko.exposes.openapi import Api
from naftiko.exposes.problems import (
    RETRY_AFTER,
    HttpProblem,
    missing_header,
    problem_of,
    status_answer,
    wrong_arguments,
)
from naftiko.exposes.routes import ANY_METHOD, BadPath, Missing, Router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.options import Options
    from naftiko.functions import Plan
    from naftiko.model import Exposes

    JSON = Any
    Scope = Any
    Receive = Any
    Send = Any

log = logging.getLogger("naftiko.rest")

OPENAPI_PATH = "/openapi.json"
DOCS_PATH = "/docs"


class RestApp:
    """Serve one `rest` adapter.

    Args:
        engine: Runs its functions.
        exposes: The adapter.
        options: What whoever serves it decides.
    """

    def __init__(self, engine: Engine, exposes: Exposes, options: Options) -> None:
        self.options = options
        self._callers = CallerVariables(options.variable_headers)
        self._active = 0
        self.replace(engine, exposes)

    @property
    def exposes(self) -> Exposes:
        """The adapter that is served."""
        return self._served.exposes

    def replace(self, engine: Engine, exposes: Exposes) -> None:
        """Serve another version; requests under way finish with the one they have."""
        self._served = _Served(engine, exposes, self.options, self._callers)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Do nothing: everything is ready when it is made."""
        yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            return
        headers = headers_of(scope)
        exchange = Exchange(scope, receive, send, headers)
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


class _Served:
    """One version of an adapter, compiled; it never changes."""

    def __init__(
        self,
        engine: Engine,
        exposes: Exposes,
        options: Options,
        callers: CallerVariables,
    ) -> None:
        self.engine = engine
        self.exposes = exposes
        self.options = options
        self.callers = callers
        self.router: Router[_Endpoint | Forward | _Description | _Page] = Router()
        plans = [plan for plan in engine.functions.of(exposes) if plan.function.method]
        served = []
        for plan in plans:
            function = plan.function
            endpoint = _Endpoint(plan, engine, options, callers)
            if self.router.add(function.method.upper(), function.url_path, endpoint):
                served.append(plan)
        forwards = forwards_of(exposes, engine, options, callers)
        for forward in forwards:
            self.router.add(ANY_METHOD, forward.path, forward)
            if forward.stem:
                self.router.add(ANY_METHOD, forward.stem, forward)
        api = Api(engine.capability, exposes, served, forwards, options)
        # What the document declares itself stands before this.
        self.router.add("GET", OPENAPI_PATH, _Description(api))
        self.router.add("GET", DOCS_PATH, _Page())

    async def serve(self, exchange: Exchange) -> None:
        if _is_preflight(exchange):
            # It comes without credentials: nothing may be called or forwarded for it.
            await exchange.answer(Answer(204))
            return
        path = _path_of(exchange.scope)
        query = exchange.scope.get("query_string", b"").decode("latin-1")
        try:
            found = self.router.find(path, exchange.method, query)
        except BadPath:
            await exchange.refuse(
                HttpProblem(
                    "malformed-request",
                    "the path is not percent-encoded UTF-8",
                    "encode its bytes as %XX (RFC 3986, 2.1)",
                )
            )
            return
        if isinstance(found, Missing):
            await self._missing(exchange, path, found.allowed)
            return
        try:
            await found.endpoint.serve(exchange, found.captures)
        except Gone:
            pass
        except Exception:
            log.exception("request %s failed", exchange.request_id.decode())
            if not exchange.is_started:
                detail = "an error in the server itself; the log has it"
                await exchange.refuse(HttpProblem("failed", detail))

    async def _missing(
        self, exchange: Exchange, path: str, allowed: frozenset[str]
    ) -> None:
        if not allowed:
            other = path.removesuffix("/") if path.endswith("/") else path + "/"
            near = self.router.find(other or "/", exchange.method)
            is_near = not isinstance(near, Missing) or near.allowed
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


def _is_preflight(exchange: Exchange) -> bool:
    headers = exchange.headers
    return (
        exchange.method == "OPTIONS"
        and b"origin" in headers
        and b"access-control-request-method" in headers
    )


def _path_of(scope: Scope) -> str:
    """Return the path of a request below the place where the adapter is mounted.

    It is the encoded path: what `%2F` stands for is no separator.
    """
    raw = scope.get("raw_path")
    if raw is None:
        from urllib.parse import quote

        path = quote(scope["path"], safe="/:@!$&'()*+,;=~")
    else:
        path = raw.decode("latin-1").partition("?")[0]
    root = scope.get("root_path", "").rstrip("/")
    if root and scope["path"].startswith(root):
        # As many segments as the mount has; they may be encoded in other ways.
        path = "/" + "/".join(path.split("/")[root.count("/") + 1 :])
    return path or "/"


# --- operations ---------------------------------------------------------------------


class _Endpoint:
    """One operation of the adapter."""

    def __init__(
        self, plan: Plan, engine: Engine, options: Options, callers: CallerVariables
    ) -> None:
        self.plan = plan
        self.engine = engine
        self.callers = callers
        self.limit = options.max_body_bytes
        self.reader = ArgumentReader(plan)
        self.is_mock = is_mock(plan)
        self.is_negotiated = is_negotiated(plan)

    async def serve(self, exchange: Exchange, captures: Mapping[str, str]) -> None:
        plan = self.plan
        if plan.problem is not None:
            await exchange.refuse(problem_of(plan.problem, is_compiled=True))
            return
        accept = exchange.headers.get(b"accept")
        media_type = JSON_TYPE if accept is None else chosen(accept.decode("latin-1"))
        if not media_type:
            if self.is_negotiated:
                # Before anything is called: a refusal must not have had an effect.
                await exchange.refuse(
                    HttpProblem(
                        "not-acceptable",
                        f"the value comes as {' or '.join(MEDIA_TYPES)}",
                        "send an Accept header with one of them, or none",
                    )
                )
                return
            media_type = JSON_TYPE
        try:
            values = await self._values(exchange, captures)
        except BadRequest as error:
            await exchange.refuse(error.problem)
            return
        answer = await self._answer(exchange, values, media_type)
        if self.callers:
            # What one caller's credential gave must not be kept for another.
            exchange.more.append((b"cache-control", b"no-store"))
        if self.is_negotiated:
            exchange.more.append((b"vary", b"Accept"))
        await exchange.answer(answer)

    async def _values(
        self, exchange: Exchange, captures: Mapping[str, str]
    ) -> dict[str, JSON]:
        """Return the arguments in their types.

        Raises:
            BadRequest: Some are missing or wrong, or the request cannot be read.
        """
        reader = self.reader
        incoming = Incoming(
            captures, exchange.scope.get("query_string", b""), exchange.headers
        )
        unreadable: HttpProblem | None = None
        if reader.reads_body:
            body = await read_body(exchange.receive, exchange.headers, self.limit)
            content_type = text_of(exchange.headers.get(b"content-type", b""))
            try:
                incoming.payload = await read_payload(
                    body,
                    content_type,
                    reads_fields=reader.reads_fields,
                    takes_any=reader.takes_any,
                )
            except BadRequest as error:
                unreadable = error.problem
        values, wrong = self.plan.fit(reader.given(incoming))
        if unreadable is not None:
            # The other places are read all the same, and what is wrong there is named.
            others = [w for w in wrong if w.in_ not in ("", "body")]
            errors = (*unreadable.errors, *others)
            raise BadRequest(unreadable._replace(errors=errors))
        if wrong:
            raise BadRequest(wrong_arguments(wrong))
        return values

    async def _answer(
        self, exchange: Exchange, values: dict[str, JSON], media_type: str
    ) -> Answer:
        request_id = exchange.request_id.decode()
        variables = self.callers.of(exchange.scope["headers"]) if self.callers else None
        try:
            outcome = await watched(
                self.engine.run(
                    self.plan, values, variables=variables, headers=exchange.trace
                ),
                exchange.receive,
            )
            if self.is_mock and outcome.value == {}:
                return Answer(204)
            return outcome_answer(outcome, media_type)
        except StatusError as error:
            return status_answer(error, request_id)
        except UnboundVariable as error:
            if header := self.callers.missing(error):
                return missing_header(header).answer(request_id)
            log.error("request %s: %s", request_id, error)
            return problem_of(error).answer(request_id)
        except CallError as error:
            problem = problem_of(error)
            if problem.code >= 500:
                log.error("request %s: %s", request_id, error)
            return problem.answer(request_id)
        except ValueError as error:
            problem = HttpProblem("output", f"the value is not JSON: {error}")
            return problem.answer(request_id)


def is_mock(plan: Plan) -> bool:
    """Tell whether a function answers without calling anything (spec 3.6)."""
    function = plan.inner.function if plan.inner is not None else plan.function
    return plan.problem is None and not (function.call or function.steps)


def is_negotiated(plan: Plan) -> bool:
    """Tell whether what comes back is always a value, in a media type of ours."""
    function = plan.inner.function if plan.inner is not None else plan.function
    if is_mock(plan) or function.mappings:
        return True
    return plan.shape is not None and plan.shape.is_declared


class _Page:
    """`GET /docs`: a page that reads the description; it holds nothing itself."""

    async def serve(self, exchange: Exchange, captures: Mapping[str, str]) -> None:
        body = page("API", OPENAPI_PATH.removeprefix("/"))
        policy = (("Content-Security-Policy", SECURITY_POLICY),)
        await exchange.answer(Answer(200, "text/html; charset=utf-8", body, policy))


class _Description:
    """`GET /openapi.json`."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def serve(self, exchange: Exchange, captures: Mapping[str, str]) -> None:
        body = self.api.document(exchange.scope.get("root_path", ""))
        await exchange.answer(Answer(200, JSON_TYPE, body))
