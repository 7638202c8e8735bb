"""What decoding a body may cost: `naftiko/formats/budget.py`."""

from __future__ import annotations

import pytest

from naftiko.formats.budget import MAX_RESPONSE_BYTES, MIB, is_slow, limit_of
from naftiko.formats.decoding import FORMATS


@pytest.mark.parametrize(
    ("format", "size", "slow"),
    [
        ("json", 1024, False),
        ("", 1024, False),
        ("json", MIB, True),
        ("yaml", 1024, False),
        ("yaml", 64 * 1024, True),
        ("html", 4096, True),
        ("markdown", 4096, True),
        ("csv", 4096, False),
        ("xml", 64 * 1024, True),
        ("binary", 64 * MIB, False),
    ],
)
def test_slow_bodies_are_told_by_format_and_size(
    format: str, size: int, slow: bool
) -> None:
    assert is_slow(format, size) is slow


def test_every_format_has_a_share_of_the_largest_response() -> None:
    for format in FORMATS:
        assert 0 < limit_of(format) <= MAX_RESPONSE_BYTES
        assert limit_of(format, 2 * MAX_RESPONSE_BYTES) == 2 * limit_of(format)
    assert limit_of("json") == MAX_RESPONSE_BYTES
    assert limit_of("html") < limit_of("yaml") < limit_of("csv") < limit_of("json")
