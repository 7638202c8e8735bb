"""What the commands about documents take, from `validate` to `demo`."""

from __future__ import annotations

from functools import partial
from typing import Any

from naftiko.cli.options.shared import (
    REF,
    VALUE,
    add_base_uri,
    add_choice,
    add_file,
    add_flag,
    add_format,
    add_header,
    add_reading,
    add_variables,
)
from naftiko.cli.values import (
    count_of,
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
    add_format(command, "text", "json", "github", "sarif", what="problems are")
    add_flag(command, "--strict", "make every warning an error")
    add_flag(command, "--all", "show every problem, also many of one kind")
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
    add_variables(command, *VALUE)
    add_reading(command)


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
        help="only what has every word of this text, or comes near it; best first",
    )
    add_flag(command, "--exposed", "list tools, routes and functions instead")
    add_format(command, "table", "json", what="operations are")
    add_reading(command)
    add_variables(command, *VALUE)


def add_describe(command: Any) -> None:
    """Add what `naftiko describe` takes."""
    command.add_argument(
        "file",
        type=some_name,
        metavar="FILE",
        help="capability file, folder of such files, or - for stdin",
    )
    command.add_argument("refs", nargs="*", default=[], metavar="REF", help=REF)
    add_format(command, "text", "json", what="the description is")
    add_reading(command)
    add_variables(command, *VALUE)


def add_call(command: Any) -> None:
    """Add what `naftiko call` takes."""
    command.epilog = _ITEMS
    add = command.add_argument
    add_file(command)
    add("ref", metavar="REF", help=REF)
    add("items", nargs="*", default=[], metavar="NAME=VALUE", help="see below")
    add("--body", metavar="TEXT|@FILE|-", help="the whole request body")
    add_base_uri(command)
    add_header(command, "header to send; wins over all others")
    add_variables(command, *VALUE)
    add_flag(command, "--dry-run", "print the request, send nothing")
    add_flag(command, "--curl", "print a curl command, send nothing")
    add(
        "-v",
        "--verbose",
        action="store_true",
        help="show request and response on standard error, secrets masked",
    )
    _add_result(command)
    add_flag(
        command,
        "--confirm",
        "ask in the terminal before a DELETE is sent (or set NAFTIKO_CONFIRM=1)",
    )
    add_flag(command, "--yes", "answer yes to what --confirm asks")
    _add_arrival(command)


def _add_result(command: Any) -> None:
    """Add the options that say how the result of a call is printed."""
    add = command.add_argument
    add_flag(command, "--raw", "print the response body without decoding it")
    add_flag(command, "--include", "print status and headers first")
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
    add_flag(command, "--full", "do not shorten identifiers, times and lines")
    add(
        "-r",
        "--lines",
        action="store_true",
        help="plain lines: texts without quotation marks, a list as one line for each"
        " item; the same as -o lines",
    )
    add_flag(command, "--no-header", "no header line in a table, csv or tsv")


def _add_arrival(command: Any) -> None:
    """Add the options that say how the response of a call is received."""
    add = command.add_argument
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
    add_flag(command, "--stream", "print the response as it arrives, undecoded")
    add_flag(
        command,
        "--split-streams",
        "what a container wrote to standard error goes to standard error",
    )
    add_flag(command, "--strict", "refuse a response that is not in its format")
    add("-O", dest="save", metavar="FILE", help="save the body to a file")


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
    add_flag(command, "--serve", "keep the demo API running until Ctrl-C")


add_completion = partial(
    add_choice,
    option="shell",
    known=("bash", "zsh", "fish"),
    metavar="SHELL",
    help="bash, zsh or fish",
)
