"""Values as tables, CSV, JSON and YAML; columns in a terminal."""

from __future__ import annotations

import time
from typing import Any

import pytest

from naftiko.cli.tables import (
    Table,
    columns,
    csv_text,
    json_text,
    line_text,
    lines_text,
    ndjson_text,
    picked,
    table_of,
    table_text,
    tsv_text,
    yaml_text,
)
from naftiko.document.writing import write_yaml
from naftiko.errors import CallError
from naftiko.jsonpath.columns import columns_of


@pytest.mark.parametrize(
    ("value", "header", "rows"),
    [
        ([{"a": 1}, {"b": 2}], ["a", "b"], [[1, None], [None, 2]]),
        # Lists are never paired, even those of one length.
        ({"a": [1, 2], "b": [3, 4]}, ["name", "value"], [["a", [1, 2]], ["b", [3, 4]]]),
        ({"a": [1, 2], "b": [3]}, ["name", "value"], [["a", [1, 2]], ["b", [3]]]),
        ({"a": [1, 2]}, ["a"], [[1], [2]]),
        ({"a": [1], "b": 2}, ["name", "value"], [["a", [1]], ["b", 2]]),
        ({"a": [], "b": "x"}, ["name", "value"], [["a", []], ["b", "x"]]),
        ({"a": [{"n": 1}], "o": {}}, ["name", "value"], [["a", [{"n": 1}]], ["o", {}]]),
        # Names beside rows of as many cells.
        ({"t": ["PID", "CMD"], "p": [["1", "sh"]]}, ["PID", "CMD"], [["1", "sh"]]),
        (
            {"t": ["PID"], "p": [["1", "sh"]]},
            ["name", "value"],
            [["t", ["PID"]], ["p", [["1", "sh"]]]],
        ),
        ({"a": 1}, ["name", "value"], [["a", 1]]),
        ([1, "x"], ["value"], [[1], ["x"]]),
        ([], ["value"], []),
        (None, ["value"], [[None]]),
    ],
)
def test_objects_and_columns_become_rows(
    value: object, header: list[str], rows: list[list[object]]
) -> None:
    """Objects and lists of objects become rows."""
    assert table_of(value) == (header, rows, {})


def test_list_of_objects_in_an_object_becomes_rows() -> None:
    """The other members stand beside the rows, and none of them is lost."""
    table = table_of({"total": 2, "items": [{"a": 1}, {"a": 2}], "next": None})
    assert table == (["a"], [[1], [2]], {"total": 2, "next": None})
    assert table_text(table) == "A\n1\n2\n\ntotal:  2\nnext:"


OUTPUTS = [("isbn", "$[*].isbn"), ("title", "$[*].title"), ("total", "$.total")]
BOOKS: Any = [{"isbn": 1}, {"title": "B"}, {"isbn": 3, "title": "C"}]


def test_outputs_of_one_list_are_paired_by_their_nodes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A member that is missing leaves its cell empty, and moves no other cell."""
    result = {"isbn": [1, 3], "title": ["B", "C"], "total": 3}
    table = table_of(result, columns_of(OUTPUTS), BOOKS)
    assert table.rows == [[1, None], [None, "B"], [3, "C"]]
    assert table_text(table) == "ISBN  TITLE\n1\n      B\n3     C\n\ntotal:  3"
    assert csv_text(table) == "isbn,title\n1,\n,B\n3,C"
    assert capsys.readouterr().err == "total: 3\n"


def test_columns_are_picked_by_their_names() -> None:
    """Names are found in any case; the members of one object are columns too."""
    table = Table(["id", "name", "size"], [[1, "a", 2]], {"total": 1})
    assert picked(table, "SIZE, id") == (["size", "id"], [[2, 1]], {})
    assert picked(table_of({"id": 7, "name": "x"}), "name") == (["name"], [["x"]], {})
    with pytest.raises(CallError) as caught:
        picked(table, "nam")
    assert caught.value.hint == "did you mean 'name'? Columns: id, name, size"


def test_identifiers_and_times_of_a_table_are_short() -> None:
    """A long identifier is cut, and a time becomes an age, unless all is asked for."""
    digits = "0123456789abcdef" * 4
    now = int(time.time())
    row = {"id": f"sha256:{digits}", "created": now - 7300, "size": now - 7300}
    lines = table_text([row]).splitlines()
    assert lines[1].split(maxsplit=1)[0] == "0123456789ab"
    assert "2 hours ago" in lines[1]
    assert lines[1].endswith(str(now - 7300))
    full = table_text([row], full=True)
    assert f"sha256:{digits}  {now - 7300}" in full
    assert (
        csv_text([row]).splitlines()[1] == f"sha256:{digits},{now - 7300},{now - 7300}"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2002-02-03T04:05:06.123456789Z", "years ago"),
        ("2002-02-03T04:05:06+01:00", "years ago"),
        ("2002-02-03", "2002-02-03"),
        ("2002-13-03T04:05:06Z", "2002-13-03T04:05:06Z"),
        (17, "17"),
        (4_000_000_000, "4000000000"),
        (True, "true"),
        (None, ""),
    ],
)
def test_only_a_time_becomes_an_age(value: object, shown: str) -> None:
    """A date alone, a small number and a time to come stay as they are."""
    text = table_text([{"startedAt": value, "n": 1}]).splitlines()[1]
    assert text.removesuffix("1").rstrip().endswith(shown)


def test_wide_cells_are_cut_so_that_all_columns_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The widest cells give way; the first column, which holds the name, stays."""
    monkeypatch.setattr("naftiko.cli.tables.width", lambda: 40)
    row = {"id": "abcdefghijkl", "image": "x" * 60, "state": "running"}
    header, line = table_text([row]).splitlines()
    assert header.split() == ["ID", "IMAGE", "STATE"]
    assert line == f"abcdefghijkl  {'x' * 16}…  running"
    assert "x" * 60 in table_text([row], full=True)


def test_number_without_a_form_in_json_is_null(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """JSON out is JSON (RFC 8259); the note is told once for each result."""
    value = {"v": float("inf"), "w": [float("nan"), 1]}
    assert json_text(value) == '{\n  "v": null,\n  "w": [\n    null,\n    1\n  ]\n}'
    assert line_text(value) == '{"v": null, "w": [null, 1]}'
    assert yaml_text(value) == "v: null\nw:\n- null\n- 1"
    note = "warning: a number of the result has no form in JSON (NaN, Infinity): it is null here\n"
    assert capsys.readouterr().err == note * 3
    assert csv_text([value]) == 'v,w\n,"[null,1]"'


def test_row_of_a_table_is_one_line() -> None:
    """Line breaks inside a cell become blanks."""
    assert table_text([{"a": "x\ny", "b": True}]) == "A    B\nx y  true"


def test_csv_cells_are_quoted() -> None:
    """Commas and quotes in cells are quoted; a list or an object is compact JSON."""
    row = {"a": 'x,"y', "b": [1, 2], "c": {"ü": [None]}}
    assert csv_text([row]) == 'a,b,c\n"x,""y","[1,2]","{""ü"":[null]}"'


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


def test_header_can_be_left_out() -> None:
    """A table, CSV and TSV are written without the line of names where asked to."""
    rows = [{"a": 1, "b": "x"}]
    assert table_text(rows, header=False) == "1  x"
    assert csv_text(rows, header=False) == "1,x"
    assert tsv_text(rows, header=False) == "1\tx"
    assert table_text([], header=False) == tsv_text([], header=False) == ""


def test_tsv_cell_is_one_field() -> None:
    """Tabs, line breaks and backslashes of a cell are escaped, so that rows stay rows."""
    text = tsv_text([{"a": "x\ty\n\\", "b": None}, {"a": [1], "b": True}])
    assert text == "a\tb\nx\\ty\\n\\\\\t\n[1]\ttrue"


@pytest.mark.parametrize(
    ("value", "ndjson", "lines"),
    [
        (["a", 1, None], '"a"\n1\nnull', "a\n1\nnull"),
        ([{"a": [1]}, {}], '{"a":[1]}\n{}', '{"a":[1]}\n{}'),
        ({"a": 1}, '{"a":1}', '{"a":1}'),
        ("x", '"x"', "x"),
        ([], "", ""),
    ],
)
def test_list_is_written_as_a_line_for_each_item(
    value: object, ndjson: str, lines: str
) -> None:
    """NDJSON has JSON on each line; plain lines have texts as they are."""
    assert ndjson_text(value) == ndjson
    assert lines_text(value) == lines
