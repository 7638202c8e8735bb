"""`--variable` and `--env-file` → values of variables.

    variable_values(["TOKEN=abc"])   → {"TOKEN": "abc"}
    with applied(["dev.env"]): …     → its lines are environment variables meanwhile

A value may be a secret: no message repeats one.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.bindings import first_unused, parse_dotenv
from naftiko.cli.values import UsageError, text_of
from naftiko.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NAME = r"[^\s=]+"


def variable_values(words: Sequence[str]) -> dict[str, str]:
    """Return name → value: `["TOKEN=a=b"]` → `{"TOKEN": "a=b"}`.

    Raises:
        UsageError: A word is not NAME=VALUE, or names a variable again.
    """
    values: dict[str, str] = {}
    for word in words:
        name, sign, value = text_of(word, "--variable").partition("=")
        if not sign or not re.fullmatch(_NAME, name):
            # The word may be the value itself.
            raise UsageError(
                "--variable: expected NAME=VALUE",
                hint="write --variable NAME=VALUE, in quotation marks where the value"
                " holds blanks",
            )
        if name in values:
            raise UsageError(
                f"--variable is given twice for '{shorten(name)}'",
                hint="leave out one of them",
            )
        values[name] = value
    return values


def check_known(values: Iterable[str], *used: Sequence[str]) -> None:
    """Refuse values for variables that no document uses.

    Args:
        values: Names of variables.
        used: For each document the names of its variables.

    Raises:
        UsageError: No document binds or uses a variable.
    """
    if unused := first_unused(values, *used):
        raise UsageError(f"--variable: {unused.message}", hint=unused.hint)


def value_hint(name: str) -> str:
    """Return how a command gets the value of a variable."""
    return (
        f"set it in the environment, or give --variable {name}=VALUE or --env-file FILE"
    )


@contextmanager
def applied(files: Sequence[str]) -> Iterator[None]:
    """Add the lines of files to the environment, as if they had been exported.

    They stand before what the environment has, and a later file before an earlier one.

    Raises:
        UsageError: A file cannot be read, or a line of it is not NAME=value.
    """
    added = {name: value for file in files for name, value in _read(file).items()}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _read(file: str) -> dict[str, str]:
    try:
        text = Path(file).expanduser().read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"--env-file: {shorten(file)}: is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--env-file: {shorten(file)}: cannot be read: {reason}"
        ) from None
    values, wrong = parse_dotenv(text)
    if wrong:
        raise UsageError(
            f"--env-file: {shorten(file)}:{wrong[0]}: expected NAME=value",
            hint="write NAME=value, NAME='value' or NAME=\"value\"; # begins a comment",
        )
    return values
