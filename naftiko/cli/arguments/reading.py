"""Words, files and JSON texts of a command line → values, or a refusal.

    read_json('{"a": 1}') → {"a": 1}
    file_argument("a.bin", "x=@a.bin") → Path("a.bin")

A word that may hold a secret is not repeated in a message.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from naftiko.cli.values import UsageError

#: Digits of a number: near the limit of Python's own conversion.
_MOST_DIGITS = 3000


def file_argument(text: str, what: str) -> Path | IO[bytes]:
    """Return a file as a path, or open when it can be read only once."""
    path = Path(text).expanduser()
    if not text:
        raise UsageError(f"{what}: expected a file name behind '@'")
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "standard input is --body -, or @/dev/stdin" if text == "-" else ""
        raise UsageError(f"{what}: cannot be read: {reason}", hint=hint) from None
    if path.is_file():
        file.close()
        return path
    return file


def decoded(content: Any, what: str) -> str:
    """Return the text of a body or a file that holds JSON or a form."""
    if isinstance(content, Path):
        content = content.read_bytes()
    elif hasattr(content, "read"):
        content = content.read()
    if isinstance(content, str):
        return content
    try:
        return bytes(content).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            f"{what} is not UTF-8 text", hint="save the file as UTF-8"
        ) from None


def read_json(text: str) -> Any:
    """Return strict JSON as a value.

    Raises:
        ValueError: The text is no JSON, or an object has a member twice.
        RecursionError: It is nested too deeply.
    """
    return json.loads(
        text,
        object_pairs_hook=_members,
        parse_constant=_no_number,
        parse_int=_integer,
    )


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key '{twice}'")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits is too large")
    return int(digits)


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a number in JSON")
