"""The options of `naftiko serve`, and of the commands that talk to a server."""

from __future__ import annotations

import argparse
from typing import Any

from naftiko.cli.option_types import one_of, port, seconds


def add_serve(command: Any) -> None:
    """Add what `naftiko serve` takes."""
    add = command.add_argument
    add("files", nargs="+", metavar="FILE", help="capability files")
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
        type=port,
        metavar="PORT",
        help="everything at one port, each adapter below its name",
    )
    add(
        "--workers",
        type=_count,
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
    add(
        "--base-uri",
        action="append",
        default=[],
        metavar="[NS=]URI",
        help="where to send instead; unix:///path.sock works",
    )
    add(
        "--variable",
        action="append",
        default=[],
        metavar="NAME=header:X-NAME",
        help="fill a bind variable from the header of each caller",
    )
    add(
        "--tools",
        type=one_of("all", "search"),
        choices=("all", "search"),
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
    add(
        "--log-format",
        type=one_of("text", "json"),
        choices=("text", "json"),
        default="text",
        help="how log lines are written (default: text)",
    )
    add(
        "--log-level",
        type=one_of("debug", "info", "warning", "error"),
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="what is logged (default: info, a line for each request)",
    )


def add_client(name: str, command: Any) -> None:
    """Add what a command takes that asks the control port of a server."""
    add = command.add_argument
    if name == "traces":
        add("trace_id", nargs="?", metavar="TRACE", help="show the spans of this one")
        add("--operation", default="", metavar="TEXT", help="only with this in it")
        add("--status", default="", metavar="OK|ERROR", help="only with this status")
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
        type=port,
        help="control port (default: NAFTIKO_CONTROL_PORT, a document here, or 9090)",
    )
    add(
        "--address",
        help="of the server (default: NAFTIKO_CONTROL_ADDRESS, or localhost)",
    )
    add(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent as well, such as credentials",
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of processes")
    return int(text)
