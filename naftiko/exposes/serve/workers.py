"""Several processes that serve the same sockets, and one that looks after them.

The parent checks the documents and binds the sockets before it forks, so a mistake is
told once, and a worker that dies is replaced. This module must not know what is served.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from naftiko.errors import ServeError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

_log = logging.getLogger("naftiko.serve")
#: A worker that lives shorter than this is not replaced at once.
_SHORT = 2.0
_MOST_SHORT = 5
#: Seconds until a worker that was asked to stop is killed.
_PATIENCE = 9.5
#: What tells a worker to wait no longer for requests under way.
HURRY = getattr(signal, "SIGUSR1", signal.SIGTERM)


def supervise(
    count: int,
    work: Callable[[Sequence[socket.socket]], None],
    sockets: Sequence[socket.socket],
) -> int:
    """Run workers until SIGTERM or SIGINT; return an exit code.

    Args:
        count: How many.
        work: What each does, in a process of its own; it returns when it is told to
            stop by SIGTERM.
        sockets: Bound, and inherited by every worker.

    Raises:
        ServeError: This system has no `fork`.
    """
    if not hasattr(os, "fork"):
        raise ServeError(
            "this system cannot share sockets between processes",
            hint="leave out --workers, and run several servers behind a balancer",
        )
    return _Supervisor(count, work, sockets).run()


class _Supervisor:
    def __init__(
        self,
        count: int,
        work: Callable[[Sequence[socket.socket]], None],
        sockets: Sequence[socket.socket],
    ) -> None:
        self._count = count
        self._work = work
        self._sockets = sockets
        self._workers: dict[int, float] = {}
        self._is_stopping = False
        self._short = 0
        # Held open by the parent alone: its end is the end of the parent.
        self._pulse, self._own = os.pipe()

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._pass_on)
        for _ in range(self._count):
            self._start()
        while self._workers and not self._is_stopping:
            self._wait()
        until = time.monotonic() + _PATIENCE
        while self._workers:
            if time.monotonic() > until:
                self._signal(signal.SIGKILL)
            if not self._reap(os.WNOHANG):
                time.sleep(0.02)
        return 0 if self._is_stopping else 1

    def _start(self) -> None:
        pid = os.fork()
        if pid == 0:
            self._be_a_worker()
        self._workers[pid] = time.monotonic()
        _log.info("worker %d started", pid, extra={"worker": pid})

    def _be_a_worker(self) -> None:
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            # Ctrl-C reaches the whole group; the parent passes it on as SIGTERM.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(HURRY, signal.SIG_IGN)
            os.close(self._own)
            threading.Thread(target=self._outlive, daemon=True).start()
            self._work(self._sockets)
            code = 0
        except Exception:  # noqa: BLE001 - the process ends, its parent decides
            _log.exception("a worker failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _outlive(self) -> None:
        """Stop when the parent is gone: nobody else would stop this process."""
        os.read(self._pulse, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _wait(self) -> None:
        """Wait for a worker to end, and replace it."""
        try:
            found = self._reap(0)
        except InterruptedError:
            return
        if found is None or self._is_stopping:
            return
        pid, started = found
        self._short = self._short + 1 if time.monotonic() - started < _SHORT else 0
        if self._short >= _MOST_SHORT:
            _log.error("workers keep dying; stopping")
            self._stop()
            return
        _log.error("worker %d died; it is replaced", pid, extra={"worker": pid})
        if self._short:
            time.sleep(0.1 * 2**self._short)
        self._start()

    def _reap(self, how: int) -> tuple[int, float] | None:
        try:
            pid, _ = os.waitpid(-1, how)
        except ChildProcessError:
            self._workers.clear()
            return None
        return (pid, self._workers.pop(pid)) if pid in self._workers else None

    def _signal(self, number: int) -> None:
        for pid in tuple(self._workers):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _stop(self, number: int = signal.SIGTERM, _: object = None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._signal(signal.SIGTERM)
        elif number == signal.SIGINT:
            self._signal(HURRY)

    def _pass_on(self, number: int, _: object) -> None:
        self._signal(number)
