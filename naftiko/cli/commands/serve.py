"""`naftiko serve`: words of a command line → what is served where."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from argparse import ArgumentTypeError
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from naftiko.cli.options import is_host, port_of
from naftiko.errors import (
    EXIT_USAGE,
    ArgumentError,
    NaftikoError,
    ServeError,
    shorten,
)
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.exposes.options import Options
    from naftiko.exposes.serve.plan import ServePlan


#: What a header is called (RFC 9110, 5.6.2).
_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
#: What browsers send as `Origin` (RFC 6454, 7).
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[\w.:\[\]%-]+", re.ASCII)
#: What a `Host` header may hold, or any.
_NAME = re.compile(r"[\w.:\[\]%-]+|\*", re.ASCII)


class _Usage(ArgumentError):
    """The words do not say what to serve."""

    exit_code = EXIT_USAGE


def run_serve(arguments: Namespace) -> int:
    """Serve capabilities until told to stop."""
    from naftiko.exposes.observability import logs

    latest = logs.configure(arguments.log_format, arguments.log_level)
    try:
        return _run(arguments, latest)
    except NaftikoError as error:
        if isinstance(error, ArgumentError):
            # No call is made here: what is wrong is on the command line.
            error.exit_code = EXIT_USAGE
        if arguments.log_format != "json":
            raise
        text, _, hint = str(error).partition("\n  hint: ")
        logging.getLogger("naftiko.serve").error("%s", text, extra={"hint": hint})
        return error.exit_code


def _run(arguments: Namespace, latest: LatestLines) -> int:
    _check_installed(arguments.stdio)
    plan = _plan(arguments)
    if arguments.stdio:
        return _run_stdio(plan, latest)
    from naftiko.exposes.serve import server
    from naftiko.exposes.serve.process import allow_many
    from naftiko.exposes.state import Host

    allow_many()
    host = Host()
    host.logs = latest
    if arguments.workers > 1:
        return _run_workers(plan, host, arguments.workers)
    server.run(plan, host)
    return 0


def _check_installed(is_stdio: bool) -> None:
    """Refuse to serve without what it always takes; adapters look for the rest."""
    for name in ("aiohttp", "mcp" if is_stdio else "uvicorn"):
        try:
            found = find_spec(name)
        except ValueError:  # it is kept from being imported
            found = None
        if found is None:
            raise ServeError(
                f"serving needs '{name}', which is not installed",
                hint="pip install 'naftiko[serve]'",
            )


def _plan(arguments: Namespace) -> ServePlan:
    from naftiko.exposes.options import Options
    from naftiko.exposes.serve.plan import ServePlan, Source

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
    _check_words(arguments)
    return ServePlan(
        [Source(file, base_uris) for file in arguments.files],
        options,
        host=arguments.host or "",
        ports=_ports(arguments.port),
        single_port=arguments.single_port,
        only=tuple(arguments.adapter),
        allow_public=arguments.allow_public,
        watch=arguments.reload,
    )


def _check_words(arguments: Namespace) -> None:
    """Refuse options that mean nothing, or not what they seem to mean."""
    if arguments.single_port is not None and arguments.port:
        raise _Usage(
            "--port and --single-port exclude each other", hint="leave out one of them"
        )
    if arguments.stdio:
        _check_stdio(arguments)
    if "-" in arguments.files:
        _check_standard_input(arguments)
    host = arguments.host
    if host is not None and not is_host(host):
        raise _Usage(
            f"--host: '{shorten(without_secrets(host))}' is no name and no address",
            hint="write localhost, 0.0.0.0 or ::1; the port goes into --port",
        )
    for origin in arguments.cors:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise _Usage(
                f"--cors: '{shorten(without_secrets(origin))}' is no origin",
                hint="write scheme://host[:port], without a path, or '*'",
            )
    for name in arguments.allowed_host:
        if not _NAME.fullmatch(name):
            raise _Usage(
                f"--allowed-host: '{shorten(without_secrets(name))}' is no name of a"
                " server",
                hint="write it as it stands in `Host`: name or name:port, or '*'",
            )


def _check_stdio(arguments: Namespace) -> None:
    for option, is_given in (
        ("--port", arguments.port),
        ("--single-port", arguments.single_port is not None),
        ("--host", arguments.host is not None),
        ("--workers", arguments.workers > 1),
        ("--reload", arguments.reload),
        ("--variable", arguments.variable),
        ("--cors", arguments.cors),
        ("--allow-public", arguments.allow_public),
        ("--allowed-host", arguments.allowed_host),
        ("--stateless", arguments.stateless),
    ):
        if is_given:
            raise _Usage(
                "--stdio serves one client over standard input and output, where"
                f" {option} means nothing",
                hint=f"leave out {option}",
            )


def _check_standard_input(arguments: Namespace) -> None:
    """Refuse what would read a document from standard input more than once."""
    for what, is_given in (
        ("a second '-'", arguments.files.count("-") > 1),
        ("--stdio", arguments.stdio),
        ("--workers", arguments.workers > 1),
        ("--reload", arguments.reload),
    ):
        if is_given:
            raise _Usage(
                f"standard input can be read only once, which '-' and {what} exclude",
                hint="write the document to a file",
            )


def _variable_headers(words: Sequence[str]) -> dict[str, str]:
    """Return variable → header for each `NAME=header:X-Name`."""
    found: dict[str, str] = {}
    for word in words:
        name, sign, rest = word.partition("=")
        kind, _, header = rest.partition(":")
        if not name or kind != "header" or not _HEADER.fullmatch(header):
            # What was written there may be the value itself, which nobody shall see.
            shown = f"'{shorten(name)}' is" if name and sign else "a word is"
            raise _Usage(
                f"--variable: {shown} not followed by a header that callers send",
                hint="write NAME=header:X-Name; values come from the environment",
            )
        if name in found:
            raise _Usage(
                f"--variable is given twice for '{shorten(name)}'",
                hint="one header fills it: leave out the others",
            )
        found[name] = header
    return found


def _ports(words: Sequence[str]) -> dict[str, int]:
    """Return name of an adapter → port; `8080` alone has the empty name."""
    found: dict[str, int] = {}
    for word in words:
        name, sign, text = word.rpartition("=")
        if sign and not name:
            raise _Usage(
                f"--port: no adapter is named before the '=' of '{shorten(word)}'",
                hint="write PORT, or NAME=PORT",
            )
        try:
            port = port_of(text)
        except ArgumentTypeError as error:
            raise _Usage(f"--port: {error}", hint="write PORT, or NAME=PORT") from None
        if name in found:
            what = f" for '{shorten(name)}'" if name else ""
            raise _Usage(
                f"--port is given twice{what}",
                hint="write --port NAME=PORT for each adapter",
            )
        found[name] = port
    return found


def _base_uris(words: list[str]) -> dict[str, str]:
    """Return namespace → URI; the empty namespace stands for all others."""
    from naftiko.cli.words import base_uris

    return base_uris(words, [""]) or {}


def _run_stdio(plan: ServePlan, logs: LatestLines) -> int:
    """Serve one MCP adapter on standard input and output."""
    from naftiko.exposes.serve import process
    from naftiko.exposes.serve.stdio import serve_stdio

    try:
        process.run(serve_stdio(plan, logs))
    except SystemExit:
        # A signal. The thread that waits for input would keep the interpreter for ever.
        logging.shutdown()
        os._exit(os.EX_OK)
    except ExceptionGroup as error:
        # Nobody reads the output any more, or it cannot be written.
        unwritten, others = error.split(OSError)
        if unwritten is None or others is not None:
            raise
        first: Exception = unwritten
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        raise first from None
    return 0


def _run_workers(plan: ServePlan, host: Any, count: int) -> int:
    from naftiko.exposes.serve import process, server, workers

    async def check() -> Sequence[Any]:
        """Bind the sockets; what is wrong is told before anything is forked."""
        first = server.Server(plan, host)
        try:
            return [listener.socket for listener in first.listen()]
        finally:
            await first.transport.close()

    sockets = asyncio.run(check())

    def work(bound: Sequence[Any]) -> None:
        process.run(server.serve(plan, host, bound))

    code = workers.supervise(count, work, sockets)
    sys.stdout.flush()
    return code or os.EX_OK
