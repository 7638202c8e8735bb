"""`Job`: one piece of work for a child process. It starts none itself."""

from __future__ import annotations

from naftiko.records.tuples import NamedTuple

MIB = 1024 * 1024


class Job(NamedTuple):
    """One piece of work for a child process; see `naftiko.workers.pool.Pool`.

    Attributes:
        task: `module:function`; the function takes bytes and returns bytes.
        payload: What it takes, in parts: large ones need not be joined.
        seconds: After this time its child is ended.
        memory: Bytes that it may take, where the system can limit them.
        patience: Seconds to wait for a child.
        most: Bytes that it may return.
    """

    task: str
    payload: tuple[bytes, ...]
    seconds: float
    memory: int
    patience: float = 30.0
    most: int = 64 * MIB

    @property
    def size(self) -> int:
        """The bytes of its payload."""
        return sum(map(len, self.payload))
