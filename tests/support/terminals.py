"""Run a command in a pseudo-terminal: read its output and type keys."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import struct
import termios
from collections.abc import Sequence

_LONGEST = 30.0


class Terminal:
    """A process in a pseudo-terminal; a context manager.

    Args:
        words: Command and its arguments.
        columns: Width of the terminal.
        environment: Environment variables of the process.
        folder: Working directory of the process.

    Attributes:
        shown: Output since the last text that was waited for.
        code: Exit code of the process, once it has ended.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        columns: int = 80,
        environment: dict[str, str] | None = None,
        folder: str = ".",
    ) -> None:
        self.shown = ""
        self.code: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._process, self._terminal = pty.fork()
        if self._process == 0:  # pragma: no cover - another process
            try:
                os.chdir(folder)
                fcntl.ioctl(
                    0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0)
                )
                environment = {"TERM": "xterm", **(environment or os.environ)}
                os.execvpe(words[0], list(words), environment)
            finally:
                os._exit(127)

    def type(self, text: str) -> None:
        """Type keys into the terminal."""
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str) -> str:
        """Read until a text is shown; return and remove the output before the text."""
        while text not in self.shown:
            assert self._read(), f"{text!r} was not shown, but {self.shown!r}"
        before, _, self.shown = self.shown.partition(text)
        return before

    def end(self) -> str:
        """Read until the process ends; return the remaining output."""
        while self._read():
            pass
        _, status = os.waitpid(self._process, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.shown

    def _read(self) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], _LONGEST)
        assert ready, f"nothing more within {_LONGEST:.0f} s, but {self.shown!r}"
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # Linux raises an error when the process has ended
            data = b""
        # A character or a line end may arrive in two parts.
        self.shown = (self.shown + self._decoder.decode(data)).replace("\r\n", "\n")
        return bool(data)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.code is None:
            os.kill(self._process, 9)
            os.waitpid(self._process, 0)
        os.close(self._terminal)
