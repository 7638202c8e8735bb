"""The cost of `naftiko serve`, beside the same adapters written by hand, in one run.

    python benchmarks/serve.py [--rounds 5] [--seconds 2] [--tail-seconds 30]
                               [--fastmcp PYTHON]
                               [--only rest,tail,workers,growth,mcp,docker]

Every server is a process of its own; ours is the real command. `wrk` sends the requests
where it is installed, `serve_load.py` otherwise. `--fastmcp` names a Python that has
FastMCP; without it, this Python is tried. A loop by hand reads lines, calls and writes
lines, and nothing else.
"""

from __future__ import annotations

import shutil
import statistics
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import measure
from serve_clients import (
    HAS_PROC,
    NO_PROC,
    Ask,
    cpu,
    free_port,
    over_stdio,
    process,
    resident,
)
from serve_load import CLIENTS, Load, load
from serve_mcp import mcp
from serve_servers import documents, naftiko, peer, rest_at
from serve_steady import grow, tail, workers

Options = Any
Report = measure.Report


# --- REST ---------------------------------------------------------------------------


def rest(report: Report, base: str, options: Options) -> None:
    """Compare requests per second; look at memory under load."""
    with ExitStack() as stack:
        file = stack.enter_context(documents())(base)
        servers: dict[str, tuple[int, int]] = {}
        commands: dict[str, Callable[[int], list[str]]] = {
            "naftiko": lambda port: naftiko(file, *rest_at(port)),
            "naftiko, a log line each": lambda port: naftiko(
                file, *rest_at(port), quiet=False
            ),
            "Starlette + aiohttp": lambda port: peer("starlette", base, port),
            "Starlette + requests": lambda port: peer("threaded", base, port),
        }
        for name, command in commands.items():
            port = free_port()
            child = stack.enter_context(process(command(port), port))
            servers[name] = (child.pid, port)
        cases = [(name, "plain") for name in servers]
        cases += [(name, "shaped") for name in ("naftiko", "Starlette + aiohttp")]

        def ask(name: str, path: str) -> Load:
            pid, port = servers[name]
            url = f"http://127.0.0.1:{port}/{path}/x"
            return load(pid, url, CLIENTS, options.seconds)

        found: dict[tuple[str, str], list[Load]] = {case: [] for case in cases}
        for number in range(options.rounds + 1):
            for case in cases:
                run = ask(*case)
                if number:
                    found[case].append(run)
        for (name, path), loads in found.items():
            rate = statistics.median(run.rate for run in loads)
            report.note(f"requests/s, {path}, {name}", round(rate))
            if HAS_PROC:
                each = statistics.median(run.cpu for run in loads) * 1e6
                report.note(f"µs of CPU for each, {path}, {name}", round(each))

        def compare(path: str, other: str, name: str = "naftiko", **bar: float) -> None:
            report.ratio(
                f"requests/s, {path}, {name} ÷ {other}",
                [run.rate for run in found[name, path]],
                [run.rate for run in found[other, path]],
                **bar,
            )

        compare("plain", "Starlette + aiohttp", least=1.0)
        compare("shaped", "Starlette + aiohttp", least=1.0)
        compare("plain", "Starlette + requests", least=4)
        if HAS_PROC:
            report.ratio(
                "CPU for a request, plain, Starlette + requests ÷ naftiko",
                [run.cpu for run in found["Starlette + requests", "plain"]],
                [run.cpu for run in found["naftiko", "plain"]],
            )
            report.ratio(
                "CPU for a request, plain, Starlette + aiohttp ÷ naftiko",
                [run.cpu for run in found["Starlette + aiohttp", "plain"]],
                [run.cpu for run in found["naftiko", "plain"]],
            )
        report.ratio(
            "requests/s, plain, a log line each ÷ none",
            [run.rate for run in found["naftiko, a log line each", "plain"]],
            [run.rate for run in found["naftiko", "plain"]],
            least=0.95,
        )
        if HAS_PROC:
            pid, port = servers["naftiko"]
            request = f"GET /plain/x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
            grow(report, "REST", pid, port, request.encode(), options)


# --- growth with the document -------------------------------------------------------


def growth(report: Report, base: str, options: Options) -> None:
    """Compare a request to the last operation of small and of large documents."""
    counts = (10, 100, 1000)
    with ExitStack() as stack:
        write = stack.enter_context(documents())
        servers: dict[int, tuple[int, int]] = {}
        asks: dict[int, Ask] = {}
        for count in counts:
            file, port = write(base, count), free_port()
            child = stack.enter_context(process(naftiko(file, *rest_at(port)), port))
            servers[count] = (child.pid, port)
            command = naftiko(file, "--stdio")
            asks[count], _ = stack.enter_context(over_stdio(command))
        found: dict[int, list[Load]] = {count: [] for count in counts}
        for number in range(options.rounds + 1):
            for count, (pid, port) in servers.items():
                url = f"http://127.0.0.1:{port}/plain{count - 1}/x"
                run = load(pid, url, CLIENTS, options.seconds)
                if number:
                    found[count].append(run)
        for count in counts[1:]:
            report.ratio(
                f"cost of a request, {count} operations ÷ {counts[0]}",
                [run.cpu or 1 / run.rate for run in found[count]],
                [run.cpu or 1 / run.rate for run in found[counts[0]]],
                most=1.1,
            )
        tools = {
            f"{count} tools": lambda ask=ask, n=count - 1: ask(  # type: ignore[misc]
                "tools/call", {"name": f"get{n}", "arguments": {"id": "x"}}
            )
            for count, ask in asks.items()
        }
        samples = measure.take(tools, options.rounds * 4, options.calls)
        report.ratio(
            "tools/call over stdio, 1000 tools ÷ 10",
            samples["1000 tools"],
            samples["10 tools"],
            most=1.1,
        )


# --- the Docker Engine's document ---------------------------------------------------


#: The bars of a server that a desktop agent starts.
_STDIO = {
    "tools/list, first answer over stdio, s": 0.30,
    "resident, over stdio, MB": 45.0,
}


def docker(report: Report, base: str, options: Options) -> None:
    """Start it over and over: how soon, how large, and its list of tools."""
    found: dict[str, list[float]] = {}

    def keep(what: str, value: float) -> None:
        found.setdefault(what, []).append(value)

    for _ in range(options.rounds):
        _docker_http(base, keep)
        _docker_stdio(base, keep)
        with over_stdio(peer("sdk", base, None)) as (_, pid):
            if HAS_PROC:
                keep("SDK by hand, CPU s until it is ready", cpu(pid))
                keep("SDK by hand, resident MB", resident(pid))
    bars = {"ms": 2.0, "s": 0.5, "MB": 75.0, "KB": 80.0}
    for what, values in found.items():
        name, _, unit = what.rpartition(", ")
        value = statistics.median(values)
        if unit in bars:
            most = _STDIO.get(what, bars[unit])
            report.value(f"docker.yaml, {name}", value, unit, most=most)
        else:
            report.note(what, round(value, 2))
    if not HAS_PROC:
        report.skip("docker.yaml, memory", NO_PROC)


def _docker_http(base: str, keep: Callable[[str, float], None]) -> None:
    port = free_port()
    single = ("--single-port", str(port), "--base-uri", base)
    started = time.perf_counter()
    with process(naftiko(measure.DOCKER, *single), port) as child:
        url = f"http://127.0.0.1:{port}/docker-rest/version"
        with urllib.request.urlopen(url) as response:
            response.read()
        keep("first answer over HTTP, s", time.perf_counter() - started)
        if HAS_PROC:
            keep("docker.yaml over HTTP, CPU s until the first answer", cpu(child.pid))
            keep("resident, REST and MCP over HTTP, MB", resident(child.pid))


def _docker_stdio(base: str, keep: Callable[[str, float], None]) -> None:
    started = time.perf_counter()
    command = naftiko(measure.DOCKER, "--stdio", "--base-uri", base)
    with over_stdio(command) as (ask, pid):
        begun = time.perf_counter()
        size = len(ask("tools/list"))
        now = time.perf_counter()
        keep("tools/list, first answer over stdio, s", now - started)
        if HAS_PROC:
            keep("docker.yaml over stdio, CPU s until the first answer", cpu(pid))
        keep("tools/list, KB", size / 1000)
        keep("tools/list, first, ms", (now - begun) * 1000)
        took = []
        for _ in range(50):
            begun = time.perf_counter()
            ask("tools/list")
            took.append(time.perf_counter() - begun)
        keep("tools/list, each, ms", statistics.median(took) * 1000)
        if HAS_PROC:
            keep("resident, over stdio, MB", resident(pid))


PARTS: dict[str, Callable[[Report, str, Options], None]] = {
    "rest": rest,
    "tail": tail,
    "workers": workers,
    "growth": growth,
    "mcp": mcp,
    "docker": docker,
}


def main() -> None:
    """Measure what is asked for."""
    parser = measure.parser(__doc__, rounds=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each load")
    parser.add_argument(
        "--tail-seconds", type=float, default=30, help="of each load for p99"
    )
    parser.add_argument("--calls", type=int, default=50, help="of a tool, in a row")
    parser.add_argument("--requests", type=int, default=10_000, help="for memory")
    parser.add_argument("--fastmcp", default="", metavar="PYTHON")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,…")
    options = parser.parse_args()
    packages = ("aiohttp", "mcp", "starlette", "uvicorn", "uvloop", "httptools")
    report = Report("serve", *packages, "requests", "fastmcp")
    if not shutil.which("wrk"):
        report.skip("wrk", "not installed; the load comes from Python")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with process(peer("upstream", "-", port), port):
        for part in options.only.split(","):
            PARTS[part](report, base, options)
    report.end(options.json)


if __name__ == "__main__":
    main()
