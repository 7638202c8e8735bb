"""What `serve` takes, and the commands that ask the control port of a server."""

from __future__ import annotations

from typing import Any

from naftiko.cli.options.shared import (
    add_base_uri,
    add_choice,
    add_flag,
    add_format,
    add_header,
    add_reading,
    add_repeated,
    add_variables,
)
from naftiko.cli.values import (
    count_of,
    one_of,
    port_of,
    port_there,
    processes,
    seconds,
    size_of,
    some_name,
)


def add_serve(command: Any) -> None:
    """Add what `naftiko serve` takes."""
    command.add_argument(
        "files", nargs="+", type=some_name, metavar="FILE", help="capability files"
    )
    add_reading(command)
    _add_where(command)
    _add_upstream(command)
    _add_access(command)
    _add_limits(command)
    add_choice(
        command,
        "--log-format",
        ("text", "json"),
        default="text",
        help="how log lines are written (default: text)",
    )
    add_choice(
        command,
        "--log-level",
        ("debug", "info", "warning", "error"),
        default="info",
        help="what is logged (default: info, a line for each request)",
    )


def _add_where(command: Any) -> None:
    """Add the options that say where and in which processes to listen."""
    add = command.add_argument
    add("--host", metavar="ADDRESS", help="where to listen, instead of the document's")
    add_repeated(
        command,
        "--port",
        "[ADAPTER=]PORT",
        "port of an adapter, instead of the document's; 0 for any free one",
    )
    add_repeated(
        command, "--adapter", "NAME", "serve only this one; may be given several times"
    )
    add(
        "--single-port",
        type=port_of,
        metavar="PORT",
        help="everything at one port, each adapter below its name",
    )
    add(
        "--workers",
        type=processes,
        default=0,
        metavar="N|auto",
        help="processes that share the ports (default: auto, one for each core, or one"
        " alone where MCP clients have sessions)",
    )
    add_flag(command, "--reload", "read a document again when it changes")
    add_flag(command, "--stdio", "one MCP adapter on standard input and output")


def _add_upstream(command: Any) -> None:
    """Add the options that say what is sent to the consumed APIs."""
    add_base_uri(command)
    add_variables(
        command,
        "NAME=VALUE|header:X-NAME",
        "value of a variable, or the header of each caller that fills it",
    )
    add_flag(
        command,
        "--allow-missing-secrets",
        "start although a secret of a consumed API has no value",
    )
    command.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="for each upstream call (default: 30)",
    )
    add_flag(command, "--strict", "refuse a response that is not in its format")


def _add_access(command: Any) -> None:
    """Add the options that say what clients see, and which clients may call."""
    add_choice(
        command,
        "--tools",
        ("all", "search"),
        default="all",
        help="list every MCP tool (default), or three that search, describe and call",
    )
    add_repeated(
        command, "--cors", "ORIGIN", "let pages of this origin call; '*' for all"
    )
    add_flag(
        command, "--allow-public", "listen beyond this machine without authentication"
    )
    add_repeated(
        command,
        "--allowed-host",
        "NAME",
        "name by which clients reach this server; '*' for any",
    )
    add = command.add_argument
    add("--tls-certificate", metavar="FILE", help="PEM certificate: serve over TLS")
    add("--tls-key", metavar="FILE", help="PEM key, if it is not in the same file")
    add_flag(
        command, "--stateless", "keep no MCP sessions: any replica answers any request"
    )


def _add_limits(command: Any) -> None:
    """Add the options that bound what clients may take of the server."""
    add = command.add_argument
    add(
        "--max-connections",
        type=count_of("connections", 1, 65_535),
        metavar="N",
        help="connections of clients at the same time (default: 1000)",
    )
    add(
        "--max-bodies",
        type=size_of,
        metavar="SIZE",
        help="memory for all request bodies, and for all answers of the consumed"
        " APIs, each (default: 64MiB)",
    )
    add(
        "--max-slow-answer",
        type=size_of,
        metavar="SIZE",
        help="bytes of JSON that are written as YAML, or given as the result of a tool"
        " (default: 2MiB)",
    )
    add(
        "--max-sessions",
        type=count_of("sessions", 1, 1_000_000),
        metavar="N",
        help="MCP sessions at the same time (default: 1000)",
    )
    add(
        "--session-idle",
        type=seconds,
        metavar="SECONDS",
        help="time without a request after which an MCP session ends (default: 1800)",
    )


# --- the control port of a server -------------------------------------------------

#: The status that a server gives a trace.
_STATUSES = ("OK", "ERROR")
_known_status = one_of(*_STATUSES)


def add_report(command: Any) -> None:
    """Add what a command takes that tells what a control port replies."""
    add_format(command, "text", "json", what="the reply is")
    add_client(command)


def add_client(command: Any) -> None:
    """Add what every command takes that asks the control port of a server."""
    command.add_argument(
        "--port",
        type=port_there,
        help="control port (default: NAFTIKO_CONTROL_PORT, a document here, or 9090)",
    )
    command.add_argument(
        "--address",
        help="host of the server (default: NAFTIKO_CONTROL_ADDRESS, or localhost)",
    )
    add_flag(command, "--tls", "the server has a certificate: ask it over TLS")
    add_header(command, "header to send, such as credentials")


def add_traces(command: Any) -> None:
    """Add what `naftiko traces` takes."""
    add = command.add_argument
    add(
        "trace_id",
        nargs="?",
        type=some_name,
        metavar="TRACE",
        help="show the spans of this one",
    )
    add(
        "--operation",
        default="",
        metavar="TEXT",
        help="only traces with this text in their operation",
    )
    add(
        "--status",
        type=_status,
        choices=_STATUSES,
        metavar="OK|ERROR",
        help="only traces with this status",
    )
    add_report(command)


def _status(text: str) -> str:
    return _known_status(text.upper())


def add_metrics(command: Any) -> None:
    """Add what `naftiko metrics` takes."""
    command.add_argument("--filter", metavar="REGEX", help="only lines that match")
    add_client(command)


def add_scripting(command: Any) -> None:
    """Add what `naftiko scripting` takes."""
    add_repeated(
        command, "--set", "FIELD=VALUE", "change a setting; may be given several times"
    )
    add_client(command)


def add_reload(command: Any) -> None:
    """Add what `naftiko reload` takes."""
    add_flag(command, "--force", "serve the new version even if tools or routes break")
    add_client(command)
