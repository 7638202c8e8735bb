"""Values as tables, CSV, JSON and YAML; columns in a terminal."""

from __future__ import annotations

import pytest

from naftiko.cli.tables import columns, csv_text, json_text, table_rows, table_text
from naftiko.document.writing import write_yaml


@pytest.mark.parametrize(
    ("value", "header", "rows"),
    [
        ([{"a": 1}, {"b": 2}], ["a", "b"], [[1, None], [None, 2]]),
        ({"a": [1, 2], "b": [3, 4]}, ["a", "b"], [[1, 3], [2, 4]]),
        ({"a": [1, 2], "b": [3]}, ["name", "value"], [["a", [1, 2]], ["b", [3]]]),
        ({"a": 1}, ["name", "value"], [["a", 1]]),
        ([1, "x"], ["value"], [[1], ["x"]]),
        ([], ["value"], []),
        (None, ["value"], [[None]]),
    ],
)
def test_objects_and_columns_become_rows(
    value: object, header: list[str], rows: list[list[object]]
) -> None:
    """Objects, lists of objects and columns of equal length become rows."""
    assert table_rows(value) == (header, rows)


def test_row_of_a_table_is_one_line() -> None:
    """Line breaks inside a cell become blanks."""
    assert table_text([{"a": "x\ny", "b": True}]) == "A    B\nx y  true"


def test_csv_cells_are_quoted() -> None:
    """Commas and quotes in cells are quoted; a list of scalars is joined."""
    assert csv_text([{"a": 'x,"y', "b": [1, 2]}]) == 'a,b\n"x,""y","1, 2"'


def test_yaml_keeps_order_and_characters() -> None:
    """Keys keep their order; non-ASCII text is written as it is."""
    assert write_yaml({"z": "é", "a": [1]}) == "z: é\na:\n- 1"
    assert write_yaml("x") == "x"
    twice = ["same"]
    assert write_yaml({"b": twice, "a": twice}) == "b:\n- same\na:\n- same"


def test_bytes_in_json_are_base64() -> None:
    """Bytes inside a result are written in base64."""
    assert json_text({"a": b"\xff"}) == '{\n  "a": "/w=="\n}'


def test_columns_are_cut_at_the_width_of_a_terminal() -> None:
    """The last column is cut so that a line fits the width of the terminal."""
    assert list(columns([["a", "long text"], ["bbb", "x"]], 8)) == [
        "a    lo…",
        "bbb  x",
    ]
    assert list(columns([])) == []
