"""Arguments in, exit code out; with its modules, the only place that prints.

Exit codes: 0 done, 1 the call failed or problems were found, 2 wrong usage, 3 the
document cannot be used, 4 it cannot be served, 130 interrupted, 141 the reader of the
output went away.
Data goes to standard output, every message to standard error. One module per command;
none is imported before its command runs.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from naftiko.version import __version__

if TYPE_CHECKING:
    from types import FrameType

EXIT_UNWRITTEN = 1
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
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
        _forget_output()
        return EXIT_CLOSED_PIPE
    except OSError as error:
        _forget_output()
        _say_unwritten(error)
        return EXIT_UNWRITTEN
    # Here, behind the exception, everything that it held has been cleaned up.
    if argv is None:
        _die_of_interrupt()
    return EXIT_INTERRUPTED


def _run(words: list[str], is_process: bool) -> int:
    if words[:1] in (["--version"], ["-V"]):
        # Nothing else is imported for the most frequent question of scripts.
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
        code: int = arguments.run(arguments)
    except NaftikoError as error:
        show_error(error)
        return error.exit_code
    return code


def _prepare_process() -> None:
    """Make the streams and the memory of this process fit for a command."""
    # Starting makes many objects and little garbage: looking for it takes 5 %.
    gc.set_threshold(50_000)
    for name in ("stdin", "stdout", "stderr"):
        # A caller may have closed one: without this, the next file or connection
        # would get its number, and our output.
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    # A terminal that is not UTF-8 gets what it can show, and an escape for the rest.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _catch_signals() -> None:
    """End like after an error when told to, so that no half-written file remains."""
    import signal

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _die_of_interrupt() -> None:
    """End by the signal itself: a shell that sees it ends its loop as well."""
    import signal

    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


def _forget_output() -> None:
    """Keep the interpreter from failing once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_unwritten(error: OSError) -> None:
    from contextlib import suppress

    from naftiko.cli.console import fail

    with suppress(OSError):  # the messages may go to the same full disk
        what = f"'{error.filename}'" if error.filename else "the output"
        fail(f"{what} cannot be written: {error.strerror or error}")
