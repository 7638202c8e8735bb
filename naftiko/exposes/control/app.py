"""`ControlApp`: an exposed adapter of type `control`, for those who run a server.

Spec 5.2: health, status, metrics, traces, logs, scripting, validation and reloading.
What `management` does not turn on is not there. This module must not know how anything
else is served.
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import re
import time
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote

from naftiko.errors import DocumentError
from naftiko.exposes.http.answers import (
    JSON_TYPE,
    SECURITY_POLICY,
    Answer,
    json_bytes,
    send_answer,
)
from naftiko.exposes.http.scope import path_of
from naftiko.functions.scripts import Scripting
from naftiko.loader import validate
from naftiko.spec.adapters import Management, ObservabilitySettings
from naftiko.spec.model import SCRIPT_LANGUAGES, ScriptSettings
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.options import Options
    from naftiko.exposes.state import Host
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

    #: Path → method → what answers; `*` stands for any one segment.
    Routes = dict[tuple[str, ...], dict[str, Any]]

LEVELS = ("debug", "info", "warning", "error", "critical")
_INACTIVE = (
    "OpenTelemetry is not active. Install the extra 'telemetry' and leave"
    " observability.enabled on."
)
#: Seconds after which a silent stream shows that it is alive.
_PING = 15.0
_QUEUE = 1000


class _Refused(Exception):
    """A request that cannot be done; `status` says why to programs."""

    def __init__(self, status: int, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class _ControlVersion(NamedTuple):
    """One version of an adapter."""

    engine: Engine
    management: Management
    routes: Routes


class ControlApp:
    """Serve one `control` adapter.

    Args:
        engine: Holds the capability.
        exposes: The adapter.
        options: What whoever serves it decides.
        host: What this process serves.
    """

    def __init__(
        self, engine: Engine, exposes: Exposes, options: Options, host: Host
    ) -> None:
        self.host = host
        self._limit = options.max_body_bytes
        self._subscribers = 0
        self._draining = asyncio.Event()
        self.replace(self.prepare(engine, exposes))

    def prepare(self, engine: Engine, exposes: Exposes) -> _ControlVersion:
        """Make another version ready to be served; what is served stays."""
        management = exposes.management or Management()
        observed = exposes.observability or ObservabilitySettings()
        return _ControlVersion(engine, management, self._attached(management, observed))

    def replace(self, version: _ControlVersion) -> None:
        """Serve another version."""
        self._served = version

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Need nothing while served."""
        yield

    def drain(self) -> None:
        """End the streams that would stay open for ever."""
        self._draining.set()

    def _attached(
        self, management: Management, observed: ObservabilitySettings
    ) -> Routes:
        """Return what is turned on."""
        found: Routes = {(): {"GET": self._page}}
        if management.health:
            found["health", "live"] = {"GET": self._live}
            found["health", "ready"] = {"GET": self._ready}
        if management.info:
            found["status",] = {"GET": self._status}
        if management.reload:
            found["config", "reload"] = {"POST": self._reload}
        if management.validate:
            found["config", "validate"] = {"POST": self._validate}
        if management.logs.levels or management.logs.stream:
            found["logs",] = {"GET": self._logs}
        if management.logs.levels:
            found["logs", "*"] = {"GET": self._logger, "PUT": self._set_level}
        if management.scripting:
            found["scripting",] = {"GET": self._scripting, "PUT": self._set_scripting}
        if observed.enabled and observed.metrics:
            found["metrics",] = {"GET": self._metrics}
        if observed.enabled and observed.traces:
            found["traces",] = {"GET": self._traces}
            found["traces", "*"] = {"GET": self._trace}
        return found

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        method = scope["method"]
        segments = tuple(filter(None, path_of(scope).split("/")))
        logs = self._served.management.logs
        if logs.stream and segments == ("logs", "stream") and method == "GET":
            await self._stream(receive, send)
            return
        try:
            answer = await self._answered(scope, receive, segments)
        except _Refused as error:
            body = json_bytes({"error": str(error)})
            answer = Answer(error.status, JSON_TYPE, body, error.headers)
        no_store = [(b"cache-control", b"no-store")]
        await send_answer(send, answer, is_head=method == "HEAD", headers=no_store)

    async def _answered(
        self, scope: Any, receive: Any, segments: tuple[str, ...]
    ) -> Answer:
        routes = self._served.routes
        methods = routes.get(segments)
        rest: tuple[str, ...] = ()
        if methods is None and segments:
            methods = routes.get((*segments[:-1], "*"))
            rest = (unquote(segments[-1]),)
        if methods is None:
            raise _Refused(404, f"nothing is served at /{'/'.join(segments)}")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        answers = methods.get(method)
        if answers is None:
            allowed = ", ".join(sorted(methods))
            raise _Refused(405, f"use {allowed}", ("Allow", allowed))
        answer: Answer = await answers(scope, receive, *rest)
        return answer

    # --- health and status ------------------------------------------------------------

    async def _page(self, scope: Any, receive: Any) -> Answer:
        text = files("naftiko.exposes.control").joinpath("live.html").read_text("utf-8")
        telemetry = self.host.telemetry
        silent = {"metrics", "traces"} if telemetry is None else set()
        paths = [
            f"/{'/'.join(segments)}"
            for segments, methods in self._served.routes.items()
            if "GET" in methods and "*" not in segments and silent.isdisjoint(segments)
        ]
        text = text.replace('"{{paths}}"', json.dumps(paths))
        policy = ("Content-Security-Policy", SECURITY_POLICY)
        return Answer(200, "text/html; charset=utf-8", text.encode(), (policy,))

    async def _live(self, scope: Any, receive: Any) -> Answer:
        return _json({"status": "UP"})

    async def _ready(self, scope: Any, receive: Any) -> Answer:
        is_ready = self.host.is_ready
        adapters = [adapter.as_dict() for adapter in self.host.adapters]
        status = "UP" if is_ready else "DEGRADED"
        found = {"status": status, "adapters": adapters}
        return _json(found, 200 if is_ready else 503)

    async def _status(self, scope: Any, receive: Any) -> Answer:
        capability = self._served.engine.capability
        active = self.host.telemetry is not None
        return _json(
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
            }
        )

    # --- metrics and traces -----------------------------------------------------------

    async def _metrics(self, scope: Any, receive: Any) -> Answer:
        telemetry = self.host.telemetry
        text = telemetry.metrics_text() if telemetry is not None else None
        if text is None:
            raise _Refused(503, _INACTIVE)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Answer(200, kind, text.encode())

    async def _traces(self, scope: Any, receive: Any) -> Answer:
        buffer = self._buffer()
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        found = buffer.latest(
            query.get("operation", [""])[0], query.get("status", [""])[0]
        )
        return _json(
            {
                "traces": found,
                "bufferSize": buffer.capacity,
                "bufferUsed": len(buffer),
            }
        )

    async def _trace(self, scope: Any, receive: Any, trace_id: str) -> Answer:
        found = self._buffer().find(trace_id)
        if found is None:
            raise _Refused(404, f"Trace not found: {trace_id}")
        return _json(found)

    def _buffer(self) -> Any:
        telemetry = self.host.telemetry
        if telemetry is None or telemetry.traces is None:
            raise _Refused(503, _INACTIVE)
        return telemetry.traces

    # --- the document -----------------------------------------------------------------

    async def _reload(self, scope: Any, receive: Any) -> Answer:
        done = await self.host.reload()
        found = {
            "status": "reloaded" if done.is_done else "unchanged",
            "problems": list(done.problems),
        }
        return _json(found, 200 if done.is_done else 422)

    async def _validate(self, scope: Any, receive: Any) -> Answer:
        """Check the document in the body, or without one those that are served."""
        body = await self._body(receive)
        sources: list[Any] = [body] if body.strip() else []
        if not sources:
            sources = list(self._served.engine.capability.files[:1])
        try:
            found = [p for s in sources for p in await asyncio.to_thread(validate, s)]
        except DocumentError as error:
            raise _Refused(422, error.message) from None
        valid = not any(problem.severity == "error" for problem in found)
        problems = [problem.as_dict() for problem in found]
        return _json({"valid": valid, "problems": problems})

    # --- logs -------------------------------------------------------------------------

    async def _logs(self, scope: Any, receive: Any) -> Answer:
        lines = list(self.host.logs.lines) if self.host.logs is not None else []
        names = sorted(n for n in logging.root.manager.loggerDict if _is_ours(n))
        return _json({"loggers": [_level(name) for name in names], "lines": lines})

    async def _logger(self, scope: Any, receive: Any, name: str) -> Answer:
        if not _is_ours(name):
            raise _Refused(404, f"there is no logger '{name}' here")
        return _json(_level(name))

    async def _set_level(self, scope: Any, receive: Any, name: str) -> Answer:
        if not _is_ours(name):
            raise _Refused(404, f"there is no logger '{name}' here")
        level = (await self._object(receive)).get("level")
        if not isinstance(level, str) or level.lower() not in LEVELS:
            raise _Refused(400, f"`level` is one of {', '.join(LEVELS)}")
        logging.getLogger(name).setLevel(level.upper())
        return _json(_level(name))

    async def _stream(self, receive: Any, send: Any) -> None:
        """Send new log lines as they come (server-sent events)."""
        logs, most = self.host.logs, self._served.management.logs.max_subscribers
        if logs is None or self._subscribers >= most:
            body = json_bytes({"error": "no more subscribers are taken"})
            retry = (("Retry-After", "5"),)
            await send_answer(send, Answer(503, JSON_TYPE, body, retry))
            return
        queue: asyncio.Queue[JSON] = asyncio.Queue(_QUEUE)
        loop = asyncio.get_running_loop()

        def put(line: JSON) -> None:
            # A slow reader loses the newest.
            if not queue.full():
                queue.put_nowait(line)

        def tell(line: JSON) -> None:
            # Lines come from any thread, also while the loop ends.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(put, line)

        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        self._subscribers += 1
        logs.listeners.add(tell)
        ends = [
            asyncio.create_task(_disconnected(receive)),
            asyncio.create_task(self._draining.wait()),
        ]
        try:
            await send(start)
            await send(_event(b": connected\n\n"))
            while not any(task.done() for task in ends):
                line = asyncio.create_task(queue.get())
                await asyncio.wait(
                    [line, *ends], timeout=_PING, return_when="FIRST_COMPLETED"
                )
                if line.done():
                    data = json.dumps(line.result(), default=str, ensure_ascii=False)
                    await send(_event(f"data: {data}\n\n".encode()))
                else:
                    line.cancel()
                    await send(_event(b": alive\n\n"))
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._subscribers -= 1
            logs.listeners.discard(tell)
            for task in ends:
                task.cancel()

    # --- scripting --------------------------------------------------------------------

    async def _scripting(self, scope: Any, receive: Any) -> Answer:
        return _json(_scripting_state(self._served.engine.capability.scripting))

    async def _set_scripting(self, scope: Any, receive: Any) -> Answer:
        """Change some settings: all of them, or none when one is wrong."""
        scripting = self._served.engine.capability.scripting
        changed = _changed(await self._object(receive), scripting.settings)
        scripting.settings = changed
        return _json(_scripting_state(scripting))

    # --- bodies -----------------------------------------------------------------------

    async def _body(self, receive: Any) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise _Refused(400, "the request broke off")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._limit:
                raise _Refused(413, f"the body is larger than {self._limit:,} bytes")
            if not message.get("more_body"):
                return b"".join(chunks)

    async def _object(self, receive: Any) -> dict[str, JSON]:
        try:
            data = json.loads(await self._body(receive))
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise _Refused(400, "the body is no JSON object")
        return data


def _json(value: JSON, status: int = 200) -> Answer:
    return Answer(status, JSON_TYPE, json_bytes(value))


def _event(text: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, "more_body": True}


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_ours(name: str) -> bool:
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


def _scripting_state(scripting: Scripting) -> dict[str, JSON]:
    settings, stats = scripting.settings, scripting.stats
    found: dict[str, JSON] = {"enabled": scripting.is_enabled}
    if settings.default_location:
        found["defaultLocation"] = settings.default_location
    if settings.default_language:
        found["defaultLanguage"] = settings.default_language
    found["timeout"] = settings.timeout
    found["statementLimit"] = settings.statement_limit
    if settings.allowed_languages:
        found["allowedLanguages"] = list(settings.allowed_languages)
    told: dict[str, JSON] = {
        "totalExecutions": stats.executions,
        "totalErrors": stats.errors,
        "averageDurationMs": round(stats.average_ms, 2),
    }
    if stats.last_at is not None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stats.last_at))
        told["lastExecutionAt"] = moment
    return {**found, "stats": told}


def _changed(data: Mapping[str, JSON], settings: ScriptSettings) -> ScriptSettings:
    """Return settings with what a request changes.

    Raises:
        _Refused: A value is wrong; nothing is changed then.
    """
    found: dict[str, Any] = {}
    for key, value in data.items():
        if key not in _SETTERS:
            raise _Refused(400, f"Unknown scripting field: {key}")
        name, is_good, wanted = _SETTERS[key]
        if not is_good(value):
            raise _Refused(400, f"`{key}` {wanted}")
        found[name] = tuple(value) if isinstance(value, list) else value
    return settings._replace(**found)


def _is_count(value: JSON) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_SETTERS: dict[str, tuple[str, Any, str]] = {
    "enabled": ("enabled", lambda v: isinstance(v, bool), "is true or false"),
    "timeout": ("timeout", _is_count, "is a whole number of milliseconds, from 1"),
    "statementLimit": ("statement_limit", _is_count, "is a whole number, from 1"),
    "defaultLocation": (
        "default_location",
        lambda v: isinstance(v, str) and re.match(r"file:///.", v) is not None,
        "is an absolute file: URI",
    ),
    "defaultLanguage": (
        "default_language",
        lambda v: v in SCRIPT_LANGUAGES,
        f"is one of {', '.join(SCRIPT_LANGUAGES)}",
    ),
    "allowedLanguages": (
        "allowed_languages",
        lambda v: isinstance(v, list) and all(item in SCRIPT_LANGUAGES for item in v),
        f"is a list of {', '.join(SCRIPT_LANGUAGES)}",
    ),
}
