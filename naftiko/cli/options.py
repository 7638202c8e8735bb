"""The arguments and options of each command, as `argparse` gets them.

    COMMANDS["list"] = ("list operations, or what is exposed", add_list)

Each `add_…` function takes the parser of one command and adds what the command takes.
How words are parsed is told by `naftiko.cli.parser`, and their types by
`naftiko.cli.values`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from naftiko.cli.values import (
    count_of,
    header,
    one_of,
    port_of,
    port_there,
    seconds,
    some_name,
)

_ITEMS = """\
arguments of the operation:
  name=value    a text
  name==value   the same, for a parameter of the query
  name:=JSON    a number, true, false, null, a list or an object; :=@file for a file
  name=@file    the content of a file
  a.b=value     a member of an object; also a[b]=value
  a[]=value     an item of a list; a[0].b=value for a member of its first item
  @file         the whole body, as --body @file
A name given several times becomes a list. Variables of the document are taken from
the environment.
"""

# --- options that several commands take -------------------------------------------


def add_choice(
    command: Any,
    option: str,
    known: tuple[str, ...],
    *,
    short: tuple[str, ...] = (),
    hint: str = "",
    **more: Any,
) -> None:
    """Add an option that takes one of a few words; a refusal suggests the nearest.

    Args:
        command: The parser of the command.
        option: The option, or the name of the argument.
        known: The words.
        short: Other ways to write the option.
        hint: The hint of a refusal when no word is near.
        **more: What `argparse` takes.
    """
    kind = one_of(*known, hint=hint)
    command.add_argument(*short, option, choices=known, type=kind, **more)


def _add_repeated(command: Any, option: str, metavar: str, text: str) -> None:
    """Add an option that may be given several times: its values become a list."""
    command.add_argument(
        option, action="append", default=[], metavar=metavar, help=text
    )


def _add_flag(command: Any, option: str, text: str) -> None:
    command.add_argument(option, action="store_true", help=text)


def _add_base_uri(command: Any) -> None:
    _add_repeated(
        command,
        "--base-uri",
        "[NS=]URI",
        "where to send instead; unix:///path.sock works",
    )


def _add_header(command: Any, text: str) -> None:
    command.add_argument(
        "--header",
        action="append",
        default=[],
        type=header,
        metavar="'NAME: VALUE'",
        help=text,
    )


def _add_variables(command: Any, metavar: str, text: str) -> None:
    """Add the options that give values to the variables of a document."""
    _add_repeated(command, "--variable", metavar, text)
    _add_repeated(
        command,
        "--env-file",
        "FILE",
        "lines NAME=value, as if they were exported to the environment",
    )


#: What can be described and called.
_REF = "namespace.operation, a name alone, or adapter.function"
_VALUE = (
    "NAME=VALUE",
    "value of a variable of the document; may be given several times",
)


def _add_file(command: Any) -> None:
    command.add_argument(
        "file", type=some_name, metavar="FILE", help="capability file, or - for stdin"
    )
    _add_reading(command)


def _add_reading(command: Any) -> None:
    """Add the options that say how documents are read."""
    _add_flag(
        command,
        "--append-path-parameters",
        "append path parameters that the path has no placeholder for",
    )


# --- documents --------------------------------------------------------------------


def add_validate(command: Any) -> None:
    """Add what `naftiko validate` takes."""
    command.add_argument(
        "paths",
        nargs="+",
        type=some_name,
        metavar="PATH",
        help="file, folder, glob or - for stdin",
    )
    add_choice(
        command,
        "--schema",
        ("observed", "published"),
        default="observed",
        help="what real documents do (default), or the specification to the letter",
    )
    add_choice(
        command,
        "--format",
        ("text", "json", "github", "sarif"),
        short=("-o",),
        default="text",
        help="how problems are written (default: text)",
    )
    _add_flag(command, "--strict", "make every warning an error")
    _add_flag(command, "--all", "show every problem, also many of one kind")
    add_choice(
        command,
        "--truncated",
        ("report", "reject", "accept"),
        default="report",
        help="a file that its publisher cut off is a warning (default), or an error",
    )
    command.add_argument(
        "--jobs",
        type=count_of("processes, or 0 for one per core", 0),
        default=1,
        metavar="N",
        help="processes (default: 1; 0: one per core)",
    )
    command.add_argument(
        "-q", "--quiet", action="store_true", help="no summary, no progress bar"
    )
    _add_variables(command, *_VALUE)
    _add_reading(command)


def add_list(command: Any) -> None:
    """Add what `naftiko list` takes."""
    command.add_argument(
        "files",
        nargs="+",
        type=some_name,
        metavar="FILE",
        help="capability file, folder of such files, or - for stdin",
    )
    command.add_argument(
        "--search",
        metavar="TEXT",
        help="only what has every word of this text, best first",
    )
    _add_flag(command, "--exposed", "list tools, routes and functions instead")
    add_choice(
        command,
        "--format",
        ("table", "json"),
        short=("-o",),
        default="table",
        help="how operations are written (default: table)",
    )
    _add_variables(command, *_VALUE)


def add_describe(command: Any) -> None:
    """Add what `naftiko describe` takes."""
    command.add_argument(
        "file",
        type=some_name,
        metavar="FILE",
        help="capability file, folder of such files, or - for stdin",
    )
    command.add_argument("refs", nargs="*", default=[], metavar="REF", help=_REF)
    add_choice(
        command,
        "--format",
        ("text", "json"),
        short=("-o",),
        default="text",
        help="how the description is written (default: text)",
    )
    _add_variables(command, *_VALUE)


def add_call(command: Any) -> None:
    """Add what `naftiko call` takes."""
    command.epilog = _ITEMS
    add = command.add_argument
    _add_file(command)
    add("ref", metavar="REF", help=_REF)
    add("items", nargs="*", default=[], metavar="NAME=VALUE", help="see below")
    add("--body", metavar="TEXT|@FILE|-", help="the whole request body")
    _add_base_uri(command)
    _add_header(command, "header to send; wins over all others")
    _add_variables(command, *_VALUE)
    _add_flag(command, "--dry-run", "print the request, send nothing")
    _add_flag(command, "--curl", "print a curl command, send nothing")
    add(
        "-v",
        "--verbose",
        action="store_true",
        help="show request and response on standard error, secrets masked",
    )
    _add_flag(command, "--raw", "print the response body without decoding it")
    _add_flag(command, "--include", "print status and headers first")
    add("--select", metavar="JSONPATH", help="print only this part of the result")
    add_choice(
        command,
        "--output",
        ("json", "ndjson", "yaml", "table", "csv", "tsv", "lines", "raw"),
        short=("-o",),
        hint="a file is written with -O FILE",
        metavar="FORMAT",
        help="json, ndjson, yaml, table, csv, tsv, lines or raw",
    )
    add("--columns", metavar="A,B,C", help="only these columns of a table or CSV")
    _add_flag(command, "--full", "do not shorten identifiers, times and lines")
    add(
        "-r",
        "--lines",
        action="store_true",
        help="plain lines: texts without quotation marks, a list as one line for each"
        " item; the same as -o lines",
    )
    _add_flag(command, "--no-header", "no header line in a table, csv or tsv")
    _add_flag(
        command,
        "--confirm",
        "ask in the terminal before a DELETE is sent (or set NAFTIKO_CONFIRM=1)",
    )
    _add_flag(command, "--yes", "answer yes to what --confirm asks")
    add(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="to connect, and between two parts of the response (default: 30)",
    )
    add(
        "--max-time",
        type=seconds,
        metavar="SECONDS",
        help="until the end of the response (default: no limit)",
    )
    _add_flag(command, "--stream", "print the response as it arrives, undecoded")
    _add_flag(
        command,
        "--split-streams",
        "what a container wrote to standard error goes to standard error",
    )
    _add_flag(command, "--strict", "refuse a response that is not in its format")
    add("-O", dest="save", metavar="FILE", help="save the body to a file")


# --- serving ----------------------------------------------------------------------


def add_serve(command: Any) -> None:
    """Add what `naftiko serve` takes."""
    command.add_argument(
        "files", nargs="+", type=some_name, metavar="FILE", help="capability files"
    )
    _add_reading(command)
    _add_where(command)
    _add_upstream(command)
    _add_access(command)
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
    _add_repeated(
        command,
        "--port",
        "[ADAPTER=]PORT",
        "port of an adapter, instead of the document's; 0 for any free one",
    )
    _add_repeated(
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
        type=count_of("processes", 1),
        default=1,
        metavar="N",
        help="processes that share the ports (default: 1)",
    )
    _add_flag(command, "--reload", "read a document again when it changes")
    _add_flag(command, "--stdio", "one MCP adapter on standard input and output")


def _add_upstream(command: Any) -> None:
    """Add the options that say what is sent to the consumed APIs."""
    _add_base_uri(command)
    _add_variables(
        command,
        "NAME=VALUE|header:X-NAME",
        "value of a variable, or the header of each caller that fills it",
    )
    _add_flag(
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
    _add_flag(command, "--strict", "refuse a response that is not in its format")


def _add_access(command: Any) -> None:
    """Add the options that say what clients see, and which clients may call."""
    add_choice(
        command,
        "--tools",
        ("all", "search"),
        default="all",
        help="list every MCP tool (default), or three that search, describe and call",
    )
    _add_repeated(
        command, "--cors", "ORIGIN", "let pages of this origin call; '*' for all"
    )
    _add_flag(
        command, "--allow-public", "listen beyond this machine without authentication"
    )
    _add_repeated(
        command,
        "--allowed-host",
        "NAME",
        "name by which clients reach this server; '*' for any",
    )
    add = command.add_argument
    add("--tls-certificate", metavar="FILE", help="PEM certificate: serve over TLS")
    add("--tls-key", metavar="FILE", help="PEM key, if it is not in the same file")
    _add_flag(
        command, "--stateless", "keep no MCP sessions: any replica answers any request"
    )


# --- the control port of a server -------------------------------------------------

#: The status that a server gives a trace.
_STATUSES = ("OK", "ERROR")
_known_status = one_of(*_STATUSES)


def add_report(command: Any) -> None:
    """Add what a command takes that tells what a control port replies."""
    add_choice(
        command,
        "--format",
        ("text", "json"),
        short=("-o",),
        default="text",
        help="how the reply is written (default: text)",
    )
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
    _add_flag(command, "--tls", "the server has a certificate: ask it over TLS")
    _add_header(command, "header to send, such as credentials")


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
    _add_repeated(
        command, "--set", "FIELD=VALUE", "change a setting; may be given several times"
    )
    add_client(command)


def add_reload(command: Any) -> None:
    """Add what `naftiko reload` takes."""
    _add_flag(command, "--force", "serve the new version even if tools or routes break")
    add_client(command)


# --- all commands -----------------------------------------------------------------


def add_schema(command: Any) -> None:
    """Add what `naftiko schema` takes."""
    command.add_argument(
        "version",
        nargs="?",
        default="published",
        metavar="VERSION",
        help="1.0.0-alpha2 (default) or observed",
    )


def add_demo(command: Any) -> None:
    """Add what `naftiko demo` takes."""
    _add_flag(command, "--serve", "keep the demo API running until Ctrl-C")


add_completion = partial(
    add_choice,
    option="shell",
    known=("bash", "zsh", "fish"),
    metavar="SHELL",
    help="bash, zsh or fish",
)

#: Command → its help in one line, and the function that adds its options.
COMMANDS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "validate": ("check capability files", add_validate),
    "list": ("list operations, or what is exposed", add_list),
    "describe": ("show what an operation or a function takes", add_describe),
    "call": ("call an operation and print its result", add_call),
    "serve": ("serve what a capability exposes: REST, MCP, skills, control", add_serve),
    "schema": ("print the JSON Schema, for editors", add_schema),
    "demo": ("show what naftiko does, with an API of its own", add_demo),
    "completion": ("print the completion script of a shell", add_completion),
    "health": ("ask a server whether it is up, by its control port", add_report),
    "status": ("show what a server serves", add_report),
    "traces": ("show the latest traces of a server", add_traces),
    "metrics": ("print the metrics of a server", add_metrics),
    "scripting": ("show or change how a server runs scripts", add_scripting),
    "reload": ("make a server read its documents again", add_reload),
}
