"""The commands and their options, as `argparse` knows them."""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.cli.console import fail
from naftiko.cli.options import (
    add_base_uri,
    add_choice,
    add_header,
    count_of,
    seconds,
    some_name,
)
from naftiko.errors import EXIT_OK, EXIT_USAGE, did_you_mean
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
        message, _, hint = message.removeprefix("argument ").partition("\n  hint: ")
        hint = hint or f"see `{self.prog} --help`"
        what, _, text = message.partition(": ")
        if text == "expected one argument":
            option = what.split("/")[-1]
            message = f"{option} needs a value"
            if option.startswith("--"):
                hint = f"write {option}=VALUE for one that begins with '-'; {hint}"
        elif what == "unrecognized arguments":
            first = text.removeprefix("-- ").partition(" ")[0]
            message = f"'{first}' is one argument too many"
            if "--header" in options_of(self):
                # It may be what stood behind a name without quotation marks.
                message = "there is one argument too many"
                hint = f"quote a header: --header 'Name: value'; {hint}"
        elif text.startswith("ignored explicit argument"):
            message = f"{what.split('/')[-1]} takes no value"
        self.refuse(message, hint)

    def print_help(self, file: Any = None) -> None:
        """Print the help; the one of `argparse` says nothing when it cannot."""
        print(self.format_help(), end="", file=file)

    def refuse(self, message: str, hint: str) -> NoReturn:
        """Print an error message and end with the exit code for wrong usage."""
        fail(f"{self.prog}: {message}", hint)
        raise SystemExit(EXIT_USAGE)


def parse(words: list[str]) -> argparse.Namespace:
    """Return what the words mean; options may stand anywhere among arguments."""
    # Building every command takes as long as reading a cached document.
    named = words[:1] if words and words[0] in COMMANDS else COMMANDS
    parser = build_parser(named)
    if not words:
        parser.print_help(sys.stderr)
        raise SystemExit(EXIT_USAGE)
    command = command_parsers(parser).get(words[0])
    if command is None:
        if words[0] in ("-h", "--help"):
            parser.print_help()
            raise SystemExit(EXIT_OK)
        _refuse_command(parser, words[0])
    # argparse reads arguments on both sides of an option as two lists, and fills only
    # one: so the options are read first, and then what is left, as arguments alone.
    end = words.index("--") if "--" in words else len(words)
    before, after = words[1:end], words[end + 1 :]
    if "-h" in before or "--help" in before:
        command.print_help()
        raise SystemExit(EXIT_OK)
    options = _Parser(command.prog, add_help=False, allow_abbrev=False)
    known = options_of(command)
    for action in dict.fromkeys(known.values()):
        options._add_action(action)
    arguments, rest = options.parse_known_args(before)
    for word in rest:
        if word.startswith("-") and word != "-":
            _refuse_option(command, word, list(known))
    rest += after
    command.parse_args(["--", *rest] if rest else [], arguments)
    return arguments


def _refuse_command(parser: _Parser, word: str) -> NoReturn:
    see = "see `naftiko --help`"
    if word.startswith("-"):
        near = did_you_mean(word, ("--help", "--version"))
        hint = near or "options of a command stand behind it;"
        parser.refuse(f"unknown option '{word}'", f"{hint} {see}")
    near = did_you_mean(word, COMMANDS)
    parser.refuse(f"there is no command '{word}'", f"{near} {see}".strip())


def _refuse_option(command: _Parser, word: str, known: list[str]) -> NoReturn:
    near = did_you_mean(word.partition("=")[0], known)
    # What is written together with it may be a secret.
    found = re.match(r"--[\w-]+|-\w?", word)
    name = found[0] if found else word[:2]
    hint = near or "an argument that begins with '-' stands behind `--`;"
    command.refuse(f"unknown option '{name}'", f"{hint} see `{command.prog} --help`")


def command_parsers(parser: _Parser) -> dict[str, _Parser]:
    """Return command → its parser."""
    (found,) = (a.choices for a in parser._actions if a.dest == "command")
    return dict(found)  # type: ignore[arg-type]


def options_of(command: _Parser) -> dict[str, argparse.Action]:
    """Return every way to write an option of a command → the option."""
    return {text: a for a in command._actions for text in a.option_strings}


def build_parser(names: Iterable[str] | None = None) -> _Parser:
    """Return the parser of all commands, or of those that are named."""
    parser = _Parser("naftiko", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "-V", "--version", action="version", version=f"naftiko {__version__}"
    )
    commands = parser.add_subparsers(
        metavar="COMMAND", dest="command", title="commands", parser_class=_Parser
    )
    for name in COMMANDS if names is None else names:
        text, add = COMMANDS[name]
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
        module = import_module(f"naftiko.cli.commands.{_HOMES.get(name, name)}")
        code: int = getattr(module, f"run_{name}")(arguments)
        return code

    return run


def _validate(command: Any) -> None:
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
        default="text",
        help="how problems are written (default: text)",
    )
    command.add_argument(
        "--strict", action="store_true", help="make every warning an error"
    )
    add_choice(
        command,
        "--truncated",
        ("report", "accept"),
        default="report",
        help="whether a file that its publisher cut off is an error (default: report)",
    )
    command.add_argument(
        "--jobs",
        type=count_of("processes, such as 2, or 0 for one per core", 0),
        default=1,
        metavar="N",
        help="processes (0: one per core)",
    )
    command.add_argument(
        "-q", "--quiet", action="store_true", help="no summary, no progress bar"
    )


def _file(command: Any) -> None:
    command.add_argument(
        "file", type=some_name, metavar="FILE", help="capability file, or -"
    )


def _list(command: Any) -> None:
    _file(command)
    command.add_argument("--search", metavar="TEXT", help="only what holds every word")
    add_choice(
        command,
        "--format",
        ("table", "json"),
        default="table",
        help="how operations are written (default: table)",
    )


def _describe(command: Any) -> None:
    _file(command)
    command.add_argument("ref", metavar="REF", help="namespace.operation")
    add_choice(
        command,
        "--format",
        ("text", "json"),
        default="text",
        help="how it is written (default: text)",
    )


def _call(command: Any) -> None:
    command.epilog = _ITEMS
    add = command.add_argument
    _file(command)
    add("ref", metavar="REF", help="namespace.operation")
    add("items", nargs="*", default=[], metavar="NAME=VALUE", help="see below")
    add("--body", metavar="TEXT|@FILE|-", help="the whole request body")
    add_base_uri(command)
    add_header(command, "sent as well; wins over all others")
    add("--dry-run", action="store_true", help="print the request, send nothing")
    add("--curl", action="store_true", help="print a curl command, send nothing")
    add("--raw", action="store_true", help="print the body as it came")
    add("--include", action="store_true", help="print status and headers first")
    add("--select", metavar="JSONPATH", help="print only this part of the result")
    add_choice(
        command,
        "--output",
        ("json", "yaml", "table", "csv", "raw"),
        help="how the result is written",
    )
    add(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="to connect, and between two parts of the response (default: 30)",
    )
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
    add_choice(
        command,
        "shell",
        ("bash", "zsh", "fish"),
        metavar="SHELL",
        help="bash, zsh or fish",
    )


def _serve(command: Any) -> None:
    from naftiko.cli.options import add_serve

    add_serve(command)


def _client(name: str) -> Callable[[Any], None]:
    def add(command: Any) -> None:
        from naftiko.cli.options import add_client

        add_client(name, command)

    return add


COMMANDS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "validate": ("check capability files", _validate),
    "list": ("list the operations of a capability", _list),
    "describe": ("show what an operation takes and gives", _describe),
    "call": ("call an operation and print its result", _call),
    "serve": ("serve what a capability exposes: REST, MCP, skills, control", _serve),
    "schema": ("print the JSON Schema, for editors", _schema),
    "demo": ("show what this does, against an API of its own", _demo),
    "completion": ("print the completion script of a shell", _completion),
    "health": ("ask a server whether it is up, by its control port", _client("health")),
    "status": ("show what a server serves", _client("status")),
    "traces": ("show the latest traces of a server", _client("traces")),
    "metrics": ("print the metrics of a server", _client("metrics")),
    "scripting": ("show or change how a server runs scripts", _client("scripting")),
    "reload": ("make a server read its documents again", _client("reload")),
}
#: Command → module, where they differ.
_HOMES = {
    "list": "browse",
    "describe": "browse",
    **dict.fromkeys(
        ("health", "status", "traces", "metrics", "scripting", "reload"), "control"
    ),
}
