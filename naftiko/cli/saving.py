"""A file that is there only when it is whole: where `-O` writes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path
from stat import S_IMODE
from typing import IO, TYPE_CHECKING

from naftiko.cli.words import UsageError
from naftiko.errors import CallError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """Open what -O names, before anything is sent.

    A file is written beside its place and moved there at the end, so that it is never
    there by half and an old one stays as it was until then. A device is written to.
    """
    if name in ("", "-"):
        hint = "--stream writes to standard output" if name else ""
        raise UsageError("-O needs the name of a file", hint=hint)
    if os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name):
        with _reported(name), open(name, "wb") as device:
            yield device
        return
    # A link keeps leading to the file that it leads to.
    target = Path(os.path.realpath(name))
    if os.path.isdir(target):
        raise UsageError(f"-O: '{name}' is a folder", hint="name a file in it")
    if not os.path.isdir(target.parent):
        raise UsageError(
            f"-O: the folder of '{name}' is not there", hint="make it first"
        )
    with _reported(name):
        mode = _mode_of(target)
        # The name is known before the file is there: an interrupt between the two
        # leaves nothing behind.
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
    """Say what the system says when a file cannot be written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CallError(f"-O: '{name}' cannot be written: {error.strerror}") from None


def _mode_of(target: Path) -> int:
    """Return the permissions of a file to be written, those that it has if it is."""
    if not target.exists():
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
    if not os.access(target, os.W_OK):
        raise PermissionError(EACCES, os.strerror(EACCES))
    return S_IMODE(target.stat().st_mode)
