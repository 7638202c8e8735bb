"""Rows of `serve.py` that REST and MCP have in common."""

from __future__ import annotations

from typing import Any

from measure import Report
from serve_clients import CLIENTS, Load, load_of, resident

Options = Any


def spread(
    report: Report,
    name: str,
    clients: int,
    loads: list[Load],
    most: float | None = None,
) -> None:
    """Compare the slowest answers with the usual ones.

    Of the rounds the best counts: what else the machine does is only in the slowest.
    """
    best = min(loads, key=lambda run: run.p99 / run.p50)
    what = f"p99 ÷ p50, {clients} clients, {name}"
    report.ratio(what, [best.p99], [best.p50], most=most)


def grow(
    report: Report, what: str, pid: int, port: int, request: bytes, options: Options
) -> None:
    """Note what 10,000 requests more add to the memory of a warm server."""
    load_of(port, request, CLIENTS, 60, options.requests // 5)
    before = resident(pid)
    load_of(port, request, CLIENTS, 120, options.requests)
    grown = resident(pid) - before
    report.value(f"{options.requests:,} requests more, {what}", grown, "MB", most=10)
