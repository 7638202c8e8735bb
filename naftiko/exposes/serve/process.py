"""The process of a server: event loop, limit of open files, memory.

This module must not know what is served.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


#: Seconds that another thread computes before the event loop has its turn. Requests
#: have to be fast while a thread reads a large body: Python's own 5 ms are waited for
#: at every system call.
_TURN = 0.001


def run(main: Coroutine[None, None, T]) -> T:
    """Run a coroutine to its end, as `asyncio.run` does.

    The event loop is that of asyncio: see `docs/decisions.md` for why not uvloop.
    """
    sys.setswitchinterval(_TURN)
    _return_memory()
    return asyncio.run(main)


#: Options of `mallopt` in glibc, and their values: blocks of a megabyte are mapped, and
#: so given back when they are freed, and threads share two heaps.
_HEAP = {
    "M_MMAP_THRESHOLD": (-3, 1 << 20),
    "M_TRIM_THRESHOLD": (-1, 1 << 20),
    "M_ARENA_MAX": (-8, 2),
}


def _return_memory() -> None:
    """Give the memory of large bodies back to the system as soon as they are done.

    The C library would keep it, in a heap for each thread: after a few large bodies a
    process held 70 MiB more than it used. Only glibc has these options.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for number, value in _HEAP.values():
            mallopt(number, value)


#: New objects after which the garbage collector runs.
_GARBAGE = 10_000


def collect_often() -> None:
    """Run the garbage collector often, but never over the objects of the start.

    A failed TLS handshake leaves cycles of half a megabyte behind, which would pile
    up. Objects from before the first request live as long as the process, so they are
    frozen: scanning them again and again would find nothing.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE)


def share_memory() -> None:
    """Leave the objects of this process where they are, for the forks to come.

    A collection in a fork would write to every object, and so copy all memory.
    """
    gc.collect()
    gc.freeze()


#: Open files and sockets that one process can make use of.
_MOST_FILES = 65_536


def allow_many() -> int:
    """Raise the limit of open files as far as allowed; return it, 0 if unknown.

    Shells usually set a soft limit of 1,024, fewer than a server may have connections.
    The low limit protects programs that use `select`; a server does not use it.
    """
    try:
        import resource
    except ImportError:  # pragma: no cover - a system without such limits
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # pragma: no cover - a sandbox may forbid it
        return soft
    return most
