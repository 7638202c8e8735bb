"""The cache folder: files of others stay, links are not followed, entries are data."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from array import array
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import cache, entries, main
from naftiko.cli.cache import read_cached
from naftiko.document.document import Document
from naftiko.document.source import read

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
NOBODY = 65534
#: A document that is large enough for the cache, and read fast.
TEXT = "title: List containers\n" + "".join(
    f"key-{n}: a text of some words\n" for n in range(300)
)


@pytest.fixture(autouse=True)
def _source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the document, and stand in its folder."""
    home = tmp_path / "documents"
    home.mkdir()
    (home / "doc.yaml").write_text(TEXT, "utf-8")
    monkeypatch.chdir(home)


def is_same(document: Document) -> bool:
    """Tell whether a document equals the one that is read from the file."""
    plain = read(TEXT)
    path = ("key-299",)
    found, meant = document.locate(path), plain.locate(path)
    return document.data == plain.data and found[1:] == meant[1:]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the cache, which does not exist yet."""
    monkeypatch.setenv("NAFTIKO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _digest() -> bytes:
    """Return the hash of the document that names and seals its entry."""
    version = (
        f"document {entries.__version__} {sys.byteorder} {array('I').itemsize}".encode()
    )
    return blake2b(TEXT.encode(), key=version).digest()


def _entry(folder: Path) -> Path:
    """Store the document and return its entry."""
    read_cached("doc.yaml")
    (entry,) = (path for path in folder.iterdir() if path.name.startswith("naftiko-"))
    return entry


def test_files_of_the_user_are_never_deleted(folder: Path) -> None:
    """Beyond the limit entries go, oldest first; every other file stays."""
    entry = _entry(folder)
    whole = entry.read_bytes()
    kept = [folder / f"note-{n}.txt" for n in range(260)]
    # The name of an entry, but not its first bytes.
    kept += [folder / f"naftiko-{n:032x}-{n:032x}" for n in range(5)]
    kept.append(folder / f"naftiko-{'é' * 65}")
    ours = [folder / f"naftiko-{n:032x}-{n:032x}" for n in range(5, 255)]
    for age, path in enumerate([*kept, *ours]):
        path.write_bytes(b"mine" if path in kept else whole)
        os.utime(path, (age, age))
    entry.unlink()
    read_cached("doc.yaml")
    assert all(path.read_bytes() == b"mine" for path in kept)
    left = [path.exists() for path in ours]
    assert left == sorted(left)
    # The five that look like entries count, for their content is not read for counting.
    assert sum(left) in range(190, 200)


def test_folder_and_entries_are_private(folder: Path) -> None:
    """The folder is 0700 and entries are 0600, whatever the umask."""
    before = os.umask(0)
    try:
        entry = _entry(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


def test_name_of_an_entry_cannot_be_guessed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same document has another name in each folder, and is found by both."""
    first = _entry(folder)
    monkeypatch.setenv("NAFTIKO_CACHE", str(tmp_path / "other"))
    second = _entry(tmp_path / "other")
    assert first.name != second.name
    assert first.read_bytes() == second.read_bytes()


def test_entry_of_another_document_is_not_believed(
    folder: Path, tmp_path: Path
) -> None:
    """An entry that stands at the name of another document's is read again."""
    entry = _entry(folder)
    other = tmp_path / "other.yaml"
    other.write_text(TEXT.replace("List", "Show"), "utf-8")
    read_cached(str(other))
    (second,) = set(folder.iterdir()) - {entry}
    whole = entry.read_bytes()
    entry.write_bytes(second.read_bytes())
    assert is_same(read_cached("doc.yaml"))
    assert entry.read_bytes() == whole


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o757])
def test_folder_that_others_can_write_is_not_used(folder: Path, mode: int) -> None:
    """A folder such as `/tmp` is neither read nor written."""
    folder.mkdir()
    folder.chmod(mode)
    assert is_same(read_cached("doc.yaml"))
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root")
def test_folder_of_another_user_is_not_used(folder: Path) -> None:
    """A folder that another user owns is neither read nor written."""
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)
    assert is_same(read_cached("doc.yaml"))
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("place", ["link", "link/deep", "link/../cache"])
def test_link_of_another_user_is_not_followed(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link of another user in the path turns the cache off; one of the user not."""
    target = tmp_path / "target"
    target.mkdir()
    link = tmp_path / "link"
    link.symlink_to(target)
    monkeypatch.setenv("NAFTIKO_CACHE", str(tmp_path / place))
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    assert is_same(read_cached("doc.yaml"))
    assert not list(target.iterdir())
    assert not list(tmp_path.rglob("naftiko-*"))
    os.chown(link, 0, 0, follow_symlinks=False)
    read_cached("doc.yaml")
    assert len([path for path in tmp_path.rglob("naftiko-*") if path.is_file()]) == 1


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "foreign", "writable"])
def test_entry_that_is_not_ours_is_not_read(folder: Path, kind: str) -> None:
    """A link, a pipe or a file of others at the name of an entry is not believed."""
    entry = _entry(folder)
    lie = entry.read_bytes().replace(b"List containers", b"LIST CONTAINERS")
    body = lie[entries._HEAD :]
    lie = entries._head(body, _digest()) + body
    outside = folder.parent / "outside"
    outside.write_bytes(lie)
    entry.unlink()
    if kind == "link":
        entry.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(entry)
    elif kind == "folder":
        entry.mkdir()
    else:
        entry.write_bytes(lie)
        if kind == "writable":
            entry.chmod(0o666)
        elif os.geteuid() == 0:
            os.chown(entry, NOBODY, NOBODY)
        else:
            pytest.skip("needs root")
    assert is_same(read_cached("doc.yaml"))
    assert outside.read_bytes() == lie
    assert kind == "folder" or entry.is_file()


def test_temporary_file_follows_no_link(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link at the name of the temporary file is not written through."""
    victim = folder.parent / "victim"
    victim.write_text("precious")
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "urandom", lambda size: b"\1" * size)
    (folder / f".naftiko-{'01' * 16}").symlink_to(victim)
    assert is_same(read_cached("doc.yaml"))
    assert victim.read_text() == "precious"


def _sealed(*parts: bytes) -> bytes:
    """Return an entry with a right checksum and any content."""
    head, marks = parts
    body = len(head).to_bytes(8, "big") + head + marks
    return entries._head(body, _digest()) + body


GOOD_MARKS = array("I", [1, 1]).tobytes()


@pytest.mark.parametrize(
    "content",
    [
        _sealed(b"", b""),
        _sealed(b"\xff\xfe", b""),
        _sealed(b"1", b""),
        _sealed(b"[1, 2]", b""),
        _sealed(b"[1, 2, 3, 4]", b""),
        _sealed(b"[{}, [], null]", b"odd"),
        _sealed(b"[{}, [], null]", GOOD_MARKS[:4]),
        _sealed(b'[{}, ["1"], null]', GOOD_MARKS),
        _sealed(b"[{}, [[]], null]", GOOD_MARKS),
        _sealed(b"[{}, {}, null]", GOOD_MARKS),
        _sealed(b"[{}, [], 7]", GOOD_MARKS),
        _sealed(b'[{}, [], [1, "2", ""]]', GOOD_MARKS),
        _sealed(b"[{}, [], [1, 2, 3]]", GOOD_MARKS),
        _sealed(b"[" * 100_000, b""),
        _sealed(b"1" * 100_000, b""),
        entries._head(b"", _digest()),
        entries._MAGIC,
        b"",
    ],
    ids=map(str, range(18)),
)  # fmt: skip
def test_wrong_content_with_a_right_digest_is_read_again(
    folder: Path, content: bytes
) -> None:
    """An entry whose checksum is right and whose content is not is written again."""
    entry = _entry(folder)
    whole = entry.read_bytes()
    entry.write_bytes(content)
    assert is_same(read_cached("doc.yaml"))
    assert entry.read_bytes() == whole


@pytest.mark.parametrize(
    "data", [[], "text", 7, None, {"naftiko": []}, {"capability": {"consumes": [7]}}]
)
def test_other_plain_data_in_an_entry_is_no_traceback(
    folder: Path, data: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data that is no capability, with too few places, is reported as in a file."""
    entry = _entry(folder)
    entry.write_bytes(_sealed(json.dumps([data, [], None]).encode(), GOOD_MARKS))
    assert main(["list", "doc.yaml"]) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_too_large_entry_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry above the limit is neither read nor written."""
    entry = _entry(folder)
    monkeypatch.setattr(entries, "LARGEST", entry.stat().st_size - 1)
    written = entry.stat().st_mtime_ns
    assert is_same(read_cached("doc.yaml"))
    assert entry.stat().st_mtime_ns == written


def test_full_disk_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails leaves no part of an entry, and the document is read."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    assert is_same(read_cached("doc.yaml"))
    assert list(folder.iterdir()) == []


def test_interrupt_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while an entry is written leaves no temporary file."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_cached("doc.yaml")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/below", "\0", "x" * 300])
def test_folder_that_cannot_be_is_ignored(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that cannot be a folder turns the cache off."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(entries, "_place", lambda: str(tmp_path / place))
    assert is_same(read_cached("doc.yaml"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["documents", "file"]


def test_aliased_document_takes_bounded_room(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aliases are written out in an entry, up to its limit only."""
    file = tmp_path / "aliases.yaml"
    text = "x" * 40_000
    # More aliases of a text of this length are refused; see `document/yaml.py`.
    monkeypatch.setattr(cache, "LARGEST", 10 * len(text))
    file.write_text(f"a: &a {text}\nb: [{', '.join(['*a'] * 20)}]\n")
    assert len(read_cached(str(file)).data["b"]) == 20
    assert list(folder.iterdir()) == []
    file.write_text(f"a: &a {text}\nb: [*a, *a]\n")
    data = read_cached(str(file)).data
    assert len(list(folder.iterdir())) == 1
    assert read_cached(str(file)).data == data


def test_double_entries_become_one(folder: Path) -> None:
    """Of two entries of one document the first name is kept."""
    entry = _entry(folder)
    for salt in ("0" * 32, "f" * 32):
        name = entries._salted(_digest(), salt)
        (folder / f"naftiko-{salt}-{name}").write_bytes(entry.read_bytes()[:-1])
    assert is_same(read_cached("doc.yaml"))
    (left,) = folder.iterdir()
    assert left.name.startswith("naftiko-0000")
