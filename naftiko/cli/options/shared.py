"""Options that several commands take."""

from __future__ import annotations

from typing import Any

from naftiko.cli.values import (
    header,
    one_of,
    some_name,
)


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


def add_format(command: Any, *known: str, what: str) -> None:
    """Add `--format`; the first of the words that it takes is the default.

    Args:
        command: The parser of the command.
        known: The words.
        what: What is written, with its verb: `the reply is`.
    """
    add_choice(
        command,
        "--format",
        known,
        short=("-o",),
        default=known[0],
        help=f"how {what} written (default: {known[0]})",
    )


def add_repeated(command: Any, option: str, metavar: str, text: str) -> None:
    """Add an option that may be given several times: its values become a list."""
    command.add_argument(
        option, action="append", default=[], metavar=metavar, help=text
    )


def add_flag(command: Any, option: str, text: str) -> None:
    """Add an option without a value."""
    command.add_argument(option, action="store_true", help=text)


def add_base_uri(command: Any) -> None:
    """Add `--base-uri`, which may be given for each namespace."""
    add_repeated(
        command,
        "--base-uri",
        "[NS=]URI",
        "where to send instead; unix:///path.sock works",
    )


def add_header(command: Any, text: str) -> None:
    """Add `--header`, which may be given several times."""
    command.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        type=header,
        metavar="'NAME: VALUE'",
        help=text,
    )


def add_variables(command: Any, metavar: str, text: str) -> None:
    """Add the options that give values to the variables of a document."""
    add_repeated(command, "--variable", metavar, text)
    add_repeated(
        command,
        "--env-file",
        "FILE",
        "lines NAME=value, as if they were exported to the environment",
    )


#: What can be described and called.
REF = "namespace.operation, a name alone, or adapter.function"
VALUE = (
    "NAME=VALUE",
    "value of a variable of the document; may be given several times",
)


def add_file(command: Any) -> None:
    """Add the capability file."""
    command.add_argument(
        "file", type=some_name, metavar="FILE", help="capability file, or - for stdin"
    )
    add_reading(command)


def add_reading(command: Any) -> None:
    """Add the options that say how documents are read."""
    add_flag(
        command,
        "--append-path-parameters",
        "append path parameters that the path has no placeholder for",
    )
