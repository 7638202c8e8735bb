"""A cache of read documents between runs of the command line.

    bytes of a file → their hash → an entry of the cache folder → `Document`

Parsing YAML takes most of the time of `naftiko list`. An entry is found by the hash of
the bytes of the file, so a changed file is read again; so is a file whose entry is
damaged or of another version. `NAFTIKO_CACHE=off` turns the cache off, another value
names its folder.

Trust: a folder is used only when it belongs to the user and nobody else can write to
it. Files of others in it are neither read nor deleted, and no link is followed. What is
read back is data alone, JSON and numbers, and each part is checked.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from array import array
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    # `hashlib` loads OpenSSL first, which takes as long as reading an entry.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

from naftiko.document.document import Document, Truncation
from naftiko.document.source import MAX_BYTES, read
from naftiko.version import __version__

if TYPE_CHECKING:
    from types import TracebackType

    from naftiko.plain import JSON

#: The first bytes of each entry: a file without them is not ours.
_MAGIC = b"naftiko cache 2\n"
#: The name of an entry: a prefix, a random text and a hash that the text salts.
_PREFIX = "naftiko-"
_SALT, _HASH = 32, 32
_NAME = len(_PREFIX) + _SALT + 1 + _HASH
#: The newest entries that are kept.
_MOST = 200
#: Bytes; a smaller file is parsed about as fast as its entry is found.
_SMALLEST = 8 * 1024
#: Bytes of an entry; a larger one is neither written nor read.
_LARGEST = 4 * MAX_BYTES
_DIGEST = 32
#: Bytes before the body: the mark of our entries, and the checksum.
_HEAD = len(_MAGIC) + _DIGEST


def read_cached(source: str) -> Document:
    """Read a document, from the cache if the same bytes were read before.

    Raises:
        DocumentError: The file cannot be read, or is no document.
    """
    if source == "-":
        return read(source)
    try:
        with open(source, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        return read(Path(source), name=source)  # raises the `DocumentError`
    place = _place() if len(raw) >= _SMALLEST else None
    if place is None:
        document = read(raw, name=source)
    else:
        document = _read_through(place, raw, source)
    document.directory = Path(source).parent
    return document


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


def _read_through(place: str, raw: bytes, name: str) -> Document:
    """Return the document of an entry; without a sound one, read it and store it.

    Trouble with the folder is never an error: the document is read, only slower.
    """
    try:
        folder = _Folder(place)
    except (OSError, ValueError):
        return read(raw, name=name)
    with folder:
        version = f"{__version__} {sys.byteorder} {array('I').itemsize}".encode()
        digest = blake2b(raw, key=version[:64]).digest()
        entry = ""
        with suppress(OSError):
            entry = folder.find(digest)
            cached = _decoded(folder.read(entry), digest, name) if entry else None
            if cached is not None:
                return cached
        document = read(raw, name=name)
        content = _encoded(document, digest)
        if content is not None:
            with suppress(OSError):
                folder.write(entry or folder.new_name(digest), content)
                folder.tidy(digest)
    return document


def _encoded(document: Document, digest: bytes) -> bytes | None:
    """Return the entry of a document; `None` when it is too large for one.

    Args:
        document: The document that was read.
        digest: The hash of its bytes, 64 bytes long.
    """
    data, marks, aliases, truncation = document.stored()
    # JSON writes an aliased node as often as an alias names it.
    if aliases and _characters(data) > _LARGEST:
        return None
    head = json.dumps([data, aliases, truncation], separators=(",", ":")).encode()
    body = len(head).to_bytes(8, "big") + head + marks
    if _HEAD + len(body) > _LARGEST:
        return None
    return _head(body, digest) + body


def _characters(data: JSON) -> int:
    """Return about how long the JSON of data is; counting ends above the limit."""
    count, stack = 0, [data]
    while stack and count <= _LARGEST:
        node = stack.pop()
        if isinstance(node, dict):
            count += sum(map(len, node))
            stack += node.values()
        elif isinstance(node, list):
            stack += node
        count += len(node) if isinstance(node, str) else 4
    return count


def _head(body: bytes, digest: bytes) -> bytes:
    """Return what stands before a body: it fits this body of this document alone."""
    return _MAGIC + blake2b(body, key=digest, digest_size=_DIGEST).digest()


def _decoded(content: bytes, digest: bytes, name: str) -> Document | None:
    """Return the document of an entry; `None` for an entry that is not sound."""
    body = content[_HEAD:]
    if content[:_HEAD] != _head(body, digest):
        return None
    # A checksum proves no more than that nothing was lost: each part is checked too.
    length = int.from_bytes(body[:8], "big")
    try:
        data, aliases, truncation = json.loads(body[8 : 8 + length])
        marks = array("I", body[8 + length :])
        if not _are_numbers(aliases) or len(marks) % 2:
            return None
        return Document(
            data,
            name,
            marks=marks,
            aliases=aliases,
            truncation=_truncation(truncation),
        )
    except (ValueError, TypeError, RecursionError):
        return None


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int for number in value)


def _truncation(value: Any) -> Truncation | None:
    """Return a stored notice; raises `ValueError` or `TypeError` for none."""
    if value is None:
        return None
    kept, total, source = value
    if not _are_numbers([kept, total]) or not isinstance(source, str):
        raise TypeError("no notice of a truncated text")
    return Truncation(kept, total, source)


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

    def __enter__(self) -> _Folder:
        """Return the folder; leaving closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
            if not is_ours or found.st_size > _LARGEST:
                return b""
            return file.read(_LARGEST)

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
    path = Path(place)
    for part in (path, *path.parents):
        try:
            found = part.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
            raise PermissionError(f"'{part}' is a link of another user")
