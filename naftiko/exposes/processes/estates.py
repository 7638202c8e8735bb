"""`Estate`: bytes in shared memory that a process leaves to its successor.

The counts of a metric may only grow. So the process that replaces a dead one begins
with the counts that stand in its estate, and not with zero.
"""

from __future__ import annotations

import mmap
import struct
import zlib

#: Bytes of each half; what is larger when compressed is not left.
HALF = 1 << 20
#: Number of the writing, length and checksum of what follows.
_HEAD = struct.Struct("<QII")


class Estate:
    """One block of shared memory; made before the fork that gives it to a process.

    It has two halves that are written in turn: a process that dies while it writes
    leaves what it wrote before.
    """

    def __init__(self) -> None:
        # Pages that nobody writes take no memory.
        self._memory = mmap.mmap(-1, 2 * HALF)

    def leave(self, data: bytes) -> bool:
        """Write what the successor gets; tell whether it has room."""
        packed = zlib.compress(data, 1)
        if len(packed) > HALF - _HEAD.size:
            return False
        number = 1 + max((one[0] for one in self._halves()), default=0)
        start = number % 2 * HALF
        begin = start + _HEAD.size
        self._memory[begin : begin + len(packed)] = packed
        head = _HEAD.pack(number, len(packed), zlib.crc32(packed))
        self._memory[start:begin] = head
        return True

    def read(self) -> bytes:
        """Return what was written last, or nothing."""
        halves = self._halves()
        return zlib.decompress(max(halves)[1]) if halves else b""

    def _halves(self) -> list[tuple[int, bytes]]:
        """Return number and content of each half that is whole."""
        found = []
        for start in (0, HALF):
            begin = start + _HEAD.size
            number, length, check = _HEAD.unpack(self._memory[start:begin])
            if not number or length > HALF - _HEAD.size:
                continue
            packed = self._memory[begin : begin + length]
            if zlib.crc32(packed) == check:
                found.append((number, packed))
        return found
