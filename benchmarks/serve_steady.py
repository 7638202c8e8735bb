"""Steady loads: the slowest answers, memory, and two workers beside one."""

from __future__ import annotations

import os
import resource
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from measure import DISTURBED, TRIES, Report, busy_seconds
from serve_clients import (
    HAS_PROC,
    NO_PROC,
    cpu,
    family,
    free_port,
    mcp_post,
    process,
    resident,
)
from serve_load import CLIENTS, MANY, MORE, Load, load, load_of
from serve_servers import CALL, documents, mcp_at, naftiko, peer, rest_at

#: The part of all answers that may have waited until every connection was open.
_MOST_FIRSTS = 0.01

Options = Any


def tail(report: Report, base: str, options: Options) -> None:
    """Compare the slowest answers of a long load with the usual ones."""
    seconds = options.tail_seconds
    with ExitStack() as stack:
        file = stack.enter_context(documents())(base)

        def at(command: list[str], port: int, clients: int, path: str) -> Load:
            with process(command, port) as child:
                url = f"http://127.0.0.1:{port}/{path}"
                posts = [mcp_post("tools/call", CALL)] if path == "mcp" else []
                load(child.pid, url, clients, min(seconds, 2), posts)
                return load(child.pid, url, clients, seconds, posts)

        for clients, most in ((MANY, 2.0), (MORE, 3.0)):
            port = free_port()
            ours = at(naftiko(file, *rest_at(port)), port, clients, "plain/x")
            _spread(report, "naftiko", clients, ours, most)
            theirs = at(peer("starlette", base, port), port, clients, "plain/x")
            _spread(report, "Starlette + aiohttp", clients, theirs)
        port = free_port()
        ours = at(naftiko(file, *mcp_at(port)), port, MANY, "mcp")
        _spread(report, "MCP over HTTP", MANY, ours, 2.0)


def _spread(
    report: Report, name: str, clients: int, run: Load, most: float | None = None
) -> None:
    what = f"p99 ÷ p50, {clients} clients, {name}"
    if run.firsts > run.count * _MOST_FIRSTS:
        why = f"of {run.count} answers {run.firsts} waited for connections to open"
        report.skip(what, f"{why}; --tail-seconds is too short")
        return
    report.ratio(what, [run.p99], [run.p50], most=most)
    report.note(f"p99 of {run.count} answers, ms, {clients} clients, {name}",
                round(run.p99 * 1000, 1))  # fmt: skip


def grow(
    report: Report, what: str, pid: int, port: int, request: bytes, options: Options
) -> None:
    """Note what 10,000 requests more add to the memory of a warm server."""
    load_of(port, request, CLIENTS, 60, options.requests // 5)
    before = resident(pid)
    load_of(port, request, CLIENTS, 120, options.requests)
    grown = resident(pid) - before
    report.value(f"{options.requests:,} requests more, {what}", grown, "MB", most=10)


def workers(report: Report, base: str, options: Options) -> None:
    """Compare two workers with twice one process.

    Client and upstream need cores as well, so one process beside two workers would say
    how many cores there are. Twice one process is, on any machine, what two processes
    of their own answer at the same time, each to half of the clients.
    """
    if not HAS_PROC:
        report.skip("two workers", NO_PROC)
        return
    found: dict[str, list[Load]] = {}
    with ExitStack() as stack:
        file = stack.enter_context(documents())(base)

        def serving(*words: str) -> tuple[int, int]:
            port = free_port()
            command = naftiko(file, *rest_at(port), *words)
            return stack.enter_context(process(command, port)).pid, port

        one, other, shared = serving(), serving(), serving("--workers", "2")
        cases = {
            "one process": [one],
            "two processes": [one, other],
            "two workers": [shared, shared],
        }
        for number in range(options.rounds * TRIES + 1):
            began, others = time.perf_counter(), busy_seconds() - _own()
            loads = {name: _together(s, options.seconds) for name, s in cases.items()}
            others = busy_seconds() - _own() - others
            if number and others < DISTURBED * (time.perf_counter() - began):
                for name, run in loads.items():
                    found.setdefault(name, []).append(run)
                if len(found["two workers"]) == options.rounds:
                    break
        used = [cpu(pid) for pid in family(shared[0])[1:]]
    what = "two workers ÷ one, 64 clients"
    if not found:
        report.skip(what, "other programs kept the cores busy")
        return
    twice = [run.rate / 2 for run in found["two processes"]]
    report.ratio(what, [run.rate for run in found["two workers"]], twice, least=1.9)
    for name, runs in found.items():
        rate = statistics.median(run.rate for run in runs)
        each = statistics.median(run.cpu for run in runs) * 1e6
        report.note(f"requests/s, {name}", round(rate))
        report.note(f"µs of CPU for each, {name}", round(each))
    report.note("part of the busier worker", round(max(used) / sum(used), 3))


def _together(servers: list[tuple[int, int]], seconds: float) -> Load:
    """Ask servers at the same time, each with its part of the clients."""
    pids = {pid for server, _ in servers for pid in family(server)}
    before = sum(map(cpu, pids))

    def ask(server: tuple[int, int]) -> Load:
        url = f"http://127.0.0.1:{server[1]}/plain/x"
        return load(server[0], url, MANY // len(servers), seconds * 2.5)

    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(ask, servers))
    count = sum(run.count for run in runs)
    each = (sum(map(cpu, pids)) - before) / count
    rate = sum(run.rate for run in runs)
    slowest = max(runs, key=lambda run: run.p99)
    return Load(rate, slowest.p50, slowest.p99, count, each)


def _own() -> float:
    """Return the seconds of processor of all that this process has started."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = sum(map(cpu, family(os.getpid())))
    return ended.ru_utime + ended.ru_stime + running
