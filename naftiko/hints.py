"""Hints in the words of their reader: Python, a shell, or the log of a server.

    Hint("give x=", "give --x")   →  worded(hint, SHELL): "give --x"

This module must not know any other module of the package.
"""

from __future__ import annotations


class Hint(str):
    """A hint that names options: in the words of Python, of a shell and of a server.

    It is the text for Python, `variables={'TOKEN': …}`; whoever writes it for another
    reader asks `worded` for the words of that reader.

    Attributes:
        shell: The hint in words of the command line.
        server: The hint for the log of a server and for its clients.
    """

    shell: str
    server: str

    def __new__(cls, python: str, shell: str = "", server: str = "") -> Hint:
        """Return the hint; without words for a server it has those of a shell."""
        hint = super().__new__(cls, python)
        hint.shell = shell or python
        hint.server = server or hint.shell
        return hint

    def after(self, text: str) -> Hint:
        """Return the hint behind a text that is the same for all readers."""
        return Hint(f"{text}{self}", f"{text}{self.shell}", f"{text}{self.server}")


SHELL, SERVER = "shell", "server"


def worded(hint: str, reader: str) -> str:
    """Return a hint as a reader understands it: `SHELL` or `SERVER`."""
    return str(getattr(hint, reader)) if isinstance(hint, Hint) else hint
