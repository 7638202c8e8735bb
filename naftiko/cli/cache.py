"""A cache of read documents between runs of the command line.

    bytes of a file → their hash → an entry of the cache folder → `Document`

Parsing YAML takes most of the time of `naftiko list`. The key of an entry is the hash
of the bytes of the file, so a changed file is read again; so is a file whose entry is
damaged or of another version. `NAFTIKO_CACHE=off` turns the cache off, another value
names its folder.
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

#: Bytes; a smaller file is parsed about as fast as its entry is found.
_SMALLEST = 8 * 1024
_MOST = 200
_DIGEST = 32


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
    folder = _folder()
    if folder is None or len(raw) < _SMALLEST:
        document = read(raw, name=source)
    else:
        entry = folder / _key(raw)
        cached = _cached(entry, source)
        document = cached or read(raw, name=source)
        if cached is None:
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
    # Without a home folder there is no folder that surely belongs to the user.
    return Path(home) / "naftiko" if os.path.isabs(home) else None


def _key(raw: bytes) -> str:
    # The format of `marshal` belongs to a version of Python.
    version = f"{__version__} {sys.implementation.cache_tag} {sys.hexversion}".encode()
    return blake2b(raw, digest_size=_DIGEST, key=version[:64]).hexdigest()


def _cached(entry: Path, name: str) -> Document | None:
    """Return the document of an entry; `None` when there is no sound entry."""
    try:
        stored = entry.read_bytes()
    except OSError:
        return None
    digest, content = stored[:_DIGEST], stored[_DIGEST:]
    # `marshal` may crash on damaged bytes, so their checksum is compared first.
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
    # An atomic write: no reader ever sees half of an entry.
    aside = entry.with_name(f"{entry.name}.{os.getpid()}")
    try:
        entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside.write_bytes(digest + content)
        os.replace(aside, entry)
        _remove_oldest(entry.parent)
    except OSError:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _remove_oldest(folder: Path) -> None:
    entries = sorted(_ages(folder))
    for _, name in entries[: max(0, len(entries) - _MOST)]:
        (folder / name).unlink(missing_ok=True)


def _ages(folder: Path) -> Iterator[tuple[float, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                yield entry.stat().st_mtime, entry.name
            except OSError:  # another process has removed the entry
                continue
