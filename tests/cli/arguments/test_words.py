"""Command line words: arguments of a call."""

from __future__ import annotations

import pytest

from naftiko.cli.arguments.words import call_arguments, split_item
from support.building import capability


@pytest.mark.parametrize(
    ("item", "names", "parts"),
    [
        ("n=1", [], ("n", "=", "1")),
        ("n:=1", [], ("n", ":=", "1")),
        ("n=@f", [], ("n", "=@", "f")),
        ("a=b=1", ["a=b"], ("a=b", "=", "1")),
        ("a=b=1", [], ("a", "=", "b=1")),
        ("x:=1", ["x:"], ("x:", "=", "1")),
        ("n", ["n"], None),
        ("=1", [], None),
    ],
)
def test_longest_known_name_ends_an_argument(
    item: str, names: list[str], parts: tuple[str, str, str] | None
) -> None:
    """An argument name that the operation declares may hold `=` or `:`."""
    assert split_item(item, names) == parts


def test_repeated_argument_becomes_a_list() -> None:
    """An argument that is given twice becomes a list of its values in order."""
    with capability({"inputParameters": [{"name": "n", "in": "query"}]}) as loaded:
        operation = loaded.operations.find("api.op")
        assert call_arguments(["n=1", "n:=2"], None, operation) == {"n": ["1", 2]}
        assert call_arguments(["n=1"], None, operation) == {"n": "1"}
        assert call_arguments([], None, operation) == {}
