"""The good side of the soak: its document, a patient client, and a gauge of a process."""

from __future__ import annotations

import http.client
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.mcp_http import modern

#: What each script does for too long; the last one counts statements.
SCRIPT = """
const ways = {
  raw: () => String.raw({raw: {length: 1e9}}),
  reverse: () => Array.prototype.reverse.call({length: 1e15}),
  join: () => Array(1e9).join('x'),
  loop: () => { while (true); },
};
result = ways[context.way]();
"""


def document(upstream: str, folder: Path) -> Any:
    """Return a document whose four adapters stand for every kind of work."""
    (folder / "long.js").write_text(SCRIPT)
    skill = folder / "skills" / "guide"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(
        "---\nname: guide\ndescription: A guide.\n---\n\nRead me.\n"
    )
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Soak", "description": "What a soak asks for."},
        "capability": {
            "consumes": [_consumed(upstream)],
            "exposes": [
                {"type": "rest", "namespace": "rest", "port": 0, "resources": _routes(folder)},
                {
                    "type": "rest", "namespace": "guarded", "port": 0,
                    "authentication": {"type": "digest", "username": "u", "password": "p"},
                    "resources": _routes(folder)[:1],
                },
                {"type": "mcp", "namespace": "mcp", "port": 0, "tools": _tools()},
                {"type": "skill", "namespace": "skill", "port": 0, "skills": [
                    {"name": "guide", "description": "A guide.", "location": skill.as_uri()},
                ]},
                {
                    "type": "control", "namespace": "control", "port": 0,
                    "management": {"validate": True, "scripting": {"timeout": 500}},
                },
            ],
        },
    }  # fmt: skip


def _consumed(upstream: str) -> Any:
    kind = [{"name": "kind", "in": "path"}]
    operations = [
        {"name": "get", "method": "GET", "inputParameters": kind},
        {"name": "post", "method": "POST", "inputParameters": kind},
    ]
    return {
        "type": "http", "namespace": "api", "baseUri": upstream,
        "resources": [{"name": "any", "path": "/{kind}", "operations": operations}],
    }  # fmt: skip


def _routes(folder: Path) -> list[Any]:
    kind = [{"name": "kind", "in": "path", "type": "string"}]
    shaped = [{"name": "names", "type": "array", "value": "$.items[*].name"}]
    code = {"name": "code", "in": "query", "type": "string", "pattern": "^(a+)+$"}
    way = {"name": "way", "in": "query", "type": "string"}
    script = {
        "type": "script", "name": "long", "language": "javascript",
        "location": folder.as_uri(), "file": "long.js",
    }  # fmt: skip
    return [
        _route("/shaped/{kind}", kind, call="api.get", outputParameters=shaped),
        _route("/raw/{kind}", kind, call="api.get"),
        _route("/checked", [code], call="api.get", **{"with": {"kind": "good"}}),
        _route("/posted", method="POST", call="api.post", **{"with": {"kind": "good"}}),
        _route("/scripted", [way], steps=[script]),
    ]


def _route(
    path: str, inputs: list[Any] | None = None, method: str = "GET", **more: Any
) -> Any:
    operation: dict[str, Any] = {"method": method, "name": path.split("/")[1], **more}
    if inputs:
        operation["inputParameters"] = inputs
    return {"path": path, "operations": [operation]}


def _tools() -> list[Any]:
    kind = [{"name": "kind", "type": "string", "description": "Which."}]
    names = {"name": "names", "type": "array", "value": "$.items[*].name"}
    whole = {"name": "whole", "type": "string", "value": "$..name"}
    return [
        {
            "name": "good", "description": "Names.", "call": "api.get",
            "with": {"kind": "good"}, "outputParameters": [names],
        },
        {
            "name": "hostile", "description": "Whatever comes.", "call": "api.get",
            "inputParameters": kind, "outputParameters": [whole],
        },
    ]  # fmt: skip


class Client:
    """A good client: asks each adapter in turn, over connections that it keeps.

    Attributes:
        seconds: How long each answer took.
        failures: What was not a good answer.
    """

    def __init__(self, urls: dict[str, str]) -> None:
        self.seconds: list[float] = []
        self.failures: list[str] = []
        self._kept: dict[str, http.client.HTTPConnection] = {}
        headers, body = modern("tools/call", {"name": "good", "arguments": {}})
        self._requests: list[tuple[str, str, str, Any, Any]] = []
        for name, path, given in (
            ("rest", "/shaped/good", None),
            ("mcp", "", (headers, body)),
            ("skill", "/skills/guide/contents/SKILL.md", None),
            ("control", "/health/ready", None),
        ):
            address = urlsplit(urls[name])
            method, more = ("POST", given) if given else ("GET", ({}, None))
            head = {**more[0], "host": address.netloc}
            target = address.path.rstrip("/") + path or "/"
            self._requests.append((address.netloc, method, target, head, more[1]))

    def ask_all(self) -> None:
        """Ask each adapter once."""
        for place, method, target, headers, body in self._requests:
            connection = self._kept.get(place)
            if connection is None:
                connection = http.client.HTTPConnection(place, timeout=30)
                self._kept[place] = connection
            started = time.perf_counter()
            try:
                connection.request(method, target, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            except OSError as error:
                # A server may end an idle connection; nothing was answered then.
                self.failures.append(f"{target}: {error!r}")
                self._kept.pop(place).close()
                continue
            self.seconds.append(time.perf_counter() - started)
            if answer.status != 200 or b'"isError":true' in content:
                self.failures.append(f"{target}: {answer.status} {content[:200]!r}")

    def ask_for(self, seconds: float, pause: float = 0.05) -> None:
        """Ask again and again, at a steady rate."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.ask_all()
            time.sleep(pause)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._kept.values():
            connection.close()

    def p99(self) -> float:
        """Return the seconds that 99 of 100 answers took at most; begin anew."""
        ordered = sorted(self.seconds)
        self.seconds = []
        return ordered[int(len(ordered) * 0.99)]


class Gauge:
    """Memory and descriptors of a process and its children, from `/proc`."""

    def __init__(self, process: int) -> None:
        self._process = process

    def _family(self) -> list[int]:
        found, pending = [], [self._process]
        while pending:
            number = pending.pop()
            found.append(number)
            for task in Path(f"/proc/{number}/task").glob("*/children"):
                pending += map(int, task.read_text().split())
        return found

    def memory(self) -> float:
        """Return the resident memory of the process itself, in MiB."""
        status = Path(f"/proc/{self._process}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def begin(self) -> None:
        """Forget the peak of memory so far."""
        Path(f"/proc/{self._process}/clear_refs").write_text("5")

    def peak(self) -> float:
        """Return the most resident memory since `begin`, in MiB."""
        status = Path(f"/proc/{self._process}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def descriptors(self) -> int:
        """Return the number of open descriptors of the process."""
        return len(os.listdir(f"/proc/{self._process}/fd"))

    def children(self) -> int:
        """Return the number of child processes."""
        return len(self._family()) - 1


def told(text: str) -> Any:
    """Return what an attacker printed."""
    return json.loads(text.splitlines()[-1])
