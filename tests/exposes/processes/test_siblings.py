"""`Siblings`: processes that ask each other, here forks of the test."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from naftiko.exposes.processes.siblings import Siblings

#: Makes siblings of a number of processes.
Several = Callable[[int], Siblings]


@contextmanager
def forked(siblings: Siblings, number: int, about: Callable[[], None]) -> Iterator[int]:
    """Run a process that answers as one of the siblings; yield its id."""
    child = os.fork()
    if not child:
        try:
            siblings.number = number
            about()

            async def attend() -> None:
                siblings.attend()
                await asyncio.sleep(30)

            asyncio.run(attend())
        finally:
            os._exit(0)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.fixture
def several() -> Iterator[Several]:
    """Makes siblings, and closes their inboxes."""
    with ExitStack() as stack:

        def make(count: int) -> Siblings:
            return stack.enter_context(closing(Siblings(count)))

        yield make


def test_one_process_asks_itself() -> None:
    """It needs no sockets; an answer may be a coroutine."""

    async def later(value: int) -> int:
        return value + 1

    siblings = Siblings()
    siblings.answer("now", lambda: "here")
    siblings.answer("later", later)
    assert siblings.is_first
    assert asyncio.run(siblings.ask("now")) == {0: "here"}
    assert asyncio.run(siblings.ask("later", 2)) == {0: 3}


def test_every_process_answers(several: Several) -> None:
    """Answers are plain data of any size, by the number of the process."""
    siblings = several(3)

    def about() -> None:
        siblings.answer("number", lambda n: [siblings.number * n, "x" * 300_000])

    about()
    with forked(siblings, 1, about), forked(siblings, 2, about):
        answers = asyncio.run(siblings.ask("number", 10))
    assert {number: answer[0] for number, answer in answers.items()} == {
        0: 0,
        1: 10,
        2: 20,
    }
    assert len(answers[2][1]) == 300_000


def test_silent_process_is_left_out_and_its_successor_answers(several: Several) -> None:
    """A question to a dead process does not fail; another one can be asked later."""
    siblings = several(2)
    siblings.answer("who", lambda: "me")

    def broken() -> None:
        siblings.answer("who", lambda: 1 / 0)

    assert asyncio.run(siblings.ask("who", patience=0.05)) == {0: "me"}
    with forked(siblings, 1, broken):
        begin = time.monotonic()
        assert asyncio.run(siblings.ask("who")) == {0: "me"}
        assert asyncio.run(siblings.ask("who")) == {0: "me"}
        assert time.monotonic() - begin < 1.5
    with forked(siblings, 1, lambda: siblings.answer("who", lambda: "another")):
        # What was asked of the dead one waited for this one.
        assert asyncio.run(siblings.ask("who")) == {0: "me", 1: "another"}


def test_full_inbox_is_a_process_that_does_not_answer(several: Several) -> None:
    """A process that hangs cannot make the others hang."""
    siblings = several(2)
    siblings.answer("who", lambda: "me")

    async def often() -> list[dict[int, Any]]:
        return [await siblings.ask("who", patience=0.001) for _ in range(700)]

    assert asyncio.run(often()) == [{0: "me"}] * 700


def test_feed_goes_on_after_a_process_was_replaced(several: Several) -> None:
    """Items of the successor arrive too."""
    siblings = several(2)

    @contextmanager
    def told() -> Iterator[asyncio.Queue[Any]]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        queue.put_nowait(os.getpid())
        yield queue

    async def listen() -> list[int]:
        found: list[int] = []
        with siblings.listening("pids", found.append):
            for number in (1, 2):
                with forked(siblings, 1, lambda: siblings.feed("pids", told)):
                    async with asyncio.timeout(10):
                        while len(set(found)) < number:
                            await asyncio.sleep(0.01)
        return found

    found = asyncio.run(listen())
    assert len(set(found)) == 2
    assert os.getpid() not in found


def test_reload_is_noted_for_all(several: Several) -> None:
    """A process that starts later has to know which version the others serve."""
    siblings = several(2)
    assert not siblings.have_reloaded
    child = os.fork()
    if not child:
        siblings.note_reload()
        os._exit(0)
    os.waitpid(child, 0)
    assert siblings.have_reloaded


@pytest.mark.parametrize("count", [1, 2])
def test_leaving_ends_what_is_answered(count: int, several: Several) -> None:
    """No reader and no task is left on the event loop."""
    siblings = several(count)

    async def leave() -> None:
        siblings.attend()
        siblings.leave()

    asyncio.run(leave(), debug=True)
