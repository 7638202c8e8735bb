"""What the commands share: tables, CSV, YAML, columns, the progress bar."""

from __future__ import annotations

import io
import sys

import pytest

from naftiko.cli.console import has_colour, paint
from naftiko.cli.progress import Progress
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
def test_table_rows(value: object, header: list[str], rows: list[list[object]]) -> None:
    """Objects, lists of objects and columns of equal length become rows."""
    assert table_rows(value) == (header, rows)


def test_table_keeps_one_line_for_a_row() -> None:
    """Line breaks inside a cell become blanks."""
    assert table_text([{"a": "x\ny", "b": True}]) == "A    B\nx y  true"


def test_csv_quotes() -> None:
    """Commas and quotes in cells are quoted; a list of scalars is joined."""
    assert csv_text([{"a": 'x,"y', "b": [1, 2]}]) == 'a,b\n"x,""y","1, 2"'


def test_yaml_keeps_order_and_characters() -> None:
    """Keys keep their order; non-ASCII text is written as it is."""
    assert write_yaml({"z": "é", "a": [1]}) == "z: é\na:\n- 1"
    assert write_yaml("x") == "x"
    twice = ["same"]
    assert write_yaml({"b": twice, "a": twice}) == "b:\n- same\na:\n- same"


def test_json_writes_bytes_as_base64() -> None:
    """Bytes inside a result are written in base64."""
    assert json_text({"a": b"\xff"}) == '{\n  "a": "/w=="\n}'


def test_columns_are_cut_at_the_width_of_a_terminal() -> None:
    """The last column gives way, never the line."""
    assert list(columns([["a", "long text"], ["bbb", "x"]], 8)) == [
        "a    lo…",
        "bbb  x",
    ]
    assert list(columns([])) == []


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_only_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour needs a terminal, and `NO_COLOR` turns it off."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert not has_colour(io.StringIO())
    assert paint("x", "error", _Terminal()) == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("x", "error", _Terminal()) == "x"


def test_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is drawn for what takes long, and removed at the end."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = Progress(10, "files")
    progress.add()
    assert terminal.getvalue() == ""
    progress._started -= 2
    progress._last -= 2
    progress.add(4)
    assert "5/10 files" in terminal.getvalue()
    progress.end()
    assert terminal.getvalue().endswith("\r\x1b[K")
    Progress(0, "bytes")._draw(progress._started)
    assert "0 bytes" in terminal.getvalue()
