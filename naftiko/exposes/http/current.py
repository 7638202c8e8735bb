"""`current_task`: the task that runs, without asking the system."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any


class _Running(threading.local):
    """The event loop that ran last in a thread."""

    loop: asyncio.AbstractEventLoop | None = None


_running = _Running()


def current_task() -> asyncio.Task[Any] | None:
    """Return the task that runs, as `asyncio.current_task` does.

    Before Python 3.12, that asks the system for the number of the process, to find out
    about a fork; each such call takes as long as a part of a request.
    """
    loop = _running.loop
    if loop is None or not loop.is_running():
        loop = _running.loop = asyncio.get_running_loop()
    return asyncio.current_task(loop)


def _forget_loop() -> None:
    _running.loop = None


if sys.version_info >= (3, 12):
    current_task = asyncio.current_task
elif hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_loop)
