"""The options of `naftiko serve`, and of the commands that talk to a server."""

from __future__ import annotations

from typing import Any

from naftiko.cli.options import (
    add_base_uri,
    add_choice,
    add_header,
    count_of,
    one_of,
    port_of,
    port_there,
    seconds,
    some_name,
)

#: What a trace can have come to, as a server tells it.
_STATUSES = ("OK", "ERROR")
_known_status = one_of(*_STATUSES)


def add_serve(command: Any) -> None:
    """Add what `naftiko serve` takes."""
    add = command.add_argument
    add("files", nargs="+", type=some_name, metavar="FILE", help="capability files")
    add("--host", metavar="ADDRESS", help="where to listen, instead of the document's")
    add(
        "--port",
        action="append",
        default=[],
        metavar="[ADAPTER=]PORT",
        help="port of an adapter, instead of the document's; 0 for any free one",
    )
    add(
        "--adapter",
        action="append",
        default=[],
        metavar="NAME",
        help="serve only this one; may be given several times",
    )
    add(
        "--single-port",
        type=port_of,
        metavar="PORT",
        help="everything at one port, each adapter below its name",
    )
    add(
        "--workers",
        type=count_of("processes, such as 2", 1),
        default=1,
        metavar="N",
        help="processes that share the ports (default: 1)",
    )
    add("--reload", action="store_true", help="read a document again when it changes")
    add(
        "--stdio",
        action="store_true",
        help="one MCP adapter on standard input and output",
    )
    add_base_uri(command)
    add(
        "--variable",
        action="append",
        default=[],
        metavar="NAME=header:X-NAME",
        help="fill a bind variable from the header of each caller",
    )
    add_choice(
        command,
        "--tools",
        ("all", "search"),
        default="all",
        help="list every MCP tool (default), or three that search, describe and call",
    )
    add(
        "--cors",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let pages of this origin call; '*' for all",
    )
    add(
        "--allow-public",
        action="store_true",
        help="listen beyond this machine without authentication",
    )
    add(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name by which clients reach this server; '*' for any",
    )
    add(
        "--stateless",
        action="store_true",
        help="keep no MCP sessions: any replica answers any request",
    )
    add(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="for each upstream call (default: 30)",
    )
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


def add_client(name: str, command: Any) -> None:
    """Add what a command takes that asks the control port of a server."""
    add = command.add_argument
    if name == "traces":
        add(
            "trace_id",
            nargs="?",
            type=some_name,
            metavar="TRACE",
            help="show the spans of this one",
        )
        add("--operation", default="", metavar="TEXT", help="only with this in it")
        add(
            "--status",
            type=_status,
            choices=_STATUSES,
            metavar="OK|ERROR",
            help="only with this status",
        )
    elif name == "metrics":
        add("--filter", metavar="REGEX", help="only lines that match")
    elif name == "scripting":
        add(
            "--set",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help="change a setting; may be given several times",
        )
    add(
        "--port",
        type=port_there,
        help="control port (default: NAFTIKO_CONTROL_PORT, a document here, or 9090)",
    )
    add(
        "--address",
        help="of the server (default: NAFTIKO_CONTROL_ADDRESS, or localhost)",
    )
    add_header(command, "sent as well, such as credentials")


def _status(text: str) -> str:
    return _known_status(text.upper())
