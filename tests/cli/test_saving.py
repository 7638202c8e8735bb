"""`naftiko call -O`: atomic write of a response body to a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from naftiko.cli import main
from support.building import document
from support.recorder import Recorder, response

WHOLE = response(b"0123456789", content_type="text/plain")
BROKEN_OFF = WHOLE[:-5]
FAILED = response(b"no", "500 Oops", content_type="text/plain")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Recorder]:
    """Run a server and write a capability file that calls it."""
    with Recorder(WHOLE) as recorder:
        (tmp_path / "api.json").write_text(
            json.dumps(document(consumes={"baseUri": recorder.url}))
        )
        (tmp_path / "to").mkdir()
        yield recorder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return the path of the file to save to."""
    return tmp_path / "to" / "file"


def _words(target: Path) -> list[str]:
    return ["call", str(target.parent.parent / "api.json"), "api.op", "-O", str(target)]


def _names(target: Path) -> list[str]:
    return sorted(os.listdir(target.parent))


def test_new_file_has_the_usual_permissions(
    server: Recorder, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new file has the default permissions of the user; nothing is printed."""
    assert main(_words(target)) == 0
    assert target.read_bytes() == b"0123456789"
    other = target.with_name("other")
    other.touch()
    assert target.stat().st_mode == other.stat().st_mode
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


@pytest.mark.parametrize("answer", [BROKEN_OFF + b"\r\nConnection: close", FAILED])
def test_failure_leaves_nothing_new(
    server: Recorder, target: Path, answer: bytes
) -> None:
    """Atomic write: a failed call leaves no new file and an unchanged old file."""
    server.answer = lambda _: answer
    if answer is not FAILED:
        server.answer = _half_then_close
    assert main(_words(target)) == 1
    assert _names(target) == []
    target.write_text("old")
    assert main(_words(target)) == 1
    assert _names(target) == ["file"]
    assert target.read_text() == "old"


def _half_then_close(_: object) -> bytes:
    return BROKEN_OFF.replace(
        b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nConnection: close"
    )


@pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX")
def test_replaced_file_keeps_link_and_permissions(
    server: Recorder, target: Path
) -> None:
    """A file behind a symbolic link is replaced; its permissions and the link stay."""
    target.write_text("old")
    target.chmod(0o600)
    link = target.with_name("link")
    link.symlink_to("file")
    assert main(_words(link)) == 0
    assert link.is_symlink()
    assert target.read_bytes() == b"0123456789"
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_device_is_written_to_directly(
    server: Recorder, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device or a named pipe is written to and never replaced."""
    link = target.with_name("null")
    link.symlink_to(os.devnull)
    assert main(_words(link)) == 0
    os.mkfifo(target)
    reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
    assert main(_words(target)) == 0
    assert os.read(reader, 100) == b"0123456789"
    os.close(reader)
    link.unlink()
    link.symlink_to("/dev/full")
    assert main(_words(link)) == 1
    assert "cannot be written: No space left on device" in capsys.readouterr().err
    assert _names(target) == ["file", "null"]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_no_partial_file(
    server: Recorder, target: Path, number: int
) -> None:
    """A download that a signal ends leaves no partial file."""
    server.answer = WHOLE.replace(b"Content-Length: 10", b"Content-Length: 99")
    process = subprocess.Popen(
        [sys.executable, "-m", "naftiko", *_words(target)],
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    with process:
        while not _names(target):
            assert process.poll() is None
        process.send_signal(number)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode in (-number, 128 + number)
    assert _names(target) == []


def test_unwritable_target_is_refused_before_the_call(
    server: Recorder, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unwritable target is an error, and no request is sent."""
    words = _words(target)
    if os.geteuid() == 0:
        words[-1] = "/proc/no-such-file"
    else:
        target.parent.chmod(0o500)
    assert main(words) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert not server.received
