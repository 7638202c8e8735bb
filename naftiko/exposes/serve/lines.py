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
import json
import os
import re
import threading
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.exposes.mcp.sdk import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    SessionMessage,
    ValidationError,
    jsonrpc_message_adapter,
    memory_stream,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from naftiko.exposes.mcp.server import McpServer
    from naftiko.exposes.options import Options
    from naftiko.plain import JSON

_CHUNK = 65_536
#: Lines that are read ahead of the one that is worked on.
_AHEAD = 16
#: Ids of one unreadable line that get an error each.
_MOST_IDS = 1000
_BOM = b"\xef\xbb\xbf"
#: The tokens of JSON that matter for finding an id. A text that does not end takes the
#: rest of the line, so the search ends there.
_TOKEN = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++|(".*)', re.DOTALL
)
_WHOLE_NUMBER = re.compile(rb"-?[0-9]{1,400}")


class UnreadableLine(NamedTuple):
    """Why a line is no message.

    Attributes:
        code: The code of the JSON-RPC error.
        message: The reason, for the developer of the client.
    """

    code: int
    message: str


class TooLong(NamedTuple):
    """A line over the limit.

    Attributes:
        start: Its first bytes, in which an id may stand.
    """

    start: bytes


def message_of(line: bytes) -> SessionMessage | UnreadableLine:
    """Return the message in a line, or why there is none."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return UnreadableLine(
            PARSE_ERROR, f"Parse error: byte {error.start} of the line is not UTF-8"
        )
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_context=True)
        if first["type"] == "json_invalid":
            reason = first.get("ctx", {}).get("error", "the line is not JSON")
            return UnreadableLine(PARSE_ERROR, f"Parse error: {reason}")
        if line.lstrip().startswith(b"["):
            return UnreadableLine(
                INVALID_REQUEST, "Invalid Request: send each message of a batch alone"
            )
        return UnreadableLine(
            INVALID_REQUEST, "Invalid Request: the line is no JSON-RPC 2.0 message"
        )
    is_request = isinstance(message, JSONRPCNotification) and b'"id"' in line
    if is_request and any(_id_tokens(line)):
        # The SDK takes a request whose id it cannot use for a notification.
        return UnreadableLine(
            INVALID_REQUEST, "Invalid Request: an id is a text or a whole number"
        )
    return SessionMessage(message)


def ids_in(line: bytes) -> list[str | int]:
    """Return the ids of the requests in a line, which need not be whole or JSON.

    `{"id": 7, "params": {"id": 8` has `[7]`; the batch `[{"id": 1}, {"id": 2}]` has
    `[1, 2]`; `7` has none.
    """
    found = (_id_of(token) for token in _id_tokens(line))
    return list(islice((id_ for id_ in found if id_ is not None), _MOST_IDS))


def _id_tokens(line: bytes) -> Iterator[bytes]:
    """Yield the first token of each value of a member `id` of a message."""
    # Where the members of a message are: inside one object, or one in a list.
    level = 2 if line.lstrip(_BOM + b" \t\r\n").startswith(b"[") else 1
    depth, name, is_value = 0, b"", False
    for match in _TOKEN.finditer(line):
        token = match[0]
        if match[1]:
            return  # A text without an end: nothing after it is known.
        if is_value and depth == level and name == b'"id"':
            yield token
            name = b""
        if token in b"{[":
            depth, name, is_value = depth + 1, b"", False
        elif token in b"}]":
            depth, name, is_value = depth - 1, b"", False
        elif token == b",":
            name, is_value = b"", False
        elif token == b":":
            is_value = True
        elif not is_value:
            name = token


def _id_of(token: bytes) -> str | int | None:
    """Return an id from its JSON, or `None` when it cannot be one or be sent."""
    if _WHOLE_NUMBER.fullmatch(token):
        return int(token)
    if not token.startswith(b'"'):
        return None
    try:
        text: str = json.loads(token)
        text.encode()
    except ValueError:
        return None
    return text


# --- reading ------------------------------------------------------------------------


class _Splitter:
    """Cuts chunks of bytes into lines; a line over the limit keeps only its start."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes | TooLong]:
        """Return the lines that end in a chunk."""
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

    A thread reads them. It is a daemon, so that a process which ends does not wait for
    input that never comes.

    Args:
        source: The file descriptor.
        limit: The most bytes of a line.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | TooLong | None] = asyncio.Queue(_AHEAD)

    def put(line: bytes | TooLong | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()

    def read() -> None:
        splitter = _Splitter(limit)
        is_first = True
        try:
            while chunk := _read(source):
                if is_first:
                    chunk, is_first = chunk.removeprefix(_BOM), False
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
        server: The server of the SDK.
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
        #: Id of a request → the number of answers that its client waits for.
        self._open: Counter[str] = Counter()
        self._settled = asyncio.Event()
        #: The grace is over, and some requests are not answered.
        self._is_late = False

    async def run(
        self, lines: AsyncIterator[bytes | TooLong], write: Callable[[bytes], None]
    ) -> None:
        """Serve until the lines end and the requests in them are answered.

        Args:
            lines: What the client says.
            write: Writes the bytes of a line; it may block.
        """
        server = self._server
        to_server, from_client = memory_stream()
        to_client, from_server = memory_stream()
        # It is closed after the server has ended: with an output that cannot be
        # written, the server would fail too, and with an error that says less.
        async with from_server, asyncio.TaskGroup() as group:
            group.create_task(self._read(lines, to_server, to_client.clone()))
            group.create_task(self._write(from_server, write))
            await server.run(
                from_client, to_client, server.create_initialization_options()
            )

    async def _read(
        self, lines: AsyncIterator[bytes | TooLong], to_server: Any, to_client: Any
    ) -> None:
        async with to_server, to_client:
            async for line in lines:
                if isinstance(line, TooLong):
                    found: SessionMessage | UnreadableLine = self._too_long()
                    line = line.start
                else:
                    found = message_of(line)
                if isinstance(found, SessionMessage):
                    self._note(found.message)
                    await to_server.send(found)
                    continue
                error = ErrorData(code=found.code, message=found.message)
                ids: list[str | int | None] = [*ids_in(line)] or [None]
                for id_ in ids:
                    refusal = JSONRPCError(jsonrpc="2.0", id=id_, error=error)
                    await to_client.send(SessionMessage(refusal))
            self._drain()
            if self._open:
                self._settled.clear()
                try:
                    async with asyncio.timeout(self._grace):
                        await self._settled.wait()
                except TimeoutError:
                    # The server ends them, and answers each with an error.
                    self._is_late = True

    def _too_long(self) -> UnreadableLine:
        return UnreadableLine(
            INVALID_REQUEST,
            f"Invalid Request: the line is longer than {self._limit} bytes",
        )

    def _unfinished(self, id_: str | int | None) -> JSONRPCError:
        """Return an answer that keeps a client from sending an order twice."""
        message = (
            f"the input ended, and the request was not done {self._grace:g} s later;"
            " the API may have executed it"
        )
        error = ErrorData(code=CONNECTION_CLOSED, message=message)
        return JSONRPCError(jsonrpc="2.0", id=id_, error=error)

    def _note(self, message: Any) -> None:
        """Remember a request; forget one that its client no longer waits for."""
        if isinstance(message, JSONRPCRequest):
            self._open[str(message.id)] += 1
        elif (
            isinstance(message, JSONRPCNotification)
            and message.method == "notifications/cancelled"
        ):
            self._close((message.params or {}).get("requestId"))

    def _close(self, id_: JSON) -> None:
        number = self._open.get(str(id_), 0)
        if number > 1:
            self._open[str(id_)] = number - 1
        else:
            self._open.pop(str(id_), None)
        if not self._open:
            self._settled.set()

    async def _write(self, messages: Any, write: Callable[[bytes], None]) -> None:
        async for sent in messages:
            message = sent.message
            if self._is_late and isinstance(message, JSONRPCError):
                message = self._unfinished(message.id)
            await asyncio.to_thread(write, _line_of(message))
            if isinstance(message, (JSONRPCResponse, JSONRPCError)):
                self._close(message.id)


def _line_of(message: Any) -> bytes:
    """Return a message as a line; one that cannot be sent as the error that says so."""
    try:
        text: str = message.model_dump_json(by_alias=True, exclude_unset=True)
        return text.encode() + b"\n"
    except ValueError:
        error = ErrorData(code=INTERNAL_ERROR, message="Internal error: not JSON")
        told = JSONRPCError(jsonrpc="2.0", id=getattr(message, "id", None), error=error)
        return _line_of(told)
