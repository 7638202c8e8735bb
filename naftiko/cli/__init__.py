"""Arguments in, exit code out; with its modules, the only place that prints.

Exit codes: 0 done, 1 the call failed or problems were found, 2 wrong usage, 3 the
document cannot be used, 130 interrupted, 141 the reader of the output went away.
Data goes to standard output, every message to standard error. One module per command;
none is imported before its command runs.
"""

from __future__ import annotations

import sys

from naftiko.version import __version__

EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words in (["--version"], ["-V"]):
        # Nothing else is imported for the most frequent question of scripts.
        print(f"naftiko {__version__}")
        return 0
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return EXIT_CLOSED_PIPE


def _run(words: list[str]) -> int:
    from naftiko.cli.console import show_error
    from naftiko.errors import NaftikoError

    if words[:1] == ["__complete"]:
        from naftiko.cli.completion import complete

        print("\n".join(complete(words[1:])))
        return 0
    from naftiko.cli.parser import parse

    arguments = parse(words)
    try:
        code: int = arguments.run(arguments)
    except NaftikoError as error:
        show_error(error)
        return error.exit_code
    return code


def _forget_output() -> None:
    """Keep the interpreter from failing once more when it flushes at exit."""
    import os

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
