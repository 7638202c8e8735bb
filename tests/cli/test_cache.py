"""The cache of read documents: the same results, whatever happens to its files."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from naftiko.cli.cache import read_cached
from support.caching import DOCKER, is_same, reads_the_same


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the cache uses."""
    monkeypatch.setenv("NAFTIKO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_second_reading_gives_the_same_document(folder: Path) -> None:
    """Data and positions from the cache are those of the file."""
    assert is_same(read_cached(DOCKER))
    assert len(list(folder.iterdir())) == 1
    assert is_same(read_cached(DOCKER))


def test_damaged_entry_is_read_anew(folder: Path) -> None:
    """Half an entry, an empty one and a changed byte are noticed."""
    read_cached(DOCKER)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    changed = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    for damaged in (whole[: len(whole) // 2], b"", b"x" * 40, changed):
        entry.write_bytes(damaged)
        assert is_same(read_cached(DOCKER))
        assert entry.read_bytes() == whole


def test_changed_file_is_read_anew(folder: Path, tmp_path: Path) -> None:
    """The cache follows the content of a file, not its name."""
    file = tmp_path / "a.yaml"
    shutil.copy(DOCKER, file)
    before = read_cached(str(file)).data
    file.write_text(file.read_text().replace("List containers", "Show containers"))
    assert read_cached(str(file)).data != before


def test_cache_can_be_turned_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NAFTIKO_CACHE=off` writes nothing."""
    monkeypatch.setenv("NAFTIKO_CACHE", "off")
    assert is_same(read_cached(DOCKER))
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("word", ["on", "1", "yes", "True"])
def test_cache_that_is_on_uses_the_default_folder(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NAFTIKO_CACHE=on` is the folder that is used by default, not one called `on`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAFTIKO_CACHE", word)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    read_cached(DOCKER)
    assert list((tmp_path / "home" / "naftiko").iterdir())
    assert not (tmp_path / word).exists()


def test_folder_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that cannot be written is done without."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAFTIKO_CACHE", str(tmp_path / "file"))
    assert is_same(read_cached(DOCKER))


def test_small_files_are_not_kept(folder: Path, tmp_path: Path) -> None:
    """A small file is read as it is."""
    file = tmp_path / "a.yaml"
    file.write_text("naftiko: 1.0.0-alpha2\n")
    assert read_cached(str(file)).data == {"naftiko": "1.0.0-alpha2"}
    assert not folder.exists()


def test_oldest_entries_are_removed(folder: Path) -> None:
    """The folder keeps the newest entries only."""
    folder.mkdir()
    for number in range(250):
        old = folder / f"old-{number}"
        old.write_bytes(b"")
        os.utime(old, (number, number))
    read_cached(DOCKER)
    assert len(list(folder.iterdir())) == 200
    assert not (folder / "old-0").exists()
    assert (folder / "old-249").exists()


def test_many_writers_do_not_disturb_each_other(folder: Path) -> None:
    """Processes that write the same entry at once do not disturb each other."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert all(pool.map(reads_the_same, [3] * 4))
