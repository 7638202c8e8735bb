"""`Worker`: one child process, and the socket over which it gets work.

    worker.talk(frame, seconds, most)  →  worker.answer: how the work ended, its bytes

Two ways to talk: one blocks, the other one awaits. This module must not know pools.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from naftiko.errors import CallError
from naftiko.workers.child import ANSWER, DONE, HEAD, READY

if TYPE_CHECKING:
    import asyncio

    from naftiko.workers.job import Job

#: A request in parts, so that its payload is not copied.
Frame: TypeAlias = tuple[bytes, ...]
Reason: TypeAlias = Literal["busy", "start", "time", "memory", "died", "failed"]
#: Seconds in which a new child must say that it is ready.
_START = 20.0
#: Seconds between the end of the socket of a child and that of its process.
_ENDS = 0.05
#: Variables of the environment that a child needs: to find libraries, and its clock.
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
#: The path is that of the parent, which may have the package from anywhere.
_BEGIN = """import sys
sys.path[:] = sys.argv[2:]
from naftiko.workers.child import main
main()"""


class WorkerError(CallError):
    """Work in a child process did not end well.

    Attributes:
        reason: `busy`: too much work waits. `start`: no child could be started. `time`,
            `memory`: it took more than it may. `died`: the child ended. `failed`: it
            raised an exception.
        kind: The name of the class of that exception.
    """

    def __init__(
        self, message: str, *, reason: Reason, kind: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.kind = kind


class Again(Exception):
    """A child that was kept had ended; the work goes to another one."""


class Worker:
    """One child process and the socket to it.

    Attributes:
        answer: How its last work ended, and its bytes.
        is_ready: It waits for work.
        is_ended: It was ended.
        idles_since: When it was given back.
    """

    def __init__(self, idle: float) -> None:
        if getattr(sys, "frozen", False):
            raise WorkerError(
                "a worker process cannot be started: this program is no interpreter",
                reason="start",
                hint="run it with Python",
            )
        try:
            self._socket, theirs = socket.socketpair()
            with theirs:
                self._process = _started(_command(idle), theirs)
        except (OSError, ValueError) as error:
            if hasattr(self, "_socket"):
                self._socket.close()
            raise WorkerError(
                f"a worker process cannot be started: {error}",
                reason="start",
                hint="allow more processes, open files or memory",
            ) from None
        self._is_new = True
        self.answer = (DONE, b"")
        self.is_ready = self.is_ended = False
        self.idles_since = 0.0

    def talk(self, frame: Frame, seconds: float, most: int) -> None:
        """Send a request and receive the answer.

        Raises:
            WorkerError: There is no answer.
            Again: The child had ended before.
        """
        self.is_ready = False
        try:
            if self._is_new:
                self._receive(len(READY), time.monotonic() + _START)
            self._begin()
            until = time.monotonic() + seconds
            for part in frame:
                self._socket.settimeout(max(until - time.monotonic(), 0.001))
                self._socket.sendall(part)
            self._keep(*self._receive_answer(until, most))
        except TimeoutError:
            raise self._late() from None
        except (OSError, EOFError):
            raise self._death() from None

    def _receive_answer(self, until: float, most: int) -> tuple[int, bool, bytes]:
        how, is_last, length = ANSWER.unpack(self._receive(ANSWER.size, until))
        self._check(length, most)
        return how, is_last, self._receive(length, until)

    def _receive(self, length: int, until: float) -> bytes:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            self._socket.settimeout(max(until - time.monotonic(), 0.001))
            got = self._socket.recv_into(view)
            if not got:
                raise EOFError
            view = view[got:]
        return bytes(data)

    async def talk_async(
        self, loop: asyncio.AbstractEventLoop, frame: Frame, seconds: float, most: int
    ) -> None:
        """Do the same as `talk`, without blocking."""
        import asyncio

        self.is_ready = False
        self._socket.setblocking(False)

        async def receive(length: int) -> bytes:
            data = bytearray(length)
            view = memoryview(data)
            while view:
                got = await loop.sock_recv_into(self._socket, view)
                if not got:
                    raise EOFError
                view = view[got:]
            return bytes(data)

        try:
            if self._is_new:
                async with asyncio.timeout(_START):
                    await receive(len(READY))
            self._begin()
            async with asyncio.timeout(seconds):
                for part in frame:
                    await loop.sock_sendall(self._socket, part)
                how, is_last, length = ANSWER.unpack(await receive(ANSWER.size))
                self._check(length, most)
                self._keep(how, is_last, await receive(length))
        except TimeoutError:
            raise self._late() from None
        except (OSError, EOFError):
            raise self._death() from None

    def _begin(self) -> None:
        self._was_used, self._is_new = not self._is_new, False

    def _check(self, length: int, most: int) -> None:
        if length > most:
            raise WorkerError("it returns too much", reason="memory")

    def _keep(self, how: int, is_last: bool, data: bytes) -> None:
        self.answer = (how, data)
        self.is_ready = not is_last

    def _late(self) -> WorkerError:
        if self._is_new:
            return WorkerError(
                f"a worker process was not ready within {_START:g} s", reason="start"
            )
        return WorkerError("it takes too long", reason="time")

    def _death(self) -> Exception:
        """Return the error of a child that has ended by itself."""
        code = self.wait(_ENDS)
        if self.is_ended:
            return WorkerError("its process was ended", reason="died")
        if self._is_new:
            return WorkerError(
                f"a worker process cannot be started: it ended with code {code}",
                reason="start",
            )
        if code == 0 and self._was_used:
            return Again()
        if code == -getattr(signal, "SIGALRM", 0):
            return WorkerError("it takes too long", reason="time")
        how = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        return WorkerError(f"its process ended with {how}", reason="died")

    def end(self) -> None:
        """End the process at once; do not wait for it."""
        self.is_ended = True
        with suppress(OSError):
            self._process.kill()
        # Wakes a thread that reads; it is the one to close the socket.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """End the process at once, and close the socket, which nobody uses."""
        self.end()
        self._close()

    def wait(self, seconds: float) -> int | None:
        """Return the exit code, `None` when it has not ended in time."""
        try:
            return self._process.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:  # pragma: no cover - the system is stuck
            return None

    def is_gone(self) -> bool:
        """Return whether the process has ended, and let the system forget it."""
        return self._process.poll() is not None

    def forget(self) -> None:
        """Close the socket; the process belongs to another one."""
        self._close()
        self._process.returncode = 0

    def _close(self) -> None:
        self._socket.close()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _command(idle: float) -> list[str]:
    flags = ["-I", "-S", "-X", "utf8"]
    if sys.pycache_prefix:
        flags += ["-X", f"pycache_prefix={sys.pycache_prefix}"]
    if sys.dont_write_bytecode:
        flags.append("-B")
    path = [os.path.abspath(entry) for entry in sys.path]
    home = str(Path(__file__).absolute().parent.parent.parent)
    if home not in path:
        path.insert(0, home)
    return [sys.executable, *flags, "-c", _BEGIN, str(idle), *path]


def _started(command: list[str], theirs: socket.socket) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if sys.platform == "win32":  # pragma: no cover - a socket is no file there
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert process.stdin is not None
        process.stdin.write(theirs.share(process.pid))
        process.stdin.close()
        return process
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        command,
        stdin=theirs.fileno(),
        # It tells the child that this process ends; see `_end_with_parent`.
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd="/",
        # Signals of the terminal are for the parent.
        process_group=0,
    )


def frame_of(job: Job) -> Frame:
    """Return a request for a child; see `naftiko.workers.child`."""
    name = job.task.encode()
    head = HEAD.pack(job.seconds, job.memory, len(name), job.size)
    return head + name, *job.payload
