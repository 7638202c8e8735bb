"""Entries of the cache: what is known of a document, found by the hash of its bytes.

    CacheEntry.of(raw, "document")  →  entry.read()  →  its body, or None
                                       entry.write(body)

`NAFTIKO_CACHE=off` turns the cache off, another value names its folder. Trouble with
the folder is never an error: nothing is kept then.

Trust: a folder is used only when it belongs to the user and nobody else can write to
it. Files of others in it are neither read nor deleted, and no link is followed. This
module must not know what an entry says.
"""

from __future__ import annotations

import os
import stat
import sys
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

try:
    # `hashlib` loads OpenSSL first, which takes as long as reading an entry.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

from naftiko.version import __version__

if TYPE_CHECKING:
    from types import TracebackType

#: Bytes of an entry; a larger one is neither written nor read.
LARGEST = 64 * 1024 * 1024
#: The first bytes of each entry: a file without them is not ours.
_MAGIC = b"naftiko cache 3\n"
#: The name of an entry: a prefix, a random text and a hash that the text salts.
_PREFIX = "naftiko-"
_SALT, _HASH = 32, 32
_NAME = len(_PREFIX) + _SALT + 1 + _HASH
#: The newest entries that are kept.
_MOST = 200
_DIGEST = 32
#: Bytes before the body: the mark of our entries, and the checksum.
_HEAD = len(_MAGIC) + _DIGEST


class CacheEntry:
    """What is kept about the bytes of one document, as long as it is open.

    Args:
        folder: The folder of the cache.
        digest: The hash of the bytes, 64 bytes long.
    """

    def __init__(self, folder: _Folder, digest: bytes) -> None:
        self._folder = folder
        self._digest = digest
        self._name = ""

    @classmethod
    def of(cls, raw: bytes, kind: str) -> CacheEntry | None:
        """Return the entry of a document; `None` where nothing is kept.

        Args:
            raw: The bytes of the document.
            kind: What the entry says about it.
        """
        place = _place()
        if place is None:
            return None
        version = f"{kind} {__version__} {sys.byteorder} {array('I').itemsize}"
        with suppress(OSError, ValueError):
            key = version.encode()[:64]
            return cls(_Folder(place), blake2b(raw, key=key).digest())
        return None

    def __enter__(self) -> CacheEntry:
        """Return the entry; leaving closes the folder."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the folder."""
        self._folder.close()

    def read(self) -> bytes | None:
        """Return what is kept, as it was written; `None` when nothing sound is.

        A checksum proves no more than that nothing was lost.
        """
        with suppress(OSError):
            self._name = self._folder.find(self._digest)
            content = self._folder.read(self._name) if self._name else b""
            body = content[_HEAD:]
            if content and content[:_HEAD] == _head(body, self._digest):
                return body
        return None

    def write(self, body: bytes) -> None:
        """Keep a body, in place of what was there; one that is too large is not."""
        if _HEAD + len(body) > LARGEST:
            return
        with suppress(OSError):
            name = self._name or self._folder.new_name(self._digest)
            self._folder.write(name, _head(body, self._digest) + body)
            self._folder.tidy(self._digest)


def _head(body: bytes, digest: bytes) -> bytes:
    """Return what stands before a body: it fits this body of this document alone."""
    return _MAGIC + blake2b(body, key=digest, digest_size=_DIGEST).digest()


def _place() -> str | None:
    """Return the folder that the settings name; `None` for no cache."""
    setting = os.environ.get("NAFTIKO_CACHE", "")
    if setting.lower() in ("off", "0", "no", "false"):
        return None
    if setting.lower() not in ("", "on", "1", "yes", "true"):
        return setting
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # Without a home folder there is no folder that surely belongs to the user.
    return os.path.join(home, "naftiko") if os.path.isabs(home) else None


class _Folder:
    """The folder of the cache, open; it is created when there is none.

    Names are looked up in the open folder, so whoever moves a folder above it changes
    nothing. The name of an entry cannot be guessed: it holds a random text, and the
    hash of the document with that text. Windows has other permissions, and keeps the
    folder of a user from others by itself.

    Raises:
        OSError: The folder cannot be created or opened, is no folder, belongs to
            somebody else, or others can write to it.
    """

    def __init__(self, place: str) -> None:
        self._fd: int | None = None
        self._place = place
        if os.name == "nt":
            os.makedirs(place, exist_ok=True)
            return
        _refuse_links_of_others(place)
        with suppress(FileExistsError):
            os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
            os.mkdir(place, 0o700)
        self._fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if not _is_private(os.fstat(self._fd)):
            os.close(self._fd)
            raise PermissionError(f"others can write to '{place}'")

    def close(self) -> None:
        """Close the folder."""
        if self._fd is not None:
            os.close(self._fd)

    def find(self, digest: bytes) -> str:
        """Return the name of the entry of a document; `""` when there is none."""
        return min(self._entries_of(digest), default="")

    def new_name(self, digest: bytes) -> str:
        """Return an unused name for the entry of a document."""
        salt = os.urandom(_SALT // 2).hex()
        return f"{_PREFIX}{salt}-{_salted(digest, salt)}"

    def read(self, name: str) -> bytes:
        """Return the content of an entry; `b""` for a file that is not ours.

        Raises:
            OSError: It cannot be read, or is a link.
        """
        # A named pipe must not be waited for.
        flags = os.O_RDONLY | _flag("O_NOFOLLOW") | _flag("O_NONBLOCK")
        with open(self._open(name, flags), "rb") as file:
            found = os.fstat(file.fileno())
            is_ours = stat.S_ISREG(found.st_mode) and _is_private(found)
            if not is_ours or found.st_size > LARGEST:
                return b""
            return file.read(LARGEST)

    def write(self, name: str, content: bytes) -> None:
        """Write an entry: no reader ever sees half of one, and no link is followed.

        Raises:
            OSError: It cannot be written; nothing is left of it.
        """
        aside = f".{_PREFIX}{os.urandom(16).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _flag("O_NOFOLLOW")
        file = self._open(aside, flags)
        try:
            with open(file, "wb") as stream:
                stream.write(content)
            # What stands at the name is replaced: a link, not its target.
            os.replace(
                self._at(aside),
                self._at(name),
                src_dir_fd=self._fd,
                dst_dir_fd=self._fd,
            )
        except BaseException:
            with suppress(OSError):
                os.unlink(self._at(aside), dir_fd=self._fd)
            raise

    def tidy(self, digest: bytes) -> None:
        """Remove the oldest entries above the limit, and doubles of a document.

        Two processes that store the same document at once both keep the first name.
        """
        doubles = sorted(self._entries_of(digest))[1:]
        aged = []
        for name in self._listed():
            with suppress(OSError):  # another process has removed it
                found = os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)
                aged.append((found.st_mtime, name))
        oldest = [name for _, name in sorted(aged)[: max(0, len(aged) - _MOST)]]
        for name in {*doubles, *oldest}:
            with suppress(OSError):
                # A file of somebody else may have such a name, and stays.
                if self.read(name).startswith(_MAGIC):
                    os.unlink(self._at(name), dir_fd=self._fd)

    def _entries_of(self, digest: bytes) -> list[str]:
        start = len(_PREFIX)
        return [
            name
            for name in self._listed()
            if name[start + _SALT + 1 :] == _salted(digest, name[start : start + _SALT])
        ]

    def _listed(self) -> list[str]:
        """Return the names in the folder that entries of ours have."""
        names = os.listdir(self._place if self._fd is None else self._fd)
        ours = [n for n in names if len(n) == _NAME and n.startswith(_PREFIX)]
        return [name for name in ours if name.isascii()]

    def _open(self, name: str, flags: int) -> int:
        flags |= _flag("O_CLOEXEC") | _flag("O_BINARY")
        return os.open(self._at(name), flags, 0o600, dir_fd=self._fd)

    def _at(self, name: str) -> str:
        return name if self._fd is not None else os.path.join(self._place, name)


def _salted(digest: bytes, salt: str) -> str:
    """Return the part of an entry's name that tells its document."""
    return blake2b(digest, key=salt.encode(), digest_size=_HASH // 2).hexdigest()


def _flag(name: str) -> int:
    """Return a flag of `open`; 0 where the system has none of that name."""
    flag: int = getattr(os, name, 0)
    return flag


def _is_private(found: os.stat_result) -> bool:
    """Tell whether a file or folder is the user's own, and nobody else can write it."""
    if os.name == "nt":
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _refuse_links_of_others(place: str) -> None:
    """Raise `PermissionError` when a link in a path belongs to another user.

    A link of the user, or of root, such as that from `/home` to a disk, is followed.
    """
    part, above = place.rstrip("/") or place, ""
    while part and part != above:
        with suppress(FileNotFoundError):
            found = os.lstat(part)
            if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
                raise PermissionError(f"'{part}' is a link of another user")
        part, above = os.path.dirname(part), part
