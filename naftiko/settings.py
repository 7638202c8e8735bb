"""What a caller of `load()` decides beside the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from naftiko.errors import ArgumentError

DEFAULT_TIMEOUT = 30.0
#: Seconds, some 31 years: what the operating system takes everywhere.
_LONGEST = 1e9


def checked_names(what: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a mapping from names that an option gives.

    Raises:
        ArgumentError: It is no mapping, or something in it is no name.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"{what}: a {type(given).__name__} is no mapping",
            hint=f"give name → value: {what}={{'NAME': …}}",
        )
    for name in given:
        if not isinstance(name, str):
            raise ArgumentError(f"{what}: '{name}' is no text", hint="names are texts")
    return dict(given)


def checked_timeout(timeout: Any) -> Any:
    """Return a timeout that is one.

    Raises:
        ArgumentError: It is not a positive number of seconds, or two of them.
    """
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    good = all(
        isinstance(part, (int, float))
        and not isinstance(part, bool)
        and 0 < part <= _LONGEST
        for part in parts
    )
    if not good or (isinstance(timeout, tuple) and len(parts) != 2):
        raise ArgumentError(
            f"'{timeout}' is not a timeout",
            hint="give seconds, or (seconds to connect, seconds between two parts)",
        )
    return timeout
