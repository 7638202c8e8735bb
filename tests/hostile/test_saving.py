"""`-O` on a file of others: owner and permissions stay, no bit of another user does."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli.saving import opened
from naftiko.errors import CallError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root"
)
NOBODY = 65534


def _saved(target: Path, content: bytes = b"new") -> os.stat_result:
    with opened(str(target)) as file:
        file.write(content)
    assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir() if path.name[0] == "."] == []
    return target.stat()


@pytest.mark.parametrize("bits", [0o4000, 0o2000, 0o1000, 0o7000])
@pytest.mark.parametrize("mode", [0o755, 0o640, 0o600])
def test_replaced_file_runs_as_nobody_else(
    tmp_path: Path, bits: int, mode: int
) -> None:
    """Permissions stay; setuid, setgid and sticky bits do not."""
    target = tmp_path / "file"
    target.write_text("old")
    target.chmod(mode | bits)
    assert stat.S_IMODE(_saved(target).st_mode) == mode


@needs_root
@pytest.mark.parametrize("mode", [0o644, 0o6755])
def test_replaced_file_keeps_its_owner(tmp_path: Path, mode: int) -> None:
    """A file that root replaces belongs to its old user and group."""
    target = tmp_path / "file"
    target.write_text("old")
    os.chown(target, NOBODY, 12345)
    target.chmod(mode)
    found = _saved(target)
    assert (found.st_uid, found.st_gid) == (NOBODY, 12345)
    assert stat.S_IMODE(found.st_mode) == mode & 0o777


def _refuse_chown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system refuse a change of the owner, as it does for all but root."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "chown", refused)


@needs_root
@pytest.mark.parametrize("size", [0, 2, 100_000])
def test_owner_that_cannot_be_given_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A writable file of another user is written over, and stays that user's file."""
    target = tmp_path / "file"
    target.write_text("the old content")
    os.chown(target, NOBODY, NOBODY)
    target.chmod(0o6666)
    before = target.stat()
    _refuse_chown(monkeypatch)
    found = _saved(target, b"x" * size)
    assert (found.st_ino, found.st_uid) == (before.st_ino, NOBODY)
    assert stat.S_IMODE(found.st_mode) == 0o666


@needs_root
def test_full_disk_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room for the whole answer a file that is written over stays as it was."""
    target = tmp_path / "file"
    target.write_text("the old content")
    os.chown(target, NOBODY, NOBODY)
    _refuse_chown(monkeypatch)

    def full(file: int, start: int, size: int) -> None:
        os.ftruncate(file, 50)  # as much as there was room for
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with (
        pytest.raises(CallError, match="No space left"),
        opened(str(target)) as file,
    ):
        file.write(b"x" * 100)
    assert target.read_text() == "the old content"
    assert os.listdir(tmp_path) == ["file"]


def test_new_content_is_private_until_it_is_whole(tmp_path: Path) -> None:
    """The file that is being written is 0600, whatever the old one allows."""
    target = tmp_path / "file"
    target.write_text("old")
    target.chmod(0o666)
    with opened(str(target)) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
        assert target.read_text() == "old"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Return a folder that everybody can write to, as `/tmp`."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@needs_root
@pytest.mark.parametrize("place", ["link", "link/file", "over", "over/file", "deep"])
def test_planted_link_is_not_followed(shared: Path, place: str) -> None:
    """A link that another user has put into a shared folder is refused."""
    home = shared.parent / "home"
    home.mkdir()
    (home / "file").write_text("precious")
    to: Any = home if place.endswith("/file") else home / "file"
    link = shared / "link"
    link.symlink_to(to)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    # A link of the user that leads to the planted one.
    (shared.parent / "over").symlink_to(link)
    (shared.parent / "deep").symlink_to("over")
    start = shared if place.startswith("link") else shared.parent
    with (
        pytest.raises(CallError, match="is a link of another user in a shared folder"),
        opened(str(start / place)),
    ):
        pytest.fail("opened")
    assert (home / "file").read_text() == "precious"


@needs_root
@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_planted_file_is_not_written(shared: Path, kind: str) -> None:
    """A file or pipe that another user has put into a shared folder is refused."""
    target = shared / "file"
    if kind == "file":
        target.write_text("theirs")
    else:
        os.mkfifo(target)
    os.chown(target, NOBODY, NOBODY)
    with (
        pytest.raises(CallError, match="is a file of another user in a shared folder"),
        opened(str(target)),
    ):
        pytest.fail("opened")


def test_own_link_and_file_in_a_shared_folder_are_used(shared: Path) -> None:
    """What the user has put into a shared folder is written, behind a link too."""
    (shared / "file").write_text("old")
    (shared / "link").symlink_to("file")
    with opened(str(shared / "link")) as file:
        file.write(b"new")
    assert (shared / "file").read_text() == "new"
    assert (shared / "link").is_symlink()


@pytest.mark.parametrize("count", [1, 60])
def test_loop_of_links_is_refused(tmp_path: Path, count: int) -> None:
    """Links in a circle, and many links in one path, end in an error at once."""
    for number in range(count):
        following = f"l{(number + 1) % count}"
        (tmp_path / f"l{number}").symlink_to(f"{following}/{following}/{following}")
    with pytest.raises(CallError), opened(str(tmp_path / "l0" / "file")):
        pytest.fail("opened")
