"""Runs: the variables that one used, its errors, and the driver of calls."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.errors import CallError, UnboundVariable
from naftiko.functions.runs import Lookup, Outcome, Work, drive, in_step


def test_value_is_decoded_once() -> None:
    """A decoded value is kept, a null too."""
    asked: list[int] = []
    outcome = Outcome(decode=lambda: asked.append(1))
    assert outcome.value is None
    assert outcome.value is None
    assert asked == [1]
    assert Outcome(5).value == 5


def test_run_keeps_the_variables_that_it_used() -> None:
    """A variable that was looked up is a secret of the run; a missing one is none."""

    def variable_of(name: str) -> str:
        if name == "GONE":
            raise UnboundVariable("no value", name=name)
        return name.lower()

    look = Lookup(variable_of)
    assert look("KEY") == "key"
    with pytest.raises(UnboundVariable):
        look("GONE")
    assert look.secrets == {"KEY": "key"}


def test_error_names_the_innermost_step() -> None:
    """A step is named once, and no step not at all."""
    error = CallError("no")
    assert in_step(error, "") is error
    assert error.message == "no"
    assert in_step(in_step(error, "inner"), "outer") is error
    assert (error.message, error.step) == ("step 'inner': no", "inner")


def test_run_is_driven_to_its_outcome() -> None:
    """What a run asks for together is answered in its order."""

    def run() -> Any:
        first = yield (Work(lambda: 1), Work(lambda: 2))
        second = yield (Work(lambda: sum(first)),)
        return Outcome([*first, *second])

    assert drive(run(), lambda asked: asked.run()).value == [1, 2, 3]  # type: ignore[union-attr]
