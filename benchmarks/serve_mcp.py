"""One tool over every transport of MCP, beside the SDK and FastMCP, for `serve.py`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import measure
from measure import Report
from serve_clients import (
    HANDSHAKE,
    HAS_PROC,
    MODERN,
    free_port,
    mcp_bytes,
    over_http,
    over_stdio,
    process,
)
from serve_load import MANY, Load, load_of
from serve_servers import CALL, documents, mcp_at, naftiko, peer
from serve_steady import grow

Options = Any


def mcp(report: Report, base: str, options: Options) -> None:
    """Compare one tool over every transport."""
    fast = _python_with_fastmcp(options.fastmcp)
    if not fast:
        report.skip("FastMCP", "no `fastmcp` here, and no --fastmcp PYTHON given")
    for way in ("stdio", MODERN, HANDSHAKE):
        _tools(report, base, way, fast, options)
    with documents() as write:
        port = free_port()
        request = mcp_bytes(port, "tools/call", CALL)

        def crowd(command: list[str], what: str = "") -> list[Load]:
            with process(command, port) as child:
                if what and HAS_PROC:
                    grow(report, what, child.pid, port, request, options)
                seconds = options.seconds * 2.5
                return [
                    load_of(port, request, MANY, seconds) for _ in range(options.rounds)
                ]

        ours = crowd(naftiko(write(base), *mcp_at(port)), "MCP over HTTP")
        if fast:
            theirs = crowd(peer("fastmcp", base, port, fast))
            report.ratio(
                f"tools/call a second, {MANY} clients, naftiko ÷ FastMCP",
                [run.rate for run in ours],
                [run.rate for run in theirs],
                least=5.0,
            )


def _tools(report: Report, base: str, way: str, fast: str, options: Options) -> None:
    """Compare one tool over one transport."""
    called = way if way == "stdio" else f"HTTP {way}"
    servers: dict[str, Callable[[int | None], list[str]]] = {
        "SDK by hand": lambda port: peer("sdk", base, port),
    }
    if way == "stdio":
        servers["a loop by hand"] = lambda port: peer("loop", base, port)
    if fast:
        servers["FastMCP"] = lambda port: peer("fastmcp", base, port, fast)
    with ExitStack() as stack:
        file = stack.enter_context(documents())(base)
        servers["naftiko"] = lambda port: naftiko(
            file, *(mcp_at(port) if port else ("--stdio",))
        )
        cases: dict[str, Callable[[], bytes]] = {}
        for name, command in servers.items():
            if way == "stdio":
                ask, _ = stack.enter_context(over_stdio(command(None)))
            else:
                port = free_port()
                ask, _ = stack.enter_context(over_http(command(port), port, way))
            cases[name] = lambda ask=ask: ask("tools/call", CALL)  # type: ignore[misc]
            answer = cases[name]()
            if b"value 51" not in answer:
                raise RuntimeError(f"{name}: {answer[:300]!r}")
        samples = measure.take(cases, options.rounds * 4, options.calls)
    report.add({f"{name}, {called}": found for name, found in samples.items()})
    bars = {"SDK by hand": 2.0, "FastMCP": 5.0}
    bars["a loop by hand"] = 0.6
    for name in servers:
        if name != "naftiko":
            # Calls per second are the times the other way round.
            report.ratio(
                f"tools/call a second, {called}, naftiko ÷ {name}",
                samples[name],
                samples["naftiko"],
                least=bars.get(name),
            )


def _python_with_fastmcp(named: str) -> str:
    python = named or sys.executable
    with suppress(OSError):
        command = [python, "-c", "import fastmcp, httpx2, uvicorn"]
        if not subprocess.run(command, capture_output=True, check=False).returncode:
            return python
    return ""
