"""Words of a command line → the command and what was given to it, or a refusal.

    parse(["list", "a.yaml", "--search", "x"])
        → Namespace(file="a.yaml", search="x", format="table", run=run_list)

Options may come anywhere among the arguments; behind `--` each word is an argument.
A refusal is an error message and a hint, and the exit code for wrong usage.
"""

from __future__ import annotations

import argparse
import re
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.cli.console import fail
from naftiko.cli.options.commands import COMMANDS
from naftiko.cli.values import RefusedWord
from naftiko.errors import EXIT_OK, EXIT_USAGE, did_you_mean, nearest
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_DESCRIPTION = "Run Naftiko capability files: check one, list it, call its operations."
#: Options of other programs, an option of ours, and what to say where it is there.
_HABITS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("-d", "--data", "--data-raw", "--json-body"), "--body", "write --body TEXT"),
    (("-X", "--request", "--method"), "--body", "the operation says the method"),
    (("-i", "--head"), "--include", "did you mean '--include'?"),
    (("-u", "--user", "--token"), "--header", "write --header 'Authorization: …'"),
    (("--url", "--host", "--server"), "--base-uri", "did you mean '--base-uri'?"),
    (("-e", "--env", "--set", "--var"), "--variable", "write --variable NAME=VALUE"),
    (("--query", "--jq", "--filter"), "--select", "did you mean '--select'?"),
    (("--search", "--grep"), "--select", "did you mean '--select'?"),
    (("--json",), "--output", "write -o json"),
    (("--json",), "--format", "write -o json"),
    (("--yaml", "--table", "--csv"), "--output", "write -o yaml, -o table or -o csv"),
    (("--format",), "--output", "did you mean '--output'?"),
    (("--output",), "--format", "did you mean '--format'?"),
)
# Patterns are texts, which are compiled when a word is refused.
#: An option without its value, which may be a secret.
_OPTION_NAME = r"--[\w-]+|-\w?"
#: A port alone, or a URL with one.
_SERVER = r"(?:(?:https?://)?(?P<host>[A-Za-z0-9.-]*):)?(?P<port>\d{1,5})/?"
#: Command → its module in `naftiko.cli.commands`, where the two names differ.
_HOMES = {
    "list": "browse",
    "describe": "browse",
    **dict.fromkeys(
        ("health", "status", "traces", "metrics", "scripting", "reload"), "control"
    ),
}


class _Parser(argparse.ArgumentParser):
    """A parser whose refusals look like every other error of this command line."""

    def error(self, message: str) -> NoReturn:
        """Refuse what `argparse` refuses without naming an argument."""
        self.refuse(message)

    def parse_known_args(  # type: ignore[override]
        self, args: list[str], namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse words; the pass for options alone leaves `--` to the other pass.

        `parse_known_intermixed_args` makes two passes up to Python 3.13.0, and its
        first would drop a `--` that comes before every argument.
        """
        positionals = [a for a in self._actions if not a.option_strings]
        is_for_options = any(a.nargs == argparse.SUPPRESS for a in positionals)
        end = args.index("--") if is_for_options and "--" in args else len(args)
        parsed, rest = super().parse_known_args(args[:end], namespace)
        return parsed, rest + args[end:]

    def format_usage(self) -> str:
        """Return no usage: it is part of the help, and never of a refusal.

        `parse_known_intermixed_args` formats it ahead, which imports `shutil` (4 ms).
        """
        return ""

    def format_help(self) -> str:
        """Return the help, as wide as the terminal."""
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()

    def print_help(self, file: Any = None) -> None:
        """Print the help.

        The method of `argparse` ignores an output that cannot be written.
        """
        print(self.format_help(), end="", file=file)

    def refuse(self, message: str, hint: str = "") -> NoReturn:
        """Print an error message and exit with the code for wrong usage."""
        see_help = f"see `{self.prog} --help`"
        sign = "" if hint.endswith("?") else ";"
        fail(
            f"{self.prog}: {message}", f"{hint}{sign} {see_help}" if hint else see_help
        )
        raise SystemExit(EXIT_USAGE)

    def refuse_value(self, error: argparse.ArgumentError) -> NoReturn:
        """Refuse the value of an option or an argument, or that there is none."""
        name = (error.argument_name or "").rpartition("/")[2]
        # `argparse` keeps only the text of what a type raises; the rest is here.
        cause = error.__context__
        if isinstance(cause, RefusedWord):
            self.refuse(f"{name}: {cause.message}", cause.hint)
        option = options_of(self).get(name)
        if option is None:
            self.refuse(f"{name}: {error.message}" if name else error.message)
        if option.nargs == 0:
            self.refuse(f"{name}: expected no value")
        self.refuse(
            f"{name}: expected a value",
            f"write {name}=VALUE for a value that begins with '-'"
            if name.startswith("--")
            else "",
        )

    def refuse_word(self, words: list[str], unrecognized: list[str]) -> NoReturn:
        """Refuse the first word that is no option, or one argument too many.

        Args:
            words: Every word behind the command.
            unrecognized: Those of them that the parser has not used.
        """
        options = words[: words.index("--")] if "--" in words else words
        for word in unrecognized:
            if word.startswith("-") and word in options:
                self._refuse_option(word)
        known = options_of(self)
        takes_words = any(not action.option_strings for action in self._actions)
        at = re.fullmatch(_SERVER, unrecognized[0])
        if at and "--port" in known and not takes_words:
            host = f"--address {at['host']} " if at["host"] else ""
            self.refuse(
                "the server is named by options", f"write {host}--port {at['port']}"
            )
        if "--header" in known:
            # It may be the value of a header without quotation marks: not shown.
            self.refuse(
                "unrecognized argument, not shown: it may be part of a header",
                "quote a header: --header 'Name: value'",
            )
        self.refuse(f"unrecognized argument '{unrecognized[0]}'")

    def _refuse_option(self, word: str) -> NoReturn:
        # A value that is written together with the option may be a secret.
        match = re.match(_OPTION_NAME, word)
        name = match[0] if match else word[:2]
        self.refuse(f"unrecognized option '{name}'", self._meant(name))

    def _meant(self, name: str) -> str:
        """Return the hint for an option that this command does not have."""
        options = options_of(self)
        for others, option, hint in _HABITS:
            if name in others and option in options:
                return hint
        takes_arguments = self.prog == "naftiko call" and len(name) > 2
        if near := nearest(name, options, 1, cutoff=0.75 if takes_arguments else 0.6):
            return f"did you mean '{near[0]}'?"
        if takes_arguments:
            return (
                "an argument of the operation has no dashes:"
                f" {name.lstrip('-').replace('-', '_')}=VALUE"
            )
        return "an argument that begins with '-' comes after `--`"


def parse(words: list[str]) -> argparse.Namespace:
    """Return what the words mean: `["demo", "--serve"]` → `Namespace(serve=True, …)`.

    Raises:
        SystemExit: The words are wrong or ask for help, which is printed.
    """
    if words[:1] == ["help"]:
        # `naftiko help call` is `naftiko call --help`.
        words = [*words[1:], "--help"]
    # Building every command takes as long as reading a cached document.
    named = words[:1] if words and words[0] in COMMANDS else COMMANDS
    parser = build_parser(named)
    if not words:
        parser.print_help(sys.stderr)
        raise SystemExit(EXIT_USAGE)
    if words[0] in ("-h", "--help"):
        parser.print_help()
        raise SystemExit(EXIT_OK)
    command = command_parsers(parser).get(words[0])
    if command is None:
        _refuse_command(parser, words[0])
    end = words.index("--") if "--" in words else len(words)
    if not {"-h", "--help"}.isdisjoint(words[1:end]):
        _show_help(command, words[1:end])
        raise SystemExit(EXIT_OK)
    try:
        arguments, unrecognized = command.parse_known_intermixed_args(words[1:])
    except argparse.ArgumentError as error:
        command.refuse_value(error)
    # Some versions of `argparse` give back the `--` beside what they do not use.
    unrecognized = [word for word in unrecognized if word != "--"]
    if unrecognized:
        command.refuse_word(words[1:], unrecognized)
    return arguments


def _called(words: list[str], command: _Parser) -> list[str]:
    """Return the words that are neither an option nor the value of one."""
    options = options_of(command)
    arguments: list[str] = []
    is_value = False
    for word in words:
        if is_value:
            is_value = False
        elif word in options:
            is_value = options[word].nargs != 0
        elif word == "-" or not word.startswith("-"):
            arguments.append(word)
    return arguments


def _show_help(command: _Parser, words: list[str]) -> None:
    """Print the help of a command, or what `call FILE REF` takes."""
    named = _called(words, command) if command.prog == "naftiko call" else []
    if len(named) > 1 and named[0] != "-":
        from naftiko.cli.commands.browse import show_arguments
        from naftiko.errors import NaftikoError

        try:
            show_arguments(named[0], named[1])
        except NaftikoError:
            pass  # a call without --help tells what is wrong
        else:
            print("\nWrite NAME=VALUE, or NAME:=JSON; see `naftiko call --help`.")
            return
    command.print_help()


def _refuse_command(parser: _Parser, word: str) -> NoReturn:
    if word.startswith("-"):
        match = re.match(_OPTION_NAME, word)
        name = match[0] if match else word[:2]
        near = did_you_mean(name, ("--help", "--version"))
        hint = near or "options come after the command"
        parser.refuse(f"unrecognized option '{name}'", hint)
    parser.refuse(f"unknown command '{word}'", did_you_mean(word, COMMANDS))


def command_parsers(parser: _Parser) -> dict[str, _Parser]:
    """Return command → its parser."""
    (choices,) = (a.choices for a in parser._actions if a.dest == "command")
    return dict(choices)  # type: ignore[arg-type]


def options_of(command: _Parser) -> dict[str, argparse.Action]:
    """Return every way to write an option of a command → the option."""
    return {text: a for a in command._actions for text in a.option_strings}


def build_parser(names: Iterable[str] | None = None) -> _Parser:
    """Return the parser of all commands, or of those that are named."""
    # `argparse` makes a formatter for each option that is added. One without a width
    # imports `shutil`, and asks the terminal.
    formatter = partial(argparse.RawDescriptionHelpFormatter, width=80)
    parser = _Parser(
        "naftiko",
        description=_DESCRIPTION,
        allow_abbrev=False,
        formatter_class=formatter,
    )
    parser.add_argument(
        "-V", "--version", action="version", version=f"naftiko {__version__}"
    )
    commands = parser.add_subparsers(
        metavar="COMMAND",
        dest="command",
        title="commands",
        parser_class=_Parser,
        prog="naftiko",
    )
    for name in COMMANDS if names is None else names:
        text, add = COMMANDS[name]
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            allow_abbrev=False,
            exit_on_error=False,
            formatter_class=formatter,
        )
        add(command)
        command.set_defaults(run=_runner(name))
    return parser


def _runner(name: str) -> Callable[[argparse.Namespace], int]:
    """Return the function that runs a command, whose module it imports only then."""

    def run(arguments: argparse.Namespace) -> int:
        module = import_module(f"naftiko.cli.commands.{_HOMES.get(name, name)}")
        command: Callable[[argparse.Namespace], int] = getattr(module, f"run_{name}")
        files = getattr(arguments, "env_file", None)
        if not files:
            return command(arguments)
        from naftiko.cli.units.variables import applied

        with applied(files):
            return command(arguments)

    return run
