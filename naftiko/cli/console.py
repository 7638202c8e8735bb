"""Messages in a terminal: colour, control characters, errors with their hints.

    show_error(DocumentError("cannot be read", hint="…"))
        → "error: cannot be read" and "  hint: …"

Messages go to standard error.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from naftiko.hints import SHELL, worded
from naftiko.plain import visible

if TYPE_CHECKING:
    from typing import TextIO

    from naftiko.errors import NaftikoError

_COLOURS = {
    "error": "31", "warning": "33", "info": "36", "hint": "2", "strong": "1",
    "key": "34", "text": "32", "number": "36", "word": "35",
}  # fmt: skip
#: A token of JSON that has a colour; a text before a colon is a key.
_JSON_WORD = (
    r'(?P<key>"(?:[^"\\]++|\\.)*+"(?=\s*:))|(?P<text>"(?:[^"\\]++|\\.)*+"?)'
    r"|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)"
)


def has_colour(stream: TextIO) -> bool:
    """Tell whether colour may be written.

    `NO_COLOR` forbids it, `CLICOLOR_FORCE` asks for it everywhere; otherwise it takes a
    terminal that is not dumb, and no `CLICOLOR=0`.
    """
    setting = os.environ.get
    if setting("NO_COLOR"):
        return False
    if setting("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    if setting("TERM") == "dumb" or setting("CLICOLOR") == "0":
        return False
    return stream.isatty()


def paint(text: str, style: str, stream: TextIO) -> str:
    """Return the text in a colour where the stream shows colours."""
    if not text or not has_colour(stream):
        return text
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m"


def paint_json(text: str, stream: TextIO) -> str:
    """Return JSON with keys, texts, numbers and words in colours, where it may be."""
    if not has_colour(stream):
        return text
    return re.sub(_JSON_WORD, _painted, text)


def _painted(match: re.Match[str]) -> str:
    style = match.lastgroup or ""
    return f"\x1b[{_COLOURS[style]}m{match[0]}\x1b[0m"


def clean(text: str) -> str:
    """Return a text with its control characters escaped, but line breaks and tabs.

    Messages hold names of files, texts of documents and answers of servers; none of
    them may move the cursor or change a colour.
    """
    return visible(text, keep="\n\t")


def for_terminal(text: str, stream: TextIO) -> str:
    """Return a text of others for a stream: escaped in a terminal, else as it is."""
    return visible(text, keep="\r\n\t") if stream.isatty() else text


def line_of(text: str) -> str:
    """Return a text of a message, which is one line: none may look like another."""
    return visible(text, keep="\t")


def show_error(error: NaftikoError) -> None:
    """Print an error of ours to standard error."""
    fail(error.headline)
    if error.location is not None and sys.stderr.isatty():
        from naftiko.cli.excerpts import excerpt

        if shown := excerpt(*error.location):
            note(shown)
    hint = worded(error.hint, SHELL)
    if missing := getattr(error, "missing", ()):
        words = " ".join(f"{name}=VALUE" for name in missing[:5])
        hint = f"write {words}{' …' if len(missing) > 5 else ''}. {hint}".strip()
    if hint:
        note_hint(hint)


def fail(text: str, hint: str = "") -> None:
    """Print an error message to standard error."""
    label = paint("error:", "error", sys.stderr)
    note(f"{label} {line_of(text)}")
    if hint:
        note_hint(hint)


def note_hint(hint: str) -> None:
    """Print a hint below a message, to standard error."""
    words = line_of(worded(hint, SHELL))
    note(paint(f"  hint: {words}", "hint", sys.stderr))


def warn(text: str) -> None:
    """Print a warning to standard error."""
    note(f"{paint('warning:', 'warning', sys.stderr)} {line_of(text)}")


def note(text: str) -> None:
    """Print a line to standard error."""
    print(text, file=sys.stderr)
