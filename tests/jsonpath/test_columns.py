"""Outputs that select members of one list, as columns."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.jsonpath.columns import columns_of


def _columns(*paths: str) -> tuple[str, ...] | None:
    columns = columns_of(zip("abcdef", paths, strict=False))
    return columns and columns.names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["$[*].x", "$[*].y"], ("a", "b")),
        (["$[*].x", "$.items[*].y"], ("a",)),
        (["$.total", "$.l[*].x", "$.l[*].y.z[0]"], ("b", "c")),
        (["$.l[?@.n > 1].x", "$.l[?@.n > 1].y"], ("a", "b")),
        (["$.l[?@.n > 1].x", "$.l[?@.n > 2].y", "$.l[*].z"], ("a",)),
        (["$.a[*].x", "$.b[*].y", "$.b[*].z"], ("b", "c")),
        (["$..x", "$..y"], ("a",)),
        # One list beside members that come first: it describes one thing.
        (["$.id", "$.tags[*]"], None),
        (["$.a", "$.b"], None),
        (["$[*].x.length()"], None),
        (["$[*].x.`len`"], None),
        ([], None),
    ],
)
def test_outputs_with_the_same_nodes_are_columns(
    paths: list[str], names: tuple[str, ...] | None
) -> None:
    """The most outputs that share their nodes are columns; the others are not."""
    assert _columns(*paths) == names


@pytest.mark.parametrize(
    ("paths", "value", "rows"),
    [
        (
            ["$[*].x", "$[*].y"],
            [{"x": 1}, {"y": 2}, {"x": None, "y": 4}],
            [[1, None], [None, 2], [None, 4]],
        ),
        (
            ["$.a[*].name", "$.a[*].books[*].title"],
            {"a": [{"name": "Bo", "books": [{"title": "S"}, {}]}, {"name": "Cy"}]},
            [["Bo", ["S"]], ["Cy", []]],
        ),
        (
            ["$.a[*].b[*].x", "$.a[*].b[*].y"],
            {"a": [{"b": [{"x": 1}]}, {"b": [{"x": 2, "y": 3}]}]},
            [[1, None], [2, 3]],
        ),
        (["$[*].x", "$[*].y.length"], [{"x": 1, "y": [1, 2]}], [[1, 2]]),
        (["$[*]", "$[*].x"], [{"x": 1}, 7], [[{"x": 1}, 1], [7, None]]),
        (["$[*].x"], {"not": "a list"}, [[None]]),
        (["$.l[*].x"], None, []),
    ],
)
def test_row_is_a_node_of_the_list(paths: list[str], value: Any, rows: Any) -> None:
    """A member that a node lacks is `None`; several values of a node are a list."""
    columns = columns_of(zip("ab", paths, strict=False))
    assert columns is not None
    assert columns.rows(value) == rows


def test_lone_element_of_xml_is_a_row() -> None:
    """One element is no list in XML, and yet a row."""
    outputs = [("i", "$.s[*].i"), ("n", "$.s[*].n")]
    columns = columns_of(outputs, lone_is_list=True)
    assert columns is not None
    assert columns.rows({"s": {"i": "1"}}) == [["1", None]]
    assert columns.rows("") == []
