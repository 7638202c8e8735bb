"""What reading a body may cost: its size, its growth, the time that it takes.

    is_slow("yaml", 4096)            →  False
    limit_of("html", 64 MiB)         →  2 MiB

All limits of what is decoded stand here. They follow from one option, the largest
response: `max_response_bytes`. A format that takes more time or more memory for a byte
has a smaller share of it. This module must not know how anything is decoded.
"""

from __future__ import annotations

from typing import NamedTuple

MIB = 1024 * 1024
#: Bytes: how large a response may be, unless a transport is told otherwise.
MAX_RESPONSE_BYTES = 64 * MIB


class Cost(NamedTuple):
    """What one format costs.

    Attributes:
        quick: Bytes of a body that are decoded within some three milliseconds.
        share: A body may have this part of the largest response: 4 is a quarter.
        memory: Bytes of memory that a byte of a usual body takes while it is decoded.
    """

    quick: int
    share: int
    memory: int


#: Measured with records of three members, on one core of 2.5 GHz.
_COSTS = {
    "json": Cost(64 * 1024, 1, 8),
    "xml": Cost(10 * 1024, 4, 13),
    "yaml": Cost(4 * 1024, 8, 19),
    "csv": Cost(16 * 1024, 4, 32),
    "tsv": Cost(16 * 1024, 4, 32),
    "psv": Cost(16 * 1024, 4, 32),
    "html": Cost(512, 32, 110),
    "markdown": Cost(256, 64, 320),
    "multiplexed": Cost(64 * 1024, 1, 4),
    "text": Cost(MIB, 1, 4),
    "binary": Cost(1 << 62, 1, 1),
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


def limit_of(format: str, most: int = MAX_RESPONSE_BYTES) -> int:
    """Return the bytes that a body of a format may have.

    Args:
        format: The format.
        most: The bytes that the largest response may have.
    """
    return most // cost_of(format).share
