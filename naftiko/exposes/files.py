"""`Folder`: files that are served from a folder, without path traversal.

    Folder(/srv/skills).read("crew/SKILL.md")  →  b"…"
    Folder(/srv/skills).read("../secret")      →  FileRefused

Spec 4.4 and 5.1. A path is refused before anything is read if it has empty or dotted
segments, a backslash, or leads out of the folder through a symbolic link. A link that
is put there during the read is not followed. Hidden files (`.env`, `.git/…`) are
neither listed nor read, also not through a link of another name. This module must not
know protocols.
"""

from __future__ import annotations

import mimetypes
import os
import stat
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.errors import shorten
from naftiko.locations import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Larger files are refused: an answer holds the whole file, in base64 if it is binary.
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_FILES = 10_000

#: Media types that must not depend on the registry of the machine.
_TYPES = {
    ".csv": "text/csv",
    ".css": "text/css",
    ".gif": "image/gif",
    ".htm": "text/html",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
}
UNKNOWN_TYPE = "application/octet-stream"


class FileRefused(Exception):
    """A path that is not served; the message does not tell where the folder is."""


class FileMissing(FileRefused):
    """There is no file at the path."""


class FileOutside(FileRefused):
    """The path leads out of the folder."""


class FileIsFolder(FileRefused):
    """The path names a folder, not a file."""


def local_path(location: str, directory: Path | None) -> Path:
    """Return the path of a `location`.

        "file:///srv/skills"  →  Path("/srv/skills")

    Args:
        location: A `file:` URI, or a path relative to the directory.
        directory: The directory of the document, if it has one.

    Raises:
        FileRefused: The location is not on this machine.
    """
    path = path_of(location, directory or Path())
    if path is None:
        raise FileRefused(f"the location '{shorten(location)}' is no file: URI")
    return path


def media_type(name: str) -> str:
    """Return the media type of a file name: `a.json` → `application/json`."""
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or UNKNOWN_TYPE


def as_text(data: bytes) -> str | None:
    """Return the text of bytes in UTF-8, or `None` if they are no text."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


class Folder:
    """A folder, or a single file, whose content is served.

    It need not exist: a missing file is only noticed when it is read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def is_file(self) -> bool:
        """Whether it is a single file."""
        return self.root.is_file()

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield the relative path and the size of every file, sorted by path."""
        real = self.root.resolve()
        for path in sorted(islice(_walk(self.root, real, set()), MAX_FILES)):
            try:
                size = path.stat().st_size
            except OSError:
                continue  # gone, or changed, since it was found
            yield path.relative_to(self.root).as_posix(), size

    def read(self, path: str = "") -> bytes:
        """Return the content of one file.

        Args:
            path: Relative, with `/` between its segments, percent-decoded; empty for
                the single file.

        Raises:
            FileMissing: There is no such file.
            FileRefused: The path leads out of the folder, or the file is a folder, too
                large, hidden, or cannot be read.
        """
        real, target = self._located(path)
        try:
            with open(_open_inside(real, target), "rb") as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode):
                    raise FileRefused(f"'{shorten(path)}' is no regular file")
                if about.st_size > MAX_FILE_BYTES:
                    limit = MAX_FILE_BYTES // (1024 * 1024)
                    raise FileRefused(f"'{shorten(path)}' is larger than {limit} MiB")
                return file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            raise FileMissing(f"there is no file '{shorten(path)}'") from None
        except IsADirectoryError:
            raise FileIsFolder(
                f"'{shorten(path)}' is a directory, not a file"
            ) from None
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise FileRefused(f"'{shorten(path)}': {reason}") from None

    def stamp(self, path: str = "") -> list[int]:
        """Return the time and the size of one file, which tell that it has changed.

        Raises:
            FileRefused: As `read` does.
        """
        about = self._located(path)[1].stat()
        return [about.st_mtime_ns, about.st_size]

    def _located(self, path: str) -> tuple[Path, Path]:
        """Return the real paths of the folder and of a file; raises as `read` does."""
        segments = path.split("/") if path else []
        for segment in segments:
            if segment in (".", "..") or "\\" in segment:
                raise FileOutside(f"the path '{shorten(path)}' leads out of the folder")
            if not segment or segment.startswith(".") or not segment.isprintable():
                raise FileRefused(f"'{shorten(segment)}' is no name of a served file")
        try:
            real = self.root.resolve()
            target = self.root.joinpath(*segments).resolve()
            kind = target.stat().st_mode
        except FileNotFoundError:
            raise FileMissing(f"there is no file '{shorten(path)}'") from None
        except (OSError, RuntimeError):
            raise FileRefused(f"'{shorten(path)}' cannot be read") from None
        if target != real and real not in target.parents:
            raise FileOutside(f"the path '{shorten(path)}' leads out of the folder")
        if _is_hidden(target, real):
            raise FileRefused(f"'{shorten(path)}' is no name of a served file")
        if stat.S_ISDIR(kind):
            raise FileIsFolder(f"'{shorten(path)}' is a directory, not a file")
        if not stat.S_ISREG(kind):
            raise FileRefused(f"'{shorten(path)}' is no regular file")
        return real, target


def _is_hidden(target: Path, real: Path) -> bool:
    return any(part.startswith(".") for part in target.relative_to(real).parts)


def _open_inside(real: Path, target: Path) -> int:
    """Open a file that was found inside a folder; return its descriptor.

    Each segment of the path is opened below the one before it, and no link is followed:
    a link that was put there since the check (a race) cannot lead out of the folder. A
    pipe does not block. On systems without `openat` only the last segment is safe.
    """
    once = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    flags = os.O_RDONLY | once | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    parts = target.relative_to(real).parts
    if not parts or os.open not in os.supports_dir_fd:
        return os.open(target, flags)
    at = os.open(real, os.O_RDONLY | os.O_DIRECTORY | once)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | once, dir_fd=at)
            os.close(at)
            at = below
        return os.open(parts[-1], flags, dir_fd=at)
    finally:
        os.close(at)


def _walk(folder: Path, real: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield the files below a folder; a link is followed where it stays inside."""
    try:
        here = folder.resolve()
        entries = list(folder.iterdir())
    except (OSError, RuntimeError):
        return
    if here in seen:
        return
    for entry in entries:
        name = entry.name
        if name.startswith(".") or not name.isprintable() or "\\" in name:
            continue
        try:
            target = entry.resolve()
            if target != real and real not in target.parents:
                continue
            if _is_hidden(target, real):
                continue
            if entry.is_dir():
                yield from _walk(entry, real, seen | {here})
            elif entry.is_file():
                yield entry
        except (OSError, RuntimeError):
            continue
