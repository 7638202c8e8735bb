"""Find the file that a `location` names: a `file:` URI (RFC 8089), or a path.

    file:///./secrets.json, folder   →  folder/secrets.json

Spec 1.4. This module must not know what the file holds.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

_FILE = "file:"


def is_file_uri(location: str) -> bool:
    """Tell whether a location is a URI of the scheme `file`."""
    return location[: len(_FILE)].lower() == _FILE


def path_of(location: str, folder: Path) -> Path | None:
    """Return the path that a location names, or `None` when it names no file here.

    `file:///./x`, which is how a path relative to the document looks as a URI,
    `file://./x` and `file:x` are relative to `folder`; so is a path that is no URI. A
    URI of any other scheme is on another machine.
    """
    if is_file_uri(location):
        rest = location[len(_FILE) :].removeprefix("//")
        if rest.lower().startswith("localhost/"):
            rest = rest[len("localhost") :]
        if rest.startswith("/") and rest.split("/", 2)[1] in (".", ".."):
            rest = rest[1:]
        rest = unquote(rest)
    elif "://" in location:
        return None
    else:
        rest = location
    # No system has a file of such a name; Python raises a `ValueError` for it.
    return None if "\0" in rest else folder / rest
