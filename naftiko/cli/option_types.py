"""What the word behind an option may be, and what is said of one that it may not be."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from naftiko.errors import did_you_mean


def one_of(*known: str) -> Callable[[str], str]:
    """Return a type of one of a few words; a near miss is named."""

    def word(text: str) -> str:
        if text not in known:
            near = did_you_mean(text, known)
            raise argparse.ArgumentTypeError(
                f"'{text}' is not one of {', '.join(known)}{near and ': ' + near}"
            )
        return text

    return word


def port(text: str) -> int:
    """Return a port, 0 for any that is free."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port, 0 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """Return a time, which is never none and never for ever."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a number of seconds above 0, such as 2.5"
        )
    return number
