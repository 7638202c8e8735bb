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
