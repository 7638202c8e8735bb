"""`ControlApp`: an exposed adapter of type `control`, for the operators of a server.

Spec 5.2::

    GET /                                the page
    GET /health/live, /health/ready      liveness and readiness
    GET /status                          the capability, the versions, the adapters
    GET /metrics, /traces, /traces/{id}  telemetry
    POST /config/reload, /config/validate
    GET /logs, /logs/stream, GET or PUT /logs/{name}
    GET or PUT /scripting

A route that `management` does not turn on answers 404. This module must not know how
the other adapters are served.
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import time
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from naftiko.errors import DocumentError
from naftiko.exposes.control.scripting import WrongSetting, changed_settings
from naftiko.exposes.control.stream import EVENT_STREAM
from naftiko.exposes.control.together import Together
from naftiko.exposes.control.validating import NotValidated, problems_of
from naftiko.exposes.http.answers import (
    SECURITY_POLICY,
    Answer,
    headers_of,
    json_answer,
    send_answer,
)
from naftiko.exposes.http.inbound import Gone, read_body
from naftiko.exposes.http.problems import BadRequest
from naftiko.exposes.http.routes import BadPath, NoRoute, Router, encoded_path
from naftiko.exposes.state import document_state, unusable_units
from naftiko.hints import SERVER
from naftiko.loader import validate
from naftiko.records.tuples import NamedTuple
from naftiko.spec.adapters import Management, ObservabilitySettings
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.options import Options
    from naftiko.exposes.state import Host
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

    #: A request -> its answer, or `None` when the answer has been sent already.
    Handler = Callable[["ControlRequest"], Awaitable[Answer | None]]
    #: Method, path template and handler.
    Route = tuple[str, str, Handler]

RELOAD_PATH = "/config/reload"
STREAM_PATH = "/logs/stream"
LEVELS = ("debug", "info", "warning", "error", "critical")
_INACTIVE = (
    "OpenTelemetry is not active. Install the extra 'telemetry' and leave"
    " observability.enabled on."
)


class _Refused(Exception):
    """A request that is refused; `status` is the HTTP status."""

    def __init__(self, status: int, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class ControlRequest(NamedTuple):
    """One request to the control port.

    Attributes:
        captures: Placeholder of the route → its text.
    """

    scope: ASGIScope
    receive: Receive
    send: Send
    captures: Mapping[str, str]


class ControlVersion(NamedTuple):
    """The routes of one version of a document.

    Attributes:
        paths: The paths that the page may ask for, or link to.
    """

    engine: Engine
    exposes: Exposes
    management: Management
    router: Router[Handler]
    paths: tuple[str, ...]


class ControlApp:
    """Serve one `control` adapter.

    Args:
        engine: Holds the capability.
        exposes: The adapter.
        options: The settings of the server.
        host: What this process serves.
    """

    def __init__(
        self, engine: Engine, exposes: Exposes, options: Options, host: Host
    ) -> None:
        self.host = host
        self._limit = options.max_body_bytes
        self._together = Together(
            host, lambda: self._served.engine.capability.scripting
        )
        self.replace(self.prepare(engine, exposes))

    @property
    def exposes(self) -> Exposes:
        """The adapter that is served."""
        return self._served.exposes

    def prepare(self, engine: Engine, exposes: Exposes) -> ControlVersion:
        """Read a new version of the document; the old one is served on."""
        management = exposes.management or Management()
        observed = exposes.observability or ObservabilitySettings()
        routes = self._routes(management, observed)
        router: Router[Handler] = Router()
        for method, template, handler in routes:
            router.add(method, template, handler)
        if management.logs.stream:
            router.add("GET", STREAM_PATH, self._follow)
        paths = [t for method, t, _ in routes if method == "GET" and "{" not in t]
        paths += [t for _, t, _ in routes if t == RELOAD_PATH]
        if management.logs.stream:
            paths.append(STREAM_PATH)
        return ControlVersion(engine, exposes, management, router, tuple(paths))

    def replace(self, version: ControlVersion) -> None:
        """Serve a new version of the document."""
        self._served = version

    def is_open(self, scope: ASGIScope) -> bool:
        """Tell that every request needs the credentials of the document."""
        return False

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Work together with the other processes of the server."""
        async with self._together.running():
            yield

    def drain(self) -> None:
        """End the streams of log lines, which would stay open for ever."""
        self._together.stream.drain()

    def _routes(
        self, management: Management, observed: ObservabilitySettings
    ) -> list[Route]:
        """Return the routes that the document turns on."""
        routes: list[Route] = [("GET", "/", self._page)]
        if management.health:
            routes.append(("GET", "/health/live", self._live))
            routes.append(("GET", "/health/ready", self._ready))
        if management.info:
            routes.append(("GET", "/status", self._status))
        if management.reload:
            routes.append(("POST", RELOAD_PATH, self._reload))
        if management.validate:
            routes.append(("POST", "/config/validate", self._validate))
        if management.logs.levels or management.logs.stream:
            routes.append(("GET", "/logs", self._logs))
        if management.logs.levels:
            routes.append(("GET", "/logs/{name}", self._logger))
            routes.append(("PUT", "/logs/{name}", self._set_level))
        if management.scripting:
            routes.append(("GET", "/scripting", self._scripting))
            routes.append(("PUT", "/scripting", self._set_scripting))
        if observed.enabled and observed.metrics:
            routes.append(("GET", "/metrics", self._metrics))
        if observed.enabled and observed.traces:
            routes.append(("GET", "/traces", self._traces))
            routes.append(("GET", "/traces/{id}", self._trace))
        return routes

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answer: Answer | None
        try:
            answer = await self._answered(scope, receive, send)
        except _Refused as error:
            told = {"error": str(error)}
            answer = json_answer(told, error.status, error.headers)
        if answer is not None:
            no_store = [(b"cache-control", b"no-store")]
            is_head = scope["method"] == "HEAD"
            await send_answer(send, answer, is_head=is_head, headers=no_store)

    async def _answered(
        self, scope: ASGIScope, receive: Receive, send: Send
    ) -> Answer | None:
        # Empty segments make no difference: `/health/live/` is `/health/live`.
        path = "/" + "/".join(filter(None, encoded_path(scope).split("/")))
        try:
            match = self._served.router.find(path, scope["method"])
        except BadPath:
            raise _Refused(400, "the path is not percent-encoded UTF-8") from None
        if not isinstance(match, NoRoute):
            handler = match.endpoint
            return await handler(ControlRequest(scope, receive, send, match.captures))
        if not match.allowed:
            raise _Refused(404, f"nothing is served at {path}")
        allowed = ", ".join(sorted(match.allowed))
        raise _Refused(405, f"use {allowed}", ("Allow", allowed))

    # --- health and status ------------------------------------------------------------

    async def _page(self, request: ControlRequest) -> Answer:
        text = files("naftiko.exposes.control").joinpath("live.html").read_text("utf-8")
        silent = set() if self.host.telemetry.is_on else {"/metrics", "/traces"}
        paths = [path for path in self._served.paths if path not in silent]
        text = text.replace('"{{paths}}"', json.dumps(paths))
        policy = ("Content-Security-Policy", SECURITY_POLICY)
        return Answer(200, "text/html; charset=utf-8", text.encode(), (policy,))

    async def _live(self, request: ControlRequest) -> Answer:
        return json_answer({"status": "UP"})

    async def _ready(self, request: ControlRequest) -> Answer:
        is_ready = self.host.is_ready
        adapters = [adapter.as_dict() for adapter in self.host.adapters]
        told = {
            "status": "UP" if is_ready else "DEGRADED",
            "adapters": adapters,
            "documents": self._documents(),
        }
        return json_answer(told, 200 if is_ready else 503)

    def _documents(self) -> list[dict[str, JSON]]:
        """Return the state of every document; outside a server, of that of this one."""
        documents = self.host.documents()
        if documents:
            return documents
        capability = self._served.engine.capability
        file = str(capability.files[0]) if capability.files else ""
        return [document_state(capability, file, unusable_units(capability))]

    async def _status(self, request: ControlRequest) -> Answer:
        capability = self._served.engine.capability
        active = self.host.telemetry.is_on
        processes = await self._together.status()
        return json_answer(
            {
                "capability": {
                    "label": capability.info.label,
                    "specVersion": capability.version,
                },
                "engine": {
                    "name": "naftiko",
                    "version": __version__,
                    "python": platform.python_version(),
                },
                "uptime": _duration(time.time() - self.host.started_at),
                "otel": {"status": "active" if active else "inactive"},
                "adapters": [adapter.as_dict() for adapter in self.host.adapters],
                "documents": self._documents(),
                **processes,
            }
        )

    # --- metrics and traces -----------------------------------------------------------

    async def _metrics(self, request: ControlRequest) -> Answer:
        text = await self._together.metrics()
        if text is None:
            raise _Refused(503, _INACTIVE)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Answer(200, kind, text.encode())

    async def _traces(self, request: ControlRequest) -> Answer:
        self._check_traces()
        query = parse_qs(request.scope.get("query_string", b"").decode("latin-1"))
        told = await self._together.traces(
            query.get("operation", [""])[0], query.get("status", [""])[0]
        )
        return json_answer(told)

    async def _trace(self, request: ControlRequest) -> Answer:
        self._check_traces()
        trace_id = request.captures["id"]
        trace = await self._together.trace(trace_id)
        if trace is None:
            raise _Refused(404, f"Trace not found: {trace_id}")
        return json_answer(trace)

    def _check_traces(self) -> None:
        if self.host.telemetry.traces is None:
            raise _Refused(503, _INACTIVE)

    # --- the document -----------------------------------------------------------------

    async def _reload(self, request: ControlRequest) -> Answer:
        """Read the documents again; `?force=true` lets units become unusable."""
        query = parse_qs(request.scope.get("query_string", b"").decode("latin-1"))
        is_forced = query.get("force", [""])[-1] == "true"
        reloaded = await self.host.reload(is_forced)
        status = "reloaded" if reloaded.is_done else "unchanged"
        if reloaded.files and not reloaded.is_done:
            status = "partly reloaded"
        told = {
            "status": status,
            "problems": [*reloaded.problems, *reloaded.notes],
            "files": list(reloaded.files),
            "forcible": reloaded.is_forcible,
        }
        return json_answer(told, 200 if reloaded.is_done else 422)

    async def _validate(self, request: ControlRequest) -> Answer:
        """Validate the document in the body, or without a body the served one.

        Of a document that was sent, nothing but its text is read.
        """
        body = await self._body(request)
        if body.strip():
            try:
                listed = await problems_of(body)
            except NotValidated as error:
                headers = (("Retry-After", "1"),) if error.is_busy else ()
                code = 503 if error.is_busy else 422
                raise _Refused(code, str(error), *headers) from None
        else:
            listed = await self._own_problems()
        is_valid = not any(problem["severity"] == "error" for problem in listed)
        return json_answer({"valid": is_valid, "problems": listed})

    async def _own_problems(self) -> list[dict[str, JSON]]:
        """Return the problems of the served document, and of its files."""
        files = self._served.engine.capability.files[:1]
        try:
            problems = [p for f in files for p in await asyncio.to_thread(validate, f)]
        except DocumentError as error:
            raise _Refused(422, error.message) from None
        return [problem.for_reader(SERVER).as_dict() for problem in problems]

    # --- logs -------------------------------------------------------------------------

    async def _logs(self, request: ControlRequest) -> Answer:
        lines = await self._together.lines()
        names = sorted(n for n in logging.root.manager.loggerDict if _is_ours(n))
        return json_answer(
            {"loggers": [_level(name) for name in names], "lines": lines}
        )

    async def _logger(self, request: ControlRequest) -> Answer:
        return json_answer(_level(_logger_name(request)))

    async def _set_level(self, request: ControlRequest) -> Answer:
        name = _logger_name(request)
        level = (await self._object(request)).get("level")
        if not isinstance(level, str) or level.lower() not in LEVELS:
            raise _Refused(400, f"`level` is one of {', '.join(LEVELS)}")
        await self._together.set_level(name, level)
        return json_answer(_level(name))

    async def _follow(self, request: ControlRequest) -> Answer | None:
        """Send new log lines as they are written (server-sent events)."""
        if request.scope["method"] == "HEAD":
            return Answer(200, EVENT_STREAM)
        together, most = self._together, self._served.management.logs.max_subscribers
        if self.host.logs is None or await together.readers() >= most:
            raise _Refused(503, "no more subscribers are taken", ("Retry-After", "5"))
        await together.stream.serve(together.new_lines(), request.receive, request.send)
        return None

    # --- scripting --------------------------------------------------------------------

    async def _scripting(self, request: ControlRequest) -> Answer:
        return json_answer(await self._together.scripting())

    async def _set_scripting(self, request: ControlRequest) -> Answer:
        """Change settings: all that the request names, or none when one is wrong."""
        scripting = self._served.engine.capability.scripting
        given = await self._object(request)
        try:
            settings = changed_settings(given, scripting.settings)
        except WrongSetting as error:
            raise _Refused(400, str(error)) from None
        await self._together.change_scripting(settings)
        return json_answer(await self._together.scripting())

    # --- bodies -----------------------------------------------------------------------

    async def _body(self, request: ControlRequest) -> bytes:
        """Return the body of a request, its `Content-Encoding` undone."""
        headers = headers_of(request.scope)
        held = self.host.bodies.holder()
        try:
            return await read_body(request.receive, headers, self._limit, held)
        except BadRequest as error:
            problem = error.problem
            raise _Refused(problem.code, problem.detail, *problem.headers) from None
        except Gone:
            raise _Refused(400, "the request broke off") from None
        finally:
            held.free()

    async def _object(self, request: ControlRequest) -> dict[str, JSON]:
        try:
            data = json.loads(await self._body(request))
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise _Refused(400, "expected a JSON object in the body")
        return data


def _logger_name(request: ControlRequest) -> str:
    """Return the logger that a path names; raises `_Refused` for one of others."""
    name = request.captures["name"]
    if not _is_ours(name):
        raise _Refused(404, f"there is no logger '{name}' here")
    return name


def _is_ours(name: str) -> bool:
    """Tell whether a logger belongs to this package."""
    return name == "naftiko" or name.startswith("naftiko.")


def _level(name: str) -> dict[str, JSON]:
    level = logging.getLogger(name).getEffectiveLevel()
    return {"name": name, "level": logging.getLevelName(level).lower()}


def _duration(seconds: float) -> str:
    """Return seconds as an ISO 8601 duration: `PT2H34M12S`."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else ""]
    return "PT" + "".join(parts) + (f"{rest}S" if rest or not whole // 60 else "")
