"""Steady loads: the slowest answers, memory, and two workers beside one."""

from __future__ import annotations

import os
import resource
import statistics
import time
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
#: Clients of each worker, and how long one pauses: a worker is busy for less than half
#: of the time.
_EACH, _PAUSE = MANY // 2, 0.014
#: Cores that two workers, the upstream and the client need for themselves.
_ENOUGH = 4

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
    """Compare two workers with one process.

    Where client and upstream have no cores of their own, requests per second say how
    many cores there are, and the processor's time for each request is compared. A busy
    process does more in each turn of its loop, so each of two that share the cores with
    others would seem to need less: here all pause so much that no process waits for a
    core.
    """
    if not HAS_PROC:
        report.skip("two workers", NO_PROC)
        return
    seconds = options.seconds * 2.5
    busy: dict[int, list[Load]] = {1: [], 2: []}
    calm: dict[int, list[Load]] = {1: [], 2: []}
    with ExitStack() as stack:
        file = stack.enter_context(documents())(base)
        servers: dict[int, tuple[int, int]] = {}
        for count in busy:
            port = free_port()
            command = naftiko(file, *rest_at(port), "--workers", str(count))
            servers[count] = stack.enter_context(process(command, port)).pid, port
        for number in range(options.rounds * TRIES + 1):
            round_, others = _round(servers, seconds)
            if number and others < DISTURBED:
                for count, (full, paused) in round_.items():
                    busy[count].append(full)
                    calm[count].append(paused)
            if len(busy[1]) == options.rounds:
                break
        used = [cpu(pid) for pid in family(servers[2][0])[1:]]
    report.note("rounds that nothing disturbed, two workers", len(busy[1]))
    what = "two workers ÷ one, 64 clients"
    if not busy[1]:
        report.skip(what, "other programs kept the cores busy")
        return
    if len(os.sched_getaffinity(0)) >= _ENOUGH:
        rates = {count: [run.rate for run in busy[count]] for count in busy}
        report.ratio(what, rates[2], rates[1], least=1.9)
    else:
        twice = [2 * run.cpu for run in calm[1]]
        report.ratio(what, twice, [run.cpu for run in calm[2]], least=1.9)
    for count, name in ((1, "one process"), (2, "two workers")):
        for which, runs in (("", busy[count]), (", with pauses", calm[count])):
            rate = statistics.median(run.rate for run in runs)
            each = statistics.median(run.cpu for run in runs) * 1e6
            report.note(f"requests/s, {name}{which}", round(rate))
            report.note(f"µs of CPU for each, {name}{which}", round(each))
    report.note("part of the busier worker", round(max(used) / sum(used), 3))


def _round(
    servers: dict[int, tuple[int, int]], seconds: float
) -> tuple[dict[int, tuple[Load, Load]], float]:
    """Ask one process and two, at once and with pauses.

    Returns:
        Of each the two loads, and the cores that other programs used meanwhile.
    """
    began, others = time.perf_counter(), busy_seconds() - _own()
    found = {}
    for count, (pid, port) in servers.items():
        url = f"http://127.0.0.1:{port}/plain/x"
        full = load(pid, url, MANY, seconds)
        paused = load(pid, url, _EACH * count, seconds, pause=_PAUSE)
        found[count] = full, paused
    others = busy_seconds() - _own() - others
    return found, others / (time.perf_counter() - began)


def _own() -> float:
    """Return the seconds of processor of all that this process has started."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = sum(map(cpu, family(os.getpid())))
    return ended.ru_utime + ended.ru_stime + running
