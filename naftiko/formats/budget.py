"""What reading a body may cost: its size, its growth, the time that it takes.

    is_slow("yaml", 4096)                       →  False
    limit_of("html", 64 MiB)                    →  2 MiB
    Growth("csv", 1000, 64 MiB).spend(9999999)  →  OverBudget

All limits of what is decoded stand here. They follow from one option, the largest
response: `max_response_bytes`. A format that takes more time or more memory for a byte
has a smaller share of it. This module must not know how anything is decoded.
"""

from __future__ import annotations

from typing import NoReturn

from naftiko.errors import OutputError
from naftiko.records.tuples import NamedTuple

MIB = 1024 * 1024
#: Bytes: how large a response may be, unless a transport is told otherwise.
MAX_RESPONSE_BYTES = 64 * MIB
#: The part of the largest response that may come of any small body.
_ROOM_SHARE = 64
_HINT = "outputRawFormat: text gives it as it is; or raise `max_response_bytes`"


class Cost(NamedTuple):
    """What one format costs.

    Attributes:
        quick: Bytes of a body that are decoded within some three milliseconds.
        share: A body may have this part of the largest response: 4 is a quarter.
        memory: Bytes of memory that a byte of a usual body takes while it is decoded.
        growth: Characters that may come of a byte of a body. Rows repeat the names of
            their columns: of questions in a survey, that is a hundred characters for
            an answer of two.
    """

    quick: int
    share: int
    memory: int
    growth: int


#: Measured with records of three members, on one core of 2.5 GHz.
_COSTS = {
    "json": Cost(64 * 1024, 1, 8, 1),
    "xml": Cost(10 * 1024, 4, 13, 4),
    "yaml": Cost(4 * 1024, 8, 19, 4),
    "csv": Cost(16 * 1024, 4, 32, 64),
    "tsv": Cost(16 * 1024, 4, 32, 64),
    "psv": Cost(16 * 1024, 4, 32, 64),
    "html": Cost(2 * 1024, 16, 25, 64),
    # A selector needs a tree of the whole page.
    "html by selector": Cost(512, 64, 110, 64),
    "markdown": Cost(256, 256, 320, 64),
    "multiplexed": Cost(64 * 1024, 1, 4, 1),
    "text": Cost(MIB, 1, 4, 1),
    "binary": Cost(1 << 62, 1, 1, 1),
}


def cost_of(format: str) -> Cost:
    """Return what a format costs; of an unknown or empty one, what JSON costs."""
    return _COSTS.get(format) or _COSTS["json"]


def is_slow(format: str, size: int) -> bool:
    """Tell whether decoding a body takes more than a few milliseconds.

    Args:
        format: A declared format, or the one that the type of the body names; in lower
            case. Empty means JSON.
        size: The bytes of the body, content encoding undone.
    """
    return size > cost_of(format).quick


def memory_of(format: str, size: int) -> int:
    """Return the bytes of memory that decoding a usual body takes at its peak."""
    return size * cost_of(format).memory


def memory_of_json(body: bytes) -> int:
    """Return about how many bytes of memory the values of a JSON text take, and it.

    Counted by the marks of values, so a text within it that has such marks counts as
    more. A body of eight-byte objects takes 24 times its size, and one of texts once.
    """
    objects, lists = body.count(b"{"), body.count(b"[")
    texts = max(0, body.count(b'"') - 2 * body.count(b":"))
    return len(body) + 160 * objects + 48 * lists + 28 * body.count(b",") + 20 * texts


def limit_of(format: str, most: int = MAX_RESPONSE_BYTES) -> int:
    """Return the bytes that a body of a format may have.

    Args:
        format: The format.
        most: The bytes that the largest response may have.
    """
    return most // cost_of(format).share


class OverBudget(OutputError):
    """A body is too large for its format, or too much comes of it."""


def check_size(format: str, size: int, most: int) -> None:
    """Refuse a body that is too large for its format.

    Args:
        format: The format.
        size: The bytes of the body.
        most: The bytes that the largest response may have.

    Raises:
        OverBudget: It is larger than `limit_of` tells.
    """
    limit = limit_of(format, most)
    if size > limit:
        raise OverBudget(
            f"the body is not usable {format}: it has {size:,} bytes, and at most"
            f" {limit:,} are read as {format}",
            hint=_HINT,
        )


class Growth:
    """Counts what comes of one body, in characters; a node counts as a few of them.

    Args:
        format: Its format.
        size: Its bytes.
        most: The bytes that the largest response may have.
    """

    __slots__ = ("_format", "_left", "_limit", "_size")

    def __init__(self, format: str, size: int, most: int = MAX_RESPONSE_BYTES) -> None:
        self._format = format
        self._size = size
        limit = most // _ROOM_SHARE + cost_of(format).growth * size
        self._limit = self._left = min(limit, most)

    def spend(self, amount: int, cause: str) -> None:
        """Take note of characters.

        Args:
            amount: Their number.
            cause: What repeats them, for the message.

        Raises:
            OverBudget: They are too many, all together.
        """
        self._left -= amount
        if self._left < 0:
            self._refuse(cause)

    def _refuse(self, cause: str) -> NoReturn:
        raise OverBudget(
            f"the body is not usable {self._format}: {cause} make more than"
            f" {self._limit:,} characters of its {self._size:,} bytes",
            hint=_HINT,
        )
