"""`naftiko serve`: words of a command line → a plan → servers until Ctrl-C or SIGTERM.

    naftiko serve shop.yaml --port 8080
        → ServePlan([Source("shop.yaml", {})], Options(…), ports={"": 8080}, …)

Wrong words are refused before a document is read or a port is bound.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from naftiko.cli.options.repeated import base_uris
from naftiko.cli.units.variables import variable_values
from naftiko.cli.values import RefusedWord, UsageError, is_host, port_of
from naftiko.errors import EXIT_USAGE, ArgumentError, NaftikoError, ServeError, shorten
from naftiko.hints import SERVER, worded
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from naftiko.capability import Capability
    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.exposes.options import Options
    from naftiko.exposes.processes.workers import ServerProcess
    from naftiko.exposes.serve.plan import ServePlan
    from naftiko.exposes.serve.tls import Certificate
    from naftiko.exposes.state import Host


#: The name of a header (RFC 9110, 5.6.2).
_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
#: The value of an `Origin` header (RFC 6454, 7).
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[\w.:\[\]%-]+", re.ASCII)
#: The value of a `Host` header, or `*`.
_HOST_HEADER = re.compile(r"[\w.:\[\]%-]+|\*", re.ASCII)


def run_serve(arguments: Namespace) -> int:
    """Serve capabilities until told to stop."""
    from naftiko.exposes.observability import logs

    latest = logs.configure(arguments.log_format, arguments.log_level)
    try:
        return _run(arguments, latest)
    except NaftikoError as error:
        if isinstance(error, ArgumentError):
            # `serve` calls no operation here: the argument is of the command line.
            error.exit_code = EXIT_USAGE
        if arguments.log_format != "json":
            raise
        logger = logging.getLogger("naftiko.serve")
        logger.error("%s", error.headline, extra={"hint": worded(error.hint, SERVER)})
        return error.exit_code


def _run(arguments: Namespace, latest: LatestLines) -> int:
    _check_installed(arguments.stdio)
    plan = _plan(arguments)
    if arguments.stdio:
        return _run_stdio(plan, latest)
    from naftiko.exposes.serve import running
    from naftiko.exposes.serve.plan import processes_of
    from naftiko.exposes.serve.process import allow_many
    from naftiko.exposes.state import Host

    allow_many()
    host = Host(plan.options)
    host.logs = latest
    loaded = [source.load() for source in plan.sources]
    count = arguments.workers or processes_of(plan, loaded)
    if count > 1:
        return _run_workers(plan, host, loaded, count)
    running.run(plan, host, loaded)
    return 0


def _check_installed(is_stdio: bool) -> None:
    """Refuse to serve without the library of every server.

    Adapters look for the libraries that only they need.
    """
    name = "mcp" if is_stdio else "uvicorn"
    try:
        spec = find_spec(name)
    except ValueError:  # `sys.modules` says that it must not be imported
        spec = None
    if spec is None:
        raise ServeError(
            f"serving needs '{name}', which is not installed",
            hint="pip install 'naftiko[serve]'",
        )


def _plan(arguments: Namespace) -> ServePlan:
    from naftiko.exposes.options import Options
    from naftiko.exposes.serve.plan import MOST_CONNECTIONS, ServePlan, Source

    values, headers = _variables(arguments.variable)
    default = Options()
    options: Options = Options(
        cors=tuple(arguments.cors),
        timeout=arguments.timeout or default.timeout,
        max_total_bytes=arguments.max_bodies or default.max_total_bytes,
        max_slow_answer=arguments.max_slow_answer or default.max_slow_answer,
        max_sessions=arguments.max_sessions or default.max_sessions,
        session_idle=arguments.session_idle or default.session_idle,
        variable_headers=headers,
        tools=arguments.tools,
        allowed_hosts=(*arguments.allowed_host, *filter(None, [arguments.host])),
        # Each request may reach another worker or replica, which has no session.
        sessions=arguments.workers <= 1 and not arguments.stateless,
    )
    uris = base_uris(arguments.base_uri)
    _check_words(arguments)
    return ServePlan(
        [Source(file, uris, values, arguments.strict) for file in arguments.files],
        options,
        host=arguments.host or "",
        ports=_ports(arguments.port),
        single_port=arguments.single_port,
        only=tuple(arguments.adapter),
        allow_public=arguments.allow_public,
        watch=arguments.reload,
        certificate=_certificate(arguments),
        allow_missing_secrets=arguments.allow_missing_secrets,
        max_connections=arguments.max_connections or MOST_CONNECTIONS,
    )


def _certificate(arguments: Namespace) -> Certificate | None:
    """Return the certificate to show over TLS, read once to find its faults."""
    if arguments.tls_certificate is None:
        if arguments.tls_key is None:
            return None
        raise UsageError(
            "--tls-key needs --tls-certificate",
            hint="give the certificate, or leave out the key",
        )
    from naftiko.exposes.serve.tls import Certificate

    return Certificate(arguments.tls_certificate, arguments.tls_key or "")


def _check_words(arguments: Namespace) -> None:
    """Refuse options that exclude each other, and values that are none."""
    if arguments.single_port is not None and arguments.port:
        raise UsageError(
            "--port and --single-port are mutually exclusive",
            hint="leave out one of them",
        )
    if arguments.stdio:
        _check_stdio(arguments)
    if "-" in arguments.files:
        _check_standard_input(arguments)
    host = arguments.host
    if host is not None and not is_host(host):
        raise UsageError(
            "--host: expected a host name or an IP address, got"
            f" '{shorten(without_secrets(host))}'",
            hint="write localhost, 0.0.0.0 or ::1; the port goes into --port",
        )
    for origin in arguments.cors:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise UsageError(
                f"--cors: expected an origin, got '{shorten(without_secrets(origin))}'",
                hint="write scheme://host[:port], without a path, or '*'",
            )
    for name in arguments.allowed_host:
        if not _HOST_HEADER.fullmatch(name):
            raise UsageError(
                "--allowed-host: expected a host name, got"
                f" '{shorten(without_secrets(name))}'",
                hint="write it as it stands in `Host` headers: name, name:port, or '*'",
            )


def _check_stdio(arguments: Namespace) -> None:
    """Refuse options of servers that listen, beside --stdio."""
    for option, is_given in (
        ("--port", arguments.port),
        ("--single-port", arguments.single_port is not None),
        ("--host", arguments.host is not None),
        ("--workers", arguments.workers > 1),
        ("--reload", arguments.reload),
        ("--variable NAME=header:…", _variables(arguments.variable)[1]),
        ("--cors", arguments.cors),
        ("--allow-public", arguments.allow_public),
        ("--allowed-host", arguments.allowed_host),
        ("--stateless", arguments.stateless),
        ("--tls-certificate", arguments.tls_certificate),
        ("--tls-key", arguments.tls_key),
        ("--max-connections", arguments.max_connections),
        ("--max-bodies", arguments.max_bodies),
        ("--max-sessions", arguments.max_sessions),
        ("--session-idle", arguments.session_idle),
    ):
        if is_given:
            raise UsageError(
                f"{option} has no effect with --stdio, which serves one client over"
                " standard input and output",
                hint=f"leave out {option}",
            )


def _check_standard_input(arguments: Namespace) -> None:
    """Refuse words with which standard input would be read more than once."""
    for other, is_given in (
        ("a second '-'", arguments.files.count("-") > 1),
        ("--stdio", arguments.stdio),
        ("--workers", arguments.workers > 1),
        ("--reload", arguments.reload),
    ):
        if is_given:
            raise UsageError(
                "standard input can be read only once: '-' and"
                f" {other} are mutually exclusive",
                hint="write the document to a file",
            )


def _variables(words: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return variable → value and variable → header.

    `["TOKEN=abc", "USER=header:X-User"]` → `{"TOKEN": "abc"}`, `{"USER": "X-User"}`.
    """
    given = variable_values(words)
    filled: dict[str, str] = {}
    for name, text in given.items():
        kind, sign, header = text.partition(":")
        if kind != "header" or not sign:
            continue
        if not _HEADER.fullmatch(header):
            # The rest of the word may be the value itself, a secret.
            raise UsageError(
                f"--variable: '{shorten(name)}=header:…' names no header",
                hint="write NAME=header:X-Name, or NAME=VALUE",
            )
        filled[name] = header
    return {n: text for n, text in given.items() if n not in filled}, filled


def _ports(words: Sequence[str]) -> dict[str, int]:
    """Return adapter → port: `["shop=80", "8080"]` → `{"shop": 80, "": 8080}`."""
    ports: dict[str, int] = {}
    for word in words:
        name, sign, text = word.rpartition("=")
        if sign and not name:
            raise UsageError(
                f"--port: expected an adapter before '=', got '{shorten(word)}'",
                hint="write PORT, or NAME=PORT",
            )
        try:
            port = port_of(text)
        except RefusedWord as refused:
            raise UsageError(
                f"--port: {refused.message}", hint="write PORT, or NAME=PORT"
            ) from None
        if name in ports:
            shown = f" for '{shorten(name)}'" if name else ""
            raise UsageError(
                f"--port is given twice{shown}",
                hint="write --port NAME=PORT for each adapter",
            )
        ports[name] = port
    return ports


def _run_stdio(plan: ServePlan, logs: LatestLines) -> int:
    """Serve one MCP adapter on standard input and output."""
    from naftiko.exposes.serve import process
    from naftiko.exposes.serve.stdio import serve_stdio

    try:
        process.run(serve_stdio(plan, logs))
    except SystemExit:
        # A signal came. The interpreter would wait for ever for the thread that reads
        # standard input.
        logging.shutdown()
        os._exit(os.EX_OK)
    except ExceptionGroup as error:
        # The output cannot be written, such as a broken pipe.
        unwritten, others = error.split(OSError)
        if unwritten is None or others is not None:
            raise
        first: Exception = unwritten
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        raise first from None
    return 0


def _run_workers(
    plan: ServePlan, host: Host, loaded: Sequence[Capability], count: int
) -> int:
    """Serve in several processes that share the listening sockets."""
    from naftiko.exposes.processes import workers
    from naftiko.exposes.serve import running
    from naftiko.exposes.serve.process import share_memory

    # Errors are reported before a process is forked.
    sockets = running.bind(plan, host, loaded)
    share_memory()

    def work(bound: Sequence[Any], worker: ServerProcess) -> None:
        running.run_worker(plan, host, loaded, bound, worker)

    code = workers.supervise(count, work, sockets)
    sys.stdout.flush()
    return code or os.EX_OK
