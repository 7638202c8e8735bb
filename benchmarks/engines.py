"""naftiko beside the reference engine (Ikanos, in Java), in one run.

    IKANOS_JAR=ikanos.jar python benchmarks/engines.py [--rounds 5] [--seconds 4]
                                                       [--warm 150000] [--json FILE]

`IKANOS_JAR` names the engine, as one jar; `JAVA_HOME` the Java that runs it, else it is
the `java` of this machine. Without them only naftiko is measured. Both serve the same
route and the same tools, from one upstream: nginx where it is installed, else one in
Python. In each round every server answers every kind of request, one after the other.
A JVM compiles what is used often, so it gets `--warm` requests of each kind before.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import measure
from engines_documents import CALL, LAST_VALUE, TOOLS, ikanos, naftiko
from measure import Report
from serve_clients import (
    HANDSHAKE,
    HAS_PROC,
    MODERN,
    NO_PROC,
    PATIENCE,
    Post,
    family,
    free_port,
    mcp_post,
    mcp_session,
    process,
    resident,
)
from serve_load import MANY, Load, load, load_of
from serve_peers import BODY
from serve_servers import naftiko as serve_command
from serve_servers import peer

OURS, TWO, THEIRS = "naftiko", "naftiko, two workers", "Ikanos"
#: Requests of a fresh process.
FIRST = 5_000
#: Seconds after which a server counts as warm, however few requests it answered.
_MOST_WARM = 300.0

Options = Any


class Kind(NamedTuple):
    """A kind of request.

    Attributes:
        name: For people.
        adapter: `rest` or `mcp`.
        clients: Connections that ask at once.
        method: Of MCP.
        revision: Of MCP.
        bar: What the CPU of one, divided by that of the engine, may be.
    """

    name: str
    adapter: str
    clients: int
    method: str = ""
    revision: str = MODERN
    bar: float | None = None


KINDS = (
    Kind("REST, 1 connection", "rest", 1),
    Kind("REST, 64 connections", "rest", MANY, bar=0.9),
    Kind(f"tools/call, {MODERN}", "mcp", MANY, "tools/call", bar=0.9),
    Kind(f"tools/call, {HANDSHAKE}", "mcp", MANY, "tools/call", HANDSHAKE, bar=0.9),
    Kind(f"tools/list of {TOOLS}", "mcp", MANY, "tools/list"),
)


# --- servers ------------------------------------------------------------------------

#: Document → the command that serves it.
Command = Callable[[Path], list[str]]


class Running(NamedTuple):
    """A server process with one adapter."""

    pid: int
    port: int

    def url(self, kind: Kind) -> str:
        path = "mcp" if kind.adapter == "mcp" else "shaped/x"
        return f"http://127.0.0.1:{self.port}/{path}"

    def posts(self, kind: Kind) -> list[Post]:
        """Return what is sent; with sessions, one request for each of the clients."""
        if kind.adapter == "rest":
            return []
        params = CALL if kind.method == "tools/call" else None
        if kind.revision == MODERN:
            return [mcp_post(kind.method, params)]
        headers, body = mcp_post(kind.method, params, modern=False)
        sessions = [mcp_session(self.port) for _ in range(kind.clients)]
        return [(headers | session, body) for session in sessions]

    def resident(self) -> float:
        return sum(map(resident, family(self.pid)))


@contextmanager
def serving(name: str, command: Command, base: str, adapter: str) -> Iterator[Running]:
    """Run a server with one adapter until the context ends."""
    port = free_port()
    document = naftiko(base, port, adapter)
    if name == THEIRS:
        document = ikanos(document)
    with tempfile.TemporaryDirectory() as folder:
        # JSON is YAML.
        file = Path(folder) / "benchmark.yaml"
        file.write_text(json.dumps(document), "utf-8")
        quiet = {"stdout": subprocess.DEVNULL, "cwd": folder}
        with process(command(file), port, **quiet) as child:
            yield Running(child.pid, port)


def engine(report: Report) -> Command | None:
    """Return what starts the reference engine; say why, where it is not there."""
    named = os.environ.get("IKANOS_JAR", "")
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if not named:
        report.skip(
            THEIRS, "IKANOS_JAR does not name its jar; only naftiko is measured"
        )
    elif not Path(named).is_file():
        report.skip(THEIRS, f"IKANOS_JAR is no file: {named}")
    elif not java or not Path(java).is_file():
        report.skip(THEIRS, "no `java` on the path, and none in JAVA_HOME")
    else:
        jar = Path(named).resolve()
        about = _manifest(jar)
        report.versions[THEIRS] = about.get("Implementation-Version", jar.name)
        report.versions["Java"] = _version_of(java)
        # The command line has subcommands; the engine alone takes the file.
        is_cli = about.get("Main-Class", "").endswith("Cli")
        words = ["serve"] if is_cli else []
        return lambda file: [java, "-jar", str(jar), *words, str(file)]
    return None


def _manifest(jar: Path) -> dict[str, str]:
    with suppress(OSError, zipfile.BadZipFile, KeyError), zipfile.ZipFile(jar) as found:
        lines = found.read("META-INF/MANIFEST.MF").decode().splitlines()
        return dict(line.split(": ", 1) for line in lines if ": " in line)
    return {}


def _version_of(java: str) -> str:
    run = subprocess.run(
        [java, "-version"], capture_output=True, text=True, check=False
    )
    return (run.stderr or run.stdout).partition("\n")[0]


@contextmanager
def upstream(report: Report) -> Iterator[str]:
    """Run what answers 2 KB from memory with as little of the processor as can be."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not nginx:
        report.note("upstream", "Python")
        with process(peer("upstream", "-", port), port):
            yield base
        return
    report.note("upstream", "nginx")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        file.write_text(_NGINX % {"port": port, "body": BODY.decode()}, "utf-8")
        with process([nginx, "-p", folder, "-c", str(file)], port):
            yield base


_NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path body;
  server {
    listen 127.0.0.1:%(port)d;
    location / { default_type application/json; return 200 '%(body)s'; }
  }
}
"""


# --- one request --------------------------------------------------------------------


def answer(running: Running, kind: Kind) -> bytes:
    """Return the answer to one request; raises `OSError` where there is none."""
    url, posts = running.url(kind), running.posts(kind._replace(clients=1))
    request = urllib.request.Request(url)
    if posts:
        headers, body = posts[0]
        request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return bytes(response.read())


def fault(kind: Kind, found: bytes) -> str:
    """Tell what is wrong with an answer, or nothing."""
    if kind.method == "tools/list":
        count = found.count(b'"inputSchema"')
        return "" if count == TOOLS else f"{count} tools: {found[:200]!r}"
    return "" if LAST_VALUE in found else f"answers {found[:200]!r}"


def shaped(kind: Kind, found: bytes) -> Any:
    """Return the shaped thing of an answer."""
    # An answer of MCP may be an event.
    event = found.partition(b"data: ")[2].partition(b"\n")[0]
    value = json.loads(event or found)
    if kind.adapter == "rest":
        return value
    return json.loads(value["result"]["content"][0]["text"])


# --- rows ---------------------------------------------------------------------------


def starts(
    report: Report, commands: dict[str, Command], base: str, options: Options
) -> None:
    """Start each server anew: until it is ready, its memory, its first requests."""
    found: dict[str, dict[str, list[float]]] = {}

    def keep(what: str, value: float) -> None:
        found.setdefault(what, {}).setdefault(name, []).append(value)

    request = b"GET /shaped/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    first = f"{options.first:,} requests"
    for _ in range(options.starts):
        for name, command in commands.items():
            for kind in (KINDS[1], KINDS[2]):
                began = time.perf_counter()
                with serving(name, command, base, kind.adapter) as running:
                    until_answered(running, kind)
                    ready = f"ready, {kind.adapter.upper()}"
                    keep(f"{ready}, s", time.perf_counter() - began)
                    keep(f"{ready}, resident MB", running.resident())
                    if kind.adapter == "rest":
                        load_of(running.port, request, MANY, PATIENCE, options.first)
                        keep(f"start and {first}, s", time.perf_counter() - began)
                        keep(f"after {first}, resident MB", running.resident())
    for what, values in found.items():
        tell(report, what, values)


def until_answered(running: Running, kind: Kind) -> None:
    """Wait for the first right answer."""
    end = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError):
            why = fault(kind, answer(running, kind))
            if not why:
                return
        if time.monotonic() > end:
            raise RuntimeError(f"not ready: {running.url(kind)}")
        time.sleep(0.002)


def loads(
    report: Report, commands: dict[str, Command], base: str, options: Options
) -> None:
    """Ask warm servers for every kind of request."""
    with ExitStack() as stack:
        servers: dict[tuple[str, str], Running] = {}
        for name, command in commands.items():
            for adapter in ("rest", "mcp"):
                one = serving(name, command, base, adapter)
                servers[name, adapter] = stack.enter_context(one)
        cases: dict[tuple[str, Kind], list[Post]] = {}
        right: dict[Kind, Any] = {}
        for kind in KINDS:
            for name in commands:
                running = servers[name, kind.adapter]
                if why := _refusal(running, kind, right):
                    report.skip(f"{kind.name}, {name}", why)
                else:
                    cases[name, kind] = running.posts(kind)
        found: dict[tuple[str, Kind], list[Load]] = {case: [] for case in cases}
        for (name, kind), posts in cases.items():
            _warm(servers[name, kind.adapter], kind, posts, options, name)
        for _ in range(options.rounds):
            for (name, kind), posts in cases.items():
                running = servers[name, kind.adapter]
                run = load(
                    running.pid, running.url(kind), kind.clients, options.seconds, posts
                )
                found[name, kind].append(run)
        for kind in KINDS:
            runs = {
                name: found[name, kind] for name in commands if (name, kind) in found
            }
            _tell_loads(report, kind, runs)
        for adapter in ("rest", "mcp"):
            sizes = {n: [servers[n, adapter].resident()] for n in commands}
            tell(report, f"at the end, {adapter.upper()}, resident MB", sizes)


def _refusal(running: Running, kind: Kind, right: dict[Kind, Any]) -> str:
    """Tell why a kind of request cannot be compared, or nothing."""
    try:
        until = answer(running, kind)
    except OSError as error:
        return f"{error}"
    if why := fault(kind, until):
        return why
    if kind.method != "tools/list":
        value = shaped(kind, until)
        if right.setdefault(kind, value) != value:
            return f"another answer than that of naftiko: {until[:200]!r}"
    return ""


def _warm(
    running: Running, kind: Kind, posts: list[Post], options: Options, name: str
) -> None:
    """Send requests until the server answers as fast as it ever will."""
    # Nothing compiles Python while it runs.
    left = options.warm if name == THEIRS else min(options.warm, FIRST)
    end = time.monotonic() + _MOST_WARM
    while left > 0 and time.monotonic() < end:
        seconds = min(options.seconds, 2)
        run = load(running.pid, running.url(kind), MANY, seconds, posts)
        left -= run.count


def _tell_loads(report: Report, kind: Kind, runs: dict[str, list[Load]]) -> None:
    rows: dict[str, Callable[[Load], float]] = {
        "requests/s": lambda run: run.rate,
        "µs of CPU for each": lambda run: run.cpu * 1e6,
        "p99, ms": lambda run: run.p99 * 1000,
    }
    for what, value in rows.items():
        bar = kind.bar if "CPU" in what else None
        values = {name: [value(run) for run in found] for name, found in runs.items()}
        tell(report, f"{kind.name}, {what}", values, bar)


def tell(
    report: Report,
    what: str,
    values: dict[str, list[float]],
    most: float | None = None,
) -> None:
    """Note what every server has, and the ratios to the reference engine."""
    for name, found in values.items():
        number = statistics.median(found)
        rounded = round(number) if number >= 100 else round(number, 2)
        report.note(f"{what}, {name}", rounded)
    if THEIRS in values:
        for name in (OURS, TWO):
            if name in values:
                report.ratio(
                    f"{what}, {name} ÷ {THEIRS}",
                    values[name],
                    values[THEIRS],
                    most=most if name == OURS else None,
                )


def main() -> None:
    """Measure what is there."""
    parser = measure.parser(__doc__, rounds=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each load")
    parser.add_argument("--warm", type=int, default=150_000, metavar="N",
                        help="requests of each kind before its rounds")  # fmt: skip
    parser.add_argument("--starts", type=int, default=3, help="of each server")
    parser.add_argument("--first", type=int, default=FIRST, metavar="N",
                        help="requests of a fresh process")  # fmt: skip
    options = parser.parse_args()
    report = Report("engines", "uvicorn", "httptools", "msgspec")
    if not HAS_PROC:
        report.skip("everything", NO_PROC)
    else:
        commands: dict[str, Command] = {
            OURS: serve_command,
            TWO: lambda file: serve_command(file, "--workers", "2"),
        }
        if command := engine(report):
            commands[THEIRS] = command
        if not shutil.which("wrk"):
            report.skip("wrk", "not installed; the load comes from Python")
        with upstream(report) as base:
            starts(report, commands, base, options)
            loads(report, commands, base, options)
    report.end(options.json)


if __name__ == "__main__":
    main()
