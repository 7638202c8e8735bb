"""`following`: the log lines of this process in a queue, as they are written."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.plain import JSON

#: Lines that wait for a slow reader; newer ones are dropped.
_QUEUE = 1000


@contextmanager
def following(logs: LatestLines | None) -> Iterator[asyncio.Queue[JSON]]:
    """Yield a queue that gets each new line; `put_in` adds one of another process."""
    queue: asyncio.Queue[JSON] = asyncio.Queue(_QUEUE)
    loop = asyncio.get_running_loop()
    put = put_in(queue)

    def tell(line: JSON) -> None:
        # Lines come from any thread, also from one that outlives the event loop.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(put, line)

    if logs is None:
        yield queue
        return
    logs.listeners.add(tell)
    try:
        yield queue
    finally:
        logs.listeners.discard(tell)


def put_in(queue: asyncio.Queue[JSON]) -> Callable[[JSON], None]:
    """Return what adds a line to a queue that has room."""

    def put(line: JSON) -> None:
        if not queue.full():
            queue.put_nowait(line)

    return put
