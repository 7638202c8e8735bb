"""`Folder`: files of a folder are served, and path traversal is refused."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.exposes import files
from naftiko.exposes.files import (
    FileMissing,
    FileRefused,
    Folder,
    as_text,
    local_path,
    media_type,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a folder with a few files, and a secret file beside it."""
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    (inside / "a.txt").write_text("a")
    (inside / "sub" / "b.txt").write_text("bb")
    (inside / ".hidden").write_text("secret")
    (inside / ".git").mkdir()
    (inside / ".git" / "config").write_text("secret")
    (tmp_path / "out.txt").write_text("secret")
    return Folder(inside)


def test_files_are_listed_with_their_sizes(folder: Folder) -> None:
    """Files are listed in order, with those of folders below, without hidden ones."""
    assert list(folder.files()) == [("a.txt", 1), ("sub/b.txt", 2)]


def test_file_is_read_by_its_relative_path(folder: Folder) -> None:
    """A path below the folder, such as `sub/b.txt`, names a file."""
    assert folder.read("a.txt") == b"a"
    assert folder.read("sub/b.txt") == b"bb"


@pytest.mark.parametrize(
    "path",
    [
        "../out.txt",
        "sub/../../out.txt",
        "..",
        ".",
        "./a.txt",
        "/etc/passwd",
        "sub//b.txt",
        "a.txt/",
        ".hidden",
        ".git/config",
        "..\\out.txt",
        "a.txt\0",
        "a\ntxt",
        "sub",
        "",
        "a.txt/b.txt",
        "x" * 5000,
    ],
)
def test_path_traversal_is_refused(folder: Folder, path: str) -> None:
    """Path traversal and malformed paths are refused; the reason hides the folder."""
    with pytest.raises(FileRefused) as caught:
        folder.read(path)
    assert str(folder.root) not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_missing_file_is_told_from_a_refused_one(folder: Folder) -> None:
    """`FileMissing` means that no such file exists, not that a path is forbidden."""
    with pytest.raises(FileMissing, match=r"there is no file 'c\.txt'"):
        folder.read("c.txt")
    with pytest.raises(FileMissing):
        Folder(folder.root / "none").read("a.txt")
    assert list(Folder(folder.root / "none").files()) == []


def test_symlink_out_of_the_folder_is_refused(folder: Folder) -> None:
    """A symlink to a file or folder outside is neither listed nor read."""
    (folder.root / "file").symlink_to(folder.root.parent / "out.txt")
    (folder.root / "up").symlink_to(folder.root.parent)
    assert list(folder.files()) == [("a.txt", 1), ("sub/b.txt", 2)]
    for path in ("file", "up/out.txt"):
        with pytest.raises(FileRefused, match="leads out of the folder"):
            folder.read(path)


def test_symlink_inside_the_folder_is_followed(folder: Folder) -> None:
    """A symlink to a file inside is read; a circle of symlinks is refused."""
    (folder.root / "link.txt").symlink_to(folder.root / "a.txt")
    (folder.root / "sub" / "circle").symlink_to(folder.root)
    (folder.root / "self").symlink_to(folder.root / "self")
    assert ("link.txt", 1) in list(folder.files())
    assert folder.read("link.txt") == b"a"
    with pytest.raises(FileRefused):
        folder.read("self")


def test_symlink_to_a_hidden_file_is_refused(folder: Folder) -> None:
    """A symlink with a visible name does not serve a hidden file."""
    (folder.root / "shown").symlink_to(folder.root / ".hidden")
    (folder.root / "git").symlink_to(folder.root / ".git")
    assert list(folder.files()) == [("a.txt", 1), ("sub/b.txt", 2)]
    for path in ("shown", "git/config"):
        with pytest.raises(FileRefused, match="no name of a served file"):
            folder.read(path)


def test_symlink_race_reads_nothing_outside(folder: Folder) -> None:
    """TOCTOU: a file replaced by a symlink between check and read is not followed."""
    secret = folder.root.parent / "out.txt"
    elsewhere = folder.root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.txt").write_text("secret")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name, target in (("a.txt", secret), ("sub", elsewhere)):
                real, kept = folder.root / name, folder.root.parent / f"{name}.kept"
                real.rename(kept)
                real.symlink_to(target)
                real.unlink()
                kept.rename(real)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        until = time.monotonic() + 1.0
        found = set()
        while time.monotonic() < until:
            for path in ("a.txt", "sub/b.txt"):
                with suppress(FileRefused):
                    found.add(folder.read(path))
    finally:
        stop.set()
        swapping.join()
    assert found == {b"a", b"bb"}


def test_folder_may_be_a_symlink(folder: Folder) -> None:
    """Paths are compared with the real location of the folder."""
    link = folder.root.parent / "link"
    link.symlink_to(folder.root)
    assert Folder(link).read("sub/b.txt") == b"bb"
    assert [path for path, _ in Folder(link).files()] == ["a.txt", "sub/b.txt"]


def test_file_that_is_not_regular_is_refused(folder: Folder) -> None:
    """A named pipe is neither listed nor read, because reading would never end."""
    os.mkfifo(folder.root / "pipe")
    assert "pipe" not in dict(folder.files())
    with pytest.raises(FileRefused, match="no regular file"):
        folder.read("pipe")


def test_file_over_the_size_limit_is_refused(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file larger than the limit of a reply is not read."""
    with (folder.root / "big").open("wb") as file:
        file.truncate(files.MAX_FILE_BYTES + 1)
    with pytest.raises(FileRefused, match="'big' is larger than 10 MiB"):
        folder.read("big")


@given(st.text(max_size=30))
def test_arbitrary_path_never_reads_outside_the_folder(
    tmp_path_factory: pytest.TempPathFactory, path: str
) -> None:
    """Path traversal: no generated path reads the secret file beside the folder."""
    base = tmp_path_factory.getbasetemp() / "fuzzed"
    (base / "in").mkdir(parents=True, exist_ok=True)
    (base / "out.txt").write_text("secret")
    try:
        found = Folder(base / "in").read(path)
    except FileRefused:
        return
    assert found != b"secret"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("file:///opt/docs", "/opt/docs"),
        ("file:///opt/a%20b", "/opt/a b"),
        ("file:///./docs", "/doc/docs"),
        ("file://./docs", "/doc/docs"),
        ("docs", "/doc/docs"),
        ("/opt/docs", "/opt/docs"),
    ],
)
def test_location_is_a_file_uri_or_a_path(location: str, expected: str) -> None:
    """A relative location begins at the folder of the document."""
    assert str(local_path(location, Path("/doc"))) == expected


def test_location_with_another_scheme_is_refused() -> None:
    """An `https:` location is refused and not fetched."""
    with pytest.raises(FileRefused, match="is no file: URI"):
        local_path("https://example.com/docs", None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.md", "text/markdown"),
        ("A.JSON", "application/json"),
        ("a.yaml", "application/yaml"),
        ("a.yml", "application/yaml"),
        ("a.xml", "application/xml"),
        ("a.png", "image/png"),
        ("a", "application/octet-stream"),
        ("a.nosuchkind", "application/octet-stream"),
    ],
)
def test_media_type_is_that_of_the_file_extension(name: str, kind: str) -> None:
    """An unknown or missing extension means `application/octet-stream`."""
    assert media_type(name) == kind


def test_bytes_are_text_if_they_are_utf8() -> None:
    """UTF-8 without null bytes is text; a byte order mark is dropped."""
    assert as_text("é".encode()) == "é"
    assert as_text(b"\xef\xbb\xbfx") == "x"
    assert as_text(b"\xff") is None
    assert as_text(b"a\0b") is None
