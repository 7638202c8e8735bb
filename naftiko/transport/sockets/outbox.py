"""`Outbox`: what is written in one turn of an event loop goes out at its end, in a row.

    outbox_of(loop).put(write, b"…")   →  `write(b"…")`, soon

Whoever writes to a socket wakes the process that waits for it, which takes longer than
to write. In a turn with work for many connections, the first write at the end wakes a
client, or an API, and the others find it awake: a request takes a fifth less CPU, and
more of them are answered. Where few are at work nothing waits: an API that is asked at
once works at the same time. This module must not know what is written.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sized

    Write = Callable[[bytes], None]

#: Callbacks of a turn that still wait, below which a write is done at once.
_FEW = 5
#: Seconds that a write waits in a long turn, and the work of one connection besides.
_LONGEST = 0.002


class Outbox:
    """What waits to be written, of one event loop.

    Args:
        loop: The event loop.
    """

    __slots__ = ("_ready", "_since", "_waiting", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        #: What asyncio still does in this turn, and in the next; it has no public name.
        #: Other loops do not show it, and all is written at once.
        self._ready: Sized = getattr(loop, "_ready", ())
        self._waiting: list[tuple[Write, bytes]] = []
        #: When the first of them came.
        self._since = 0.0

    def put(self, write: Write, data: bytes) -> None:
        """Write at once where few are at work, and else at the end of the turn.

        What is put first is written first.

        Args:
            write: Is called with the bytes. The connection may be lost by then.
            data: The bytes.
        """
        if not self._waiting:
            if len(self._ready) < _FEW:
                write(data)
                return
            self.loop.call_soon(self.flush)
            self._since = monotonic()
        self._waiting.append((write, data))
        if monotonic() - self._since > _LONGEST:
            self.flush()

    def flush(self) -> None:
        """Write all that waits."""
        waiting, self._waiting = self._waiting, []
        rest = iter(waiting)
        try:
            for write, data in rest:
                write(data)
        except BaseException:
            # The event loop reports it; the others have nothing to do with it.
            self._waiting = [*rest, *self._waiting]
            self.loop.call_soon(self.flush)
            raise


_latest: Outbox | None = None


def outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    """Return the outbox of an event loop; a process usually has one loop."""
    global _latest
    outbox = _latest
    if outbox is None or outbox.loop is not loop:
        outbox = _latest = Outbox(loop)
    return outbox
