"""The process of the command `naftiko`: words in, exit code out.

| Exit code | Means |
| --- | --- |
| 0 | done |
| 1 | the call failed, problems were found, or the output cannot be written |
| 2 | wrong usage |
| 3 | the document cannot be used |
| 4 | the document cannot be served |
| 130 | interrupted by Ctrl-C |
| 141 | broken pipe: the reader of the output is gone |

Data goes to standard output, every message to standard error. The module of a command
is imported when the command runs, never before.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from naftiko.version import __version__

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from types import FrameType

EXIT_UNWRITTEN = 1
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main(argv: list[str] | None = None) -> int:
    """Run a command and return the exit code.

    Args:
        argv: The words behind `naftiko`. Without them this is the process itself: its
            own words are taken, its streams and signals are prepared, and after Ctrl-C
            it ends by the signal.
    """
    if argv is None:
        _prepare_process()
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv, argv is None)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        _discard_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _discard_output()
        _report_unwritten(error)
        return EXIT_UNWRITTEN
    # Outside the `except`: what the exception referred to has been cleaned up by now.
    if argv is None:
        _die_of_interrupt()
    return EXIT_INTERRUPTED


def _run(words: list[str], is_process: bool) -> int:
    if words[:1] in (["--version"], ["-V"]):
        # Scripts ask for the version more than for all else: import nothing.
        print(f"naftiko {__version__}")
        return 0
    if is_process:
        _catch_signals()
    from naftiko.cli.console import show_error
    from naftiko.errors import NaftikoError

    if words[:1] == ["__complete"]:
        from naftiko.cli.commands.completion import answer

        print(answer(words[1:]), end="")
        return 0
    from naftiko.cli.parser import parse

    arguments = parse(words)
    try:
        with _reading(arguments):
            code: int = arguments.run(arguments)
    except NaftikoError as error:
        show_error(error)
        return error.exit_code
    return code


@contextmanager
def _reading(arguments: Namespace) -> Iterator[None]:
    """Let an option about reading documents hold for a command and its processes.

    It is set as the environment variable that means the same: processes that check
    files or serve them read documents too, and inherit it.
    """
    if not getattr(arguments, "append_path_parameters", False):
        yield
        return
    from naftiko.settings import APPEND_PATH_PARAMETERS

    before = os.environ.get(APPEND_PATH_PARAMETERS)
    os.environ[APPEND_PATH_PARAMETERS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[APPEND_PATH_PARAMETERS]
        else:
            os.environ[APPEND_PATH_PARAMETERS] = before


def _prepare_process() -> None:
    """Prepare the garbage collector and the standard streams for a command."""
    # Starting makes some 50,000 objects and little garbage: looking for it takes 5 %.
    gc.set_threshold(100_000)
    for name in ("stdin", "stdout", "stderr"):
        # The caller may have closed a stream. The next file or connection would get
        # its number, and then our output.
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    # An output that is not UTF-8 gets an escape for each character that it lacks.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _catch_signals() -> None:
    """Turn SIGTERM and SIGHUP into an exception, so that unfinished files are removed.

    A signal that the parent process had ignored, as `nohup` does, stays ignored.
    """
    import signal

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit_by_signal)


def _exit_by_signal(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _die_of_interrupt() -> None:
    """End by SIGINT itself: a shell that sees this ends the loop around the command."""
    import signal

    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


def _discard_output() -> None:
    """Send what is still buffered to the null device, where the last flush succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_unwritten(error: OSError) -> None:
    from contextlib import suppress

    from naftiko.cli.console import fail

    with suppress(OSError):  # standard error may lead to the same full disk
        target = f"'{error.filename}'" if error.filename else "the output"
        fail(f"{target} cannot be written: {error.strerror or error}")
