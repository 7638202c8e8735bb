"""What the word behind an option may be, and what is said of one that it may not be.

What several commands take alike stands here as well. A word that may hold a secret is
not repeated.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

from naftiko.errors import did_you_mean, shorten

#: A header as RFC 9110 wants its name (5.6.2).
_HEADER = re.compile(r"\s*([\w!#$%&'*+.^`|~-]+)\s*:(.*)", re.ASCII | re.DOTALL)
#: What a name of a header looks like where the colon is missing.
_NAME_ALONE = re.compile(r"\s*([A-Za-z][A-Za-z-]*)\s")
_PORT = re.compile(r"0*([0-9]{1,5})")
#: What the connection says about the body; another value would break the exchange.
_FRAMING = frozenset(("content-length", "transfer-encoding", "connection"))
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_COUNT = re.compile(r"[0-9]{1,3}")
_HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[\w.:%]*")


def one_of(*known: str) -> Callable[[str], str]:
    """Return a type of one of a few words; a near miss is named."""

    def word(text: str) -> str:
        if text not in known:
            near = did_you_mean(text, known)
            raise argparse.ArgumentTypeError(
                f"'{shorten(text)}' is not one of {', '.join(known)}"
                f"{near and ': ' + near}"
            )
        return text

    return word


def add_choice(command: Any, option: str, known: tuple[str, ...], **more: Any) -> None:
    """Add an option that takes one of a few words, and names the nearest."""
    command.add_argument(option, choices=known, type=one_of(*known), **more)


def add_base_uri(command: Any) -> None:
    """Add the option that says where to send instead."""
    command.add_argument(
        "--base-uri",
        action="append",
        default=[],
        metavar="[NS=]URI",
        help="where to send instead; unix:///path.sock works",
    )


def add_header(command: Any, text: str) -> None:
    """Add the option that sends a header as well."""
    command.add_argument(
        "--header",
        action="append",
        default=[],
        type=header,
        metavar="'NAME: VALUE'",
        help=text,
    )


def header(text: str) -> tuple[str, str]:
    """Return the name and the value of a header."""
    hint = "write 'Name: value', with the quotation marks"
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refusal("it holds bytes that are not UTF-8", hint) from None
    found = _HEADER.fullmatch(text)
    if not found:
        # Anything in it may be the secret, but for what is surely a name.
        alone = _NAME_ALONE.match(text)
        shown = f"'{alone[1]} …'" if alone else "what stands there"
        raise refusal(f"{shown} is no header", hint)
    name, value = found[1], found[2]
    if not value:
        # A shell has cut it in two: the value is the next word.
        raise refusal(f"'{name}:' has no value", f"{hint}; or '{name}: ' for none")
    if name.lower() in _FRAMING:
        raise refusal(f"'{name}' is set by the connection", "leave it out")
    if _CONTROL.search(value):
        raise refusal(
            f"the value of '{name}' holds a line break or another control character",
            "a header value is one line (RFC 9110, 5.5)",
        )
    return name, value.strip(" \t")


def some_name(text: str) -> str:
    """Return a name, which is not empty."""
    if not text:
        raise refusal("the name is empty", "is a variable of the shell not set?")
    return text


def port_of(text: str, lowest: int = 0) -> int:
    """Return a port; 0 is for any that is free, where one is served."""
    found = _PORT.fullmatch(text)
    if not found or not lowest <= int(found[1]) <= 65535:
        raise argparse.ArgumentTypeError(
            f"'{shorten(text, 20)}' is no port, {lowest} to 65535"
        )
    return int(found[1])


def port_there(text: str) -> int:
    """Return the port of a server that is running."""
    return port_of(text, 1)


def is_host(text: str) -> bool:
    """Tell a name or an IP address from a URL, and from what holds a port."""
    return _HOST.fullmatch(text) is not None


def count_of(what: str, lowest: int) -> Callable[[str], int]:
    """Return a type of how many there shall be of something."""

    def count(text: str) -> int:
        if not _COUNT.fullmatch(text) or int(text) < lowest:
            raise argparse.ArgumentTypeError(
                f"'{shorten(text, 20)}' is not a number of {what}"
            )
        return int(text)

    return count


def seconds(text: str) -> float:
    """Return a time, which is never none and never for ever."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(
            f"'{shorten(text, 20)}' is not a number of seconds above 0, such as 2.5"
        )
    return number


def refusal(message: str, hint: str) -> argparse.ArgumentTypeError:
    """Return an error with a hint of its own, as our parser shows it."""
    return argparse.ArgumentTypeError(f"{message}\n  hint: {hint}")


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
