"""The functions that may end a path, as `$.prices.sum()`.

They apply to the value that the path before them finds. A value that a function cannot
take raises an error of Python's, which the compiled path turns into `None`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.plain import JSON


def _numbers(value: list[JSON]) -> list[float]:
    return [
        item
        for item in value
        if isinstance(item, (int, float)) and not isinstance(item, bool)
    ]


def _average(value: list[JSON]) -> float:
    numbers = _numbers(value)
    return sum(numbers) / len(numbers)


FUNCTIONS: dict[str, Callable[[Any], JSON]] = {
    "length": len,
    "size": len,
    "min": lambda value: min(_numbers(value)),
    "max": lambda value: max(_numbers(value)),
    "sum": lambda value: sum(_numbers(value)),
    "avg": _average,
    "keys": lambda value: list(value.keys()),
    "first": lambda value: value[0],
    "last": lambda value: value[-1],
}
