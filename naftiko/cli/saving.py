"""Atomic write: the file of `-O` appears when it is whole, or not at all.

    with opened("books.json") as file: …  → books.json, after the last byte

A file that is replaced keeps its owner, its group and its permissions, but no bit that
runs it as another user. A device or a pipe is written to directly.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from errno import EACCES, EINVAL, EOPNOTSUPP
from pathlib import Path
from stat import S_ISLNK, S_ISVTX, S_IWOTH
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
    pipe is written to directly. An old file whose owner only root can keep is written
    over when the whole answer is there; other names of a replaced file keep the old
    content.

    Raises:
        UsageError: The name is none of a file that can be written.
        CallError: The file cannot be written, or another user has put it, or a link on
            the way to it, into a folder that everybody can write to.
    """
    if name in ("", "-"):
        hint = "--stream writes to standard output" if name else ""
        raise UsageError(f"-O: expected a file name, got '{name}'", hint=hint)
    with _reported(name):
        _refuse_planted(name)
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
        old = _replaced(target)
        # The name is chosen before the file is created, so that `finally` can remove
        # the file whenever an interrupt comes.
        aside = target.with_name(f".{target.name[:50]}.{os.urandom(6).hex()}")
        try:
            with open(aside, "xb", opener=_private) as file:
                yield file
            if _is_given_to(aside, old):
                aside.replace(target)
            else:
                _write_over(target, aside)
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


def _replaced(target: Path) -> os.stat_result | None:
    """Return what is known of the file that will be replaced; `None` for a new one.

    Raises:
        PermissionError: The file exists and must not be written.
    """
    if not target.exists():
        return None
    if not os.access(target, os.W_OK):
        raise PermissionError(EACCES, os.strerror(EACCES))
    return target.stat()


def _is_given_to(aside: Path, old: os.stat_result | None) -> bool:
    """Give a new file the owner, group and permissions of the old one.

    Returns:
        False when the system does not let this user keep the owner or the group.
    """
    if old is None:
        mask = os.umask(0)
        os.umask(mask)
        aside.chmod(0o666 & ~mask)
        return True
    if os.name != "nt":
        new = aside.stat()
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            try:
                os.chown(aside, old.st_uid, old.st_gid)
            except PermissionError:
                return False
    # After the owner. New content runs as nobody else: neither setuid nor setgid.
    aside.chmod(old.st_mode & 0o777)
    return True


def _write_over(target: Path, aside: Path) -> None:
    """Write a whole answer over an old file, which stays the file that it is.

    Room for all of it is taken first, so that a full disk leaves the old content.
    """
    with open(aside, "rb") as answer, open(target, "r+b") as file:
        before, size = (
            os.fstat(file.fileno()).st_size,
            os.fstat(answer.fileno()).st_size,
        )
        if size and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                file.truncate(before)
                if error.errno not in (EINVAL, EOPNOTSUPP):  # a file system without it
                    raise
        shutil.copyfileobj(answer, file)
        file.truncate(size)
    with suppress(PermissionError):  # the system drops these bits of files of others
        target.chmod(target.stat().st_mode & 0o777)


def _refuse_planted(name: str) -> None:
    """Refuse what another user has put into a folder that everybody can write to.

    This is the rule of Linux for such folders (`protected_symlinks`), which a system
    may have turned off. A link or a file there is trusted when it belongs to the user
    or to the owner of the folder; in any other folder it always is.

    Raises:
        PermissionError: The file, or a link on the way to it, is of another user.
    """
    if os.name == "nt":
        return
    paths, seen = [Path(name)], set[Path]()
    while paths:
        path = paths.pop()
        for part in (path, *path.parents):
            if part in seen:
                continue
            seen.add(part)
            # A loop of links is refused when the file is opened.
            with suppress(FileNotFoundError, NotADirectoryError):
                if S_ISLNK(part.lstat().st_mode):
                    paths.append(part.parent / os.readlink(part))
                    _refuse_foreign(part, "link")
                elif part == path and not part.is_dir():
                    _refuse_foreign(part, "file")


def _refuse_foreign(path: Path, what: str) -> None:
    found, folder = path.lstat(), path.parent.stat()
    is_shared = folder.st_mode & S_ISVTX and folder.st_mode & S_IWOTH
    if is_shared and found.st_uid not in (os.geteuid(), folder.st_uid):
        message = f"'{path}' is a {what} of another user in a shared folder"
        raise PermissionError(EACCES, message)
