"""Conversations with an MCP server, byte by byte: what is sent, and what comes back.

A case is a mapping (see `tests/end_to_end/conversations/README.md`); a conversation is a
list of lines::

    > POST {"jsonrpc":"2.0","id":1,"method":"ping"}
    < 200 text/event-stream session
      {"jsonrpc":"2.0","id":1,"result":{}}

No client library is between: HTTP requests and lines are written as they are.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from ruamel.yaml import YAML

HANDSHAKES = HANDSHAKE_PROTOCOL_VERSIONS
MODERNS = MODERN_PROTOCOL_VERSIONS
REVISIONS = (*HANDSHAKES, *MODERNS)
_NUMBERS = re.compile(r'"id":-?\d+[.eE]|\d{17}')
_PREFIX = "io.modelcontextprotocol/"
_MEMBERS = ("jsonrpc", "id", "method", "params", "result", "error")
_BOTH = "application/json, text/event-stream"
#: Seconds for an answer that has to come.
_PATIENCE = 10.0
#: Seconds in which an answer that must not come would have come.
QUIET = 0.3
_CLIENT = {"name": "reader", "version": "1"}


FOLDER = Path(__file__).parents[1] / "end_to_end" / "conversations"
DOCUMENT = FOLDER / "harbour.yaml"
RESULTS = FOLDER / "results.yaml"
#: Starts the server of the SDK on standard input and output.
SDK_STDIO = [
    sys.executable, str(Path(__file__).parent / "sdk_server.py"), str(RESULTS),
]  # fmt: skip
#: (case, transport, revision) → the lines of a conversation.
Record = dict[tuple[str, str, str], list[str]]


def case_file(name: str) -> list[Any]:
    """Return the cases of one file."""
    found: list[Any] = YAML(typ="safe").load(FOLDER / "cases" / f"{name}.yaml")
    return found


def write_record(name: str, record: Record) -> None:
    """Write what was said in the cases of one file; see `read_record`."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for (case, transport, revision), lines in record.items():
        key = (case, transport, "\n".join(lines))
        groups.setdefault(key, []).append(revision)
    texts = [f"# {name}\n"] + [
        f"## {case} · {transport} · {' '.join(revisions)}\n\n```text\n{text}\n```\n"
        for (case, transport, text), revisions in groups.items()
    ]
    path = FOLDER / "recorded" / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(texts), "utf-8")


def read_record(name: str) -> Record:
    """Return what the server of the SDK said in the cases of one file."""
    record: Record = {}
    path = FOLDER / "recorded" / f"{name}.md"
    for section in path.read_text("utf-8").split("\n## ")[1:]:
        title, _, text = section.partition("\n\n```text\n")
        case, transport, revisions = title.split(" · ")
        for revision in revisions.split():
            record[case, transport, revision] = text[: text.rindex("\n```")].split("\n")
    return record


def revisions_of(case: Any) -> tuple[str, ...]:
    """Return the revisions in which a case is held."""
    named = case.get("revisions", "all")
    kinds = {"all": REVISIONS, "handshake": HANDSHAKES, "modern": MODERNS}
    return kinds[named] if isinstance(named, str) else tuple(named)


def transports_of(case: Any) -> tuple[str, ...]:
    """Return the transports over which a case is held."""
    named = case.get("transport", "both")
    return ("http", "stdio") if named == "both" else (named,)


# --- messages -----------------------------------------------------------------------


def _opening(revision: str) -> list[dict[str, Any]]:
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": _CLIENT}
    return [
        {"id": 0, "method": "initialize", "params": params},
        {"method": "notifications/initialized"},
    ]


def _opened(case: Any, revision: str) -> list[dict[str, Any]]:
    """Return the messages that open a session, which the lines leave out."""
    is_opened = revision in HANDSHAKES and case.get("opens", True)
    return _opening(revision) if is_opened else []


def _envelope(revision: str) -> dict[str, Any]:
    """Return the members of `_meta` that a stateless request has."""
    return {
        f"{_PREFIX}protocolVersion": revision,
        f"{_PREFIX}clientCapabilities": {},
        f"{_PREFIX}clientInfo": _CLIENT,
    }


def _message(step: Any, revision: str) -> str:
    """Return the text of a message; `REVISION` in it stands for the revision."""
    if "body" in step:
        return str(step["body"]).replace("REVISION", revision)
    message: dict[str, Any] = {"jsonrpc": "2.0"}
    message |= {name: step[name] for name in _MEMBERS if name in step}
    params = message.get("params", {})
    given = step.get("meta", {})
    is_request = revision in MODERNS and "method" in message
    if is_request and isinstance(params, dict) and given is not None:
        own = {f"{_PREFIX}{name}": value for name, value in given.items()}
        meta = {**_envelope(revision), **params.get("_meta", {}), **own}
        left_out = [name for name, value in own.items() if value is None]
        kept = {name: value for name, value in meta.items() if name not in left_out}
        message["params"] = {**params, "_meta": kept}
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    return text.replace("REVISION", revision)


def _headers(step: Any, revision: str, session: str, event: str) -> dict[str, Any]:
    """Return the headers of a request; those of the step replace the usual ones."""
    headers: dict[str, Any] = {"Accept": _BOTH}
    if step.get("verb", "POST") == "POST":
        headers["Content-Type"] = "application/json"
    if revision in MODERNS:
        headers["MCP-Protocol-Version"] = revision
        if "method" in step:
            headers["Mcp-Method"] = step["method"]
        params = step.get("params")
        if isinstance(params, dict):
            name = params.get("name", params.get("uri"))
            if isinstance(name, str):
                headers["Mcp-Name"] = name
    elif step.get("method") != "initialize":
        if session:
            headers["Mcp-Session-Id"] = session
        if revision >= "2025-06-18":
            headers["MCP-Protocol-Version"] = revision
    headers |= step.get("headers", {})
    known = {"SESSION": session, "EVENT": event, "REVISION": revision}
    return {
        name: known.get(value, value) if isinstance(value, str) else value
        for name, value in headers.items()
        if value is not None
    }


def _shown(text: str) -> str:
    """Return a message on one line, in compact JSON where it is JSON."""
    try:
        data = json.loads(text)
    except ValueError:
        return repr(text)
    if _NUMBERS.search(text):
        return text.strip()  # JSON that Python would write in another way.
    shown = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    if any("\ud800" <= character <= "\udfff" for character in shown):
        return json.dumps(data, separators=(",", ":"))
    return shown


# --- HTTP ---------------------------------------------------------------------------


class _Exchange(threading.Thread):
    """One HTTP request, and the lines of its response."""

    def __init__(self, port: int, verb: str, headers: Any, body: str, patience: float):
        super().__init__(daemon=True)
        self._port, self._verb, self._headers = port, verb, headers
        self._body, self._patience = body.encode(), patience
        self.lines: list[str] = []
        self.session = self.event = ""

    def run(self) -> None:
        """Send the request, and read until the response ends or patience does."""
        until = time.monotonic() + self._patience
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        with contextlib.closing(connection):
            connection.putrequest(self._verb, "/mcp", skip_accept_encoding=True)
            for name, values in self._headers.items():
                for value in values if isinstance(values, list) else [values]:
                    connection.putheader(name, value)
            if self._body:
                connection.putheader("Content-Length", str(len(self._body)))
            connection.endheaders(self._body or None)
            self._read(connection, until)

    def _read(self, connection: http.client.HTTPConnection, until: float) -> None:
        wire = connection.sock
        wire.settimeout(max(0.01, until - time.monotonic()))
        try:
            response = connection.getresponse()
        except TimeoutError:
            self.lines.append("< (no answer)")
            return
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        words = ["<", str(response.status)]
        if found := response.headers.get("Mcp-Session-Id", ""):
            self.session = found
            words.append("session")
        if allowed := response.headers.get("Allow"):
            words.append(f"allow={','.join(sorted(allowed.split(', ')))}")
        if kind == "text/event-stream":
            words.insert(2, kind)
        self.lines.append(" ".join(words))
        try:
            if kind == "text/event-stream":
                for line in self._events(response, wire, until):
                    self.lines.append(line)
            elif body := response.read():
                words.insert(2, kind or "(no type)")
                self.lines = [" ".join(words), f"  {_shown(body.decode())}"]
        except TimeoutError:
            self.lines.append("  (stays open)")

    def _events(self, response: Any, wire: Any, until: float) -> Iterator[str]:
        notes: list[str] = []
        data: str | None = None
        while True:
            wire.settimeout(max(0.01, until - time.monotonic()))
            raw = response.readline()
            line = raw.decode().rstrip("\r\n")
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data = value if data is None else f"{data}\n{value}"
            elif name == "id":
                self.event = value
                notes.append("id")
            elif name == "retry":
                notes.append("retry")
            elif not line and data is not None:
                note = f"[{', '.join(sorted(notes))}] " if notes else ""
                yield f"  {note}{_shown(data) if data else '(no data)'}"
                notes, data = [], None
            if not raw:
                return


def over_http(url: str, case: Any, revision: str) -> list[str]:
    """Hold a conversation over HTTP and return its lines.

    Args:
        url: URL of the server, without a path.
        case: The case.
        revision: The revision of the protocol that the client speaks.
    """
    port = int(url.rpartition(":")[2])
    opened = _opened(case, revision)
    lines: list[str] = []
    session = event = ""
    late: dict[Any, _Exchange] = {}
    for number, step in enumerate([*opened, *case["say"]]):
        if "await" in step:
            exchange = late.pop(step["await"])
            exchange.join(_PATIENCE)
            lines += [f"> (the answer to {step['await']})", *exchange.lines]
            continue
        verb = step.get("verb", "POST")
        body = _message(step, revision) if verb == "POST" else step.get("body", "")
        headers = _headers(step, revision, session, event)
        patience = step.get("for", _PATIENCE)
        exchange = _Exchange(port, verb, headers, body, patience)
        exchange.start()
        said = [f"> {verb} {_sent(body, revision) if body else ''}".rstrip()]
        said += [f"    {name}: {value}" for name, value in _own(step)]
        lines += said if number >= len(opened) else []
        if step.get("later"):
            late[step["id"]] = exchange
            time.sleep(QUIET)
            continue
        exchange.join(patience + _PATIENCE)
        if number >= len(opened):
            lines += exchange.lines
        if step.get("method") == "initialize":
            session = exchange.session or session
        event = exchange.event or event
    for exchange in late.values():
        exchange.join(_PATIENCE)
    return _general(lines, revision)


def _sent(text: str, revision: str) -> str:
    """Return a message that is sent, without the envelope that all have."""
    envelope = json.dumps(_envelope(revision), separators=(",", ":"))[1:-1]
    return _shown(text).replace(envelope, "ENVELOPE")


def _general(lines: list[str], revision: str) -> list[str]:
    """Return lines that do not depend on the revision where nothing else does."""
    return [
        line if line.startswith("    ") else line.replace(revision, "REVISION")
        for line in lines
    ]


def _own(step: Any) -> Iterator[tuple[str, str]]:
    for name, values in step.get("headers", {}).items():
        for value in values if isinstance(values, list) else [values]:
            yield name, "(none)" if value is None else value


# --- stdio --------------------------------------------------------------------------


def over_stdio(
    command: list[str], case: Any, revision: str, expected: list[str] | None = None
) -> list[str]:
    """Hold a conversation over standard input and output and return its lines.

    Args:
        command: Starts the server.
        case: The case.
        revision: The revision of the protocol that the client speaks.
        expected: The lines that are expected: how many answers to wait for.
    """
    numbers = _numbers(expected) if expected is not None else []
    opened = _opened(case, revision)
    if revision in MODERNS and case.get("opens", True):
        opened = [{"id": "probe", "method": "server/discover"}]
    lines: list[str] = []
    with _Process(command) as process:
        for step in opened:
            process.say(_message(step, revision))
            if "id" in step:
                (answer,) = process.answers(1, 20.0)
                assert '"result"' in answer
        for number, step in enumerate(s for s in case["say"] if "await" not in s):
            text = _message(step, revision)
            lines.append(f"> {_sent(text, revision)}")
            process.say(text)
            count = numbers[number] if number < len(numbers) else None
            patience = step.get("for", 3.0)
            if not (number or opened):
                # The process starts, which takes longer than the rest.
                count, patience = count or 1, 20.0 if '"id"' in text else patience
            lines += process.answers(count, patience)
        if rest := process.end():
            lines += ["> (the input ends)", *rest]
    return _general(lines, revision)


class _Process:
    """A server on standard input and output; a context manager that ends it."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._told: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(line.decode())
        self._told.put(None)

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        # The reader ends with the process: until then its pipe cannot be closed.
        self._process.kill()
        self._process.wait(10)
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def say(self, text: str) -> None:
        """Write a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def answers(self, count: int | None, patience: float) -> list[str]:
        """Return what the server says: so many lines, else those until it is quiet."""
        lines: list[str] = []
        until = time.monotonic() + patience
        while True:
            wait = QUIET if not count else max(0.01, until - time.monotonic())
            try:
                line = self._told.get(timeout=wait)
            except queue.Empty:
                return lines
            if line is None:
                self._told.put(None)
                return lines
            lines.append(f"  {_shown(line)}")
            if count and len(lines) == count:
                return lines

    def end(self) -> list[str]:
        """End the input; return what the server says then."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join(20)
        return self.answers(None, 0.1)


def _numbers(lines: list[str]) -> list[int]:
    """Return the number of answers after each line that is sent."""
    numbers: list[int] = []
    for line in lines:
        if line.startswith("> "):
            numbers.append(0)
        else:
            numbers[-1] += 1
    return numbers
