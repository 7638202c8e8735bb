"""`naftiko health`, `status`, `traces`, `metrics`, `scripting`, `reload`: ask a server.

    naftiko status → GET /status of a control port → a few lines

Each command prints what one or two paths of a control port (spec 7.6) reply.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from naftiko.cli.console import line_of, note, paint, paint_json
from naftiko.cli.control_port import ControlPort, ControlReply
from naftiko.cli.tables import columns, json_text, width
from naftiko.cli.values import UsageError, text_of
from naftiko.errors import EXIT_CALL, EXIT_OK, CallError, did_you_mean, shorten

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from naftiko.plain import JSON

#: The start of the text that Prometheus reads: a comment or a metric; may be empty.
_METRICS = re.compile(r"\s*(?:#|[a-zA-Z_:][\w:]*(?:\{[^\n]*\})? +[^\s]|$)", re.ASCII)
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")


# --- health and status ------------------------------------------------------------


def run_health(arguments: Namespace) -> int:
    """Print whether the server is up; exit code 0 only when it is ready."""
    port = ControlPort(arguments)
    live = port.expect("/health/live", status=str)["status"]
    reply = port.ask("/health/ready")
    if reply.status not in (200, 503):
        raise reply.refused("`management`")
    ready = reply.data(status=str, adapters=list)
    code = EXIT_OK if ready["status"] == "UP" else EXIT_CALL
    if arguments.format == "json":
        _print_json({"live": live, "ready": ready})
        return code
    adapters = _objects(ready["adapters"])
    started = [a for a in adapters if a.get("state") == "started"]
    _print(f"Liveness:  {live}")
    counts = f"{len(started)}/{len(adapters)}"
    _print(f"Readiness: {ready['status']} ({counts} adapters started)")
    for adapter in adapters:
        if adapter not in started:
            _print(f"  {_named(adapter)}: {adapter.get('state')}")
    _print_documents(ready)
    return code


def run_status(arguments: Namespace) -> int:
    """Print what the server serves."""
    status = ControlPort(arguments).expect("/status", adapters=list)
    if arguments.format == "json":
        _print_json(status)
        return EXIT_OK
    adapters = _objects(status["adapters"])
    degraded = any(
        a.get("state") != "started" and a.get("type") != "control" for a in adapters
    )
    label = _member(status, "capability").get("label") or "unknown"
    _print(f"{label}: {'DEGRADED' if degraded else 'UP'}")
    _print(f"Engine:    {_member(status, 'engine').get('version', 'unknown')}")
    _print(f"Uptime:    {duration(str(status.get('uptime', '')))}")
    _print(f"Telemetry: {_member(status, 'otel').get('status', 'unknown')}")
    if processes := _member(status, "processes"):
        told = f"{processes.get('ready')} of {processes.get('count')} ready"
        _print(f"Processes: {told}")
    members = ("type", "namespace", "port", "state")
    rows = [[str(adapter.get(name, "")) for name in members] for adapter in adapters]
    _print_rows([f"  {kind}", *others] for kind, *others in rows)
    _print_documents(status)
    return EXIT_OK


def _print_documents(data: dict[str, JSON]) -> None:
    """Print each document: its base URIs, and the units that cannot be called."""
    documents = data.get("documents")
    for document in _objects(documents if isinstance(documents, list) else []):
        label = document.get("label")
        _print(f"Document:  {document.get('file')}" + (f" ({label})" if label else ""))
        for namespace, uri in _member(document, "baseUris").items():
            _print(f"  calls '{namespace}' at {uri or 'no base URI'}")
        units = document.get("unusable")
        units = _objects(units if isinstance(units, list) else [])
        for unit in units:
            reason = " ".join(str(unit.get("reason")).split())
            _print(f"  {_named(unit)}: '{unit.get('unit')}' cannot be called: {reason}")
        count = document.get("unusableCount")
        if isinstance(count, int) and count > len(units):
            _print(f"  {count - len(units)} more units cannot be called")


# --- traces and metrics -----------------------------------------------------------


def run_traces(arguments: Namespace) -> int:
    """Print the latest traces, or the spans of one."""
    filters = {
        "operation": text_of(arguments.operation, "--operation"),
        "status": arguments.status,
    }
    query = urlencode({name: text for name, text in filters.items() if text})
    if arguments.trace_id is not None:
        return _one_trace(arguments, text_of(arguments.trace_id, "TRACE"), query)
    reply = ControlPort(arguments).ask(f"/traces?{query}" if query else "/traces")
    if reply.status == 503:
        note("No traces found.")
        _note_silence(reply)
        return EXIT_OK
    traces = _observed(reply, 503, traces=list).get("traces", ())
    if arguments.format == "json":
        _print_json(traces)
        return EXIT_OK
    if not traces:
        note("No traces found.")
        return EXIT_OK
    rows = [
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
    _print_rows(
        [["TRACE ID", "OPERATION", "DURATION", "STATUS", "SPANS", "TIME"], *rows]
    )
    return EXIT_OK


def _one_trace(arguments: Namespace, trace_id: str, query: str) -> int:
    if query:
        raise UsageError(
            "TRACE names one trace, and --operation and --status choose among many",
            hint="leave out one of them",
        )
    reply = ControlPort(arguments).ask(f"/traces/{quote(trace_id, safe='')}")
    if reply.status == 503:
        _note_silence(reply)
    trace = _observed(reply, 404, 503, traceId=str, spans=list)
    if reply.status != 200:
        raise CallError(
            f"Trace not found: {trace_id}", hint="`naftiko traces` lists the latest"
        )
    if arguments.format == "json":
        _print_json(trace)
    else:
        _print_trace(trace)
    return EXIT_OK


def _note_silence(reply: ControlReply) -> None:
    """Tell that the server keeps no traces, and why as it says itself."""
    why = reply.data().get("error")
    note(line_of(f"Telemetry is off. {why if isinstance(why, str) else ''}".rstrip()))


def _observed(reply: ControlReply, *empty: int, **wanted: type) -> dict[str, JSON]:
    """Return the body of a reply about traces.

    Args:
        reply: The reply.
        empty: Statuses with which a server says that there are no traces.
        wanted: What the body has to hold with status 200.
    """
    if reply.status in empty:
        return reply.data()
    if reply.status != 200:
        raise reply.refused("`observability`")
    return reply.data(**wanted)


def _print_trace(trace: JSON) -> None:
    """Print the spans of a trace as a tree."""
    print(paint(line_of(trace["traceId"]), "strong", sys.stdout))
    depths: dict[str, int] = {}
    for span in _objects(trace["spans"]):
        depth = depths.get(str(span.get("parentSpanId")), -1) + 1
        depths[str(span.get("spanId"))] = depth
        took = milliseconds(span.get("durationMs", 0))
        name, kind = span.get("name"), span.get("kind")
        _print("  " * depth + f"{name} [{kind}] {took} {span.get('status')}")


def run_metrics(arguments: Namespace) -> int:
    """Print the metrics as Prometheus text."""
    pattern = _pattern(arguments.filter) if arguments.filter else None
    reply = ControlPort(arguments).ask("/metrics")
    if reply.status == 503:
        raise CallError(
            "Metrics unavailable: OpenTelemetry is not active.",
            hint="install the extra 'telemetry': pip install 'naftiko[telemetry]'",
        )
    if reply.status != 200:
        raise reply.refused("`observability`")
    if not _METRICS.match(reply.text):
        raise reply.foreign()
    for line in reply.text.splitlines():
        if pattern is None or pattern.search(line):
            _print(line)
    return EXIT_OK


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise CallError(
            f"--filter: not a regular expression: {error}",
            hint="write a backslash before a character that stands for itself",
        ) from None


# --- scripting and reloading ------------------------------------------------------

#: Setting → its kind.
_FIELDS = {
    "enabled": "boolean",
    "timeout": "number",
    "statementLimit": "number",
    "defaultLocation": "text",
    "defaultLanguage": "text",
    "allowedLanguages": "list",
}
#: Members of a reply about scripting, of which it has at least one.
_STATE = (*_FIELDS, "stats")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def run_scripting(arguments: Namespace) -> int:
    """Print how scripts are run, after changing the settings that are given."""
    changes = _changes(arguments.set)
    port = ControlPort(arguments)
    if changes:
        port.expect("/scripting", "PUT", changes)
        note("Scripting configuration updated.")
    reply = port.ask("/scripting")
    if reply.status == 404 and "error" in (reply.object() or {}):
        raise CallError(
            "Scripting is not configured there",
            hint="add `management: {scripting: {}}` to the control adapter",
        )
    if reply.status != 200:
        raise reply.refused("`management`")
    state = reply.data()
    if state.keys().isdisjoint(_STATE):
        raise reply.foreign()
    _print_scripting(state)
    return EXIT_OK


def _changes(words: list[str]) -> dict[str, JSON]:
    """Return the settings to change: `["timeout=5"]` → `{"timeout": 5}`."""
    changes: dict[str, JSON] = {}
    for word in words:
        name, sign, text = text_of(word, "--set").partition("=")
        known = f"write --set FIELD=VALUE with one of {', '.join(_FIELDS)}"
        if name not in _FIELDS:
            near = did_you_mean(name, _FIELDS)
            raise CallError(
                f"Unknown scripting field: {shorten(name)}",
                hint=f"{near} {known}".strip(),
            )
        if not sign:
            raise CallError(f"--set {name} has no value", hint=known)
        if name in changes:
            raise UsageError(
                f"--set {name} is given twice", hint="leave out one of them"
            )
        changes[name] = _setting(_FIELDS[name], text)
    return changes


def _setting(kind: str, text: str) -> JSON:
    """Return a setting as its kind; text of another kind is left for the server.

    `("boolean", "True")` → `True`; `("number", "soon")` → `"soon"`, which the server
    refuses in its own words.
    """
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind == "number":
        return int(text) if _WHOLE_NUMBER.fullmatch(text) else text
    if kind == "list":
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def _print_scripting(state: dict[str, JSON]) -> None:
    _print(f"Scripting: {'ENABLED' if state.get('enabled', True) else 'DISABLED'}")
    for key, value in state.items():
        if key not in ("enabled", "stats"):
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            _print(f"  {key}: {shown}")
    for key, value in _member(state, "stats").items():
        _print(f"  {key}: {value}")


def run_reload(arguments: Namespace) -> int:
    """Make the server read its documents again."""
    force = "?force=true" if arguments.force else ""
    reply = ControlPort(arguments).ask(f"/config/reload{force}", "POST")
    if reply.status not in (200, 422):
        raise reply.refused("`management: {reload: true}`")
    data = reply.data(problems=list)
    done = reply.status == 200
    files = data.get("files")
    if done:
        print("Reloaded.")
    elif isinstance(files, list) and files:
        _print(f"Reloaded {', '.join(map(str, files))}; the others stay as before.")
    else:
        print("Not reloaded: the old version is served.")
    for problem in data["problems"]:
        print(f"  {line_of(str(problem))}", file=sys.stdout if done else sys.stderr)
    if not done and data.get("forcible"):
        note(paint("  hint: --force serves the new version anyway", "hint", sys.stderr))
    return EXIT_OK if done else EXIT_CALL


# --- text -------------------------------------------------------------------------


def _print(text: str) -> None:
    """Print a line with texts of the server, their control characters escaped."""
    print(line_of(text))


def _print_json(value: JSON) -> None:
    print(paint_json(json_text(value), sys.stdout))


def _print_rows(rows: Iterable[list[str]]) -> None:
    for line in columns(list(rows), width()):
        print(line)


def _objects(items: list[JSON]) -> list[dict[str, JSON]]:
    return [item for item in items if isinstance(item, dict)]


def _member(data: dict[str, JSON], name: str) -> dict[str, JSON]:
    """Return an object in an object; an empty one for a member of another type."""
    member = data.get(name)
    return member if isinstance(member, dict) else {}


def _named(adapter: JSON) -> str:
    name = adapter.get("namespace")
    return f"{adapter.get('type')} '{name}'" if name else str(adapter.get("type"))


def duration(text: str) -> str:
    """Return an ISO 8601 duration for people: `PT2H34M12S` → `2h 34m 12s`.

    Other text is returned unchanged.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        return text
    parts = [f"{n}{u}" for n, u in zip(match.groups(), "hms", strict=True) if n]
    return " ".join(parts) or "0s"


def milliseconds(value: JSON) -> str:
    """Return milliseconds for people: `342` → `342ms`, `1234.5` → `1.2s`."""
    number = float(value) if isinstance(value, (int, float)) else 0.0
    return f"{number / 1000:.1f}s" if number >= 1000 else f"{number:.0f}ms"
