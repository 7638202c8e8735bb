"""Plain data → YAML text that is read back as the same data."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from naftiko.document import writing, yaml
from support.casefiles import cases


def test_written_yaml_reads_back() -> None:
    """YAML that was written reads back as the same data."""
    value = {"a": ["1", 1, None, True, "yes", "é\n"], "b": {"c": []}}
    assert yaml.parse_value(writing.write_yaml(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1]}, "a:\n- 1"),
        ({"b": 1, "a": 2}, "b: 1\na: 2"),
        ({"a": {}, "b": []}, "a: {}\nb: []"),
        ([{"a": 1, "b": [True, None]}], "- a: 1\n  b:\n  - true\n  - null"),
        ({"a": "x\ny"}, "a: |-\n  x\n  y"),
        ({"a": "x\ny\n", "b": 1}, "a: |\n  x\n  y\nb: 1"),
        ({"a": "x\x07"}, 'a: "x\\a"'),
        ("text", "text"),
        ("", "''"),
        (None, "null"),
        (5, "5"),
    ],
)
def test_value_is_written_in_block_style(value: Any, text: str) -> None:
    """Mappings keep their order, lines stay lines, and no line break ends the text."""
    assert writing.write_yaml(value) == text


@pytest.mark.parametrize("case", cases("document/cases", "scalars"))
def test_text_that_looks_like_another_value_is_quoted(case: dict[str, Any]) -> None:
    """A text is read back as a text, whatever it would be without quotes."""
    text = case["text"]
    for value in (text, [text], {"k": text}):
        assert yaml.parse_value(writing.write_yaml(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "to be continued...",
        "...",
        "a\n...",
        "a\n...\n",
        "a\n---\nb",
        "--- a",
        "# a\n# b",
        "a\nb\n",
        "a\nb\n\n\n",
        "a\n \n",
        "\n\n  a\n",
        " a\nb",
        "\n",
        "a\r\nb",
        "\ufeffa",
        "a\x85b\u2028c\n",
        "- a: [b, {c}]",
    ],
)
def test_text_reads_back_wherever_it_stands(text: str) -> None:
    """The end of a document takes nothing from the text that stands there."""
    values: list[Any] = [text, [text], {"k": text}, {"k": [{"l": text}]}, {text: text}]
    for value in values:
        assert yaml.parse_value(writing.write_yaml(value)) == value
        assert yaml.parse_value(writing.write_yaml(value) + "\n") == value


@pytest.mark.parametrize("gap", [" ", "  ", " ... ", " --- ", "\x85 ", " # ", " 'q' "])
def test_long_text_is_not_folded(gap: str) -> None:
    """A long text, or key, stays on its line and keeps every blank."""
    text = gap.join(["word"] * 40)
    for value in (text, [text], {"k": text}):
        written = writing.write_yaml(value)
        assert "\n" not in written
        assert yaml.parse_value(written) == value
    key = {text[:120]: 1}
    assert yaml.parse_value(writing.write_yaml(key)) == key


def test_value_that_is_used_twice_is_written_twice() -> None:
    """There are no anchors, because readers of JSON-like data do not expect them."""
    shared = {"x": [1]}
    written = writing.write_yaml({"a": shared, "b": shared})
    assert written == "a:\n  x:\n  - 1\nb:\n  x:\n  - 1"
    assert shared == {"x": [1]}


@pytest.mark.parametrize("value", [1e300, 1e22, 1e-7, -0.5, 2.0, 5e-324, 10**25])
def test_number_reads_back_as_its_type(value: float) -> None:
    """Large and small numbers keep their value and stay whole or broken."""
    read = yaml.parse_value(writing.write_yaml([value]))[0]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "N",
        "yes",
        "No",
        "ON",
        "off",
        "True",
        "NULL",
        "~",
        "=",
        "<<",
        "12:30",
        "1:2:3",
        "190:20:30.15",
        "0o7",
        "017",
        "08",
        "0b1",
        "0x1F",
        "1_000",
        "1_0.5",
        "+1",
        "-1",
        "1.",
        ".5",
        ".inf",
        "-.INF",
        ".NaN",
        "1e3",
        "1.0e+3",
        "2001-12-14",
        "2001-1-1",
        "2001-12-14t21:59:43.10-05:00",
    ],
)
def test_text_that_yaml_1_1_misreads_is_quoted(text: str) -> None:
    """YAML 1.1 takes `no` for a truth value and `12:30` for a number of minutes."""
    assert writing.write_yaml({"k": [text]}) == f"k:\n- '{text}'"
    assert writing.write_yaml({text: 1}) == f"'{text}': 1"


@pytest.mark.parametrize(
    "text",
    ["yesterday", "12:30 h", "1.2.3", "v1", "10.0.0.1", "<", "nobody", "2001-12"],
)
def test_ordinary_text_needs_no_quotes(text: str) -> None:
    """Only what would be misread is quoted."""
    assert writing.write_yaml([text]) == f"- {text}"


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_number_that_json_has_no_form_for_is_null(number: float) -> None:
    """YAML has a form for it, but every output of the program says the same."""
    assert writing.write_yaml({"a": [number, 1.5]}) == "a:\n- null\n- 1.5"


def test_depth_of_a_value_has_no_limit() -> None:
    """A value as deep as any reader accepts is written, without recursion."""
    value: Any = 1
    for _ in range(5000):
        value = [value]
    assert writing.write_yaml(value) == "- " * 5000 + "1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"k" * 200: [1, {"a": 2}]}, f"? {'k' * 200}\n: - 1\n  - a: 2"),
        ({"a\nb": {"c": 1, "d": []}}, "? |-\n  a\n  b\n: c: 1\n  d: []"),
        ([[[1], []], {"a": [[2]]}], "- - - 1\n  - []\n- a:\n  - - 2"),
        ({"a": ["x\n\ny", " x\ny"]}, "a:\n- |-\n  x\n\n  y\n- |2-\n   x\n  y"),
        ({"a": b"\x00\xff"}, "a: !!binary |\n  AP8="),
        ({None: 1, True: 2, 3: 4}, "null: 1\ntrue: 2\n3: 4"),
    ],
)
def test_form_of_keys_blocks_and_nested_lists(value: Any, text: str) -> None:
    """Long keys take a line of their own, and lists begin where they are named."""
    assert writing.write_yaml(value) == text


def test_date_is_written_as_text_and_what_is_no_data_refused() -> None:
    assert writing.write_yaml([date(2026, 1, 2)]) == "- '2026-01-02'"
    with pytest.raises(TypeError):
        writing.write_yaml([object()])
