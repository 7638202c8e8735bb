"""`Siblings`: the processes of one server ask each other, and answer.

    await siblings.ask("lines")  →  {0: […], 1: […]}, without those that do not answer

The parent makes an inbox for each process before it forks. Whoever asks puts one end of
a new pair of sockets into the inbox, sends the question over the other end, and reads
the answer there. No inbox has a name, so no other program can open it. A question to a
process that has died waits for its successor. This module must not know what is asked.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import mmap
import socket
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from naftiko.exposes.processes.estates import Estate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from naftiko.plain import JSON

    #: The arguments of a question → its answer, plain data; or a coroutine.
    Answering = Callable[..., Any]
    #: Opens a queue that gets every new item.
    Feed = Callable[[], AbstractContextManager[asyncio.Queue[Any]]]

_log = logging.getLogger("naftiko.serve")

#: Seconds that another process has to answer.
PATIENCE = 2.0
#: Seconds until a feed is asked for again after it broke off.
_AGAIN = 0.5
_LENGTH = struct.Struct("<I")


class Siblings:
    """The processes of one server, as one of them sees them.

    Args:
        count: Number of processes. One alone asks nobody but itself.

    Attributes:
        number: The place of this process among them, from 0.
        is_replacement: This process stands in for one that died.
        estates: What each process leaves to its successor.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.number = 0
        self.is_replacement = False
        several = range(count if count > 1 else 0)
        self.estates = [Estate() for _ in several]
        self._inboxes = [_inbox() for _ in several]
        self._flag = mmap.mmap(-1, 1) if several else bytearray(1)
        self._answers: dict[str, Answering] = {}
        self._feeds: dict[str, Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_first(self) -> bool:
        """Whether this process speaks for all at the start of the server."""
        return self.number == 0 and not self.is_replacement

    @property
    def have_reloaded(self) -> bool:
        """Whether a process of the server has ever reloaded its documents."""
        return bool(self._flag[0])

    def note_reload(self) -> None:
        """Note that a process has reloaded its documents."""
        self._flag[0] = 1

    def answer(self, name: str, answering: Answering) -> None:
        """Answer a question with what a function returns, here and to the others."""
        self._answers[name] = answering

    def feed(self, name: str, feed: Feed) -> None:
        """Offer a feed to the others."""
        self._feeds[name] = feed

    # --- asking -----------------------------------------------------------------------

    async def ask(
        self, name: str, *arguments: JSON, patience: float = PATIENCE
    ) -> dict[int, Any]:
        """Return the answer of each process, by its number.

        A process that does not answer in time is left out.

        Args:
            name: The question.
            *arguments: Plain data that every process is given.
            patience: Seconds that the others have.
        """
        numbers = [n for n in range(self.count) if n != self.number]
        asked = (self._answer_of(n, name, arguments, patience) for n in numbers)
        own, *others = await asyncio.gather(self._own(name, arguments), *asked)
        found = zip(numbers, others, strict=True)
        answers = {n: answer[0] for n, answer in found if answer is not None}
        return dict(sorted({**answers, self.number: own}.items()))

    async def _own(self, name: str, arguments: Sequence[JSON]) -> Any:
        answer = self._answers[name](*arguments)
        return await answer if inspect.isawaitable(answer) else answer

    async def _answer_of(
        self, number: int, name: str, arguments: Sequence[JSON], patience: float
    ) -> list[Any] | None:
        """Return the answer of another process in a list, `None` if it has none."""
        writer = None
        try:
            async with asyncio.timeout(patience):
                reader, writer = await self._connect(number, name, arguments)
                answer: list[Any] = await _read(reader)
                return answer
        except (OSError, EOFError, ValueError):
            _log.debug("process %d of the server does not answer '%s'", number, name)
            return None
        finally:
            if writer is not None:
                writer.close()

    async def _connect(
        self, number: int, name: str, arguments: Sequence[JSON]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._inboxes[number][1], [b"?"], [theirs.fileno()])
            reader, writer = await asyncio.open_connection(sock=ours)
        except OSError:  # such as an inbox that is full
            ours.close()
            raise
        _write(writer, [name, *arguments])
        return reader, writer

    @contextmanager
    def listening(self, name: str, tell: Callable[[Any], None]) -> Iterator[None]:
        """Call a function with each new item of the feeds of the others."""
        tasks = [
            asyncio.create_task(self._listen(number, name, tell))
            for number in range(self.count)
            if number != self.number
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def _listen(
        self, number: int, name: str, tell: Callable[[Any], None]
    ) -> None:
        while True:
            writer = None
            try:
                reader, writer = await self._connect(number, name, ())
                while True:
                    tell(await _read(reader))
            except (OSError, EOFError, ValueError):
                await asyncio.sleep(_AGAIN)
            finally:
                if writer is not None:
                    writer.close()

    # --- answering --------------------------------------------------------------------

    def attend(self) -> None:
        """Answer the others from now on, on the running event loop."""
        if self._inboxes:
            inbox = self._inboxes[self.number][0]
            asyncio.get_running_loop().add_reader(inbox, self._take, inbox)

    def leave(self) -> None:
        """Answer no longer."""
        if self._inboxes:
            inbox = self._inboxes[self.number][0]
            asyncio.get_running_loop().remove_reader(inbox)
        for task in self._tasks:
            task.cancel()

    def close(self) -> None:
        """Close the inboxes, when no process needs them any more."""
        for ends in self._inboxes:
            for end in ends:
                end.close()

    def _take(self, inbox: socket.socket) -> None:
        """Take one question out of the inbox."""
        try:
            _, descriptors, _, _ = socket.recv_fds(inbox, 1, 1)
        except OSError:
            return
        for descriptor in descriptors:
            task = asyncio.create_task(self._serve(socket.socket(fileno=descriptor)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, asker: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=asker)
        with suppress(OSError, EOFError):  # whoever asked waits no longer
            try:
                name, *arguments = await _read(reader)
                if name in self._feeds:
                    await self._feed(self._feeds[name], reader, writer)
                elif name in self._answers:
                    _write(writer, [await self._own(name, arguments)])
                    await writer.drain()
            except OSError:
                raise
            except Exception:  # noqa: BLE001 - the asker does without the answer
                _log.exception("a question of another process has no answer")
            finally:
                writer.close()

    async def _feed(
        self, feed: Feed, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Send the items of a feed until the other process hangs up."""
        gone = asyncio.ensure_future(reader.read())
        try:
            with feed() as queue:
                while not gone.done():
                    item = asyncio.ensure_future(queue.get())
                    await asyncio.wait((item, gone), return_when="FIRST_COMPLETED")
                    if not item.done():
                        item.cancel()
                        break
                    _write(writer, item.result())
                    await writer.drain()
        finally:
            gone.cancel()


def _inbox() -> tuple[socket.socket, socket.socket]:
    """Return two ends: what is put into the second comes out of the first."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in ends:
        end.setblocking(False)
    return ends


def _write(writer: asyncio.StreamWriter, data: Any) -> None:
    text = json.dumps(data, default=str).encode()
    writer.write(_LENGTH.pack(len(text)) + text)


async def _read(reader: asyncio.StreamReader) -> Any:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return json.loads(await reader.readexactly(length))
