"""`Paced`: a listening socket that gives few connections in a turn of the loop."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest

from naftiko.exposes.serve.connections import Paced


def _listening(most: int) -> Paced:
    bound = socket.create_server(("127.0.0.1", 0))
    bound.setblocking(False)
    return Paced(bound, most)


def _connected(listener: Paced, count: int) -> list[socket.socket]:
    return [socket.create_connection(listener.getsockname()) for _ in range(count)]


def _taken(listener: Paced) -> list[socket.socket]:
    """Take connections as asyncio does in one turn."""
    taken = []
    while True:
        try:
            taken.append(listener.accept()[0])
        except BlockingIOError:
            return taken


def test_turn_gives_a_limited_number_of_connections() -> None:
    """The others wait for the next turn; none is lost."""
    with _listening(2) as listener:
        callers = _connected(listener, 5)
        turns = [_taken(listener) for _ in range(4)]
        assert [len(turn) for turn in turns] == [2, 2, 1, 0]
        for one in (*callers, *(one for turn in turns for one in turn)):
            one.close()


def test_failing_accept_is_not_repeated_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without free file descriptors a turn ends after as many attempts."""
    attempts = []

    def full(_: socket.socket) -> Any:
        attempts.append(1)
        raise OSError(errno.EMFILE, "full")

    monkeypatch.setattr(socket.socket, "accept", full)
    with _listening(3) as listener:
        for _ in range(3):
            with pytest.raises(OSError, match="full"):
                listener.accept()
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert len(attempts) == 3


def test_event_loop_takes_every_connection() -> None:
    """More connections than those of a turn are all answered."""

    async def main() -> list[bytes]:
        def greet(_: Any, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        listener = _listening(2)
        server = await asyncio.start_server(greet, sock=listener)

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            said = await reader.read()
            writer.close()
            return said

        async with server:
            return await asyncio.gather(*(ask() for _ in range(11)))

    assert asyncio.run(main()) == [b"hello"] * 11
