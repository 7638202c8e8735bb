"""Writes of one turn of an event loop, at its end and in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from naftiko.transport.sockets import outbox as module
from naftiko.transport.sockets.outbox import Outbox, outbox_of


def in_a_turn(others: int, act: Callable[[Outbox, list[Any]], None]) -> list[Any]:
    """Return what is noted by `act`, and by so many callbacks of the same turn."""
    noted: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        box = outbox_of(loop)
        assert outbox_of(loop) is box
        loop.call_soon(act, box, noted)
        for number in range(others):
            loop.call_soon(noted.append, number)
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(main())
    return noted


def put_two(box: Outbox, noted: list[Any]) -> None:
    """Write twice."""
    box.put(noted.append, b"a")
    box.put(noted.append, b"b")
    noted.append("put")


def test_writes_of_many_wait_for_the_end_of_the_turn() -> None:
    """They are done in the order in which they came."""
    others = [*range(module._FEW)]
    assert in_a_turn(module._FEW, put_two) == ["put", *others, b"a", b"b"]


def test_no_write_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a turn that takes long, what waits is written in between."""
    times = iter([0.0, 0.001, 0.003, 0.004, 0.004, 0.004])
    monkeypatch.setattr(module, "monotonic", lambda: next(times))

    def act(box: Outbox, noted: list[Any]) -> None:
        put_two(box, noted)
        box.put(noted.append, b"c")

    noted = in_a_turn(module._FEW, act)
    assert noted[:3] == [b"a", b"b", "put"]
    assert noted[-1] == b"c"


def test_few_write_at_once() -> None:
    """Nobody is let wait for the sake of a write or two."""
    # The task of the test is one of the callbacks.
    others = [*range(module._FEW - 2)]
    assert in_a_turn(module._FEW - 2, put_two) == [b"a", b"b", "put", *others]


def test_write_that_fails_does_not_keep_the_others_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The event loop reports the error."""

    def fail(data: bytes) -> None:
        raise RuntimeError(f"no {data!r}")

    def act(box: Outbox, noted: list[Any]) -> None:
        for write in (noted.append, fail, noted.append, fail, noted.append):
            box.put(write, b"x")

    assert in_a_turn(module._FEW, act)[module._FEW :] == [b"x"] * 3
    assert caplog.text.count("no b'x'") == 2


def test_flush_writes_what_waits_now() -> None:
    """Whoever closes a connection lets out first what was written to it."""

    def act(box: Outbox, noted: list[Any]) -> None:
        put_two(box, noted)
        box.flush()
        noted.append("flushed")

    assert in_a_turn(module._FEW, act)[:4] == ["put", b"a", b"b", "flushed"]


def test_loop_that_does_not_show_its_callbacks_writes_at_once() -> None:
    """So does `uvloop`."""
    noted: list[Any] = []
    put_two(Outbox(object()), noted)  # type: ignore[arg-type]
    assert noted == [b"a", b"b", "put"]


def test_asyncio_shows_its_callbacks() -> None:
    """A canary: without this name nothing is written in a row."""
    loop = asyncio.new_event_loop()
    try:
        loop.call_soon(int)
        assert isinstance(loop._ready, deque)  # type: ignore[attr-defined]
        assert len(loop._ready) == 1  # type: ignore[attr-defined]
    finally:
        loop.close()
