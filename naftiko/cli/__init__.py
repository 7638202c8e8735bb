"""The command line: words in, text and an exit code out; the only place that prints.

`main` is the entry point of the command `naftiko`. The modules here are shared by the
commands; each module of `naftiko.cli.commands` is a command, or a few that belong
together.
"""

from naftiko.cli.entry import main

__all__ = ["main"]
