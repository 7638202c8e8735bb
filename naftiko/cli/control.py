"""`naftiko health`, `status`, `traces`, `metrics`, `scripting`, `reload`: ask a server.

They talk to its control port (spec 7.6): `--port`, `NAFTIKO_CONTROL_PORT`, the control
adapter of a document in this folder, or 9090.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from naftiko.cli.console import clean, columns, fail, note, paint, width
from naftiko.cli.words import headers
from naftiko.document import read
from naftiko.errors import EXIT_CALL, EXIT_OK, CallError, DocumentError

if TYPE_CHECKING:
    from argparse import Namespace

    JSON = Any

DEFAULT_PORT = 9090
_TIMEOUT = 10.0


class _Answer:
    """What the server answers."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.text = body.decode("utf-8", "replace")

    @property
    def data(self) -> JSON:
        """The body as JSON; an empty mapping for anything else."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class _Server:
    """The control port that a command talks to."""

    def __init__(self, arguments: Namespace) -> None:
        self.host = (
            arguments.address
            or os.environ.get("NAFTIKO_CONTROL_ADDRESS")
            or "localhost"
        )
        self.port = _port(arguments.port)
        self.headers = headers(arguments.header)
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"http://{shown}:{self.port}"

    def ask(self, path: str, method: str = "GET", data: JSON = None) -> _Answer:
        """Ask for a path.

        Raises:
            CallError: Nothing answers, or it wants credentials.
        """
        host = "127.0.0.1" if self.host == "localhost" else self.host
        connection = http.client.HTTPConnection(host, self.port, timeout=_TIMEOUT)
        body = None if data is None else json.dumps(data).encode()
        given = dict(self.headers)
        if body is not None:
            given.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            answer = _Answer(response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise CallError(
                f"Cannot connect to control port at {self.url} ({reason})",
                hint="is a server with a control adapter running? --port and --address"
                " lead elsewhere",
            ) from None
        finally:
            connection.close()
        if answer.status in (401, 403):
            raise CallError(
                f"{self.url} wants credentials: {path} returned HTTP {answer.status}",
                hint="give them with --header 'Authorization: …'",
            )
        return answer

    def expect(self, path: str, method: str = "GET", data: JSON = None) -> _Answer:
        """Ask for a path that has to be there; raises `CallError` when it is not."""
        answer = self.ask(path, method, data)
        if answer.status != 200:
            said = answer.data.get("error", "")
            raise CallError(
                f"{path.partition('?')[0]} returned HTTP {answer.status}"
                + (f": {said}" if said else ""),
                hint="`management` of the control adapter turns it on"
                if answer.status == 404
                else "",
            )
        return answer


def _port(given: int | None) -> int:
    if given is not None:
        return given
    text = os.environ.get("NAFTIKO_CONTROL_PORT", "")
    if text:
        if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
            raise CallError(f"NAFTIKO_CONTROL_PORT: '{text}' is no port")
        return int(text)
    for file in sorted([*Path().glob("*.yml"), *Path().glob("*.yaml")]):
        port = _control_port(file)
        if port is not None:
            return port
    return DEFAULT_PORT


def _control_port(file: Path) -> int | None:
    """Return the port of the control adapter of a document, if it has one."""
    try:
        data: Any = read(file).data
    except DocumentError:
        return None
    capability = data.get("capability") if isinstance(data, dict) else None
    exposes = capability.get("exposes") if isinstance(capability, dict) else None
    for entry in exposes if isinstance(exposes, list) else ():
        if isinstance(entry, dict) and entry.get("type") == "control":
            port = entry.get("port")
            return port if isinstance(port, int) else None
    return None


# --- commands -----------------------------------------------------------------------


def run_health(arguments: Namespace) -> int:
    """Print whether the server is up; exit code 0 only when it is ready."""
    server = _Server(arguments)
    live = server.expect("/health/live").data.get("status", "DOWN")
    ready = server.ask("/health/ready").data
    adapters = [a for a in ready.get("adapters", ()) if isinstance(a, dict)]
    up = [a for a in adapters if a.get("state") == "started"]
    status = ready.get("status", "DOWN")
    print(f"Liveness:  {live}")
    print(f"Readiness: {status} ({len(up)}/{len(adapters)} adapters started)")
    for adapter in adapters:
        if adapter not in up:
            print(clean(f"  {_named(adapter)}: {adapter.get('state')}"))
    return EXIT_OK if status == "UP" else EXIT_CALL


def run_status(arguments: Namespace) -> int:
    """Print what the server serves."""
    server = _Server(arguments)
    found = server.expect("/status").data
    capability, engine = found.get("capability", {}), found.get("engine", {})
    adapters = [a for a in found.get("adapters", ()) if isinstance(a, dict)]
    degraded = any(
        a.get("state") != "started" and a.get("type") != "control" for a in adapters
    )
    label = clean(str(capability.get("label") or "unknown"))
    print(f"{label}: {'DEGRADED' if degraded else 'UP'}")
    print(f"Engine:    {engine.get('version', 'unknown')}")
    print(f"Uptime:    {duration(str(found.get('uptime', '')))}")
    print(f"Telemetry: {found.get('otel', {}).get('status', 'unknown')}")
    rows = [
        [f"  {a.get('type', '')}", str(a.get("namespace", "")), str(a.get("port", "")),
         str(a.get("state", ""))]
        for a in adapters
    ]  # fmt: skip
    for line in columns(rows, width()):
        print(line)
    return EXIT_OK


def run_traces(arguments: Namespace) -> int:
    """Print the latest traces, or the spans of one."""
    server = _Server(arguments)
    if arguments.trace_id:
        answer = server.ask(f"/traces/{quote(arguments.trace_id, safe='')}")
        _check_traces(answer, 404, 503)
        if answer.status != 200:
            fail(f"Trace not found: {arguments.trace_id}", "")
            return EXIT_CALL
        _show_trace(answer.data)
        return EXIT_OK
    query = {"operation": arguments.operation, "status": arguments.status}
    asked = urlencode({name: text for name, text in query.items() if text})
    answer = server.ask(f"/traces?{asked}" if asked else "/traces")
    _check_traces(answer, 503)
    traces = answer.data.get("traces", ()) if answer.status == 200 else ()
    if not traces:
        note("No traces found.")
        return EXIT_OK
    rows = [["TRACE ID", "OPERATION", "DURATION", "STATUS", "SPANS", "TIME"]]
    rows += [
        [
            str(trace.get("traceId", "")),
            str(trace.get("operation", "")),
            milliseconds(trace.get("durationMs", 0)),
            str(trace.get("status", "")),
            str(trace.get("spanCount", "")),
            str(trace.get("timestamp", "")),
        ]
        for trace in traces
    ]
    for line in columns(rows, width()):
        print(line)
    return EXIT_OK


def _check_traces(answer: _Answer, *none: int) -> None:
    """Refuse an answer that neither has traces nor says that there are none."""
    if answer.status not in (200, *none):
        raise CallError(
            f"/traces returned HTTP {answer.status}",
            hint="`observability` of the control adapter turns them on"
            if answer.status == 404
            else "",
        )


def _show_trace(trace: JSON) -> None:
    print(paint(clean(str(trace.get("traceId", ""))), "strong", sys.stdout))
    depths: dict[str, int] = {}
    for span in trace.get("spans", ()):
        depth = depths.get(str(span.get("parentSpanId")), -1) + 1
        depths[str(span.get("spanId"))] = depth
        took = milliseconds(span.get("durationMs", 0))
        print(
            "  " * depth
            + clean(f"{span.get('name')} [{span.get('kind')}] {took}")
            + f" {clean(str(span.get('status')))}"
        )


def run_metrics(arguments: Namespace) -> int:
    """Print the metrics as Prometheus text."""
    pattern = None
    if arguments.filter:
        try:
            pattern = re.compile(arguments.filter)
        except re.error as error:
            raise CallError(f"--filter: no regular expression: {error}") from None
    answer = _Server(arguments).ask("/metrics")
    if answer.status == 503:
        fail("Metrics unavailable: OpenTelemetry is not active.", "")
        return EXIT_CALL
    if answer.status != 200:
        raise CallError(f"/metrics returned HTTP {answer.status}")
    for line in answer.text.splitlines():
        if pattern is None or pattern.search(line):
            print(line)
    return EXIT_OK


_FIELDS = {
    "enabled": "boolean",
    "timeout": "number",
    "statementLimit": "number",
    "defaultLocation": "text",
    "defaultLanguage": "text",
    "allowedLanguages": "list",
}


def run_scripting(arguments: Namespace) -> int:
    """Print how scripts are run, after changing what is asked for."""
    changes: dict[str, JSON] = {}
    for word in arguments.set:
        name, sign, text = word.partition("=")
        if name not in _FIELDS or not sign:
            fail(
                f"Unknown scripting field: {name}",
                f"write --set FIELD=VALUE with one of {', '.join(_FIELDS)}",
            )
            return EXIT_CALL
        changes[name] = _field(_FIELDS[name], text)
    server = _Server(arguments)
    if changes:
        server.expect("/scripting", "PUT", changes)
        note("Scripting configuration updated.")
    answer = server.ask("/scripting")
    if answer.status == 404:
        fail(
            "Scripting is not configured there",
            "add `management: {scripting: {}}` to the control adapter",
        )
        return EXIT_CALL
    if answer.status != 200:
        raise CallError(f"/scripting returned HTTP {answer.status}")
    found = answer.data
    print(f"Scripting: {'ENABLED' if found.get('enabled', True) else 'DISABLED'}")
    for key, value in found.items():
        if key not in ("enabled", "stats"):
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            print(f"  {key}: {shown}")
    for key, value in found.get("stats", {}).items():
        print(f"  {key}: {value}")
    return EXIT_OK


def _field(kind: str, text: str) -> JSON:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind == "number":
        return int(text) if text.lstrip("-").isdecimal() else text
    if kind == "list":
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def run_reload(arguments: Namespace) -> int:
    """Make the server read its documents again."""
    answer = _Server(arguments).ask("/config/reload", "POST")
    if answer.status not in (200, 422):
        raise CallError(
            f"/config/reload returned HTTP {answer.status}",
            hint="`management: {reload: true}` of the control adapter turns it on"
            if answer.status == 404
            else "the log of the server says why",
        )
    done = answer.status == 200
    print("Reloaded." if done else "Not reloaded: the old version is served.")
    for problem in answer.data.get("problems", ()):
        print(f"  {clean(str(problem))}", file=sys.stdout if done else sys.stderr)
    return EXIT_OK if done else EXIT_CALL


def _named(adapter: JSON) -> str:
    name = adapter.get("namespace")
    return f"{adapter.get('type')} '{name}'" if name else str(adapter.get("type"))


def duration(text: str) -> str:
    """Return an ISO 8601 duration for people: `2h 34m 12s`; other text unchanged."""
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?", text)
    if not found:
        return text
    parts = [f"{n}{u}" for n, u in zip(found.groups(), "hms", strict=True) if n]
    return " ".join(parts) or "0s"


def milliseconds(value: JSON) -> str:
    """Return milliseconds for people: `342ms`, `1.2s`."""
    number = float(value) if isinstance(value, (int, float)) else 0.0
    return f"{number / 1000:.1f}s" if number >= 1000 else f"{number:.0f}ms"
