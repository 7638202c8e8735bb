"""Server-sent events: messages as events, and the log that a client can resume from.

    {"jsonrpc": …}  →  event: message
                       data: {"jsonrpc": …}

MCP 2025-03-26 and later, "Resumability and Redelivery": an id names a stream and a
place in it, so a client who lost the connection gets the rest of that stream, and of no
other. The log is short: it bridges a lost connection, not an absence.
"""

from __future__ import annotations

from collections import deque

#: A comment, so that no proxy takes a quiet connection for a dead one.
PING = b": ping\r\n\r\n"
#: Events, and their bytes, that one session keeps.
MOST_EVENTS, MOST_BYTES = 64, 128 * 1024
#: The stream of a session that belongs to no request.
STANDING = 0


def event(message: bytes, id_: str = "") -> bytes:
    """Return a message as an event; with an id a client can resume after it."""
    if b"\n" in message or b"\r" in message:
        message = message.replace(b"\r", b" ").replace(b"\n", b" ")
    name = b"id: %s\r\n" % id_.encode() if id_ else b""
    return b"%sevent: message\r\ndata: %s\r\n\r\n" % (name, message)


def priming(id_: str) -> bytes:
    """Return the event without data that only gives a client an id to resume after."""
    return b"id: %s\r\ndata:\r\n\r\n" % id_.encode()


class EventLog:
    """The latest events of one session.

    `log.add(log.begin(), b"{}")` is the id `"1.1"`: the first event of stream 1.
    """

    def __init__(self) -> None:
        self._kept: deque[tuple[int, int, bytes]] = deque()
        self._bytes = 0
        self._streams = 0
        #: Number of an open stream → the number of its latest event.
        self._open: dict[int, int] = {STANDING: 0}

    def begin(self) -> int:
        """Return the number of a new stream."""
        self._streams += 1
        self._open[self._streams] = 0
        return self._streams

    def add(self, stream: int, message: bytes) -> str:
        """Keep an event of an open stream; return its id."""
        number = self._open[stream] = self._open[stream] + 1
        self._kept.append((stream, number, message))
        self._bytes += len(message)
        while len(self._kept) > MOST_EVENTS or self._bytes > MOST_BYTES:
            self._bytes -= len(self._kept.popleft()[2])
        return f"{stream}.{number}"

    def end(self, stream: int) -> None:
        """Note that a stream has had its last event."""
        self._open.pop(stream, None)

    def after(self, id_: str) -> tuple[int, list[bytes]] | None:
        """Return a stream, and its events after the one with an id, ready to be sent.

        `None` when there is no such stream, or when not all of them are kept.
        """
        stream, _, number = id_.partition(".")
        if not (id_.isascii() and stream.isdecimal() and number.isdecimal()):
            return None
        if len(id_) > 40:
            return None
        named, last = int(stream), int(number)
        kept = [(n, message) for s, n, message in self._kept if s == named]
        first = kept[0][0] if kept else self._open.get(named, last) + 1
        if last + 1 < first or (not kept and named not in self._open):
            return None
        return named, [event(m, f"{named}.{n}") for n, m in kept if n > last]
