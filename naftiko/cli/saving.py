"""Atomic write: the file of `-O` appears when it is whole, or not at all.

    with opened("books.json") as file: …  → books.json, after the last byte

A device or a pipe is written to directly.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path
from stat import S_IMODE
from typing import IO, TYPE_CHECKING

from naftiko.cli.values import UsageError
from naftiko.errors import CallError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """Open the file that -O names, before anything is sent.

    The bytes go to a temporary file in the same folder, which replaces the file at the
    end. Until then, and after an error, an old file stays as it was. A device or a
    pipe is written to directly.

    Raises:
        UsageError: The name is none of a file that can be written.
        CallError: The file cannot be written.
    """
    if name in ("", "-"):
        hint = "--stream writes to standard output" if name else ""
        raise UsageError(f"-O: expected a file name, got '{name}'", hint=hint)
    if os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name):
        with _reported(name), open(name, "wb") as device:
            yield device
        return
    # Behind a symbolic link its target is replaced, and the link stays.
    target = Path(os.path.realpath(name))
    if os.path.isdir(target):
        raise UsageError(
            f"-O: expected a file, got the folder '{name}'", hint="name a file in it"
        )
    if not os.path.isdir(target.parent):
        raise UsageError(
            f"-O: the folder of '{name}' does not exist", hint="create it first"
        )
    with _reported(name):
        mode = _mode_of(target)
        # The name is chosen before the file is created, so that `finally` can remove
        # the file whenever an interrupt comes.
        aside = target.with_name(f".{target.name[:50]}.{os.urandom(6).hex()}")
        try:
            with open(aside, "xb", opener=_private) as file:
                yield file
            aside.chmod(mode)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """Report an error of the operating system as a `CallError`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CallError(f"-O: '{name}' cannot be written: {error.strerror}") from None


def _mode_of(target: Path) -> int:
    """Return the permissions for a file: its own, or those of a new one.

    Raises:
        PermissionError: The file exists and must not be written.
    """
    if not target.exists():
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
    if not os.access(target, os.W_OK):
        raise PermissionError(EACCES, os.strerror(EACCES))
    return S_IMODE(target.stat().st_mode)
