"""`Estate`: what a process leaves in shared memory."""

from __future__ import annotations

import os

import pytest

from naftiko.exposes.processes.estates import HALF, Estate


def test_latest_writing_is_read() -> None:
    """Nothing at first, then what was written last."""
    estate = Estate()
    assert estate.read() == b""
    for number in range(5):
        assert estate.leave(b"%d" % number * 1000)
        assert estate.read() == b"%d" % number * 1000


def test_what_a_dead_process_wrote_is_read() -> None:
    """The memory is shared with a fork, and outlives it."""
    estate = Estate()
    child = os.fork()
    if not child:
        estate.leave(b"counts")
        os._exit(0)
    os.waitpid(child, 0)
    assert estate.read() == b"counts"


@pytest.mark.parametrize("written", [b"second", b"third and longer"])
def test_half_written_half_is_ignored(written: bytes) -> None:
    """A process that died while it wrote leaves what it wrote before."""
    estate = Estate()
    estate.leave(b"first")
    estate.leave(written)
    memory = estate._memory
    start = 0  # the second writing has an even number
    memory[start + 20] = (memory[start + 20] + 1) % 256
    assert estate.read() == b"first"


def test_what_has_no_room_is_not_written() -> None:
    """The counts before stay."""
    estate = Estate()
    estate.leave(b"first")
    assert not estate.leave(os.urandom(HALF))
    assert estate.read() == b"first"
