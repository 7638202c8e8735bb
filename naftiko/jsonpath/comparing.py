"""Comparisons of filters: two values → whether the comparison holds.

    a        operator  b        holds
    -------  --------  -------  ---------------------------------------
    1        ==        1.0      yes
    1        ==        true     no: no value is converted (2.3.5.2.2)
    MISSING  ==        null     no: what is missing is no null
    "a"      <         "b"      yes, by code points
    1        <         "2"      no, nor in any other order
    null     <=        null     yes: equal

RFC 9535, 2.3.5.2.2; and the operators in words of Jayway JsonPath, as `in`.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from naftiko.jsonpath.steps import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.plain import JSON

    Compare = Callable[[Any, Any], bool]

_NUMBERS = (int, float)


def is_equal(a: JSON, b: JSON) -> bool:
    """Tell whether two values are the same JSON value, numbers by their amount."""
    if a is MISSING or b is MISSING:
        return a is b
    kind = type(a)
    if kind is type(b) and kind not in (dict, list):
        return bool(a == b)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if kind is list and type(b) is list:
        return len(a) == len(b) and all(map(is_equal, a, b))
    if kind is dict and type(b) is dict:
        return a.keys() == b.keys() and all(is_equal(a[key], b[key]) for key in a)
    return bool(a == b)


def _ordered(holds: Compare) -> Compare:
    def compare(a: Any, b: Any) -> bool:
        if isinstance(a, str):
            return isinstance(b, str) and holds(a, b)
        if isinstance(a, _NUMBERS) and not isinstance(a, bool):
            is_number = isinstance(b, _NUMBERS) and not isinstance(b, bool)
            return is_number and holds(a, b)
        return False

    return compare


_less, _more = _ordered(operator.lt), _ordered(operator.gt)

#: Sign of an operator → its comparison.
SIGNS: dict[str, Compare] = {
    "==": is_equal,
    "!=": lambda a, b: not is_equal(a, b),
    "<": _less,
    ">": _more,
    "<=": lambda a, b: _less(a, b) or is_equal(a, b),
    ">=": lambda a, b: _more(a, b) or is_equal(a, b),
}


def _has(values: Any, one: Any) -> bool:
    return isinstance(values, list) and any(is_equal(one, value) for value in values)


def _overlaps(a: Any, b: Any) -> bool:
    return isinstance(a, list) and any(_has(b, value) for value in a)


def _contains(a: Any, b: Any) -> bool:
    if isinstance(a, str):
        return isinstance(b, str) and b in a
    return _has(a, b)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (str, list)) else -1


def _has_size(a: Any, b: Any) -> bool:
    size = b if isinstance(b, int) and not isinstance(b, bool) else _size(b)
    return size >= 0 and _size(a) == size


#: Word of an operator of Jayway → its comparison.
WORDS: dict[str, Compare] = {
    "in": lambda a, b: a is not MISSING and _has(b, a),
    "nin": lambda a, b: isinstance(b, list) and not _has(b, a),
    "subsetof": lambda a, b: isinstance(a, list) and all(_has(b, v) for v in a),
    "anyof": _overlaps,
    "noneof": lambda a, b: isinstance(a, list) and not _overlaps(a, b),
    "contains": _contains,
    "size": _has_size,
    "empty": lambda a, b: _size(a) >= 0 and (_size(a) == 0) is b,
}
