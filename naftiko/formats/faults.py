"""A fault in a body → `OutputError` with its place and an excerpt.

`{"a": 1,}` as `json` gives "the body is not json: Expecting property name … at line 1,
column 9: '{"a": 1,}'". The excerpt may hold secrets that the API repeated: a caller
who knows them asks `message_without` for the message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.errors import OutputError, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

#: Characters that are masked left and right of a fault before an excerpt is cut out: a
#: secret that begins outside the excerpt has to be found as a whole.
_MASKED = 64 * 1024
#: Characters of an excerpt, and how many of them stand before the fault.
_EXCERPT, _BEFORE = 200, 30
#: Beginning of a body, what it looks like, and the format to declare then.
_LOOKS = (
    (re.compile(r"\s*<(?:!doctype html|html)", re.IGNORECASE), "HTML", "html"),
    (re.compile(r"\s*<"), "XML", "xml"),
    (re.compile(r"\s*[{\[]"), "JSON", "json"),
)


def refuse_body(format: str, fault: str, text: str, offset: int = 0) -> NoReturn:
    """Raise the error for a body that is not in its format.

    Args:
        format: The declared format.
        fault: What is wrong, as the parser says it.
        text: The body, or its beginning.
        offset: Where in the text the fault is, in characters.

    Raises:
        BodyError: Always.
    """
    hint = f"declare the outputRawFormat that the body has; it is now '{format}'"
    for beginning, kind, name in _LOOKS:
        if name != format and beginning.match(text):
            hint = f"the body looks like {kind}; declare outputRawFormat: {name}"
            break
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    # Some messages of the standard library end in "at" already.
    fault = fault.removesuffix(" at")
    told = f"the body is not {format}: {fault} at line {line}, column {column}"
    raise BodyError(told, text, offset, hint=hint) from None


def refuse_depth(format: str) -> NoReturn:
    """Raise the error for a body that is nested too deeply.

    Raises:
        OutputError: Always.
    """
    raise OutputError(
        f"the body is not usable {format}: it is nested too deeply",
        hint="outputRawFormat: text gives it as it is",
    ) from None


class BodyError(OutputError):
    """A body that is not in its format; its message quotes the place of the fault."""

    def __init__(self, told: str, text: str, offset: int, *, hint: str) -> None:
        start = max(0, offset - _MASKED)
        self._told = told
        self._text = text[start : offset + _MASKED]
        self._offset = offset - start
        super().__init__(self.quoting(str), hint=hint)

    def quoting(self, mask: Callable[[str], str]) -> str:
        """Return the message; the text is masked before the excerpt is cut out of it.

        Args:
            mask: Text → the same text without its secrets.
        """
        masked = mask(self._text)
        start = len(mask(self._text[: self._offset])) - _BEFORE
        return f"{self._told}: {_excerpt(masked[max(0, start) :])}"


def _excerpt(text: str) -> str:
    """Return the first printable characters of a text, in quotes."""
    clean = (
        c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}"
        for c in text[:_EXCERPT]
    )
    return f"'{shorten(''.join(clean))}'"


def message_without(mask: Callable[[str], str], error: OutputError) -> str:
    """Return the message of an error of `decode` with the secrets in it masked."""
    if isinstance(error, BodyError):
        return error.quoting(mask)
    return mask(error.message)


def offset_at(text: str, line: int, column: int) -> int:
    r"""Return the offset of a line and a column, which count from 1.

    `offset_at("a\nbc", 2, 2)` is `3`.
    """
    before = text.split("\n")[: line - 1]
    return min(sum(len(each) + 1 for each in before) + column - 1, len(text))


def import_library(name: str, format: str) -> Any:
    """Import a library of the extra `formats`.

    Raises:
        OutputError: It is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise OutputError(
            f"outputRawFormat '{format}' needs the library '{name}'",
            hint='pip install "naftiko[formats]"',
        ) from None
