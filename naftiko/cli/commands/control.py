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
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from naftiko.cli.console import clean, fail, note, paint
from naftiko.cli.options import is_host, port_of
from naftiko.cli.tables import columns, width
from naftiko.cli.words import UsageError, headers, text_of
from naftiko.document.source import read
from naftiko.errors import (
    EXIT_CALL,
    EXIT_OK,
    CallError,
    DocumentError,
    did_you_mean,
    shorten,
)
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from argparse import Namespace

    from naftiko.plain import JSON

DEFAULT_PORT = 9090
_TIMEOUT = 10.0
#: Bytes of an answer: a server of something else may have no end.
_MOST = 64 << 20
#: How the text begins that Prometheus reads: a comment, or a metric; it may be empty.
_METRICS = re.compile(r"\s*(?:#|[a-zA-Z_:][\w:]*(?:\{[^\n]*\})? +[^\s]|$)", re.ASCII)


class _ControlReply:
    """What the server answers to a path."""

    def __init__(self, url: str, path: str, status: int, body: bytes) -> None:
        self.url = url
        self.path = path.partition("?")[0]
        self.status = status
        self.text = body.decode("utf-8", "replace")

    def data(self, **wanted: type) -> dict[str, JSON]:
        """Return the body, an object that has these members, each of its type.

        Raises:
            CallError: It is something else.
        """
        found = self._object()
        if found is None or not all(
            isinstance(found.get(name), kind) for name, kind in wanted.items()
        ):
            raise self.strange()
        return found

    def _object(self) -> dict[str, JSON] | None:
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def strange(self) -> CallError:
        """Return an error: a server, but another than this command is for."""
        return CallError(
            f"{self.url} is no naftiko control port: {self.path} answers something else"
            f" (HTTP {self.status})",
            hint="--port and --address lead elsewhere",
        )

    def refused(self, turned_on_by: str) -> CallError:
        """Return an error: the path is not there, or fails."""
        said = (self._object() or {}).get("error", "")
        hint = "" if said else "if this is a control port, its log says more"
        if self.status == 404:
            hint = f"{turned_on_by} of the control adapter turns it on"
            hint = hint if said else f"if this is a control port, {hint}"
        return CallError(
            f"{self.path} returned HTTP {self.status}" + (f": {said}" if said else ""),
            hint=hint,
        )


class _ControlPort:
    """The control port that a command talks to."""

    def __init__(self, arguments: Namespace) -> None:
        self.headers = headers(arguments.header)
        self.host = _host(arguments.address)
        self.port = _port(arguments.port)
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"http://{shown}:{self.port}"

    def ask(self, path: str, method: str = "GET", data: JSON = None) -> _ControlReply:
        """Ask for a path.

        Raises:
            CallError: Nothing answers, or it wants credentials.
        """
        host = "127.0.0.1" if self.host == "localhost" else self.host
        connection = http.client.HTTPConnection(host, self.port, timeout=_TIMEOUT)
        body = None if data is None else json.dumps(data).encode()
        given = {name: value.encode() for name, value in self.headers.items()}
        if body is not None and "content-type" not in map(str.lower, given):
            given["Content-Type"] = b"application/json"
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            content = response.read(_MOST + 1)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            # A label of the name may be too long (`UnicodeError`).
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise CallError(
                f"Cannot connect to control port at {self.url} ({reason})",
                hint="is a server with a control adapter running? --port and --address"
                " lead elsewhere",
            ) from None
        finally:
            connection.close()
        answer = _ControlReply(self.url, path, response.status, content)
        if answer.status in (401, 403):
            raise CallError(
                f"{self.url} wants credentials: {answer.path} returned HTTP"
                f" {answer.status}",
                hint="give them with --header 'Authorization: …'",
            )
        if len(content) > _MOST:
            raise answer.strange()
        return answer

    def expect(
        self, path: str, method: str = "GET", data: JSON = None, **wanted: type
    ) -> dict[str, JSON]:
        """Ask for an object that has to be there; raises `CallError` when it is not."""
        answer = self.ask(path, method, data)
        if answer.status != 200:
            raise answer.refused("`management`")
        return answer.data(**wanted)


def _host(given: str | None) -> str:
    name, host = "--address", given
    if host is None:
        name = "NAFTIKO_CONTROL_ADDRESS"
        host = os.environ.get(name) or "localhost"
    if not is_host(host):
        raise UsageError(
            f"{name}: '{shorten(without_secrets(host))}' is no name and no address",
            hint="write localhost, 192.0.2.7 or ::1; the port goes into --port",
        )
    return host


def _port(given: int | None) -> int:
    if given is not None:
        return given
    text = os.environ.get("NAFTIKO_CONTROL_PORT", "")
    if text:
        try:
            return port_of(text, 1)
        except ArgumentTypeError as error:
            raise UsageError(
                f"NAFTIKO_CONTROL_PORT: {error}",
                hint="write 1 to 65535, unset it, or give --port",
            ) from None
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
            # Not one that is free, or that a template says.
            return port if type(port) is int and 0 < port < 65536 else None
    return None


# --- commands -----------------------------------------------------------------------


def run_health(arguments: Namespace) -> int:
    """Print whether the server is up; exit code 0 only when it is ready."""
    server = _ControlPort(arguments)
    live = server.expect("/health/live", status=str)["status"]
    answer = server.ask("/health/ready")
    if answer.status not in (200, 503):
        raise answer.refused("`management`")
    ready = answer.data(status=str, adapters=list)
    adapters = _objects(ready["adapters"])
    up = [a for a in adapters if a.get("state") == "started"]
    _say(f"Liveness:  {live}")
    _say(f"Readiness: {ready['status']} ({len(up)}/{len(adapters)} adapters started)")
    for adapter in adapters:
        if adapter not in up:
            _say(f"  {_named(adapter)}: {adapter.get('state')}")
    return EXIT_OK if ready["status"] == "UP" else EXIT_CALL


def run_status(arguments: Namespace) -> int:
    """Print what the server serves."""
    found = _ControlPort(arguments).expect("/status", adapters=list)
    adapters = _objects(found["adapters"])
    degraded = any(
        a.get("state") != "started" and a.get("type") != "control" for a in adapters
    )
    label = _member(found, "capability").get("label") or "unknown"
    _say(f"{label}: {'DEGRADED' if degraded else 'UP'}")
    _say(f"Engine:    {_member(found, 'engine').get('version', 'unknown')}")
    _say(f"Uptime:    {duration(str(found.get('uptime', '')))}")
    _say(f"Telemetry: {_member(found, 'otel').get('status', 'unknown')}")
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
    query = {
        "operation": text_of(arguments.operation, "--operation"),
        "status": arguments.status,
    }
    asked = urlencode({name: text for name, text in query.items() if text})
    if arguments.trace_id is not None:
        return _one_trace(arguments, text_of(arguments.trace_id, "TRACE"), asked)
    answer = _ControlPort(arguments).ask(f"/traces?{asked}" if asked else "/traces")
    traces = _checked(answer, 503, traces=list).get("traces", ())
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
        for trace in _objects(traces)
    ]
    for line in columns(rows, width()):
        print(line)
    return EXIT_OK


def _one_trace(arguments: Namespace, trace_id: str, asked: str) -> int:
    if asked:
        raise UsageError(
            "--operation and --status choose among traces, and TRACE names one",
            hint="leave out one of them",
        )
    answer = _ControlPort(arguments).ask(f"/traces/{quote(trace_id, safe='')}")
    trace = _checked(answer, 404, 503, traceId=str, spans=list)
    if answer.status != 200:
        fail(f"Trace not found: {trace_id}", "`naftiko traces` lists those that are")
        return EXIT_CALL
    _show_trace(trace)
    return EXIT_OK


def _checked(answer: _ControlReply, *none: int, **wanted: type) -> dict[str, JSON]:
    """Return an answer that has traces, or says that there are none."""
    if answer.status in none:
        return answer.data()
    if answer.status != 200:
        raise answer.refused("`observability`")
    return answer.data(**wanted)


def _show_trace(trace: JSON) -> None:
    print(paint(clean(trace["traceId"]), "strong", sys.stdout))
    depths: dict[str, int] = {}
    for span in _objects(trace["spans"]):
        depth = depths.get(str(span.get("parentSpanId")), -1) + 1
        depths[str(span.get("spanId"))] = depth
        took = milliseconds(span.get("durationMs", 0))
        name, kind = span.get("name"), span.get("kind")
        _say("  " * depth + f"{name} [{kind}] {took} {span.get('status')}")


def run_metrics(arguments: Namespace) -> int:
    """Print the metrics as Prometheus text."""
    pattern = None
    if arguments.filter:
        try:
            pattern = re.compile(arguments.filter)
        except (re.error, OverflowError, RecursionError) as error:
            raise CallError(
                f"--filter: no regular expression: {error}",
                hint="a backslash before a character takes it as it is",
            ) from None
    answer = _ControlPort(arguments).ask("/metrics")
    if answer.status == 503:
        fail(
            "Metrics unavailable: OpenTelemetry is not active.",
            "the extra 'telemetry' brings it: pip install 'naftiko[telemetry]'",
        )
        return EXIT_CALL
    if answer.status != 200:
        raise answer.refused("`observability`")
    if not _METRICS.match(answer.text):
        raise answer.strange()
    for line in answer.text.splitlines():
        if pattern is None or pattern.search(line):
            _say(line)
    return EXIT_OK


_FIELDS = {
    "enabled": "boolean",
    "timeout": "number",
    "statementLimit": "number",
    "defaultLocation": "text",
    "defaultLanguage": "text",
    "allowedLanguages": "list",
}
#: What a server may tell of its scripting.
_STATE = (*_FIELDS, "stats")
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def run_scripting(arguments: Namespace) -> int:
    """Print how scripts are run, after changing what is asked for."""
    changes: dict[str, JSON] = {}
    for word in arguments.set:
        name, sign, text = text_of(word, "--set").partition("=")
        known = f"write --set FIELD=VALUE with one of {', '.join(_FIELDS)}"
        if name not in _FIELDS:
            near = did_you_mean(name, _FIELDS)
            fail(f"Unknown scripting field: {shorten(name)}", f"{near} {known}".strip())
            return EXIT_CALL
        if not sign:
            fail(f"--set {name} has no value", known)
            return EXIT_CALL
        if name in changes:
            raise UsageError(
                f"--set {name} is given twice", hint="leave out one of them"
            )
        changes[name] = _field(_FIELDS[name], text)
    server = _ControlPort(arguments)
    if changes:
        server.expect("/scripting", "PUT", changes)
        note("Scripting configuration updated.")
    answer = server.ask("/scripting")
    if answer.status == 404 and answer.data():
        fail(
            "Scripting is not configured there",
            "add `management: {scripting: {}}` to the control adapter",
        )
        return EXIT_CALL
    if answer.status != 200:
        raise answer.refused("`management`")
    found = answer.data()
    if found.keys().isdisjoint(_STATE):
        raise answer.strange()
    _say(f"Scripting: {'ENABLED' if found.get('enabled', True) else 'DISABLED'}")
    for key, value in found.items():
        if key not in ("enabled", "stats"):
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            _say(f"  {key}: {shown}")
    for key, value in _member(found, "stats").items():
        _say(f"  {key}: {value}")
    return EXIT_OK


def _field(kind: str, text: str) -> JSON:
    """Return a setting as its kind; the server refuses what is none."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind == "number":
        return int(text) if _WHOLE.fullmatch(text) else text
    if kind == "list":
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def run_reload(arguments: Namespace) -> int:
    """Make the server read its documents again."""
    answer = _ControlPort(arguments).ask("/config/reload", "POST")
    if answer.status not in (200, 422):
        raise answer.refused("`management: {reload: true}`")
    problems = answer.data(problems=list)["problems"]
    done = answer.status == 200
    print("Reloaded." if done else "Not reloaded: the old version is served.")
    for problem in problems:
        print(f"  {clean(str(problem))}", file=sys.stdout if done else sys.stderr)
    return EXIT_OK if done else EXIT_CALL


def _say(text: str) -> None:
    """Print a line that holds words of the server."""
    print(clean(text))


def _objects(items: list[JSON]) -> list[dict[str, JSON]]:
    return [item for item in items if isinstance(item, dict)]


def _member(data: dict[str, JSON], name: str) -> dict[str, JSON]:
    """Return an object in an object, empty where it is none."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


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
