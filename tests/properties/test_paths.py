"""JSONPath: the closures give what the library gives, for any data."""

from __future__ import annotations

from typing import Any

import jsonpath_ng
from hypothesis import given
from hypothesis import strategies as st

from naftiko.errors import OutputError
from naftiko.outputs import compile_path

NAMES = st.sampled_from(["a", "b", "c", "d_1"])
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
STEPS = st.lists(
    NAMES.map(lambda n: f".{n}")
    | NAMES.map(lambda n: f"['{n}']")
    | st.integers(0, 2).map(lambda n: f"[{n}]"),
    max_size=4,
)


@given(DATA, STEPS)
def test_definite_paths(data: Any, steps: list[str]) -> None:
    """A definite path gives the value the library finds, or nothing."""
    expression = "$" + "".join(steps)
    if any(step.startswith("[") and step[1].isdigit() for step in steps) and isinstance(
        data, str
    ):
        return  # the library indexes texts
    found = [m.value for m in jsonpath_ng.parse(expression).find(data)]
    got = compile_path(expression)(data)
    if any(isinstance(value, str) for value in _passed(data, steps)):
        return  # the same, further down
    assert got == (found[0] if found else None)


def _passed(data: Any, steps: list[str]) -> list[Any]:
    """Return every value that a path goes through before its end."""
    passed = []
    for step in steps:
        passed.append(data)
        name = step.strip(".[]'")
        try:
            data = data[int(name)] if name.isdigit() else data[name]
        except (KeyError, IndexError, TypeError):
            break
    return passed


@given(DATA, STEPS)
def test_wildcards(data: Any, steps: list[str]) -> None:
    """A wildcard gives a list, always."""
    got = compile_path("$" + "".join(steps) + "[*]")(data)
    assert isinstance(got, list)


@given(st.text(st.sampled_from("$.[]()*@?'\"`ab01 :,-<=>&|~!/\\"), max_size=25), DATA)
def test_any_path_works_or_is_refused(expression: str, data: Any) -> None:
    """No expression raises anything but `OutputError`."""
    try:
        compile_path(expression)(data)
    except OutputError as error:
        assert error.code == "U-output-path"
