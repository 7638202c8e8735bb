"""A child process of a pool: reads requests, does their work, writes replies.

    request   HEAD: seconds, memory, length of the task, of the payload; then both
    reply     ANSWER: how it ended, whether the child ends now, length; then the bytes

It starts in a few milliseconds, so this module imports nothing but small modules of the
standard library. It must not know what the work is.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = struct.Struct(">dQHQ")
ANSWER = struct.Struct(">BBQ")
#: How work ended: well, with an exception, without memory.
DONE, FAILED, NO_MEMORY = 0, 1, 2
READY = b"+"
#: Characters of the message of an exception.
MOST_OF_A_MESSAGE = 2000
#: Seconds beyond its time after which a child ends itself, though nobody ended it.
SPARE = 0.5
#: A child that has grown by more than this many bytes is not used again.
_MOST_GROWTH = 64 * 1024 * 1024
#: Files that a child may have open.
_MOST_FILES = 32


def main() -> None:
    """Do the work of the parent, until it ends or has had none for long.

    `sys.argv[1]` is that time in seconds, `sys.argv[2]` the socket for systems that
    cannot give a child a socket as its standard input.
    """
    channel = _Channel(float(sys.argv[1]))
    _prepare()
    _end_with_parent()
    channel.write(READY)
    begin = _size()
    is_closed = False
    while (head := channel.read(HEAD.size)) is not None:
        seconds, memory, name_length, length = HEAD.unpack(head)
        name, payload = channel.read(name_length), channel.read(length)
        if name is None or payload is None:
            return
        try:
            function = _found(name.decode())
            if not is_closed:
                # After the first import, which may keep what it compiled.
                is_closed = True
                _close_in()
            with _Bounds(seconds, memory):
                how, answer = DONE, function(payload)
        except MemoryError:
            how, answer = NO_MEMORY, b""
        except Exception as error:  # noqa: BLE001 - the parent decides what follows
            how, answer = FAILED, _written(error)
        del payload
        is_last = _size() - begin > _MOST_GROWTH
        channel.write(ANSWER.pack(how, is_last, len(answer)))
        channel.write(answer)
        if is_last:
            return


class _Channel:
    """The socket to the parent."""

    def __init__(self, idle: float) -> None:
        """Take the socket from standard input, which then is empty."""
        self._idle = idle
        if sys.platform == "win32":  # pragma: no cover - a socket is no file there
            import socket

            share = sys.stdin.buffer.read()
            self._socket = socket.fromshare(share)
            self._socket.settimeout(idle)
            self.descriptor = self._socket.fileno()
        else:
            self.descriptor = os.dup(0)
            _to_nothing(0)

    def read(self, length: int) -> bytes | None:
        """Return so many bytes; `None` at the end, and when nothing came for long."""
        parts = bytearray(length)
        view = memoryview(parts)
        while view:
            if not self._waits():
                return None
            try:
                got = self._into(view)
            except OSError:
                return None
            if not got:
                return None
            view = view[got:]
        return bytes(parts)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if sys.platform == "win32":  # pragma: no cover
                view = view[self._socket.send(view) :]
            else:
                view = view[os.write(self.descriptor, view) :]

    def _into(self, view: memoryview) -> int:
        if sys.platform == "win32":  # pragma: no cover
            return self._socket.recv_into(view)
        return os.readv(self.descriptor, [view])

    def _waits(self) -> bool:
        """Return whether something can be read before the time is over."""
        if sys.platform == "win32":  # pragma: no cover
            return True
        import select

        try:
            return bool(select.select([self.descriptor], [], [], self._idle)[0])
        except OSError:
            return False


class _Bounds:
    """Time and memory of one piece of work, which the system enforces."""

    def __init__(self, seconds: float, memory: int) -> None:
        self._seconds = seconds
        self._memory = memory

    def __enter__(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, self._seconds + SPARE)
        if size := _size():
            _limit("RLIMIT_AS", size + self._memory)

    def __exit__(self, *_: object) -> None:
        _limit("RLIMIT_AS", -1)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def _prepare() -> None:
    """Leave signals of a terminal or a manager to the parent; yield to it."""
    if sys.platform == "win32":  # pragma: no cover - it has neither
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # The parent may block signals in the thread that starts this process.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.nice(5)
        # If memory runs out, the system ends this process and not its parent.
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("1000")
    except OSError:  # another system, or a sandbox forbids it
        pass


def _end_with_parent() -> None:
    """Let the end of the parent end this process, whatever it does.

    Standard output is a pipe that nobody reads or writes: its only event is that the
    parent, which has the other end, is gone. The socket has others, and tells of them
    late: what it was sent may be read before its signal comes.
    """
    if sys.platform == "win32" or not hasattr(os, "O_ASYNC"):  # pragma: no cover
        return
    import fcntl
    import select

    parent = os.dup(1)
    _to_nothing(1)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    flags = fcntl.fcntl(parent, fcntl.F_GETFL)
    try:
        fcntl.fcntl(parent, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(parent, fcntl.F_SETFL, flags | os.O_ASYNC)
    except OSError:
        pass  # a system without it: the time of the work ends it, or the socket
    events = select.poll()
    events.register(parent, 0)  # errors alone
    if events.poll(0):
        os._exit(0)  # the parent ended before


def _to_nothing(descriptor: int) -> None:
    """Put the file of no bytes in the place of an open one."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, descriptor)
    os.close(nothing)


def _close_in() -> None:
    """Take the right to write files, to dump memory, and to start processes."""
    for name, most in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_NOFILE", _MOST_FILES),
    ):
        _limit(name, most, is_final=True)


def _limit(name: str, most: int, *, is_final: bool = False) -> None:
    """Set a limit, -1 for none; a final one cannot be taken back."""
    try:
        import resource

        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        if hard != resource.RLIM_INFINITY:
            most = hard if most == -1 else min(most, hard)
        resource.setrlimit(number, (most, most if is_final else hard))
    except (ImportError, AttributeError, OSError, ValueError):
        pass  # this system has no such limit


def _size() -> int:
    """Return the bytes of addresses of this process; 0 where that is unknown."""
    try:
        with open("/proc/self/statm", "rb") as about:
            return int(about.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, AttributeError, ValueError):
        return 0


def _found(name: str) -> Callable[[bytes], bytes]:
    """Import `module:function`."""
    module, _, function = name.partition(":")
    __import__(module)
    found: Callable[[bytes], bytes] = getattr(sys.modules[module], function)
    return found


def _written(error: Exception) -> bytes:
    """Return class and message of an exception, with a line break between them."""
    name = type(error).__name__
    try:
        text = f"{name}\n{error!s:.{MOST_OF_A_MESSAGE}}"
    except Exception:  # noqa: BLE001 - whatever its message does
        text = name
    return text.encode("utf-8", "replace")
