"""Types of the words of a command line: one word → a value, or a refusal with a hint.

    header("X-Who: me")        → ("X-Who", "me")
    port_of("8080")            → 8080
    port_of("many")            ! expected a port from 0 to 65535, got 'many'

`argparse` calls these functions (`type=`) and puts the name of the option before the
message. A word that may hold a secret is not repeated in a message.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable

from naftiko.errors import EXIT_USAGE, ArgumentError, did_you_mean, shorten

# Patterns are texts, which are compiled when an option is given.
#: The name of a header, a colon, and the rest (RFC 9110, 5.1 and 5.6.2).
_HEADER = r"(?as)\s*([\w!#$%&'*+.^`|~-]+)\s*:(.*)"
#: A word that is surely the name of a header whose colon is missing.
_NAME_ALONE = r"\s*([A-Za-z][A-Za-z-]*)\s"
_PORT = r"0*([0-9]{1,5})"
#: Headers that describe the framing of the body: another value breaks the exchange.
_FRAMING = frozenset(("content-length", "transfer-encoding", "connection"))
_CONTROL = r"[\x00-\x08\x0a-\x1f\x7f]"
#: A word that is rather the name of a file.
_FILE_NAME = r"[/\\.]"
_COUNT = r"[0-9]{1,7}"
_SIZE = r"([0-9]{1,15})(?:([kmg])(i?)b?)?"
_FACTORS = {"": 0, "k": 1, "m": 2, "g": 3}
_HOST = r"[\w.-]+|[0-9a-fA-F.]*:[0-9a-fA-F.]*:[\w.:%]*"
_MOST_SECONDS = 1e6


class UsageError(ArgumentError):
    """Words of the command line that are wrong, whatever is called or asked."""

    exit_code = EXIT_USAGE


class RefusedWord(ArgumentTypeError):
    """A word of the command line is not what its option or argument takes.

    Attributes:
        message: What was expected, and what was given.
        hint: How to fix it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def text_of(text: str, what: str, hint: str = "write it in UTF-8") -> str:
    """Return a word of the command line if it is text.

    Raises:
        UsageError: The word holds bytes that are not UTF-8; `what` names it.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{what} holds bytes that are not UTF-8",
            hint=hint,
        ) from None
    return text


def one_of(*known: str, hint: str = "") -> Callable[[str], str]:
    """Return a type for one of a few words: `one_of("text", "json")("json")` → `json`.

    The refusal of another word suggests the nearest, or else gives the hint.
    """

    def word(text: str) -> str:
        if text not in known:
            raise RefusedWord(
                f"expected one of {', '.join(known)}, got '{shorten(text)}'",
                (hint if re.search(_FILE_NAME, text) else "")
                or did_you_mean(text, known)
                or hint,
            )
        return text

    return word


def header(text: str) -> tuple[str, str]:
    """Return the name and the value of a header: `X-Who: me` → `("X-Who", "me")`.

    Raises:
        RefusedWord: The text is no header, or one that must not be set by hand.
    """
    hint = "write 'Name: value', with the quotation marks"
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RefusedWord("expected UTF-8 text, got other bytes", hint) from None
    match = re.fullmatch(_HEADER, text)
    if not match:
        # Any part of the word may be the secret, except what is surely a name.
        alone = re.match(_NAME_ALONE, text)
        given = f"'{alone[1]} …'" if alone else "a word without a header name"
        raise RefusedWord(f"expected 'Name: value', got {given}", hint)
    name, value = match[1], match[2]
    if not value:
        # The shell has split it at the blank: the value is the next word.
        raise RefusedWord(
            f"header '{name}' has no value", f"{hint}; or '{name}: ' for an empty one"
        )
    if name.lower() in _FRAMING:
        raise RefusedWord(f"header '{name}' is set by the connection", "leave it out")
    if re.search(_CONTROL, value):
        raise RefusedWord(
            f"the value of header '{name}' contains a control character,"
            " such as a line break",
            "a header value is one line (RFC 9110, 5.5)",
        )
    return name, value.strip(" \t")


def some_name(text: str) -> str:
    """Return a name; an empty one is refused."""
    if not text:
        raise RefusedWord("expected a name, got an empty text", "is a variable unset?")
    return text


def port_of(text: str, lowest: int = 0) -> int:
    """Return a port to listen on: `8080` → `8080`; 0 asks for any free one."""
    match = re.fullmatch(_PORT, text)
    if not match or not lowest <= int(match[1]) <= 65535:
        raise RefusedWord(
            f"expected a port from {lowest} to 65535, got '{shorten(text, 20)}'"
        )
    return int(match[1])


def port_there(text: str) -> int:
    """Return the port of a running server, which is never 0."""
    return port_of(text, 1)


def is_host(text: str) -> bool:
    """Tell whether a text is a host name or an IP address, without scheme or port."""
    return re.fullmatch(_HOST, text) is not None


def count_of(what: str, lowest: int, most: int = 999) -> Callable[[str], int]:
    """Return a type for a count from `lowest` to `most`.

    Args:
        what: The things that are counted, for refusals.
        lowest: The lowest count.
        most: The highest count.
    """

    def count(text: str) -> int:
        if not re.fullmatch(_COUNT, text) or not lowest <= int(text) <= most:
            raise RefusedWord(
                f"expected a number of {what}, got '{shorten(text, 20)}'",
                f"write a whole number from {lowest} to {most}",
            )
        return int(text)

    return count


def processes(text: str) -> int:
    """Return a number of processes; 0 for `auto`."""
    if text == "auto":
        return 0
    try:
        return count_of("processes", 1)(text)
    except RefusedWord as refused:
        hint = "write a whole number from 1 to 999, or auto"
        raise RefusedWord(refused.message, hint) from None


def size_of(text: str) -> int:
    """Return a number of bytes above 0: `64MiB` → 67108864, `1000` → 1000."""
    match = re.fullmatch(_SIZE, text.lower())
    size = 0
    if match:
        factor = 1024 if match[3] or not match[2] else 1000
        size = int(match[1]) * int(factor ** _FACTORS[match[2] or ""])
    if not size:
        raise RefusedWord(
            f"expected a size above 0, got '{shorten(text, 20)}'",
            "write bytes, or a unit such as 64MiB",
        )
    return size


def seconds(text: str) -> float:
    """Return a time in seconds: above 0, and finite."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < _MOST_SECONDS:
        raise RefusedWord(
            f"expected seconds above 0, such as 2.5, got '{shorten(text, 20)}'"
        )
    return number
