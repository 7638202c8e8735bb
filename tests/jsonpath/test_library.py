"""Operators that `jsonpath-ng` walks for us."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.library import compile_by_library
from naftiko.jsonpath.reading import segments_of

ITEMS: Any = {"rows": [{"id": 2, "tags": ["x", "y"]}, {"id": 1, "tags": []}]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.rows.`len`", 2),
        ("$.rows[0].`keys`", ["id", "tags"]),
        ("$.rows[*].tags.`len`", [2, 0]),
        (r"$.rows[\id][*].id", [2, 1]),
        ("$.rows[/id][*].id", [1, 2]),
        # A test before the operator is ours, and so is what follows the operator.
        ("$.rows[?@.id in [2]].tags.`len`", [2]),
        ("$.rows[0].tags.`parent`.id", 2),
    ],
)
def test_operator_of_the_library_is_walked(path: str, found: Any) -> None:
    """The library gets the operators, and we walk the segments around them."""
    assert compile_path(path)(ITEMS) == found


def test_fault_of_the_library_becomes_nothing() -> None:
    """The library raises whatever Python raises; the path then finds nothing."""
    assert compile_path("$.`sub(/a/, b)`")(7) is None


def test_operator_that_the_library_lacks_is_refused_when_it_is_compiled() -> None:
    """The error has a caret, and no value is needed to see it."""
    path = "$.rows.`nope`"
    with pytest.raises(OutputError) as caught:
        compile_by_library(path, segments_of(path))
    assert caught.value.code == "U-output-path"
    assert caught.value.hint.splitlines()[-1].index("^") == 4 + path.index("`")
