"""A serving process: its event loop, its limit of open files, its garbage collector.

This module must not know what is served.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run(main: Coroutine[None, None, T]) -> T:
    """Run a coroutine to its end, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes a loop: a few per cent less work than that of asyncio."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


#: New objects after which garbage is looked for.
_GARBAGE = 10_000


def collect_often() -> None:
    """Look for garbage often: what failed calls leave behind would pile up.

    Each failure of TLS leaves half a megabyte. What is there before the first request
    stays, and need not be looked at again and again.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE)


#: More open files and sockets than one process can make use of.
_MOST_FILES = 65_536


def allow_many() -> int:
    """Raise the limit of open files as far as it goes; return it, 0 if unknown.

    A shell allows 1,024 as a rule, fewer than a server may have callers. That low limit
    protects programs that use `select`, and a server uses none.
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
