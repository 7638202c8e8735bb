"""Find the file that a `location` names: a `file:` URI (RFC 8089), or a path.

    file:///./secrets.json, folder   →  folder/secrets.json

Spec 1.4. A file that a document names is read only if it is a regular one, and not too
large. This module must not know what the file holds.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import unquote

#: The largest file of variables, and the largest script.
MAX_BYTES = 16 * 1024 * 1024
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


def read_regular(path: Path, most: int = MAX_BYTES) -> bytes:
    """Return the content of a regular file.

    A pipe or a device, which a document may name too, would never end.

    Args:
        path: The file.
        most: How many bytes it may have.

    Raises:
        OSError: It cannot be read, is no regular file, or is larger.
    """
    # A pipe without a writer blocks neither the opening nor the reading.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        opened = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except ValueError:
        raise OSError(None, "it cannot be the name of a file") from None
    with open(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(None, "it is no regular file")
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(None, f"it is larger than {most >> 20} MiB")
    return data
