"""Read documents, kept between runs of the command line.

Reading YAML is most of what `naftiko list` does; what was read once is kept in the
user's cache folder under the hash of its bytes. An entry that is damaged, or of another
version, is read anew. `NAFTIKO_CACHE=off` turns this off, another value names a folder.
"""

from __future__ import annotations

import marshal
import os
import sys
from array import array
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.document.document import Document, Truncation
from naftiko.document.source import MAX_BYTES, read
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Smaller files are read about as fast as an entry is found.
_SMALLEST = 8 * 1024
_MOST = 200
_DIGEST = 32


def read_cached(source: str) -> Document:
    """Read a document, from the cache if these very bytes were read before.

    Raises:
        DocumentError: As `naftiko.document.read` does.
    """
    if source == "-":
        return read(source)
    try:
        with open(source, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        return read(Path(source), name=source)  # which says what is wrong
    folder = _folder()
    if folder is None or len(raw) < _SMALLEST:
        document = read(raw, name=source)
    else:
        entry = folder / _key(raw)
        kept = _stored(entry, source)
        document = kept or read(raw, name=source)
        if kept is None:
            _store(entry, document)
    document.directory = Path(source).parent
    return document


def _folder() -> Path | None:
    setting = os.environ.get("NAFTIKO_CACHE", "")
    if setting.lower() in ("off", "0", "no", "false"):
        return None
    if setting.lower() not in ("", "on", "1", "yes", "true"):
        return Path(setting)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # Without a home directory there is no place that is surely the user's own.
    return Path(home) / "naftiko" if os.path.isabs(home) else None


def _key(raw: bytes) -> str:
    # The format of `marshal` belongs to a version of Python.
    version = f"{__version__} {sys.implementation.cache_tag} {sys.hexversion}".encode()
    return blake2b(raw, digest_size=_DIGEST, key=version[:64]).hexdigest()


def _stored(entry: Path, name: str) -> Document | None:
    try:
        kept = entry.read_bytes()
    except OSError:
        return None
    digest, content = kept[:_DIGEST], kept[_DIGEST:]
    # `marshal` may crash on damaged bytes, so they are checked before it sees them.
    if blake2b(content, digest_size=_DIGEST).digest() != digest:
        return None
    data, marks, aliases, truncation = marshal.loads(content)  # noqa: S302 - checked
    return Document(
        data,
        name,
        marks=array("I", marks),
        aliases=aliases,
        truncation=Truncation(*truncation) if truncation else None,
    )


def _store(entry: Path, document: Document) -> None:
    content = marshal.dumps(document.stored())
    digest = blake2b(content, digest_size=_DIGEST).digest()
    # Written aside and renamed: no reader ever sees half of an entry.
    aside = entry.with_name(f"{entry.name}.{os.getpid()}")
    try:
        entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside.write_bytes(digest + content)
        os.replace(aside, entry)
        _forget_oldest(entry.parent)
    except OSError:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _forget_oldest(folder: Path) -> None:
    entries = sorted(_ages(folder))
    for _, name in entries[: max(0, len(entries) - _MOST)]:
        (folder / name).unlink(missing_ok=True)


def _ages(folder: Path) -> Iterator[tuple[float, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                yield entry.stat().st_mtime, entry.name
            except OSError:  # another process was faster
                continue
