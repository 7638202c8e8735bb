"""`naftiko serve`: words of a command line → what is served where."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from naftiko.errors import EXIT_USAGE, ArgumentError, ServeError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from naftiko.exposes.logs import LatestLines
    from naftiko.exposes.options import Options
    from naftiko.exposes.server import Plan


class _Usage(ArgumentError):
    """The words do not say what to serve."""

    exit_code = EXIT_USAGE


def run_serve(arguments: Namespace) -> int:
    """Serve capabilities until told to stop."""
    plan = _plan(arguments)
    try:
        from naftiko.exposes import logs
    except ImportError as error:  # pragma: no cover - needs a bare environment
        raise _missing(error) from None
    latest = logs.configure(arguments.log_format, arguments.log_level)
    if arguments.stdio:
        return _run_stdio(plan, latest)
    try:
        from naftiko.exposes import server
    except ImportError as error:
        raise _missing(error) from None
    from naftiko.exposes.host import Host

    host = Host()
    host.logs = latest
    if arguments.workers > 1:
        return _run_workers(plan, host, arguments.workers)
    server.run(plan, host)
    return 0


def _missing(error: ImportError) -> ServeError:
    return ServeError(
        f"serving needs '{error.name}', which is not installed",
        hint="pip install 'naftiko[serve]'",
    )


def _plan(arguments: Namespace) -> Plan:
    from naftiko.exposes.options import Options
    from naftiko.exposes.server import Plan
    from naftiko.exposes.sites import Source

    options: Options = Options(
        cors=tuple(arguments.cors),
        timeout=arguments.timeout or Options().timeout,
        variable_headers=_variable_headers(arguments.variable),
        tools=arguments.tools,
        allowed_hosts=(*arguments.allowed_host, *filter(None, [arguments.host])),
        # A request may reach any worker, or any replica.
        sessions=arguments.workers == 1 and not arguments.stateless,
    )
    base_uris = _base_uris(arguments.base_uri)
    if arguments.single_port is not None and arguments.port:
        raise _Usage("--port and --single-port exclude each other")
    if arguments.stdio and (arguments.port or arguments.single_port is not None):
        raise _Usage("--stdio listens on no port", hint="leave out --port")
    return Plan(
        [Source(file, base_uris) for file in arguments.files],
        options,
        host=arguments.host or "",
        ports=_ports(arguments.port),
        single_port=arguments.single_port,
        only=tuple(arguments.adapter),
        allow_public=arguments.allow_public,
        watch=arguments.reload,
    )


def _variable_headers(words: Sequence[str]) -> dict[str, str]:
    """Return variable → header for each `NAME=header:X-Name`."""
    found = {}
    for word in words:
        name, sign, rest = word.partition("=")
        kind, colon, header = rest.partition(":")
        if not (name and sign and colon and header) or kind != "header":
            raise _Usage(
                f"--variable: '{word}' is not understood",
                hint="write NAME=header:X-Name",
            )
        found[name] = header
    return found


def _ports(words: Sequence[str]) -> dict[str, int]:
    """Return name of an adapter → port; `8080` alone has the empty name."""
    found = {}
    for word in words:
        name, _, text = word.rpartition("=")
        if not text.isdecimal() or int(text) > 65535:
            raise _Usage(
                f"--port: '{word}' is no port", hint="write PORT, or NAME=PORT"
            )
        found[name] = int(text)
    return found


def _base_uris(words: list[str]) -> dict[str, str]:
    """Return namespace → URI; the empty namespace stands for all others."""
    from naftiko.cli.words import base_uris

    return base_uris(words, [""]) or {}


def _run_stdio(plan: Plan, logs: LatestLines) -> int:
    """Serve one MCP adapter on standard input and output."""
    try:
        from naftiko.exposes import loop
        from naftiko.exposes.stdio import serve_stdio
    except ImportError as error:
        raise _missing(error) from None
    loop.run(serve_stdio(plan, logs))
    return 0


def _run_workers(plan: Plan, host: Any, count: int) -> int:
    from naftiko.exposes import loop, server, workers

    async def check() -> Sequence[Any]:
        """Bind the sockets; what is wrong is told before anything is forked."""
        first = server.Server(plan, host)
        try:
            return [listener.socket for listener in first.listen()]
        finally:
            await first.transport.close()

    sockets = asyncio.run(check())

    def work(bound: Sequence[Any]) -> None:
        loop.run(server.serve(plan, host, bound))

    code = workers.supervise(count, work, sockets)
    sys.stdout.flush()
    return code or os.EX_OK
