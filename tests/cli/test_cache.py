"""Cache of parsed documents: same results with damaged, old or missing entries."""

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
    """Return the folder of the cache."""
    monkeypatch.setenv("NAFTIKO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_second_reading_gives_the_same_document(folder: Path) -> None:
    """Data and positions from the cache equal those of the file."""
    assert is_same(read_cached(DOCKER))
    assert len(list(folder.iterdir())) == 1
    assert is_same(read_cached(DOCKER))


def test_damaged_entry_is_replaced(folder: Path) -> None:
    """A truncated, empty or changed cache entry is detected and written again."""
    read_cached(DOCKER)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    changed = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    for damaged in (whole[: len(whole) // 2], b"", b"x" * 40, changed):
        entry.write_bytes(damaged)
        assert is_same(read_cached(DOCKER))
        assert entry.read_bytes() == whole


def test_changed_file_is_read_again(folder: Path, tmp_path: Path) -> None:
    """A file whose content has changed is not answered from the cache."""
    file = tmp_path / "a.yaml"
    shutil.copy(DOCKER, file)
    before = read_cached(str(file)).data
    file.write_text(file.read_text().replace("List containers", "Show containers"))
    assert read_cached(str(file)).data != before


def test_cache_is_turned_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NAFTIKO_CACHE=off` writes no cache entry."""
    monkeypatch.setenv("NAFTIKO_CACHE", "off")
    assert is_same(read_cached(DOCKER))
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("word", ["on", "1", "yes", "True"])
def test_cache_that_is_on_uses_the_default_folder(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NAFTIKO_CACHE=on` uses the default folder, not a folder called `on`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAFTIKO_CACHE", word)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    read_cached(DOCKER)
    assert list((tmp_path / "home" / "naftiko").iterdir())
    assert not (tmp_path / word).exists()


def test_unwritable_cache_folder_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document is read without the cache when its folder cannot be written."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAFTIKO_CACHE", str(tmp_path / "file"))
    assert is_same(read_cached(DOCKER))


def test_small_file_is_not_cached(folder: Path, tmp_path: Path) -> None:
    """A small file is read without a cache entry."""
    file = tmp_path / "a.yaml"
    file.write_text("naftiko: 1.0.0-alpha2\n")
    assert read_cached(str(file)).data == {"naftiko": "1.0.0-alpha2"}
    assert not folder.exists()


def test_oldest_entries_are_removed(folder: Path) -> None:
    """The cache keeps the 200 newest entries."""
    read_cached(DOCKER)
    (entry,) = folder.iterdir()
    for number in range(250):
        old = folder / f"naftiko-{number:032x}-{number:032x}"
        shutil.copy(entry, old)
        os.utime(old, (number, number))
    entry.unlink()
    read_cached(DOCKER)
    assert len(list(folder.iterdir())) == 200
    left = {int(path.name[8:40], 16) for path in folder.iterdir()}
    assert left >= set(range(51, 250))


def test_concurrent_writers_leave_a_whole_entry(folder: Path) -> None:
    """Atomic write: concurrent writers read the same document and leave one entry."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert all(pool.map(reads_the_same, [3] * 4))
    # No temporary file is left.
    (entry,) = folder.iterdir()
    written = entry.stat().st_mtime_ns
    assert is_same(read_cached(DOCKER))
    # A damaged entry would have been written again.
    assert entry.stat().st_mtime_ns == written
