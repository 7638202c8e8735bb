"""Work for child processes: bytes in, bytes out; each does one thing well or badly."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import time


def echo(payload: bytes) -> bytes:
    """Return the payload."""
    return payload


def pid(payload: bytes) -> bytes:
    """Return the number of the process."""
    return str(os.getpid()).encode()


def sleep(payload: bytes) -> bytes:
    """Sleep for so many seconds."""
    time.sleep(float(payload))
    return b"slept"


def busy(payload: bytes) -> bytes:
    """Be busy in native code, which heeds no signal handler and keeps the GIL."""
    re.match(r"(a*)*$", "a" * 40 + "b")
    return b""


def take(payload: bytes) -> bytes:
    """Take so many bytes of memory."""
    return str(len(bytearray(int(payload)))).encode()


def give(payload: bytes) -> bytes:
    """Return so many bytes."""
    return bytes(int(payload))


def fail(payload: bytes) -> bytes:
    """Raise an exception with the payload as its message."""
    raise KeyError(payload.decode("utf-8", "surrogateescape"))


class Mean(Exception):
    """An exception without a message."""

    def __str__(self) -> str:
        raise RuntimeError


def fail_badly(payload: bytes) -> bytes:
    """Raise an exception that cannot be written."""
    raise Mean


def leave(payload: bytes) -> bytes:
    """End the process with an exit code."""
    os._exit(int(payload))


def end(payload: bytes) -> bytes:
    """End the process by a signal."""
    os.kill(os.getpid(), int(payload))
    time.sleep(5)
    return b""


def linger(payload: bytes) -> bytes:
    """Ask politely for the end, as a manager does, then return."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(os.getpid(), number)
    return b"here"


def hold(payload: bytes) -> bytes:
    """Keep memory after the work."""
    sys.modules["held"] = bytearray(int(payload))  # type: ignore[assignment]
    return str(os.getpid()).encode()


def tell(payload: bytes) -> bytes:
    """Return what the process has, and what it may do."""
    files = []
    for number in range(64):
        with contextlib.suppress(OSError):
            os.fstat(number)
            files.append(number)
    try:
        with open(payload.decode(), "wb") as file:
            file.write(b"x" * 10)
            file.flush()
        writes = True
    except OSError:
        writes = False
    about = {
        "environment": sorted(os.environ),
        "files": files,
        "writes": writes,
        "modules": sorted(sys.modules),
        "words": sys.argv[2:],
        "group": os.getpgrp() == os.getpid(),
    }
    return json.dumps(about).encode()
