"""`supervise`: worker processes that serve the same sockets, and their parent.

The parent checks the documents and binds the sockets before it forks, so an error is
reported once. It replaces a worker that dies, passes SIGHUP on to one, which asks
the others, and stops them all at SIGTERM or SIGINT. The requests that a dead worker
leaves are refused for a while, so that none kills worker after worker. This module must
not know what is served.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from naftiko.errors import EXIT_CALL, ServeError
from naftiko.exposes.processes.quarantine import Quarantine
from naftiko.exposes.processes.siblings import Siblings
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from naftiko.exposes.http.scope import ASGIApp

    Work = Callable[[Sequence[socket.socket], "ServerProcess"], None]

_log = logging.getLogger("naftiko.serve")
#: A worker that dies within this many seconds is replaced after a pause.
_SHORT = 2.0
#: After this many such workers in a row, the parent gives up.
_MOST_SHORT = 5
#: Seconds after SIGTERM until a worker is killed.
_PATIENCE = 9.5
#: Signal that tells a worker to cut off the requests under way.
HURRY = getattr(signal, "SIGUSR1", signal.SIGTERM)


class ServerProcess(NamedTuple):
    """What the work of one process is given.

    Attributes:
        siblings: Reaches the other processes.
        around: Puts an application behind the quarantine.
    """

    siblings: Siblings
    around: Callable[[ASGIApp], ASGIApp]


def supervise(
    count: int,
    work: Work,
    sockets: Sequence[socket.socket],
) -> int:
    """Run workers until SIGTERM or SIGINT; return an exit code.

    The code is 0 after a signal. It is 1 when the workers keep dying: supervisors
    (systemd, Docker, Kubernetes) start a process anew that ends so.

    Args:
        count: Number of workers.
        work: Called in each worker with the sockets; it returns after SIGTERM.
        sockets: Bound sockets, which every worker inherits.

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
        work: Work,
        sockets: Sequence[socket.socket],
    ) -> None:
        self._count = count
        self._work = work
        self._sockets = sockets
        #: Process id → when it started, and its number among the workers.
        self._workers: dict[int, tuple[float, int]] = {}
        self._quarantine = Quarantine(count)
        self._siblings = Siblings(count)
        self._is_stopping = False
        self._has_given_up = False
        self._short = 0
        # Only the parent keeps the write end open. When the parent ends, however it
        # ends, the workers read the end of the file.
        self._parent_alive, self._write_end = os.pipe()

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._pass_on)
        for place in range(self._count):
            self._start(place)
        self._siblings.is_replacement = True  # each further one
        while self._workers and not self._is_stopping:
            self._wait()
        until = time.monotonic() + _PATIENCE
        while self._workers:
            if time.monotonic() > until:
                self._signal(signal.SIGKILL)
            if not self._reap(os.WNOHANG):
                time.sleep(0.02)
        self._siblings.close()
        return EXIT_CALL if self._has_given_up or not self._is_stopping else 0

    def _start(self, number: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._be_a_worker(number)
        self._workers[pid] = time.monotonic(), number
        _log.info("worker %d started", pid, extra={"worker": pid})

    def _be_a_worker(self, number: int) -> None:
        code = 1
        try:
            for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(sent, signal.SIG_DFL)
            # Ctrl-C sends SIGINT to the whole group; the parent answers with SIGTERM.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(HURRY, signal.SIG_IGN)
            os.close(self._write_end)
            threading.Thread(target=self._stop_with_parent, daemon=True).start()
            self._siblings.number = number
            quarantine = self._quarantine
            worker = ServerProcess(
                self._siblings, lambda app: quarantine.around(app, number)
            )
            self._work(self._sockets, worker)
            code = 0
        except Exception:  # noqa: BLE001 - the parent decides what follows
            _log.exception("a worker failed")
        finally:
            logging.shutdown()  # some lines may wait
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _stop_with_parent(self) -> None:
        """Send SIGTERM to this worker when its parent has ended (an orphan)."""
        os.read(self._parent_alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _wait(self) -> None:
        """Wait for a worker to end, and replace it."""
        try:
            ended = self._reap(0)
        except InterruptedError:
            return
        if ended is None or self._is_stopping:
            return
        pid, started, number = ended
        self._short = self._short + 1 if time.monotonic() - started < _SHORT else 0
        if self._short >= _MOST_SHORT:
            _log.error("workers keep dying; stopping")
            self._has_given_up = True
            self._stop()
            return
        _log.error("worker %d died; it is replaced", pid, extra={"worker": pid})
        if self._short:
            time.sleep(0.1 * 2**self._short)
        # A signal may have come meanwhile; nobody would stop a worker after it.
        if not self._is_stopping:
            self._start(number)

    def _reap(self, options: int) -> tuple[int, float, int] | None:
        """Return id, start and number of a worker that has ended, or `None`."""
        try:
            pid, status = os.waitpid(-1, options)
        except ChildProcessError:
            self._workers.clear()
            return None
        if pid not in self._workers:
            return None
        started, number = self._workers.pop(pid)
        if status == 0 or self._is_stopping:
            self._quarantine.left(number)
        elif refused := self._quarantine.died(number):
            _log.error(
                "%d of the requests under way in worker %d are refused for a while",
                refused,
                pid,
                extra={"worker": pid},
            )
        return pid, started, number

    def _signal(self, number: int) -> None:
        for pid in tuple(self._workers):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _stop(self, number: int = signal.SIGTERM, _: object = None) -> None:
        """Stop the workers; a second SIGINT cuts off their requests under way."""
        if not self._is_stopping:
            self._is_stopping = True
            self._signal(signal.SIGTERM)
        elif number == signal.SIGINT:
            self._signal(HURRY)

    def _pass_on(self, number: int, _: object) -> None:
        """Signal the first worker, which asks the others."""
        first = min(self._workers.items(), key=lambda one: one[1][1], default=None)
        if first is not None:
            os.kill(first[0], number)
