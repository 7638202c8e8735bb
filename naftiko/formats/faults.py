"""What is wrong with a body -> `OutputError` with an excerpt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.errors import OutputError, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.plain import JSON

    Decoder = Callable[[bytes, str, str], JSON]

#: What is masked left and right of a fault before a few characters are quoted.
_AROUND = 64 * 1024
_EXCERPT = 200
_LOOKS = (
    (re.compile(r"\s*<(?:!doctype html|html)", re.IGNORECASE), "HTML", "html"),
    (re.compile(r"\s*<"), "XML", "xml"),
    (re.compile(r"\s*[{\[]"), "JSON", "json"),
)


def _excerpt(text: str) -> str:
    """Return a few printable characters of a text, in quotes."""
    clean = (c if c.isprintable() or c.isspace() else "�" for c in text[:_EXCERPT])
    return f"'{shorten(''.join(clean))}'"


def refuse(format: str, wrong: str, text: str, place: int = 0) -> NoReturn:
    """Raise the error for a body that is not in its format.

    Args:
        format: The format it is not in.
        wrong: What is the matter.
        text: The body, or its beginning.
        place: Where in the text the fault is.
    """
    hint = f"declare the outputRawFormat that the body has; it is now '{format}'"
    for looks, called, name in _LOOKS:
        if name != format and looks.match(text):
            hint = f"the body looks like {called}; declare outputRawFormat: {name}"
            break
    line = text.count("\n", 0, place) + 1
    column = place - text.rfind("\n", 0, place)
    # Some of the standard library's messages go on with "at" as well.
    wrong = wrong.removesuffix(" at")
    told = f"the body is not {format}: {wrong} at line {line}, column {column}"
    raise BodyError(told, text, place, hint=hint) from None


class BodyError(OutputError):
    """A body that is not in its format; its message quotes the place of the fault."""

    def __init__(self, told: str, text: str, place: int, *, hint: str) -> None:
        begin = max(0, place - _AROUND)
        self._told = told
        self._text = text[begin : place + _AROUND]
        self._place = place - begin
        super().__init__(self.quoting(str), hint=hint)

    def quoting(self, mask: Callable[[str], str]) -> str:
        """Return the message with what is quoted masked first, and cut then."""
        shown = mask(self._text)
        begin = len(mask(self._text[: self._place])) - 30
        return f"{self._told}: {_excerpt(shown[max(0, begin) :])}"


def message_without(mask: Callable[[str], str], error: OutputError) -> str:
    """Return the message of an error of `decode` with the secrets in it masked."""
    if isinstance(error, BodyError):
        return error.quoting(mask)
    return mask(error.message)


def offset_of(text: str, line: int, column: int) -> int:
    """Return how far into a text a line and column are, which count from 1."""
    before = text.split("\n")[: line - 1]
    return min(sum(len(each) + 1 for each in before) + column - 1, len(text))


def refuse_depth(format: str) -> NoReturn:
    """Raise the error for a body that is nested too deeply."""
    raise OutputError(
        f"the body is not usable {format}: it is nested too deeply",
        hint="outputRawFormat: text gives it as it is",
    ) from None


def formats_library(name: str, format: str) -> Any:
    """Import a library of the extra `formats`."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise OutputError(
            f"outputRawFormat '{format}' needs the library '{name}'",
            hint='pip install "naftiko[formats]"',
        ) from None
