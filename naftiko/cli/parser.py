"""The commands and their options, as `argparse` knows them."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.cli.console import fail
from naftiko.errors import EXIT_USAGE, did_you_mean
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

_DESCRIPTION = "Run Naftiko capability files: check one, list it, call its operations."
_ITEMS = """\
arguments of the operation:
  name=value    a text
  name:=JSON    a number, true, false, null, a list or an object
  name=@file    the content of a file
A name given several times becomes a list. Variables of the document are taken from
the environment.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        if message.endswith("required: COMMAND"):
            self.print_help(sys.stderr)
            raise SystemExit(EXIT_USAGE)
        hint = f"see `{self.prog} --help`"
        if "invalid choice: '" in message:
            word = message.split("invalid choice: '", 1)[1].split("'", 1)[0]
            message = message.replace("argument COMMAND: ", "")
            hint = f"{did_you_mean(word, COMMANDS)} {hint}".strip()
        fail(f"{self.prog}: {message}", hint)
        raise SystemExit(EXIT_USAGE)


def parse(words: list[str]) -> argparse.Namespace:
    """Return what the words mean; options may stand anywhere among arguments."""
    parser = build_parser()
    arguments, rest = parser.parse_known_args(words)
    # argparse ends a list of arguments at the first option behind it.
    more = getattr(arguments, "items", getattr(arguments, "paths", None))
    if rest and (more is None or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if more is not None:
        more += rest
    return arguments


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser("naftiko", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "-V", "--version", action="version", version=f"naftiko {__version__}"
    )
    commands = parser.add_subparsers(
        metavar="COMMAND", required=True, title="commands", parser_class=_Parser
    )
    for name, (text, add) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(command)
        command.set_defaults(run=_runner(name))
    return parser


def _runner(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        module = import_module(f"naftiko.cli.{_HOMES.get(name, name)}")
        code: int = getattr(module, f"run_{name}")(arguments)
        return code

    return run


def _validate(command: Any) -> None:
    command.add_argument(
        "paths", nargs="+", metavar="PATH", help="file, folder, glob or - for stdin"
    )
    command.add_argument(
        "--schema",
        choices=("observed", "published"),
        default="observed",
        help="what real documents do (default), or the specification to the letter",
    )
    command.add_argument(
        "--format",
        choices=("text", "json", "github", "sarif"),
        default="text",
        help="how problems are written (default: text)",
    )
    command.add_argument(
        "--strict", action="store_true", help="make every warning an error"
    )
    command.add_argument(
        "--truncated",
        choices=("report", "accept"),
        default="report",
        help="whether a file that its publisher cut off is an error (default: report)",
    )
    command.add_argument(
        "--jobs",
        type=_count,
        default=1,
        metavar="N",
        help="processes (0: one per core)",
    )
    command.add_argument(
        "-q", "--quiet", action="store_true", help="no summary, no progress bar"
    )


def _list(command: Any) -> None:
    command.add_argument("file", metavar="FILE", help="capability file, or -")
    command.add_argument("--search", metavar="TEXT", help="only what holds every word")
    command.add_argument("--format", choices=("table", "json"), default="table")


def _describe(command: Any) -> None:
    command.add_argument("file", metavar="FILE", help="capability file, or -")
    command.add_argument("ref", metavar="REF", help="namespace.operation")
    command.add_argument("--format", choices=("text", "json"), default="text")


def _call(command: Any) -> None:
    command.epilog = _ITEMS
    add = command.add_argument
    add("file", metavar="FILE", help="capability file, or -")
    add("ref", metavar="REF", help="namespace.operation")
    add("items", nargs="*", metavar="NAME=VALUE", help="arguments, see below")
    add("--body", metavar="TEXT|@FILE|-", help="the whole request body")
    add(
        "--base-uri",
        action="append",
        default=[],
        metavar="[NS=]URI",
        help="where to send instead; unix:///path.sock works",
    )
    add(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent as well; wins over all others",
    )
    add("--dry-run", action="store_true", help="print the request, send nothing")
    add("--curl", action="store_true", help="print a curl command, send nothing")
    add("--raw", action="store_true", help="print the body as it came")
    add("--include", action="store_true", help="print status and headers first")
    add("--select", metavar="JSONPATH", help="print only this part of the result")
    add(
        "--output",
        choices=("json", "yaml", "table", "csv", "raw"),
        help="how the result is written",
    )
    add("--timeout", type=_seconds, default=None, metavar="SECONDS")
    add("--stream", action="store_true", help="print the response as it arrives")
    add("-O", dest="save", metavar="FILE", help="save the body to a file")


def _schema(command: Any) -> None:
    command.add_argument(
        "version",
        nargs="?",
        default="published",
        metavar="VERSION",
        help="1.0.0-alpha2 (default) or observed",
    )


def _demo(command: Any) -> None:
    command.add_argument(
        "--serve", action="store_true", help="keep the demo API running until Ctrl-C"
    )


def _completion(command: Any) -> None:
    command.add_argument("shell", choices=("bash", "zsh", "fish"))


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


_count.__name__ = "number of processes"


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError
    return number


_seconds.__name__ = "number of seconds"

COMMANDS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "validate": ("check capability files", _validate),
    "list": ("list the operations of a capability", _list),
    "describe": ("show what an operation takes and gives", _describe),
    "call": ("call an operation and print its result", _call),
    "schema": ("print the JSON Schema, for editors", _schema),
    "demo": ("show what this does, against an API of its own", _demo),
    "completion": ("print the completion script of a shell", _completion),
}
#: Command → module, where they differ.
_HOMES = {"list": "browse", "describe": "browse"}
