"""JSON-RPC messages, one a line: the transport of `naftiko serve --stdio`.

MCP, "Transports", stdio; JSON-RPC 2.0, sections 4 to 6::

    {"jsonrpc": "2.0", "id": 1, "method": "ping"}   a message for the server
    {"id": 2, "method": "tools/call", "par          unreadable: error -32700 for id 2
    [{"id": 3, …}, {"id": 4, …}]                    a batch: error -32600 for 3 and 4

A line that cannot be read is answered here, because the client waits for an answer.
When the input ends, the requests under way are still answered. This module must not
know what a message means.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from typing import TYPE_CHECKING

from naftiko.exposes.mcp.clients import Client
from naftiko.exposes.mcp.protocol.errors import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    McpError,
)
from naftiko.exposes.mcp.protocol.messages import (
    NotAMessage,
    RpcRequest,
    error_message,
    ids_in,
    read_message,
    result_message,
)
from naftiko.exposes.mcp.protocol.session import Cancel, McpSession, McpWork
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from naftiko.exposes.mcp.protocol.messages import Id
    from naftiko.exposes.mcp.server import McpServer
    from naftiko.exposes.options import Options

_CHUNK = 65_536
#: Lines that are read ahead of the one that is worked on.
_AHEAD = 16
_BOM = b"\xef\xbb\xbf"


class TooLong(NamedTuple):
    """A line over the limit.

    Attributes:
        start: Its first bytes, in which an id may stand.
    """

    start: bytes


# --- reading ------------------------------------------------------------------------


class _Splitter:
    """Cuts chunks of bytes into lines; a line over the limit keeps only its start."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._is_first = True

    def feed(self, chunk: bytes) -> list[bytes | TooLong]:
        """Return the lines that end in a chunk."""
        if self._is_first:
            chunk, self._is_first = chunk.removeprefix(_BOM), False
        *ended, rest = chunk.split(b"\n")
        lines = []
        for part in ended:
            self._add(part)
            lines += self.end()
        self._add(rest)
        return lines

    def _add(self, part: bytes) -> None:
        if self._size <= self._limit:
            self._parts.append(part)
        self._size += len(part)

    def end(self) -> list[bytes | TooLong]:
        """Return the line that has no end yet, unless it is empty."""
        line, size = b"".join(self._parts), self._size
        self._parts, self._size = [], 0
        if size > self._limit:
            return [TooLong(line[:_CHUNK])]
        return [line] if line.strip() else []


async def lines_of(source: int, limit: int) -> AsyncIterator[bytes | TooLong]:
    """Yield the lines of a file descriptor, without blank ones, until it ends.

    The event loop reads a pipe, a socket or a terminal. A thread reads what no event
    loop can wait for: a file, and everything on Windows.

    Args:
        source: The file descriptor.
        limit: The most bytes of a line.
    """
    splitter = _Splitter(limit)
    read = _polled if _can_poll(source) else _threaded
    async for line in read(source, splitter):
        yield line


def _can_poll(source: int) -> bool:
    if os.name != "posix":
        return False
    mode = os.fstat(source).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(source)


async def _polled(source: int, splitter: _Splitter) -> AsyncIterator[bytes | TooLong]:
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | TooLong | None] = asyncio.Queue()
    is_reading = False

    def read() -> None:
        nonlocal is_reading
        chunk = _read(source)
        for line in splitter.feed(chunk) if chunk else splitter.end():
            queue.put_nowait(line)
        if not chunk:
            queue.put_nowait(None)
        if not chunk or queue.qsize() > _AHEAD:
            loop.remove_reader(source)
            is_reading = False

    try:
        while True:
            if not is_reading and queue.empty():
                loop.add_reader(source, read)
                is_reading = True
            line = await queue.get()
            if line is None:
                return
            yield line
    finally:
        loop.remove_reader(source)


async def _threaded(source: int, splitter: _Splitter) -> AsyncIterator[bytes | TooLong]:
    # The thread is a daemon, so that a process which ends does not wait for input that
    # never comes.
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | TooLong | None] = asyncio.Queue(_AHEAD)

    def put(line: bytes | TooLong | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()

    def read() -> None:
        try:
            while chunk := _read(source):
                for line in splitter.feed(chunk):
                    put(line)
            for line in splitter.end():
                put(line)
            put(None)
        except RuntimeError:
            pass  # The event loop has ended, and with it the reader of the lines.

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while (line := await queue.get()) is not None:
        yield line


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:
        return b""  # The other side has gone, as at the end.


# --- the conversation ---------------------------------------------------------------


class StdioSession:
    """Carries messages between a server and the lines of its client.

    Args:
        server: Answers the messages.
        options: The settings of the server.
        drain: Ends the requests that would stay open for ever.
        grace: Seconds that requests have to finish when the input has ended.
    """

    def __init__(
        self,
        server: McpServer,
        options: Options,
        drain: Callable[[], None],
        grace: float,
    ) -> None:
        self._server = server
        self._limit = options.max_body_bytes
        self._drain = drain
        self._grace = grace
        self._talk = McpSession(server)
        #: A request that is worked on → its task.
        self._running: dict[McpWork, asyncio.Task[None]] = {}
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        #: Nothing waits to be written.
        self._is_quiet = True
        self._write_now: Callable[[bytes], int] | None = None

    async def run(
        self,
        lines: AsyncIterator[bytes | TooLong],
        write: Callable[[bytes], None],
        write_now: Callable[[bytes], int] | None = None,
    ) -> None:
        """Serve until the lines end and the requests in them are answered.

        Args:
            lines: What the client says.
            write: Writes the bytes of a line; it may block.
            write_now: Writes as many bytes as it can without waiting; returns how many.

        Raises:
            ExceptionGroup: Nothing can be written; it holds the `OSError`.
        """
        self._write_now = write_now
        self._server.changes.join(self._talk, self._say)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(write))
                async for line in lines:
                    self._take(line)
                await self._finish()
                self._waiting.put_nowait(None)
        finally:
            self._server.changes.leave(self._talk)
            for task in list(self._running.values()):
                task.cancel()

    # --- messages ---------------------------------------------------------------------

    def _take(self, line: bytes | TooLong) -> None:
        """Answer a line, or begin to work on it."""
        if isinstance(line, TooLong):
            limit = f"Invalid Request: the line is longer than {self._limit} bytes"
            self._refuse(NotAMessage(INVALID_REQUEST, limit), line.start)
            return
        message = read_message(line)
        if isinstance(message, NotAMessage):
            self._refuse(message, line)
            return
        try:
            step = self._talk.receive(message)
        except McpError as error:
            assert isinstance(message, RpcRequest)
            self._say(error_message(message.id, error))
            return
        if isinstance(step, bytes):
            self._say(step)
            self._server.changes.watch()
        elif isinstance(step, McpWork):
            work = self._work(step)
            self._running[step] = asyncio.get_running_loop().create_task(work)
        elif isinstance(step, Cancel) and (task := self._running.get(step.work)):
            task.cancel()

    def _refuse(self, why: NotAMessage, line: bytes) -> None:
        ids: list[Id | None] = [*ids_in(line)] or [None]
        for id_ in ids:
            self._say(error_message(id_, why))

    async def _work(self, work: McpWork) -> None:
        try:
            client = Client(None, self._notify)
            answer = result_message(work.id, await self._server.run(work, client))
        except McpError as error:
            answer = error_message(work.id, error)
        finally:
            del self._running[work]
        if self._talk.settle(work):
            self._say(answer)

    async def _notify(self, message: bytes) -> None:
        self._say(message)

    def _say(self, message: bytes) -> None:
        line = message + b"\n"
        if self._is_quiet and self._write_now is not None:
            line = line[self._write_now(line) :]
            if not line:
                return
        self._is_quiet = False
        self._waiting.put_nowait(line)

    async def _finish(self) -> None:
        """Wait for the requests under way, and answer those that take too long.

        The answer keeps a client from sending an order twice.
        """
        self._drain()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=self._grace)
        message = (
            f"the input ended, and the request was not done {self._grace:g} s later;"
            " the API may have executed it"
        )
        for work, task in list(self._running.items()):
            if self._talk.settle(work):
                late = McpError(CONNECTION_CLOSED, message)
                self._say(error_message(work.id, late))
            task.cancel()

    async def _write(self, write: Callable[[bytes], None]) -> None:
        """Write what waits, without holding up the event loop."""
        while (line := await self._waiting.get()) is not None:
            await asyncio.to_thread(write, line)
            self._is_quiet = self._waiting.empty()
