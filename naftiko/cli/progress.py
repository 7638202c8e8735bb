"""The progress bar of a long command, on standard error in a terminal.

    ██████░░░░░░░░░░░░░░ 12/40 files  3 s left

Elsewhere nothing is drawn.
"""

from __future__ import annotations

import sys
import time

from naftiko.cli.tables import is_unicode, width


class Progress:
    """A progress bar, drawn half a second after the start at the earliest.

    Args:
        total: How much there is to do; 0 when it is unknown.
        unit: The plural noun of what is counted.
        shown: Whether to draw at all; without a terminal nothing is drawn.
    """

    def __init__(self, total: int, unit: str, *, shown: bool = True) -> None:
        self.total = total
        self.unit = unit
        self.done = 0
        self._shown = shown and sys.stderr.isatty()
        self._started = self._last = time.monotonic()
        self._drawn = False

    def add(self, count: int = 1) -> None:
        """Count what has been done; draw at most ten times a second."""
        self.done += count
        now = time.monotonic()
        if self._shown and now - self._started > 0.5 and now - self._last > 0.1:
            self._last = now
            self._draw(now)

    def _draw(self, now: float) -> None:
        room = (width(sys.stderr) or 80) - 1
        text = f"{self.done:,} {self.unit}"
        if self.total:
            rate = self.done / (now - self._started)
            left = f"{(self.total - self.done) / rate:.0f} s left" if rate else ""
            text = f"{self.done:,}/{self.total:,} {self.unit}  {left}"
            size = min(30, room - len(text) - 1)
            if size > 3:
                full, empty = "█░" if is_unicode(sys.stderr) else "#-"
                filled = min(size, size * self.done // self.total)
                text = f"{full * filled}{empty * (size - filled)} {text}"
        sys.stderr.write(f"\r\x1b[K{text[:room]}")
        sys.stderr.flush()
        self._drawn = True

    def end(self) -> None:
        """Remove the bar."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
