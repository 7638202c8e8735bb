"""`Total`: the bytes of all bodies that are held at the same time, and their limit.

    Total(64 MiB).holder()  →  holder.add(len(chunk))  →  False: no more may come in

Each body has a limit of its own, but many bodies at the same time have not. Small
bodies do not count: whoever fills the total cannot keep them out, and the number of
connections bounds them. This module must not know where bodies come from.
"""

from __future__ import annotations

import sys

#: Bytes of each body that do not count.
SMALL = 16 * 1024


class NoRoom(Exception):
    """More bytes than may be held at the same time; it never leaves the package."""


class Total:
    """The bytes that all holders hold together.

    Args:
        limit: The most bytes at the same time.

    Attributes:
        held: The bytes that are held now.
    """

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def holder(self) -> Holder:
        """Return what counts one body."""
        return Holder(self)


class Holder:
    """The bytes of one body, counted while they come in, and until it is not needed.

    Without `free`, they are free when the object is gone.
    """

    __slots__ = ("_counted", "_size", "_total")

    def __init__(self, total: Total) -> None:
        self._total = total
        self._size = self._counted = 0

    @property
    def limit(self) -> int:
        """The most bytes that all holders may hold together."""
        return self._total.limit

    def has_room(self, size: int) -> bool:
        """Tell whether so many bytes could be held now, beside those of others."""
        return size <= SMALL or self._total.held + size - SMALL <= self._total.limit

    def add(self, size: int) -> bool:
        """Count further bytes; return `False` if they are more than may be held."""
        self._size += size
        more = self._size - SMALL - self._counted
        if more <= 0:
            return True
        if self._total.held + more > self._total.limit:
            return False
        self._total.held += more
        self._counted += more
        return True

    def hold(self, size: int) -> None:
        """Count further bytes; see `add`.

        Raises:
            NoRoom: They are more than may be held. The body is given up with them.
        """
        if not self.add(size):
            self.free()
            raise NoRoom

    def drop(self, size: int) -> None:
        """Take bytes away that are not held any more."""
        self._size -= size
        less = min(self._counted, self._counted + SMALL - self._size)
        if less > 0:
            self._total.held -= less
            self._counted -= less

    def free(self) -> None:
        """Hold nothing any more."""
        self._total.held -= self._counted
        self._size = self._counted = 0

    __del__ = free


#: Of bodies that need no limit together.
UNLIMITED = Total(sys.maxsize)
