"""Values by the names that templates give them."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.expressions import ABSENT
from naftiko.functions.values import is_step, value_at


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("one", True),
        ("one.a.b", True),
        ("two.x", True),
        ("two.x.y", True),
        ("one[0]", True),
        ("one['a b'].c", True),
        ("one[]", False),
        ("two", False),
        ("onee", False),
        ("a.one", False),
        ("", False),
    ],
)
def test_name_of_a_step_or_a_member(name: str, found: bool) -> None:
    """A name that begins with that of a step and a dot means a member of it."""
    assert is_step(name, {"one", "two.x"}) is found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("s.list.0", "a"),
        ("s.list.1.deep.0.0", 7),
        ("s.list.2", ABSENT),
        ("s.list.-1", ABSENT),
        ("s.list.x", ABSENT),
        ("s.list.0.x", ABSENT),
        ("s.0", "a member"),
        ("l.0.n", 1),
        ("l.1", ABSENT),
        ("l.99999999999", ABSENT),
        ("dotted.name.0", 5),
        ("l.0.n.more", ABSENT),
        ("s.list[0]", "a"),
        ("s.list[-1].deep[0][0]", 7),
        ("s.list[-3]", ABSENT),
        ("s.list['0']", "a"),
        ("l[0].n", 1),
        ("l[1]", ABSENT),
        ("s['a b']", "spaced"),
        ('s["x.y"]', "dotted"),
        ("s[0]", "a member"),
        ("s.list[*]", ABSENT),
        ("ids[]", [3]),
    ],
)
def test_dotted_name_reaches_into_objects_and_lists(name: str, value: Any) -> None:
    """A number is the index of an item where the value is a list, else a name."""
    values = {
        "s": {
            "list": ["a", {"deep": [[7]]}],
            "0": "a member",
            "a b": "spaced",
            "x.y": "dotted",
        },
        "l": [{"n": 1}],
        "dotted.name": [5],
        "ids[]": [3],
    }
    assert value_at(values, name) == value
